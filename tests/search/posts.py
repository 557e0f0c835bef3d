"""A small forum for search engines, and how to ask it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from forum.search.engine import Document, Engine, Filters, Found, IndexDamaged, Sight
from forum.search.query import parse
from forum.search.understanding import understand

SQUALOR, RENT, PRIVATE = 1, 2, 3
EVERYWHERE = Sight(frozenset({SQUALOR, RENT, PRIVATE}))


def post(key: int, body: str, title: str = "Frage aus Bremen", **said: object) -> Document:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    document = Document(
        key=key, thread_id=key, area_id=SQUALOR, kind="question", title=title, body=body, number=1,
        author="Frieda Harms", created_at=start + timedelta(days=key),
    )  # fmt: skip
    return replace(document, **said)  # type: ignore[arg-type]


def the_forum() -> list[Document]:
    return [
        post(1, "Eine Mieterin hortet Zeitungen bis zur Decke.", "Messie-Wohnung in Bremen"),
        post(2, "Wir haben mit Geduld und einer Entrümpelung geholfen.", "Messie-Wohnung in Bremen",
             thread_id=1, number=2, author="Jonas Peters", recommended=True),
        post(3, "Mietschulden über drei Monate, das Jobcenter schweigt.", "Räumung droht", area_id=RENT),
        post(4, "Ratenzahlung vereinbaren und die Mietschulden offenlegen.", "Räumung droht",
             thread_id=3, number=2, area_id=RENT, author="Jonas Peters", helpful=True),
        post(5, "Vertraulich: die Räumung bei Familie K.", "Fallbesprechung",
             area_id=PRIVATE, kind="strategy"),
    ]  # fmt: skip


def keys(found: Found) -> list[int]:
    return [hit.key for hit in found.hits]


def search(engine: Engine, text: str, sight: Sight = EVERYWHERE, **how: object) -> Found:
    return engine.find(understand(parse(text), engine.german), Filters(sight, **how))  # type: ignore[arg-type]


def assert_well(engine: Engine) -> None:
    """The forum is there, whole, and nothing else in its areas."""
    assert sorted(keys(search(engine, "Räumung"))) == [3, 4, 5]
    assert search(engine, '"drei Monate"').total == 1
    assert engine.status().healthy
    assert engine.count_by_area() == {SQUALOR: (2, 3), RENT: (2, 7), PRIVATE: (1, 5)}


def try_to_write(engine: Engine) -> None:
    """Damage that a write does not run into may pass; damage it does run into has one name."""
    try:
        engine.put([post(9, "Geruch")])
        engine.remove([1])
    except IndexDamaged:
        pass
