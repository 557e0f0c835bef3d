"""Questions without a name: who asks is told to nobody, and everything else works as in any thread."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.message import EmailMessage
from html import unescape
from pathlib import Path
from urllib.parse import quote

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from forum import clock
from forum.areas.actions import allow_protected
from forum.areas.models import Area
from forum.db import db, transaction
from forum.members import actions as members
from forum.members.models import Member
from forum.members.queries import viewer_by_email
from forum.notifications.models import OutgoingMail
from forum.outbox import Event
from forum.practices.models import Mark
from forum.threads import actions
from forum.threads.models import Post, PostVersion, ReadMarker, Thread
from forum.threads.queries import open_thread
from forum.transfer.export import export
from forum.transfer.format import check
from tests.cast import Person, person, post_id
from tests.mailbox import Mailbox

TITLE, BODY = "Was tun, wenn die Leitung wegsieht?", "Ein Mieter droht, und bei uns im Haus sagt niemand etwas."


@pytest.fixture(autouse=True)
def allowed(app: Flask) -> None:
    """The open area lets members ask without a name."""
    with app.app_context(), transaction():
        allow_protected(None, db.session.scalars(select(Area).where(Area.slug == "vermuellung")).one(), True)


def asks(somebody: Person, **fields: str) -> int:
    return somebody.asks(TITLE, BODY, protected="1", **fields)


def publishes(somebody: Person, thread: int) -> None:
    assert somebody.publishes(thread).status_code == 200


def row(app: Flask, thread: int) -> Thread:
    with app.app_context():
        return db.session.get_one(Thread, thread)


def lists(somebody: Person) -> Iterator[str]:
    """Where a thread would show: home, area, search, what is similar."""
    for address in ("/", "/areas/vermuellung", "/search?q=Mieter+droht", "/areas/vermuellung/new?title=Mieter+droht"):
        yield somebody.reads(address).text


def test_a_facilitator_looks_first(frieda: Person, jonas: Person, robert: Person, work: Callable[[], int]) -> None:
    thread = asks(frieda)
    work()
    for somebody in (frieda, robert):
        assert somebody.reads(f"/threads/{thread}").status_code == 200
        assert not any(TITLE in unescape(page) for page in lists(somebody))
    assert frieda.reads(f"/threads/{thread}")
    assert frieda.sees("Ihre Frage wartet auf eine Leitung")
    assert jonas.reads(f"/threads/{thread}").status_code == 404
    assert not any(TITLE in unescape(page) for page in lists(jonas))
    assert robert.reads("/moderation/queue")
    assert robert.sees(TITLE)
    assert '<b class="count">1<' in robert.reads("/").text
    publishes(robert, thread)
    work()
    assert all(TITLE in unescape(page) for page in lists(jonas))
    assert jonas.reads(f"/threads/{thread}")
    assert jonas.sees("Kollegin A")
    assert not jonas.sees("Frieda")
    assert robert.reads("/moderation/queue")
    assert not robert.sees(TITLE)
    assert '<b class="count">' not in robert.reads("/").text


def test_all_that_the_asker_does_is_done_under_the_name(
    app: Flask, frieda: Person, jonas: Person, robert: Person, work: Callable[[], int]
) -> None:
    thread = asks(frieda)
    publishes(robert, thread)
    answer = jonas.replies(thread, "Wir sagen es der Geschäftsführung gemeinsam.")
    own = frieda.replies(thread, "Danke, das versuche ich.")
    frieda.reads(f"/threads/{thread}")
    assert frieda.sees("Sie schreiben hier als „Kollegin A“")
    frieda.sends(f"/posts/{answer}/thanks", on="1")
    frieda.sends(f"/posts/{answer}/helpful", on="1")
    frieda.recommends(answer)
    frieda.sends(f"/posts/{own}/edit", body="Danke, das versuchen wir.", version="1")
    frieda.sends(f"/posts/{own}/delete")
    frieda.sends(f"/posts/{own}/restore")
    assert frieda.page
    assert frieda.page.status_code == 200
    work()
    with app.app_context():
        frieda_id = db.session.scalars(select(Member.id).where(Member.uid == "frieda")).one()
        persona = db.session.get_one(Thread, thread).author_id
        assert set(db.session.scalars(select(Mark.member_id))) == {persona}
        assert not db.session.scalars(select(Post).where(Post.author_id == frieda_id)).all()
        assert frieda_id not in set(db.session.scalars(select(Event.actor_id).where(Event.name != "member.signed_in")))
        assert db.session.scalars(select(ReadMarker.member_id).where(ReadMarker.member_id == persona)).all() == []
        assert db.session.get_one(Post, answer).recommended
    for somebody in (jonas, robert):
        somebody.reads(f"/threads/{thread}")
        assert somebody.sees("Danke, das versuchen wir.")
        assert not somebody.sees("Frieda")
    with app.app_context():
        name = db.session.get_one(Member, persona)
    assert jonas.reads(f"/members/{persona}").status_code == 404
    jonas.replies(thread, f"@{name.handle} was sagen Sie?")
    assert f'href="/members/{persona}"' not in jonas.reads(f"/threads/{thread}").text


def test_an_asker_who_acts_as_themselves_is_a_bug(app: Flask, frieda: Person) -> None:
    thread = asks(frieda)
    first = post_id(app, thread, 1)
    with app.app_context(), transaction():
        asker = viewer_by_email("frieda@weserufer.example")
        opened = asker and open_thread(asker, thread)
        assert asker
        assert opened
        assert (opened.viewer, opened.actor.id) == (asker, opened.author_id)
        with pytest.raises(RuntimeError):
            actions.delete_post(asker, opened, db.session.get_one(Post, first))


@pytest.mark.parametrize(
    "changed", [{"body": BODY + " In der Parkallee 7."}, {"title": "Parkallee 7"}, {"tags": "Findorff"}]
)
def test_what_nobody_has_looked_at_is_not_published(
    frieda: Person, jonas: Person, robert: Person, app: Flask, changed: dict[str, str]
) -> None:
    """Robert has the question open while Frieda changes it."""
    thread = asks(frieda)
    first = post_id(app, thread, 1)
    [seen] = re.findall('name="seen" value="([^"]+)"', robert.reads(f"/threads/{thread}").text)
    frieda.reads(f"/posts/{first}/edit")
    assert frieda.sends(f"/posts/{first}/edit", **{"body": BODY, "version": "1", **changed}).status_code == 200
    assert robert.sends(f"/threads/{thread}/publish", seen=unescape(seen)).status_code == 409
    assert robert.sees("inzwischen geändert")
    assert all(robert.sees(words) for words in changed.values())
    assert jonas.reads(f"/threads/{thread}").status_code == 404
    publishes(robert, thread)
    assert jonas.reads(f"/threads/{thread}").status_code == 200


def test_the_asker_points_colleagues_to_it_under_the_name(
    app: Flask, frieda: Person, jonas: Person, robert: Person, mailbox: Mailbox
) -> None:
    """Held, only the asker and facilitators could: so nobody does."""
    thread = asks(frieda)
    first = post_id(app, thread, 1)
    for somebody in (frieda, robert):
        somebody.reads(f"/posts/{first}/more")
        assert not somebody.sees("Andere darauf hinweisen")
        assert somebody.reads(f"/posts/{first}/share").status_code == 403
        assert somebody.sends(f"/posts/{first}/share", to="Anke Verwey").status_code == 403
    publishes(robert, thread)
    mailbox.empty()
    frieda.reads(f"/posts/{first}/share")
    assert frieda.sends(f"/posts/{first}/share", to="Frieda Moor").status_code == 422
    for number in range(4):
        assert (
            frieda.sends(
                f"/posts/{first}/share", to="Jonas Brandt, Aylin Kaya, Bernd Ahlers, Anke Verwey, Robert Tamm"
            ).status_code
            == 200
        ), number
    assert frieda.sends(f"/posts/{first}/share", to="Jonas Brandt").status_code == 422
    answer = post_id(app, jonas.asks("Wer räumt?"), 1)
    frieda.reads(f"/posts/{answer}/share")
    assert frieda.sends(f"/posts/{answer}/share", to="Jonas Brandt").status_code == 422
    assert "Kollegin A weist Sie auf einen Beitrag hin" in str(mailbox.to(jonas)[0]["Subject"])
    assert "Kollegin A weist Sie" in told(jonas)
    assert not jonas.sees("Frieda")


def test_sent_twice_it_is_asked_once(app: Flask, frieda: Person) -> None:
    frieda.reads("/areas/vermuellung/new")
    for _ in range(2):
        frieda.sends(
            "/areas/vermuellung/new", kind="question", title=TITLE, body=BODY, protected="1", send_key="einmal"
        )
    with app.app_context():
        assert len(db.session.scalars(select(Thread)).all()) == 1


def test_it_is_returned_with_a_reason_and_sent_again(frieda: Person, jonas: Person, robert: Person) -> None:
    thread = asks(frieda)
    robert.reads(f"/threads/{thread}/return")
    assert robert.sends(f"/threads/{thread}/return", reason="").status_code == 422
    robert.sends(f"/threads/{thread}/return", reason="Die Straße steht noch darin.")
    assert robert.reads("/moderation/queue")
    assert not robert.sees(TITLE)
    form = frieda.reads(f"/threads/{thread}").text
    assert frieda.sees("Die Straße steht noch darin.")
    assert frieda.sees(BODY)
    assert re.search(r'class="btn primary" href="/posts/\d+/edit">Frage ändern<', form)
    assert robert.publishes(thread).status_code == 403
    frieda.sends(f"/threads/{thread}/send-again")
    assert robert.reads("/moderation/queue")
    assert robert.sees(TITLE)
    for somebody in (jonas, robert):
        assert somebody.sends(f"/threads/{thread}/send-again").status_code in (403, 404)
    publishes(robert, thread)
    assert jonas.reads(f"/threads/{thread}").status_code == 200


def test_the_asker_finds_the_way_back_to_a_question_that_waits(frieda: Person, jonas: Person, robert: Person) -> None:
    frieda.asks("Wer räumt?")
    thread = asks(frieda)
    frieda.reads("/inbox/threads")
    assert frieda.sees(TITLE)
    assert frieda.sees("wartet auf die Leitung")
    frieda.reads("/inbox/given")
    assert frieda.sees("Sie haben 2 Themen begonnen.")
    robert.reads(f"/threads/{thread}/return")
    robert.sends(f"/threads/{thread}/return", reason="Die Straße steht noch darin.")
    frieda.reads("/inbox/threads")
    assert frieda.sees("an Sie zurückgegangen")
    for other in (jonas, robert):
        other.reads("/inbox/threads")
        assert not other.sees(TITLE)
        other.reads("/inbox/given")
        assert not other.sees("begonnen")
    question = frieda.reads(f"/threads/{thread}").text
    assert "/outcome" not in question
    assert "/watch" not in question
    assert frieda.sees("ohne Namen gefragt")
    frieda.sends(f"/threads/{thread}/send-again")
    publishes(robert, thread)
    frieda.reads("/inbox/threads")
    assert frieda.sees(TITLE)
    assert not frieda.sees("wartet auf die Leitung")
    assert "/outcome" in frieda.reads(f"/threads/{thread}").text
    jonas.reads(f"/threads/{thread}")
    assert jonas.sees("ohne Namen gefragt")


def test_colleagues_do_not_see_what_is_hidden_from_them(
    app: Flask, jonas: Person, bernd: Person, aylin: Person, robert: Person, work: Callable[[], int]
) -> None:
    """Jonas and Bernd work for one organisation."""
    thread = asks(jonas, hidden="1")
    publishes(robert, thread)
    work()
    post = post_id(app, thread, 1)
    for address in (f"/threads/{thread}", f"/posts/{post}", f"/threads/{thread}/similar"):
        assert bernd.reads(address).status_code == 404, address
        assert aylin.reads(address).status_code == 200, address
    assert not any(TITLE in unescape(page) for page in lists(bernd))
    for somebody, sees, finds in ((aylin, True, True), (jonas, True, False), (bernd, False, False)):
        somebody.reads("/areas/vermuellung")
        assert somebody.sees(TITLE) == sees
        found = somebody.reads("/search?q=Mieter+droht").text
        assert (f"/posts/{post}" in found, "Nichts gefunden" in found) == (finds, not finds), somebody.key
        alike = somebody.reads(f"/areas/vermuellung/similar?title={quote(TITLE)}").text
        assert (f"/threads/{thread}" in alike) == finds, somebody.key
    answer = aylin.replies(thread, "Bei uns half ein Brief der Verwaltung.")
    aylin.reads(f"/threads/{thread}")
    jonas.recommends(answer)
    assert aylin.reads("/practices")
    assert aylin.sees("Brief der Verwaltung")
    assert bernd.reads("/practices")
    assert not bernd.sees("Brief der Verwaltung")


def test_a_facilitator_who_asks_runs_everything_but_the_own_question(robert: Person, anke: Person) -> None:
    thread = asks(robert)
    assert robert.reads("/moderation/queue")
    assert not robert.sees(TITLE)
    robert.reads(f"/threads/{thread}")
    assert not robert.sees("Veröffentlichen")
    assert robert.publishes(thread).status_code == 403
    publishes(anke, thread)
    assert robert.reads(f"/threads/{thread}/moderate").status_code == 403


def test_where_nobody_could_look_it_is_refused_with_its_text(robert: Person) -> None:
    """All facilitators are Robert and his colleague Anke."""
    robert.reads("/areas/vermuellung/new")
    answer = robert.sends("/areas/vermuellung/new", kind="question", title=TITLE, body=BODY, protected="1", hidden="1")
    assert answer.status_code == 422
    assert robert.sees(BODY)
    assert robert.sees("niemanden, der Ihre Frage zuerst ansehen könnte")


@pytest.mark.parametrize(("area", "kind"), [("vermuellung", "strategy"), ("leitungskreis", "question")])
def test_it_is_for_questions_where_the_area_allows_it(bernd: Person, area: str, kind: str) -> None:
    bernd.reads(f"/areas/{area}/new")
    answer = bernd.sends(f"/areas/{area}/new", kind=kind, title=TITLE, body=BODY, protected="1")
    assert answer.status_code == 422
    assert bernd.sees(BODY)


def test_nothing_tells_when_it_was_asked(app: Flask, frieda: Person, robert: Person) -> None:
    thread = asks(frieda)
    asked = row(app, thread).created_at
    frieda.reads(f"/posts/{post_id(app, thread, 1)}/edit")
    frieda.sends(f"/posts/{post_id(app, thread, 1)}/edit", body=BODY + " Nun?", version="1")
    publishes(robert, thread)
    with app.app_context():
        post = db.session.scalars(select(Post)).one()
        published = db.session.get_one(Thread, thread)
        assert post.edited_at is None
        assert asked < published.created_at == published.last_post_at == post.created_at
        assert db.session.scalars(select(PostVersion.replaced_at)).all() == [post.created_at]


def told(somebody: Person) -> str:
    """What the inbox says."""
    return unescape(somebody.reads("/inbox").text)


def said(mail: EmailMessage) -> str:
    """All of a mail: headers, text and HTML."""
    return f"{mail.as_string()}\n" + "\n".join(
        part.get_content() for part in mail.walk() if part.get_content_maintype() == "text"
    )


def test_the_asker_is_told_in_the_inbox_and_by_mails_that_say_nothing(
    frieda: Person, jonas: Person, robert: Person, mailbox: Mailbox
) -> None:
    thread = asks(frieda)
    assert "Frage ohne Namen wartet" in str(mailbox.to(robert)[-1]["Subject"])
    assert "Eine Frage ohne Namen wartet" in told(robert)
    robert.sends(f"/threads/{thread}/return", reason="Die Straße steht noch darin.")
    mailbox.arrives()
    assert "Die Straße steht noch darin." in told(frieda)
    frieda.sends(f"/threads/{thread}/send-again")
    publishes(robert, thread)
    mailbox.arrives()
    assert "Ihre Frage ist veröffentlicht" in told(frieda)
    mails = [said(mail) for mail in mailbox.to(frieda)]
    assert len(mails) == 1, "none that it is published"
    for secret in (TITLE, "Straße", "Kollegin", "Namen", "/threads/", "List-Id"):
        assert not any(secret in mail for mail in mails), secret
    mailbox.empty()
    answer = jonas.replies(thread, "Wir sagen es der Geschäftsführung gemeinsam.")
    [reply] = mailbox.to(frieda)
    assert "gemeinsam" in said(reply)
    assert "weil Sie hier jeden neuen Beitrag" in said(reply)  # as to anybody who follows the thread
    assert "Jonas Brandt hat Ihnen geantwortet" in told(frieda)
    mailbox.empty()
    own = frieda.replies(thread, "Danke!")
    jonas.sends(f"/posts/{own}/thanks", on="1")
    frieda.sends(f"/posts/{answer}/helpful", on="1")
    assert [said(mail).count("Kollegin A") > 0 for mail in mailbox.to(frieda)] == [True]  # the own reply, as a follower
    helped = said(mailbox.to(jonas)[-1])
    assert "Kollegin A" in helped
    assert "Frieda" not in helped


def watches(somebody: Person, address: str) -> None:
    somebody.reads(address)
    assert somebody.sends(f"{address}/watch", level="notify").status_code == 200


def follower_mail(mail: EmailMessage) -> str:
    """A mail without what is the reader's own in it."""
    return re.sub(r"(?<=/unsubscribe/)[\w.-]+", "…", f"{mail['Subject']}\n{mail.get_body(('plain',)).get_content()}")  # type: ignore[union-attr]


