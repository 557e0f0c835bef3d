"""Mails as people get them: what they say, to whom, in which thread; and nothing that is not theirs to know."""

import email
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st
from sqlalchemy import delete, func, insert, select, update

from forum import clock
from forum.areas.models import Area
from forum.config import Settings, load
from forum.db import db, transaction
from forum.mail import kinds
from forum.mail.addresses import Addresses, addresses
from forum.mail.compose import Dropped, Ready, coming_digest, compose
from forum.mail.kinds import Place, Shown
from forum.mail.letter import House, List
from forum.mail.plain_text import inert
from forum.members.actions import ask_for_reset, suspend
from forum.members.models import Member, Network, Organisation, SignInLink, Viewer
from forum.notifications import digests
from forum.notifications.models import AreaWatch, Digest, MailChoice, News, OutgoingMail
from forum.notifications.outgoing import Due, due
from forum.notifications.queries import Reader, readers
from forum.search import saved
from forum.threads.models import Attachment, Post, Thread
from tests.cast import Person, area_id, person
from tests.mail.reading import Reading
from tests.mailbox import Mailbox

Work = Callable[[], int]
TITLE = "Mieter öffnet nicht mehr – was tun?"
OF_LISTS = {
    "List-Id", "List-Post", "List-Archive", "List-Help", "List-Owner", "List-Unsubscribe", "List-Unsubscribe-Post",
    "Auto-Submitted", "X-Auto-Response-Suppress", "Feedback-ID", "Precedence", "Thread-Topic", "Content-Language",
}  # fmt: skip


def chooses(app: Flask, *people: Person, **choice: object) -> None:
    """These want their mails so; each post, unless something else is said."""
    with app.app_context(), transaction():
        rows = [{"member_id": who.id, "level": "notify", **choice} for who in people]
        db.session.execute(insert(MailChoice), rows)


def parts(mail: EmailMessage) -> tuple[str, str]:
    """The text and the HTML of a mail."""
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    return text.get_content() if text else "", html.get_content() if html else ""


def written(app: Flask) -> list[Ready | Dropped]:
    """All mails that wait, written now."""
    with app.app_context():
        return list(compose(db.session.scalars(select(OutgoingMail).order_by(OutgoingMail.id)).all()))


def read(ready: Ready | Dropped) -> EmailMessage:
    """A mail as a mail program reads it."""
    assert isinstance(ready, Ready)
    return email.message_from_bytes(ready.data, policy=default)  # type: ignore[return-value]


def test_frieda_hears_of_jonas_answer(frieda: Person, jonas: Person, mailbox: Mailbox) -> None:
    thread = frieda.asks(TITLE)
    jonas.replies(thread, "Wir legen **zuerst** eine Karte an die Tür.")
    (mail,) = mailbox.to(frieda)
    assert str(mail["From"]) == '"Jonas B. über Fachkreis Probe" <fachkreis@localhost>'
    assert str(mail["To"]) == "Frieda Moor <frieda@weserufer.example>"
    assert mail["Subject"] == f"Re: [Fachkreis Probe] {TITLE}"
    for said in parts(mail):
        for fact in (
            TITLE, "Jonas Brandt", "Leinewohnen, Hannover", "Verwahrlosung und Vermüllung", "eine Karte an die Tür",
            "Sie bekommen diese Mail, weil Ihnen jemand geantwortet hat.", "Im Forum lesen", "Im Forum antworten",
            "/posts/", "/settings/mail", "Abbestellen", "Fachkreis Probe, fachkreis@localhost",
        ):  # fmt: skip
            assert fact in said, fact
        assert said.count("/unsubscribe/") == 3
    assert '<html lang="de">' in parts(mail)[1]


def test_a_mail_of_a_list_has_its_headers(app: Flask, frieda: Person, jonas: Person, mailbox: Mailbox) -> None:
    chooses(app, jonas)
    thread = frieda.asks(TITLE)
    (mail,) = mailbox.to(jonas)
    assert set(mail.keys()) >= OF_LISTS | {"Archived-At", "Reply-To", "Date", "Message-ID"}
    assert mail["List-Id"] == "Verwahrlosung und Vermüllung <vermuellung.localhost>"
    assert mail["List-Post"] == "<mailto:fachkreis+vermuellung@localhost>"
    assert mail["List-Archive"].endswith("/areas/vermuellung>")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["Thread-Topic"] == TITLE
    by_mail, by_web = mail["List-Unsubscribe"].split(",")
    with app.app_context():
        ours = addresses()
        stops = jonas.id, "thread", thread
        assert ours.opened_unsubscribe(by_web.strip(" <>").rpartition("/")[2]) == stops
        assert ours.opened_unsubscribe_address(by_mail.strip(" <>").removeprefix("mailto:")) == stops
        member, epoch, post = ours.opened_reply(str(mail["Reply-To"])) or (0, 0, 0)
        assert (member, epoch) == (jonas.id, 0)
        assert db.session.get_one(Post, post).thread_id == thread


