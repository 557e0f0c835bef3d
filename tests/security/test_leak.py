"""S2: words planted in every text of a closed area, looked for in every channel there is. None may come out."""

import json
import logging
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
import time_machine
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import delete, func, select
from werkzeug.test import TestResponse

from forum import cli, files
from forum.areas.models import Area, AreaMember
from forum.cli import doors
from forum.db import db, transaction
from forum.mail.addresses import addresses as mail_addresses
from forum.members.actions import suspend
from forum.members.models import Member, Organisation
from forum.moderation import actions as moderation
from forum.moderation import flags
from forum.notifications import actions as mails
from forum.notifications import digests, sharing
from forum.practices import actions as practices
from forum.search import saved
from forum.threads import actions, bookmarks, drafts, filing
from forum.threads.models import Attachment, Post, Thread
from forum.threads.queries import Opened
from tests.mailbox import Mailbox
from tests.security import scene
from tests.security.scene import Visitor, actor

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
WHERE_THREADS_SHOW = r"^/$|/areas/[^/?]+$|/log|/members/.$|=Ding|=Antwort$|/threads/\d+$|quote"
OUTSIDERS = ("jonas", "frauke", "nele", "anke", "stranger", "sven")


@dataclass
class Planted:
    """The words, and where to knock for them."""

    words: list[str] = field(default_factory=list)
    slug: str = ""
    thread: int = 0
    posts: list[int] = field(default_factory=list)

    def word(self) -> str:
        """A word nobody writes by chance; no stemmer makes another of it."""
        self.words.append("q" + "".join(random.Random(1000 + len(self.words)).choices("bcdfghjklmpqrtvwxz", k=11)))
        return self.words[-1]

    def in_text(self, text: str) -> list[str]:
        low = unescape(text).lower()
        return [word for word in self.words if word in low]


def plant(app: Flask) -> Planted:
    """A closed area for Bernd and Robert in which everything that holds text holds a planted word."""
    planted = Planted()
    planted.slug = planted.word()
    with app.app_context(), transaction():
        area_id = scene.closed_area(planted.slug, planted.word(), f"Über {planted.word()}.", ("bernd", "robert"))
    folder = app.extensions["forum.settings"].instance / "files"
    word = planted.word
    with app.app_context(), transaction():
        area = db.session.get_one(Area, area_id)
        thread = actions.start_thread(
            actor("bernd"), scene._row(area), "question", f"Fall {word()} Schimmel",
            f"Es geht um {word()} im Keller, @jonas-brandt.", tags=[word(), word()],
        )  # fmt: skip
        planted.thread = thread.id
        opened = scene.opened_by("robert", thread)
        answer = actions.reply(actor("robert"), opened, f"Antwort mit {word()}.", _first(thread).id)
        other = actions.reply(actor("bernd"), opened, f"Nachtrag {word()}.")
        gone = actions.reply(actor("bernd"), opened, f"Gelöscht {word()}.")
        withdrawn = actions.reply(actor("robert"), opened, f"Nicht mehr empfohlen {word()}.")
        actions.edit(actor("bernd"), _opened("bernd", thread), other, f"Geändert {word()}.", 1)
        robert, bernd = actor("robert"), actor("bernd")
        practices.recommend(bernd, _opened("bernd", thread), answer, f"für {word()}", f"weil {word()}")
        practices.recommend(robert, opened, other, f"wofür {word()}", f"Grund {word()}")
        practices.recommend(bernd, _opened("bernd", thread), withdrawn, f"einst {word()}", f"damals {word()}")
        practices.withdraw(robert, opened, withdrawn, f"zurück wegen {word()}")
        practices.say_helpful(bernd, _opened("bernd", thread), answer, True)
        practices.thank(bernd, _opened("bernd", thread), answer, True)
        actions.tell_outcome(bernd, _opened("bernd", thread), "solved", f"Ausgang {word()}")
        for keeper in ("bernd", "jonas"):
            bookmarks.bookmark(actor(keeper), other, f"Notiz {word()}")
        sharing.share(bernd, _opened("bernd", thread), other, "Robert Tamm", f"Schau mal {word()}")
        first = _first(thread)
        moderation.edit_post(robert, opened, first, f"Nun {word()}.", 1, f"Anlass {word()}", f"Titel {word()}")
        moderation.delete_post(robert, opened, gone, f"Löschgrund {word()}")
        flags.flag(bernd, opened, first, "confidential", f"Meldung {word()}")
        flags.flag(bernd, opened, answer, "other", f"Meldung {word()}")
        flags.decide(robert, opened, answer, 99, f"Antwort {word()}")
        for act in (moderation.pin, moderation.lock):
            act(robert, opened, True, f"Moderation {word()}")
            act(robert, opened, False, f"Moderation {word()}")
        for post, picture in ((answer, (f"Bild von {word()}", 30, 20)), (gone, ())):
            digest = files.store(folder, word().encode())
            filing.attach(post.id, f"{word()}.txt", "text/plain", 20, digest, *picture)
        drafts.save_draft(actor("robert"), f"thread:{thread.id}", "form", "", {"body": f"Noch nicht gesagt: {word()}."})
        lonely = actions.start_thread(actor("bernd"), scene._row(area), "strategy", f"Allein {word()}", f"Nur {word()}")
        actions.delete_post(bernd, _opened("bernd", lonely), _first(lonely))
        planted.posts = [answer.id, other.id, gone.id, withdrawn.id, first.id]
    return planted