def test_the_mails_of_the_asker_are_those_of_any_follower(
    frieda: Person, aylin: Person, jonas: Person, robert: Person, stranger: Person, mailbox: Mailbox
) -> None:
    """Their links lead to the same too, after a stop and its undoing as well."""
    thread = asks(frieda)
    publishes(robert, thread)
    assert mailbox.to(frieda) == [], "the question comes to her as to everybody"
    watches(aylin, f"/threads/{thread}")
    jonas.replies(thread, "Wir sagen es der Geschäftsführung gemeinsam.")
    frieda.replies(thread, "Danke!")
    mails = [mailbox.to(somebody) for somebody in (frieda, aylin)]
    asker, follower = ([follower_mail(mail) for mail in some] for some in mails)
    assert len(asker) == 2
    assert asker == follower
    for act in ("", "stop", "resume"):
        pages = []
        for [mail, _] in mails:
            [link, *_] = re.findall(r"/unsubscribe/[\w.-]+", said(mail))
            page = stranger.sends(link, act=act) if act else stranger.reads(link)
            assert page.status_code == 200
            pages.append(re.sub(r"/unsubscribe/[\w.-]+", "…", page.text.partition("<main")[2]))
        assert re.sub('value="[^"]{20,}"', "", pages[0]) == re.sub('value="[^"]{20,}"', "", pages[1]), act