def test_the_envelope_says_which_mail_came_back(app: Flask, frieda: Person, jonas: Person, work: Work) -> None:
    jonas.replies(frieda.asks(TITLE), "Karte.")
    work()
    (ready,) = written(app)
    assert isinstance(ready, Ready)
    assert ready.to == "frieda@weserufer.example"
    with app.app_context():
        assert addresses().opened_bounce(ready.envelope) == (ready.mail_id, frieda.id)


def threaded(mails: list[EmailMessage]) -> dict[str, set[int]]:
    """Into which conversations three kinds of mail programs put these mails: by place in the list."""
    found: dict[str, set[int]] = {"references": set(), "in-reply-to": set(), "subject": set()}
    roots: dict[str, int] = {}
    for number, mail in enumerate(mails):
        own = str(mail["Message-ID"])
        earlier = [roots[name] for name in str(mail["References"] or "").split() if name in roots]
        roots[own] = earlier[0] if earlier else number
        found["references"].add(roots[own])
    roots = {}
    for number, mail in enumerate(mails):
        roots[str(mail["Message-ID"])] = roots.get(str(mail["In-Reply-To"]), number)
    found["in-reply-to"] = set(roots.values())
    found["subject"] = {hash(str(mail["Subject"]).removeprefix("Re: ")) for mail in mails}
    return found


def test_mails_of_a_thread_stay_together(
    app: Flask, frieda: Person, jonas: Person, aylin: Person, mailbox: Mailbox
) -> None:
    chooses(app, aylin)
    thread = frieda.asks(TITLE)
    first = jonas.replies(thread, "Eine Karte.")
    second = frieda.replies(thread, "Und dann?", reply_to=str(first))
    jonas.replies(thread, "Dann der Hausmeister.", reply_to=str(second))
    other = frieda.asks("Etwas anderes")
    mails = mailbox.to(aylin)
    assert len(mails) == 5
    of_thread = mails[:4]
    assert all(len(conversations) == 1 for conversations in threaded(of_thread).values())
    assert all(len(conversations) == 2 for conversations in threaded(mails).values())
    assert of_thread[3]["References"].split() == [str(mail["Message-ID"]) for mail in of_thread[:3]]
    assert "Antwort auf Frieda Moor" in parts(of_thread[3])[0]
    assert other


def test_a_post_has_one_name_for_all_who_read_it(app: Flask, frieda: Person, jonas: Person, mailbox: Mailbox) -> None:
    aylin = person(app, "aylin")
    chooses(app, jonas, aylin)
    frieda.asks(TITLE)
    ours, theirs = mailbox.to(jonas)[0], mailbox.to(aylin)[0]
    assert ours["Message-ID"] == theirs["Message-ID"]
    assert ours["Reply-To"] != theirs["Reply-To"]


def test_references_are_ten_at_most(app: Flask, frieda: Person, jonas: Person, mailbox: Mailbox) -> None:
    chooses(app, jonas, html=False)
    thread = frieda.asks(TITLE)
    answered = ""
    for number in range(14):
        answered = str(frieda.replies(thread, f"Schritt {number}.", reply_to=answered))
    mails = mailbox.to(jonas)
    last = mails[-1]["References"].split()
    assert last == [str(mail["Message-ID"]) for mail in (mails[0], *mails[-10:-1])]


def test_what_came_from_an_archive_keeps_its_name(app: Flask, frieda: Person, jonas: Person, mailbox: Mailbox) -> None:
    chooses(app, jonas)
    thread = frieda.asks(TITLE)
    mailbox.empty()
    with app.app_context(), transaction():
        db.session.execute(update(Post).values(message_id="alt.1@liste.example"))
    frieda.replies(thread, "Noch einmal.")
    assert mailbox.to(jonas)[0]["References"] == "<alt.1@liste.example>"