def _opened(uid: str, thread: Thread) -> Opened:
    return scene.opened_by(uid, thread)


def _first(thread: Thread) -> Post:
    return db.session.scalars(select(Post).where(Post.thread_id == thread.id, Post.number == 1)).one()


def open_things(app: Flask) -> None:
    """What everybody may read: enough to find, count, sort and turn pages."""
    with app.app_context(), transaction():
        area = db.session.scalars(select(Area).where(Area.slug == "vermuellung")).one()
        for number in range(3):
            thread = actions.start_thread(
                actor("frieda"), scene._row(area), "question", f"Schimmel im Keller {number}", "Es geht um Schimmel."
            )
            opened = scene.opened_by("jonas", thread)
            for answer in range(9):
                post = actions.reply(actor("jonas"), opened, f"Antwort {answer}: lüften, heizen, Keller räumen.")
            practices.recommend(actor("frieda"), _opened("frieda", thread), post, f"Schimmel {number}", "Trocken.")


def queries() -> list[str]:
    """What somebody might type who wants to know more than is meant for them."""
    found = ["Schimmel", "Keller", "Antwort", '"im Keller"', "Schimmel -lüften", "-Schimmel", "author:Bernd Keller"]
    found += [
        "author:Ahlers",
        "author:Tamm",
        "kind:question",
        "kind:strategie",
        "after:2020",
        "before:2030",
        "Nachtrag",
    ]
    found += ["Schimmel empfohlen Nachtrag", "Moderation", "txt", "Anlass Titel", "Leitungskreis"]
    return found


def searches(words: list[str]) -> Iterator[str]:
    for query in words:
        yield f"/search?q={quote(query)}"
    for more in (
        "state=recommended",
        "state=helpful",
        "state=unanswered",
        "state=solved",
        "state=outcome",
        "kind=strategy",
        "kind=question",
        "sort=date",
    ):
        yield f"/search?q=Schimmel&{more}"
    for page in ("2", "3", "999999999"):
        yield f"/search?q=Antwort&page={page}"
        yield f"/search?q=Antwort&sort=date&page={page}"
    for organisation in ("0", "1", "2", "3", "Leinewohnen", "Hunte+Wohnen"):
        yield f"/search?q=Nachtrag&organisation={organisation}"
    for year in ("2026", "2025", "1999"):
        yield f"/search?q=Schimmel&year={year}"
    for title in ("Fall+Schimmel", "Schimmel", "Nachtrag", "Antwort"):
        yield f"/areas/vermuellung/new?title={title}"


