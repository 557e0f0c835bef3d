"""Digests worth reading: what is new for this reader and why, never empty, never twice, never lost."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import func, select, update

from forum import cli, outbox
from forum.areas.models import Area
from forum.areas.queries import readable_area
from forum.db import db, transaction
from forum.members.models import Viewer
from forum.members.queries import viewer_by_email
from forum.moderation import actions as moderation
from forum.notifications import digests, lines
from forum.notifications.contents import MOST_LISTED, MOST_SEARCHED, POSTS_IN_FULL, THREADS_IN_FULL, Contents
from forum.notifications.models import AreaWatch, Digest, MailChoice, News, OutgoingMail, ThreadWatch
from forum.notifications.news import newest, told_up_to
from forum.notifications.queries import readers
from forum.practices import actions as practices
from forum.search import saved
from forum.threads import actions as threads
from forum.threads.queries import open_post, open_thread
from tests.cast import Person, area_id, post_id
from tests.notifications.mornings import BERLIN, Days, deliver

Work = Callable[[], int]


@pytest.fixture
def days(app: Flask, work: Work) -> Iterator[Days]:
    """Days that begin tomorrow at noon; everybody gets a digest every morning at seven."""
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=1)
    with time_machine.travel(noon, tick=False) as clock:
        yield Days(app, work, clock)


def viewer(key: str) -> Viewer:
    """Somebody who acts without a browser."""
    found = viewer_by_email(f"{key}@weserufer.example")
    assert found is not None
    return found


def ask(app: Flask, key: str, title: str, body: str = "Wer weiß Rat?", area: str = "vermuellung") -> int:
    """Somebody asks; the number of the thread."""
    with app.app_context(), transaction():
        place = readable_area(viewer(key), area)
        assert place is not None
        return threads.start_thread(viewer(key), place, "question", title, body).id


def answer(app: Flask, key: str, thread: int, body: str = "Bei uns ging es so.") -> int:
    """Somebody answers; the number of the post."""
    with app.app_context(), transaction():
        opened = open_thread(viewer(key), thread)
        assert opened is not None
        return threads.reply(viewer(key), opened, body).id


def delete(app: Flask, key: str, post: int) -> None:
    """Somebody takes a post out of sight."""
    with app.app_context(), transaction():
        opened, found = open_post(viewer(key), post) or (None, None)
        assert opened is not None
        assert found is not None
        threads.delete_post(viewer(key), opened, found)


def restore(app: Flask, key: str, post: int) -> None:
    """Somebody brings it back."""
    with app.app_context(), transaction():
        opened, found = open_post(viewer(key), post) or (None, None)
        assert opened is not None
        assert found is not None
        threads.restore_post(viewer(key), opened, found, undo_hours=100)


def recommend(app: Flask, key: str, post: int, undo: bool = False) -> None:
    """Somebody recommends a post, or no longer."""
    with app.app_context(), transaction():
        opened, found = open_post(viewer(key), post) or (None, None)
        assert opened is not None
        assert found is not None
        if undo:
            practices.withdraw(viewer(key), opened, found, "Es schadete.")
        else:
            practices.recommend(viewer(key), opened, found, "erster Kontakt", "Es half.")


def watch(app: Flask, row: AreaWatch | ThreadWatch) -> None:
    """A level of their own for an area or a thread."""
    with app.app_context(), transaction():
        db.session.add(row)


def titles(said: Contents) -> list[str]:
    """The threads of a digest."""
    return [thread.title for thread in said.threads]


def test_jonas_reads_in_the_morning_what_frieda_asked(days: Days, frieda: Person) -> None:
    thread = frieda.asks("Der erste Besuch", "Wie fangt ihr an?")
    sent = days.morning()
    assert set(sent) == {"jonas", "aylin", "bernd", "robert", "anke"}  # not Frieda, not Sven, who is suspended
    (told,) = sent["jonas"].threads
    assert (told.title, told.why, told.opened, told.new) == ("Der erste Besuch", "new", True, 1)
    assert told.shown == [post_id(days.app, thread, 1)]
    assert sent["jonas"].total == 1
    assert days.morning() == {}


def test_each_gets_it_in_their_own_rhythm(app: Flask, days: Days) -> None:
    days.chosen("jonas", rhythm="weekly", digest_at=days.seven() + timedelta(days=2))
    days.chosen("aylin", rhythm="off")
    days.chosen("anke", stopped=True)
    ask(app, "frieda", "Am ersten Tag")
    assert set(days.morning()) == {"bernd", "robert"}
    ask(app, "frieda", "Am zweiten Tag")
    assert set(days.morning()) == {"bernd", "robert"}
    sent = days.morning()
    assert set(sent) == {"jonas"}
    assert sorted(titles(sent["jonas"])) == ["Am ersten Tag", "Am zweiten Tag"]


def test_what_matters_to_the_reader_comes_first(app: Flask, days: Days) -> None:
    own = ask(app, "jonas", "Eigenes")
    wrote = ask(app, "frieda", "Mitgeschrieben")
    answer(app, "jonas", wrote)
    followed = ask(app, "frieda", "Gefolgt")
    recommended = ask(app, "frieda", "Empfohlen")
    busy = ask(app, "frieda", "Viel los")
    days.morning()
    watch(app, ThreadWatch(member_id=viewer_id(app, "jonas"), thread_id=followed, level="digest"))
    ask(app, "frieda", "Neu")
    for thread in (busy, busy, busy, recommended, followed, wrote, own):
        last = answer(app, "aylin", thread)
        if thread == recommended:
            recommend(app, "frieda", last)
    ask(app, "frieda", "Erwähnt", "@jonas-brandt, weißt du etwas?")
    told = days.morning()["jonas"].threads
    assert [(thread.title, thread.why) for thread in told] == [
        ("Erwähnt", "mentioned"),
        ("Eigenes", "own"),
        ("Gefolgt", "followed"),
        ("Mitgeschrieben", "wrote"),
        ("Empfohlen", "new"),
        ("Viel los", "new"),
        ("Neu", "new"),
    ]
    assert [thread.opened for thread in told] == [True, *[False] * 5, True]


def viewer_id(app: Flask, key: str) -> int:
    """The number of somebody's row."""
    with app.app_context():
        return viewer(key).id


