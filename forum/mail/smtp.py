"""One connection to the mail server, which may be slow, broken or hostile. No mail goes out in clear.

Flask-Mail gives settings and frame. Beneath it is a client of our own: Flask-Mail's knows no timeouts and checks no
certificate. Timeouts alone do not see a server that sends a byte a second: a watch cuts the connection.
"""

import io
import math
import re
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address

import flask_mail

from forum import failpoints
from forum.config import Settings
from forum.errors import N_
from forum.i18n import gettext
from forum.mail.reports import Kind, is_full, judged

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
MAIL_SECONDS = 120.0
SECONDS_BETWEEN_LOOKS = 0.1
LONGEST_ANSWER = 500

AWAY = N_("The mail server cannot be reached.")
SILENT = N_("The mail server does not answer.")
BROKEN_OFF = N_("The mail server ended the connection.")
STRANGE = N_("The mail server answers what nobody understands.")
IN_CLEAR = N_("The mail server offers no encryption, so no mail was sent.")
NO_CERTIFICATE = N_("The certificate of the mail server is not valid, so no mail was sent.")
NO_ENTRY = N_("The mail server does not accept user name and password.")

_LINE_END = re.compile(rb"\r\n|\r|\n")
_ADDRESS = re.compile(r"[!-;=?A-~]+@[A-Za-z0-9.\[\]:-]+")
_DOT = re.compile(rb"^\.", re.MULTILINE)
_STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")


def told(answer: str, between: str = " ") -> str:
    """An answer as it is kept, for people: our sentences in their language, the server's words as they are."""
    return between.join(gettext(line) for line in answer.splitlines())


class Away(Exception):
    """The server cannot be used, whatever the mail: all mails wait. Says why."""


class Lost(Away):
    """The connection ended in the middle of a mail; nobody knows whether that mail was to blame."""


class Refused(Exception):
    """The server did not take this one mail, for now (4xx) or for good (5xx)."""

    def __init__(self, code: int, said: str, at_address: bool) -> None:
        super().__init__(said)
        self.code, self.for_good = code, code >= 500
        found = _STATUS.search(said)
        self.status = found[0] if found else ""
        self.bounce = self._bounce() if self.for_good and at_address else None

    def _bounce(self) -> Kind | None:
        """What the server has against us must not pause everybody's address."""
        kind = judged(self.status, str(self))
        return kind if kind == "hard" or is_full(self.status, str(self)) else None


class Watch(threading.Thread):
    """Cuts a connection when its time is over, whatever state it is in; one thread for as long as it is open."""

    def __init__(self) -> None:
        super().__init__(name="watch", daemon=True)
        self._closed = threading.Event()
        self._end = math.inf
        self._line: socket.socket | None = None

    def over(self, line: socket.socket) -> None:
        """Keep a handle of one's own: the other is taken over when TLS begins."""
        self._line = line.dup()

    @contextmanager
    def at_most(self, seconds: float) -> Iterator[None]:
        """Cut what takes longer."""
        before, self._end = self._end, min(self._end, time.monotonic() + seconds)
        try:
            yield
        finally:
            self._end = before

    def run(self) -> None:
        """Look at the time now and then."""
        while not self._closed.wait(SECONDS_BETWEEN_LOOKS):
            if self._line is not None and time.monotonic() >= self._end:
                with suppress(OSError):
                    self._line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the connection."""
        self._closed.set()
        self.join()
        if self._line is not None:
            self._line.close()


class _WholeLines(io.BufferedReader):
    """Reads a line that the end of the connection cut as no line: half a reply is none (RFC 5321 section 2.3.8)."""

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        return line if line.endswith(b"\n") or len(line) == size else b""


class _Smtp(smtplib.SMTP):
    """Python's client, with a short time to connect, a longer one to answer, and a watch over all of it."""

    def __init__(self, watch: Watch, tls: ssl.SSLContext | None, server: str, port: int, name: str) -> None:
        self._watch, self._tls = watch, tls
        super().__init__(server, port, name, READ_SECONDS)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        line = _connected(host, port)
        line.settimeout(timeout)
        self._watch.over(line)
        return self._tls.wrap_socket(line, server_hostname=host) if self._tls else line

    def getreply(self) -> tuple[int, bytes]:
        """What the server says, once it has said all of it."""
        if self.file is None and self.sock is not None:
            self.file = _WholeLines(self.sock.makefile("rb", buffering=0))
        return super().getreply()


def _connected(host: str, port: int) -> socket.socket:
    """The first of the host's addresses that answers; all together have as long as one would have alone."""
    end = time.monotonic() + CONNECT_SECONDS
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    trouble: OSError = TimeoutError()
    for number, (*_, address) in enumerate(found):
        # Each has its part of the time that is left, so that a silent one leaves some for the next.
        part = (end - time.monotonic()) / (len(found) - number)
        try:
            return socket.create_connection((str(address[0]), port), max(part, 0.001))
        except OSError as error:
            trouble = error
    raise trouble


