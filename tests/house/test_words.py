"""Every word a person reads is in the catalogue, in German, and used; and no page shows another language."""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po
from flask import Flask
from jinja2 import Environment, nodes

from forum import errors
from forum.i18n import LOCALE
from forum.web import problems
from tests.cast import Person, link

ROOT = Path(__file__).parents[2]
# The page for developers names macros.
TEMPLATES = sorted(path for path in ROOT.glob("templates/**/*.html") if path.parent.name != "design")
MODULES = sorted(ROOT.glob("forum/**/*.py"))
LANGUAGES = sorted(file.parts[-3] for file in LOCALE.glob("*/LC_MESSAGES/messages.po"))
GETTEXT = {"_", "gettext", "ngettext"}

# What may stand in a template without being translated.
UNTRANSLATED = {
    "kB": "a unit, the same everywhere",
    "Deutsch": "a language is listed in its own words",
    "English": "a language is listed in its own words",
}

_PLACEHOLDER = re.compile(r"%\((\w+)\)")
_WORD = re.compile(r"[^\W\d_]{2,}")
_ATTRIBUTE = re.compile(r'[a-z-]+="[^"]*"')  # what a macro adds to a tag
_SAID = re.compile(r"[A-ZÄÖÜ][a-zäöüß]+|[^\W\d_]{2,},? [^\W\d_]{2,}")


# What is said: msgids as the extractor of the make target finds them.


@cache
def said() -> dict[str, tuple[str, ...]]:
    """Every msgid with its plural, if it has one."""
    with (ROOT / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file, "babel.cfg")
    keywords = {**DEFAULT_KEYWORDS, "N_": None}
    found = extract_from_dir(
        ROOT, methods, options, keywords, directory_filter=lambda folder: not Path(folder).name.startswith(".")
    )
    ids = [message if isinstance(message, tuple) else (message,) for _, _, message, _, _ in found]
    return {one[0]: one for one in sorted(ids, key=len)}