def test_ten_threads_come_in_full_and_the_others_as_a_list(app: Flask, days: Days) -> None:
    for number in range(THREADS_IN_FULL + MOST_LISTED + 2):
        thread = ask(app, "frieda", f"Frage {number}")
    for _ in range(7):
        answer(app, "frieda", thread)
    mention = answer(app, "frieda", thread, "@jonas-brandt?")
    said = days.morning()["jonas"]
    assert (len(said.threads), len(said.more), said.beyond) == (10, 60, 2)
    assert said.total == 80
    assert said.threads[0].new == 9
    shown = said.threads[0].shown
    assert len(shown) == POSTS_IN_FULL
    assert shown[-1] == mention
    assert all(len(thread.shown) == 1 for thread in said.threads[1:])
    assert not any(thread.shown for thread in said.more)


def test_levels_count_as_they_are_when_it_is_sent(app: Flask, days: Days) -> None:
    area = area_id(app, "vermuellung")
    thread = ask(app, "frieda", "Beobachtet")
    ask(app, "frieda", "Unbeobachtet")
    for key, level in (("jonas", "off"), ("aylin", "mentioned"), ("bernd", "notify")):
        watch(app, AreaWatch(member_id=viewer_id(app, key), area_id=area, level=level))
    watch(app, ThreadWatch(member_id=viewer_id(app, "jonas"), thread_id=thread, level="digest"))
    days.chosen("anke", level="off")
    sent = days.morning()
    assert set(sent) == {"jonas", "robert"}
    assert titles(sent["jonas"]) == ["Beobachtet"]
    days.chosen("anke", level="digest")
    assert days.morning() == {}  # what came by meanwhile is no debt


def test_of_a_closed_area_is_told_without_content(app: Flask, days: Days) -> None:
    ask(app, "robert", "Vertraulich", area="leitungskreis")
    ask(app, "robert", "Auch vertraulich", area="leitungskreis")
    sent = days.morning()
    assert set(sent) == {"bernd"}
    assert sent["bernd"].threads == sent["bernd"].recommended == []
    assert [(quiet.title, quiet.new) for quiet in sent["bernd"].quiet] == [("Leitungskreis", 2)]
    watch(app, AreaWatch(member_id=viewer_id(app, "bernd"), area_id=area_id(app, "leitungskreis"), notice=False))
    ask(app, "robert", "Mit Inhalt", area="leitungskreis")
    assert titles(days.morning()["bernd"]) == ["Mit Inhalt"]