def addresses(app: Flask, planted: Planted) -> Iterator[str]:
    """Every GET route with every number there is, and one more, and every parameter that is read."""
    with app.app_context():
        most = {
            table.__name__: (db.session.scalar(select(func.max(table.id))) or 0) + 2
            for table in (Thread, Post, Attachment, Member, Organisation)
        }
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.endpoint in ("assets.file", "access.welcome"):
            continue
        ranges = {
            "thread_id": "Thread",
            "post_id": "Post",
            "attachment_id": "Attachment",
            "member_id": "Member",
            "organisation_id": "Organisation",
        }
        names = re.findall(r"<(?:\w+:)?(\w+)>", rule.rule)
        number = next((ranges[name] for name in names if name in ranges), "")
        for value in range(1, most[number]) if number else (0,):
            path = re.sub(r"<int:\w+>", str(value), rule.rule)
            for slug in (planted.slug, "vermuellung", "leitungskreis") if "<slug>" in path and not number else ("x",):
                yield path.replace("<slug>", slug).replace("<name>", "x")
    for thread in range(1, most["Thread"]):
        yield f"/threads/{thread}?page=last"
        yield f"/threads/{thread}?unread"
        yield f"/inbox/counts?thread={thread}&after=0"
        yield f"/threads/{thread}/similar?part"
        yield f"/threads/{thread}?draft=1"
    for post in planted.posts:
        yield f"/threads/1?quote={post}"
        yield f"/threads/{planted.thread}?quote={post}"
    for key in ("", "1-1900000000000000-999", "0-1-1", "x", "9999999999999999999-1", "1"):
        yield f"/areas/vermuellung?before={key}"
        yield f"/areas/{planted.slug}?before={key}"
        yield f"/practices?before={key}"
        yield f"/moderation/log?before={key}"
        yield f"/inbox?before={key}"
        yield f"/inbox/bookmarks?before={key}"
        yield f"/inbox/threads?before={key}"
    for tag in (*planted.words[2:3], planted.words[-1], "x"):
        yield f"/tags/{tag}"
    yield from ("/unread?before=1900000000000000-999", "/unread?before=x", "/unread?undo=1", "/unread?thread=1&from=2")
    for slug in (planted.slug, "leitungskreis", "vermuellung", "gibtsnicht"):
        yield f"/unread?area={slug}"
        for sort in ("newest", "thanked"):
            yield f"/areas/{slug}?sort={sort}"
            yield f"/areas/{slug}?sort={sort}&before=1-1900000000000000-999"
            yield f"/areas/{slug}?tag=x&state=mine&sort={sort}"
        for kind in ("question", "strategy", "announcement"):
            yield f"/areas/{slug}?kind={kind}"
        for state in ("unanswered", "recommended", "unread", "helpful", "solved", "outcome", "mine"):
            yield f"/areas/{slug}?state={state}"
        yield f"/practices?area={slug}"
        yield f"/search?q=Schimmel&area={slug}"
        yield f"/search?q=Schimmel+area:{slug}"
    yield from tokens(app, planted)
    yield from searches(queries())
    yield from ("/", "/?unread", "/areas", "/areas/", "/threads", "/members", "/posts", "/files", "/admin", "/feeds")
    yield from ("/sitemap.xml", "/metrics", "/api/v1/threads", "/moderation", "/inbox", "/meetings", "/static/x.css")


def tokens(app: Flask, planted: Planted) -> Iterator[str]:
    """Links to stop mails of the closed area, as if they stood in a mail to somebody who may not read it."""
    with app.app_context():
        area = db.session.scalars(select(Area.id).where(Area.slug == (planted.slug or "leitungskreis"))).one()
        members = db.session.scalars(select(Member.id).where(Member.uid.in_(OUTSIDERS))).all()
        for member in members:
            yield f"/unsubscribe/{mail_addresses().unsubscribe_token(member, 'thread', planted.thread)}"
            yield f"/unsubscribe/{mail_addresses().unsubscribe_token(member, 'area', area)}"