def test_some_want_text_only(app: Flask, frieda: Person, jonas: Person, mailbox: Mailbox) -> None:
    chooses(app, jonas, html=False)
    frieda.asks(TITLE)
    (mail,) = mailbox.to(jonas)
    assert mail.get_content_type() == "text/plain"


def test_a_member_reads_in_the_own_language_and_zone(
    app: Flask, frieda: Person, jonas: Person, mailbox: Mailbox
) -> None:
    chooses(app, jonas, zone="Pacific/Auckland")
    with app.app_context(), transaction():
        db.session.execute(update(Member).where(Member.uid == "jonas").values(language="en"))
        db.session.execute(update(Post).values(created_at=clock.now()))
    thread = frieda.asks(TITLE)
    with app.app_context(), transaction():
        moment = clock.now().replace(2026, 3, 1, 13, 30)
        db.session.execute(update(Post).where(Post.thread_id == thread).values(created_at=moment))
    (mail,) = mailbox.to(jonas)
    assert mail["Content-Language"] == "en"
    assert "New question in" in parts(mail)[0]
    assert "2 March 2026, 2:30" in parts(mail)[0]
    assert str(mail["From"]).startswith('"Frieda M. via ')


# Closed areas


def test_of_a_closed_area_mails_tell_nothing_but_its_name(
    app: Flask, bernd: Person, robert: Person, mailbox: Mailbox
) -> None:
    chooses(app, bernd)
    robert.asks("Gastgeber gesucht", "Die Kasse ist leer.", area="leitungskreis", tags="geheim")
    (mail,) = mailbox.to(bernd)
    assert mail["Subject"] == "[Fachkreis Probe] Neuer Beitrag in Leitungskreis"
    assert str(mail["From"]) == "Fachkreis Probe <fachkreis@localhost>"
    assert mail["Reply-To"] is None
    assert set(mail.keys()) >= OF_LISTS
    whole = "\n".join((*map(str, mail.values()), *parts(mail)))
    for secret in ("Gastgeber", "gastgeber", "Kasse", "Robert", "Tamm", "geheim"):
        assert secret not in whole, secret
    assert "Neuer Beitrag in Leitungskreis" in parts(mail)[1]
    assert "/posts/" in parts(mail)[0]


def test_a_mail_without_content_names_no_post_as_its_author_did(
    app: Flask, bernd: Person, robert: Person, mailbox: Mailbox
) -> None:
    chooses(app, bernd)
    thread = robert.asks("Gastgeber gesucht", area="leitungskreis")
    with app.app_context(), transaction():
        old = {"uid": "mail:1@robert-tamm.example", "message_id": "1@robert-tamm.example"}
        db.session.execute(update(Post).where(Post.thread_id == thread).values(old))
    post = robert.replies(thread, "Die Kasse ist leer.")
    robert.replies(thread, "Noch immer.", reply_to=str(post))
    opening, answer, last = mailbox.to(bernd)
    with app.app_context(), transaction():
        db.session.execute(update(Post).where(Post.number == 1).values(author_id=bernd.id))
        db.session.execute(update(Thread).values(author_id=bernd.id))
    robert.reads(f"/threads/{thread}/moderate")
    robert.sends(f"/threads/{thread}/moderate", act="pin", reason="Wegen der Kasse.")
    decision = mailbox.to(bernd)[-1]
    assert "robert-tamm" not in "".join(mail.as_string() for mail in (opening, answer, last, decision))
    assert last["References"].split() == [str(mail["Message-ID"]) for mail in (opening, answer)]
    assert last["In-Reply-To"] == answer["Message-ID"]
    assert decision["References"] == opening["Message-ID"]


def test_whoever_asks_for_it_reads_a_closed_area_by_mail(
    app: Flask, bernd: Person, robert: Person, mailbox: Mailbox
) -> None:
    with app.app_context(), transaction():
        number = area_id(app, "leitungskreis")
        db.session.execute(insert(AreaWatch).values(member_id=bernd.id, area_id=number, level="notify", notice=False))
    robert.asks("Gastgeber gesucht", "Die Kasse ist leer.", area="leitungskreis")
    (mail,) = mailbox.to(bernd)
    assert "Die Kasse ist leer." in parts(mail)[0]


