"""What else a word may be called: facilitators keep it, try it before it is saved, and every search asks it."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import delete, select

from forum.areas.actions import name_member
from forum.areas.models import Area
from forum.db import db, transaction
from forum.errors import Conflict, Invalid, Refused
from forum.members.models import Viewer
from forum.members.queries import viewer_by_email
from forum.outbox import Event
from forum.search import starter, thesaurus
from forum.search.synonyms import LONGEST_WORD, MOST_WORDS, Also, Group, Thesaurus, typed
from forum.search.thesaurus import ThesaurusChange, ThesaurusGroup
from tests.cast import Person, area_id

PAGE = "/moderation/thesaurus"


def met(thesaurus: Thesaurus, text: str) -> dict[str, set[str]]:
    """Stretch of the text → what else it may be met as."""
    words = text.split()
    found: dict[str, set[str]] = {}
    for also in thesaurus.of(words):
        found.setdefault(" ".join(words[also.start : also.start + also.length]), set()).update(also.words)
    return found


TRADE = Thesaurus(
    (
        typed("Verwahrlosung = Vermüllung = Messie"),
        typed("Hospitation = Job Shadowing"),
        typed("Betreuung, Begleitung"),
        typed("gesetzliche Betreuung, rechtliche Betreuung"),
        typed("Alkohol\nSpielsucht", head="Sucht"),
        typed("Sozialarbeit, Sozialarbeiter, Soziale Arbeit"),
    )
)


def test_equal_words_find_each_other_in_every_form() -> None:
    assert met(TRADE, "Messies Bremen") == {"Messies": {"Verwahrlosung", "Vermüllung"}}
    assert met(TRADE, "Vermuellung") == {"Vermuellung": {"Verwahrlosung", "Messie"}}


def test_a_narrower_word_is_found_by_the_broader_one_and_not_the_other_way_round() -> None:
    assert TRADE.of(["Sucht"]) == [Also(0, 1, "Sucht", ("Alkohol", "Spielsucht"), equal=False)]
    assert TRADE.of(["Alkohol"]) == []


@pytest.mark.parametrize("written", ["Job Shadowing", "Job-Shadowing", "Jobshadowing", "job shadowing"])
def test_several_words_are_one_entry_however_they_are_written(written: str) -> None:
    assert met(TRADE, f"{written} Bremen") == {written: {"Hospitation"}}


def test_a_word_within_a_longer_entry_is_no_entry_of_its_own() -> None:
    assert met(TRADE, "gesetzliche Betreuung") == {"gesetzliche Betreuung": {"rechtliche Betreuung"}}
    assert met(TRADE, "Betreuung gesetzlich") == {"Betreuung": {"Begleitung"}}


def test_forms_of_one_word_in_a_group_are_met_once() -> None:
    assert len(TRADE.of(["Sozialarbeiter:innen"])) == 1


@pytest.mark.parametrize("text", ["", "und", "xylophon", "Job", "Shadowing Job"])
def test_other_words_mean_only_themselves(text: str) -> None:
    assert TRADE.of(text.split()) == []


@pytest.mark.parametrize(
    ("words", "head", "code"),
    [
        ("", "", "words_too_few"),
        ("Messie", "", "words_too_few"),
        ("Messie, messie, Messies", "", "words_too_few"),
        ("", "Sucht", "narrower_empty"),
        ("Sucht", "sucht", "narrower_empty"),
        ("Messie, !?", "", "word_signs"),
        ("Messie", "…", "word_signs"),
        (f"Messie, {'x' * (LONGEST_WORD + 1)}", "", "word_long"),
        (", ".join(f"Wort{number}" for number in range(MOST_WORDS + 1)), "", "words_too_many"),
    ],
)
def test_what_cannot_be_used_is_said(words: str, head: str, code: str) -> None:
    with pytest.raises(Invalid) as problem:
        typed(words, head)
    assert problem.value.code == code


def test_the_words_of_the_trade_are_in_order() -> None:
    groups = starter.groups("de")
    assert len(groups) > 40
    for sort in (True, False):
        seen = [key for group in groups if bool(group.head) is sort for key in group.keys]
        assert len(seen) == len(set(seen)), "a word in two groups"
    assert starter.groups("en") == ()


# Kept in the network


def viewer(key: str) -> Viewer:
    found = viewer_by_email(f"{key}@weserufer.example")
    assert found is not None
    return found


def saved(app: Flask) -> list[str]:
    """The groups, as the page says them."""
    with app.app_context():
        return [str(row.value) for row in thesaurus.groups(viewer("robert"))]


def form(group: ThesaurusGroup) -> tuple[int, int]:
    return group.id, group.version


def only_group(app: Flask) -> tuple[int, int]:
    with app.app_context():
        return form(db.session.scalars(select(ThesaurusGroup)).one())


def test_robert_adds_changes_and_deletes_a_group(app: Flask, robert: Person) -> None:
    robert.reads(f"{PAGE}/new")
    robert.sends(f"{PAGE}/new", words="Messie\nVermüllung")
    assert robert.sees("Messie = Vermüllung")
    group, version = only_group(app)
    robert.reads(f"{PAGE}/{group}")
    robert.sends(f"{PAGE}/{group}", words="Messie\nVermüllung\nVerwahrlosung", version=str(version))
    assert robert.sees("Messie = Vermüllung = Verwahrlosung")
    assert robert.sees("Robert Tamm")
    _, version = only_group(app)
    robert.sends(f"{PAGE}/{group}/delete", version=str(version))
    assert saved(app) == []
    with app.app_context():
        changes = db.session.execute(select(ThesaurusChange.before, ThesaurusChange.after)).all()
        told = db.session.scalars(select(Event).where(Event.name == "thesaurus.changed")).all()
    assert changes == [
        ("", "Messie = Vermüllung"),
        ("Messie = Vermüllung", "Messie = Vermüllung = Verwahrlosung"),
        ("Messie = Vermüllung = Verwahrlosung", ""),
    ]
    assert [(event.actor_id, event.ids) for event in told] == [(robert.id, {})] * 3


def test_saving_what_is_there_already_changes_nothing(app: Flask) -> None:
    with app.app_context(), transaction():
        thesaurus.save(viewer("robert"), typed("Messie, Vermüllung"))
    group, version = only_group(app)
    with app.app_context(), transaction():
        thesaurus.save(viewer("robert"), typed("Messie\nVermüllung"), group, version)
    assert only_group(app) == (group, version)


def test_of_two_who_change_a_group_the_second_sees_both(app: Flask, robert: Person, anke: Person) -> None:
    robert.sends(f"{PAGE}/new", words="Messie, Vermüllung")
    group, version = only_group(app)
    robert.sends(f"{PAGE}/{group}", words="Messie, Vermüllung, Verwahrlosung", version=str(version))
    page = anke.sends(f"{PAGE}/{group}", words="Messie, Horten", version=str(version))
    assert page.status_code == 409
    assert anke.sees("Messie = Vermüllung = Verwahrlosung")
    assert anke.sees("Messie, Horten")
    _, present = only_group(app)
    assert anke.sees(f'name="version" value="{present}"')
    anke.sends(f"{PAGE}/{group}", words="Messie, Verwahrlosung, Horten", version=str(present))
    assert saved(app) == ["Messie = Verwahrlosung = Horten"]


def test_words_of_a_group_that_was_deleted_meanwhile_are_kept(app: Flask, robert: Person, anke: Person) -> None:
    robert.sends(f"{PAGE}/new", words="Messie, Vermüllung")
    group, version = only_group(app)
    robert.sends(f"{PAGE}/{group}/delete", version=str(version))
    assert anke.sends(f"{PAGE}/{group}", words="Messie, Horten", version=str(version)).status_code == 409
    assert anke.sees("Messie, Horten")
    assert anke.sees(f'action="{PAGE}/new"')


def test_a_group_that_somebody_changed_is_not_deleted(app: Flask) -> None:
    with app.app_context(), transaction():
        thesaurus.save(viewer("robert"), typed("Messie, Vermüllung"))
    group, version = only_group(app)
    with app.app_context(), transaction():
        thesaurus.save(viewer("anke"), typed("Messie, Horten"), group, version)
    with app.app_context(), pytest.raises(Conflict), transaction():
        thesaurus.remove(viewer("robert"), group, version)
    assert saved(app) == ["Messie = Horten"]


def test_a_word_of_two_groups_is_offered_to_be_joined(app: Flask, robert: Person) -> None:
    robert.sends(f"{PAGE}/new", words="Messie, Vermüllung")
    robert.sends(f"{PAGE}/new", words="Verwahrlosung, Horten")
    page = robert.sends(f"{PAGE}/new", words="Messies, Verwahrlosung")
    assert page.status_code == 422
    assert robert.sees("Messie = Vermüllung; Verwahrlosung = Horten")
    assert robert.sees('name="join"')
    robert.sends(f"{PAGE}/new", words="Messies, Verwahrlosung", join="1")
    assert saved(app) == ["Messies = Verwahrlosung = Messie = Vermüllung = Horten"]


def test_a_word_may_be_equal_to_some_and_broader_than_others(app: Flask, robert: Person) -> None:
    robert.sends(f"{PAGE}/new", words="Sucht, Abhängigkeit")
    robert.sends(f"{PAGE}/new", words="Alkohol, Drogen", head="Sucht")
    assert robert.sends(f"{PAGE}/new", words="Spielsucht", head="Süchte").status_code == 422
    assert saved(app) == ["Sucht = Abhängigkeit", "Sucht → Alkohol, Drogen"]


def test_a_refused_form_keeps_its_words(robert: Person) -> None:
    assert robert.sends(f"{PAGE}/new", words="Messie", head="").status_code == 422
    assert robert.sees("Messie</textarea>")


def test_the_list_can_be_searched(robert: Person) -> None:
    robert.reads(PAGE)
    robert.sends(f"{PAGE}/starter")
    robert.reads(f"{PAGE}?q=vermuell")
    assert robert.sees("Vermüllung")
    assert not robert.sees("Jobcenter")
    robert.reads(f"{PAGE}?q=xylophon")
    assert not robert.sees("Jobcenter")


def test_what_a_search_asks_is_read_anew_when_it_has_changed(app: Flask, statements: list[str]) -> None:
    def words() -> list[str]:
        return [str(group) for group in thesaurus.meanings().groups]

    with app.app_context():
        assert words() == []
        with transaction():
            thesaurus.save(viewer("robert"), typed("Messie, Vermüllung"))
        assert words() == ["Messie = Vermüllung"]
        statements.clear()
        assert words() == ["Messie = Vermüllung"]
        assert len(statements) == 1
        with transaction():
            thesaurus.remove(viewer("robert"), *form(db.session.scalars(select(ThesaurusGroup)).one()))
        assert words() == []


def test_what_is_not_committed_is_not_remembered(app: Flask) -> None:
    def add_and_fail() -> None:
        with transaction():
            thesaurus.save(viewer("robert"), typed("Messie, Vermüllung"))
            assert len(thesaurus.meanings().groups) == 1
            raise RuntimeError

    with app.app_context():
        with pytest.raises(RuntimeError):
            add_and_fail()
        assert thesaurus.meanings().groups == ()
        with transaction():
            thesaurus.save(viewer("robert"), typed("Horten, Sammeln"))
        assert thesaurus.meanings().groups == (Group(("Horten", "Sammeln")),)


def test_there_is_room_for_so_many_groups(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forum.search.thesaurus.MOST_GROUPS", 1)
    with app.app_context(), transaction():
        thesaurus.save(viewer("robert"), typed("Messie, Vermüllung"))
    with app.app_context(), pytest.raises(Invalid, match="thesaurus_full"), transaction():
        thesaurus.save(viewer("robert"), typed("Lärm, Ruhestörung"))


# Who may


def test_members_find_no_such_page(frieda: Person) -> None:
    for address in (PAGE, f"{PAGE}/new", f"{PAGE}/1", "/moderation/searches"):
        assert frieda.reads(address).status_code == 404
    assert frieda.sends(f"{PAGE}/new", words="Messie, Vermüllung").status_code == 404
    frieda.reads("/moderation/log")
    assert not frieda.sees("Thesaurus")


def test_actions_refuse_members(app: Flask) -> None:
    with app.app_context(), pytest.raises(Refused), transaction():
        thesaurus.save(viewer("frieda"), typed("Messie, Vermüllung"))
    with app.app_context(), pytest.raises(Refused), transaction():
        thesaurus.add_starter(viewer("frieda"), "de")


def test_who_facilitates_one_area_keeps_the_thesaurus_as_well(app: Flask, jonas: Person) -> None:
    with app.app_context(), transaction():
        name_member(None, db.session.get_one(Area, area_id(app, "vermuellung")), jonas.id, facilitates=True)
    jonas.sends(f"{PAGE}/new", words="Messie, Vermüllung")
    assert saved(app) == ["Messie = Vermüllung"]
    jonas.reads("/moderation/log")
    assert jonas.sees("Wortgruppen")


# What a network starts with


def test_the_words_of_the_trade_are_added_once(app: Flask, robert: Person) -> None:
    robert.sends(f"{PAGE}/new", words="Messie, Horten")
    robert.reads(PAGE)
    assert robert.sees("Anfangsbestand ergänzen")
    robert.sends(f"{PAGE}/starter")
    assert not robert.sees("Anfangsbestand ergänzen")
    there = saved(app)
    assert "Messie = Horten" in there
    assert len(there) == len(starter.groups("de"))
    robert.sends(f"{PAGE}/starter")
    assert saved(app) == there
    with app.app_context():
        assert len(db.session.scalars(select(ThesaurusChange)).all()) == 2


# Trying


@pytest.fixture
def threads(frieda: Person, jonas: Person, bernd: Person, work: Callable[[], int]) -> None:
    frieda.asks("Umgang mit einer Messie-Wohnung", "Die Mieterin öffnet nicht.")
    jonas.asks("Vermüllung im Keller", "Wer räumt auf?")
    bernd.asks("Geheimer Unrat", "Vermüllung im Vorstand.", area="leitungskreis")
    work()


@pytest.mark.usefixtures("threads")
def test_anke_tries_words_before_she_saves_them(app: Flask, anke: Person) -> None:
    anke.reads(f"{PAGE}/new")
    page = anke.sends(f"{PAGE}/try", words="Messie, Vermüllung", head="", text="")
    assert page.status_code == 200
    assert anke.sees("Umgang mit einer")
    assert anke.sees("im Keller")
    assert not anke.sees("Geheimer Unrat"), "she is not in the closed circle"
    assert page.text.count("<b>neu</b>") == 1
    assert anke.sees("Messie, Vermüllung</textarea>")
    assert saved(app) == []


@pytest.mark.usefixtures("threads")
def test_taking_a_word_out_shows_what_is_gone(app: Flask, anke: Person) -> None:
    anke.sends(f"{PAGE}/new", words="Messie, Vermüllung, Unordnung")
    group, version = only_group(app)
    fields = {"group": str(group), "version": str(version), "words": "Messie, Unordnung"}
    page = anke.sends(f"{PAGE}/try", text="Messie", **fields)
    assert "im Keller" in page.text.partition('id="trial"')[2].partition("<ul")[2]
    assert saved(app) == ["Messie = Vermüllung = Unordnung"]
    assert anke.sees(f'name="version" value="{version}"')


def test_trying_what_cannot_be_used_says_so(anke: Person) -> None:
    assert anke.sends(f"{PAGE}/try", words="Messie", text="Messie").status_code == 422


def test_a_long_history_shows_its_newest(app: Flask, robert: Person) -> None:
    with app.app_context(), transaction():
        for number in range(thesaurus.CHANGES_SHOWN + 5):
            thesaurus.save(viewer("robert"), typed(f"Wort{number}a, Wort{number}b"))
        db.session.execute(delete(ThesaurusGroup))
    robert.reads(PAGE)
    assert robert.sees(f"Wort{thesaurus.CHANGES_SHOWN + 4}a")
    assert not robert.sees("Wort0a")
