"""How fast one post becomes a mail to everybody: bench/mail.py [--members N] [--files].

A fresh network in a temporary folder, whose members all want a mail for each post. One worker, in this process, makes
the mails due, writes them and hands them over to a mail server in a process of its own on this machine (or
into files). Prints mails a second, and this process's memory along the way.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import func, insert, select

from forum import clock, config, create_app, migrations, outbox
from forum.areas.actions import create_area
from forum.areas.queries import readable_area
from forum.config import Settings
from forum.db import db, transaction
from forum.mail.delivery import deliver_some
from forum.members.actions import add_member, create_network
from forum.members.models import Member
from forum.members.queries import viewer_of
from forum.notifications.models import MailChoice, OutgoingMail
from forum.threads.actions import start_thread

MAILS_A_SECOND = 300
BODY = """Eine Mieterin (72) öffnet seit drei Wochen nicht. Der Briefkasten ist voll, die Nachbarn riechen etwas.

- Gesundheitsamt: *angefragt, keine Antwort*
- Pflegedienst: kennt sie nicht

> Wer hat so einen Fall schon gehabt?

Ich möchte nicht, dass als Erstes die Kündigung kommt. Was hat bei euch geholfen?
"""


async def sink() -> None:
    """A mail server that takes everything, and says in the end how many mails that were."""
    taken = 0

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            command = line[:4].upper()
            if command == b"DATA":
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                taken += 1
            writer.write(b"221 bye\r\n" if command == b"QUIT" else b"250 good\r\n")

    server = await asyncio.start_server(converse, "127.0.0.1", 0, limit=1 << 24)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    print(taken)


def main() -> None:
    """Make the network, then measure."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--members", type=int, default=5000)
    asked.add_argument("--files", action="store_true", help="into files instead of to a mail server")
    asked.add_argument("--sink", action="store_true", help=argparse.SUPPRESS)
    wish = asked.parse_args()
    if wish.sink:
        asyncio.run(sink())
        return
    command = [sys.executable, __file__, "--sink"]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server,
    ):
        port = int(server.stdout.readline())  # type: ignore[union-attr]
        measure(network(Path(folder), "" if wish.files else "127.0.0.1", port, wish.members), wish.members)
        taken = int(server.communicate()[0])
        print("files were written" if wish.files else f"the mail server took {taken}")


def network(folder: Path, server: str, port: int, count: int) -> Settings:
    """A network whose members all want a mail for each post, and one post in it."""
    terms = config.load(
        instance=folder, database_url="", mail_server=server, mail_port=port, mail_security="none",
        mail_wait_minutes=0, public_url="https://forum.example.org", meaning=False,
    )  # fmt: skip
    app = create_app(terms)
    with app.app_context():
        migrations.upgrade()
        with transaction():
            create_network("Fachkreis Messung", "de")
            create_area(None, "vermuellung", "Verwahrlosung und Vermüllung", "Erster Kontakt")
            author = add_member("Frieda Moor", "frieda@example.org")
            same = {"role": "member", "state": "active", "joined_at": clock.now(), "caught_up_at": clock.now()}
            rows = [
                {**same, "uid": f"m{n}", "name": f"Mitglied {n}", "handle": f"m{n}", "email": f"m{n}@example.org"}
                for n in range(count)
            ]
            db.session.execute(insert(Member), rows)
            ids = db.session.scalars(select(Member.id).where(Member.id != author.id)).all()
            db.session.execute(insert(MailChoice), [{"member_id": one, "level": "notify"} for one in ids])
        with transaction():
            viewer = viewer_of(db.session.get_one(Member, author.id))
            area = readable_area(viewer, "vermuellung")
            start_thread(viewer, area, "question", "Mieterin öffnet nicht: was hilft?", BODY)
        db.engine.dispose()
    return terms


def measure(terms: Settings, count: int) -> None:
    """Work off the post as a worker does."""
    app = create_app(terms)
    with app.app_context():
        began = time.perf_counter()
        while outbox.run_due():
            pass
        waiting = db.session.scalar(select(func.count()).where(OutgoingMail.state == "waiting"))
        print(f"{waiting} mails due after {time.perf_counter() - began:.1f} s, memory {memory():.0f} MB")
        began, busy, done, told = time.perf_counter(), time.process_time(), 0, 0
        while some := deliver_some(terms):
            done += some
            if done - told >= count // 5:
                told = done
                print(f"{done} mails after {time.perf_counter() - began:.1f} s, memory {memory():.0f} MB")
        rate, effort = done / (time.perf_counter() - began), 1000 * (time.process_time() - busy) / done
        sent = db.session.scalar(select(func.count()).where(OutgoingMail.state == "sent"))
    print(f"{sent} mails sent, {rate:.0f} a second (at least {MAILS_A_SECOND} are wanted), {effort:.2f} ms of CPU each")


def memory() -> float:
    """What this process occupies now, in megabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


if __name__ == "__main__":
    main()
