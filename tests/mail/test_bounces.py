"""Mails that come back: what a report says, whose address is paused by it, and what no stranger can bring about."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import func, select

from forum import cli
from forum.cli import doors
from forum.db import db, transaction
from forum.mail import bounces
from forum.mail.addresses import addresses
from forum.mail.archive import read_mbox
from forum.mail.models import Bounce
from forum.mail.reports import Report, judged, read
from forum.members import actions, queries
from forum.members.models import Member
from forum.outbox import Event
from tests.cast import Person
from tests.conftest import shared_data

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
NOBODY = ("5.1.1", "550 5.1.1 <jonas@weserufer.example>: User unknown")
FULL = ("5.2.2", "552 5.2.2 <jonas@weserufer.example>: Mailbox full")


def dsn(
    to: str, status: str, said: str, action: str = "failed", number: int = 1, original: str = "fachkreis@forum.example"
) -> bytes:
    """A report as RFC 3464 has it, sent to an address of ours."""
    return f"""Return-Path: <>
From: Mail Delivery System <MAILER-DAEMON@mx.weserufer.example>
To: {to}
Subject: Undelivered Mail Returned to Sender
Message-ID: <report.{number}@mx.weserufer.example>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="cut"

--cut
Content-Type: text/plain; charset=utf-8

Your message could not be delivered.

--cut
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.weserufer.example

Final-Recipient: rfc822; jonas@weserufer.example
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {said}

--cut
Content-Type: message/rfc822

From: Fachkreis <{original}>
To: jonas@weserufer.example
Message-ID: <post.1@forum.example>
Subject: Messie-Wohnung

