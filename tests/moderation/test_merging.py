"""Threads are merged and posts split off: every address goes on leading to its post, and nobody's marker lies."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, update

from forum import clock
from forum.checks import examine
from forum.config import Settings
from forum.db import db, transaction
from forum.members.models import Member
from forum.notifications.handlers import carry_watches
from forum.notifications.models import ThreadWatch
from forum.outbox import Event
from forum.practices.models import Mark
from forum.threads.models import Post, ReadMarker, Thread
from forum.transfer.export import export
from forum.transfer.format import check
from tests.cast import Person, area_id, post_id
from tests.mailbox import Mailbox

Work = Callable[[], int]


@pytest.fixture
def mould(frieda: Person, jonas: Person) -> int:
    """Frieda asks, Jonas answers: two posts."""
    thread = frieda.asks("Schimmel im Keller", "Was tun gegen Schimmel?")
    jonas.replies(thread, "Lüften und heizen.")
    return thread


@pytest.fixture
def damp(aylin: Person, bernd: Person) -> int:
    """Aylin asks much the same, Bernd answers twice: three posts."""
    thread = aylin.asks("Feuchte Wände", "Bei uns sind die Wände feucht.")
    bernd.replies(thread, "Einen Gutachter holen.")
    bernd.replies(thread, "Und den Vermieter fragen.")
    return thread


def merges(robert: Person, source: int, target: int, reason: str = "Dieselbe Frage.") -> int:
    robert.reads(f"/threads/{source}/merge")
    address = f"https://fachkreis.example/threads/{target}-ein-titel?page=1#p1"
    return robert.sends(f"/threads/{source}/merge", follow=False, into=address, reason=reason).status_code


def splits(robert: Person, app: Flask, thread: int, posts: list[int], title: str, area: str = "vermuellung") -> int:
    """Split posts off; return the new thread."""
    assert robert.reads(f"/threads/{thread}/split").status_code == 200
    fields = {"posts": [str(post) for post in posts], "title": title, "reason": "Eine andere Frage."}
    answer = robert.sends(f"/threads/{thread}/split", follow=False, area=str(area_id(app, area)), **fields)
    assert answer.status_code == 303, answer.text
    return int(answer.location.rpartition("/")[2])


def numbers(app: Flask, thread: int) -> list[tuple[int, str]]:
    """The posts of a thread that stand."""
    with app.app_context():
        rows = select(Post.number, Post.body).where(Post.thread_id == thread, Post.deleted_at.is_(None))
        return [(number, body) for number, body in db.session.execute(rows.order_by(Post.number))]


def marker(app: Flask, somebody: Person, thread: int) -> int | None:
    with app.app_context():
        row = db.session.get(ReadMarker, (somebody.id, thread))
        return row.number if row else None


@pytest.fixture(autouse=True)
def all_is_well(app: Flask, settings: Settings, work: Work) -> object:
    """Afterwards numbers are dense, lists say what there is, index and database agree, the export can be read."""
    yield
    work()
    with app.app_context():
        assert examine(settings).problems == []
        for thread in db.session.scalars(select(Thread)):
            there = db.session.scalars(select(Post.number).where(Post.thread_id == thread.id).order_by(Post.number))
            assert there.all() == list(range(1, thread.last_number + 1))


@pytest.mark.parametrize("typed", [True, False])
def test_the_other_thread_is_chosen_where_one_is(
    app: Flask, aylin: Person, robert: Person, mould: int, work: Work, typed: bool
) -> None:
    other = aylin.asks("Schimmel im Keller, und nun?", "Bei uns auch.")
    work()
    form = robert.reads(f"/threads/{mould}/merge").text
    assert f'type="radio" name="into" value="{other}"' in form
    chosen = (
        {"into": "", "other": f"Schimmel im Keller, und nun? – /threads/{other}"} if typed else {"into": str(other)}
    )
    answer = robert.sends(f"/threads/{mould}/merge", follow=False, reason="Dieselbe Frage.", **chosen)
    assert answer.status_code == 303
    assert len(numbers(app, other)) == 3


def test_a_merged_thread_stands_behind_the_other(
    app: Flask, robert: Person, frieda: Person, mould: int, damp: int
) -> None:
    asked = post_id(app, damp, 1)
    assert merges(robert, damp, mould) == 303
    assert [body[:12] for _, body in numbers(app, mould)] == [
        "Was tun gege", "Lüften und h", "Bei uns sind", "Einen Gutach", "Und den Verm",
    ]  # fmt: skip
    assert [number for number, _ in numbers(app, mould)] == [1, 2, 3, 4, 5]
    for address in (f"/threads/{damp}", f"/threads/{damp}-feuchte-waende?page=1", f"/posts/{asked}"):
        landed = frieda.client.get(frieda.client.get(address).location if "threads" in address else address)
        assert landed.location.endswith("#p3"), address
    frieda.reads(f"/threads/{mould}")
    assert frieda.sees("Hierher verschoben aus dem Thema „Feuchte Wände“")
    frieda.reads("/areas/vermuellung")
    assert not frieda.sees("Feuchte Wände")


def test_posts_that_are_split_off_leave_a_gap_that_says_where_they_are(
    app: Flask, robert: Person, frieda: Person, damp: int
) -> None:
    moved = [post_id(app, damp, 2), post_id(app, damp, 3)]
    made = splits(robert, app, damp, moved, "Gutachter und Vermieter")
    assert [number for number, _ in numbers(app, made)] == [1, 2]
    assert frieda.client.get(f"/posts/{moved[1]}").location.endswith(
        f"/threads/{made}-gutachter-und-vermieter?page=1#p2"
    )
    frieda.reads(f"/threads/{damp}")
    assert frieda.sees("Beitrag 2 wurde verschoben nach")
    assert frieda.sees("Gutachter und Vermieter")
    assert not frieda.sees("Einen Gutachter holen.")
    frieda.reads("/areas/vermuellung")
    assert frieda.sees("Gutachter und Vermieter")


def test_where_posts_went_is_told_to_those_alone_who_may_see_it(
    app: Flask, robert: Person, bernd: Person, frieda: Person, damp: int
) -> None:
    moved = post_id(app, damp, 3)
    made = splits(robert, app, damp, [moved], "Unter uns", "leitungskreis")
    frieda.reads(f"/threads/{damp}")
    assert frieda.sees("Beitrag 3 steht nicht mehr hier.")
    assert not frieda.sees("Unter uns")
    assert not frieda.sees(f"/posts/{moved}")
    for address in (f"/posts/{moved}", f"/posts/{post_id(app, damp, 3)}", f"/threads/{made}"):
        assert frieda.reads(address).status_code == 404
    bernd.reads(f"/threads/{damp}")
    assert bernd.sees("Unter uns")


def test_each_undoes_the_other(app: Flask, robert: Person, frieda: Person, mould: int, damp: int) -> None:
    merges(robert, damp, mould)
    back = splits(robert, app, mould, [post_id(app, mould, number) for number in (3, 4, 5)], "Feuchte Wände")
    assert [body[:12] for _, body in numbers(app, back)] == ["Bei uns sind", "Einen Gutach", "Und den Verm"]
    assert [number for number, _ in numbers(app, mould)] == [1, 2]
    frieda.reads(f"/threads/{damp}")
    assert frieda.page is not None
    assert frieda.page.request.path == f"/threads/{back}-feuchte-waende"
    assert not frieda.sees("Hierher verschoben")
    merges(robert, back, mould)
    assert [number for number, _ in numbers(app, mould)] == [1, 2, 6, 7, 8]
    frieda.reads(f"/threads/{damp}")
    assert frieda.page.request.path == f"/threads/{mould}-schimmel-im-keller"


def test_markers_do_not_lie(
    app: Flask, robert: Person, frieda: Person, jonas: Person, aylin: Person, bernd: Person, mould: int, damp: int
) -> None:
    for address in (mould, damp):
        frieda.reads(f"/threads/{address}")  # has read everything
    jonas.reads(f"/threads/{mould}")  # has read this one alone
    robert_reads = robert.reads(f"/threads/{damp}/merge")  # has opened neither
    assert robert_reads.status_code == 200
    with app.app_context(), transaction():
        db.session.execute(
            update(ReadMarker).where(ReadMarker.member_id == aylin.id, ReadMarker.thread_id == damp).values(number=2)
        )
    aylin.reads(f"/threads/{mould}")
    merges(robert, damp, mould)
    assert marker(app, frieda, mould) == 5
    assert marker(app, jonas, mould) == 2
    assert marker(app, aylin, mould) == 4
    assert marker(app, bernd, mould) is None
    jonas.reads(f"/threads/{mould}?unread")
    assert jonas.page is not None
    for somebody, new in ((frieda, ""), (aylin, "1 neu"), (bernd, "5 neu")):
        somebody.reads("/areas/vermuellung")
        assert somebody.sees(new)
        assert somebody.sees(" neu</b>") == bool(new)


def test_what_was_read_stays_read_in_a_thread_that_is_split_off(
    app: Flask, robert: Person, frieda: Person, aylin: Person, damp: int
) -> None:
    frieda.reads(f"/threads/{damp}")
    with app.app_context(), transaction():
        db.session.execute(update(ReadMarker).where(ReadMarker.member_id == aylin.id).values(number=2))
    made = splits(robert, app, damp, [post_id(app, damp, 2), post_id(app, damp, 3)], "Gutachter")
    assert marker(app, frieda, made) == 2
    assert marker(app, aylin, made) == 1
    assert marker(app, aylin, damp) == 3  # only gaps are left behind her marker


def test_who_had_caught_up_has_nothing_new(app: Flask, robert: Person, jonas: Person, mould: int, damp: int) -> None:
    with app.app_context(), transaction():
        db.session.execute(update(Member).where(Member.uid == "jonas").values(caught_up_at=clock.now()))
    merges(robert, damp, mould)
    splits(robert, app, mould, [post_id(app, mould, 4)], "Gutachter")
    jonas.reads("/areas/vermuellung")
    assert not jonas.sees(" neu</b>")


def test_marks_watches_and_who_asked_follow(
    app: Flask, robert: Person, frieda: Person, aylin: Person, bernd: Person, mould: int, damp: int, work: Work
) -> None:
    answer = post_id(app, damp, 2)
    aylin.recommends(answer, "feuchte Wände")
    frieda.sends(f"/threads/{damp}/watch", level="notify")
    bernd.sends(f"/threads/{damp}/watch", level="off")
    merges(robert, damp, mould)
    work()
    with app.app_context():
        assert db.session.scalars(select(Mark.thread_id)).all() == [mould]
        watching = select(ThreadWatch.member_id, ThreadWatch.level).where(ThreadWatch.thread_id == mould)
        assert dict(db.session.execute(watching).all()) == {frieda.id: "notify", aylin.id: "notify"}
    frieda.reads(f"/threads/{mould}")
    assert frieda.sees("Empfohlen für: feuchte Wände")


def test_who_follows_goes_along_when_a_merge_is_heard_of_after_the_next(
    app: Flask, robert: Person, jonas: Person, anke: Person, mould: int, damp: int, work: Work
) -> None:
    anke.sends(f"/threads/{damp}/watch", level="notify")
    third = jonas.asks("Nasser Keller")
    merges(robert, damp, mould)
    merges(robert, mould, third)
    with app.app_context():
        merged = select(Event).where(Event.name == "thread.merged").order_by(Event.id.desc())
        carry_watches(db.session.scalars(merged).all())
        assert db.session.get_one(ThreadWatch, (anke.id, third)).level == "notify"
    work()


def test_an_old_form_and_an_old_link_lead_to_the_new_place(
    app: Flask, robert: Person, jonas: Person, mould: int, damp: int
) -> None:
    jonas.reads(f"/threads/{damp}")
    merges(robert, damp, mould)
    answer = jonas.sends(f"/threads/{damp}/posts", follow=False, body="Noch ein Gedanke.")
    assert answer.location.endswith("#p6")
    jonas.sends(f"/threads/{damp}/watch", level="notify")
    with app.app_context():
        assert db.session.get(ThreadWatch, (jonas.id, mould)) is not None
        assert db.session.get(ThreadWatch, (jonas.id, damp)) is None


def test_search_finds_posts_where_they_stand(
    app: Flask, robert: Person, frieda: Person, bernd: Person, mould: int, damp: int, work: Work
) -> None:
    work()
    made = splits(robert, app, damp, [post_id(app, damp, 2)], "Nur für uns", "leitungskreis")
    merges(robert, damp, mould)
    frieda.reads("/search?q=Gutachter")
    assert not frieda.sees("Einen Gutachter holen")
    work()
    bernd.reads("/search?q=Gutachter")
    assert bernd.sees("Nur für uns")
    frieda.reads("/search?q=Vermieter")
    assert frieda.sees("Schimmel im Keller")
    assert made


def test_a_mail_on_its_way_tells_where_the_post_stands_and_not_to_who_may_not_see_it(
    app: Flask, robert: Person, frieda: Person, bernd: Person, mailbox: Mailbox, work: Work
) -> None:
    mailbox.empty()
    thread = frieda.asks("Mieter zieht aus", "Was ist zu tun?")
    for somebody in (frieda, robert):
        somebody.sends(f"/threads/{thread}/watch", level="notify")
    bernd.replies(thread, "Das Übergabeprotokoll nicht vergessen.")
    work()
    splits(robert, app, thread, [post_id(app, thread, 2)], "Übergabe", "leitungskreis")
    assert [mail for mail in mailbox.to(robert) if "Leitungskreis" in str(mail["Subject"])]
    assert not [mail for mail in mailbox.to(frieda) if "protokoll" in mail.get_body(("plain",)).get_content()]


def test_a_question_that_is_merged_before_its_mails_are_queued_is_still_told(
    robert: Person, frieda: Person, jonas: Person, mould: int, mailbox: Mailbox
) -> None:
    jonas.sends("/areas/vermuellung/watch", level="notify")
    mailbox.empty()
    thread = frieda.asks("Dasselbe noch einmal", "Bei uns schimmelt es auch.")
    merges(robert, thread, mould)
    (told,) = mailbox.to(jonas)
    assert "Schimmel im Keller" in str(told["Subject"])


def test_who_wrote_hears_why(robert: Person, aylin: Person, mould: int, damp: int, mailbox: Mailbox) -> None:
    mailbox.empty()
    merges(robert, damp, mould, "Dieselbe Frage stand schon da.")
    (told,) = [mail for mail in mailbox.to(aylin) if "zusammengelegt" in str(mail["Subject"])]
    text = told.get_body(("plain",))
    assert text is not None
    assert "Dieselbe Frage stand schon da." in text.get_content()


def test_what_cannot_be_done_is_said(app: Flask, robert: Person, jonas: Person, mould: int, damp: int) -> None:
    for into in (str(mould), "Schimmel", "987", ""):
        assert robert.sends(f"/threads/{mould}/merge", into=into, reason="Weil.").status_code == 422
    assert robert.sends(f"/threads/{mould}/merge", into=str(damp), reason=" ").status_code == 422
    here = {"area": str(area_id(app, "vermuellung")), "title": "Neu", "reason": "Weil."}
    everything = [str(post_id(app, mould, number)) for number in (1, 2)]
    for chosen in ([], everything, [str(post_id(app, damp, 1))]):
        assert robert.sends(f"/threads/{mould}/split", posts=chosen, **here).status_code == 422
    assert jonas.sends(f"/threads/{mould}/merge", into=str(damp), reason="Weil.").status_code == 403
    assert jonas.sends(f"/threads/{mould}/split", posts=everything[:1], **here).status_code == 403
    assert numbers(app, mould)[1:] == [(2, "Lüften und heizen.")]


def test_all_that_follow_are_split_off_with_one_tick(app: Flask, robert: Person, jonas: Person, damp: int) -> None:
    for number in range(4, 26):
        jonas.replies(damp, f"Antwort {number}")
    robert.reads(f"/threads/{damp}/split?post={post_id(app, damp, 4)}")
    fields = {"posts": [str(post_id(app, damp, 4))], "further": "1", "title": "Weiter", "reason": "Etwas Neues."}
    robert.sends(f"/threads/{damp}/split", area=str(area_id(app, "vermuellung")), **fields)
    assert len(numbers(app, damp)) == 3
    with app.app_context():
        assert db.session.scalars(select(Thread.last_number).where(Thread.title == "Weiter")).one() == 22


def test_an_export_after_it_can_be_read(
    app: Flask, robert: Person, aylin: Person, mould: int, damp: int, tmp_path: Path
) -> None:
    post = post_id(app, damp, 3)
    aylin.replies(damp, "Danke!", reply_to=str(post))
    made = splits(robert, app, damp, [post], "Vermieter")
    merges(robert, made, damp)
    merges(robert, damp, mould)
    with app.app_context():
        list(export(tmp_path / "all.ndjson"))
    check(tmp_path / "all.ndjson")
    lines = [json.loads(line) for line in (tmp_path / "all.ndjson").read_text().splitlines()]
    assert len([line for line in lines if line["type"] == "post"]) == 6
