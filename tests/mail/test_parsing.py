"""Mails as German programs write them, mails as nobody should, and what becomes of them."""

import html
import random
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from forum.files import safe_name
from forum.mail.charsets import codec_name, decode_text
from forum.mail.dates import parse_date
from forum.mail.headers import (
    base_subject,
    decode_header,
    derived_message_id,
    has_reply_prefix,
    message_ids,
    parameters,
    parse_address,
)
from forum.mail.markdown import to_markdown
from forum.mail.parsing import ParsedMail, parse
from forum.mail.parts import Unreadable
from forum.mail.plain import enriched_to_text, html_to_text, unflow

MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
MOJIBAKE = re.compile("Ã[\x80-¿Ÿ„¼]|â€|\ufffd|=\\?[\\w-]+\\?[bq]\\?", re.IGNORECASE)


def shared_data() -> Path:
    for parent in Path(__file__).resolve().parents:
        if (parent / "shared" / "data").is_dir():
            return parent / "shared" / "data"
    pytest.skip("shared/data is not beside this repository; these tests read its mails there")


def corpus() -> list[Path]:
    files = [file for file in sorted(shared_data().glob("[de]-*/**/*")) if file.is_file()]
    return [file for file in files if file.suffix not in {".md", ".xml"} and "LICENSE" not in file.name]


def mail(body: bytes | str = "Hallo", charset: str = "utf-8", **headers: str) -> ParsedMail:
    """A small mail. Underscores in header names stand for hyphens."""
    fields = {"From": "Frieda Schön <Frieda@Beispiel.de>", "Content-Type": f"text/plain; charset={charset}"}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode()
    return parse(head + b"\r\n" + (body.encode(charset) if isinstance(body, str) else body))