Text
--cut--
""".replace("\n", "\r\n").encode()


@pytest.fixture
def returned(app: Flask, jonas: Person) -> Callable[..., bounces.Taken]:
    """A report about a mail to Jonas comes in, sent to the address of that mail."""

    def returned(status: str, said: str, number: int = 1, **more: str) -> bounces.Taken:
        with app.app_context(), transaction():
            own = addresses().bounce_address(7, jonas.id)
            return bounces.take(dsn(own, status, said, number=number, **more))

    return returned


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def is_paused(app: Flask, key: str = "jonas") -> bool:
    with app.app_context():
        return db.session.scalars(select(Member.bounced_at).where(Member.uid == key)).one() is not None


def count(app: Flask, event: str) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).where(Event.name == event)) or 0


def test_a_report_is_read() -> None:
    report = read(dsn("fachkreis+b-token@forum.example", *NOBODY))
    assert report == Report(
        id="report.1@mx.weserufer.example",
        recipient="jonas@weserufer.example",
        action="failed",
        status="5.1.1",
        diagnosis=NOBODY[1],
        kind="hard",
        message_id="post.1@forum.example",
        sent_to=("fachkreis+b-token@forum.example",),
    )


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (*NOBODY, "hard"),
        (*FULL, "soft"),
        ("5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found", "hard"),
        ("5.2.1", "550 5.2.1 The email account that you tried to reach is disabled.", "hard"),
        ("5.4.4", "Host or domain name not found. Name service error for name=weserufer.example", "hard"),
        ("4.0.0", "DNS Error: responded with code NXDOMAIN Domain name not found: weserufer.example", "hard"),
        ("5.0.0", "550 Benutzer existiert nicht: Adresse jonas@weserufer.example existiert nicht", "hard"),
        ("5.7.1", "550 5.7.1 <jonas@weserufer.example>: Recipient address rejected: User unknown", "hard"),
        ("5.7.1", "550 5.7.1 Access denied", "soft"),
        ("5.7.26", "550-5.7.26 domain's DMARC policy", "soft"),
        ("5.1.1", "550 5.7.1 IP address blacklisted by recipient", "soft"),
        ("5.1.8", "553 5.1.8 Domain of sender address does not exist", "soft"),
        ("5.1.0", "550 5.1.0 sender rejected", "soft"),
        ("4.1.1", "450 4.1.1 Recipient address rejected: User unknown in local recipient table", "soft"),
        ("4.4.1", "connect to mx.weserufer.example: Connection timed out", "soft"),
        ("5.3.4", "552 5.3.4 Message too big for system", "soft"),
        ("", "", "soft"),
    ],
)
def test_gone_for_good_or_for_now(status: str, said: str, kind: str) -> None:
    assert judged(status, said) == kind


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded"])
def test_a_mail_that_is_late_or_has_arrived_did_not_come_back(
    app: Flask, returned: Callable[..., bounces.Taken], action: str
) -> None:
    taken = returned("4.4.7", "still trying", action=action)
    assert taken.report is not None
    assert taken.report.kind is None
    assert not is_paused(app)
    assert "nothing to be done" in taken.line()


def test_an_address_that_is_gone_gets_no_more_until_its_member_says_it_works(
    app: Flask, jonas: Person, returned: Callable[..., bounces.Taken]
) -> None:
    assert returned(*NOBODY).paused
    assert is_paused(app)
    assert count(app, "member.address_paused") == 1
    with app.app_context(), transaction():
        actions.address_works(queries.viewer_of(queries.member(jonas.id)))
    assert not is_paused(app)
    assert not returned(*NOBODY).paused, "the same report once more says nothing new"
    assert returned(*NOBODY, number=2).paused


def test_a_second_report_does_not_pause_twice(app: Flask, returned: Callable[..., bounces.Taken]) -> None:
    assert returned(*NOBODY).paused
    assert not returned(*NOBODY, number=2).paused
    assert count(app, "member.address_paused") == 1


def test_a_full_mailbox_is_given_five_days(
    app: Flask, returned: Callable[..., bounces.Taken], clock: time_machine.Traveller
) -> None:
    for number in range(20):
        assert not returned(*FULL, number=number).paused, "many on one day are one day"
    for day in range(1, 4):
        clock.move_to(NOW + timedelta(days=day), tick=False)
        assert not returned(*FULL, number=100 + day).paused
    clock.move_to(NOW + timedelta(days=4), tick=False)
    assert returned(*FULL, number=200).paused
    assert is_paused(app)


def test_a_mailbox_that_is_full_now_and_then_is_left_alone(
    app: Flask, returned: Callable[..., bounces.Taken], clock: time_machine.Traveller
) -> None:
    for number in range(12):
        clock.move_to(NOW + timedelta(days=4 * number), tick=False)
        returned(*FULL, number=number)
    assert not is_paused(app)


def test_what_was_before_the_member_said_it_works_is_forgiven(
    app: Flask, jonas: Person, returned: Callable[..., bounces.Taken], clock: time_machine.Traveller
) -> None:
    for day in range(5):
        clock.move_to(NOW + timedelta(days=day), tick=False)
        returned(*FULL, number=day)
    assert is_paused(app)
    clock.shift(timedelta(hours=1))
    with app.app_context(), transaction():
        actions.address_works(queries.viewer_of(queries.member(jonas.id)))
    clock.shift(timedelta(days=1))
    assert not returned(*FULL, number=9).paused
    assert not is_paused(app)


def test_a_strangers_report_pauses_nobody(app: Flask, jonas: Person) -> None:
    """Forged, changed, missing, of another network, or that of another member: Jonas goes on being mailed."""
    with app.app_context(), transaction():
        own = addresses().bounce_address(7, jonas.id)
        local, _at, domain = own.partition("@")
        changed = [
            f"{local[:at]}{'a' if local[at] != 'a' else 'b'}{local[at + 1 :]}@{domain}" for at in range(12, len(local))
        ]
        others = [
            "fachkreis@localhost",
            "jonas@weserufer.example",
            "",
            addresses().reply_address(jonas.id, 0, 7),
            own[:-4],
        ]
        for number, to in enumerate([*changed, *others]):
            taken = bounces.take(dsn(to, *NOBODY, number=number))
            assert taken.member_id is None, to
            assert "nothing is done" in taken.line()
        assert db.session.scalar(select(func.count()).select_from(Bounce)) == 0
    assert not is_paused(app)


def test_the_report_of_a_report_is_none(returned: Callable[..., bounces.Taken]) -> None:
    assert returned(*NOBODY, original="MAILER-DAEMON@forum.example").report is None


VACATION = """From: Jonas Brandt <jonas@weserufer.example>
To: {to}
Subject: Abwesend: Messie-Wohnung
Auto-Submitted: auto-replied
Return-Path: <>

