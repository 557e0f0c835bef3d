"""Old archives: where one mail ends, and which mails belong together."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from forum.mail.archive import Arrangement, MailHead, RawMail, arrange, head, is_separator, read_mbox
from forum.mail.parsing import parse

MONDAY = datetime(2020, 6, 1, 9, tzinfo=UTC)
FROM = b"From frieda@beispiel.de Mon Jun  1 09:00:00 2020\n"


def lists() -> Path:
    for parent in Path(__file__).resolve().parents:
        if (parent / "shared" / "data").is_dir():
            return parent / "shared" / "data" / "a-mbox-apache-lists"
    pytest.skip("shared/data is not beside this repository; these tests read its archives there")


def mbox(folder: Path, content: bytes) -> list[RawMail]:
    file = folder / "archiv.mbox"
    file.write_bytes(content)
    return list(read_mbox(file))


# --- Reading -------------------------------------------------------------------------------


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_mails_are_cut_at_their_from_lines(tmp_path: Path, newline: bytes) -> None:
    content = (
        FROM + b"Subject: a\n\n>From Bremen\n>>From there\nFrom Monday on\n\nFrom Tuesday we meet\n\n"
        b"From - Tue Jun 02 10:00:00 2020 +0200\nSubject: b\n\nb\n"
    ).replace(b"\n", newline)
    first, second = mbox(tmp_path, content)
    text = b"Subject: a\n\nFrom Bremen\n>From there\nFrom Monday on\n\nFrom Tuesday we meet\n"
    assert first.raw == text.replace(b"\n", newline)
    assert second.raw == b"Subject: b\n\nb\n".replace(b"\n", newline)
    assert (first.number, second.number) == (1, 2)
    assert first.envelope_date == MONDAY
    assert second.envelope_date == datetime(2020, 6, 2, 8, tzinfo=UTC)
    assert second.end_position == len(content)
    assert content[first.end_position :].startswith(b"From - Tue")


def test_a_single_saved_mail_is_an_archive_too(tmp_path: Path) -> None:
    assert [one.raw for one in mbox(tmp_path, b"Subject: a\n\nb\n")] == [b"Subject: a\n\nb\n"]
    assert mbox(tmp_path, b"") == []


def test_a_huge_mail_is_cut_and_the_next_one_found(tmp_path: Path) -> None:
    huge, small = mbox(tmp_path, FROM + b"a: b\n\n" + b"x" * 40_000_000 + b"\n\n" + FROM + b"c: d\n\ny\n")
    assert len(huge.raw) < 27_000_000
    assert small.raw == b"c: d\n\ny\n"


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        (b"From a@b.de Wed Jul  1 05:04:01 2020\n", True),
        (b"From a@b.de  Wed Jul  1 05:04:01 CEST 2020\r\n", True),
        (b"From MAILER-DAEMON Fri, 31 Jul 2020 19:01:41 +0000\n", True),
        (b"From a@b.de 2020-07-01T05:04:01Z\n", True),
        (b"From Frieda Wed Jul 1 05:04 2020\n", True),
        (b"From Bremen we came in 2020\n", False),
        (b"From Wed Jul 1 2020 on we meet at 10:00\n", False),
        (b">From a@b.de Wed Jul  1 05:04:01 2020\n", False),
    ],
)
def test_from_lines_have_a_date(line: bytes, is_one: bool) -> None:
    assert is_separator(line) is is_one


# --- Threads -------------------------------------------------------------------------------


def mail(
    number: int,
    parent: str | None = None,
    references: tuple[str, ...] = (),
    *,
    subject: str = "Räumung",
    days: float = 0,
    is_reply: bool = True,
) -> MailHead:
    sent_at = MONDAY + timedelta(days=days)
    return MailHead(number, f"m{number}", parent, references, subject, is_reply, sent_at)


def family(arrangement: Arrangement) -> list[dict[int, int | None]]:
    """Each thread as the parent of each mail, in reading order."""
    return [{post.head.number: post.parent for post in thread.posts} for thread in arrangement.threads]


def test_jonas_answers_frieda_and_ayse_answers_jonas() -> None:
    mails = [mail(1, is_reply=False), mail(2, "m1", days=1), mail(3, None, ("m1", "m2", "weg"), days=2)]
    assert family(arrange(mails)) == [{1: None, 2: 1, 3: 2}]


def test_a_reply_without_references_finds_its_subject() -> None:
    mails = [mail(1, is_reply=False), mail(2, subject="RÄUMUNG", days=59), mail(3, subject="Anderes", days=1)]
    assert family(arrange(mails)) == [{1: None, 2: 1}, {3: None}]


def test_sixty_days_later_the_same_subject_is_another_thread() -> None:
    assert family(arrange([mail(1, is_reply=False), mail(2, days=61)])) == [{1: None}, {2: None}]


def test_a_new_mail_with_an_old_subject_is_a_new_thread() -> None:
    mails = [mail(1, is_reply=False), mail(2, days=1, is_reply=False)]
    assert family(arrange(mails)) == [{1: None}, {2: None}]


def test_answers_to_a_missing_mail_are_one_thread() -> None:
    mails = [mail(1, "weg", subject="a"), mail(2, None, ("weg",), subject="b", days=1)]
    assert family(arrange(mails)) == [{1: None, 2: None}]


def test_a_circle_is_broken_at_its_oldest_mail() -> None:
    circle = [mail(1, "m2", subject=""), mail(2, "m1", subject="", days=1)]
    assert family(arrange(circle)) == [{1: None, 2: 1}]
    assert family(arrange([mail(1, "m1", subject="")])) == [{1: None}]


def test_an_answer_never_stands_before_its_question() -> None:
    arrangement = arrange([mail(1, is_reply=False), mail(2, "m1", days=-1), mail(3, "m2", days=-2)])
    assert family(arrangement) == [{1: None, 2: 1, 3: 2}]


def test_the_first_of_two_equal_message_ids_stays() -> None:
    twice = MailHead(2, "m1", sent_at=MONDAY)
    arrangement = arrange([twice, mail(1)])
    assert family(arrangement) == [{1: None}]
    assert arrangement.duplicates == (twice,)


def test_any_tangle_is_arranged_whole_and_the_same_in_any_order() -> None:
    chance = random.Random(7)
    for _ in range(200):
        names = [f"m{number}" for number in range(24)]
        mails = [
            MailHead(
                number,
                f"m{number}",
                chance.choice([None, *names]),
                tuple(chance.sample(names, 2)) if chance.random() < 0.3 else (),
                chance.choice(["", "a", "b"]),
                chance.random() < 0.5,
                None if chance.random() < 0.1 else MONDAY + timedelta(days=chance.randint(0, 90)),
            )
            for number in range(16)
        ]
        arrangement = arrange(mails)
        posts = [post for thread in arrangement.threads for post in thread.posts]
        assert sorted(post.head.number for post in posts) == list(range(16))
        for thread in arrangement.threads:
            seen: set[int | None] = {None}
            for post in thread.posts:
                assert post.parent in seen
                seen.add(post.head.number)
        assert arrange(chance.sample(mails, len(mails))) == arrangement


def test_twenty_thousand_answers_in_a_row_are_no_trouble() -> None:
    chain = [mail(number, f"m{number - 1}", days=number / 100) for number in range(20_000)]
    (thread,) = arrange(chain).threads
    assert len(thread.posts) == 20_000


# --- Real archives -------------------------------------------------------------------------


def arranged(name: str) -> tuple[list[RawMail], Arrangement]:
    raws = list(read_mbox(lists() / name))
    return raws, arrange([head(raw.number, parse(raw.raw, raw.envelope_date)) for raw in raws])


def test_httpd_users_of_july_2020() -> None:
    raws, arrangement = arranged("httpd-users-2020-07.mbox")
    posts = [post for thread in arrangement.threads for post in thread.posts]
    by_message_id = {post.head.message_id: post.head.number for post in posts}
    assert len(raws) == len(posts) == 108
    named = [post for post in posts if post.head.in_reply_to or post.head.references]
    assert len(named) >= 74
    under_parent = [post for post in named if by_message_id.get(post.head.in_reply_to or "") == post.parent]
    assert sum(post.parent is not None for post in under_parent) >= 67


def test_every_archive_is_read_to_its_end() -> None:
    for file in sorted(lists().glob("*.mbox")):
        raws, arrangement = arranged(file.name)
        assert raws[-1].end_position == file.stat().st_size
        posts = sum(len(thread.posts) for thread in arrangement.threads)
        assert posts + len(arrangement.duplicates) == len(raws)