def test_a_network_of_closed_areas_alone_has_digests(app: Flask, days: Days) -> None:
    with app.app_context(), transaction():
        db.session.execute(update(Area).values(access="closed"))
    ask(app, "robert", "Vertraulich", area="leitungskreis")
    assert set(days.morning()) == {"bernd"}


def test_a_mailbox_that_others_read_sees_no_words(app: Flask, days: Days) -> None:
    days.chosen("jonas", notice=True)
    ask(app, "frieda", "Geheim", "@jonas-brandt weiß es.")
    with app.app_context(), transaction():
        lines.add_line(viewer("robert"), "Wir treffen uns am 3. Mai.")
        saved.save(viewer("jonas"), {"q": "Geheim"})
    said = days.morning()["jonas"]
    assert not any((said.threads, said.more, said.lines, said.saved, said.unanswered, said.recommended))
    assert [(quiet.title, quiet.new) for quiet in said.quiet] == [("Verwahrlosung und Vermüllung", 1)]


def test_what_was_moved_out_of_sight_is_not_told(app: Flask, days: Days) -> None:
    thread = ask(app, "frieda", "Verschoben")
    days.pass_by()
    with app.app_context():
        digests.begin_due()
        with transaction():
            opened = open_thread(viewer("robert"), thread)
            assert opened is not None
            moderation.move(viewer("robert"), opened, area_id(app, "leitungskreis"), "Gehört hierher.")
    sent = days.sent()
    assert set(sent) == {"bernd", "robert"}
    assert sent["bernd"].threads == []


def test_a_deleted_post_comes_when_it_is_restored(app: Flask, days: Days) -> None:
    thread = ask(app, "frieda", "Gelöscht")
    post = post_id(app, thread, 1)
    ask(app, "jonas", "Anderes")
    delete(app, "frieda", post)
    assert titles(days.morning()["aylin"]) == ["Anderes"]
    restore(app, "frieda", post)
    delete(app, "frieda", post)
    ask(app, "jonas", "Noch etwas")
    assert titles(days.morning()["aylin"]) == ["Noch etwas"]
    restore(app, "frieda", post)
    sent = days.morning()
    assert titles(sent["aylin"]) == ["Gelöscht"]
    assert "frieda" not in sent
    delete(app, "frieda", post)
    restore(app, "frieda", post)
    assert days.morning() == {}


def test_a_restored_post_comes_to_those_alone_who_were_not_told(app: Flask, days: Days) -> None:
    days.chosen("jonas", rhythm="weekly", digest_at=days.seven() + timedelta(days=1))
    post = post_id(app, ask(app, "frieda", "Zurück"), 1)
    assert {"aylin", "bernd"} <= set(days.morning())
    delete(app, "frieda", post)
    assert days.morning() == {}  # nothing stands for Jonas; he has passed it by
    restore(app, "frieda", post)
    days.chosen("jonas", digest_at=days.seven())
    assert set(days.morning()) == {"jonas"}


def test_two_pieces_of_news_of_a_post_are_told_once(app: Flask, days: Days) -> None:
    post = post_id(app, ask(app, "frieda", "Hin und her"), 1)
    for _ in range(2):
        delete(app, "frieda", post)
        restore(app, "frieda", post)
    assert days.morning()["jonas"].total == 1
    assert days.morning() == {}


def test_a_post_withdrawn_within_the_waiting_time_reaches_nobody(app: Flask, days: Days, work: Work) -> None:
    days.clock.move_to(days.seven() - timedelta(minutes=2))
    early = ask(app, "frieda", "Kurz vor sieben")
    work()
    days.clock.shift(timedelta(minutes=3))
    with app.app_context():
        assert told_up_to(datetime.now(UTC)) == newest() - 1
    assert days.sent() == {}
    delete(app, "frieda", post_id(app, early, 1))
    assert days.morning() == {}


def test_a_recommendation_is_told_once_as_long_as_it_stands(app: Flask, days: Days) -> None:
    thread = ask(app, "frieda", "Was hilft?")
    post, other = answer(app, "jonas", thread), answer(app, "jonas", thread)
    days.morning()
    recommend(app, "aylin", post)
    recommend(app, "frieda", other)
    recommend(app, "robert", other)
    sent = days.morning()
    (row,) = sent["aylin"].recommended  # one house alone has not recommended the first
    assert (row.post_id, row.for_what, row.author_name) == (other, "erster Kontakt", "Jonas Brandt")
    assert "jonas" not in sent
    recommend(app, "robert", other, undo=True)
    assert days.morning() == {}
    recommend(app, "robert", other)
    assert [row.post_id for row in days.morning()["aylin"].recommended] == [other]


