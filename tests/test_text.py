"""Frieda writes, Jonas reads: what Markdown becomes, and what never comes through."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from forum import text

PEOPLE = {"frieda": (3, "Frieda Moor"), "jonas-b": (4, "Jonas <b>Bär</b>")}


def data(name: str) -> Path:
    """A folder of public examples beside the repository; they are measured with, never copied into it."""
    for parent in Path(__file__).resolve().parents:
        folder = parent / "shared" / "data" / name
        if folder.is_dir():
            return folder
    pytest.skip(f"the examples are not on this machine: no shared/data/{name} above the tests")


def examples(name: str) -> list[dict[str, Any]]:
    return list(json.loads((data("f-commonmark") / name).read_text()))


# Markdown


def has_raw_html(markdown: str) -> bool:
    """Whether a parser that lets HTML through finds some: ours shows it as text."""
    tokens = MarkdownIt("commonmark").parse(markdown)
    return any(part.type.startswith("html_") for token in tokens for part in [token, *(token.children or [])])


COMMONMARK_EXCEPTIONS = {
    604: "an address with a space after it is no <autolink>, but the address is linked as everywhere",
    610: "the same with a space before it",
    613: "a bare web address is linked",
    614: "a bare mail address is linked",
}


def markdown_alone(source: str) -> str:
    return text.PARSER.render(source).replace("<blockquote></", "<blockquote>\n</")


def test_markdown_is_commonmark():
    different = {
        example["example"]
        for example in examples("commonmark-spec.json")
        if not has_raw_html(example["markdown"]) and markdown_alone(example["markdown"]) != example["html"]
    }
    assert different == set(COMMONMARK_EXCEPTIONS)


def test_raw_html_of_the_commonmark_examples_is_shown_as_text():
    sources = [example["markdown"] for example in examples("commonmark-spec.json")]
    raw = [source for source in sources if has_raw_html(source)]
    assert len(raw) > 60
    for source in raw:
        assert_harmless(text.render(source))


GFM_EXCEPTIONS = {
    628: "ftp is no scheme that we link",
    653: "no raw HTML at all, not only some tags",
}


def as_our_pages_write_it(gfm_html: str) -> str:
    boxes = gfm_html.replace('<input disabled="" type="checkbox">', "☐")
    boxes = boxes.replace('<input checked="" disabled="" type="checkbox">', "☑")
    return re.sub(r"<li>(?=[☐☑])", '<li class="task">', boxes).replace("del>", "s>")


def without_our_additions(html: str) -> str:
    return re.sub(r'<div class="table"[^>]*>\n|</div>\n| rel="nofollow noopener"', "", html)


def test_tables_tasks_strikethrough_and_addresses_are_those_of_github():
    different = {
        example["example"]
        for example in examples("gfm-extensions.json")
        if without_our_additions(text.render(example["markdown"])) != as_our_pages_write_it(example["html"])
    }
    assert different == set(GFM_EXCEPTIONS)


def test_headings_of_a_post_stay_below_those_of_the_page():
    html = text.render("# Eins\n## Zwei\n### Drei\n#### Vier\n##### Fünf\n\nSechs\n===")
    assert re.findall(r"<(h\d)>(\w+)</\1>", html) == [
        ("h3", "Eins"), ("h4", "Zwei"), ("h5", "Drei"), ("h6", "Vier"), ("h6", "Fünf"), ("h3", "Sechs"),
    ]  # fmt: skip
    html = text.render("## Lage\n#### Versuch\n## Frage")
    assert re.findall(r"<(h\d)>(\w+)</\1>", html) == [("h3", "Lage"), ("h4", "Versuch"), ("h3", "Frage")]


def test_tasks_are_characters_not_inputs():
    html = text.render("- [ ] Antrag stellen\n- [x] Jonas anrufen\n- [ ]kein Kästchen\n- [x](/ziel)")
    assert '<li class="task">☐ Antrag stellen</li>' in html
    assert '<li class="task">☑ Jonas anrufen</li>' in html
    assert "<li>[ ]kein Kästchen</li>" in html
    assert '<li><a href="/ziel">x</a></li>' in html


def test_a_wide_table_can_be_reached_by_keyboard_and_is_named_by_its_columns():
    html = text.render('| Ort | *Tel* "neu" |\n|---|--:|\n| Bremen | 0421 |')
    frame = '<div class="table" tabindex="0" role="group" aria-label="Ort, Tel &quot;neu&quot;">'
    assert html.startswith(f"{frame}\n<table>")
    assert '<td align="right">0421</td>' in html


def test_a_table_without_heads_claims_no_name():
    html = text.render("| |\n|---|\n| x |")
    assert html.startswith('<div class="table" tabindex="0">\n')
    assert "<th" not in html.replace("<thead", "")


def test_footnotes_of_neighbouring_posts_do_not_meet():
    frieda = text.render("Studie[^1]\n\n[^1]: Quelle A")
    jonas = text.render("Gegenstudie[^1], siehe[^1]\n\n[^1]: Quelle B")
    ids = re.findall(r' id="([^"]+)"', frieda + jonas)
    assert len(ids) == len(set(ids)) == 5
    for html in (frieda, jonas):
        assert set(re.findall(r'href="#([^"]+)"', html)) <= set(re.findall(r' id="([^"]+)"', html))


def test_the_same_post_renders_the_same_twice():
    source = "Studie[^1] von @frieda\n\n[^1]: Quelle"
    assert text.render(source, PEOPLE) == text.render(source, PEOPLE)


def test_a_line_break_in_the_source_is_none_on_the_page():
    assert text.render("Liebe Frieda,\ndanke.") == "<p>Liebe Frieda,\ndanke.</p>\n"


# Links and pictures


@pytest.mark.parametrize(
    ("words", "link"),
    [
        ("siehe (https://awo.org/a_b_c).", "https://awo.org/a_b_c"),
        ("siehe https://wikipedia.org/Hilfe_(Recht), gut", "https://wikipedia.org/Hilfe_(Recht)"),
        ("„http://awo.org“", "http://awo.org"),
        ("Www.wohnen.berlin/_x_/y hilft", "http://Www.wohnen.berlin/_x_/y"),
        ("an frieda_moor@beratung.hamburg.", "mailto:frieda_moor@beratung.hamburg"),
    ],
)
def test_addresses_in_running_text_are_linked(words, link):
    assert re.findall(r'href="([^"]*)"', text.render(words)) == [link]


@pytest.mark.parametrize(
    "words", ["Klient.in", "z.B.de", "www.", "http://", "xhttp://a.de", "`www.awo.org`", "a@b", "a@b@c.de"]
)
def test_words_that_look_a_little_like_addresses_stay_words(words):
    assert "<a" not in text.render(words)


def test_an_address_inside_a_link_is_not_linked_again():
    assert text.render("[www.awo.org und a@awo.org](/awo)").count("<a") == 1


@pytest.mark.parametrize("target", ["http://awo.org", "https://awo.org/x", "HTTPS://awo.org"])
def test_links_outward_give_no_credit_and_no_window(target):
    assert f'<a href="{target}" rel="nofollow noopener">' in text.render(f"[x]({target})")


@pytest.mark.parametrize("target", ["/threads/7#p3", "mailto:a@b.de", "#fn", "/"])
def test_own_links_stay_as_they_are(target):
    assert f'<a href="{target}">x</a>' in text.render(f"[x]({target})")


@pytest.mark.parametrize(
    "target",
    ["//evil.de", "ftp://a.de", "threads/7", "javascript:alert(1)", "data:text/html,x", "vbscript:x",
     "tel:110", "java&#10;script:alert(1)", "&#1;javascript:alert(1)", "http:evil", "https:/\\evil.de"],
)  # fmt: skip
def test_other_targets_are_no_links(target):
    html = text.render(f"[x]({target}) und <{target}>")
    assert_harmless(html)
    assert "href" not in html


@pytest.mark.parametrize("target", ["/\\evil.de", "/&#9;/evil.de", "/&#10;/evil.de", "/&#92;evil.de"])
def test_a_path_cannot_turn_into_another_host(target):
    html = text.render(f"[x]({target})")
    assert_harmless(html)
    assert "evil.de" not in html or re.search(r'href="/%(?:5C|09|0A)', html)


def test_a_picture_from_elsewhere_is_a_link_and_loads_nothing():
    html = text.render("![Der **Plan**](http://evil.de/pixel.png)\n\n![](http://evil.de/2.png)")
    assert "<img" not in html
    assert '<a href="http://evil.de/pixel.png" rel="nofollow noopener">Der Plan</a>' in html
    assert ">http://evil.de/2.png</a>" in html


def test_a_picture_from_our_own_files_is_shown():
    html = text.render("![Der *Plan*](/files/7/plan.png)")
    assert html == '<p><img src="/files/7/plan.png" alt="Der Plan" loading="lazy"></p>\n'


@pytest.mark.parametrize(
    "path", ["/files/../signout", "/files/%2e%2e/signout", "/files/.%2E/x", "/signout", "//files/x"]
)
def test_a_picture_cannot_call_other_pages(path):
    assert "<img" not in text.render(f"![x]({path})")


def test_a_picture_inside_a_link_leaves_one_link():
    html = text.render("[![Logo](http://evil.de/l.png)](https://awo.org)")
    assert html == '<p><a href="https://awo.org" rel="nofollow noopener">Logo</a></p>\n'


# Mentions


def test_frieda_is_mentioned_by_her_name():
    assert text.render("Danke, @frieda!", PEOPLE) == (
        '<p>Danke, <a class="mention" href="/members/3">@Frieda Moor</a>!</p>\n'
    )


def test_a_name_is_never_markup():
    assert "@Jonas &lt;b&gt;Bär&lt;/b&gt;</a>" in text.render("@jonas-b", PEOPLE)


def test_a_phone_that_begins_with_a_capital_still_mentions():
    assert 'href="/members/3"' in text.render("@Frieda kommt", PEOPLE)
    assert text.mentioned("@Frieda kommt") == {"frieda"}


@pytest.mark.parametrize(
    "source",
    ["`@frieda`", "    @frieda", "```\n@frieda\n```", "[@frieda](/x)", "<http://a.de/@frieda>", "http://a.de/@frieda",
     "x@frieda.de", "\\@frieda", "@friedas", "@frieda@mastodon.social", "@friedaö", "![@frieda](http://a.de)"],
)  # fmt: skip
def test_code_links_and_addresses_mention_nobody(source):
    assert "mention" not in text.render(source, PEOPLE)
    assert "frieda" not in text.mentioned(source)


def test_handles_are_found_before_anybody_is_looked_up():
    assert text.mentioned("@frieda, (@jonas-b) und **@neu**\n\n- @vier: ja\n\n> @fünf @6") == {
        "frieda", "jonas-b", "neu", "vier", "6",
    }  # fmt: skip


def test_a_handle_of_nobody_stays_text():
    assert text.render("@gibtsnicht & Co", PEOPLE) == "<p>@gibtsnicht &amp; Co</p>\n"


# Nothing active comes through

TAGS = [
    "a", "blockquote", "br", "code", "div", "em", "h3", "h4", "h5", "h6", "hr", "img", "li", "ol",
    "p", "pre", "s", "section", "strong", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul",
]  # fmt: skip
ATTRIBUTES = [
    "align", "alt", "aria-label", "class", "href", "id", "loading", "rel", "role", "src", "start",
    "tabindex", "title",
]  # fmt: skip


class Watchman(HTMLParser):
    """Knows by itself what is harmless: it does not ask the table that it watches."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS, tag
        for name, value in attrs:
            assert name in ATTRIBUTES, (tag, name)
            if name == "href":
                assert re.match(r"(?i)https?://[^/\\]|mailto:|/(?![/\\])|#", value or ""), value
                assert not re.search(r"[\x00-\x20\x7f-\xa0]", value or ""), value
            if name == "src":
                assert (value or "").startswith("/files/"), value

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


