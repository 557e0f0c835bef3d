"""Each kind of mail with invented contents, to be looked at: the people and posts are those of the demonstration.

Nothing is read from the database but the network's name, and nothing is written.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from forum import text
from forum.i18n import gettext as _
from forum.i18n import languages, ngettext, speaking
from forum.mail import kinds, notices, templates
from forum.mail.compose import house
from forum.mail.kinds import Place, Row, Shown, Telling, Told
from forum.mail.letter import House, Letter, List, Seen
from forum.members.models import Viewer
from forum.notifications.queries import Reader

_DEMO = Path(__file__).parents[1] / "demo" / "network.ndjson"
_QUESTION, _ANSWER = "p-0229", "p-0230"
_THREADS = ("t-045", "t-053", "t-047", "t-052", "t-041", "t-042")
_AT = datetime(2026, 11, 22, 7, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Sample:
    """A mail that was never sent: its name in files and addresses, what one sees, and its bytes."""

    name: str
    seen: Seen
    message: bytes

    @property
    def title(self) -> str:
        """Its subject."""
        return self.seen.subject


def samples(language: str) -> list[Sample]:
    """All kinds of mail in this language."""
    demo, home = _demo(), house()
    home = replace(home, name=home.name or demo.network)
    # Nobody: a link to stop with must stop no mails of a member.
    reader = Reader(Viewer(0, "Katrin Osterloh", "member", language), "katrin.osterloh@innersteaue.example", 0)
    with speaking(language, home.addresses.settings.time_zone):
        found = [
            Sample(name, letter.seen_by(reader.viewer), letter.to(reader)) for name, letter in _letters(home, demo)
        ]
        post, digest = found[0], next(sample for sample in found if sample.name == "digest")
        text_only = _answer(home, demo).to(replace(reader, html=False))
        found.insert(1, Sample("post-as-text", replace(post.seen, html=""), text_only))
        found.insert(found.index(digest) + 1, _digest_apart(home, demo, reader))
    return found


def write(folder: Path) -> int:
    """Write all samples in all languages as files, with a page that leads to them; return how many mails there are."""
    folder.mkdir(parents=True, exist_ok=True)
    mails = [
        (sample.title, _write(sample, folder / f"{language}-{sample.name}"))
        for language in languages()
        for sample in samples(language)
    ]
    (folder / "index.html").write_text(templates.page("_index", mails=mails))
    return len(mails)


def _write(sample: Sample, path: Path) -> list[str]:
    forms = {".html": sample.seen.html.encode(), ".txt": sample.seen.text.encode(), ".eml": sample.message}
    files = {path.with_name(path.name + ending): form for ending, form in forms.items() if form}
    for file, form in files.items():
        file.write_bytes(form)
    return [file.name for file in files]


def _letters(home: House, demo: "_Demo") -> Iterator[tuple[str, Letter]]:
    named = home.addresses.message_id_of_mail
    shown, place = demo.post(home, _ANSWER)
    asked, of_question = demo.post(home, _QUESTION)
    yield "post", _answer(home, demo)
    yield "question", kinds.post(home, asked, of_question, "notify")
    yield "notice", kinds.notice(home, *demo.post(home, demo.newest("t-050")[-1]), "notify")
    yield "digest", kinds.digest(home, named(1), _AT, _telling(home, demo))
    yield "invitation", kinds.link(home, named(2), "A" * 43, "welcome", _AT + timedelta(days=14), "Anke Verwey")
    yield "new-password", kinds.link(home, named(3), "A" * 43, "reset", _AT + timedelta(hours=1))
    yield "sign-in", kinds.sign_in(home, named(4), "Firefox, Windows", _AT)
    reason = "Die Reihenfolge hat bei uns zweimal die Tür geöffnet."
    given = [kinds.Given("Aylin Kaya", "den ersten Kontakt", reason)]
    yield "recommended", kinds.recommended(home, named(5), shown, place, given, further=False)
    yield "helped", kinds.helped(home, named(6), shown, place, "Frieda Moor")
    reason = "Darin stand, wo jemand wohnt. Ohne diese Angabe ist der Beitrag willkommen."
    url = f"{home.url}/threads/{place.thread_id}"
    yield "decision", kinds.decision(home, named(7), "delete", url, place, "Robert Tamm", reason)
    said = kinds.Said(
        _("%(name)s points you to a post", name="Robert Tamm"), shown.url,
        words="Das wäre auch etwas für euren Fall in der Nordstraße.", with_post=True,
    )  # fmt: skip
    yield "shared", kinds.notification(home, named(9), said, shown, place)
    yield "contact", kinds.notification(home, named(10), _contact(home))
    yield "asked", kinds.notification(home, named(11), notices.asked(home, of_question.thread_id), asked, of_question)
    said = notices.outcome(home, of_question.thread_id)
    yield "outcome", kinds.notification(home, named(12), said, asked, of_question)
    yield "opening", kinds.notification(home, named(13), notices.opening(home, of_question.thread_id))
    yield "test", kinds.test(home, named(8))


def _contact(home: House) -> kinds.Said:
    body = "Guten Tag, Herr Tamm,\n\nbei Ihrem Treffen fiel das Wort Umzugspaket. Darf ich einmal anrufen?"
    return notices.contact(home, 1, "Frieda Moor", "Umzugspaket", body)


def _answer(home: House, demo: "_Demo") -> Letter:
    return kinds.post(home, *demo.post(home, _ANSWER), "mentioned")


def _digest_apart(home: House, demo: "_Demo", reader: Reader) -> Sample:
    letter = kinds.digest(home, home.addresses.message_id_of_mail(10), _AT, _telling(home, demo), apart=True)
    posts = [demo.post(home, post) for thread in _THREADS for post in demo.newest(thread)]
    parts = [(kinds.part(home, shown, place), shown.at) for shown, place in posts]
    return Sample("digest-apart", replace(letter.seen_by(reader.viewer), html=""), letter.apart(reader, parts))


def _telling(home: House, demo: "_Demo") -> Telling:
    why = [_("You are mentioned"), _("Your thread"), _("You follow it"), _("You wrote here")]
    why += [_("New replies")] * (len(_THREADS) - len(why))
    threads = [_told(home, demo, thread, words) for thread, words in zip(_THREADS, why, strict=True)]
    return Telling(
        total=sum(thread.new for thread in threads) + 5,
        threads=threads,
        more=[demo.row(home, "t-055", _("New thread")), demo.row(home, "t-038", _("New replies"))],
        beyond=2,
        quiet=[Row("Leitungskreis", f"{home.url}/areas/leitungskreis", kinds.new_posts(3))],
        recommended=[replace(demo.row(home, "t-025", ""), facts="Mehmet Arslan, Leinewohnen", for_what="Umzugspaket")],
        unanswered=[demo.row(home, "t-051", "")],
        saved=[
            Row("Geruch Treppenhaus", f"{home.url}/search/saved/1", ngettext("%(num)s new hit", "%(num)s new hits", 2))
        ],
        lines=["Nächstes Treffen am 11. Februar in Hildesheim: Anmeldungen bis zum 15. Januar."],
    )


def _told(home: House, demo: "_Demo", thread: str, why: str) -> Told:
    posts = [demo.post(home, post) for post in demo.newest(thread)]
    place = posts[0][1]
    facts = " · ".join((why, place.area.title, kinds.new_posts(len(posts) + 1)))
    return Told(place.topic, posts[0][0].url, facts, len(posts) + 1, 1, [shown for shown, _place in posts])


@dataclass(frozen=True, slots=True)
class _Demo:
    """The lines of the demonstration by kind and name; numbers are their places in the file."""

    lines: dict[str, dict[str, dict[str, Any]]]

    @property
    def network(self) -> str:
        name: str = self.lines["network"][""]["name"]
        return name

    def newest(self, thread: str, most: int = 2) -> list[str]:
        """The newest posts of a thread."""
        return [name for name, post in self.lines["post"].items() if post["thread"] == thread][-most:]

    def post(self, home: House, name: str) -> tuple[Shown, Place]:
        """A post and where it stands."""
        post = self.lines["post"][name]
        author = self.lines["person"][post["author"]]
        house = self.lines["organisation"][author["organisation"]]
        shown = Shown(
            post["row"], name, None, author["name"], f"{house['name']}, {house['city']}",
            datetime.fromisoformat(post["created_at"]), text.render(post["body"]), f"{home.url}/posts/{post['row']}",
        )  # fmt: skip
        return shown, self.place(home, post)

    def place(self, home: House, post: dict[str, Any]) -> Place:
        """Where a post stands."""
        thread = self.lines["thread"][post["thread"]]
        area = self.lines["area"][thread["area"]]
        opening = next(one for one in self.lines["post"].values() if one["thread"] == post["thread"])
        above = [opening] if post is not opening else []
        chain = [f"<post.{one['id']}@{home.addresses.domain}>" for one in above]
        listed, numbers = List(area["slug"], area["title"], area["access"]), [one["row"] for one in above]
        return Place(area["row"], listed, thread["row"], thread["title"], thread["kind"], chain=chain, posts=numbers)

    def row(self, home: House, thread: str, why: str) -> Row:
        """A thread as one line."""
        _shown, place = self.post(home, self.newest(thread)[-1])
        facts = " · ".join(filter(None, (why, place.area.title)))
        return Row(place.topic, f"{home.url}/threads/{place.thread_id}", facts)


@cache
def _demo() -> _Demo:
    lines: dict[str, dict[str, dict[str, Any]]] = {}
    for number, line in enumerate(_DEMO.read_text().splitlines(), 1):
        thing = {**json.loads(line), "row": number}
        lines.setdefault(thing["type"], {})[thing.get("id") or thing.get("slug") or ""] = thing
    return _Demo(lines)
