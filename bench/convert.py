"""The generated data of shared/bench/gen.py as a network in our own exchange format (docs/ndjson.md).

Areas, people, threads and posts are taken over one to one, with their numbers as ids. What the generator
does not know is added by rule: twelve organisations, kinds of threads, recommendations and thanks.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

CITIES = ("Bremen", "Hannover", "Oldenburg", "Osnabrück", "Göttingen", "Braunschweig",
          "Wolfsburg", "Hildesheim", "Lüneburg", "Celle", "Emden", "Stade")  # fmt: skip
READER = "1"  # the person who signs in


def convert(source: Path, target: Path) -> None:
    """Write the network of a generated file; posts by time, as a network grows."""
    with target.open("w", encoding="utf-8") as out:
        for thing in _things(source):
            out.write(json.dumps(thing, ensure_ascii=False) + "\n")


def _things(source: Path) -> Iterator[dict[str, Any]]:
    yield {"type": "network", "name": "Fachkreis unter Last", "language": "de"}
    for number, city in enumerate(CITIES):
        yield {"type": "organisation", "id": f"house{number}", "name": f"Wohnen in {city}", "city": city}
    yield from (_person(thing) for thing in _read(source, "user"))
    areas = {thing["id"]: thing for thing in _read(source, "area")}
    for area in areas.values():
        yield {"type": "area", "slug": area["slug"], "title": area["title"], "description": area["text"]}
    askers = {}
    for thread in _read(source, "thread"):
        askers[thread["id"]] = thread["author"]
        kind = "strategy" if thread["id"] % 3 == 0 else "question"
        area = areas[thread["area"]]["slug"]
        yield {"type": "thread", "id": str(thread["id"]), "area": area, "kind": kind, "title": thread["title"]}
    marks = []
    for post in _read(source, "post"):
        yield {
            "type": "post", "id": str(post["id"]), "thread": str(post["thread"]), "author": str(post["author"]),
            "created_at": _time(post["created"]), "body": post["md"],
        }  # fmt: skip
        marks.extend(_marks(post, askers[post["thread"]]))
    yield from marks


def _person(user: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "person", "id": str(user["id"]), "name": user["display"], "email": user["email"],
        "organisation": f"house{user['id'] % len(CITIES)}",
        "role": "administrator" if user["id"] == 2 else "member",
    }  # fmt: skip


def _marks(post: dict[str, Any], asker: int) -> Iterator[dict[str, Any]]:
    """The asker recommends one early reply of every seventh thread; the reader thanks for every ninth post."""
    at = {"post": str(post["id"]), "created_at": _time(post["created"] + 3600)}
    if post["thread"] % 7 == 0 and post["pos"] == 3 and post["author"] != asker:
        words = {"for": "schwierige Gespräche", "reason": "Das hat bei uns geholfen."}
        yield {"type": "mark", "by": str(asker), "kind": "recommended", **at, **words}
    if post["id"] % 9 == 0 and str(post["author"]) != READER:
        yield {"type": "mark", "by": READER, "kind": "thanks", **at}


def _read(source: Path, kind: str) -> Iterator[dict[str, Any]]:
    with source.open(encoding="utf-8") as lines:
        yield from (thing for line in lines if (thing := json.loads(line))["t"] == kind)


def _time(epoch: int) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat()