Ich bin bis Montag im Urlaub. Ihre Nachricht wird nicht weitergeleitet. 550 5.1.1 User unknown
"""


@pytest.mark.parametrize("head", ["", "X-Auto-Response-Suppress: All\n", "Precedence: bulk\n"])
def test_an_automatic_answer_is_no_report(app: Flask, jonas: Person, head: str) -> None:
    with app.app_context(), transaction():
        own = addresses().bounce_address(7, jonas.id)
        assert bounces.take((head + VACATION.format(to=own)).encode()).report is None
    assert not is_paused(app)


@pytest.fixture
def typed(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    monkeypatch.setattr(doors, "create_app", lambda: app)

    def typed(*words: str, stdin: bytes = b"") -> str:
        result = CliRunner().invoke(cli.forum, ["mail", "bounce", *words], input=stdin)
        assert result.exit_code == 0, result.output
        return result.output

    return typed


def test_the_operator_hands_reports_in(app: Flask, jonas: Person, typed: Callable[..., str], tmp_path: Path) -> None:
    with app.app_context():
        own = addresses().bounce_address(7, jonas.id)
    box = tmp_path / "returned.mbox"
    other = b"From: frieda@weserufer.example\r\n\r\nHallo"
    mails = (dsn(own, *FULL, number=1), other, dsn("fachkreis@localhost", *NOBODY, number=2))
    box.write_bytes(b"".join(b"From MAILER-DAEMON Sat Nov 21 08:00:09 2026\n" + mail + b"\n\n" for mail in mails))
    assert typed(str(box)).splitlines() == [
        "soft 5.2.2 jonas@weserufer.example: noted",
        "no report of a mail that came back",
        "hard 5.1.1 jonas@weserufer.example: not sent to an address of ours, so nothing is done",
    ]
    said = json.loads(typed("--json", stdin=dsn(own, *NOBODY, number=3)))
    assert said["paused"]
    assert said["member_id"] == jonas.id
    assert said["report"]["kind"] == "hard"
    assert is_paused(app)


# Real reports. Which of them say that the address is gone was judged by the people who collected them, for these mail
# systems; where their word for it is wider or narrower than ours (filtered, suspended), it is left out.
JUDGED_HARD = {
    "lhost-postfix": "14 16 30 32 36 46 76",
    "lhost-sendmail": "01 03 15 17 24 26 28 32 42 46 52",
    "lhost-exim": "05 59 61",
    "rfc3464": "26 51 63 65",
    "lhost-qmail": "01 11 13 17 21 23",
    "lhost-dragonfly": "04 10 22 24 26",
    "lhost-amazonses": "06 18",
    "lhost-gmail": "01",
    "lhost-opensmtpd": "01 03 10",
    "lhost-messagingserver": "01 05 09",
    "lhost-yahoo": "01 03 05 07 09",
    "lhost-office365": "02 10",
}
UNDECIDED = {
    "lhost-postfix": "01 03 05 07 52",
    "lhost-sendmail": "19 40 48 50",
    "lhost-exim": "31 37 49",
    "rfc3464": "01 35 37 39 42 53 57 59",
    "lhost-qmail": "25",
    "lhost-dragonfly": "16",
    "lhost-amazonses": "10 12 20",
    "lhost-messagingserver": "03",
    "lhost-office365": "04",
    "lhost-opensmtpd": "12",
}
# Complaints, automatic answers, and notices in JSON or of a mailing list program: no mail came back.
NO_REPORTS = ("arf-", "rfc3834-", "lhost-fml-", "lhost-amazonses-1")


def corpus(folder: str = "bsd") -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in sorted((shared_data("e-sisimai-bounces") / folder).glob("*.eml"))}


def test_real_reports_are_recognised() -> None:
    found = {name: read(raw) for name, raw in corpus().items()}
    reports = {name for name in found if not name.startswith(NO_REPORTS)}
    missed = sorted(name for name in reports if found[name] is None)
    assert len(missed) <= 0.03 * len(reports), missed
    assert not [name for name, report in found.items() if report and name.startswith(("arf-", "rfc3834-"))]
    assert all(read(raw) is None for name, raw in corpus("not").items() if name.startswith("is-not-bounce"))


def test_of_real_reports_those_that_are_for_good_are_found_and_no_other() -> None:
    tally: Counter[tuple[bool, bool]] = Counter()
    wrong = []
    for name, raw in corpus().items():
        system, _, number = name.rpartition("-")
        if system not in JUDGED_HARD or number in UNDECIDED.get(system, "").split():
            continue
        report, wanted = read(raw), number in JUDGED_HARD[system].split()
        tally[wanted, report is not None and report.kind == "hard"] += 1
        if wanted != (report is not None and report.kind == "hard"):
            wrong.append(name)
    assert tally[False, True] == 0, wrong
    assert tally[True, True] >= 0.95 * (tally[True, True] + tally[True, False]), wrong
    assert sum(tally.values()) > 120


def test_the_status_is_the_one_that_stands_in_the_report() -> None:
    for name, status in {
        "lhost-postfix-16": "5.1.6", "lhost-sendmail-05": "5.2.3", "lhost-gmail-01": "5.1.1", "lhost-qmail-13": "5.1.2",
        "rhost-google-01": "5.2.1", "lhost-messagingserver-05": "5.4.4", "lhost-office365-06": "5.4.312",
    }.items():  # fmt: skip
        report = read(corpus()[name])
        assert report is not None
        assert report.status == status, name


def test_a_mailbox_of_reports_is_read() -> None:
    mails = [read(mail.raw) for mail in read_mbox(shared_data("e-sisimai-bounces") / "mailbox" / "mbox-0")]
    assert (len(mails), mails.count(None)) == (37, 1)


def test_damaged_reports_raise_nothing() -> None:
    """2,500 mails cut, doubled and stirred, always the same ones."""
    chance = random.Random(3464)
    mails = [*corpus().values(), dsn("fachkreis@localhost", *NOBODY)]
    for _ in range(2_500):
        raw = bytearray(chance.choice(mails)[:20_000])
        for _ in range(chance.randrange(1, 12)):
            at, length = chance.randrange(len(raw) + 1), chance.randrange(1, 300)
            match chance.randrange(4):
                case 0:
                    del raw[at : at + length]
                case 1:
                    raw[at:at] = chance.randbytes(length)
                case 2:
                    raw[at:at] = raw[: length * 10]
                case 3:
                    raw[at:at] = chance.choice([b"\r\n\r\n", b"--", b"\0", b"=?utf-8?b?", b"Content-Type: ", b"\n "])
        report = read(bytes(raw))
        if report:
            assert len(report.diagnosis) <= 500
            assert len(report.sent_to) <= 20


BOMBS = {
    "dashes": b"-" * 200_000,
    "addresses": b"a@b.example " * 50_000,
    "letters": b"a" * 500_000,
    "account is": b"account " * 50_000,
    "codes": b"550 5.1.1 " * 50_000,
    "blank lines": b"\n \n" * 100_000,
    "white": b"\n" + b" \t" * 200_000,
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("where", ["text", "status", "to"])
def test_bombs_are_read_in_linear_time(name: str, where: str) -> None:
    """Each takes below half a second; what they would be in quadratic time is minutes."""
    bomb = BOMBS[name]
    if where == "text":
        head = b"From: MAILER-DAEMON@mx.example\r\nTo: fachkreis@localhost\r\nSubject: failure notice\r\n\r\n"
        raw = head + bomb
    elif where == "status":
        raw = dsn("fachkreis@localhost", "5.1.1", "BOMB").replace(b"BOMB", bomb)
    else:
        raw = dsn("BOMB", *NOBODY).replace(b"BOMB", bomb.replace(b"\n", b" ")[:90_000])
    read(raw)