def test_in_announcements_only_facilitators_may_write(
    app: Flask, jonas: Person, robert: Person, anke: Person, mailbox: Mailbox
) -> None:
    chooses(app, jonas, anke)
    robert.asks("Feiertage", area="mitteilungen", kind="announcement")
    assert mailbox.to(jonas)[0]["List-Post"] == "NO"
    assert mailbox.to(anke)[0]["List-Post"] == "<mailto:fachkreis+mitteilungen@localhost>"


# As things stand when it is written


@pytest.mark.parametrize("happens", ["deleted", "suspended", "stopped", "closed", "bounced"])
def test_what_one_may_not_read_any_more_is_dropped(
    app: Flask, frieda: Person, jonas: Person, work: Work, happens: str
) -> None:
    thread = frieda.asks(TITLE)
    jonas.replies(thread, "Karte.")
    work()
    with app.app_context(), transaction():
        now, member = clock.now(), db.session.get_one(Member, frieda.id)
        if happens == "deleted":
            db.session.execute(update(Post).values(deleted_at=now))
        elif happens == "suspended":
            suspend(None, member)
        elif happens == "stopped":
            db.session.add(MailChoice(member_id=member.id, stopped=True))
        elif happens == "closed":
            db.session.execute(update(Area).values(access="closed"))
        else:
            member.bounced_at = now
    (gone,) = written(app)
    assert isinstance(gone, Dropped)


def test_an_edit_before_the_mail_goes_reaches_everybody(frieda: Person, jonas: Person, mailbox: Mailbox) -> None:
    post = jonas.replies(frieda.asks(TITLE), "Fragt Herrn Schulze.")
    jonas.reads(f"/posts/{post}/edit")
    jonas.sends(f"/posts/{post}/edit", body="Fragt das Amt.", version="1")
    (mail,) = mailbox.to(frieda)
    assert "Fragt das Amt." in parts(mail)[0]
    assert "Schulze" not in mail.as_string()


def test_an_address_that_no_mail_can_have_is_dropped(app: Flask, frieda: Person, jonas: Person, work: Work) -> None:
    jonas.replies(frieda.asks(TITLE), "Karte.")
    work()
    for address in ("frieda@x.example\r\nBcc: evil@x.de", "frieda <evil@x.de>", "größe@x.example", "frieda", "a@b..c"):
        with app.app_context(), transaction():
            db.session.execute(update(Member).where(Member.uid == "frieda").values(email=address))
        assert isinstance(written(app)[0], Dropped), address
    with app.app_context(), transaction():
        db.session.execute(update(Member).where(Member.uid == "frieda").values(email="frieda@größe.example"))
    assert str(read(written(app)[0])["To"]) == "Frieda Moor <frieda@xn--gre-6ka8i.example>"


def test_many_readers_cost_no_more_statements_than_one(
    app: Flask, frieda: Person, jonas: Person, aylin: Person, bernd: Person, work: Work, statements: list[str]
) -> None:
    chooses(app, jonas, aylin, bernd)
    frieda.asks(TITLE)
    work()
    with app.app_context():
        mails = db.session.scalars(select(OutgoingMail).order_by(OutgoingMail.id)).all()
        statements.clear()
        assert len(list(compose(mails[:1]))) == 1
        one = len(statements)
        db.session.rollback()
        mails = db.session.scalars(select(OutgoingMail).order_by(OutgoingMail.id)).all()
        statements.clear()
        assert len(list(compose(mails))) == 3
        assert len(statements) <= one
    assert one <= 8


def test_files_are_named_and_linked(app: Flask, frieda: Person, jonas: Person, mailbox: Mailbox) -> None:
    post = jonas.replies(frieda.asks(TITLE), "Anbei der Brief.")
    with app.app_context(), transaction():
        row = {"post_id": post, "name": "Brief an alle.pdf", "media_type": "application/pdf", "size": 3, "digest": "0"}
        db.session.execute(insert(Attachment).values(row))
    for said in parts(mailbox.to(frieda)[0]):
        assert "Brief an alle.pdf" in said
        assert "/Brief%20an%20alle.pdf" in said


# What happened to one's own post


