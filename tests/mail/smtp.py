"""Mail servers for tests: one that takes everything, and one that misbehaves at whatever step it is told."""

import socket
import ssl
import subprocess
import threading
from collections import defaultdict
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.reliability.site import free_port

PASSWORD = "Postgeheimnis"


class Sink:
    """A real mail server that takes every mail and keeps it."""

    def __init__(self, **how: Any) -> None:
        self.mails: list[tuple[str, str, bytes]] = []
        self.connections: set[Any] = set()
        self.port = free_port()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, **how)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._controller.stop()

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:
        self.connections.add(session.peer)
        self.mails += [(envelope.mail_from or "", to, envelope.original_content or b"") for to in envelope.rcpt_tos]
        return "250 2.0.0 taken"

    def to(self, address: str) -> list[Message]:
        return [message_from_bytes(data) for _, to, data in self.mails if to == address]


def signs_in(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: Any) -> AuthResult:
    right = isinstance(given, LoginPassword) and given == LoginPassword(b"forum", PASSWORD.encode())
    return AuthResult(success=right, handled=False)


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for localhost that nobody vouches for, and a server's context with it."""
    key, paper = folder / "key.pem", folder / "certificate.pem"
    wish = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    command = ["openssl", *wish.split(), "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", paper]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(paper, key)
    return paper, context


# The steps of a conversation, in their order.
STAGES = ("greeting", "ehlo", "mail", "rcpt", "data", "text", "dot", "quit")
DROP, CUT, SILENCE, SLOWLY = "drop", "cut", "silence", "slowly"
_USUAL = {
    "greeting": b"220 here I am\r\n",
    "ehlo": b"250-somebody\r\n250 8BITMIME\r\n",
    "data": b"354 go on\r\n",
    "quit": b"221 goodbye\r\n",
}


class HostileServer:
    """Answers as usual but for the steps it was told: `rcpt=[b"450 later", None]` refuses the first recipient only.

    What stands there may be an answer, DROP, CUT (in the middle of a line), SILENCE (until its `patience` is set) or
    SLOWLY; a single one, not a list, holds for ever.
    """

    def __init__(self, context: ssl.SSLContext | None = None, **instead: Any) -> None:
        self.instead, self._context = instead, context
        self.taken: list[bytes] = []
        self.senders: list[str] = []
        self.recipients: list[str] = []
        self.seen: dict[str, int] = defaultdict(int)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._closing = threading.Event()
        self.patience = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._listener.settimeout(0.05)
        self._start(self._listen)
        return self

    def __exit__(self, *_error: object) -> None:
        self._closing.set()
        self.patience.set()
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def _start(self, act: Any, *args: Any) -> None:
        thread = threading.Thread(target=act, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _listen(self) -> None:
        while not self._closing.is_set():
            try:
                line, _ = self._listener.accept()
            except TimeoutError:
                continue
            self._start(self._converse, line)

    def _converse(self, line: socket.socket) -> None:
        try:
            with line:
                _Conversation(self, line).run()
        except (OSError, EOFError):
            pass  # the other side has gone, or we have

    def answer(self, stage: str) -> Any:
        """What is said at a step."""
        self.seen[stage] += 1
        instead = self.instead.get(stage)
        if isinstance(instead, list):
            instead = instead.pop(0) if instead else None
        return _USUAL.get(stage, b"250 good\r\n") if instead is None else instead

    def breathes(self, seconds: float) -> None:
        self._closing.wait(seconds)


class _Conversation:
    def __init__(self, server: HostileServer, line: socket.socket) -> None:
        self._server, self._line = server, line
        self._read = line.makefile("rb")

    def run(self) -> None:
        self._say("greeting")
        while words := self._read.readline():
            command = words[:4].decode("latin-1").strip().lower()
            if command in ("mail", "rcpt"):
                seen = self._server.senders if command == "mail" else self._server.recipients
                seen.append(words.decode().partition("<")[2].partition(">")[0])
            answer = self._say(command)
            if command == "star":
                self._encrypt()
            elif command == "data" and answer.startswith(b"3"):
                self._take()
            elif command == "quit":
                return

    def _take(self) -> None:
        first = self._read.readline()
        if self._server.instead.get("text"):
            self._say("text")
        lines = [first]
        while (words := self._read.readline()) != b".\r\n":
            if not words:
                raise EOFError
            lines.append(words)
        if self._say("dot").startswith(b"2"):
            self._server.taken.append(b"".join(lines))

    def _encrypt(self) -> None:
        if self._server._context is not None:
            self._line = self._server._context.wrap_socket(self._line, server_side=True)
            self._read = self._line.makefile("rb")

    def _say(self, stage: str) -> bytes:
        answer = self._server.answer(stage)
        if answer == DROP:
            raise EOFError
        if answer == CUT:
            self._line.sendall(b"250")
            raise EOFError
        if answer == SILENCE:
            self._server.patience.wait(60)
            raise EOFError
        if answer == SLOWLY:
            for byte in b"250-" + b"x" * 10_000:
                self._line.sendall(bytes([byte]))
                self._server.breathes(0.05)
            raise EOFError
        self._line.sendall(answer)
        return bytes(answer)
