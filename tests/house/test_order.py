"""The house: one total order of modules, and what may stand where."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

FORUM = Path(__file__).parents[2] / "forum"
# An import may point only to something further left. `app` is forum/__init__.py, which puts all together.
ORDER = [
    *(
        "config",
        "clock",
        "errors",
        "i18n",
        "text",
        "tokens",
        "failpoints",
        "confined",
        "files",
        "pictures",
        "papers",
        "db",
        "keys",
        "outbox",
        "migrations",
    ),
    *("members", "areas", "threads", "practices", "moderation"),
    *("search", "notifications", "mail", "transfer"),
    *("worker", "web", "app", "checks", "serving", "cli"),
]
# Inside a noun, in this order; a channel keeps its own.
IN_A_NOUN = (
    *("models", "trade", "passwords", "protection", "rules", "unread", "queries", "lists", "filing", "actions"),
    *(
        "asking",
        "moving",
        "reading",
        "bookmarks",
        "given",
        "drafts",
        "offers",
        "templates",
        "opening",
        "flags",
        "merging",
        "redaction",
    ),
)
NOUNS = ("members", "areas", "threads", "practices", "moderation")
FILES = sorted(path for path in FORUM.rglob("*.py") if "versions" not in path.parts and path.stem != "__main__")


def module_of(path: Path) -> str:
    """forum/web/door.py → forum.web.door"""
    parts = path.relative_to(FORUM.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def room_of(module: str) -> str:
    """forum.web.door → web"""
    return module.split(".")[1] if "." in module else "app"


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """The modules of ours that a file imports, with the line."""
    known = {module_of(file) for file in FILES}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names if alias.name.split(".")[0] == "forum")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "forum":
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield (whole if whole in known else str(node.module)), node.lineno


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_imports_point_to_the_left(path: Path) -> None:
    here = room_of(module_of(path))
    assert here in ORDER, f"{here} has no place in the order"
    for module, line in imports(path):
        there = room_of(module)
        # The migrations' environment knows all tables, whoever they belong to.
        if there != here and path.name != "env.py":
            assert ORDER.index(there) < ORDER.index(here), f"{path}:{line} imports {module}, which stands further right"


@pytest.mark.parametrize("noun", NOUNS)
def test_a_noun_is_ordered_inside(noun: str) -> None:
    for path in (FORUM / noun).glob("*.py"):
        for module, line in imports(path):
            parts = module.split(".")
            if parts[1] == noun and len(parts) > 2 and path.stem != "__init__":
                assert IN_A_NOUN.index(parts[2]) < IN_A_NOUN.index(path.stem), f"{path}:{line} imports {module}"


def test_there_are_no_cycles() -> None:
    graph = {module_of(path): {module for module, _ in imports(path)} - {module_of(path)} for path in FILES}
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " → ".join((*way, module))
        if module not in done:
            for further in graph.get(module, ()):
                visit(further, (*way, module))
            done.add(module)

    for module in graph:
        visit(module, ())


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_imports_stand_at_the_top(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inside = [one for one in ast.walk(node) if isinstance(one, ast.Import | ast.ImportFrom)]
            assert not inside, f"{path}:{inside[0].lineno} imports inside a function"


def test_nouns_do_not_know_flask() -> None:
    for path in FILES:
        if room_of(module_of(path)) in NOUNS:
            assert "flask" not in path.read_text(), f"{path} speaks of Flask"


def test_there_is_one_commit() -> None:
    places = [module_of(path) for path in FILES if "session.commit(" in path.read_text()]
    assert places == ["forum.db"]


def test_html_goes_out_unescaped_in_few_places() -> None:
    marked = [module_of(path) for path in FILES if "Markup(" in path.read_text()]
    places = {"forum.web.templating", "forum.mail.templates", "forum.search.extracts", "forum.web.gallery_sample"}
    assert set(marked) <= places
    for template in (FORUM.parent / "templates").rglob("*.html"):
        assert "|safe" not in template.read_text().replace(" ", ""), f"{template} calls something safe"
