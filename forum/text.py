"""The shapes a member's text takes: safe HTML, a quote, plain words, an extract, an address.

Markdown becomes HTML in three steps. The parser reads CommonMark and never lets HTML through; a few
functions settle what a forum post may do (headings, tasks, tables, pictures, links); bleach and then nh3
clean the result with one and the same table, so that a mistake in the first two steps harms nobody.
"""

import hashlib
import re
import threading
import unicodedata
from collections.abc import Iterator, Mapping
from html import unescape
from html.parser import HTMLParser
from types import MappingProxyType
from typing import Any

import nh3
from bleach.sanitizer import Cleaner
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.footnote.index import footnote_ref

MAX_SOURCE = 64_000
"""Characters in one post. Everything here is fast up to this length, whatever the characters are."""

DEEPEST = 12
"""Quotes and lists (which count twice) inside each other. Below that the text stays, as one paragraph."""

DEEPEST_EMPHASIS = 12

MAX_TAGS = 15_000
"""Start and end tags in one post. bleach takes seconds above that, and no reader is meant by it."""

NOBODY: Mapping[str, tuple[int, str]] = MappingProxyType({})

_FILE = r"/files/(?!\S*(?:\.|%2e){2})\S+"
_WEB = r"https?://[^/\\\s]\S*"

ALLOWED: dict[str, set[str]] = {
    "a": {"class", "href", "id", "rel", "title"},
    "blockquote": set(),
    "br": set(),
    "code": set(),
    "div": {"aria-label", "class", "role", "tabindex"},
    "em": set(),
    "h3": set(),
    "h4": set(),
    "h5": set(),
    "h6": set(),
    "hr": set(),
    "img": {"alt", "loading", "src", "title"},
    "li": {"class", "id"},
    "ol": {"start"},
    "p": set(),
    "pre": set(),
    "s": set(),
    "section": {"class"},
    "strong": set(),
    "sup": {"class"},
    "table": set(),
    "tbody": set(),
    "td": {"align"},
    "th": {"align"},
    "thead": set(),
    "tr": set(),
    "ul": set(),
}
"""The tags of a rendered post with their attributes. Both cleaners read this table and no other."""

ALLOWED_VALUES: dict[str, re.Pattern[str]] = {
    "align": re.compile(r"left|center|right"),
    "class": re.compile(r"mention|task|table|footnotes|footnote-ref|footnote-backref"),
    "href": re.compile(rf"(?i:{_WEB}|mailto:\S+)|/(?![/\\])\S*|#\S*"),
    "id": re.compile(r"fn(?:ref)?-[0-9a-f]{10}-\d+(?::\d+)?"),
    "loading": re.compile(r"lazy"),
    "rel": re.compile(r"nofollow noopener"),
    "role": re.compile(r"group"),
    "src": re.compile(_FILE, re.IGNORECASE),
    "start": re.compile(r"\d{1,9}"),
    "tabindex": re.compile(r"0"),
}
"""What an attribute may say; an attribute that is missing here holds free text."""

# Controls can end a line or hide in an address, bidi overrides let a text read differently from what it says,
# and half a surrogate pair cannot be stored or sent.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def render(source: str, people: Mapping[str, tuple[int, str]] = NOBODY) -> str:
    """The safe HTML of a post. `people` are those who can be mentioned: handle to member id and name."""
    env = {"docId": _fingerprint(source), "people": people}
    tokens = _parsed(source, env)
    _lower_headings(tokens)
    _tick_tasks(tokens)
    for inline in _inlines(tokens):
        inline.children = list(_settled(inline.children or []))
    html = PARSER.renderer.render(list(_framed_tables(tokens)), PARSER.options, env)
    return clean(html if html.count("<") <= MAX_TAGS else _as_typed(source))


def mentioned(source: str) -> set[str]:
    """The handles that a post calls, whether or not somebody has them. Code and links call nobody."""
    children = (child for inline in _inlines(_parsed(source)) for child in inline.children or [])
    return {child.meta["handle"] for child in children if child.type == "mention"}