def shown(markdown: str) -> str:
    """What a reader sees, as words."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", MARKDOWN.render(markdown))).split())


# --- Whole mails ---------------------------------------------------------------------------


def test_outlook_answers_a_forward_in_windows_1252() -> None:
    raw = (
        b"From: =?iso-8859-1?Q?M=FCller=2C_J=F6rg?= <Joerg.Mueller@Stadt-Hannover.de>\r\n"
        b"To: 'Fachkreis' <liste@beispiel.de>\r\n"
        b"Subject: AW: WG: [Fachkreis] =?iso-8859-1?Q?R=E4umung_n=E4chste_Woche?=\r\n"
        b"Date: Mi, 1 Jul 2020 07:04:01 +0200\r\n"
        b"Message-ID: <A1@stadt-hannover.de>\r\nIn-Reply-To: <F0@beispiel.de>\r\n"
        b'Content-Type: text/plain; charset="iso-8859-1"\r\n'
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        b"Liebe Kolleginnen,\r\n\r\nwir =84pr=FCfen=93 das =96 Kosten: 5 =80.\r\n\r\nGr=FC=DFe\r\nJ=F6rg\r\n"
    )
    read = parse(raw)
    assert (read.from_name, read.from_address) == ("Müller, Jörg", "joerg.mueller@stadt-hannover.de")
    assert read.subject == "AW: WG: [Fachkreis] Räumung nächste Woche"
    assert read.base_subject == "Räumung nächste Woche"
    assert read.is_reply
    assert (read.message_id, read.in_reply_to) == ("A1@stadt-hannover.de", "F0@beispiel.de")
    assert read.sent_at == datetime(2020, 7, 1, 5, 4, 1, tzinfo=UTC)
    assert read.body == "Liebe Kolleginnen,\n\nwir „prüfen“ das – Kosten: 5 €.\n\nGrüße  \nJörg"


def test_thunderbird_flows_and_quotes() -> None:
    read = mail(
        "Am 01.07.20 schrieb Jonas:\r\n> Wer kennt eine Hilfe, \r\n> die hinausfährt?\r\n>> Niemand.\r\n"
        "Wir haben gute Erfahrungen \r\nmit dem Sozialpsychiatrischen \r\nDienst.\r\n"
        "-- \r\nFrieda\r\nBremen\r\n",
        Content_Type="text/plain; charset=UTF-8; format=flowed",
        Subject="Re: Hilfe",
    )
    assert read.body.split("\n") == [
        "Am 01.07.20 schrieb Jonas:",
        "",
        "> Wer kennt eine Hilfe, die hinausfährt?",
        ">",
        "> > Niemand.",
        "",
        "Wir haben gute Erfahrungen mit dem Sozialpsychiatrischen Dienst.",
        "",
        "\\--  ",
        "Frieda  ",
        "Bremen",
    ]


def test_plain_text_is_preferred_and_files_come_along() -> None:
    raw = (
        b'Content-Type: multipart/mixed; boundary="m"\n\n'
        b"--m\nContent-Type: multipart/alternative; boundary=a\n\n"
        b"--a\nContent-Type: text/plain; charset=utf-8\n\nGr\xc3\xbc\xc3\x9fe\n"
        b"--a\nContent-Type: text/html\n\n<p>Gr&uuml;&szlig;e</p>\n--a--\n"
        b"--m\nContent-Type: application/pdf; name*=utf-8''Hilfe%C3%BCbersicht.pdf\n"
        b"Content-Transfer-Encoding: base64\n\nJVBE\nRg==\n"
        b"--m\nContent-Type: image/png\nContent-Disposition: inline\n\nPNG\n"
        b"--m\nContent-Type: message/rfc822\n\nSubject: innen\n\nx\n"
        b"--m\nContent-Type: application/pgp-signature; name=signature.asc\n\nxxx\n--m--\n"
    )
    read = parse(raw)
    assert read.body == "Grüße"
    assert [(file.name, file.media_type, file.content) for file in read.attachments] == [
        ("Hilfeübersicht.pdf", "application/pdf", b"%PDF"),
        ("anhang-2.png", "image/png", b"PNG"),
        ("anhang-3.eml", "message/rfc822", b"Subject: innen\n\nx"),
    ]


def test_html_alone_becomes_text_with_quotes_lists_and_links() -> None:
    source = (
        "<html><head><title>x</title><style>p {}</style></head><body><p>Hallo&nbsp;<b>Jonas</b>,</p>"
        "<ul><li>eins</li><li>zwei <a href='https://beispiel.de/a'>hier</a></li></ul>"
        "<blockquote>Wer kann<br>helfen?<blockquote>Ich</blockquote></blockquote>"
        "<p>Gr&uuml;&szlig;e</p></body>"
    )
    read = mail(source, Content_Type="text/html; charset=utf-8")
    assert read.body == (
        "Hallo\xa0Jonas,\n\n- eins\n- zwei hier (https://beispiel.de/a)\n\n> Wer kann  \n> helfen?\n>\n> > Ich\n\nGrüße"
    )


def test_an_empty_plain_part_gives_way_to_html() -> None:
    raw = (
        b"Content-Type: multipart/alternative; boundary=a\n\n--a\n\n \n--a\nContent-Type: text/html\n\n<p>da</p>\n--a--"
    )
    assert parse(raw).body == "da"


def test_a_mail_without_message_id_gets_the_same_one_each_time() -> None:
    first, again = parse(b"Subject: x\n\ny\n"), parse(b"Subject: x\r\n\r\ny\r\n")
    assert first.message_id == again.message_id == derived_message_id(b"Subject: x\n\ny")
    assert first.message_id_derived
    assert not mail(Message_ID="<a@b>").message_id_derived


def test_the_envelope_date_stands_in() -> None:
    envelope = datetime(2020, 7, 1, tzinfo=UTC)
    assert parse(b"Date: gestern\n\nx", envelope).sent_at == envelope
    assert parse(b"Subject: x\n\nx").sent_at is None


def test_headers_are_there_for_those_who_need_more() -> None:
    read = mail(Auto_Submitted="no", List_Id="<a.b>")
    assert read.header("auto-submitted") == "no"
    assert read.header_values("List-Id") == ["<a.b>"]
    assert read.header("x-missing") is None


def test_a_very_long_text_is_kept_whole_as_a_file() -> None:
    read = mail("Zeile mit Wörtern\n" * 40_000)
    assert read.body.endswith("[…]")
    assert len(read.body) < 500_000
    assert read.attachments[0].name == "nachricht.txt"
    assert read.attachments[0].content.decode().count("Zeile") == 40_000


# --- Refusals ------------------------------------------------------------------------------


MIXED = b"Content-Type: multipart/mixed; boundary=b\n\n"


def nested(depth: int) -> bytes:
    part = b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n"
    return b"".join(part % (level, level) for level in range(depth)) + b"\nx"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty"),
        (b" \r\n", "empty"),
        (b"x" * (25 * 1024 * 1024 + 1), "too_large"),
        (b"a: b\n\n" + b"\n" * 500_000, "too_many_lines"),
        (b"From: " + b"a" * 1_000_000 + b"\n\nx", "header_too_large"),
        (b"Content-Type: a/b" + b"; a=b" * 25_000 + b"\n\nx", "header_too_large"),
        (MIXED + b"--b\nX: " + b"a" * 110_000 + b"\n\nx", "header_too_large"),
        (b"a: b\n" * 1001 + b"\nx", "too_many_headers"),
        (MIXED + b"--b\n\nx\n" * 101, "too_many_parts"),
        (nested(22), "too_deep"),
        (nested(150), "too_many_parts"),
    ],
)
def test_what_cannot_be_a_mail_is_refused_by_name(raw: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        parse(raw)
    assert refusal.value.reason == reason
    assert refusal.value.sentence.endswith(".")


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "raw",
    [
        b"From: " + b'("<,' * 20_000 + b"\n\nx",
        b"Subject: " + b"=?a?q?" * 15_000 + b"\n\nx",
        b"Content-Type: text/plain" + b"; a=b" * 15_000 + b"\n\nx",
        b"Content-Type: text/plain; " + b';a="' * 20_000 + b"\n\nx",
        b"Content-Type: message/rfc822\n\n" * 2_000,
        b"\n\n" + b"* a\n" * 90_000,
        b"\n\n" + b">a\n>>b\n" * 40_000,
        b"\n\n" + b"](" * 150_000,
        b"\n\n" + b"https://(" * 40_000,
        b"Content-Type: text/html\n\n" + b"<a " * 100_000,
        b"Content-Type: text/html\n\n" + b"<!--" * 90_000 + b">",
        b"Content-Type: text/html\n\n" + b"<ul><li>x" * 30_000,
        b"Content-Type: text/html\n\n" + b"<div>x" * 50_000,
        b"Content-Type: text/html\n\n" + b"<td>" * 90_000,
    ],
)
def test_bombs_are_read_in_linear_time(raw: bytes) -> None:
    """Each takes below a second on two cores; what they were in quadratic time is minutes."""
    parse(raw)


# --- Charsets and headers ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        ("Grüße".encode(), "utf8", "Grüße"),
        ("Grüße".encode("cp1252"), "utf-8", "Grüße"),
        ("Grüße – 5 €".encode("cp1252"), "iso-8859-1", "Grüße – 5 €"),
        ("Grüße".encode(), "us-ascii", "Grüße"),
        ("Grüße".encode(), "iso-8859-1", "Grüße"),
        ("5 €".encode("iso-8859-15"), "iso-8859-15", "5 €"),
        ("Grüße".encode("cp1252"), "unknown-8bit", "Grüße"),
        ("Grüße".encode("cp1252"), "x-unsinn", "Grüße"),
        ("Grüße".encode("cp1252"), "ansi_x3.110-1983", "Grüße"),
        ("שלום".encode("iso-8859-8"), "iso-8859-8-i", "שלום"),
        ("日本".encode("iso-2022-jp"), "ISO-2022-JP", "日本"),
        ("日本".encode("cp932"), "x-sjis", "日本"),
        ("Ü".encode() + "Ü".encode("cp1252"), "utf-8", "ÜÜ"),
        (b"a\x00b\r\nc\rd", "", "ab\nc\nd"),
    ],
)
def test_no_charset_loses_text(data: bytes, charset: str, text: str) -> None:
    assert decode_text(data, charset) == text


@pytest.mark.parametrize("name", ["idna", "punycode", "unicode_escape", "hex", "rot13", "zip", "a\0b", ""])
def test_what_is_no_charset_is_none(name: str) -> None:
    assert codec_name(name) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("=?utf-8?Q?R=C3=A4umung?= =?utf-8?B?4oCT?= jetzt", "Räumung– jetzt"),
        ("=?utf-8?Q?=C3?=\r\n =?utf-8?Q?=A4?=", "ä"),
        ("=?windows-1252?q?Gr=FC=DFe an?= alle", "Grüße an alle"),
        ("=?utf-8?B?R3LDvMOfZQ?=", "Grüße"),
        ("=?unsinn?Q?a_b?=", "a b"),
        ("=?utf-8?Q?offen", "=?utf-8?Q?offen"),
        ("Gr\udcfc\udcdfe", "Grüße"),
        ("zwei\r\n\tZeilen", "zwei Zeilen"),
    ],
)
def test_headers_are_decoded(value: str, text: str) -> None:
    assert decode_header(value) == text


@pytest.mark.parametrize(
    ("value", "name", "address"),
    [
        ("Frieda <Frieda@Beispiel.DE>", "Frieda", "frieda@beispiel.de"),
        ('"Schön, Frieda" <f@b.de>', "Schön, Frieda", "f@b.de"),
        ("Schön, Frieda <f@b.de>", "Schön, Frieda", "f@b.de"),
        ("f@b.de (Frieda)", "Frieda", "f@b.de"),
        ("f@b.de, j@b.de", "", "f@b.de"),
        ("\"'Frieda' via Fachkreis\" <liste@b.de>", "Frieda", "liste@b.de"),
        ('"Anna <chef@stadt.de>" <anna@b.de>', "Anna <chef@stadt.de>", "anna@b.de"),
        ("=?utf-8?Q?Chef_=3Cchef=40stadt.de=3E?= <anna@b.de>", "Chef <chef@stadt.de>", "anna@b.de"),
        ("Gruppe: f@b.de;", "", "f@b.de"),
        ("niemand", "", ""),
        ("", "", ""),
    ],
)
def test_the_sender_is_who_the_structure_says(value: str, name: str, address: str) -> None:
    assert parse_address(value) == (name, address)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("Wed, 01 Jul 2020 07:04:01 +0200", "2020-07-01T05:04:01"),
        ("Wed Jul  1 05:04:01 2020", "2020-07-01T05:04:01"),
        ("1 Jul 20 07:04 MESZ", "2020-07-01T05:04:00"),
        ("Mi, 1 Juli 2020 07:04:01 (CEST) +0200", "2020-07-01T05:04:01"),
        ("Fr, 6. Mär 2020 12:00:00 MEZ", "2020-03-06T11:00:00"),
        ("2020-07-01 07:04:01 +02:00", "2020-07-01T05:04:01"),
        ("Wed, 01 Jul 2020 07:04:01 +9999", "2020-07-01T07:04:01"),
    ],
)
def test_dates_are_understood(value: str, moment: str) -> None:
    assert parse_date(value) == datetime.fromisoformat(moment).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "value", ["", "gestern", "31 Feb 2020 10:00", "1 Jan 1900 10:00", "1 Jan 9999 1:1", "9" * 5000]
)
def test_absurd_dates_are_none(value: str) -> None:
    assert parse_date(value) is None


@pytest.mark.parametrize(
    ("subject", "base", "is_reply"),
    [
        ("Re: AW: Antwort: Räumung", "Räumung", True),
        ("[Fachkreis] Re[2]: [extern] Räumung", "Räumung", True),
        ("WG: Räumung", "Räumung", False),
        ("AW: WG: Räumung", "Räumung", True),
        ("aw : räumung", "räumung", True),
        ("[Anfrage]", "[Anfrage]", False),
        ("Rest: Räumung", "Rest: Räumung", False),
        ("Re:", "", True),
    ],
)
def test_subjects_lose_their_prefixes(subject: str, base: str, is_reply: bool) -> None:
    assert (base_subject(subject), has_reply_prefix(subject)) == (base, is_reply)


def test_message_ids_are_found_in_any_clutter() -> None:
    assert message_ids("<a@b> <c@d>\n <a@b>") == ["a@b", "c@d"]
    assert message_ids("Your message of Monday <a@ b>") == ["a@b"]
    assert message_ids("a@b") == ["a@b"]
    assert message_ids("Frage von gestern") == []
    assert len(message_ids(f"<{'a' * 900}@b>")[0]) < 100


def test_parameters_of_every_age() -> None:
    assert parameters("a/b; name*0*=utf-8''M%C3%BC; name*1=ll; name*2*=%2Epdf")["name"] == "Müll.pdf"
    assert parameters('a/b; name="=?iso-8859-1?Q?M=FCll.pdf?="')["name"] == "Müll.pdf"
    assert parameters("a/b; name=zwei Worte.pdf; x")["name"] == "zwei Worte.pdf"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Akten\\Fall.doc", "Fall.doc"),
        ("a\x00b\u202efdp.exe", "abfdp.exe"),
        ("..", ""),
        ("x" * 300 + ".pdf", "x" * 146 + ".pdf"),
    ],
)
def test_file_names_are_safe(name: str, safe: str) -> None:
    assert safe_name(name) == safe


# --- Text ----------------------------------------------------------------------------------


def test_flowed_text_with_delsp() -> None:
    assert unflow("zusam \nmen\n> a \n>> b", delsp=True) == "zusammen\n> a\n>> b"


def test_enriched_text_is_read_simply() -> None:
    source = "<bold>Hallo</bold>\nJonas\n\n<<b> <fontfamily><param>x</param>c"
    assert enriched_to_text(source) == "Hallo Jonas\n<b> c"


def test_html_links_that_say_their_target_say_it_once() -> None:
    source = "<a href='https://b.de/'>b.de</a> <a href='mailto:f@b.de'>Frieda</a>"
    assert html_to_text(source) == "b.de Frieda (f@b.de)"


def test_hard_wrapped_paragraphs_flow_and_short_lines_do_not() -> None:
    wrapped = "Wer hat Erfahrungen mit der Vermittlung von Menschen, die ihre Wohnung\nverlieren?\n\n"
    address = "Frieda Schön\nAm Markt 1\n28195 Bremen"
    assert to_markdown(wrapped + address) == wrapped + "Frieda Schön  \nAm Markt 1  \n28195 Bremen"


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("Titel\n=====", "Titel  \n\\====="),
        ("Titel\n-----", "Titel  \n\\-----"),
        ("# kein Titel", "\\# kein Titel"),
        ("*wichtig* und _so_", "\\*wichtig\\* und \\_so\\_"),
        ("ein_name_so a * b", "ein_name_so a * b"),
        ("<b> und Frieda <f@b.de>", "\\<b> und Frieda \\<f@b.de>"),
        ("[1]: https://b.de", "[1\\]: https://b.de"),
        ("https://b.de/_a_*b*.", "<https://b.de/_a_*b>\\*."),
        ("13. Mai 2020", "13\\. Mai 2020"),
        ("1. eins\n2. zwei", "1. eins\n2. zwei"),
        ("Dazu:\n• eins\n• zwei", "Dazu:\n\n- eins\n- zwei"),
        ("Das Amt\n- also die Stadt\nzahlt.", "Das Amt  \n\\- also die Stadt  \nzahlt."),
        ("    a\n      b", "```\n    a\n      b\n```"),
        ("Mo   10 Uhr\nDi   11 Uhr", "```\nMo   10 Uhr\nDi   11 Uhr\n```"),
        ("| a | b |\n|---|---|", "| a | b |  \n\\|---|---|"),
        ("> a\n>b\n> > c", "> a  \n> b\n>\n> > c"),
    ],
)
def test_markdown_shows_what_was_typed(text: str, markdown: str) -> None:
    assert to_markdown(text) == markdown


@given(st.lists(st.text("aä b*_`[]()<>!#&;~\\|-=+:.1^{}\"'/", max_size=20), max_size=6))
def test_markup_in_text_is_never_taken_for_markup(lines: list[str]) -> None:
    text = "\n".join("x" + line for line in lines)
    rendered = MARKDOWN.render(to_markdown(text))
    assert set(re.findall(r"<(\w+)", rendered)) <= {"p", "br", "pre", "code"}
    assert shown(to_markdown(text)) == " ".join(text.split())


@given(st.text("ab *_`[]<>#~\\|-=+:.1\n\t", max_size=80))
def test_no_character_is_lost_whatever_the_lines_look_like(text: str) -> None:
    """But for quote marks and bullets, which become what they mean."""
    marks = re.compile(r"[>*+-]|\d+\.|\s")
    rendered = MARKDOWN.render(to_markdown(text))
    assert set(re.findall(r"<(\w+)", rendered)) <= {"p", "br", "pre", "code", "blockquote", "ul", "ol", "li"}
    assert marks.sub("", shown(to_markdown(text))) == marks.sub("", text)


# --- Real mails and damaged ones -----------------------------------------------------------


def test_every_mail_of_the_corpora_is_read_or_refused() -> None:
    refused = []
    for file in corpus():
        try:
            parse(file.read_bytes())
        except Unreadable as refusal:
            refused.append((refusal.reason, file.stat().st_size))
    assert all(reason == "empty" and size < 4 for reason, size in refused)


def test_no_mojibake_in_real_mails() -> None:
    raw = (shared_data() / "a-mbox-apache-lists" / "httpd-users-2020-07.mbox").read_bytes()
    for one in re.split(rb"(?m)^(?=From users-return)", raw)[1:]:
        read = parse(one.partition(b"\n")[2])
        for text in (read.subject, read.from_name, read.body, *(file.name for file in read.attachments)):
            assert not MOJIBAKE.search(text), text[:200]


def mutants(seed: int, count: int) -> list[bytes]:
    """Real mails with bytes changed, cut, doubled and mixed."""
    chance = random.Random(seed)
    mails = [data for file in corpus() if 0 < len(data := file.read_bytes()) < 20_000]
    made = []
    for _ in range(count):
        raw = bytearray(chance.choice(mails))
        for _ in range(chance.randint(1, 8)):
            start = chance.randrange(len(raw) or 1)
            end = min(len(raw), start + chance.randint(1, 40))
            other = chance.choice(mails)
            damage = [b"", chance.randbytes(3), raw[start:end] * 3, b"\n", b'"', b"=?", b";"]
            raw[start:end] = chance.choice([*damage, other[start : start + 200]])
        made.append(bytes(raw))
    return made


def test_damaged_mails_are_read_or_refused() -> None:
    """20,000 mutants are run by hand before a release: `mutants(2, 20_000)`."""
    for raw in mutants(seed=1, count=2_000):
        try:
            MARKDOWN.render(parse(raw).body[:2_000])
        except Unreadable as refusal:
            assert refusal.reason  # noqa: PT017  (a refusal is one of two good outcomes)
