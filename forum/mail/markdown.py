"""Plain text becomes Markdown that shows what the author typed."""

import re
from itertools import groupby

QUOTE_DEPTH, LIST_DEPTH = 8, 3


def to_markdown(text: str, *, wrapped: bool = True) -> str:
    """Plain text as Markdown that shows what the author typed. Linear.

    Quotes and lists become quotes and lists. Drawn tables, columns and indented text are fenced. All else
    that Markdown would read as markup is escaped. Lines break where they were broken (two trailing spaces),
    except inside paragraphs which a mail program wrapped, when `wrapped` says that such may be here.
    """
    lines = (_quoted(line) for line in text.replace("\r\n", "\n").expandtabs(8).split("\n"))
    written: list[str] = []
    gap = 0
    for depth, run in groupby(lines, key=lambda pair: pair[0]):
        prose = _Prose([content for _, content in run], wrapped).markdown()
        gap = min(gap, depth)
        if not prose:
            continue
        written += [("> " * gap).rstrip()] * bool(written)
        written += [("> " * depth + line) if line else ("> " * depth).rstrip() for line in prose]
        gap = depth
    return "\n".join(written)


def _quoted(line: str) -> tuple[int, str]:
    """Quote depth and content of a line. Deeper than eight levels nobody can tell them apart."""
    marks = re.match(r" {0,3}(?:> ?)++", line) if ">" in line[:4] else None
    if not marks:
        return 0, line.rstrip()
    return min(marks[0].count(">"), QUOTE_DEPTH), line[marks.end() :].rstrip()


_URL = r"(?:[Hh]ttps?|HTTPS?|ftp)://(?:\([^\s()<>\"]{0,200}\)|[^\s()<>\"])++"
_SIGN = re.compile(
    r"`"
    r"|(?<=\S)\*|\*(?=\S)"
    r"|(?<![^\W_])_|_(?![^\W_])"  # inside a word an underscore is a letter
    r"|\\(?=[!-/:-@\[-`{-~]|\Z|https?://|ftp://)"
    r"|~(?=~)|(?<=~)~"
    r"|<(?=\S)"
    r"|&(?=\#|[A-Za-z])"
    r"|\](?=[(:])"
    r"|\^(?=\[)"
)
_SPECIAL = re.compile(rf"(?P<url>(?<![A-Za-z]){_URL})|{_SIGN.pattern}")
_START = re.compile(r"#{1,6}(?!\S)|>|[-+*](?!\S)|:(?=[\s:])|~(?!\S)|\[(?=[ xX]\])|!!!|\?\?\?")
_ITEM = re.compile(r"( *)([-*+•·▪‣◦]|[0-9]{1,9}[.)]) +(?=\S)")
_NUMBER = re.compile(r"([0-9]{1,9})([.)])(?!\S)")
_CODE = re.compile(r"\s*</?(?!https?:|mailto:)[A-Za-z!?][\w:.-]*(?:[\s>].*)?|.*(?:[{}]|\);)")
_DRAWING = re.compile(r"[\u2500-\u257f]|\+[-=]{3,}+\+")
_WRAP_AT_LEAST, _WRAP_AT_MOST = 60, 100


def _escaped(text: str) -> str:
    """A line whose markup is taken literally; addresses of pages stay whole."""
    return _SPECIAL.sub(lambda found: _link(found) if found["url"] else "\\" + found[0], text)


def _link(found: re.Match[str]) -> str:
    """An address stays bare where Markdown leaves it alone; else it goes into angle brackets."""
    link = found[0].rstrip(".,;:!?'*_~`]})\\") if "(" not in found[0] else found[0].rstrip(".,;:!?'*_~`]}\\")
    rest = re.sub(r"([\\`*_~\]])", r"\\\1", found[0][len(link) :])
    after = found.string[found.end() : found.end() + 1].strip(" .,;:!?)")
    is_harmless = not after and not rest.startswith("\\") and not _SIGN.search(link)
    return (link if is_harmless else f"<{link}>") + rest


def _line(text: str) -> str:
    """A line of prose: escaped within, and at its start where Markdown looks for blocks."""
    text = text.strip()
    if _is_ruler(text):
        return "\\" + text
    number = _NUMBER.match(text)
    if number:
        return f"{number[1]}\\{number[2]}{_escaped(text[number.end() :])}"
    escaped = _escaped(text)
    return "\\" + escaped if _START.match(text) and not escaped.startswith("\\") else escaped


def _is_ruler(text: str) -> bool:
    """Rows of one sign: underlines that would become headings, rules, and the second line of a table."""
    bare = text.replace(" ", "")
    is_one_sign = len(set(bare)) == 1 and bare[0] in "-=_*~+#"
    return is_one_sign or ("-" in bare and not bare.strip("-:|"))


