"""What mails look like: one layout, in both forms, light enough for all mail programs, and nothing loaded."""

import email
import re
from datetime import UTC, datetime
from email.policy import default
from pathlib import Path
from typing import get_args

import pytest
from click.testing import CliRunner
from flask import Flask

from forum import cli
from forum.config import load
from forum.i18n import languages, speaking
from forum.mail import kinds, templates
from forum.mail.addresses import Addresses
from forum.mail.kinds import Place, Shown, Telling, Told
from forum.mail.letter import House, Letter, List
from forum.mail.plain_text import COLUMNS
from forum.mail.samples import samples
from forum.members.models import Viewer
from forum.notifications.models import MailKind
from forum.text import MAX_SOURCE, render
from tests.mail.reading import Reading

FOLDER = Path(__file__).parents[2] / "templates" / "mail"
AT = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> House:
    return House("Fachkreis Probe", Addresses(load(instance=tmp_path, public_url="https://forum.example"), "s" * 40))


def shown(body: str, number: int = 1) -> Shown:
    html = render(body)
    return Shown(
        number, f"p{number}", None, "Jonas Brandt", "Leinewohnen", AT, html, f"https://forum.example/posts/{number}"
    )


def place(number: int = 1) -> Place:
    return Place(1, List("vermuellung", "Vermüllung", "open"), number, f"Thema {number}", "question")


def post(home: House, body: str) -> Letter:
    return kinds.post(home, shown(body), place(), "notify")


def test_every_kind_has_both_forms_and_every_template_its_kind() -> None:
    there = {path.name for path in FOLDER.iterdir() if not path.name.startswith("_")}
    both = {*get_args(MailKind), "notice", "test"}
    assert there == {f"{kind}.{form}" for kind in both for form in ("html", "txt")} | {"part.txt"}


@pytest.mark.parametrize("language", languages())
def test_all_samples_are_well_made(app: Flask, language: str) -> None:
    with app.app_context():
        found = samples(language)
    assert len({sample.name for sample in found}) == len(found) == 18
    for sample in found:
        text, html = sample.seen.text, sample.seen.html
        assert all(len(line) <= COLUMNS or "://" in line for line in text.splitlines()), sample.name
        assert len(html.encode()) <= templates.LARGEST_HTML
        assert Reading(html).loads == [], sample.name
        assert all(link.startswith("http://127.0.0.1:5000") for link in Reading(html).links), sample.name
        mail = email.message_from_bytes(sample.message, policy=default)
        assert mail["Content-Language"] == language
        assert mail["Subject"] == sample.title
        assert not mail.defects
        assert "None" not in text.split()
        if html:
            assert f'<html lang="{language}">' in html
            assert_same_facts(text, html)


def assert_same_facts(text: str, html: str) -> None:
    """Every word of the HTML, but for what only a list of mails shows, stands in the text too."""
    said = re.sub(r'<div class="preview".*?</div>|<title>.*?</title>', "", html, flags=re.DOTALL)
    words = set(re.findall(r"\w+", Reading(said).words))
    assert words - set(re.findall(r"\w+", text)) == set()