def assert_harmless(html: str) -> None:
    watchman = Watchman()
    watchman.feed(html)
    watchman.close()


def in_places(payload: str, every: int = 1, start: int = 0) -> str:
    """One post with the payload wherever Markdown takes a text or an address, or at some of those places."""
    return "\n\n".join(
        [
            payload,
            f"Text {payload}",
            f"[x]({payload})",
            f"[x](<{payload}>)",
            f"![x]({payload})",
            f"![{payload}](http://a.de)",
            f'![x](/files/1.png "{payload}")',
            f"<{payload}>",
            f'[{payload}](/x "{payload}")',
            f"https://a.de/{payload}",
            f"| {payload} |\n|---|\n| {payload} |",
            f"- [ ] {payload}",
            f"    {payload}",
            f"[^1] [r]\n\n[^1]: {payload}\n\n[r]: {payload}",
            f"~~~ {payload}\n{payload}",
        ][start % every :: every]
    )


def test_nothing_active_comes_out_of_the_inputs_of_bleach():
    files = sorted(data("f-bleach").glob("*.test"))
    assert len(files) == 20
    for file in files:
        dirty = file.read_text().split("\n--\n")[0]
        for source in (dirty, in_places(dirty), dirty.replace("\n", " ")):
            assert_harmless(text.render(source))
        assert_harmless(text.clean(dirty))


