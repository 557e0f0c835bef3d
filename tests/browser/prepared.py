"""What the tests need beyond the demonstration: posts of an old mailing list, gaps, versions, moderation."""

import json
import re
from pathlib import Path
from typing import Any

from forum.cli.starting import DEMO

RICH = """# Was in der Tabelle steht

| Schritt | Wer | Frist | Mietschuldenberatungsstellenverzeichnis |
|---|---|---:|---|
| Brief | Sozialarbeit | sofort | Wohnungsgenossenschaftsverbandsvorsitzendenstellvertreterin |
| Hausbesuch | zu zweit | 14 Tage | – |

- [x] Brief geschrieben
- [ ] Termin bestätigt

Das steht im Merkblatt[^1] und ~~nicht~~ auch unter https://www.example.org/{long} nachzulesen.

> Wer schreibt, der bleibt.
>
> > Und wer zitiert, auch.

    Kopfzeile: {long}

[^1]: Fassung von 2024.
""".format(long="einladung-zum-gespraech/" * 6)

TITLE = "Aus der alten Liste: " + "Wohnungsgenossenschaftsverbandsvorsitz " * 3
PERSON: dict[str, Any] = {"type": "person", "id": "alt", "name": "Alte Liste", "email": None, "organisation": None, "role": "member"}  # fmt: skip  # noqa: E501
THREAD: dict[str, Any] = {"type": "thread", "id": "liste", "area": "verwahrlosung", "kind": "strategy", "title": TITLE, "tags": [], "pinned": False, "locked": False}  # fmt: skip  # noqa: E501
POST: dict[str, Any] = {"type": "post", "thread": "liste", "author": "alt", "reply_to": None, "message_id": None, "edited_at": None}  # fmt: skip  # noqa: E501
POSTS = [
    {**POST, "id": "liste-1", "created_at": "2019-03-01T10:00:00Z", "body": RICH},
    {**POST, "id": "liste-2", "created_at": "2019-03-02T10:00:00Z", "body": "Noch ein Beitrag."},
]

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_VERSION = re.compile(r'name="version" value="(\d+)"')


def write(path: Path) -> Path:
    """The lines as a file to import."""
    area = next(line for line in DEMO.read_text().splitlines() if '"slug": "verwahrlosung"' in line)
    lines = [json.dumps(PERSON), area, *(json.dumps(line) for line in (THREAD, *POSTS))]
    path.write_text("\n".join(lines) + "\n")
    return path


def token(html: str) -> str:
    """The token of a page's form."""
    found = _TOKEN.search(html)
    assert found is not None, html[:500]
    return found[1]


def use(clients: dict[str, Any], posts: dict[tuple[str, int], int]) -> None:
    """What people did through the pages: Frieda changed, deleted, saved a search; Robert moderated; drafts wait."""
    _send(clients["frieda"], posts["t-045", 5], "edit", body="Danke euch allen, von Herzen.")
    _send(clients["frieda"], posts["t-018", 4], "delete")
    _send(clients["robert"], posts["liste", 2], "delete", reason="Doppelt geschickt.")
    _send(clients["robert"], posts["t-030", 2], "edit", body="Gekürzt.", reason="Da stand ein Name.")
    _send(clients["frieda"], posts["t-030", 3], "flag", why="outdated", words="Das Gesetz hat sich geändert.")
    _send(clients["robert"], posts["liste", 1], "recommend", for_what="einen Ablauf", reason="Spart allen viel Zeit.")
    clients["frieda"].get("/search?q=xylophonkonzert")
    kept = {"csrf_token": token(clients["frieda"].get("/inbox/bookmarks").text), "note": "Für das Team im Januar"}
    clients["frieda"].post(f"/posts/{posts['t-026', 1]}/bookmark", data=kept)
    key = token(clients["administrator"].get("/settings/account").text)
    for place in ("area:verwahrlosung", f"post:{posts['t-045', 1]}", "thread:98765"):
        fields = {"csrf_token": key, "place": place, "send_key": "k", "title": "Neu", "body": "Noch nicht fertig."}
        clients["administrator"].post("/drafts", data=fields)
    clients["administrator"].post("/drafts/3/discard", data={"csrf_token": key})
    saved = {"csrf_token": token(clients["frieda"].get("/search/saved").text), "q": "Geruch Treppenhaus"}
    clients["frieda"].post("/search/saved", data=saved)


def _send(client: Any, post: int, act: str, **fields: str) -> None:
    form = client.get(f"/posts/{post}/{act}").text
    version = _VERSION.search(form)
    fields = {"csrf_token": token(form), **({"version": version[1]} if version else {}), **fields}
    answer = client.post(f"/posts/{post}/{act}", data=fields)
    assert answer.status_code == 303, answer.text
