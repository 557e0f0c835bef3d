"""The members' mailboxes: what the network sent, as a mail program reads it."""

import email
from datetime import timedelta
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import time_machine
from flask import Flask

from forum import clock
from forum.config import Settings
from forum.worker import work_off
from tests.cast import Person


class Mailbox:
    """Reads what came; before, the worker does what it would have done by then."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self._app, self._settings = app, settings
        self._folder: Path = settings.instance / "outbox"

    def to(self, person: Person | str) -> list[EmailMessage]:
        """All mails to somebody, or to an address, oldest first."""
        self.arrives()
        address = person if isinstance(person, str) else f"{person.key}@weserufer.example"
        return [mail for mail in self._read() if address in str(mail["To"])]

    def all(self) -> list[EmailMessage]:
        """All mails, oldest first."""
        self.arrives()
        return self._read()

    def arrives(self) -> None:
        """Have the jobs done and, when the waiting time is over, the mails sent."""
        with self._app.app_context():
            work_off(self._settings)
        later = clock.now() + timedelta(minutes=self._settings.mail_wait_minutes, seconds=1)
        with time_machine.travel(later), self._app.app_context():
            work_off(self._settings)

    def empty(self) -> None:
        """Forget what came so far."""
        self.arrives()
        for file in self._folder.glob("*.eml"):
            file.unlink()

    def _read(self) -> list[EmailMessage]:
        files = sorted(self._folder.glob("[0-9]*.eml"), key=lambda file: int(file.name.partition("-")[0]))
        return [_parsed(file) for file in files]


def _parsed(file: Path) -> EmailMessage:
    return email.message_from_bytes(file.read_bytes(), policy=default)  # type: ignore[return-value]