def test_a_question_comes_to_its_asker_as_to_everybody(
    frieda: Person, jonas: Person, robert: Person, mailbox: Mailbox
) -> None:
    for somebody in (frieda, jonas):
        watches(somebody, "/areas/vermuellung")
    publishes(robert, asks(frieda))
    asker, other = (follower_mail(mailbox.to(somebody)[0]) for somebody in (frieda, jonas))
    assert TITLE in asker
    assert asker == other


def test_what_a_facilitator_does_reaches_the_asker_alone(
    frieda: Person, jonas: Person, robert: Person, mailbox: Mailbox, app: Flask
) -> None:
    thread = asks(frieda)
    publishes(robert, thread)
    mailbox.empty()
    robert.reads(f"/posts/{post_id(app, thread, 1)}/edit")
    robert.sends(f"/posts/{post_id(app, thread, 1)}/edit", body="Anders.", version="1", reason="Ein Ort stand darin.")
    mailbox.arrives()
    assert "Ein Ort stand darin." in told(frieda)
    assert mailbox.all() == []
    jonas.reads(f"/posts/{post_id(app, thread, 1)}/flag")
    frieda.sends(f"/posts/{jonas.replies(thread, 'So nicht.')}/flag", why="unkind")
    assert robert.reads("/moderation/queue")
    assert robert.sees("Kollegin A")
    assert not robert.sees("Frieda")


