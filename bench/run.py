"""How fast the forum is, in one table: `make bench`, or bench/run.py [--posts N] [--quick] [--out FILE].

Each page is driven right beside the limit page (a Flask view that renders a 20-post page from memory,
shared/bench/limits_app.py), both with one worker on core 0. What counts is processor time a request,
database included, as a multiple of the limit page's in the same round: it moves little with the machine.
"""

import argparse
import importlib
import re
import shutil
import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from prepare import BIN, DATA, PASSWORD, ROOT, Made, Prepared, environment, prepare, shared_bench
from servers import Server, gunicorn, serving
from sqlalchemy import event

from forum import config, create_app
from forum.db import db

_THREADS = {"thread of 20 posts": "/threads/14", "thread of 2,000 posts": "/threads/1"}
REPLIES, REPLY_BAR_MS, MEMORY_BAR_MIB = 40, 15, 150


@dataclass
class Page:
    """A page that is measured, how many limit pages it may cost, and what was found."""

    name: str
    path: str
    must: str
    bar: float | None = None
    headers: dict[str, str] = field(default_factory=dict)
    ratios: list[float] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    bytes: int = 0
    statements: int = 0

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    def of_runs(self, figure: str) -> float:
        """The median of a figure over all rounds."""
        return float(statistics.median(run[figure] for run in self.runs))


def main() -> None:
    """Prepare, measure, print."""
    wishes = _wishes()
    for tool in ("wrk", "taskset"):
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is missing; on Debian: apt install wrk util-linux")
    made = prepare(wishes.posts)
    load = _load_driver()
    limits = {**environment(made.instance), "LIMITS_DATA": str(made.generated),
              "LIMITS_DB": str(made.generated.with_name("limits.sqlite")), "PYTHONWARNINGS": "ignore"}  # fmt: skip
    log = DATA / "servers.log"
    log.unlink(missing_ok=True)
    with (
        serving(gunicorn("limits_app:app", shared_bench()), limits, log) as limit,
        serving(gunicorn("wsgi:app", ROOT), environment(made.instance), log) as forum,
    ):
        forum.sign_in("user0001@example.org", PASSWORD)
        pages = _pages(forum)
        _check(forum, pages)
        for _ in range(1 if wishes.quick else wishes.rounds):
            _round(load, limit, forum, pages, 1 if wishes.quick else 2)
        replies = {thread: _reply(load, forum, path) for thread, path in _THREADS.items()}
    _count_statements(made, forum.cookie, pages)
    memory = _memory(load, log)
    said = _table(pages) + _rest(made, replies, memory)
    print("\n".join(said))
    if wishes.out:
        wishes.out.write_text("\n".join(said) + "\n")


def _wishes() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=40_000, help="size of the network, for example 1000000")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--out", type=Path, help="write the table to this file as well")
    return parser.parse_args()


def _load_driver() -> ModuleType:
    """shared/bench/load.py: wrk, and the processor time of a process and all it started."""
    sys.path.append(str(shared_bench()))
    return importlib.import_module("load")


def _pages(forum: Server) -> list[Page]:
    """The pages of the bars. Rows of the import have the numbers of the generated data."""
    areas = re.findall(r'href="(/areas/[a-z]+)"', forum.get("/").text)
    fullest = max(areas, key=lambda area: int(re.search(r"<span>(\d+)", forum.get(area).text)[1]))  # type: ignore[index]
    return [
        Page("home", "/", "</main>", 3),
        Page("area list", fullest, 'class="rows threads"', 4),
        Page("thread of 20 posts", "/threads/14", 'id="p1"', 4),
        Page("last page of the longest thread", "/threads/1?page=last", 'aria-current="page"', 4),
        Page("thread of 20 posts, packed", "/threads/14", "", headers={"Accept-Encoding": "gzip"}),
        Page("search for two words", "/search?q=Mietschulden+Ratenzahlung", "<mark>", 30),
        Page("search for a word of 62 % of the posts", "/search?q=Mieter", "<mark>", 60),
        Page("search for a rare word", "/search?q=Zahlungspflicht", "<mark>", 15),
        Page("search for a phrase", "/search?q=%22gute+Nachbarschaft%22", "<mark>"),
        Page("search for a sentence", "/search?q=Was+tun+bei+Mietschulden+einer+jungen+Familie%3F", "<mark>"),
        Page("search with a typing error", "/search?q=Ratenzahlnug", "<mark>"),
    ]