def test_an_open_question_is_told_once_more_to_those_who_write_there(app: Flask, days: Days) -> None:
    answer(app, "jonas", ask(app, "frieda", "Alt"))
    days.morning()
    ask(app, "frieda", "Offen")
    answered = ask(app, "frieda", "Beantwortet")
    days.morning()
    answer(app, "robert", answered)
    sent = days.morning()
    assert [row.title for row in sent["jonas"].unanswered] == ["Offen"]
    assert sent["jonas"].unanswered[0].area_title == "Verwahrlosung und Vermüllung"
    assert sent["aylin"].unanswered == []
    assert sent["frieda"].unanswered == []
    ask(app, "aylin", "Neu")
    assert days.morning()["jonas"].unanswered == []


def test_a_line_comes_once_in_the_next_digest_that_goes_anyway(app: Flask, days: Days) -> None:
    with app.app_context(), transaction():
        lines.add_line(viewer("robert"), "Treffen am 3. Mai.")
        taken_back = lines.add_line(viewer("robert"), "Irrtum.").id
        lines.remove_line(viewer("robert"), taken_back)
    assert days.morning() == {}
    ask(app, "frieda", "Anlass")
    assert days.morning()["jonas"].lines == ["Treffen am 3. Mai."]
    ask(app, "jonas", "Zweiter Anlass")
    sent = days.morning()
    assert sent["aylin"].lines == []
    assert sent["frieda"].lines == ["Treffen am 3. Mai."]
    ask(app, "frieda", "Später")
    with app.app_context(), transaction():
        lines.add_line(viewer("robert"), "Veraltet.")
    assert days.morning(days=41)["jonas"].lines == []


def test_a_line_of_a_digest_that_never_went_comes_in_the_next(app: Flask, days: Days) -> None:
    post = post_id(app, ask(app, "frieda", "Weg, bevor es ging"), 1)
    with app.app_context(), transaction():
        lines.add_line(viewer("robert"), "Treffen am 3. Mai.")
    days.pass_by()
    with app.app_context():
        digests.begin_due()
    delete(app, "frieda", post)
    assert days.sent() == {}
    assert days.morning() == {}
    ask(app, "frieda", "Anlass")
    assert days.morning()["jonas"].lines == ["Treffen am 3. Mai."]


def test_a_digest_that_was_passed_by_is_not_told_when_it_is_tried_again(app: Flask, days: Days) -> None:
    thread = ask(app, "frieda", "Nicht gewollt")
    with app.app_context(), transaction():
        lines.add_line(viewer("robert"), "Treffen am 3. Mai.")
    days.pass_by()
    with app.app_context():
        digests.begin_due()
        with transaction():
            db.session.execute(update(OutgoingMail).where(OutgoingMail.kind == "digest").values(state="dead"))
    watch(app, ThreadWatch(member_id=viewer_id(app, "jonas"), thread_id=thread, level="off"))
    assert "jonas" not in days.morning()
    with app.app_context(), transaction():
        db.session.execute(update(ThreadWatch).values(level="digest"))
        db.session.execute(update(OutgoingMail).where(OutgoingMail.state == "dead").values(state="waiting"))
    assert days.sent() == {}
    ask(app, "frieda", "Anlass")
    assert days.morning()["jonas"].lines == ["Treffen am 3. Mai."]


def test_saved_searches_say_what_they_find(app: Flask, days: Days) -> None:
    with app.app_context(), transaction():
        number = saved.save(viewer("jonas"), {"q": "Schimmel"}, "Feuchte").id
        saved.save(viewer("jonas"), {"q": "Ratten"})
    days.clock.shift(timedelta(minutes=1))
    ask(app, "frieda", "Schimmel im Bad")
    (found,) = days.morning()["jonas"].saved
    assert (found.name, found.new, found.more, found.address) == ("Feuchte", 1, False, f"/search/saved/{number}")