def quote(source: str, author: str) -> str:
    """The beginning of an answer: the post as a Markdown quote, without what it quoted itself."""
    body = "\n".join(_unquoted_lines(source)).strip("\n")
    lines = [f"**{escaped(author)}:**", *(body.split("\n") if body else [])]
    return "".join(f"> {line}".rstrip(" ") + "\n" for line in lines) + "\n"


def plain(source_html: str) -> str:
    """A rendered post as words for the index and for mails: one line for each paragraph, item or row."""
    reader = _PlainText()
    reader.feed(source_html)
    reader.close()
    return reader.text()


def extract(plain_text: str, length: int = 200) -> str:
    """The first words of a text, at most `length` characters with the ellipsis that tells there is more."""
    words = " ".join(plain_text.split())
    if len(words) <= length:
        return words
    head = words[:length]
    whole_words = head.rpartition(" ")[0] or head[:-1]
    return whole_words.rstrip(" .,;:–-") + "…"


def tidy(value: str) -> str:
    """What somebody typed or pasted, without what nobody can see, and written in one way only."""
    lines = value.replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", _UNSEEN.sub("", lines)).rstrip()


_LETTERS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d"}
)


def slug(title: str, length: int = 60) -> str:
    """The readable part of an address: "Hilfe für Süchtige" is "hilfe-fuer-suechtige"."""
    letters = unicodedata.normalize("NFC", title).lower().translate(_LETTERS)
    ascii_only = unicodedata.normalize("NFKD", letters).encode("ascii", "ignore").decode()
    words = "-".join(re.findall(r"[a-z0-9]+", ascii_only))
    if len(words) <= length:
        return words
    return words[: length + 1].rpartition("-")[0] or words[:length]


# Cleaning


def clean(html: str) -> str:
    """HTML with nothing in it but what ALLOWED names. Cleaning twice is cleaning once."""
    seen = _UNSEEN.sub("", html)
    return _NH3.clean(_BLEACH.cleaner.clean(seen))


def _stays(tag: str, attribute: str, value: str) -> bool:
    pattern = ALLOWED_VALUES.get(attribute)
    return attribute in ALLOWED.get(tag, ()) and (pattern is None or pattern.fullmatch(value) is not None)


class _BleachOfThread(threading.local):
    # bleach's parser keeps state: two threads with one cleaner would write into each other's posts.
    def __init__(self) -> None:
        self.cleaner = Cleaner(
            tags=frozenset(ALLOWED),
            attributes=lambda tag, attribute, value: _stays(tag, attribute, unescape(value)),
            protocols=frozenset({"http", "https", "mailto"}),
            strip=True,
        )


_BLEACH = _BleachOfThread()
_NH3 = nh3.Cleaner(
    tags=set(ALLOWED),
    attributes=ALLOWED,
    attribute_filter=lambda tag, attribute, value: value if _stays(tag, attribute, value) else None,
    url_schemes={"http", "https", "mailto"},
    link_rel=None,
)


def _as_typed(source: str) -> str:
    return f"<pre>{escapeHtml(source.strip())}\n</pre>\n"


# Parsing


def _parsed(source: str, env: dict[str, Any] | None = None) -> list[Token]:
    if len(source) > MAX_SOURCE:
        raise ValueError(f"a post has at most {MAX_SOURCE} characters, this one has {len(source)}")
    return PARSER.parse(source, env if env is not None else {})


def _fingerprint(source: str) -> str:
    """Tells the footnotes of one post from those of its neighbours on the page."""
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()[:10]


def _inlines(tokens: list[Token]) -> Iterator[Token]:
    return (token for token in tokens if token.type == "inline")


def _parser() -> MarkdownIt:
    options = {"html": False, "maxNesting": DEEPEST + 2}
    parser = MarkdownIt("commonmark", options).enable(["table", "strikethrough"])
    parser.use(footnote_plugin, inline=False)
    parser.block.ruler.before("table", "too_deep", _too_deep, {"alt": []})
    parser.inline.ruler.at("footnote_ref", _short_footnote_ref)
    parser.inline.ruler.before("link", "mention", _mention)
    parser.inline.ruler.before("link", "web_address", _web_address)
    parser.inline.add_terminator_char("w")
    parser.inline.add_terminator_char("W")
    parser.core.ruler.after("inline", "shallow_emphasis", _shallow_emphasis)
    parser.core.ruler.after("inline", "mail_addresses", _mail_addresses)
    parser.add_render_rule("mention", _render_mention)
    parser.add_render_rule("footnote_block_open", lambda *_: '<section class="footnotes">\n<ol>\n')
    return parser