def test_those_who_look_after_mails_do_not_see_to_whom_they_are(
    app: Flask, frieda: Person, anke: Person, robert: Person, jonas: Person, work: Callable[[], int]
) -> None:
    thread = asks(frieda)
    robert.sends(f"/threads/{thread}/return", reason="Die Straße steht noch darin.")
    frieda.sends(f"/threads/{thread}/send-again")
    publishes(robert, thread)
    jonas.replies(thread, "Eine Antwort.")
    work()
    with app.app_context(), transaction():
        mails = db.session.scalars(select(OutgoingMail)).all()
        for mail in mails:
            mail.state, mail.answer, mail.done_at = "dead", "550 <frieda@weserufer.example> unknown", clock.now()
        assert {mail.kind for mail in mails} == {"post", "notification"}
    assert anke.reads("/admin/mail")
    assert anke.sees("zu einer Frage ohne Namen")
    assert not anke.sees("Frieda")
    assert not anke.sees("frieda@")


def test_an_export_says_the_name_of_the_thread_alone(
    app: Flask, frieda: Person, jonas: Person, robert: Person, tmp_path: Path
) -> None:
    publishes(robert, asks(frieda))
    publishes(robert, asks(jonas, hidden="1"))
    asks(frieda)
    with app.app_context():
        list(export(tmp_path / "out.ndjson"))
    things = [json.loads(line) for line in (tmp_path / "out.ndjson").read_text().splitlines()]
    [persona] = [thing for thing in things if thing["type"] == "person" and thing["name"] == "Kollegin A"]
    assert (persona["email"], persona["organisation"], persona["role"]) == (None, None, "member")
    assert [thing["author"] for thing in things if thing["type"] == "post"] == [persona["id"]]
    check(tmp_path / "out.ndjson")