@cache
def catalogue(language: str) -> Catalog:
    with (LOCALE / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def entries(language: str) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """msgid → (msgid and plural, the translations)."""
    messages = [(message.id, message.string) for message in catalogue(language) if message.id]
    tuples = [tuple((x,) if isinstance(x, str) else tuple(x) for x in pair) for pair in messages]
    return {ids[0]: (ids, strings) for ids, strings in tuples}


def test_the_extractor_reaches_every_corner() -> None:
    """Sentences of problems, of the trade's areas, of macros, and of both plural forms."""
    assert {errors.SENTENCES["missing"], "Neglect and hoarding", "Send reply", "d MMMM"} <= said().keys()
    assert said()["%(num)s post found"] == ("%(num)s post found", "%(num)s posts found")


def test_every_word_has_a_german_translation() -> None:
    german = entries("de")
    missing = [one for one, ids in said().items() if one not in german or german[one][0] != ids]
    empty = [one for one, (ids, strings) in german.items() if not all(strings) or len(ids) != len(strings)]
    assert not missing, "without German: see `make words`"
    assert not empty, "with an empty translation or a missing plural"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_catalogue_holds_nothing_else(language: str) -> None:
    found = catalogue(language)
    assert not entries(language).keys() - said().keys(), "no longer used"
    assert not [message.id for message in found if message.id and message.fuzzy]
    assert not found.obsolete
    assert found.charset == "utf-8"
    assert str(found.locale) == language
    assert found.num_plurals >= 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_placeholders_are_the_same(language: str) -> None:
    wrong = {
        ids[0]: string
        for ids, strings in entries(language).values()
        for string in filter(None, strings)
        if set(_PLACEHOLDER.findall(string)) != set(_PLACEHOLDER.findall(" ".join(ids)))
        or re.search(r"%(?!\(\w+\)s)", string)
    }
    assert not wrong


def test_german_is_set_as_german() -> None:
    """German quotation marks in pairs, real dashes and ellipses, the polite form, no spaces too many."""
    wrong = [
        string
        for _, strings in entries("de").values()
        for string in strings
        if re.search(r"[\"'”]|\.\.\.| - |  |^\s|\s$|\b(?:du|dich|dir|dein\w*|ihr|euch|euer\w*)\b", string)
        or string.count("„") != string.count("“")
    ]
    assert not wrong


# What is written in templates without being said through gettext.


class Visible(HTMLParser):
    """What a person sees or hears of a page."""

    _SPOKEN = frozenset({"title", "aria-label", "placeholder", "alt"})
    _SILENT = frozenset({"script", "style"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._silent = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent = tag in self._SILENT
        self.texts += [value for name, value in attrs if value and name in self._SPOKEN]

    def handle_endtag(self, _tag: str) -> None:
        self._silent = False

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.texts.append(" ".join(data.split()))


def bare_words(source: str) -> list[str]:
    """Words that stand in the HTML of a template, and sentences that stand as strings in its expressions."""
    env = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    html = "".join(value if kind == "data" else "·" * (kind == "variable_begin") for _, kind, value in env.lex(source))
    in_html = [word for text in Visible(html).texts for word in _WORD.findall(_ATTRIBUTE.sub("", text))]
    tree = env.parse(source)
    translated = {
        id(string)
        for call in tree.find_all(nodes.Call)
        if isinstance(call.node, nodes.Name) and call.node.name in GETTEXT
        for string in call.find_all(nodes.Const)
    }
    in_expressions = [
        string.value
        for string in tree.find_all(nodes.Const)
        if isinstance(string.value, str) and id(string) not in translated and _SAID.match(string.value)
    ]
    return [word for word in (*in_html, *in_expressions) if word not in UNTRANSLATED]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_templates_have_no_words_outside_gettext(template: Path) -> None:
    assert not bare_words(template.read_text())


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("<p>Save it</p>", ["Save", "it"]),
        ("<p>{{ _('Save it') }} – {{ name }}, 99+ {% if a %}x{% endif %}</p>{# Save it #}", []),
        ('<a class="btn quiet" href="/threads" title="Go on">·</a>', ["Go", "on"]),
        ('<input aria-label="{{ _(\'Search\') }}" placeholder="Find" value="">', ["Find"]),
        ("<script>const save = 'it'</script><b>&nbsp;&auml;h</b>", ["äh"]),
        ("{{ button('Save') }}{{ button(_('Save'), 'danger') }}{{ note('some words') }}", ["Save", "some words"]),
        ('{% macro here(yes) %}{% if yes %} aria-current="page"{% endif %}{% endmacro %}', []),
        ("<{{ h }}>{{ ngettext('%(num)s post', '%(num)s posts', n) }}</{{ h }}>", []),
    ],
)
def test_the_detector_of_bare_words(source: str, found: list[str]) -> None:
    assert bare_words(source) == found


# Hints are read in passing.

_LONGEST_HINT = 20
# The argument of a form's row that is its hint.
_HINT_AT = {"text_row": 3, "textarea_row": 3, "check_row": 3, "select_row": 4, "file_row": 2}
_HINT = re.compile(r'<(p|span) class="[^"]*\b(?:hint|lead)\b[^>]*>(.*?)</\1>', re.DOTALL)


def hints(source: str) -> Iterator[str]:
    """The msgids of a template that are said as a hint or a lead."""
    env = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    said_there: list[nodes.Node] = [env.parse(inner) for _, inner in _HINT.findall(source)]
    for call in env.parse(source).find_all(nodes.Call):
        place = _HINT_AT.get(getattr(call.node, "name", ""))
        if place is not None:
            said_there += call.args[place : place + 1]
            said_there += [keyword.value for keyword in call.kwargs if keyword.key == "hint"]
    for node in said_there:
        for call in [*([node] if isinstance(node, nodes.Call) else []), *node.find_all(nodes.Call)]:
            if getattr(call.node, "name", "") in GETTEXT and isinstance(call.args[0], nodes.Const):
                yield call.args[0].value


def test_hints_have_twenty_words_at_most() -> None:
    german = entries("de")
    told = {one for template in TEMPLATES for one in hints(template.read_text())}
    assert len(told) > 100
    long = [text for one in told for text in german[one][1] if len(text.split()) > _LONGEST_HINT]
    assert not long


# Problems: each code that is raised has a sentence with the values it needs, and no sentence is left over.

_PROBLEMS = {name for name, thing in vars(errors).items() if isinstance(thing, type) and issubclass(thing, Exception)}
# Where else a code is handed over: the places of the arguments.
_TAKERS = {**dict.fromkeys(_PROBLEMS, (0,)), "require": (1,), "checked": (2, 3)}


def strings_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def codes_in(code: ast.expr) -> Iterator[str]:
    """What an argument can be: a literal, one of two, or what a look-up falls back to."""
    if isinstance(code, ast.Constant) and isinstance(code.value, str):
        yield code.value
    elif isinstance(code, ast.IfExp):
        yield from codes_in(code.body)
        yield from codes_in(code.orelse)
    elif isinstance(code, ast.Call) and code.args:
        yield from codes_in(code.args[-1])


def raised() -> Iterator[tuple[str, str, set[str], bool]]:
    """(module, code, names of the values, whether these are all)."""
    for module in MODULES:
        for call in ast.walk(ast.parse(module.read_text())):
            if not isinstance(call, ast.Call):
                continue
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            values = {keyword.arg for keyword in call.keywords if keyword.arg}
            for place in _TAKERS.get(name, ()):
                for code in codes_in(call.args[place]) if len(call.args) > place else ():
                    yield str(module.relative_to(ROOT)), code, values, name != "checked"


def test_every_problem_has_its_sentence() -> None:
    found = list(raised())
    assert len(found) > 30
    assert not {(module, code) for module, code, _, _ in found if code not in errors.SENTENCES}
    assert set(problems._CODES.values()) <= errors.SENTENCES.keys()


def test_every_problem_brings_the_values_of_its_sentence() -> None:
    lacking = {
        (module, code)
        for module, code, values, complete in raised()
        if complete and set(_PLACEHOLDER.findall(errors.SENTENCES.get(code, ""))) - values
    }
    assert not lacking


def test_no_sentence_is_left_over() -> None:
    used = {"missing", "not_allowed"}  # what `Missing` and `require` say when nothing else is said
    for module in MODULES:
        if module.name != "errors.py":
            used.update(strings_in(ast.parse(module.read_text())))
    assert not errors.SENTENCES.keys() - used


# Pages as members read them.


def english_only() -> dict[str, re.Pattern[str]]:
    """Msgids that would be noticed on a German page."""
    return {
        ids[0]: re.compile(rf"(?<!\w){re.escape(ids[0])}(?!\w)")
        for ids, strings in entries("de").values()
        if len(ids) == 1 and len(ids[0]) > 3 and ids[0] != strings[0] and not _PLACEHOLDER.search(ids[0])
    }


def assert_german(person: Person, address: str) -> None:
    assert person.page is not None
    assert person.page.status_code < 500, address
    assert '<html lang="de"' in person.page.text, address
    texts = Visible(person.page.text).texts
    english = {one for one, pattern in english_only().items() if any(pattern.search(text) for text in texts)}
    assert not english, address


def test_pages_for_members_show_no_english(
    frieda: Person, jonas: Person, aylin: Person, work: Callable[[], int]
) -> None:
    thread = frieda.asks("Mieter öffnet nicht mehr – was tun?", "Zwei Briefe blieben ohne Antwort.")
    first = jonas.replies(thread, "Wir fragen zuerst das Gesundheitsamt.")
    second = aylin.replies(thread, "Eine Karte an der Tür.")
    gone = jonas.replies(thread, "Das gehört nicht hierher.")
    frieda.recommends(second, "erster Kontakt", "Die Tür ging auf.")
    aylin.recommends(first, "Klärung der Zuständigkeit", "Das spart einen Weg.")
    frieda.sends(f"/posts/{second}/helpful", on="1")
    frieda.sends(f"/posts/{first}/thanks", on="1")
    jonas.reads(f"/posts/{first}/edit")
    jonas.sends(f"/posts/{first}/edit", body="Zuerst das Gesundheitsamt, dann der Pflegedienst.", version="1")
    jonas.sends(f"/posts/{gone}/delete")
    frieda.asks("Noch eine Frage")
    work()

    for address in (
        "/",
        "/?unread",
        f"/threads/{thread}",
        f"/threads/{thread}?quote={second}",
        "/areas/vermuellung",
        "/areas/vermuellung?kind=strategy",
        "/areas/vermuellung?state=recommended",
        "/areas/vermuellung/new",
        "/areas/mitteilungen",
        "/areas/mitteilungen/new",
        "/practices",
        "/search",
        "/search?q=Karte",
        "/search?q=nirgendwo",
        '/search?q="Karte+farbe:rot+nach:gestern+art:Rede',
        f"/posts/{second}/recommend",
        "/moderation/log",
        "/search/saved",
        "/settings/account",
        f"/members/{jonas.id}",
        "/das-gibt-es-nicht",
    ):
        frieda.reads(address)
        assert_german(frieda, address)
    for address in (f"/posts/{first}/{act}" for act in ("edit", "delete", "history")):
        jonas.reads(address)
        assert_german(jonas, address)
    jonas.reads(f"/posts/{gone}/restore")
    assert_german(jonas, "restore")
    news = jonas.reads(f"/inbox/counts?thread={thread}&after=1").json
    assert news is not None
    assert news["news"] == "2 neue Antworten. Anzeigen"


def test_what_went_wrong_is_said_in_german(frieda: Person) -> None:
    thread = frieda.asks("Was tun?")
    frieda.reads(f"/threads/{thread}")
    for address, fields in {
        "/areas/vermuellung/new": {"kind": "question", "title": "", "body": "x"},
        f"/threads/{thread}/posts": {"body": ""},
        f"/threads/{thread}/moderate": {"act": "pin", "reason": ""},
        "/settings/account/password": {"present": "falsch", "password": "kurz", "repeated": "anders"},
    }.items():
        assert frieda.sends(address, **fields).status_code in (403, 404, 422), address
        assert_german(frieda, address)
    frieda.sends(f"/threads/{thread}/posts", body="Mein Text", csrf_token="alt")
    assert frieda.sees("Mein Text")
    assert_german(frieda, "a form that was open too long")


def test_pages_for_facilitators_show_no_english(frieda: Person, robert: Person) -> None:
    thread = frieda.asks("Was tun?")
    for act in ("pin", "lock", "", "unpin", "unlock"):
        assert_german(robert, robert.reads(f"/threads/{thread}/moderate").request.path)
        robert.sends(f"/threads/{thread}/moderate", act=act, reason="Damit es alle sehen.")
        assert_german(robert, f"after {act}")
    frieda.asks("Und jetzt?")
    robert.sends("/moderation/thesaurus/new", words="Messie, Horten")
    robert.sends("/moderation/thesaurus/try", words="Messie, Karte", text="Was")
    assert_german(robert, "trying words")
    robert.sends("/moderation/thesaurus/new", words="Messie, Horten")
    assert_german(robert, "words that are there already")
    for address in (
        "/",
        "/areas/mitteilungen",
        "/areas/mitteilungen/new",
        "/areas/leitungskreis",
        "/moderation/log",
        "/moderation/searches",
        "/moderation/thesaurus",
        "/moderation/thesaurus/new",
        "/moderation/thesaurus/1",
    ):
        robert.reads(address)
        assert_german(robert, address)


def test_pages_for_guests_show_no_english(app: Flask, stranger: Person) -> None:
    for address in ("/", "/sign-in", "/practices", link(app, "frieda"), "/welcome/falsch"):
        stranger.reads(address)
        assert_german(stranger, address)
    stranger.reads("/sign-in")
    stranger.sends("/sign-in", email="frieda@weserufer.example", password="falsch")
    assert stranger.sees("passen nicht zusammen")
    assert_german(stranger, "a wrong password")
