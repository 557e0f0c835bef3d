"""Flowed, enriched and HTML text becomes plain text with `> ` quotes.

`inscriptis` was tried for HTML and left out: it silently drops all text below 255 nested tags and pads
a 100 kB table to 25 MB.
"""

import html
import re

from forum.mail.charsets import CONTROLS
from forum.mail.headers import one_line
from forum.mail.markdown import LIST_DEPTH, QUOTE_DEPTH


def unflow(text: str, delsp: bool = False) -> str:
    """Join the lines that the sender's program broke (RFC 3676): a line that ends in a space flows on.

    A change of quote depth ends a paragraph, and so does the signature line, which ends in a space itself.
    """
    paragraphs: list[tuple[int, list[str]]] = []
    flows = False
    for line in text.split("\n"):
        content = line.lstrip(">")
        depth = len(line) - len(content)
        content = content.removeprefix(" ")
        is_signature = content == "-- "
        if flows and paragraphs[-1][0] == depth and not is_signature:
            paragraphs[-1][1].append(content)
        else:
            paragraphs.append((depth, [content]))
        flows = content.endswith(" ") and not is_signature
        if flows and delsp:
            paragraphs[-1][1][-1] = content[:-1]
    return "\n".join(">" * depth + " " * bool(depth) + "".join(pieces) for depth, pieces in paragraphs)


def enriched_to_text(text: str) -> str:
    """Rich text of the nineties (RFC 1896) without its commands: one newline is a space, n are n - 1."""
    text = re.sub(r"<param>[^<]*</param>", "", text, flags=re.IGNORECASE)
    text = re.sub(r"\n+", lambda breaks: "\n" * (len(breaks[0]) - 1) or " ", text)
    return re.sub(r"<(?:<|/?[A-Za-z][A-Za-z0-9-]{0,60}>)", lambda tag: "<" if tag[0] == "<<" else "", text)


_TAG = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<(?P<hidden>style|script|title)\b[^>]*>.*?(?:</(?P=hidden)\b[^>]*>|\Z)"
    r"|<(?P<end>/?)(?P<name>[A-Za-z][A-Za-z0-9:]*)(?P<attributes>[^>]*)>"
    r"|<[!?/][^>]*>",
    re.DOTALL | re.IGNORECASE,
)
_PARAGRAPHS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "table", "hr", "dl", "form", "fieldset"}
_LINES = {
    "div", "tr", "address", "article", "section", "header", "footer", "dt", "dd", "center", "caption", "body",
}  # fmt: skip


def html_to_text(source: str) -> str:
    """HTML as plain text with `> ` quotes, list items and the targets of links. Linear; no text is lost."""
    page = _Page()
    # Behind the last ">" there is no tag: with that known, an open tag cannot make the search quadratic.
    last, position = source.rfind(">") + 1, 0
    for tag in _TAG.finditer(source, 0, last):
        page.text(html.unescape(source[position : tag.start()]))
        position = tag.end()
        if tag["name"]:
            page.tag(tag["name"].lower(), bool(tag["end"]), tag["attributes"])
    page.text(html.unescape(source[position:]))
    return page.result()


class _Page:
    """Lines of text that grow while tags come by."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.words: list[str] = []
        self.quotes = 0
        self.lists: list[int] = []  # the last number of each open list; -1 for bullets
        self.bullet = ""
        self.preformatted = 0
        self.link: tuple[str, int] | None = None  # the target, and which word comes first

    def text(self, text: str) -> None:
        """Words flow; only in preformatted text a newline is one."""
        text = CONTROLS.sub("", text)
        if not self.preformatted:
            flowing = re.sub(r"[ \t\n\r\f]+", " ", text)
            flowing = flowing if self.words else flowing.lstrip()
            self.words += [flowing] * bool(flowing)
            return
        first, *others = text.split("\n")
        self.words.append(first)
        for other in others:
            self.end_line(keep_empty=True)
            self.words.append(other)

    def tag(self, name: str, is_end: bool, attributes: str) -> None:
        """What a tag does to the line."""
        if name == "br":
            self.end_line(keep_empty=True)
        elif name in _PARAGRAPHS:
            self.end_paragraph()
        elif name in _LINES:
            self.end_line()
        elif name in {"blockquote", "pre", "ul", "ol", "li"}:
            self.block(name, is_end)
        elif name in {"td", "th"} and not is_end:
            self.words += [" | "] * bool(self.words)
        elif name == "a":
            self.end_link()
            self.link = None if is_end else (_attribute(attributes, "href"), len(self.words))
        elif name == "img":
            # Emoji arrive as pictures with themselves as description; longer descriptions are logos.
            description = _attribute(attributes, "alt")
            self.words += [description] * (0 < len(description) <= 8)

    def block(self, name: str, is_end: bool) -> None:
        """Quotes, lists and preformatted text change how the following lines begin."""
        if name == "li":
            self.end_line()
            self.bullet = "" if is_end else self.next_bullet()
            return
        self.end_line() if self.lists and name != "blockquote" else self.end_paragraph()
        change = -1 if is_end else 1
        if name == "blockquote":
            self.quotes = max(0, self.quotes + change)
        elif name == "pre":
            self.preformatted = max(0, self.preformatted + change)
        elif not is_end:
            self.lists.append(0 if name == "ol" else -1)
        elif self.lists:
            self.lists.pop()
            if not self.lists:
                self.end_paragraph()

    def next_bullet(self) -> str:
        if not self.lists or self.lists[-1] < 0:
            return "- "
        self.lists[-1] += 1
        return f"{self.lists[-1]}. "

    def end_link(self) -> None:
        """The target stands behind the words, unless the words say it already."""
        if self.link is None:
            return
        target, start = self.link
        words = "".join(self.words[start:]).strip()
        bare = re.sub(r"^(?:mailto:|tel:|https?://(?:www\.)?)", "", target).rstrip("/")
        is_wanted = re.match(r"(?:https?://|mailto:|tel:)\S+\Z", target)
        if words and is_wanted and bare not in words:
            self.words.append(f" ({re.sub(r'^(?:mailto|tel):', '', target)})")

    def end_line(self, keep_empty: bool = False) -> None:
        line = "".join(self.words)
        line = line.rstrip() if self.preformatted else re.sub(r" {2,}", " ", line.strip())
        self.words.clear()
        self.link = (self.link[0], 0) if self.link else None
        if line or keep_empty:
            self.lines.append((self.quote() + self.margin() + line).rstrip())
            self.bullet = "" if line else self.bullet

    def quote(self) -> str:
        return ">" * min(self.quotes, QUOTE_DEPTH) + " " * bool(self.quotes)

    def margin(self) -> str:
        """The indentation of a list item or of preformatted text."""
        level = min(len(self.lists), LIST_DEPTH + 1)
        indent = "   " * (level - 1 if self.bullet else level)
        return "    " + indent if self.preformatted else indent + self.bullet

    def end_paragraph(self) -> None:
        self.end_line()
        if self.lines and self.lines[-1].strip("> "):
            self.lines.append(self.quote().rstrip())

    def result(self) -> str:
        self.end_line()
        return "\n".join(self.lines)


def _attribute(attributes: str, name: str) -> str:
    value = r"""(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))"""
    found = re.search(rf"(?<![\w-]){name}\s{{0,9}}=\s{{0,9}}{value}", attributes[:8000], re.IGNORECASE)
    return one_line(html.unescape(found[1] or found[2] or found[3] or "")) if found else ""