def test_jonas_hears_that_his_answer_is_recommended(
    frieda: Person, jonas: Person, aylin: Person, mailbox: Mailbox
) -> None:
    thread = frieda.asks(TITLE)
    post = jonas.replies(thread, "Eine Karte an der Tür.")
    mailbox.empty()
    frieda.recommends(post, "den ersten Kontakt", "Die Tür ging auf.")
    (mail,) = mailbox.to(jonas)
    assert mail["Subject"] == "[Fachkreis Probe] Ihr Beitrag ist jetzt empfohlene Praxis"
    for said in parts(mail):
        for fact in (
            "Empfohlen für: den ersten Kontakt",
            "Die Tür ging auf.",
            "Frieda Moor",
            TITLE,
            "Eine Karte an der",
        ):
            assert fact in said, fact
    assert len(mail["References"].split()) == 2
    mailbox.empty()
    aylin.recommends(post, "gute Karten", "Unsere auch.")
    (mail,) = mailbox.to(jonas)
    assert mail["Subject"] == "[Fachkreis Probe] Eine weitere Empfehlung für Ihren Beitrag"
    for said in parts(mail):
        assert "Empfohlen für: gute Karten" in said
        assert "den ersten Kontakt" not in said


def test_the_mail_names_both_houses_that_recommend_together(
    frieda: Person, jonas: Person, aylin: Person, bernd: Person, mailbox: Mailbox
) -> None:
    post = jonas.replies(frieda.asks(TITLE), "Eine Karte an der Tür.")
    mailbox.empty()
    aylin.recommends(post, "den ersten Kontakt", "Die Tür ging auf.")
    assert mailbox.to(jonas) == []
    bernd.recommends(post, "gute Karten", "Unsere auch.")
    (mail,) = mailbox.to(jonas)
    assert mail["Subject"] == "[Fachkreis Probe] Ihr Beitrag ist jetzt empfohlene Praxis"
    for said in parts(mail):
        for fact in (
            "Empfohlen für: den ersten Kontakt", "Die Tür ging auf.", "Aylin Kaya", "Wohnbau Oker",
            "Empfohlen für: gute Karten", "Unsere auch.", "Bernd Ahlers",
        ):  # fmt: skip
            assert fact in said, fact


def test_jonas_hears_that_his_answer_has_helped(frieda: Person, jonas: Person, mailbox: Mailbox) -> None:
    post = jonas.replies(frieda.asks(TITLE), "Eine Karte an der Tür.")
    mailbox.empty()
    frieda.sends(f"/posts/{post}/helpful", on="1")
    (mail,) = mailbox.to(jonas)
    assert "Ihre Antwort hat geholfen" in mail["Subject"]
    assert "> Eine Karte an der Tür." in parts(mail)[0]


ACTS = {
    "pin": "Ihr Thema steht jetzt oben in seinem Themenbereich",
    "unpin": "Ihr Thema steht nicht mehr oben in seinem Themenbereich",
    "lock": "Ihr Thema wurde für Antworten geschlossen",
    "unlock": "Ihr Thema ist wieder offen für Antworten",
    "move": "Ihr Thema steht jetzt in Mitteilungen",
}


def test_frieda_hears_what_a_facilitator_did_and_why(
    app: Flask, frieda: Person, robert: Person, mailbox: Mailbox
) -> None:
    thread = frieda.asks(TITLE, "Er heißt Schulze.")
    for act, said in ACTS.items():
        robert.reads(f"/threads/{thread}/moderate")
        target = str(area_id(app, "mitteilungen"))
        robert.sends(f"/threads/{thread}/moderate", act=act, reason=f"Grund für {act}.", area=target)
        mail = mailbox.to(frieda)[-1]
        assert mail["Subject"] == f"[Fachkreis Probe] {said}", act
        assert all(f"Grund für {act}." in part and "Robert Tamm" in part for part in parts(mail)), act


def test_what_a_facilitator_deleted_is_not_mailed_about_either(
    app: Flask, frieda: Person, robert: Person, mailbox: Mailbox
) -> None:
    post = frieda.replies(frieda.asks(TITLE), "Er heißt Schulze.")
    robert.reads(f"/posts/{post}/delete")
    robert.sends(f"/posts/{post}/delete", reason="Da stand ein Name.")
    mail = mailbox.to(frieda)[-1]
    assert "Ihr Beitrag wurde gelöscht" in mail["Subject"]
    assert "Schulze" not in "".join(parts(mail))
    assert "Schulze" in frieda.reads(f"/posts/{post}/history").text
    with app.app_context():
        link = mail["List-Unsubscribe"].rpartition("/")[2].rstrip(">")
        assert addresses().opened_unsubscribe(link) == (frieda.id, "all", 0)