def test_nothing_active_comes_out_of_three_thousand_attacks():
    payloads = (data("f-xss-payloads") / "payloads.txt").read_text(errors="replace").splitlines()
    assert len(payloads) > 3_000
    for number, payload in enumerate(payloads):
        assert_harmless(text.render(in_places(payload, every=5, start=number)))


def test_cleaning_alone_stops_every_attack_that_a_bug_in_the_parser_let_through():
    for payload in (data("f-xss-payloads") / "payloads.txt").read_text(errors="replace").splitlines():
        assert_harmless(text.clean(payload))


def test_nh3_alone_stops_what_an_unmaintained_bleach_let_through(monkeypatch):
    monkeypatch.setattr(text._BLEACH, "cleaner", SimpleNamespace(clean=str))
    for payload in (data("f-xss-payloads") / "payloads.txt").read_text(errors="replace").splitlines():
        assert_harmless(text.clean(payload))


def test_html_is_shown_as_it_was_typed():
    assert text.render("<b>x</b>\n\n<p>y") == "<p>&lt;b&gt;x&lt;/b&gt;</p>\n<p>&lt;p&gt;y</p>\n"


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("<script>alert(1)</script><p onclick=x style=y>a</p>", "alert(1)<p>a</p>"),
        ('<a href="javascript:x" rel="me" class="evil" id="top">a</a>', "<a>a</a>"),
        ('<a href="/&#47;evil.de">a</a><a href="/&#9;/evil.de">b</a>', "<a>a</a><a>b</a>"),
        ('<img src="http://evil.de/x.png" alt="a"><img src="/files/1">', '<img alt="a"><img src="/files/1">'),
        ("<!-- x --><svg><p>a</p></svg><b>c</b>", "<p>a</p>c"),
        ("a\u202eb\x00c\ud800d", "abcd"),
    ],
)
def test_cleaning_keeps_what_is_in_the_table_and_nothing_else(dirty, clean):
    assert text.clean(dirty) == clean


