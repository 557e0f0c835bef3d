"""A post's HTML as text: nothing is lost, and no line is longer than what reads well."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forum.mail.plain_text import COLUMNS, inert, of_post, wrapped
from forum.text import MAX_SOURCE, render

HOME = "https://forum.example"
PEOPLE = {"frieda-moor": (3, "Frieda Moor")}


def text(markdown: str) -> str:
    return of_post(render(markdown, PEOPLE), HOME)


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("Erstens.\n\nZweitens  \nmit Zeile.", "Erstens.\n\nZweitens\nmit Zeile."),
        ("# Titel\n\nText", "Titel\n\nText"),
        ("> Gut.\n>\n> > Nein.\n\nDoch.", "> Gut.\n>\n> > Nein.\n\nDoch."),
        ("- eins\n- zwei\n  - drei\n- vier", "- eins\n- zwei\n  - drei\n- vier"),
        ("3. drei\n4. vier", "3. drei\n4. vier"),
        ("- eins\n\n  mehr\n- zwei", "- eins\n\n  mehr\n- zwei"),
        ("- [x] Brief\n- [ ] Termin", "- ☑ Brief\n- ☐ Termin"),
        ("[Merkblatt](https://a.example/b)", "Merkblatt <https://a.example/b>"),
        ("[Thema](/threads/3)", "Thema <https://forum.example/threads/3>"),
        ("https://a.example/b www.awo.org x@y.example", "https://a.example/b www.awo.org x@y.example"),
        ("[Schreib mir](mailto:x@y.example)", "Schreib mir <x@y.example>"),
        ("Danke @frieda-moor!", "Danke @Frieda Moor!"),
        ("~~nie~~ **immer** `code`", "~~nie~~ immer code"),
        ("| Wer | Frist |\n|---|---|\n| Amt | |\n| | bald |", "Wer | Frist\nAmt | –\n– | bald"),
        ("    if a:\n        b  # <c>\n\n\n    d", "    if a:\n        b  # <c>\n\n\n    d"),
        ("a\n\n---\n\nb", "a\n\n* * *\n\nb"),
        ("![Plan](/files/3/plan.png)", "[Bild: Plan] <https://forum.example/files/3/plan.png>"),
        ("So[^1].\n\n[^1]: Stand *2024*.", "So[1].\n\n[1] Stand 2024."),
        ("> - eins\n>   - zwei", "> - eins\n>   - zwei"),
        ("a & b < c &amp; „d“", "a & b < c & „d“"),
        ("-\n- x", "-\n- x"),
        ("", ""),
    ],
)
def test_a_post_reads_well(markdown: str, expected: str) -> None:
    assert text(markdown) == expected


def test_lines_keep_the_marks_of_what_they_belong_to() -> None:
    long = "Wort " * 40
    quoted = text(f"> {long}").splitlines()
    assert len(quoted) > 1
    assert all(line.startswith("> Wort") for line in quoted)
    item = text(f"10. {long}").splitlines()
    assert item[0].startswith("10. Wort")
    assert all(line.startswith("    Wort") for line in item[1:])


def test_an_address_stays_whole_and_other_words_are_cut() -> None:
    address = f"https://a.example/{'x' * 100}"
    assert address in text(f"Siehe {address} dort.").splitlines()
    assert max(map(len, text("y" * 200).splitlines())) == COLUMNS


def test_a_quoted_post_has_a_mark_before_each_line() -> None:
    assert of_post(render("a\n\n- b"), HOME, "> ") == "> a\n>\n> - b"


WORDS = st.text(st.characters(exclude_characters="`\t", exclude_categories=("Cs", "Cc")), max_size=90)


@given(st.lists(st.tuples(st.sampled_from(["", "> ", "- ", "1. ", "# ", "> > ", "| "]), WORDS), max_size=12))
def test_no_line_is_longer_than_78_columns(lines: list[tuple[str, str]]) -> None:
    found = text("\n\n".join(mark + words for mark, words in lines)[:MAX_SOURCE])
    assert all(len(line) <= COLUMNS or "://" in line or line.startswith("    ") for line in found.splitlines())


@given(st.text(max_size=300))
def test_no_word_is_lost(words: str) -> None:
    assert re.sub(r"\s", "", wrapped(words)) == re.sub(r"\s", "", words)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Frieda Moor", "Frieda Moor"),
        ("Anna\r\nBcc: x@y.de\0", "Anna Bcc: x@ y .de"),
        ("a\u202eb\u200bc\ufeffd\u2066e\u00adf", "a b c d e f"),
        ("https://böse.example www.böse.de", "https:// böse.example www. böse .de"),
        ("Dr. J. R. Müller-Lüdenscheidt, Bremen", "Dr. J. R. Müller-Lüdenscheidt, Bremen"),
        ("x" * 300, "x" * 199 + "…"),
    ],
)
def test_words_for_headers_hide_nothing_and_lead_nowhere(words: str, expected: str) -> None:
    assert inert(words) == expected


@given(st.text(max_size=400))
def test_inert_words_are_one_line(words: str) -> None:
    assert len(inert(words).splitlines()) <= 1
    assert len(inert(words)) <= 200
    assert "://x" not in inert(words + "://x")
