"""Mails leave, whatever the mail server does: none is lost, none harms another, and what went wrong can be read."""

import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import event, select

from forum import clock, outbox
from forum.checks import examine
from forum.config import Settings, load
from forum.db import db, transaction
from forum.i18n import gettext
from forum.mail import compose, delivery, smtp
from forum.mail.compose import Dropped, Ready
from forum.mail.models import Bounce
from forum.members.models import Member
from forum.notifications.models import OutgoingMail
from tests.cast import Person
from tests.mail.smtp import CUT, DROP, PASSWORD, SILENCE, SLOWLY, STAGES, HostileServer, Sink, certificate, signs_in

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
Letters = Callable[..., list[int]]


class Killed(BaseException):
    """What `kill -9` looks like from within: nothing is tidied up."""


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """All times of a connection a hundredth of what they are."""
    monkeypatch.setattr(smtp, "CONNECT_SECONDS", 0.3)
    monkeypatch.setattr(smtp, "READ_SECONDS", 0.3)
    monkeypatch.setattr(delivery, "MAIL_SECONDS", 1.2)


@pytest.fixture(autouse=True)
def plain_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """What mails say is told elsewhere: here each says its own number."""
    monkeypatch.setattr(delivery, "compose", lambda mails: map(letter, mails))


def letter(mail: OutgoingMail, **also: Any) -> Ready:
    to = db.session.scalars(select(Member.email).where(Member.id == mail.member_id)).one()
    head = f"From: forum@weserufer.example\nTo: {to}\nMessage-ID: <{mail.id}@weserufer.example>\n"
    text = f"{head}\n.Punkt\nGruß {mail.id}\n"
    return Ready(mail.id, str(to), f"b-{mail.id}@weserufer.example", text.encode(), **also)


@pytest.fixture
def at_noon() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as journey:
        yield journey


@pytest.fixture
def letters(app: Flask, at_noon: time_machine.Traveller) -> Letters:  # noqa: ARG001 - due at noon
    """Mails to these members, due now."""

    def due(*uids: str, kind: str = "post") -> list[int]:
        with app.app_context(), transaction():
            ids = dict(db.session.execute(select(Member.uid, Member.id)).all())  # type: ignore[arg-type]
            mails = [
                OutgoingMail(key=f"{kind}-{time.perf_counter_ns()}-{number}", member_id=ids[uid], kind=kind,
                             subject_id=1, made_at=clock.now(), due_at=clock.now())
                for number, uid in enumerate(uids)
            ]  # fmt: skip
            db.session.add_all(mails)
            db.session.flush()
            return [mail.id for mail in mails]

    return due


def over(settings: Settings, server: Sink | HostileServer, **how: Any) -> Settings:
    """Settings with this mail server."""
    how = {"mail_server": "127.0.0.1", "mail_security": "none", **how}
    return load(instance=settings.instance, database_url=settings.database_url, mail_port=server.port, **how)


def deliver(app: Flask, settings: Settings) -> int:
    """What a worker does until nothing is left to do."""
    done = 0
    with app.app_context():
        while count := delivery.deliver_some(settings):
            done += count
    return done


def mail(app: Flask, number: int) -> OutgoingMail:
    with app.app_context():
        found = db.session.get(OutgoingMail, number)
        assert found is not None
        db.session.expunge(found)
        return found


def states(app: Flask, numbers: Sequence[int]) -> list[str]:
    return [mail(app, number).state for number in numbers]


def said(app: Flask, number: int) -> str:
    return mail(app, number).answer or ""


# A server as it should be


def test_all_mails_go_over_one_connection_and_are_recorded(app: Flask, settings: Settings, letters: Letters) -> None:
    numbers = letters(*["jonas", "frieda"] * 60)
    with Sink() as sink:
        assert deliver(app, over(settings, sink)) == 120
    assert len(sink.mails) == 120
    assert len(sink.connections) == 1
    assert set(states(app, numbers)) == {"sent"}
    assert (mail(app, numbers[0]).done_at, mail(app, numbers[0]).lease) == (NOON, None)


def test_a_mail_arrives_as_it_was_written(app: Flask, settings: Settings, letters: Letters) -> None:
    (number,) = letters("jonas")
    with Sink() as sink:
        deliver(app, over(settings, sink))
    ((sender, to, data),) = sink.mails
    assert (sender, to) == (f"b-{number}@weserufer.example", "jonas@weserufer.example")
    assert data.endswith(f"\r\n\r\n.Punkt\r\nGruß {number}\r\n".encode())
    assert data.count(b"\n") == data.count(b"\r\n")


