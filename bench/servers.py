"""Servers under measurement: started on core 0, asked like a browser would, stopped at the end."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

SERVER_CORE = "0"
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    content: bytes
    ms: float

    @property
    def text(self) -> str:
        return self.content.decode()


@dataclass
class Server:
    """A process that answers on this machine, and the cookies it gave us."""

    pid: int
    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def get(self, path: str, **headers: str) -> Answer:
        """Read a page."""
        return self._ask("GET", path, None, headers)

    def post(self, path: str, form: Mapping[str, str]) -> Answer:
        """Send a form."""
        body = urllib.parse.urlencode(form)
        return self._ask("POST", path, body, {"Content-Type": "application/x-www-form-urlencoded"})

    def token(self, path: str) -> str:
        """The token of a page with a form."""
        found = _TOKEN.search(self.get(path).text)
        if found is None:
            sys.exit(f"{path} has no form that can be sent")
        return found[1]

    def sign_in(self, email: str, password: str) -> None:
        """Sign in as a person would."""
        form = {"csrf_token": self.token("/sign-in"), "email": email, "password": password}
        if self.post("/sign-in", form).status != 303:
            sys.exit(f"{email} could not sign in")

    def _ask(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> Answer:
        start = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, {"Cookie": self.cookie, **headers})
        answer = connection.getresponse()
        content = answer.read()
        ms = (time.perf_counter() - start) * 1000
        for line in answer.headers.get_all("Set-Cookie") or ():
            name, _, rest = line.partition("=")
            self.cookies[name] = rest.partition(";")[0]
        return Answer(answer.status, answer.headers, content, ms)


def gunicorn(app: str, folder: Path) -> list[str]:
    """One worker on one core."""
    return ["taskset", "-c", SERVER_CORE, str(Path(sys.executable).parent / "gunicorn"), "-w", "1", app,
            "--chdir", str(folder), "-b", "127.0.0.1:{port}"]  # fmt: skip


@contextmanager
def serving(command: list[str], surroundings: Mapping[str, str], log: Path) -> Iterator[Server]:
    """Run a server for a while; `{port}` in its command stands for the port it gets."""
    port = _free_port()
    with log.open("ab") as out:
        words = [word.format(port=port) for word in command]
        process = subprocess.Popen(words, env=dict(surroundings), stdout=out, stderr=out, start_new_session=True)
    server = Server(process.pid, port)
    try:
        _wait_for(process, server, log)
        yield server
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(20)


def _wait_for(process: subprocess.Popen[bytes], server: Server, log: Path) -> None:
    for _ in range(600):
        try:
            server.get("/")
        except OSError:
            time.sleep(0.1)
        else:
            return
        if process.poll() is not None:
            break
    sys.exit(f"the server did not start; {log} says why")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