def told(answer: TestResponse, address: str) -> str:
    """All of an answer but what the asker said: addresses come back in links and in the 404's proposal."""
    headers = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
    text = f"{headers}\n{answer.get_data(as_text=True)}"
    for said in {piece for piece in re.split(r"[/?=&+:-]", address) if piece}:
        text = text.replace(said, "")
    return text


def posts(somebody: Visitor, planted: Planted) -> Iterator[TestResponse]:
    """The forms of an outsider who tries to draw words out: previews, answers, acts on closed things."""

    def send(address: str, **fields: Any) -> TestResponse:
        return somebody.asks("POST", address, data={"csrf_token": somebody.token, **fields}, follow_redirects=True)

    for post in planted.posts:
        body = f"/posts/{post} [x](/posts/{post}) [[{post}]] >>{post} #{planted.thread} ![x](/files/1/x) @bernd-ahlers"
        yield send("/preview", body=body)
        yield send("/threads/1/posts", body=body, preview="1", reply_to=str(post))
        yield send("/threads/1/posts", body=f"Antwort auf {post}", reply_to=str(post))
        for act in ("edit", "delete", "restore", "recommend", "withdraw", "helpful", "thanks", "bookmark", "share"):
            yield send(f"/posts/{post}/{act}", body="x", version="1", reason="x", withdrawn_reason="x", for_what="x")
    yield send(f"/threads/{planted.thread}/posts", body="x", preview="1")
    yield send(f"/threads/{planted.thread}/moderate", act="pin", reason="x")
    for area in range(1, 7):
        yield send("/threads/1/moderate", act="move", area=str(area), reason="")
    yield send(f"/areas/{planted.slug}/new", title="x", body="x", kind="question", preview="1")
    for act in ("read", "unread"):
        yield send(f"/threads/{planted.thread}/{act}", number="1")
    for act in ("/unread", "/unread/undo"):
        yield send(act, area=planted.slug, until="1")
    for level in ("notify", "off", ""):
        yield send(f"/threads/{planted.thread}/watch", level=level)
        yield send(f"/areas/{planted.slug}/watch", level=level)
        known = {f"{what}-{number}": level for what in ("area", "notice", "thread") for number in range(1, 9)}
        yield send("/settings/mail", rhythm="daily", weekday="0", hour="7", level="notify", **known)
    for address in tokens(somebody.app, planted):
        for act in ("", "weekly", "resume"):
            yield somebody.asks("POST", address, data={"act": act})


def leaks(app: Flask, somebody: Visitor, planted: Planted, forms: bool = True, only: str = "") -> list[str]:
    """Where a planted word came out."""
    found = []
    for address in addresses(app, planted):
        if not re.search(only, address):
            continue
        answer = somebody.asks("GET", address, follow_redirects=True)
        assert answer.status_code < 500, f"{address}: {answer.status}"
        if words := planted.in_text(told(answer, address)):
            found.append(f"GET {address} as {somebody.key}: {words}")
    for answer in posts(somebody, planted) if forms else ():
        assert answer.status_code < 500, answer.request.path
        if words := planted.in_text(told(answer, planted.slug)):
            found.append(f"POST {answer.request.path} as {somebody.key}: {words}")
    return found


@pytest.fixture
def noon() -> Iterator[None]:
    """One moment, so that pages can be compared."""
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def planted(app: Flask, work: Callable[[], int]) -> Planted:
    scene.more_people(app)
    open_things(app)
    planted = plant(app)
    work()
    return planted


def test_the_words_are_there_for_those_who_are_named(app: Flask, planted: Planted) -> None:
    """The test of the test: with Robert's eyes every channel that shows a word does show it."""
    shown = {
        word
        for leak in leaks(app, scene.visitor(app, "robert"), planted, forms=False)
        for word in planted.words
        if word in leak
    }
    # What nobody sees on any page: what deleted posts and files hold, withdrawn reasons, an area's short name is said.
    assert len(planted.words) - len(shown) <= 9, sorted(set(planted.words) - shown)