def opens(somebody: Person, thread: int, step: str, reason: str) -> int:
    somebody.reads(f"/admin/protected/{thread}")
    return somebody.sends(f"/admin/protected/{thread}/{step}", reason=reason).status_code


@pytest.fixture
def second(app: Flask) -> Person:
    """Another administrator, of another house."""
    with app.app_context(), transaction():
        members.change_role(
            None, db.session.scalars(select(Member).where(Member.uid == "aylin")).one(), "administrator"
        )
    return person(app, "aylin")


def test_two_administrators_open_a_name_and_the_asker_hears(
    frieda: Person, jonas: Person, robert: Person, anke: Person, second: Person, mailbox: Mailbox
) -> None:
    thread = asks(frieda)
    publishes(robert, thread)
    mailbox.empty()
    for somebody in (jonas, robert, frieda):
        assert somebody.reads(f"/admin/protected/{thread}").status_code == 404
        assert somebody.reads("/admin/protected").status_code == 404
    assert opens(anke, thread, "ask", "") == 422
    assert opens(anke, thread, "ask", "Ein Kind ist in Gefahr.") == 200
    assert opens(anke, thread, "ask", "Noch einmal.") == 403
    assert opens(anke, thread, "agree", "Ich stimme mir zu.") == 403
    assert mailbox.to(anke) == []
    [mail] = mailbox.to(second)
    assert f"/admin/protected/{thread}" in said(mail)
    assert not any(word in said(mail) for word in ("Frieda", "Kind"))
    assert "Anke Verwey möchte wissen, wer diese Frage gestellt hat" in told(second)
    for somebody in (anke, robert, frieda):
        assert "gestellt hat" not in told(somebody)
    for somebody in (anke, second):
        somebody.reads(f"/admin/protected/{thread}")
        assert not somebody.sees("Frieda")
    assert "geöffnet" not in told(frieda)
    mailbox.empty()
    assert opens(second, thread, "agree", "Das Jugendamt braucht Kontakt.") == 200
    for somebody in (anke, second):
        somebody.reads(f"/admin/protected/{thread}")
        assert somebody.sees("Diese Frage hat Frieda Moor, Baugenossenschaft Weserufer gestellt.")
        somebody.reads(f"/threads/{thread}")
        assert not somebody.sees("Frieda")
        somebody.reads("/admin/protected")
        assert somebody.sees("Ein Kind ist in Gefahr.")
        assert not somebody.sees("Frieda")
    [mail] = mailbox.to(frieda)
    assert not any(word in said(mail) for word in (TITLE, "Kollegin", "geöffnet", "Jugendamt"))
    assert "Ihren Namen geöffnet" in told(frieda)
    assert frieda.reads(f"/threads/{thread}/opened")
    assert all(frieda.sees(words) for words in ("Anke Verwey", "Aylin Kaya", "Ein Kind ist in Gefahr.", "Jugendamt"))
    assert jonas.reads(f"/threads/{thread}/opened").status_code == 404
    with time_machine.travel(clock.now() + timedelta(days=8)):
        later = person_again(anke)
        later.reads(f"/admin/protected/{thread}")
        assert not later.sees("Frieda")