def test_preview_writes_all_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty network too."""
    monkeypatch.setenv("FORUM_INSTANCE", str(tmp_path / "instance"))
    assert CliRunner().invoke(cli.forum, ["db", "upgrade"]).exit_code == 0
    answer = CliRunner().invoke(cli.forum, ["mail", "preview", str(tmp_path / "mails")])
    assert answer.exit_code == 0, answer.output
    there = {path.name for path in (tmp_path / "mails").iterdir()}
    assert {"index.html", "de-post.eml", "de-post.html", "en-post.txt", "de-digest-apart.eml"} <= there
    assert "de-digest-apart.html" not in there
    links = set(Reading((tmp_path / "mails" / "index.html").read_text()).links)
    assert links == there - {"index.html"}


# A post in a mail


def test_links_and_pictures_of_ours_can_be_followed(home: House) -> None:
    html = post(
        home, "[Hier](/threads/4) ![Plan](/files/3/plan.png) [![Zwei](/files/4/b.png)](/threads/5) a[^1].\n\n[^1]: b"
    ).html
    reading = Reading(html)
    assert reading.loads == []
    links = set(reading.links)
    assert {f"https://forum.example{path}" for path in ("/threads/4", "/files/3/plan.png", "/threads/5")} <= links
    assert not [link for link in links if link.startswith(("#", "/"))]
    assert "↩" not in html


def test_the_words_of_a_picture_are_words(home: House) -> None:
    letter = post(home, '![<script>alert(1)</script> "x" &lt;img src=y>](/files/3/x.png)')
    assert Reading(letter.html).loads == []
    assert "<script>alert(1)</script>" in Reading(letter.html).words


def test_what_a_post_is_made_of_is_there(home: House) -> None:
    body = "# Kopf\n\n- [x] Haken\n\n| A | B |\n|---|--:|\n| c | d |\n\n    code <x>\n\n> Zitat\n\n1. eins\n"
    html = post(home, body).html
    for tag in ("<h3 ", "☑ Haken", "<th ", 'align="right"', "code &lt;x&gt;", "<blockquote ", "<ol "):
        assert tag in html, tag


@pytest.mark.parametrize(
    "body",
    [
        "Ein Absatz mit *Wörtern*, der sich wiederholt.\n\n" * 1400,
        "Wort " * 12_000,
        "x" * MAX_SOURCE,
        "- Punkt\n" * 7_000,
        "| a | b |\n|---|---|\n" + "| c | d |\n" * 6_000,
        "> " * 10 + "tief\n\n" + "ü" * 60_000,
        "[a](https://a.example) " * 2_700,
        "```\n" + "code\n" * 12_000 + "```",
        "* * *\n" * 9_000,
        "<&>" * 20_000,
    ],
    ids=["paragraphs", "one paragraph", "one word", "a list", "a table", "deep", "links", "code", "lines", "signs"],
)
def test_the_longest_posts_make_no_mail_too_large(home: House, body: str) -> None:
    letter = post(home, body[:MAX_SOURCE])
    assert len(letter.html.encode()) <= templates.LARGEST_HTML
    assert Reading(letter.html).loads == []
    balanced(letter.html)
    if "The post is longer" not in letter.html and "Der Beitrag ist länger" not in letter.html:
        assert_same_facts(letter.text, letter.html)


def balanced(html: str) -> None:
    """Every tag that is opened is closed where it has to be."""
    open_tags: list[str] = []
    for end, name in re.findall(r"<(/?)([a-z][a-z0-9]*)\b(?:[^<>\"]|\"[^\"]*\")*>", html):
        if end:
            assert open_tags.pop() == name
        elif name not in ("meta", "br", "hr"):
            open_tags.append(name)
    assert open_tags == []


def test_a_post_that_is_cut_says_so_and_leads_on(home: House) -> None:
    with speaking("de"):
        letter = post(home, "Ein Absatz mit Wörtern.\n\n" * 2500)
        assert "Der Beitrag ist länger. Weiterlesen" in letter.html
        assert letter.html.count("https://forum.example/posts/1") >= 3
        assert letter.text.count("Ein Absatz mit Wörtern.") == 2500


def test_a_digest_of_ten_long_threads_is_small_enough(home: House) -> None:
    long = "Ein Absatz mit *vielen* Wörtern, der sich wiederholt.\n\n" * 1100
    threads = [
        Told(f"Thema {number}", f"https://forum.example/posts/{number}", "Neu", 5, 0, [shown(long, number)] * 5)
        for number in range(10)
    ]
    letter = kinds.digest(home, "<a@b>", AT, Telling(50, threads))
    assert len(letter.html.encode()) <= templates.LARGEST_HTML
    assert all(f"Thema {number}" in Reading(letter.html).words for number in range(10))
    assert letter.html.count("Ein Absatz") >= 50


def test_code_keeps_its_empty_lines(home: House) -> None:
    assert "    a\n\n\n\n    b" in post(home, "    a\n\n\n\n    b").text


def test_dates_can_be_read_on_any_day(home: House) -> None:
    with speaking("de", "Europe/Berlin"):
        letter = post(home, "Text")
        assert "2. März 2026, 13:00" in letter.text
        assert "2. März 2026, 13:00" in letter.html


def test_the_links_to_stop_are_of_the_reader_alone(home: House) -> None:
    letter = post(home, "Text")
    jonas, aylin = (letter.seen_by(Viewer(number, "x", "member", "de")) for number in (1, 2))
    links = [set(Reading(seen.html).links) for seen in (jonas, aylin)]
    assert len(links[0] - links[1]) == 3
    assert links[0] - links[1] <= set(jonas.text.split())
