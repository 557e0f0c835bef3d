"""Mails as plain text of 78 columns, for members who read so or have them read aloud.

A post's HTML is walked through block by block: quotes keep their marks, lists their numbers, links their
addresses, tables their rows; code stays as it is.
"""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import takewhile

from forum.i18n import gettext

COLUMNS = 78
_BACK_TO_TEXT = "↩\ufe0e"
_BREAK = "\x00"  # in no post
_BLOCKS = frozenset(
    {"p", "h3", "h4", "h5", "h6", "tr", "hr", "section", "table", "div", "blockquote", "ul", "ol", "li", "pre"}
)
_SPACE = " \t\n\r\f"  # but no space that must not break
_SPACES = re.compile(f"[{_SPACE}]+")
# What a mail program turns into a link by itself, wherever it stands.
_CLICKABLE = re.compile(
    r"(?<=://)(?=\w)|(?<=www\.)(?=\w)|(?<=@)(?=\w)|(?<=\w)(?=\.(?:com|de|net|org|info|eu)\b)", re.IGNORECASE
)
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]+")


def inert(words: str, length: int = 200) -> str:
    """Somebody's words for a place where nothing may be hidden, wrap or become a link: a name, a title, a header."""
    line = " ".join(_UNSEEN.sub(" ", words).split())
    line = _CLICKABLE.sub(" ", line)
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def wrapped(words: str, first: str = "", rest: str | None = None, columns: int = COLUMNS) -> str:
    """A paragraph in lines of 78 columns; `first` stands before the first, `rest` before the others.

    An address keeps its whole length, so that it can be followed; other words longer than a line are cut.
    """
    rest = first if rest is None else rest
    lines, line, empty = [], first, True
    for piece in _pieces(words, max(20, columns - len(rest))):
        if not empty and len(line) + 1 + len(piece) > columns:
            lines.append(line)
            line, empty = rest, True
        line += piece if empty else f" {piece}"
        empty = False
    return "\n".join([*lines, line.rstrip()])


def _pieces(words: str, room: int) -> Iterator[str]:
    for word in _SPACES.split(words.strip(_SPACE)):
        if len(word) <= room or "://" in word:
            yield word
        else:
            yield from (word[start : start + room] for start in range(0, len(word), room))


def of_post(html: str, address: str, before: str = "") -> str:
    """A post's HTML as plain text; `address` comes before links into the network, `before` begins each line."""
    page = _Post(address, before)
    page.feed(html)
    page.close()
    return page.text()


class _Post(HTMLParser):
    """Blocks of lines that grow while tags come by. Between two blocks is an empty line, unless the second is tight."""

    def __init__(self, address: str, before: str) -> None:
        super().__init__()
        self.address = address
        self.lines: list[str] = []
        self.words = ""
        self.prefixes = [before]  # what begins each line: one for each quote and item around it
        self.last = [""]  # those of the last one
        self.bullet = ""  # what begins the next one instead, if it is the first of an item
        self.lists: list[int | None] = []  # the number of the next item, None for bullets
        self.link = ("", 0)  # where it leads, and where its words begin
        self.cells: list[str] = []  # of the row of a table
        self.tight = True
        self.in_code = self.in_footnotes = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """What begins here."""
        given = {name: value or "" for name, value in attrs}
        if tag in _BLOCKS:
            self._end_block()
            self._begin_block(tag, given)
        else:
            self._begin_inline(tag, given)

    def _begin_block(self, tag: str, given: dict[str, str]) -> None:
        match tag:
            case "blockquote":
                self.prefixes.append("> ")
            case "ul" | "ol":
                self.tight = self.tight or bool(self.lists)
                self.lists.append(None if tag == "ul" else int(given.get("start") or 1))
            case "li":
                self._begin_item()
            case "section":
                self.in_footnotes = True
            case "pre":
                self.in_code = True
            case "hr":
                self._write(["* * *"])

    def _begin_inline(self, tag: str, given: dict[str, str]) -> None:
        match tag:
            case "td" | "th":
                self.words = ""
            case "a":
                self.link = given.get("href", ""), len(self.words)
            case "s":
                self.words += "~~"
            case "br":
                self.words += _BREAK
            case "img":
                picture = gettext("Picture: %(name)s", name=given.get("alt", ""))
                self.words += f"[{picture}] <{self._whole(given['src'])}>"

    def handle_endtag(self, tag: str) -> None:
        """What ends here."""
        match tag:
            case "pre":
                self._write([f"    {line}" for line in self.words.strip("\n").split("\n")])
                self.words, self.in_code = "", False
            case "a":
                self._end_link()
            case "s":
                self.words += "~~"
            case "td" | "th":
                self.cells.append(self.words.strip(_SPACE) or "–")
            case "tr":
                self.words, self.cells = " | ".join(self.cells), []
        if tag in _BLOCKS:
            self._end_block()
        match tag:
            case "blockquote":
                self.prefixes.pop()
            case "li":
                self._end_item()
            case "ul" | "ol":
                self.lists.pop()
                self.tight = bool(self.lists)
            case "tr":
                self.tight = True
            case "table":
                self.tight = False

    def handle_data(self, data: str) -> None:
        """Words."""
        self.words += data if self.in_code else data.replace(_BACK_TO_TEXT, "")

    def text(self) -> str:
        """All of it."""
        self._end_block()
        return "\n".join(self.lines)

    def _begin_item(self) -> None:
        number = self.lists[-1]
        if number is None:
            self.bullet = "- "
        else:
            self.bullet = f"[{number}] " if self.in_footnotes else f"{number}. "
            self.lists[-1] = number + 1
        self.prefixes.append(" " * len(self.bullet))

    def _end_item(self) -> None:
        if self.bullet:
            self._write([""])
        self.prefixes.pop()
        self.tight = True

    def _end_link(self) -> None:
        href, start = self.link
        words, whole = self.words[start:], self._whole(href)
        says_itself = whole.removeprefix("mailto:").removeprefix("http://") in (words, words.removeprefix("http://"))
        if not (href.startswith("#") or says_itself or (words.startswith("@") and href.startswith("/members/"))):
            self.words += f" <{whole.removeprefix('mailto:')}>"

    def _whole(self, href: str) -> str:
        return f"{self.address}{href}" if href.startswith("/") else href

    def _end_block(self) -> None:
        if self.words.strip(_SPACE):
            self._write(self.words.strip(_SPACE).split(_BREAK), flowing=True)
        self.words = ""

    def _write(self, lines: list[str], flowing: bool = False) -> None:
        rest = "".join(self.prefixes)
        first = "".join(self.prefixes[:-1]) + self.bullet if self.bullet else rest
        if not self.tight:
            both = takewhile(lambda pair: pair[0] == pair[1], zip(self.last, self.prefixes, strict=False))
            self.lines.append("".join(prefix for prefix, _ in both).rstrip())
        for line in lines:
            self.lines.append(wrapped(line, first, rest) if flowing else f"{first}{line}".rstrip())
            first = rest
        self.last, self.bullet, self.tight = self.prefixes[:], "", False