def _check(forum: Server, pages: list[Page]) -> None:
    """A page that is not the right one would be measured for nothing. Opens all, so that they are read from then on."""
    for page in pages:
        answer = forum.get(page.path, **page.headers)
        if answer.status != 200 or page.must.encode() not in answer.content:
            sys.exit(f"{page.path} is not the page that was to be measured (status {answer.status})")
        page.bytes = len(answer.content)


def _round(load: ModuleType, limit: Server, forum: Server, pages: list[Page], seconds: int) -> None:
    """Limit page, page, limit page, page …: each page is compared with its neighbours in time."""

    def drive(server: Server, path: str, headers: dict[str, str]) -> dict[str, Any]:
        run: dict[str, Any] = load.timed(
            [server.pid], lambda: load.wrk(server.base + path, server.cookie, 1, seconds, headers)
        )
        if run["bad_status"] or run["errors"]:
            sys.exit(f"{path} failed under load")
        return run

    before = drive(limit, "/thread", {})
    for page in pages:
        run = drive(forum, page.path, page.headers)
        after = drive(limit, "/thread", {})
        page.runs.append(run)
        page.ratios.append(2 * run["cpu_ms"] / (before["cpu_ms"] + after["cpu_ms"]))
        before = after


def _reply(load: ModuleType, forum: Server, thread: str) -> tuple[float, float]:
    """How long a reply takes until the browser is led on (median), and its processor time, in milliseconds."""
    took, before = [], sum(load.cpu([forum.pid]).values())
    form = {
        "csrf_token": forum.token(thread),
        "body": "Danke, das **hilft** uns weiter.\n\n> Erst fragen, dann schreiben.",
    }
    for number in range(REPLIES):
        answer = forum.post(f"{thread}/posts", {**form, "send_key": f"{thread}-{number}"})
        if answer.status != 303:
            sys.exit(f"a reply to {thread} was not accepted (status {answer.status})")
        took.append(answer.ms)
    used = sum(load.cpu([forum.pid]).values()) - before
    return statistics.median(took), used / REPLIES * 1000


def _count_statements(made: Prepared, cookie: str, pages: list[Page]) -> None:
    app = create_app(config.load(instance=made.instance, database_url=""))
    sent: list[str] = []
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", lambda *happened: sent.append(happened[2]))
    browser = app.test_client(use_cookies=False)
    for page in pages:
        browser.get(page.path, headers={"Cookie": cookie})  # what is unread is noted now
        sent.clear()
        browser.get(page.path, headers={"Cookie": cookie})
        page.statements = len(sent)


def _memory(load: ModuleType, log: Path) -> int:
    """The most that the demonstration's process and its children needed while all its pages were asked for."""
    folder = DATA / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with serving([str(BIN / "forum"), "demo", "--port", "{port}"], environment(folder), log) as demo:
        demo.post("/demo/sign-in", {"csrf_token": demo.token("/sign-in"), "person": "frieda"})
        for path in ("/", "/practices", "/search?q=Mieter", "/threads/1", "/threads/2", "/settings/account"):
            for _ in range(50):
                demo.get(path)
        return sum(peak for peak, *_ in load.rss([demo.pid]))


def _table(pages: list[Page]) -> list[str]:
    lines = [
        "| page, signed in | CPU ms a request | × limit | bar | p50 ms | kB of HTML | statements |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for page in pages:
        lines.append(
            f"| {page.name} | {page.of_runs('cpu_ms'):.2f} | {page.ratio:.1f} | {page.bar or ''} "
            f"| {page.of_runs('p50') / 1000:.1f} | {page.bytes / 1000:.1f} | {page.statements} |"
        )
    return lines


def _rest(made: Prepared, replies: dict[str, tuple[float, float]], memory: int) -> list[str]:
    lines = ["", "| what | measured | bar |", "|---|--:|--:|"]
    for name, (median, cpu) in replies.items():
        lines.append(f"| reply, {name}, median | {median:.1f} ms ({cpu:.1f} ms CPU) | {REPLY_BAR_MS} ms |")
    lines.append(f"| memory of the demonstration, at most | {memory} MiB | {MEMORY_BAR_MIB} MB |")
    for name, step in (("import", made.imported), ("index", made.indexed)):
        lines.append(f"| {name} of {step.count} posts | {_said(step)} | |")
    return lines


def _said(step: Made) -> str:
    return f"{step.seconds:.0f} s, {step.rate:.0f}/s, {step.peak_mib} MiB"


if __name__ == "__main__":
    main()
