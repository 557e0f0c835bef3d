"""What mails say: text of 78 columns, and HTML from one layout that loads nothing and carries its style in its tags."""

import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from html import escape, unescape
from pathlib import Path
from typing import Any

from css_inline import CSSInliner
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from forum import i18n
from forum.mail.plain_text import of_post, wrapped
from forum.text import extract, plain

LARGEST_HTML = 100_000  # bytes: Gmail cuts off what comes after 102 kB
# What the posts of a mail may take in all, before their style: the first that makes the mail small enough is taken.
_ROOM = (64_000, 40_000, 20_000, 10_000, 4_000, 1_000)

# Templates may leave any number of empty lines in a text: they become one, but two before a section, and those of a
# post stay.
_SECTION, _KEPT = "\f", "\v"

_PACKAGE = Path(__file__).parents[1]
_INLINER = CSSInliner(load_remote_stylesheets=False, minify_css=True)


@cache
def _environment() -> Environment:
    # Inside the installed package, or beside it in a checkout.
    folders = [_PACKAGE / "templates", _PACKAGE.parent / "templates"]
    environment = Environment(
        loader=FileSystemLoader(folders), autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.globals.update(_=i18n.gettext, ngettext=i18n.ngettext)
    environment.filters.update(
        when=i18n.when, day=i18n.day, moment=_moment, wrapped=wrapped, section=_section,
        post_as_text=_post_as_text, post_as_html=_post_as_html, beginning=_beginning,
    )  # fmt: skip
    return environment


def text(kind: str, **said: Any) -> str:
    """The text of a mail, in the language that is being spoken."""
    rendered = _environment().get_template(f"mail/{kind}.txt").render(language=i18n.language(), **said)
    even = re.sub(r"\n{3,}", "\n\n", rendered)
    return re.sub(rf"\n*{_SECTION}", "\n\n\n", even).replace(_KEPT, "").strip() + "\n"


def html(kind: str, **said: Any) -> str:
    """The HTML of a mail; posts that would make it larger than mail programs show are cut, which is said in it."""
    template = _environment().get_template(f"mail/{kind}.html")
    made = ""
    for room in _ROOM:
        made = _INLINER.inline(template.render(language=i18n.language(), room=room, **said))
        if len(made.encode()) <= LARGEST_HTML:
            break
    return made


def page(name: str, **said: Any) -> str:
    """A page about mails that goes into no mail."""
    return _environment().get_template(f"mail/{name}.html").render(language=i18n.language(), **said)


def _moment(moment: datetime) -> str:
    """A moment as it can be read on any day: a mail may lie for weeks, and "today" would be wrong by then."""
    here = i18n.local(moment)
    return f"{i18n.day(moment)}, {here.hour}:{here.minute:02}"


def _section(title: str) -> str:
    return _SECTION + wrapped(title)


def _post_as_text(post_html: str, address: str, before: str = "") -> str:
    return of_post(post_html, address, before).replace("\n\n", f"\n{_KEPT}\n{_KEPT}")


def _beginning(post_html: str) -> str:
    """The first words of a post, for the line that a list of mails shows."""
    return extract(plain(post_html), 140)


# A post's HTML, which is safe already, as it can be in a mail.

_TAG = re.compile(r'<(/?)([a-z][a-z0-9]*)((?:[^<>"]|"[^"]*")*)>')
_ATTRIBUTE = re.compile(r'\b(href|src|alt)="([^"]*)"')
_ENDS = frozenset({"p", "li", "tr", "pre", "blockquote", "ul", "ol", "table", "div", "h3", "h4", "h5", "h6", "hr"})
_BACKREF = re.compile(r' ?<a [^>]*class="footnote-backref"[^>]*>[^<]*</a>')


def _post_as_html(post_html: str, room: int, address: str, more: str, deeper: int = 0) -> Markup:
    """Links lead to the network, pictures become links; what is longer than `room` ends with a link to `more`."""
    whole = _BACKREF.sub("", post_html)
    kept = _cut(whole, room)
    said = "".join(_as_in_mails(kept, address, deeper))
    if len(kept) < len(whole):
        go_on = escape(i18n.gettext("The post is longer. Read on"))
        said += f'<p><a href="{escape(more)}">{go_on}</a></p>'
    return Markup(said)  # noqa: S704 - text.render made and cleaned it; what is added here is escaped


def _as_in_mails(post_html: str, address: str, deeper: int) -> Iterator[str]:
    """The same HTML piece by piece. Mail programs follow no links within a mail: those become words."""
    position, links = 0, []  # of each open link, whether it stays one
    for tag in _TAG.finditer(post_html):
        yield post_html[position : tag.start()]
        position = tag.end()
        end, name, given = tag.groups()
        values = dict(_ATTRIBUTE.findall(given))
        if name == "a" and not end:
            links.append(not values.get("href", "#").startswith("#"))
            yield f'<a href="{_whole(values["href"], address)}">' if links[-1] else ""
        elif name == "a":
            yield "</a>" if links and links.pop() else ""
        elif name == "img":
            # Within quotes "<" is harmless and may stand as it is; outside it is not.
            picture = escape(i18n.gettext("Picture: %(name)s", name=unescape(values.get("alt", ""))))
            yield picture if links and links[-1] else f'<a href="{_whole(values["src"], address)}">{picture}</a>'
        elif name[0] == "h" and name[1:].isdigit():
            yield f"<{end}h{min(6, int(name[1:]) + deeper)}>"
        else:
            yield tag[0]
    yield post_html[position:]


def _whole(href: str, address: str) -> str:
    return f"{escape(address)}{href}" if href.startswith("/") else href


def _cut(post_html: str, room: int) -> str:
    """The HTML up to the last block that ends within `room` characters, its tags closed."""
    if len(post_html) <= room:
        return post_html
    open_tags: list[str] = []
    best = ""
    for tag in _TAG.finditer(post_html, 0, room):
        end, name, _ = tag.groups()
        if end:
            open_tags.pop()
        elif name not in ("br", "hr", "img"):
            open_tags.append(name)
        if name in _ENDS and (end or name == "hr"):
            closing = "".join(f"</{name}>" for name in reversed(open_tags))
            best = post_html[: tag.end()] + closing
    return best or f"<p>{escape(extract(plain(post_html), room))}</p>"