class _Prose:
    """The lines of one quote depth on their way to Markdown."""

    def __init__(self, lines: list[str], wrapped: bool) -> None:
        self.lines = lines
        self.width = _wrap_width(lines) if wrapped else 0
        self.out: list[str] = []
        self.items: list[tuple[int, int]] = []  # for each open list the indentation typed, and of its content
        self.number = 0
        self.in_signature = False
        self.is_fenced = False  # the last thing written is a fence

    def markdown(self) -> list[str]:
        for paragraph in _paragraphs(self.lines):
            self.paragraph(paragraph)
        return self.out

    def paragraph(self, lines: list[str]) -> None:
        self.in_signature = self.in_signature or lines[0] == "--"
        if self.items and not lines[0].startswith("  ") and not _ITEM.match(lines[0]):
            self.items.clear()
        if not self.items and _is_preformatted(lines):
            self.fence(lines)
            return
        self.is_fenced = False
        self.blank()
        for before, line, after in zip(["", *lines[:-1]], lines, [*lines[1:], ""], strict=True):
            self.line(line, before, after)

    def blank(self) -> None:
        if self.out and self.out[-1]:
            self.out.append("")

    def fence(self, lines: list[str]) -> None:
        """Text that only reads well as it stands. Neighbouring pieces share one fence."""
        longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
        fence = "`" * max(3, longest + 1)
        if self.is_fenced and self.out[-1] == fence:
            self.out[-1:] = ["", *lines, fence]
        else:
            self.blank()
            self.out += [fence, *lines, fence]
        self.is_fenced = True

    def line(self, line: str, before: str, after: str) -> None:
        item = _ITEM.match(line)
        if item and not _is_ruler(line) and self.is_item(item, before, after):
            self.item(item, line)
            return
        continues = bool(before) and self.fills(before, line)
        if self.items and not continues and len(line) - len(line.lstrip()) < 2:
            self.items.clear()
            self.blank()
        elif before and not continues:
            self.out[-1] += "  "
        self.out.append(" " * (self.items[-1][1] if self.items else 0) + _line(line))

    def is_item(self, item: re.Match[str], before: str, after: str) -> bool:
        """A dash may be a dash and "3." a date: a list begins a paragraph, follows a colon or goes on."""
        mark = item[2]
        if mark[0].isdigit() and int(mark[:-1]) not in {1, self.number + 1}:
            return False
        following = _ITEM.match(after)
        is_one_of_many = following is not None and following[2][-1] == mark[-1]
        return not before or bool(self.items) or before.endswith(":") or is_one_of_many

    def item(self, item: re.Match[str], line: str) -> None:
        indent, mark = len(item[1]), item[2]
        if not self.items:
            self.blank()
        while self.items and self.items[-1][0] >= indent:
            self.items.pop()
        del self.items[LIST_DEPTH - 1 :]
        margin = self.items[-1][1] if self.items else 0
        sign = mark if mark[0].isdigit() or mark in "*+" else "-"
        self.number = int(mark[:-1]) if mark[0].isdigit() else self.number
        self.items.append((indent, margin + len(sign) + 1))
        self.out.append(f"{' ' * margin}{sign} {_line(line[item.end() :])}")

    def fills(self, before: str, line: str) -> bool:
        """Whether a mail program broke here because the next word did not fit any more."""
        if not self.width or self.in_signature or len(re.sub(_URL, "", before)) > _WRAP_AT_MOST:
            return False
        return len(before) + 1 + len(line.lstrip().partition(" ")[0]) > self.width


def _wrap_width(lines: list[str]) -> int:
    """Where lines were wrapped, in characters: the longest of them. 0 when nothing looks wrapped."""
    lengths = [len(line) for line in lines if " " in line.strip() and "://" not in line]
    width = max((length for length in lengths if length <= _WRAP_AT_MOST), default=0)
    return width if width >= _WRAP_AT_LEAST else 0


def _paragraphs(lines: list[str]) -> list[list[str]]:
    """Lines between blank lines; a signature ("--") begins a paragraph too."""
    paragraphs: list[list[str]] = []
    fresh = True
    for line in lines:
        if not line.strip():
            fresh = True
        elif fresh or line == "--":
            paragraphs.append([line])
            fresh = False
        else:
            paragraphs[-1].append(line)
    return paragraphs


def _is_preformatted(lines: list[str]) -> bool:
    """Indented text, drawings, columns and program code lose their sense when spaces collapse."""
    if all(line.startswith("    ") for line in lines):
        return True
    if len(lines) < 2:
        return False
    columns = sum(bool(re.search(r"\S {3,}\S", line)) for line in lines)
    code = sum(bool(_CODE.fullmatch(line)) for line in lines)
    return any(_DRAWING.search(line) for line in lines) or max(columns, code) * 2 >= max(len(lines), 4)
