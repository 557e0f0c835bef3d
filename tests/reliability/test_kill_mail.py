"""`kill -9` of web and worker while every post is a mail to two members: none is lost, and few come twice (R1).

FORUM_SEED and FORUM_KILLS as for the kills without mail.
"""

import sys
import time
from collections import Counter
from email import message_from_bytes

import pytest
from flask import Flask
from sqlalchemy import func, select

from forum import config, create_app
from forum.db import db, transaction
from forum.mail.addresses import addresses
from forum.members.models import Member
from forum.notifications.models import MailChoice, OutgoingMail
from forum.threads.models import Post
from forum.worker import work_off
from tests.mail.smtp import HostileServer
from tests.reliability.site import MEMBERS, Site, Victim
from tests.reliability.test_kill import SECONDS_TO_EMPTY, SEED, kills_for, survive

pytestmark = [pytest.mark.alone, pytest.mark.timeout(3600)]


def test_web_and_worker_are_killed_while_every_post_is_mailed(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    with HostileServer() as server:
        how = {"mail_server": "127.0.0.1", "mail_port": server.port, "mail_security": "none", "mail_wait_minutes": 0}
        site.more = {f"FORUM_{name.upper()}": str(value) for name, value in how.items()}
        short = {"job_lease_seconds": site.lease_seconds}
        app = create_app(config.load(instance=site.instance, database_url=site.database_url, **how, **short))
        everybody_wants_mails(app)
        victims = [
            Victim(site, "run", "--without-worker", "--port", str(site.port), serves=True, works=False),
            Victim(site, "worker", serves=False, works=True),
        ]
        told = survive(site, victims, kills_for(site, 12, 5))
        emptied = seconds_until_sent(app)
        told += mails_came(app, server, kills=victims[1].starts - 1)
    with capsys.disabled():
        sys.stdout.write(f"\n  with mails: {told} after {emptied:.0f} s\n")


def everybody_wants_mails(app: Flask) -> None:
    with app.app_context(), transaction():
        for member in db.session.scalars(select(Member).where(Member.email != "admin@weserufer.example")):
            db.session.add(MailChoice(member_id=member.id, level="notify"))
    with app.app_context():
        db.engine.dispose()


def seconds_until_sent(app: Flask) -> float:
    began = time.monotonic()
    while time.monotonic() - began < SECONDS_TO_EMPTY:
        with app.app_context():
            work_off(app.extensions["forum.settings"])
            if not db.session.scalar(select(func.count()).where(OutgoingMail.state == "waiting")):
                return time.monotonic() - began
        time.sleep(0.1)
    raise AssertionError(f"mails still wait after {SECONDS_TO_EMPTY} s")


def mails_came(app: Flask, server: HostileServer, kills: int) -> str:
    """Each post to both others, under its own Message-ID, and at most one twice for each time a worker died."""
    with app.app_context():
        posts = db.session.execute(select(Post, Member.email).join(Member, Member.id == Post.author_id)).all()
        due = {
            (f"{name}@weserufer.example", addresses().message_id(post))
            for post, author in posts
            for name in MEMBERS
            if f"{name}@weserufer.example" != author
        }
        states = Counter(db.session.scalars(select(OutgoingMail.state)))
        db.session.remove()
        db.engine.dispose()
    came: Counter[tuple[str, str]] = Counter()
    for data in server.taken:
        mail = message_from_bytes(data)
        came[mail["To"].rpartition("<")[2].rstrip(">"), mail["Message-ID"]] += 1
    doubled = came.total() - len(came)
    replay = f"replay with FORUM_SEED={SEED}"
    assert due - came.keys() == set(), replay
    assert came.keys() - due == set(), replay
    assert states == {"sent": len(due)}, replay
    assert doubled <= kills, replay
    return f"; {len(due)} mails, lost 0, doubled {doubled} in {kills} kills of the worker, all sent"