def test_in_a_closed_area_even_that_is_without_content(bernd: Person, robert: Person, mailbox: Mailbox) -> None:
    thread = bernd.asks("Geheime Sache", "Die Kasse ist leer.", area="leitungskreis")
    mailbox.empty()
    robert.reads(f"/threads/{thread}/moderate")
    robert.sends(f"/threads/{thread}/moderate", act="pin", reason="Wegen der Kasse.")
    (mail,) = mailbox.to(bernd)
    assert "Neues zu einem Beitrag von Ihnen in Leitungskreis" in mail["Subject"]
    whole = "\n".join((*map(str, mail.values()), *parts(mail)))
    assert not any(secret in whole for secret in ("Geheime", "Kasse", "Robert"))


# One's own access


def test_a_link_lets_in_whom_it_was_mailed_to(
    app: Flask, settings: Settings, stranger: Person, mailbox: Mailbox
) -> None:
    with app.app_context(), transaction():
        ask_for_reset("frieda@weserufer.example", "10.0.0.9", str(app.secret_key))
    (mail,) = mailbox.to("frieda@weserufer.example")
    assert mail["Subject"] == "[Fachkreis Probe] Neues Kennwort festlegen"
    assert not [name for name in mail if name.startswith("List-") or name in ("Reply-To", "Precedence")]
    assert mail["Auto-Submitted"] == "auto-generated"
    address = next(line for line in parts(mail)[0].splitlines() if "/welcome/" in line)
    assert address in parts(mail)[1]
    assert stranger.reads(address.removeprefix(settings.address)).status_code == 200
    assert stranger.sees("Kennwort")


@pytest.mark.parametrize("change", [{"used_at": clock.now()}, {"expires_at": clock.now() - timedelta(hours=1)}])
def test_a_link_that_opens_nothing_is_not_mailed(app: Flask, work: Work, change: dict[str, object]) -> None:
    with app.app_context(), transaction():
        ask_for_reset("frieda@weserufer.example", "10.0.0.9", str(app.secret_key))
    work()
    with app.app_context(), transaction():
        db.session.execute(update(SignInLink).values(**change))
    assert isinstance(written(app)[0], Dropped)


def test_mails_about_access_go_though_all_mail_is_stopped(app: Flask, frieda: Person, mailbox: Mailbox) -> None:
    chooses(app, frieda, stopped=True)
    browser = app.test_client()
    stranger = Person("frieda", browser)
    browser.environ_base["HTTP_USER_AGENT"] = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    stranger.signs_in()
    (mail,) = mailbox.to(frieda)
    assert mail["Subject"] == "[Fachkreis Probe] Neue Anmeldung"
    assert all("Firefox" in part for part in parts(mail))


# Digests


def digest_to(app: Flask, work: Work, who: Person) -> Ready | Dropped:
    """The digest of all that was written so far, written now."""
    work()
    with app.app_context(), transaction():
        newest = db.session.scalar(select(func.max(News.number))) or 0
        digest = Digest(
            member_id=who.id,
            after_number=0,
            up_to_number=newest,
            after_line=0,
            up_to_line=0,
            at=clock.now(),
            skipped=[],
        )
        db.session.add(digest)
        db.session.flush()
        db.session.execute(delete(OutgoingMail))
        due("digest", [Due(digest.id, who.id, clock.now())])
    (written_now,) = written(app)
    return written_now


def test_a_digest_says_what_is_new(
    app: Flask, frieda: Person, jonas: Person, aylin: Person, robert: Person, work: Work
) -> None:
    thread = frieda.asks(TITLE, "Zwei Briefe blieben ohne Antwort.")
    post = jonas.replies(thread, "Eine *Karte* an der Tür.")
    for number in range(6):
        frieda.asks(f"Frage {number}", f"Was tun im Fall {number}?")
    frieda.recommends(post, "den ersten Kontakt")
    mail = read(digest_to(app, work, aylin))
    assert str(mail["From"]) == "Fachkreis Probe <fachkreis@localhost>"
    assert str(mail["Subject"]).startswith("[Fachkreis Probe] Sammelmail vom ")
    assert set(mail.keys()) >= OF_LISTS
    assert mail["List-Post"] == "NO"
    for said in parts(mail):
        for fact in (
            "8 neue Beiträge seit der letzten Sammelmail.", "Inhalt", TITLE, "Zwei Briefe blieben ohne Antwort.",
            "Karte", "Jonas Brandt", "Leinewohnen, Hannover", "Was tun im Fall 5?", "Neu empfohlen",
            "Empfohlen für: den ersten Kontakt", "2 neue Beiträge", "Neues Thema", "Abbestellen",
        ):  # fmt: skip
            assert fact in said, fact
    with app.app_context():
        link = mail["List-Unsubscribe"].rpartition("/")[2].rstrip(">")
        assert addresses().opened_unsubscribe(link) == (aylin.id, "digest", 0)
    assert robert