PIECES = st.sampled_from(
    ["*", "**", "_", "~~", "`", "```\n", "[", "](", ")", "![", "<", ">", "> ", "- ", "1. ", "- [x] ",
     "# ", "\n", "\n\n", "    ", "|", "|---|\n", "[^1]", "[^1]: ", "http://a.de/", "www.a.de",
     "a@b.de", "@frieda", "&amp;", "&#0;", "&lt;b&gt;", "\\", "\r", "\x0b", "\u202e", "/files/x.png",
     "javascript:x", '"', "'", "a", "ä", "\ud800", "\u00a0", "]", "("]
)  # fmt: skip
MARKDOWN = st.lists(PIECES | st.text(max_size=6), max_size=40).map("".join)


@settings(derandomize=True, database=None, deadline=None, max_examples=400)
@given(MARKDOWN)
def test_cleaning_a_rendered_post_again_changes_nothing(source):
    html = text.render(source, PEOPLE)
    assert text.clean(html) == html
    assert_harmless(html)


@settings(derandomize=True, database=None, deadline=None, max_examples=200)
@given(MARKDOWN)
def test_whatever_is_typed_can_be_quoted_searched_and_called(source):
    text.render(text.quote(source, source))
    text.extract(text.plain(text.render(source)), 20)
    assert text.mentioned(source) == text.mentioned(source)
    assert text.tidy(text.tidy(source)) == text.tidy(source)
    assert re.fullmatch(r"(?:[a-z0-9]+-)*[a-z0-9]+|", text.slug(source))


def test_members_writing_at_the_same_time_get_their_own_posts():
    sources = [f"**{number}** mit <b>HTML</b> und Fußnote[^1]\n\n[^1]: {number}" for number in range(200)]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(text.render, sources)) == [text.render(source) for source in sources]


def test_no_two_threads_share_a_cleaner():
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(lambda: text._BLEACH.cleaner).result() is not text._BLEACH.cleaner