def test_a_saved_search_says_nothing_of_areas_without_content(app: Flask, days: Days) -> None:
    with app.app_context(), transaction():
        saved.save(viewer("bernd"), {"q": "Abmahnung"})
    days.clock.shift(timedelta(minutes=1))
    ask(app, "robert", "Abmahnung aussprechen", area="leitungskreis")
    ask(app, "frieda", "Anlass")
    assert days.morning()["bernd"].saved == []
    watch(app, AreaWatch(member_id=viewer_id(app, "bernd"), area_id=area_id(app, "leitungskreis"), notice=False))
    ask(app, "frieda", "Zweiter Anlass")
    assert [found.new for found in days.morning()["bernd"].saved] == [1]


def test_only_the_newest_searches_are_made_for_a_digest(app: Flask, days: Days) -> None:
    with app.app_context(), transaction():
        saved.save(viewer("jonas"), {"q": "Schimmel"}, "Die älteste")
        for number in range(MOST_SEARCHED - 1):
            saved.save(viewer("jonas"), {"q": f"Ratten {number}"})
        saved.save(viewer("jonas"), {"q": "Schimmel Bad"}, "Feuchte")
    days.clock.shift(timedelta(minutes=1))
    ask(app, "frieda", "Schimmel im Bad")
    said = days.morning()["jonas"]
    assert [found.name for found in said.saved] == ["Feuchte"]
    assert said.searches_left == 1


def test_the_coming_digest_can_be_seen_before(app: Flask, days: Days, work: Work) -> None:
    ask(app, "frieda", "Kommt noch")
    work()
    with app.app_context():
        reader = readers([viewer("jonas").id])[viewer("jonas").id]
        before = digests.coming(reader)
        assert titles(before) == ["Kommt noch"]
    assert days.morning()["jonas"] == before
    with app.app_context():
        assert digests.coming(reader).empty
    days.chosen("jonas", rhythm="off", digest_at=None)
    with app.app_context():
        assert digests.coming(reader).empty


def test_a_newcomer_starts_without_debt(app: Flask, days: Days, work: Work) -> None:
    ask(app, "frieda", "Vor Jonas")
    work()
    with app.app_context():
        with transaction():
            db.session.delete(db.session.get(MailChoice, viewer("jonas").id))
        digests.begin_due()
        fresh = db.session.get_one(MailChoice, viewer("jonas").id)
        assert (fresh.rhythm, fresh.told_number) == ("weekly", newest())
        assert fresh.digest_at is not None
        assert fresh.digest_at.astimezone().weekday() == 0
    days.chosen("jonas", digest_at=days.seven())
    assert "jonas" not in days.morning()


def test_while_one_waits_to_be_sent_no_other_is_begun_and_the_next_covers_the_gap(app: Flask, days: Days) -> None:
    ask(app, "frieda", "Am ersten Tag")
    for title in ("Am zweiten Tag", "Am dritten Tag"):
        days.pass_by()
        with app.app_context():
            digests.begin_due()  # the mail server is away
        ask(app, "frieda", title)
    days.work()
    assert titles(days.sent()["jonas"]) == ["Am ersten Tag"]
    assert sorted(titles(days.morning()["jonas"])) == ["Am dritten Tag", "Am zweiten Tag"]


def test_a_digest_that_was_given_up_is_covered_by_the_next(app: Flask, days: Days) -> None:
    ask(app, "frieda", "Nie angekommen")
    days.pass_by()
    with app.app_context():
        digests.begin_due()
        with transaction():
            db.session.execute(update(OutgoingMail).where(OutgoingMail.kind == "digest").values(state="dead"))
        given_up = db.session.scalars(select(OutgoingMail.id).where(OutgoingMail.kind == "digest")).all()
        reader = readers([viewer("jonas").id])[viewer("jonas").id]
        assert titles(digests.coming(reader)) == ["Nie angekommen"]
    assert titles(days.morning()["jonas"]) == ["Nie angekommen"]
    with app.app_context(), transaction():
        db.session.execute(update(OutgoingMail).where(OutgoingMail.id.in_(given_up)).values(state="waiting"))
    assert days.sent() == {}  # somebody tries again what has been told


def test_after_an_outage_one_digest_covers_the_gap(app: Flask, days: Days) -> None:
    for title in ("Am ersten Tag", "Am zweiten Tag", "Am dritten Tag"):
        ask(app, "frieda", title)
        days.pass_by()
    assert len(days.sent()["jonas"].threads) == 3
    assert days.sent() == {}