def test_a_digest_of_separate_messages_can_be_answered_post_by_post(
    app: Flask, frieda: Person, jonas: Person, aylin: Person, work: Work
) -> None:
    chooses(app, aylin, level="digest", separate=True)
    thread = frieda.asks(TITLE, "Zwei Briefe blieben ohne Antwort.")
    jonas.replies(thread, "Eine Karte an der Tür.")
    mail = read(digest_to(app, work, aylin))
    assert mail.get_content_type() == "multipart/mixed"
    overview, apart = mail.iter_parts()
    assert TITLE in overview.get_content()
    assert "Eine Karte an der Tür." not in overview.get_content()
    assert apart.get_content_type() == "multipart/digest"
    messages = [part.get_content() for part in apart.iter_parts()]
    assert [str(one["Subject"]) for one in messages] == [
        f"[Fachkreis Probe] {TITLE}", f"Re: [Fachkreis Probe] {TITLE}"
    ]  # fmt: skip
    assert str(messages[1]["From"]) == '"Jonas B. über Fachkreis Probe" <fachkreis@localhost>'
    assert messages[1]["In-Reply-To"] == messages[0]["Message-ID"]
    assert "Eine Karte an der Tür." in messages[1].get_content()
    with app.app_context():
        opened = [addresses().opened_reply(str(one["Reply-To"])) for one in messages]
    assert [(member, epoch) for member, epoch, _post in filter(None, opened)] == [(aylin.id, 0)] * 2


def test_of_a_closed_area_a_digest_gives_the_number_alone(
    app: Flask, bernd: Person, robert: Person, work: Work
) -> None:
    robert.asks("Gastgeber gesucht", "Die Kasse ist leer.", area="leitungskreis")
    mail = read(digest_to(app, work, bernd))
    for said in parts(mail):
        assert "Leitungskreis" in said
        assert "1 neuer Beitrag" in said
        assert not any(secret in said for secret in ("Gastgeber", "Kasse", "Tamm"))


def test_a_digest_leads_to_the_searches_that_were_not_made(
    app: Flask, frieda: Person, aylin: Person, work: Work
) -> None:
    with app.app_context(), transaction():
        for number in range(7):
            saved.save(readers([aylin.id])[aylin.id].viewer, {"q": f"Ratten {number}"})
    frieda.asks(TITLE)
    for said in parts(read(digest_to(app, work, aylin))):
        assert "Neu in Ihren Suchen" in said
        assert "2 weitere Suchen von Ihnen" in said
        assert "/search/saved" in said


@pytest.mark.parametrize("choice", [{"rhythm": "off"}, {"stopped": True}])
def test_a_digest_that_was_stopped_meanwhile_is_dropped(
    app: Flask, frieda: Person, aylin: Person, work: Work, choice: dict[str, object]
) -> None:
    frieda.asks(TITLE)
    chooses(app, aylin, **{"level": "digest", **choice})
    assert isinstance(digest_to(app, work, aylin), Dropped)


def test_a_digest_is_never_empty(app: Flask, frieda: Person, aylin: Person, work: Work) -> None:
    post = frieda.asks(TITLE)
    with app.app_context(), transaction():
        db.session.execute(update(Post).where(Post.thread_id == post).values(deleted_at=clock.now()))
    assert isinstance(digest_to(app, work, aylin), Dropped)


def test_what_was_deleted_is_noted_when_a_digest_is_sent(
    app: Flask, frieda: Person, jonas: Person, aylin: Person, work: Work
) -> None:
    gone = jonas.replies(frieda.asks(TITLE), "Weg.")
    with app.app_context(), transaction():
        db.session.execute(update(Post).where(Post.id == gone).values(deleted_at=clock.now()))
    ready = digest_to(app, work, aylin)
    assert isinstance(ready, Ready)
    assert ready.on_sent
    with app.app_context():
        with transaction():
            ready.on_sent()
        assert db.session.scalars(select(Digest.skipped)).one() == [gone]


