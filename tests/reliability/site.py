"""A real network in processes of its own, to be killed, and members with browsers of their own."""

import http.client
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

PASSWORD = "ein langes Kennwort"
MEMBERS = ("frieda", "jonas", "aylin")
WRITERS = 6  # each member at two devices
AREA = "verwahrlosung"
AT_WORK = "the worker is at work"
_FIELD = re.compile(r'name="(csrf_token|send_key)" value="([^"]+)"')
_PLACE = re.compile(r"/threads/(\d+)-[^#?]*(?:\?page=\d+)?(?:#p(\d+))?$")
_BROKEN = (OSError, http.client.HTTPException)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Site:
    """Where the network lives, and how to run a command on it."""

    instance: Path
    database_url: str = ""
    lease_seconds: int = 2
    more: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)

    @property
    def environment(self) -> dict[str, str]:
        own = {
            "FORUM_INSTANCE": str(self.instance),
            "FORUM_DATABASE_URL": self.database_url,
            "FORUM_JOB_LEASE_SECONDS": str(self.lease_seconds),
            "FORUM_WORKER_PAUSE_SECONDS": "0.1",
            "PYTHONWARNINGS": "",
        }
        return {**os.environ, **own, **self.more}

    def start(self, *words: str, **how: Any) -> subprocess.Popen[Any]:
        command = [sys.executable, "-m", "forum", *words]
        return subprocess.Popen(command, env=self.environment, **how)

    def run(self, *words: str, said: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "forum", *words]
        return subprocess.run(
            command, env=self.environment, input=said, text=True, capture_output=True, timeout=120, check=False
        )

    def set_up(self) -> None:
        """`forum init`, and some members."""
        made = self.run("init", "--name", "Fachkreis Probe", "--language", "de", "--admin-name", "Anke Verwey",
                        "--admin-email", "admin@weserufer.example", "--areas", AREA)  # fmt: skip
        assert made.returncode == 0, made.stderr
        for name in MEMBERS:
            added = self.run("member", "add", f"{name}@weserufer.example", "--name", name.title(), "--password-stdin",
                             said=f"{PASSWORD}\n")  # fmt: skip
            assert added.returncode == 0, added.stderr


class Victim:
    """A process that is killed and started again."""

    def __init__(self, site: Site, *words: str, serves: bool, works: bool) -> None:
        self.site, self.words, self.serves, self.works = site, words, serves, works
        self.log = site.instance / f"{words[0]}.log"
        self.starts = 0
        self.seconds_to_start: list[float] = []
        self.start()

    def start(self) -> None:
        self.starts += 1
        self.began = time.monotonic()
        self.log_from = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = self.site.start(*self.words, stdout=log, stderr=log)

    def wait(self) -> None:
        """Until it does what it is there for."""
        if self._up():
            return
        while not self._up():
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            assert time.monotonic() - self.began < 60, self.log.read_text()[-3000:]
            time.sleep(0.02)
        self.seconds_to_start.append(time.monotonic() - self.began)

    def _up(self) -> bool:
        if self.works and AT_WORK not in self.log.read_bytes()[self.log_from :].decode(errors="replace"):
            return False
        return not self.serves or Browser(self.site.port).answers()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """As an operator stops it; the exit code."""
        self.process.terminate()
        try:
            return self.process.wait(30)
        finally:
            self.process.kill()
            self.process.wait()


class Browser:
    """One member's browser: a cookie, a connection that may break, forms."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookie = ""

    def answers(self) -> bool:
        try:
            return self.asks("GET", "/readyz")[0] == 200
        except _BROKEN:
            return False

    def asks(self, method: str, path: str, fields: dict[str, str] | None = None) -> tuple[int, str, str]:
        """Status, where it leads, page; raises when the connection breaks."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Cookie": self.cookie} if self.cookie else {}
        if fields is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            connection.request(method, path, urlencode(fields) if fields is not None else None, headers)
            answer = connection.getresponse()
            page = answer.read().decode()
            if cookie := answer.getheader("Set-Cookie"):
                self.cookie = cookie.partition(";")[0]
            return answer.status, answer.getheader("Location") or "", page
        finally:
            connection.close()


@dataclass
class Ledger:
    """What the members were told: word of the post → (thread, number); and what they should never have seen."""

    acknowledged: dict[str, tuple[int, int]] = field(default_factory=dict)
    threads: list[int] = field(default_factory=list)
    resent: int = 0
    surprises: list[str] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)


class Writer(threading.Thread):
    """A member who starts threads and replies, and sends again when the connection broke."""

    def __init__(self, site: Site, ledger: Ledger, number: int, seed: int, stop: threading.Event) -> None:
        super().__init__(name=f"writer-{number}", daemon=True)
        self.number, self.ledger, self.stop = number, ledger, stop
        self.browser = Browser(site.port)
        self.luck = random.Random(f"{seed}-{number}")

    def run(self) -> None:
        try:
            self.signs_in()
            count = 0
            while not self.stop.is_set():
                count += 1
                self.writes(f"wort{self.number}x{count}")
        except Exception as failure:
            self.ledger.surprises.append(f"{self.name}: {failure!r}")

    def signs_in(self) -> None:
        email = f"{MEMBERS[self.number % len(MEMBERS)]}@weserufer.example"
        while True:
            token = self.form("/sign-in")["csrf_token"]
            fields = {"csrf_token": token, "email": email, "password": PASSWORD}
            if self.until_answered("POST", "/sign-in", fields)[0] == 303:
                return
            self.browser.cookie = ""

    def writes(self, word: str) -> None:
        threads = self.ledger.threads
        if not threads or self.luck.random() < 0.15:
            address = page = f"/areas/{AREA}/new"
            fields = {"kind": "question", "title": f"Frage {word}", "body": f"Was hat bei euch geholfen? {word}"}
        else:
            thread = self.luck.choice(threads)
            page, address = f"/threads/{thread}", f"/threads/{thread}/posts"
            fields = {"body": f"Bei uns hilft eine Karte an der Tür. {word}"}
        form = self.form(page)
        status, location, _ = self.until_answered("POST", address, {**fields, **form})
        place = _PLACE.search(location)
        if status != 303 or place is None:
            self.ledger.surprises.append(f"{self.name} {address}: {status} {location}")
            return
        with self.ledger.guard:
            self.ledger.acknowledged[word] = int(place[1]), int(place[2] or 1)
            if not place[2]:
                threads.append(int(place[1]))

    def form(self, path: str) -> dict[str, str]:
        while True:
            status, location, page = self.until_answered("GET", path)
            if status == 303 and location.startswith("/threads/"):
                path = location
                continue
            found = dict(_FIELD.findall(page))
            if status == 200 and "csrf_token" in found:
                return found
            raise AssertionError(f"{path}: {status} {location} without a form")

    def until_answered(self, method: str, path: str, fields: dict[str, str] | None = None) -> tuple[int, str, str]:
        """Again, with the same form, for as long as the connection breaks."""
        until, broken = time.monotonic() + 90, False
        while True:
            try:
                answer = self.browser.asks(method, path, fields)
                self.ledger.resent += broken and method == "POST"
                return answer
            except _BROKEN:
                if time.monotonic() > until:
                    raise
                broken = True
                time.sleep(0.05)