# Speed

HOSTILE = {
    "open brackets": "[" * 50_000,
    "open pictures": "![" * 32_000,
    "open links": "[a](" * 16_000,
    "deep quotes": ("> " * 90 + "a\nb\n") * 300,
    "lazy quote": "> " * 100 + "a\n" + "b\n" * 31_000,
    "deep lists": "- " * 32_000,
    "many loose items": "- a\n\n" * 12_800,
    "many tasks": "- [ ] a\n" * 8_000,
    "long table": "|a" * 20 + "|\n" + "|-" * 20 + "|\n" + ("|b" * 20 + "|\n") * 1_400,
    "wide table": "|a" * 10_000 + "|\n" + "|-" * 10_000 + "|\n" + "|b" * 10_000 + "|\n",
    "emphasis": "*a " * 21_000,
    "nested emphasis": "*" * 31_000 + "a" + "*" * 31_000,
    "footnote marks": "[^a]: x\n\n" + "[^" * 31_000,
    "one footnote, many marks": "[^a]: x\n\n" + "[^a]" * 15_000,
    "footnotes in footnotes": "[^a]:" * 12_800,
    "schemes": "a://" * 16_000,
    "web addresses": "http://" * 9_000,
    "www": "www." * 16_000,
    "brackets after an address": ("www.a.de/" + ")" * 1_900 + " ") * 33,
    "mail addresses": "a@" * 32_000,
    "mentions": "@a-" * 21_000,
    "entities": "&" * 64_000,
    "fences": "```\n" * 16_000,
}


# Each takes about a second; what they were in quadratic time is minutes, which the end below catches.
@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_markdown_comes_to_an_end(name):
    source = HOSTILE[name][: text.MAX_SOURCE]
    html = text.render(source)
    text.plain(html)
    text.quote(source, "Frieda")
    assert len(html) < 10 * text.MAX_SOURCE


def test_a_post_has_an_end():
    text.render("a" * text.MAX_SOURCE)
    for function in (text.render, text.mentioned, lambda source: text.quote(source, "Frieda")):
        with pytest.raises(ValueError, match="at most 64000 characters"):
            function("a" * (text.MAX_SOURCE + 1))


@pytest.mark.parametrize("source", ["> " * 60 + "Ende", "- " * 60 + "Ende", "> - " * 30 + "Ende\n\nDanach"])
def test_what_stands_too_deep_is_still_there(source):
    html = text.render(source)
    assert "Ende" in html
    assert html.count("<blockquote>") + html.count("<ul>") <= text.DEEPEST


def test_a_deep_quote_keeps_its_loose_lines():
    assert text.render("> " * 60 + "Anfang\nEnde").count("<p>") == 1


def test_emphasis_is_not_nested_without_end():
    html = text.render("*" * 99 + "wichtig" + "*" * 99)
    assert html.count("<strong>") + html.count("<em>") <= text.DEEPEST_EMPHASIS
    assert "wichtig" in html


def test_a_post_of_markup_only_is_shown_as_typed():
    source = "*a* <b>\n\n" * 5_000
    assert text.render(source).startswith("<pre>*a* &lt;b&gt;\n\n*a*")


# Quotes


def test_jonas_quotes_frieda_and_answers():
    assert text.quote("Wer kennt das?\n\n- a\n- b\n", "Frieda Moor") == (
        "> **Frieda Moor:**\n> Wer kennt das?\n>\n> - a\n> - b\n\n"
    )


def test_what_frieda_quoted_is_not_quoted_again():
    answer = text.quote("Frage\nweiter", "Jonas") + "Ja.\n\n> noch eins\nmit loser Zeile\n\nUnd dann?"
    assert text.quote(answer, "Frieda") == "> **Frieda:**\n> Ja.\n>\n> Und dann?\n\n"


def test_a_quote_in_code_is_no_quote():
    assert "> > tief" in text.quote("```\n> tief\n```", "Frieda")


def test_code_that_is_quoted_keeps_its_empty_lines():
    assert "> a\n>\n>\n> b\n" in text.quote("```\na\n\n\nb\n```", "Frieda")


def test_an_answer_below_a_quote_stands_outside_of_it():
    html = text.render(text.quote("```\noffen", "Frieda") + "Antwort")
    assert html.endswith("</blockquote>\n<p>Antwort</p>\n")