def test_the_coming_digest_can_be_looked_at(app: Flask, frieda: Person, aylin: Person, mailbox: Mailbox) -> None:
    with app.app_context():
        digests.begin_due()
        assert coming_digest(readers([aylin.id])[aylin.id]) is None
    frieda.asks(TITLE)
    mailbox.arrives()
    with app.app_context():
        reader = readers([aylin.id])[aylin.id]
        letter = coming_digest(reader)
        assert letter
        assert TITLE in letter.seen_by(reader.viewer).html
        assert "/unsubscribe/" in letter.seen_by(reader.viewer).text


# Names and titles that want to be more than words

HOSTILE = [
    'Anna "X" <evil@x.de>',
    "Anna, Bernd",
    "Anna\r\nBcc: evil@x.de",
    "Anna\nX-Spam: no\n\nText",
    "evil@x.de (Anna)",
    "https://evil.de/anmelden www.evil.de",
    "Anna\u202eed.live\u2066\u200b\ufeff",
    "Anna\x1b[31m\x7f",
    "=?utf-8?q?evil=40x=2Ede?= =?us-ascii?q?x?=",
    "x" * 300,
    "ü😀" * 150,
    'A: B; C <d>, "e" \\ (f) [g] @h:i',
    "%%stop%% {{ config }} %(name)s",
    "<script>alert(1)</script><img src=https://evil.de/x.gif>",
]


@pytest.mark.parametrize("words", HOSTILE)
def test_names_and_titles_are_words_and_nothing_else(
    app: Flask, frieda: Person, jonas: Person, work: Work, words: str
) -> None:
    thread = frieda.asks(TITLE)
    jonas.replies(thread, "Karte.")
    work()
    usual = set(read(written(app)[0]).keys())
    with app.app_context(), transaction():
        # Past the rules that forbid most of them.
        db.session.execute(update(Member).values(name=words))
        db.session.execute(update(Thread).values(title=words))
        db.session.execute(update(Area).values(title=words))
        db.session.execute(update(Network).values(name=words))
        db.session.execute(update(Organisation).where(Organisation.uid != "").values(city=words))
    (ready,) = written(app)
    assert isinstance(ready, Ready)
    assert_harmless(ready.data, usual, "frieda@weserufer.example")


def assert_harmless(data: bytes, headers: set[str], to: str) -> None:
    mail = email.message_from_bytes(data, policy=default)
    assert set(mail.keys()) == headers
    assert len(mail.keys()) == len(headers)
    assert [address.addr_spec for address in mail["From"].addresses] == ["fachkreis@localhost"]
    assert [address.addr_spec for address in mail["To"].addresses] == [to]
    lines = data.split(b"\r\n")
    assert all(len(line) <= 998 and b"\n" not in line and b"\r" not in line and b"\0" not in line for line in lines)
    assert data.isascii()
    text, html = parts(mail)  # type: ignore[arg-type]
    for said in (str(mail["Subject"]), str(mail["From"]), text, html):
        assert not HIDDEN.search(said)
    assert "evil.de" not in text
    reading = Reading(html)
    assert reading.loads == []
    assert all(link.startswith("http://127.0.0.1:5000") for link in reading.links)


HIDDEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\0\x1b\x7f]")


@given(st.text(max_size=300), st.text(max_size=300))
@settings_of_hypothesis(max_examples=150, deadline=None)
def test_any_name_and_title_is_words_and_nothing_else(name: str, title: str) -> None:
    home = House(inert(name) or "x", Addresses(load(instance=Path("nowhere")), "s" * 40))
    at = datetime(2026, 3, 2, tzinfo=UTC)
    shown = Shown(1, "a", None, inert(name), inert(name), at, "<p>Text</p>", f"{home.url}/posts/1", inert(name))
    place = Place(1, List("area", title, "open"), 1, title, "question", chain=["<a@b>"])
    reader = Reader(Viewer(1, name, "member", "de"), "frieda@weserufer.example", 0)
    data = kinds.post(home, shown, place, "notify").to(reader)
    assert_harmless(data, HEADERS, "frieda@weserufer.example")
    mail = email.message_from_bytes(data, policy=default)
    assert str(mail["Subject"]) == f"Re: [{inert(home.name, 60)}] {inert(title)}"


HEADERS = OF_LISTS | {
    "From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Archived-At", "Reply-To",
    "MIME-Version", "Content-Type",
}  # fmt: skip