class Line(flask_mail.Connection):
    """The connection: open it with `with`, hand mails over one after another."""

    def __init__(self, settings: Settings, seconds: float = MAIL_SECONDS) -> None:
        password = settings.mail_password.get_secret_value()
        config = {
            "MAIL_SERVER": settings.mail_server,
            "MAIL_PORT": settings.mail_port,
            "MAIL_USE_TLS": settings.mail_security == "starttls",
            "MAIL_USE_SSL": settings.mail_security == "tls",
            "MAIL_USERNAME": settings.mail_username,
            "MAIL_PASSWORD": password,
        }
        mail = flask_mail.Mail()
        mail.state = mail.init_mail(config)
        super().__init__(mail)
        self._own = settings.mail_address
        self._only_own = False
        self._seconds = seconds
        self.watch = Watch()
        self._clean = True

    def configure_host(self) -> smtplib.SMTP:
        """Connect, encrypt and sign in; Flask-Mail calls it when the connection is opened."""
        failpoints.reach("smtp.connecting")
        self.watch.start()
        try:
            with self.watch.at_most(self._seconds), _put_into_words(Away):
                host = self._opened()
        except BaseException:
            self.watch.close()
            raise
        failpoints.reach("smtp.connected")
        return host

    def _opened(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        host = _Smtp(
            self.watch,
            context if self.mail.use_ssl else None,
            self.mail.server,
            self.mail.port,
            self._own.rpartition("@")[2],
        )
        try:
            host.ehlo_or_helo_if_needed()
            if self.mail.use_tls:
                self._encrypt(host, context)
            elif not self.mail.use_ssl and not _on_this_machine(host):
                raise Away(IN_CLEAR)
            if self.mail.username:
                self._sign_in(host)
        except BaseException:
            host.close()
            raise
        return host

    def _encrypt(self, host: smtplib.SMTP, context: ssl.SSLContext) -> None:
        if not host.has_extn("starttls"):
            raise Away(IN_CLEAR)
        host.starttls(context=context)
        host.ehlo()

    def _sign_in(self, host: smtplib.SMTP) -> None:
        try:
            host.login(self.mail.username, self.mail.password)
        except (smtplib.SMTPNotSupportedError, ValueError) as error:
            raise Away(f"{NO_ENTRY}\n{error}") from error

    def deliver(self, envelope: str, to: str, data: bytes) -> str:
        """Hand over one mail; what the server said when it took it. Raises Refused, Lost or Away."""
        if not (_ADDRESS.fullmatch(envelope) and _ADDRESS.fullmatch(to)):
            raise ValueError("no address for an envelope")
        with self.watch.at_most(self._seconds):
            failpoints.reach("smtp.envelope")
            with _put_into_words(Away):
                host = self._begun(envelope)
            with _put_into_words(Lost):
                self._say(lambda: host.docmd("RCPT", f"TO:<{to}>"), 250, at_address=True)
                self._say(lambda: host.docmd("DATA"), 354)
                failpoints.reach("smtp.data")
                host.send(_DOT.sub(b"..", _LINE_END.sub(b"\r\n", data)).removesuffix(b"\r\n") + b"\r\n.\r\n")
                failpoints.reach("smtp.dot")
                said = self._say(host.getreply, 250)
        failpoints.reach("smtp.taken")
        self._clean = True
        return said

    def _begun(self, envelope: str) -> smtplib.SMTP:
        """Up to here nothing is about this one mail but its size: what goes wrong, goes wrong for all."""
        host = self.host
        if host is None:
            raise Away(BROKEN_OFF)
        try:
            if not self._clean:
                self._say(host.rset, 250)
            self._clean = False
            self._say_sender(host, envelope)
        except Refused as refused:
            if refused.code == 552:
                raise
            raise Away(str(refused)) from refused
        except Lost as lost:
            raise Away(str(lost)) from lost
        return host

    def _say_sender(self, host: smtplib.SMTP, envelope: str) -> None:
        """Some servers take mails under the very address of the mailbox alone: then what comes back comes there."""
        sender = self._own if self._only_own else envelope
        try:
            self._say(lambda: host.docmd("MAIL", f"FROM:<{sender}>"), 250)
        except Refused as refused:
            if refused.code not in (550, 553, 554) or self._only_own:
                raise
            self._only_own = True
            self._say_sender(host, envelope)

    def _say(self, step: Callable[[], tuple[int, bytes]], wanted: int, at_address: bool = False) -> str:
        code, raw = step()
        said = _words(code, raw)
        if code == 421:
            raise Lost(said)
        if code < 0:
            raise Lost(STRANGE)
        if code // 100 != wanted // 100:
            raise Refused(code if code >= 400 else 500, said, at_address)
        return said

    def __exit__(self, *_error: object) -> None:
        """Say goodbye to a server that is still there, and close."""
        if self.host is not None:
            with suppress(OSError, ValueError), self.watch.at_most(min(CONNECT_SECONDS, self._seconds)):
                self.host.quit()
            self.host.close()
        self.watch.close()


def _on_this_machine(host: smtplib.SMTP) -> bool:
    return host.sock is not None and ip_address(host.sock.getpeername()[0]).is_loopback


@contextmanager
def _put_into_words(trouble: type[Away]) -> Iterator[None]:
    """Say in plain words what happened to a connection, with the server's own where it has said something."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise trouble(f"{NO_CERTIFICATE}\n{error.verify_message}") from error
    except smtplib.SMTPAuthenticationError as error:
        raise trouble(f"{NO_ENTRY}\n{_words(error.smtp_code, error.smtp_error)}") from error
    except smtplib.SMTPResponseException as error:
        raise trouble(_words(error.smtp_code, error.smtp_error)) from error
    except smtplib.SMTPServerDisconnected as error:
        raise trouble(SILENT if isinstance(error.__context__, TimeoutError) else BROKEN_OFF) from error
    except TimeoutError as error:
        raise trouble(SILENT) from error
    except (ConnectionResetError, BrokenPipeError, ssl.SSLError) as error:
        raise trouble(f"{BROKEN_OFF}\n{error}") from error
    except OSError as error:
        raise trouble(f"{AWAY}\n{error}") from error


def _words(code: int, raw: bytes | str) -> str:
    if code < 0:
        return STRANGE
    said = raw if isinstance(raw, str) else raw.decode(errors="replace")
    printable = "".join(letter if letter.isprintable() else " " for letter in said)
    return " ".join(f"{code} {printable}".split())[:LONGEST_ANSWER]