def test_a_mail_that_is_not_due_waits(app: Flask, settings: Settings, letters: Letters,
                                      at_noon: time_machine.Traveller) -> None:  # fmt: skip
    (number,) = letters("jonas")
    at_noon.shift(timedelta(seconds=-1))
    with Sink() as sink:
        assert deliver(app, over(settings, sink)) == 0
        assert sink.connections == set()
    assert states(app, [number]) == ["waiting"]


def test_what_need_not_be_sent_any_more_is_dropped_with_the_reason(
    app: Flask, settings: Settings, letters: Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, stays = letters("jonas", "frieda")
    monkeypatch.setattr(
        delivery, "compose", lambda mails: (Dropped(m.id, "deleted") if m.id == gone else letter(m) for m in mails)
    )
    with Sink() as sink:
        assert deliver(app, over(settings, sink)) == 2
    assert states(app, [gone, stays]) == ["dropped", "sent"]
    assert said(app, gone) == "deleted"
    assert [to for _, to, _ in sink.mails] == ["frieda@weserufer.example"]


def test_what_goes_with_a_mail_is_written_when_it_is_sent(
    app: Flask, settings: Settings, letters: Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    (number,) = letters("jonas")

    def renames() -> None:
        db.session.scalars(select(Member).where(Member.uid == "jonas")).one().handle = "hatpost"

    monkeypatch.setattr(delivery, "compose", lambda mails: [letter(m, on_sent=renames) for m in mails])
    with HostileServer(dot=[b"451 later\r\n"]) as server, time_machine.travel(NOON) as journey:
        deliver(app, over(settings, server))
        with app.app_context():
            assert db.session.scalars(select(Member.handle).where(Member.uid == "jonas")).one() != "hatpost"
        journey.shift(QUARTER)
        deliver(app, over(settings, server))
    assert states(app, [number]) == ["sent"]
    with app.app_context():
        assert db.session.scalars(select(Member.handle).where(Member.uid == "jonas")).one() == "hatpost"


def test_a_mail_that_is_out_does_not_go_again_because_something_with_it_failed(
    app: Flask, settings: Settings, letters: Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    (number,) = letters("jonas")
    monkeypatch.setattr(delivery, "compose", lambda mails: [letter(m, on_sent=lambda: 1 / 0) for m in mails])
    with Sink() as sink:
        deliver(app, over(settings, sink))
    assert states(app, [number]) == ["sent"]
    assert len(sink.mails) == 1


# A hostile server


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "quit"])
@pytest.mark.parametrize("what", [DROP, CUT, SILENCE, SLOWLY, b"421 closing\r\n", b"hello?\r\n", b"250 without an end"])
def test_a_server_that_fails_at_any_step_loses_nothing(
    app: Flask, settings: Settings, letters: Letters, at_noon: time_machine.Traveller, stage: str, what: Any
) -> None:
    numbers = letters("jonas", "frieda", "aylin")
    with HostileServer(**{stage: [what]}) as server:
        began = time.perf_counter()
        for _ in range(3):
            deliver(app, over(settings, server))
            at_noon.shift(QUARTER)
        assert time.perf_counter() - began < 10
    assert states(app, numbers) == ["sent"] * 3
    taken = Counter(part.split(b"\r\n")[2] for part in server.taken)
    # What came after the dot nobody knows: rather twice under the same Message-ID than never.
    assert len(taken) == 3
    assert max(mail(app, number).attempts for number in numbers) <= 1
    assert mail(app, numbers[2]).attempts == 0


def test_half_an_answer_takes_no_mail(app: Flask, settings: Settings, letters: Letters) -> None:
    (number,) = letters("jonas")
    with HostileServer(dot=CUT) as server:
        assert deliver(app, over(settings, server)) == 0
    assert states(app, [number]) == ["waiting"]


def test_a_goodbye_that_fails_changes_nothing(app: Flask, settings: Settings, letters: Letters) -> None:
    numbers = letters("jonas", "frieda")
    with HostileServer(quit=SILENCE) as server:
        assert deliver(app, over(settings, server)) == 2
    assert states(app, numbers) == ["sent", "sent"]


def test_a_server_that_drops_after_taking_the_text_gets_it_again_under_the_same_id(
    app: Flask, settings: Settings, letters: Letters, at_noon: time_machine.Traveller
) -> None:
    (number,) = letters("jonas")
    with Sink() as sink:
        taking = sink.handle_DATA

        async def takes_and_drops(server: Any, session: Any, envelope: Any) -> str:
            await taking(server, session, envelope)
            if len(sink.mails) == 1:
                server.transport.abort()
            return "250 taken"

        sink.handle_DATA = takes_and_drops  # type: ignore[method-assign]
        deliver(app, over(settings, sink))
        assert states(app, [number]) == ["waiting"]
        at_noon.shift(QUARTER)
        deliver(app, over(settings, sink))
    assert states(app, [number]) == ["sent"]
    first, second = sink.to("jonas@weserufer.example")
    assert first["Message-ID"] == second["Message-ID"]


def test_a_server_that_is_away_burns_no_mails_chances(
    app: Flask, settings: Settings, letters: Letters, at_noon: time_machine.Traveller
) -> None:
    numbers = letters(*["jonas"] * 120)
    with HostileServer() as closed:
        pass
    tries = 0
    for _ in range(60):
        with app.app_context():
            before = app.extensions["forum.mail_pause"].failures if tries else 0
        assert deliver(app, over(settings, closed)) == 0
        tries = app.extensions["forum.mail_pause"].failures
        assert tries - before <= 1
        at_noon.shift(timedelta(seconds=30))
    assert 4 <= tries <= 8  # in half an hour; each pause is twice the one before
    assert {(m.attempts, m.lease) for m in (mail(app, number) for number in numbers)} == {(0, None)}
    assert said(app, numbers[-1]).startswith("The mail server cannot be reached.\n")
    at_noon.shift(2 * QUARTER)
    with Sink() as sink:
        deliver(app, over(settings, sink))
    assert set(states(app, numbers)) == {"sent"}


def test_a_hundred_greylisted_mails_all_arrive(
    app: Flask, settings: Settings, letters: Letters, at_noon: time_machine.Traveller
) -> None:
    numbers = letters(*["jonas"] * 100)
    with HostileServer(rcpt=[b"450 4.2.0 greylisted, come again\r\n"] * 100) as server:
        assert deliver(app, over(settings, server)) == 100
        pauses = {mail(app, number).due_at - NOON for number in numbers}
        assert timedelta(minutes=4) <= min(pauses) < max(pauses) <= timedelta(minutes=6)
        at_noon.shift(timedelta(minutes=4, seconds=-1))
        assert deliver(app, over(settings, server)) == 0
        at_noon.shift(QUARTER)
        assert deliver(app, over(settings, server)) == 100
    assert set(states(app, numbers)) == {"sent"}
    assert len(server.taken) == 100
    assert server.seen["greeting"] == 2


def test_one_refused_recipient_does_not_hold_up_the_others(app: Flask, settings: Settings, letters: Letters) -> None:
    numbers = letters("jonas", "frieda", "aylin")
    with HostileServer(rcpt=[None, b"451 4.3.0 mailbox busy\r\n"]) as server:
        deliver(app, over(settings, server))
    assert states(app, numbers) == ["sent", "waiting", "sent"]
    assert said(app, numbers[1]) == "451 4.3.0 mailbox busy"
    assert server.seen["greeting"] == 1


def test_pauses_grow_to_four_hours_and_end_after_five_days(
    app: Flask, settings: Settings, letters: Letters, at_noon: time_machine.Traveller
) -> None:
    (number,) = letters("jonas")
    pauses = []
    with HostileServer(rcpt=b"450 4.2.0 later\r\n") as server:
        while mail(app, number).state == "waiting":
            at_noon.move_to(mail(app, number).due_at)
            tried = clock.now()
            deliver(app, over(settings, server))
            pauses.append((mail(app, number).due_at - tried).total_seconds() / 60)
    for pause, usual in zip(pauses[:5], (5, 15, 45, 135, 240), strict=False):
        assert 0.8 * usual <= pause <= 1.2 * usual
    assert max(pauses) <= 1.2 * 240
    assert timedelta(days=5) <= clock.now() - NOON <= timedelta(days=5, hours=5)
    assert (mail(app, number).state, said(app, number)) == ("dead", "450 4.2.0 later")
    with app.app_context():
        (problem,) = mail_problems(settings)
    assert problem == "1 mails were given up since yesterday, the last: 450 4.2.0 later; forum jobs retry"
    with Sink() as sink:
        with app.app_context(), transaction():
            assert delivery.retry_dead() == 1
        deliver(app, over(settings, sink))
    assert states(app, [number]) == ["sent"]


def test_a_server_that_is_away_for_days_ends_in_dead_mails_not_in_endless_ones(
    app: Flask, settings: Settings, letters: Letters, at_noon: time_machine.Traveller
) -> None:
    old = letters("jonas")
    at_noon.shift(timedelta(days=5))
    new = letters("frieda")
    with HostileServer(greeting=b"554 not today\r\n") as server:
        deliver(app, over(settings, server))
    assert states(app, old + new) == ["dead", "waiting"]
    assert said(app, old[0]) == said(app, new[0]) == "554 not today"


def test_why_mails_wait_is_written_beside_them_once(
    app: Flask, settings: Settings, letters: Letters, at_noon: time_machine.Traveller
) -> None:
    letters("jonas", "frieda")
    written = []

    def counts(_connection: Any, cursor: Any, statement: str, *_more: Any) -> None:
        if statement.startswith("UPDATE outgoing_mail SET answer"):
            written.append(cursor.rowcount)

    with app.app_context():
        event.listen(db.engine, "after_cursor_execute", counts)
    with HostileServer(greeting=b"554 not today\r\n") as server:
        deliver(app, over(settings, server))
        at_noon.shift(QUARTER)
        deliver(app, over(settings, server))
    assert written == [2, 0]


def test_the_first_address_that_answers_is_taken_and_silent_ones_share_the_time(
    app: Flask, settings: Settings, letters: Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    (number,) = letters("jonas")
    monkeypatch.setattr(smtp, "CONNECT_SECONDS", 0.9)
    find = socket.getaddrinfo

    def finds(host: str, port: int, *more: Any, **also: Any) -> list[Any]:
        hosts = ["127.0.0.2"] * 8 + ["127.0.0.1"] if host == "localhost" else [host]
        return [found for each in hosts for found in find(each, port, *more, **also)]

    monkeypatch.setattr(socket, "getaddrinfo", finds)
    with (
        Sink() as sink,
        socket.create_server(("127.0.0.2", sink.port), backlog=0) as silent,
        socket.create_connection(silent.getsockname()),  # there is room for one
    ):
        began = time.perf_counter()
        deliver(app, over(settings, sink, mail_server="localhost"))
    assert time.perf_counter() - began < 5
    assert states(app, [number]) == ["sent"]


def test_mails_that_were_never_tried_are_not_given_up(
    app: Flask, settings: Settings, letters: Letters, at_noon: time_machine.Traveller
) -> None:
    """No worker ran for a week."""
    numbers = letters("jonas")
    at_noon.shift(timedelta(days=7))
    with Sink() as sink:
        deliver(app, over(settings, sink))
    assert states(app, numbers) == ["sent"]


@pytest.mark.parametrize(
    ("answer", "noted"),
    [
        (b"550 5.1.1 no such user\r\n", ["hard"]),
        (b"550 no such user here\r\n", ["hard"]),
        (b"552 5.2.2 mailbox full\r\n", ["soft"]),
        (b"550 over quota\r\n", ["soft"]),
        # These are about the sender: they would pause every address there is.
        (b"554 5.7.1 relay access denied\r\n", []),
        (b"550 relay not permitted\r\n", []),
    ],
)
def test_a_recipient_that_is_refused_for_good_has_a_dead_mail_and_perhaps_a_dead_address(
    app: Flask, settings: Settings, letters: Letters, answer: bytes, noted: list[str]
) -> None:
    dead, other = letters("jonas", "frieda")
    with HostileServer(rcpt=[answer]) as server:
        deliver(app, over(settings, server))
    assert states(app, [dead, other]) == ["dead", "sent"]
    assert said(app, dead) == answer.decode().strip()
    with app.app_context():
        assert [bounce.kind for bounce in db.session.scalars(select(Bounce))] == noted


def test_a_mailbox_that_is_full_for_five_days_is_paused(
    app: Flask, settings: Settings, letters: Letters, at_noon: time_machine.Traveller
) -> None:
    with HostileServer(rcpt=b"552 5.2.2 mailbox full\r\n") as server:
        for _ in range(5):
            with app.app_context():
                paused = select(Member.bounced_at).where(Member.uid == "jonas")
                assert db.session.scalars(paused).one() is None
            letters("jonas")
            deliver(app, over(settings, server))
            at_noon.shift(timedelta(days=1))
    with app.app_context():
        assert db.session.scalars(paused).one() is not None


@pytest.mark.parametrize("stage", ["mail", "data", "dot"])
def test_a_mail_that_is_too_large_is_given_up_and_the_next_goes(
    app: Flask, settings: Settings, letters: Letters, stage: str
) -> None:
    dead, other = letters("jonas", "frieda")
    with HostileServer(**{stage: [b"552 5.3.4 too big\r\n"]}) as server:
        deliver(app, over(settings, server))
    assert states(app, [dead, other]) == ["dead", "sent"]
    assert server.seen["rset"] == 1
    with app.app_context():
        assert db.session.scalars(select(Bounce)).all() == []


def test_a_refused_sender_is_no_mails_fault(app: Flask, settings: Settings, letters: Letters) -> None:
    numbers = letters("jonas", "frieda")
    with HostileServer(mail=b"530 5.7.0 authentication required\r\n") as server:
        assert deliver(app, over(settings, server)) == 0
    assert [(m.state, m.attempts) for m in (mail(app, number) for number in numbers)] == [("waiting", 0)] * 2
    assert said(app, numbers[1]) == "530 5.7.0 authentication required"
    assert server.seen["mail"] == 1


def test_a_server_that_takes_only_the_mailboxs_own_address_gets_that(
    app: Flask, settings: Settings, letters: Letters
) -> None:
    first, second = letters("jonas", "frieda")
    with HostileServer(mail=[b"553 5.7.1 not owned by user\r\n"]) as server:
        deliver(app, over(settings, server, mail_from="forum@weserufer.example"))
    assert states(app, [first, second]) == ["sent", "sent"]
    own = "forum@weserufer.example"
    assert server.senders == [f"b-{first}@weserufer.example", own, own]


def test_no_page_waits_for_the_mail_server(
    app: Flask, settings: Settings, letters: Letters, frieda: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "READ_SECONDS", 60)
    monkeypatch.setattr(delivery, "MAIL_SECONDS", 60)
    (number,) = letters("jonas")
    with HostileServer(dot=[SILENCE]) as server:
        sender = threading.Thread(target=deliver, args=(app, over(settings, server)))
        sender.start()
        while not server.seen["dot"]:
            time.sleep(0.01)
        assert frieda.asks("Geht das?")
        assert sender.is_alive()
        server.patience.set()
        sender.join()
    assert mail(app, number).attempts == 1


def test_a_server_that_wants_a_rest_between_mails_gets_them_all(
    app: Flask, settings: Settings, letters: Letters
) -> None:
    numbers = letters(*["jonas"] * 5)
    with HostileServer(mail=[None, None, b"421 too many in one go\r\n", None, b"421 too many in one go\r\n"]) as server:
        assert deliver(app, over(settings, server)) == 5
    assert set(states(app, numbers)) == {"sent"}
    assert {mail(app, number).attempts for number in numbers} == {0}
    assert server.seen["greeting"] == 3


# Nothing in clear, and nothing to a stranger


@pytest.mark.parametrize(
    ("instead", "answer"),
    [
        ({}, "The mail server offers no encryption, so no mail was sent."),
        ({"ehlo": b"250-me\r\n250 STARTTLS\r\n", "star": b"454 not now\r\n"}, "454 not now"),
        (
            {"ehlo": b"250-me\r\n250 STARTTLS\r\n", "star": b"220 go\r\n250 evil\r\n"},
            "The mail server ended the connection.",
        ),
        ({"ehlo": b"250-me\r\n250 STARTTLS\r\n", "star": DROP}, "The mail server ended the connection."),
        ({"ehlo": b"250-me\r\n250 STARTTLS\r\n", "star": SILENCE}, "The mail server does not answer."),
    ],
)
def test_without_encryption_a_mail_waits(
    app: Flask, settings: Settings, letters: Letters, instead: dict[str, Any], answer: str
) -> None:
    (number,) = letters("jonas")
    with HostileServer(**instead) as server:
        deliver(app, over(settings, server, mail_security="starttls", mail_username="forum", mail_password=PASSWORD))
    assert server.seen["auth"] == server.seen["mail"] == 0
    assert states(app, [number]) == ["waiting"]
    assert answer in said(app, number)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_nobody_vouches_for_is_refused_in_plain_words(
    app: Flask, settings: Settings, letters: Letters, tmp_path: Path, security: str
) -> None:
    (number,) = letters("jonas")
    _, context = certificate(tmp_path)
    how = {"require_starttls": True, "tls_context": context} if security == "starttls" else {"ssl_context": context}
    with encrypted(how) as sink:
        deliver(app, over(settings, sink, mail_server="localhost", mail_security=security))
    assert sink.mails == []
    assert said(app, number).startswith("The certificate of the mail server is not valid, so no mail was sent.\n")
    assert "self-signed certificate" in said(app, number)


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize(("password", "goes"), [(PASSWORD, True), ("falsch", False), ("fälsch", False)])
def test_mails_go_encrypted_with_name_and_password(
    app: Flask, settings: Settings, letters: Letters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, security: str,
    password: str, goes: bool,
) -> None:  # fmt: skip
    (number,) = letters("jonas")
    paper, context = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(paper))
    how = {"require_starttls": True, "tls_context": context} if security == "starttls" else {"ssl_context": context}
    with encrypted({**how, "authenticator": signs_in, "auth_required": True}) as sink:
        terms = {"mail_server": "localhost", "mail_security": security}
        deliver(app, over(settings, sink, **terms, mail_username="forum", mail_password=password))
    assert len(sink.mails) == goes
    assert states(app, [number]) == ["sent" if goes else "waiting"]
    if not goes:
        assert said(app, number).startswith("The mail server does not accept user name and password.\n")


def encrypted(how: dict[str, Any]) -> Sink:
    # A connection that is encrypted from its first byte does not look so to aiosmtpd, which therefore warns.
    return Sink(auth_require_tls="tls_context" in how, **how)


# Addresses and words that try to be commands


def test_an_address_that_tries_to_be_a_command_harms_nobody(
    app: Flask, settings: Settings, letters: Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = letters("jonas", "frieda")

    def written(mails: Sequence[OutgoingMail]) -> Iterator[Ready]:
        for one in mails:
            ready = letter(one)
            to = "jonas@weserufer.example>\r\nRCPT TO:<boese@evil.example" if one.id == bad else ready.to
            yield Ready(one.id, to, ready.envelope, ready.data)

    monkeypatch.setattr(delivery, "compose", written)
    with HostileServer() as server:
        deliver(app, over(settings, server))
    assert server.recipients == ["frieda@weserufer.example"]
    assert states(app, [bad, good]) == ["waiting", "sent"]
    assert said(app, bad).startswith("The mail could not be written.")


def test_a_text_cannot_end_a_mail_or_begin_another(
    app: Flask, settings: Settings, letters: Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bare line ends are where servers have disagreed."""
    letters("jonas")
    smuggled = b"Hallo\n.\nMAIL FROM:<x@evil.example>\r.\rRCPT TO:<y@evil.example>\r\n.\r\nDATA\n\r.\n"

    def written(mails: Sequence[OutgoingMail]) -> list[Ready]:
        return [Ready(one.id, "jonas@weserufer.example", "b@weserufer.example", b"\r\n" + smuggled) for one in mails]

    monkeypatch.setattr(delivery, "compose", written)
    with Sink() as sink:
        deliver(app, over(settings, sink))
    ((sender, to, data),) = sink.mails
    assert (sender, to) == ("b@weserufer.example", "jonas@weserufer.example")
    assert data.count(b"\r\n.\r\n") == 3 + 1


# Mails that harm


def test_a_mail_that_cannot_be_written_harms_no_other(
    app: Flask, settings: Settings, letters: Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = letters("jonas", "frieda", "aylin")

    def written(mails: Sequence[OutgoingMail]) -> Iterator[Ready]:
        for one in mails:
            if one.id == numbers[1]:
                raise LookupError("no such words")
            yield letter(one)

    monkeypatch.setattr(delivery, "compose", written)
    with Sink() as sink:
        deliver(app, over(settings, sink))
    assert states(app, numbers) == ["sent", "waiting", "sent"]
    assert said(app, numbers[1]) == "The mail could not be written.\nLookupError: no such words"
    assert mail(app, numbers[1]).due_at > NOON


def test_a_mail_that_takes_three_workers_down_is_set_aside(
    app: Flask, settings: Settings, letters: Letters, at_noon: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = letters("jonas", "frieda", "aylin")
    tries: Counter[int] = Counter()

    def written(mails: Sequence[OutgoingMail]) -> list[Ready]:
        tries.update(one.id for one in mails)
        if any(one.id == numbers[1] for one in mails):
            raise Killed
        return [letter(one) for one in mails]

    monkeypatch.setattr(delivery, "compose", written)
    monkeypatch.setattr(delivery, "_release", lambda _batch: None)  # who is killed tidies nothing up
    with Sink() as sink:
        for _ in range(8):
            try:
                deliver(app, over(settings, sink))
            except Killed:
                at_noon.shift(QUARTER)
    # Once together, which says nothing of any of them, and then each by itself.
    assert tries == {numbers[0]: 2, numbers[1]: 1 + 3, numbers[2]: 2}
    assert states(app, numbers) == ["sent", "dead", "sent"]
    assert said(app, numbers[1]) == "The mail took its worker down three times."


# Several workers


def test_of_several_workers_each_mail_has_one(app: Flask, settings: Settings, letters: Letters) -> None:
    numbers = letters(*["jonas", "frieda", "aylin", "bernd"] * 60)
    failures: list[BaseException] = []

    def work(terms: Settings) -> None:
        try:
            deliver(app, terms)
        except BaseException as failure:  # a thread's failure is told by the test
            failures.append(failure)

    with Sink() as sink:
        workers = [threading.Thread(target=work, args=(over(settings, sink),)) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert failures == []
    assert len(sink.mails) == len({data for _, _, data in sink.mails}) == len(numbers)
    assert set(states(app, numbers)) == {"sent"}


def test_a_worker_that_was_frozen_begins_no_mail_that_another_may_have_taken(
    app: Flask, settings: Settings, letters: Letters, at_noon: time_machine.Traveller
) -> None:
    numbers = letters("jonas", "frieda", "aylin")
    with Sink() as sink:
        terms = over(settings, sink)
        taking, frozen = sink.handle_DATA, []

        async def takes(server: Any, session: Any, envelope: Any) -> str:
            if not frozen:
                frozen.append(True)
                at_noon.shift(QUARTER)
                other = threading.Thread(target=deliver, args=(app, terms))
                other.start()
                others.append(other)
            return await taking(server, session, envelope)

        others: list[threading.Thread] = []
        sink.handle_DATA = takes  # type: ignore[method-assign]
        deliver(app, terms)
        others[0].join(20)
        deliver(app, terms)
    assert set(states(app, numbers)) == {"sent"}
    assert len(sink.mails) <= len(numbers) + 1


def test_a_worker_that_was_long_at_writing_begins_no_mail_that_another_has_sent(
    app: Flask, settings: Settings, letters: Letters, at_noon: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = letters("jonas", "frieda", "aylin")
    with Sink() as sink:
        terms, others = over(settings, sink), []

        def writes(mails: Sequence[OutgoingMail]) -> list[Ready]:
            if not others:
                others.append(threading.Thread(target=deliver, args=(app, terms)))
                at_noon.shift(QUARTER)
                others[0].start()
                others[0].join(20)
            return [letter(one) for one in mails]

        monkeypatch.setattr(delivery, "compose", writes)
        deliver(app, terms)
    assert set(states(app, numbers)) == {"sent"}
    assert len(sink.mails) == len(numbers)


def test_writing_may_take_longer_than_the_lease_when_nobody_else_is_there(
    app: Flask, settings: Settings, letters: Letters, at_noon: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = letters("jonas", "frieda")

    def writes(mails: Sequence[OutgoingMail]) -> list[Ready]:
        at_noon.shift(QUARTER)
        return [letter(one) for one in mails]

    monkeypatch.setattr(delivery, "compose", writes)
    with Sink() as sink:
        assert deliver(app, over(settings, sink)) == 2
    assert states(app, numbers) == ["sent", "sent"]


def test_a_lease_is_found_by_the_index(app: Flask, settings: Settings, letters: Letters, statements: list[str]) -> None:
    """Most mails are those that went: to look at them all takes long, while nobody else can write."""
    letters("jonas")
    with Sink() as sink:
        deliver(app, over(settings, sink))
    by_lease = [one for one in statements if "outgoing_mail.lease = " in one]
    assert by_lease
    assert [one for one in by_lease if "outgoing_mail.state = " not in one] == []


# What is true when a mail is sent


def test_what_is_deleted_while_a_slow_server_takes_mails_goes_to_nobody_after_a_few_seconds(
    app: Flask, settings: Settings, letters: Letters, at_noon: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = letters(*["jonas"] * 20)
    deleted = []
    monkeypatch.setattr(
        delivery, "compose", lambda mails: [Dropped(one.id, "deleted") if deleted else letter(one) for one in mails]
    )
    with Sink() as sink:
        taking = sink.handle_DATA

        async def takes(*mail: Any) -> str:
            at_noon.shift(timedelta(seconds=1.5))
            deleted.append(True)
            return await taking(*mail)

        sink.handle_DATA = takes  # type: ignore[method-assign]
        assert deliver(app, over(settings, sink)) == 20
    assert Counter(states(app, numbers)) == {"sent": 4, "dropped": 16}


@pytest.mark.usefixtures("at_noon")
def test_a_post_that_is_restored_while_its_mails_are_being_dropped_is_mailed(
    app: Flask, settings: Settings, frieda: Person, jonas: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleted, written as dropped, restored, and only then recorded as dropped."""
    answer = jonas.replies(frieda.asks("Wer räumt?"), "Wir.")
    with app.app_context():
        while outbox.run_due():
            pass
    jonas.sends(f"/posts/{answer}/delete")
    drops = []

    def writes(mails: Sequence[OutgoingMail]) -> list[Ready | Dropped]:
        found = list(compose.compose(mails))
        drops.extend(one for one in found if isinstance(one, Dropped))
        if len(drops) == 1:
            db.session.rollback()
            jonas.sends(f"/posts/{answer}/restore")
            while outbox.run_due():
                pass
        return found

    monkeypatch.setattr(delivery, "compose", writes)
    with Sink() as sink, time_machine.travel(NOON + QUARTER, tick=False):
        deliver(app, over(settings, sink))
    assert len(drops) == 1
    assert [to for _, to, _ in sink.mails] == ["frieda@weserufer.example"]


@pytest.mark.parametrize("kind", ["link", "sign_in"])
def test_a_link_waits_for_no_digest(
    app: Flask, settings: Settings, letters: Letters, at_noon: time_machine.Traveller, kind: str
) -> None:
    letters(*["frieda"] * 60, kind="digest")
    at_noon.shift(timedelta(minutes=1))
    letters("jonas", kind=kind)
    with Sink() as sink:
        deliver(app, over(settings, sink))
    assert [to for _, to, _ in sink.mails] == ["jonas@weserufer.example"] + ["frieda@weserufer.example"] * 60


# Without a mail server


def test_without_a_mail_server_mails_are_kept_as_files(app: Flask, settings: Settings, letters: Letters) -> None:
    (number,) = letters("jonas")
    assert deliver(app, settings) == 1
    (file,) = (settings.instance / "outbox").iterdir()
    assert file.name == f"{number}-post.eml"
    assert b"To: jonas@weserufer.example" in file.read_bytes()
    assert states(app, [number]) == ["sent"]


def test_files_are_forgotten_when_mails_are(app: Flask, settings: Settings, letters: Letters) -> None:
    old, young = letters("jonas", "frieda")
    delivery.forget_old_files(settings)  # there is no folder yet
    deliver(app, settings)
    folder = settings.instance / "outbox"
    for number, days in ((old, 31), (young, 29)):
        at = (NOON - timedelta(days=days)).timestamp()
        os.utime(folder / f"{number}-post.eml", (at, at))
    delivery.forget_old_files(settings)
    assert [file.name for file in folder.iterdir()] == [f"{young}-post.eml"]


def test_a_mail_that_cannot_be_kept_waits(
    app: Flask, settings: Settings, letters: Letters, at_noon: time_machine.Traveller
) -> None:
    (number,) = letters("jonas")
    (settings.instance / "outbox").write_text("in the way")
    assert deliver(app, settings) == 0
    assert said(app, number).startswith("The mail cannot be kept in the instance folder.\n")
    (settings.instance / "outbox").unlink()
    at_noon.shift(QUARTER)
    assert deliver(app, settings) == 1


# Trying it out, and looking at it


def test_a_test_mail_brings_the_servers_words(app: Flask, settings: Settings) -> None:
    with Sink() as sink, app.app_context():
        answer = delivery.send_test(over(settings, sink), "anke@weserufer.example")
    assert answer == delivery.Answer(True, "250 2.0.0 taken")
    (came,) = sink.to("anke@weserufer.example")
    assert (came["From"], came["Auto-Submitted"]) == ("Fachkreis Probe <fachkreis@localhost>", "auto-generated")
    with HostileServer(rcpt=b"550 5.1.1 who is that?\r\n") as server, app.app_context():
        answer = delivery.send_test(over(settings, server), "anke@weserufer.example")
    assert answer == delivery.Answer(False, "550 5.1.1 who is that?")


@pytest.mark.parametrize("stage", ["greeting", "dot"])
def test_a_test_mail_has_its_answer_soon(
    app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    monkeypatch.setattr(delivery, "TEST_SECONDS", 0.3)
    monkeypatch.setattr(smtp, "READ_SECONDS", 30)
    with HostileServer(**{stage: SLOWLY}) as server, app.app_context():
        answer = delivery.send_test(over(settings, server), "anke@weserufer.example")
    assert answer == delivery.Answer(False, gettext(smtp.BROKEN_OFF))


def test_a_test_mail_without_a_server_is_a_file(app: Flask, settings: Settings) -> None:
    with app.app_context():
        answer = delivery.send_test(settings, "anke@weserufer.example")
    assert answer.ok
    assert b"To: anke@weserufer.example" in Path(answer.said).read_bytes()


def test_the_report_counts(app: Flask, settings: Settings, letters: Letters, at_noon: time_machine.Traveller) -> None:
    letters("jonas", "frieda", "aylin")
    with HostileServer(rcpt=[b"450 later\r\n", b"550 5.1.1 nobody\r\n"]) as server:
        deliver(app, over(settings, server))
        letters("bernd")
    with app.app_context():
        report = delivery.report()
        assert (report.waiting, report.retried, report.dead, report.died_today) == (2, 1, 1, 1)
        assert (report.oldest_due, report.waits, report.given_up) == (NOON, "", "550 5.1.1 nobody")
        at_noon.shift(QUARTER)
        assert delivery.report().waits == "450 later"


def test_the_check_says_how_mails_go_and_why_they_do_not(
    app: Flask, settings: Settings, letters: Letters, at_noon: time_machine.Traveller
) -> None:
    letters("jonas")
    with app.app_context():
        assert examine(settings).state["mails go to"] == "files in the folder outbox"
        assert mail_problems(settings) == []
        at_noon.shift(QUARTER)
        assert mail_problems(settings) == ["mails have been waiting since 2026-03-02 12:00 UTC; is a worker running?"]
    with HostileServer(greeting=b"554 not today\r\n") as server:
        deliver(app, over(settings, server))
        with app.app_context():
            report = examine(over(settings, server))
            assert report.state["mails go to"] == f"127.0.0.1:{server.port}"
            assert report.state["mails"] == "1 waiting, 0 to be tried again, 0 given up"
            assert mail_problems(settings) == ["mails have been waiting since 2026-03-02 12:00 UTC; 554 not today"]


def mail_problems(settings: Settings) -> list[str]:
    return [problem for problem in examine(settings).problems if "mails" in problem]