def test_two_workers_begin_one_digest(app: Flask, days: Days) -> None:
    ask(app, "frieda", "Einmal")
    days.pass_by()
    with app.app_context():
        now = datetime.now(UTC)
        steps = digests._steps(digests._due(now), now)
        assert digests.begin_due() == 5
        assert digests._write(steps, now) == 0
        assert db.session.scalar(select(func.count()).select_from(Digest)) == 5


def test_what_was_tried_again_meanwhile_is_not_begun_anew(app: Flask, days: Days) -> None:
    ask(app, "frieda", "Einmal")
    days.pass_by()
    with app.app_context():
        digests.begin_due()
        with transaction():
            db.session.execute(update(OutgoingMail).where(OutgoingMail.kind == "digest").values(state="dead"))
    days.pass_by()
    with app.app_context():
        now = datetime.now(UTC)
        steps = digests._steps(digests._due(now), now)
        with transaction():
            db.session.execute(update(OutgoingMail).where(OutgoingMail.state == "dead").values(state="waiting"))
        assert len(deliver()) == 5
        assert digests._write(steps, now) == 0
    assert days.sent() == {}


def test_an_event_that_comes_again_is_no_news_and_numbers_have_no_gap(app: Flask, work: Work) -> None:
    answer(app, "jonas", ask(app, "frieda", "Gezählt"))
    work()
    with app.app_context():
        handler = outbox.HANDLERS["notifications.news.note_news"]
        events = db.session.scalars(
            select(outbox.Event).where(outbox.Event.name.in_(("thread.started", "post.created")))
        )
        handler.act(events.all())
        rows = db.session.execute(select(News.number, News.what).order_by(News.number)).all()
        assert [tuple(row) for row in rows] == [(1, "post"), (2, "post")]


def test_a_clock_that_was_wrong_holds_nothing_up(app: Flask, days: Days) -> None:
    days.clock.shift(timedelta(days=40))
    ask(app, "frieda", "In der Zukunft")
    assert titles(days.morning()["jonas"]) == ["In der Zukunft"]
    days.clock.shift(timedelta(days=-40))
    assert days.sent() == {}
    ask(app, "frieda", "Wieder heute")
    assert titles(days.morning()["jonas"]) == ["Wieder heute"]


def test_a_digest_costs_the_same_statements_whatever_there_is_to_tell(
    app: Flask, days: Days, statements: list[str]
) -> None:
    def cost(members: int) -> tuple[int, int]:
        with app.app_context():
            statements.clear()
            assert digests.begin_due() == members
            begun = len(statements)
            mail = db.session.scalars(select(OutgoingMail).order_by(OutgoingMail.id.desc()).limit(1)).one()
            reader, digest = readers([mail.member_id])[mail.member_id], db.session.get_one(Digest, mail.subject_id)
            statements.clear()
            assert not digests.contents(reader, digest).empty
            read = len(statements)
        days.sent()
        return begun, read

    ask(app, "frieda", "Eins")
    assert len(days.morning()) == 5
    ask(app, "frieda", "Zwei")
    days.pass_by()
    begun, read = cost(members=5)
    for number in range(20):
        thread = ask(app, "frieda", f"Frage {number}", "@jonas-brandt")
        answer(app, "aylin", thread)
    days.pass_by()
    more_begun, more_read = cost(members=6)
    assert more_read == read <= 9
    assert more_begun - begun <= 4


def test_the_operator_sends_what_is_due(days: Days, frieda: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    if not days.app.config["SQLALCHEMY_DATABASE_URI"].startswith("sqlite"):
        pytest.skip("the command is the same on every database")
    instance = Path(days.app.instance_path)
    monkeypatch.setenv("FORUM_INSTANCE", str(instance))
    frieda.asks("Auf Befehl")
    days.clock.shift(timedelta(minutes=6))

    def typed(*words: str) -> Result:
        return CliRunner().invoke(cli.forum, ("digest", "send", *words))

    assert typed().output == "0 digests begun, 0 mails dealt with\n"
    tomorrow = days.seven().astimezone(BERLIN)
    said = typed("--now", tomorrow.strftime("%Y-%m-%dT%H"), "--json")
    assert json.loads(said.output) == {"begun": 5, "mails": 5}
    assert len(list((instance / "outbox").glob("*-digest.eml"))) == 5
    assert typed("--now", tomorrow.isoformat()).output == "0 digests begun, 0 mails dealt with\n"
    wrong = typed("--now", "morgen")
    assert wrong.exit_code == 2
    assert "is no time" in wrong.output