def _too_deep(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Keep what stands too deep as a paragraph. markdown-it would drop it, and its writer would not know."""
    if silent or state.level < DEEPEST:
        return False
    after = start
    while after < end and _belongs(state, after):
        after += 1
    state.push("paragraph_open", "p", 1).map = [start, after]
    inline = state.push("inline", "", 0)
    inline.content = state.getLines(start, after, state.blkIndent, False).strip()
    inline.map, inline.children = [start, after], []
    state.push("paragraph_close", "p", -1)
    state.line = after
    return True


def _belongs(state: StateBlock, line: int) -> bool:
    indent = state.sCount[line]
    return state.isEmpty(line) or indent >= state.blkIndent or indent < 0  # negative: a lazy line of a quote


def _shallow_emphasis(state: StateCore) -> None:
    """Thousands of asterisks would make as many nested tags, and every parser after this one suffer."""
    for inline in _inlines(state.tokens):
        for child in inline.children or []:
            if child.level >= DEEPEST_EMPHASIS and child.tag in ("em", "strong", "s"):
                child.type, child.tag, child.content, child.nesting = "text", "", child.markup, 0


_FOOTNOTE_REF = re.compile(r"\[\^[^\s\]]{1,100}\]")


def _short_footnote_ref(state: StateInline, silent: bool) -> bool:
    """The plugin's rule with a bound: alone it searches the whole post for the end of each label."""
    return bool(_FOOTNOTE_REF.match(state.src, state.pos, state.posMax)) and footnote_ref(state, silent)


_MENTION = re.compile(r"(?<![\w@.+/&=-])@((?>[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*))(?![\w@])")


def _mention(state: StateInline, silent: bool) -> bool:
    found = _MENTION.match(state.src, state.pos, state.posMax)
    if not found or state.linkLevel:
        return False
    if not silent:
        token = state.push("mention", "", 0)
        token.content, token.meta = found[0], {"handle": found[1].lower()}
    state.pos = found.end()
    return True


def _render_mention(_renderer: Any, tokens: list[Token], index: int, _options: Any, env: Any) -> str:
    token = tokens[index]
    person = env.get("people", NOBODY).get(token.meta["handle"])
    if person is None:
        return escapeHtml(token.content)
    member_id, name = person
    return f'<a class="mention" href="/members/{member_id}">@{escapeHtml(name)}</a>'


# Addresses in running text, by the rule of GitHub's Markdown, with an end to every search. linkify-it knows
# few top-level domains (not .berlin, .koeln or .social) and takes quadratic time on "a://a://…".

_SCHEME_BEFORE = re.compile(r"(?<!\w)https?\Z", re.IGNORECASE)
_WEB_ADDRESS = re.compile(r"(?:https?://[^\W_]|www\.[\w-]{1,63}+\.[^\W_])[^\s<]{0,2000}+(?=[\s<]|\Z)", re.IGNORECASE)
_AFTER_ADDRESS = "?!.,:;*_~'\"[]“”„‚‘’«»‹›…"
_MAIL_ADDRESS = re.compile(
    r"(?<![\w.@+-])[\w.+-]++@[\w-]{1,63}+(?:\.[\w-]{1,63}+){1,9}+(?<![\d_-])(?![\w@-])", re.ASCII
)


def _web_address(state: StateInline, silent: bool) -> bool:
    if silent or state.linkLevel:
        return False
    start = _start_of_web_address(state)
    found = _WEB_ADDRESS.match(state.src, start, state.posMax) if start is not None else None
    if found is None:
        return False
    address = _without_punctuation(found[0])
    state.pending = state.pending[: len(state.pending) - (state.pos - found.start())]
    state.pos = found.start() + len(address)
    href = address if "://" in address[:8] else f"http://{address}"
    for token in _link(state.md.normalizeLink(href), address):
        state.push(token.type, token.tag, token.nesting).attrs = token.attrs
        state.tokens[-1].content = token.content
    return True


def _start_of_web_address(state: StateInline) -> int | None:
    here = state.src[state.pos]
    if here == ":" and (scheme := _SCHEME_BEFORE.search(state.pending[-6:])):
        return state.pos - len(scheme[0])
    if here in "wW" and not re.match(r"[\w.@/:-]", state.src[state.pos - 1 : state.pos]):
        return state.pos
    return None


def _without_punctuation(address: str) -> str:
    """The address without the end of the sentence around it: "(siehe www.awo.org)." links www.awo.org."""
    while True:
        shorter = re.sub(r"&[a-z0-9]{1,32};\Z", "", address, flags=re.IGNORECASE).rstrip(_AFTER_ADDRESS)
        if shorter.endswith(")") and shorter.count(")") > shorter.count("("):
            shorter = shorter[:-1]
        if shorter == address:
            return address
        address = shorter


def _mail_addresses(state: StateCore) -> None:
    for inline in _inlines(state.tokens):
        if "@" in inline.content:
            inline.children = list(_with_mail_links(inline.children or []))


def _with_mail_links(children: list[Token]) -> Iterator[Token]:
    depth = 0
    for child in children:
        depth += child.nesting if child.tag == "a" else 0
        if child.type == "text" and not depth:
            yield from _linked_mail(child.content)
        else:
            yield child


def _linked_mail(words: str) -> Iterator[Token]:
    rest = 0
    for found in _MAIL_ADDRESS.finditer(words):
        yield _text(words[rest : found.start()])
        yield from _link(f"mailto:{found[0]}", found[0])
        rest = found.end()
    yield _text(words[rest:])


def _link(href: str, words: str) -> list[Token]:
    return [Token("link_open", "a", 1, attrs={"href": href}), _text(words), Token("link_close", "a", -1)]


def _text(words: str) -> Token:
    return Token("text", "", 0, content=words)


PARSER = _parser()
"""Markdown alone, before a post is settled and cleaned: measured against the CommonMark examples."""


# Settling


def _lower_headings(tokens: list[Token]) -> None:
    """The page's own headings come first: those of a post begin with h3 and skip none."""
    headings = [token for token in tokens if token.type in ("heading_open", "heading_close")]
    levels = sorted({token.tag for token in headings})
    for token in headings:
        token.tag = f"h{min(6, levels.index(token.tag) + 3)}"


_TASK = re.compile(r"\[([ xX])\]\s+")


def _tick_tasks(tokens: list[Token]) -> None:
    """Write boxes as characters: an input in a post would be one that nobody can use."""
    for item, paragraph, inline in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if item.type == "list_item_open" and paragraph.type == "paragraph_open" and inline.children:
            first = inline.children[0]
            if first.type == "text" and (box := _TASK.match(first.content)):
                item.attrSet("class", "task")
                first.content = ("☐ " if box[1] == " " else "☑ ") + first.content[box.end() :]


def _framed_tables(tokens: list[Token]) -> Iterator[Token]:
    """Each table in a frame that scrolls, takes the keyboard's focus and is named by its column heads."""
    for index, token in enumerate(tokens):
        if token.type == "table_open":
            yield _frame(_column_heads(tokens, index))
        if token.type == "th_open" and not tokens[index + 1].content:
            token.tag = tokens[index + 2].tag = "td"  # a head that says nothing is none to a screen reader
        if style := token.attrs.pop("style", None):
            token.attrSet("align", str(style).removeprefix("text-align:"))
        yield token
        if token.type == "table_close":
            yield Token("frame_close", "div", -1, block=True)


def _frame(name: str) -> Token:
    attributes = {"class": "table", "tabindex": "0"}
    if name:
        attributes |= {"role": "group", "aria-label": name}
    return Token("frame_open", "div", 1, attrs=dict(attributes), block=True)


def _column_heads(tokens: list[Token], table: int) -> str:
    heads = []
    for token in tokens[table : table + 60]:
        if token.type == "thead_close":
            break
        if token.type == "inline":
            heads.append(_words(token.children or []))
    return extract(", ".join(filter(None, heads)), 80)


def _settled(children: list[Token]) -> Iterator[Token]:
    depth = 0
    for child in children:
        depth += child.nesting if child.tag == "a" else 0
        if child.type == "image":
            yield from _settled_image(child, inside_link=depth > 0)
        else:
            yield _settled_link(child)


def _settled_link(token: Token) -> Token:
    if token.type == "link_open" and re.match(_WEB, str(token.attrs["href"]), re.IGNORECASE):
        token.attrSet("rel", "nofollow noopener")
    return token


def _settled_image(token: Token, inside_link: bool) -> list[Token]:
    """Pictures come from our own files. One from elsewhere would tell its server who reads the post."""
    source, words = str(token.attrs["src"]), _words(token.children or [])
    if ALLOWED_VALUES["src"].fullmatch(source):
        token.attrSet("loading", "lazy")
        token.children = [_text(words)]
        return [token]
    link = [_settled_link(part) for part in _link(source, words or source)]
    return link[1:2] if inside_link else link


def _words(tokens: list[Token]) -> str:
    """What inline tokens say without their markup."""
    return "".join(
        " " if token.type.endswith("break") else _words(token.children or []) or token.content for token in tokens
    )


# Quoting


def _unquoted_lines(source: str) -> Iterator[str]:
    lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    quoted = _quoted_lines(source)
    for number, line in enumerate(lines):
        # The empty line after a quote that is gone separates nothing any more.
        if number not in quoted and (line.strip() or number - 1 not in quoted):
            yield line


def _quoted_lines(source: str) -> set[int]:
    quotes = (token.map for token in _parsed(source) if token.type == "blockquote_open")
    return {number for lines in quotes if lines for number in range(*lines)}


def escaped(name: str) -> str:
    """The words so that Markdown shows them as they are."""
    return re.sub(r"([\\`*_{}\[\]<>&#!|~@^:])", r"\\\1", " ".join(name.split()))


# Plain words


_INLINE = frozenset(["a", "br", "code", "em", "img", "s", "strong", "sup", "td", "th"])
_BLOCKS = frozenset(ALLOWED) - _INLINE
_BACK_TO_TEXT = " \u21a9\ufe0e"


class _PlainText(HTMLParser):
    """Collects the words of a rendered post, line by line."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[str] = []
        self._lists: list[int | None] = []  # the number of the next item, None for bullets
        self._at_line_start = True
        self._in_code = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS or tag == "br":
            self._break_line()
        if tag in ("ul", "ol"):
            self._lists.append(None if tag == "ul" else int(dict(attrs).get("start") or 1))
        elif tag == "li":
            self._parts.append(self._bullet())
        elif tag == "pre":
            self._in_code = True
        elif tag == "img":
            self.handle_data(dict(attrs).get("alt") or "")
        elif tag in ("td", "th") and not self._at_line_start:
            self._parts.append("| ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._break_line()
        if tag in ("ul", "ol") and self._lists:
            self._lists.pop()
        elif tag == "pre":
            self._in_code = False

    def handle_data(self, data: str) -> None:
        words = data if self._in_code else re.sub(r"\s+", " ", data)
        if self._at_line_start:
            words = words if self._in_code else words.lstrip()
        if words:
            self._parts.append(words)
            self._at_line_start = words.endswith("\n")

    def text(self) -> str:
        lines = "".join(self._parts).replace(_BACK_TO_TEXT, "").split("\n")
        return "\n".join(line.rstrip() for line in lines).strip("\n")

    def _break_line(self) -> None:
        if not self._at_line_start:
            self._parts.append("\n")
            self._at_line_start = True

    def _bullet(self) -> str:
        indent = "  " * (len(self._lists) - 1)
        number = self._lists[-1] if self._lists else None
        if number is None:
            return f"{indent}- "
        self._lists[-1] = number + 1
        return f"{indent}{number}. "