def person_again(somebody: Person) -> Person:
    """The same with a new session: the old one has been idle too long."""
    return person(somebody.client.application, somebody.key)


def test_who_administers_alone_is_told_that_nobody_could_agree(frieda: Person, robert: Person, anke: Person) -> None:
    thread = asks(frieda)
    publishes(robert, thread)
    form = anke.reads(f"/admin/protected/{thread}").text
    assert anke.sees("niemand könnte zustimmen")
    assert f"/admin/protected/{thread}/ask" not in form
    assert 'href="/admin/protected"' in anke.reads("/admin").text


def test_a_request_expires(frieda: Person, robert: Person, anke: Person, second: Person) -> None:
    thread = asks(frieda)
    publishes(robert, thread)
    opens(anke, thread, "ask", "Ein Kind ist in Gefahr.")
    with time_machine.travel(clock.now() + timedelta(days=8)):
        later = person_again(second)
        assert opens(later, thread, "agree", "Ja.") == 422
        assert not later.sees("Frieda")


def no_longer(app: Flask, act: Callable[[Member], None]) -> None:
    with app.app_context(), transaction():
        act(db.session.scalars(select(Member).where(Member.uid == "aylin")).one())


@pytest.mark.parametrize(
    "act",
    [lambda member: members.change_role(None, member, "member"), lambda member: members.suspend(None, member)],
    ids=["a member", "suspended"],
)
def test_nobody_agrees_with_one_who_administers_no_longer(
    app: Flask, frieda: Person, robert: Person, anke: Person, second: Person, act: Callable[[Member], None]
) -> None:
    thread = asks(frieda)
    publishes(robert, thread)
    opens(second, thread, "ask", "Ein Kind ist in Gefahr.")
    no_longer(app, act)
    assert opens(anke, thread, "agree", "Ja.") == 422
    assert not anke.sees("Frieda")
    assert opens(anke, thread, "ask", "Ein Kind ist in Gefahr.") == 200


def test_an_administrator_who_asked_is_like_any_other(anke: Person, robert: Person, second: Person) -> None:
    thread = asks(second)
    publishes(robert, thread)
    pages = [somebody.reads(f"/admin/protected/{thread}").text.partition("<main")[2] for somebody in (anke, second)]
    asked, other = (re.sub(r'csrf_token" value="[^"]+', "", page) for page in pages)
    assert asked == other


def test_a_held_question_costs_no_more_than_a_page_may(
    frieda: Person, robert: Person, anke: Person, statements: list[str]
) -> None:
    thread = asks(frieda)
    robert.sends(f"/threads/{thread}/return", reason="Bitte ohne den Ort.")
    for somebody, address in (
        (frieda, f"/threads/{thread}"),
        (robert, f"/threads/{thread}"),
        (robert, "/moderation/queue"),
        (anke, f"/admin/protected/{thread}"),
        (anke, "/admin/protected"),
    ):
        somebody.reads(address)  # what is noted as read by this is written once
        statements.clear()
        assert somebody.reads(address).status_code == 200
        assert len(statements) <= 8, "\n".join(statements)