@pytest.mark.parametrize("key", OUTSIDERS)
def test_no_word_comes_out(app: Flask, planted: Planted, key: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    found = leaks(app, scene.visitor(app, key), planted)
    assert not found, "\n".join(found)
    assert not planted.in_text(caplog.text)


@pytest.mark.usefixtures("noon")
@pytest.mark.parametrize("key", ["jonas", "anke"])
def test_asking_for_a_word_is_asking_for_nothing(app: Flask, planted: Planted, key: str) -> None:
    """A search for a closed word answers as one for a word that nobody ever wrote."""
    somebody = scene.visitor(app, key)
    nowhere = "qzzzzzzzzzzz"
    for word in planted.words[::4]:
        for query in ("{}", '"{}"', "Schimmel {}", "author:{}", "area:{}", "-{}", "Schimmel -{}", "{}*", "{}~"):
            for more in ("", "&sort=date", "&area={}"):
                asked = f"/search?q={quote(query)}{more}".replace("%7B%7D", "{}")
                real = somebody.asks("GET", asked.replace("{}", word))
                none = somebody.asks("GET", asked.replace("{}", nowhere))
                assert scene.normal(real.text).replace(word, nowhere) == scene.normal(none.text), asked


@pytest.mark.usefixtures("noon")
def test_searches_answer_as_if_the_closed_area_were_not_there(app: Flask, work: Callable[[], int]) -> None:
    """Hits, counts, order and "some of the words": equal with and without it."""
    scene.more_people(app)
    open_things(app)
    work()
    somebody = scene.visitor(app, "jonas")
    asked = [*searches(queries()), "/", "/practices", "/areas/vermuellung", "/members/4", "/members/5"]
    without = {address: scene.normal(somebody.asks("GET", address).text) for address in asked}
    plant(app)
    work()
    differing = [address for address in asked if scene.normal(somebody.asks("GET", address).text) != without[address]]
    assert not differing


@pytest.mark.usefixtures("noon")
@pytest.mark.parametrize("key", ["jonas", "anke"])
def test_choices_and_spellings_are_as_if_the_closed_area_were_not_there(
    app: Flask, work: Callable[[], int], key: str
) -> None:
    """Every facet with every value, what may have been meant, and what is alike: equal with and without it."""
    scene.more_people(app)
    open_things(app)
    work()
    somebody = scene.visitor(app, key)
    narrowed = ("", "&kind=question", "&kind=strategy", "&state=helpful", "&year=2026", "&organisation=0")
    narrowed += tuple(f"&organisation={number}" for number in range(1, 6))
    asked = [f"/search?q={word}{more}" for word in ("Schimmel", "Nachtrag", "Fall", "Antwort") for more in narrowed]
    asked += [
        f"/search?q={word}" for word in ("Nachtrg", "Geheimnisträgerlist", "Schiml", "Nachtrag+Geheimnisträgerlist")
    ]
    asked += [f"/threads/{thread}/similar" for thread in (1, 2, 3)]
    asked += [
        f"/areas/vermuellung/new?title={title}" for title in ("Fall+Schimmel", "Nachtrag", "Geheimnisträgerliste")
    ]

    def said() -> dict[str, str]:
        return {address: scene.normal(somebody.asks("GET", address).text) for address in asked}

    without = said()
    plant(app)
    with app.app_context(), transaction():
        area = db.session.scalars(select(Area).where(Area.slug == "leitungskreis")).one()
        for title in ("Geheimnisträgerliste Schimmel", "Nachtrag zur Geheimnisträgerliste"):
            actions.start_thread(actor("bernd"), scene._row(area), "strategy", title, "Schimmel, Fall, Antwort.")
    work()
    with_it = said()
    assert [address for address in asked if with_it[address] != without[address]] == []


@pytest.mark.usefixtures("noon")
def test_saved_searches_count_as_if_the_closed_area_were_not_there(app: Flask, work: Callable[[], int]) -> None:
    scene.more_people(app)
    open_things(app)
    work()
    with app.app_context(), transaction():
        for text in ("Schimmel", "Antwort", "kind:question Schimmel"):
            saved.save(actor("jonas"), {"q": text}).looked_at = NOON - timedelta(days=1)
    somebody = scene.visitor(app, "jonas")
    without = scene.normal(somebody.asks("GET", "/search/saved").text)
    assert "new" in without
    planted = plant(app)
    work()
    assert scene.normal(somebody.asks("GET", "/search/saved").text) == without
    with app.app_context(), transaction():
        saved.save(actor("jonas"), {"q": planted.words[-1], "area": planted.slug}).looked_at = NOON - timedelta(days=1)
    assert "new" not in somebody.asks("GET", "/search/saved").text.rpartition("<li")[2]


@pytest.mark.usefixtures("noon")
@pytest.mark.parametrize("key", ["frauke", "nele", "anke"])
def test_trying_words_shows_nothing_of_the_closed_area(app: Flask, work: Callable[[], int], key: str) -> None:
    """Hits and counts, before and after, are those of who tries."""
    scene.more_people(app)
    open_things(app)
    work()
    somebody = scene.visitor(app, key)

    def tried() -> str:
        form = {"csrf_token": somebody.token, "words": "Schimmel, Fall, Moderation", "text": "Schimmel"}
        return scene.normal(somebody.asks("POST", "/moderation/thesaurus/try", data=form).text)

    without = tried()
    assert "/posts/" in without
    planted = plant(app)
    work()
    assert tried() == without
    assert not planted.in_text(without)


def wants(app: Flask, level: str) -> None:
    """Everybody takes everything, and nobody a digest later than the next morning."""
    with app.app_context(), transaction():
        for key in ("bernd", "robert", *OUTSIDERS[:4]):
            mails.choose(actor(key), level, "daily", 0, 7)


def whole(sent: EmailMessage) -> str:
    """Everything in a mail that can be read: all headers, and each part decoded."""
    parts = [str(part.get_content()) for part in sent.walk() if part.get_content_maintype() == "text"]
    return "\n".join([*(f"{name}: {value}" for part in sent.walk() for name, value in part.items()), *parts])


def came(app: Flask, mailbox: Mailbox) -> dict[str, str]:
    """Who has got mails by tomorrow noon, and all that stands in them."""
    mailbox.arrives()
    with time_machine.travel(datetime.now(UTC) + timedelta(days=1, hours=12)):
        with app.app_context():
            digests.begin_due()
        found: dict[str, str] = defaultdict(str)
        for sent in mailbox.all():
            found[str(sent["To"].addresses[0].username)] += whole(sent)
    return found


@pytest.mark.parametrize("level", ["notify", "digest"])
def test_no_mail_carries_a_word_out(app: Flask, mailbox: Mailbox, level: str, caplog: pytest.LogCaptureFixture) -> None:
    """Posts, answers, mentions, marks, decisions, digests: named members read the words, none else, nor the log."""
    caplog.set_level(logging.DEBUG)
    scene.more_people(app)
    wants(app, level)
    open_things(app)
    planted = plant(app)
    with app.app_context(), transaction():
        area = db.session.scalars(select(Area.id).where(Area.slug == planted.slug)).one()
        for key in ("bernd", "robert"):
            mails.watch_area(actor(key), area, None, notice=False)
    found = came(app, mailbox)
    assert found.keys() >= {"bernd", "robert", *OUTSIDERS[:4]}
    assert len(planted.in_text(found.pop("bernd") + found.pop("robert"))) >= 3, "the test of the test: they read them"
    assert {who: words for who, text in found.items() if (words := planted.in_text(text))} == {}
    assert not planted.in_text(caplog.text)


@pytest.mark.parametrize("level", ["notify", "digest"])
def test_who_is_taken_out_before_a_mail_is_sent_reads_no_word(
    app: Flask, work: Callable[[], int], mailbox: Mailbox, level: str
) -> None:
    """The mails were due already; what may be read is seen when they are written."""
    scene.more_people(app)
    wants(app, level)
    open_things(app)
    planted = plant(app)
    with app.app_context(), transaction():
        area = db.session.scalars(select(Area.id).where(Area.slug == planted.slug)).one()
        mails.watch_area(actor("bernd"), area, level, notice=False)
    work()
    with app.app_context(), transaction():
        db.session.execute(delete(AreaMember).where(AreaMember.area_id == area))
    found = came(app, mailbox)
    assert "Schimmel" in found["bernd"]
    assert not planted.in_text(found["bernd"])


@pytest.mark.usefixtures("noon")
@pytest.mark.parametrize("key", ["jonas", "frauke", "anke"])
def test_the_coming_digest_is_as_if_the_closed_area_were_not_there(
    app: Flask, work: Callable[[], int], key: str
) -> None:
    scene.more_people(app)
    wants(app, "digest")
    open_things(app)
    work()
    somebody = scene.visitor(app, key)
    pages = ["/settings/mail", "/settings/mail/preview", "/settings/mail/preview/html", "/moderation/digest"]

    def said() -> list[str]:
        return [scene.normal(somebody.asks("GET", page).text) for page in pages]

    without = said()
    assert "Schimmel im Keller" in without[1]
    plant(app)
    work()
    assert said() == without


def test_rights_change_at_once(app: Flask, planted: Planted) -> None:
    """Bernd is taken out of the area, Robert is suspended: the next request of the same session shows nothing."""
    bernd, robert = scene.visitor(app, "bernd"), scene.visitor(app, "robert")
    for somebody in (bernd, robert):
        assert somebody.asks("GET", f"/threads/{planted.thread}").status_code == 200
    with app.app_context(), transaction():
        area = db.session.scalars(select(Area.id).where(Area.slug == planted.slug)).one()
        db.session.execute(delete(AreaMember).where(AreaMember.area_id == area))
        suspend(None, db.session.scalars(select(Member).where(Member.uid == "robert")).one())
    assert not leaks(app, bernd, planted)
    assert not leaks(app, robert, planted)
    answer = robert.asks("GET", "/")
    assert "landing" not in answer.text
    assert robert.asks("GET", "/search?q=Schimmel").status_code == 303


@pytest.mark.parametrize("key", ["jonas", "frauke", "nele", "anke"])
def test_the_log_of_a_thread_that_moved(app: Flask, work: Callable[[], int], key: str) -> None:
    """What was said of a thread while it stood in the closed area, and the way in and out, stays there."""
    scene.more_people(app)
    planted = Planted()
    thing = scene.things(app)["open"]
    with app.app_context(), transaction():
        closed = db.session.scalars(select(Area.id).where(Area.slug == "leitungskreis")).one()

    def act(do: Callable[[Opened], None]) -> None:
        with app.app_context(), transaction():
            do(scene.opened_by("robert", db.session.get_one(Thread, thing.thread)))

    def robert() -> Any:
        return actor("robert")

    act(lambda opened: moderation.pin(robert(), opened, True, "Offener Grund"))
    act(lambda opened: moderation.move(robert(), opened, closed, f"Hinein wegen {planted.word()}"))
    somebody = scene.visitor(app, key)
    planted.thread = thing.thread
    assert not leaks(app, somebody, planted, forms=False, only=WHERE_THREADS_SHOW)
    assert thing.thread not in _listed(somebody)
    act(lambda opened: moderation.pin(robert(), opened, False, f"Drinnen {planted.word()}"))
    act(lambda opened: moderation.edit_post(
        robert(), opened, _first(opened.thread), "Neu", 1, f"{planted.word()}", f"Titel {planted.word()}"))  # fmt: skip
    act(lambda opened: moderation.edit_post(
        robert(), opened, _first(opened.thread), "Neuer", 2, f"Warum {planted.word()}", "Ding offen"))  # fmt: skip
    assert not leaks(app, somebody, planted, forms=False, only=WHERE_THREADS_SHOW)
    act(lambda opened: moderation.move(robert(), opened, thing.area_id, f"Hinaus wegen {planted.word()}"))
    work()
    assert not leaks(app, somebody, planted, forms=False, only=WHERE_THREADS_SHOW)
    log = somebody.asks("GET", "/moderation/log").text
    assert ("Offener Grund" in log) == (key != "jonas")
    assert "–</" not in log
    assert "→ –" not in log


def _listed(somebody: Visitor) -> set[int]:
    home = somebody.asks("GET", "/").text + somebody.asks("GET", "/areas/vermuellung").text
    return {int(number) for number in re.findall(r"/threads/(\d+)", home)}


def test_a_form_sent_again_names_no_thread_that_moved_away(app: Flask) -> None:
    """Frieda's thread was taken into the closed area and renamed; her browser sends the form a second time."""
    frieda = scene.visitor(app, "frieda")
    form = {
        "csrf_token": frieda.token,
        "kind": "question",
        "title": "Meine Frage",
        "body": "Text",
        "send_key": "einmal",
    }
    first = frieda.asks("POST", "/areas/vermuellung/new", data=form)
    number = int(re.search(r"/threads/(\d+)", first.location)[1])  # type: ignore[index]
    with app.app_context(), transaction():
        closed = db.session.scalars(select(Area.id).where(Area.slug == "leitungskreis")).one()
        thread = db.session.get_one(Thread, number)
        moderation.move(actor("robert"), scene.opened_by("robert", thread), closed, "Vertraulich")
        actions.retitle(actor("robert"), scene.opened_by("robert", thread), "Geheimer Titel")
    again = frieda.asks("POST", "/areas/vermuellung/new", data=form)
    assert "geheimer" not in str(again.headers) + again.text
    assert again.status_code == 404


def test_the_command_searches_with_the_members_eyes(app: Flask, planted: Planted, monkeypatch: Any) -> None:
    monkeypatch.setattr(doors, "create_app", lambda: app)
    run = CliRunner()
    for word in [*planted.words[::4], "Schimmel", "Nachtrag"]:
        for eyes in (["--as", "jonas@weserufer.example"], ["--as", "frauke@weserufer.example"], []):
            said = run.invoke(cli.forum, ["search", word, "--json", *eyes])
            assert said.exit_code == 0, said.output
            assert not planted.in_text(said.output)
            if word in planted.words:
                assert json.loads(said.output) == {"total": 0, "hits": []}
    said = run.invoke(cli.forum, ["search", "Nachtrag", "--as", "sven@weserufer.example"])
    assert said.exit_code != 0
    inside = run.invoke(cli.forum, ["search", "Fall", "--json", "--as", "bernd@weserufer.example"])
    assert inside.exit_code == 0


def test_what_breaks_tells_the_log_no_text(app: Flask, planted: Planted, caplog: pytest.LogCaptureFixture) -> None:
    """S25, S26: a failing statement is logged without its values, and the page says a number only."""
    from sqlalchemy import text as sql

    robert = scene.visitor(app, "robert")
    with app.app_context(), transaction():
        db.session.execute(sql("ALTER TABLE post RENAME COLUMN message_id TO former"))
    body = f"Text mit {planted.word()}"
    caplog.set_level(logging.DEBUG)
    answer = robert.asks("POST", f"/threads/{planted.thread}/posts", data={"csrf_token": robert.token, "body": body})
    assert answer.status_code in (500, 503)
    assert body in answer.text, "the member keeps the text"
    assert "message_id" not in answer.text
    assert "message_id" in caplog.text
    assert not planted.in_text(caplog.text)
