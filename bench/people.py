"""How fast people are found: bench/people.py [--members N], a network in which everybody says what they know.

Prints milliseconds of processor time of the directory and of who knows beside a search, each page whole.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from prepare import PASSWORD

from forum import config, create_app, migrations
from forum.db import db, transaction
from forum.members import actions
from forum.members.queries import viewer_of
from forum.search.people import knowing
from forum.search.queries import search, wish_of
from forum.worker import work_off

TIMES = 60
CITIES = ("Bremen", "Hannover", "Oldenburg", "Osnabrück", "Göttingen", "Celle", "Emden", "Hameln", "Peine", "Stade")
SUBJECTS = (
    *("Vermüllung", "Entrümpelung", "Mietschulden", "Ratenzahlung", "Räumungsklage", "Nachbarschaftskonflikte"),
    *("Mediation", "Schweigepflicht", "gesetzliche Betreuung", "Demenz", "Wohnraumanpassung", "Modernisierung"),
    *("Quartiersentwicklung", "Mieterbeirat", "Seniorentreff", "Stromsperre", "Schuldnerberatung", "Suchthilfe"),
    *("Ersatzwohnungen", "Umzugshilfe", "Gewaltschutz", "Kinderschutz", "Sprachmittlung", "Datenschutz"),
)
SHADES = ("", "bei Älteren", "mit Familien", "im Altbau", "im Ehrenamt", "in Gruppen", "nach Klagen", "vor Ort")


def main() -> None:
    """Make the network, measure, print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--members", type=int, default=5000)
    with tempfile.TemporaryDirectory() as folder:
        _measure(config.load(instance=Path(folder), database_url=""), options.parse_args().members)


def _measure(settings: config.Settings, members: int) -> None:
    app = create_app(settings)
    with app.app_context():
        migrations.upgrade()
        with transaction():
            viewer = _people(members)
        work_off(settings)
        asked = search(viewer, wish_of({"q": "Vermüllung im Altbau"})).asked
        db.session.rollback()
        _print(f"who knows, of {members} members", lambda: bool(knowing(viewer, asked)))
    browser = app.test_client()
    key = browser.get("/sign-in").text.partition('name="csrf_token" value="')[2].partition('"')[0]
    browser.post("/sign-in", data={"csrf_token": key, "email": "m0@example.org", "password": PASSWORD})
    for address in ("/members", "/members?q=Vermüllung", "/search?q=Vermüllung", "/settings/profile"):
        _print(address, lambda address=address: browser.get(address).status_code == 200)


def _people(members: int) -> actions.Viewer:
    chance = random.Random(7)
    actions.create_network("Messung", "de")
    houses = [actions.add_organisation(f"Wohnbau {n}", chance.choice(CITIES)) for n in range(members // 20)]
    for number in range(members):
        name, house = f"Mitglied Nr{number:05}", chance.choice(houses)
        password = PASSWORD if not number else ""
        member = actions.add_member(name, f"m{number}@example.org", organisation=house, password=password)
        known = {f"{chance.choice(SUBJECTS)} {chance.choice(SHADES)}".strip() for _ in range(3)}
        actions.describe(viewer_of(member), function="Sozialarbeit", expertise=sorted(known))
        if not number:
            first = viewer_of(member)
    return first


def _print(what: str, act: Callable[[], bool]) -> None:
    taken = []
    for _ in range(TIMES):
        begun = time.process_time()
        if not act():
            sys.exit(f"{what} failed")
        taken.append(1000 * (time.process_time() - begun))
    print(f"{what}: p50 {statistics.median(taken):.1f} ms, p95 {sorted(taken)[int(TIMES * 0.95)]:.1f} ms")


if __name__ == "__main__":
    main()