def test_the_name_in_a_quote_is_never_markup():
    html = text.render(text.quote("Hallo", "*Ina* [x](/y)\n# @frieda <b>"), PEOPLE)
    assert "<strong>*Ina* [x](/y) # @frieda &lt;b&gt;:</strong>" in html


def test_a_post_that_only_quotes_leaves_the_name():
    assert text.quote("> a\n> b", "Frieda") == "> **Frieda:**\n\n"


# Plain words, extracts


def test_a_post_reads_well_without_markup():
    html = text.render(
        "# Hausbesuch\nMit **Frau K.**\nbeim Amt &amp; danach:\\\nKaffee[^1].\n\n"
        "- eins\n  1. innen\n  2. weiter\n\n  zweiter Absatz\n- [x] fertig\n\n"
        "| Ort | Tel |\n|---|---|\n| Bremen | 0421 |\n\n> Zitat\n\n"
        "```\nx = 1 < 2\n    y\n```\n![Plan](/files/1.png)\n\n[^1]: Quelle"
    )
    assert text.plain(html).split("\n") == [
        "Hausbesuch",
        "Mit Frau K. beim Amt & danach:",
        "Kaffee[1].",
        "- eins",
        "  1. innen",
        "  2. weiter",
        "zweiter Absatz",
        "- ☑ fertig",
        "Ort | Tel",
        "Bremen | 0421",
        "Zitat",
        "x = 1 < 2",
        "    y",
        "Plan",
        "1. Quelle",
    ]


def test_plain_words_of_nothing():
    assert text.plain("") == ""


def test_a_list_goes_on_where_it_began():
    assert text.plain(text.render("7. a\n8. b")) == "7. a\n8. b"


def test_an_extract_ends_after_a_word():
    assert text.extract("Wer hat Erfahrung mit Messie-Wohnungen?", 25) == "Wer hat Erfahrung mit…"
    assert text.extract("Kurz.\nUnd gut.") == "Kurz. Und gut."
    assert text.extract("Wir lesen die Akten. Danach rufen wir an.", 25) == "Wir lesen die Akten…"
    assert text.extract("Genau passend", 13) == "Genau passend"
    assert text.extract("Jugendgerichtshilfe", 8) == "Jugendg…"
    assert text.extract("") == ""


@settings(derandomize=True, database=None, deadline=None)
@given(st.text(), st.integers(2, 50))
def test_an_extract_is_never_too_long(words, length):
    assert len(text.extract(words, length)) <= length


# What people type


def test_what_nobody_sees_is_not_kept():
    assert text.tidy("a\x00b\x1b\x85c\td\r\ne\rf\x7f") == "abc\td\ne\nf"
    assert text.tidy("gut\u202etxt.exe\u2066x\u2069") == "guttxt.exex"
    assert text.tidy("halb\ud83d") == "halb"
    assert text.tidy("  Einzug bleibt \n\n ") == "  Einzug bleibt"
    assert text.tidy("zwei Leerzeichen  \nsind ein Umbruch") == "zwei Leerzeichen  \nsind ein Umbruch"


def test_one_letter_is_written_in_one_way():
    assert text.tidy("Bu\u0308ro") == "Büro"
    assert text.tidy("u\x00\u0308") == "ü"


def test_emoji_of_several_characters_stay_whole():
    assert text.tidy("👩‍👧 ❤️") == "👩‍👧 ❤️"


@pytest.mark.parametrize(
    ("title", "address"),
    [
        ("Hilfe für Süchtige: Straße & Übergang", "hilfe-fuer-suechtige-strasse-uebergang"),
        ("ÄÖÜẞ", "aeoeuess"),
        ("Fu\u0308r Frau Çelik, Łódź und Ærø", "fuer-frau-celik-lodz-und-aero"),
        ("§ 35a SGB VIII", "35a-sgb-viii"),
        ("помощь ❤️ …", ""),
        ("", ""),
    ],
)
def test_an_address_can_be_read_aloud(title, address):
    assert text.slug(title) == address


def test_a_long_title_gives_a_short_address_of_whole_words():
    assert text.slug("Hilfe zur Erziehung nach dem achten Buch", 20) == "hilfe-zur-erziehung"
    assert text.slug("Kinderundjugendhilfegesetz", 10) == "kinderundj"
