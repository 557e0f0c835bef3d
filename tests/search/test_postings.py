"""Postings come out as they went in, merging loses nothing, and damaged bytes raise."""

import random
import struct
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from forum.search.compounds import Lexicon
from forum.search.engine import Document
from forum.search.german import German, term
from forum.search.postings import (
    ANSWERED,
    MOST_DOCUMENTS_MERGED,
    OPENS_THREAD,
    RECOMMENDED,
    SEGMENTS_TO_MERGE,
    WORDS,
    Batch,
    Postings,
    Source,
    Written,
    batch_of,
    merged,
    pack,
    pack_words,
    unpack,
    unpack_words,
    worth_merging,
)

GERMAN = German(Lexicon.shipped())
DAMAGED = (ValueError, IndexError, struct.error)
NUMBER = st.one_of(st.integers(0, 300), st.integers(0, 70_000), st.integers(0, 2**32 - 1))


def document(key: int, body: str, title: str = "", **said: object) -> Document:
    plain = Document(
        key=key, thread_id=key, area_id=1, kind="question", title=title, body=body, number=1, author="Frieda Harms",
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
    )  # fmt: skip
    return replace(plain, **said)  # type: ignore[arg-type]


def items(batch: Batch) -> dict[bytes, bytes]:
    return dict(batch.items())


def postings(batch: Batch, field: str, word: str) -> Postings:
    return unpack(items(batch)[field.encode() + term(word).encode()])


def assert_same(one: Postings, other: Postings) -> None:
    for here, there in zip(one, other, strict=True):
        if here is None or there is None:
            assert here is there
        else:
            assert np.array_equal(here, there)


# Packing


@st.composite
def some_postings(draw: st.DrawFn) -> Postings:
    documents = sorted(draw(st.sets(NUMBER, min_size=1, max_size=20)))
    counts = draw(st.lists(st.sampled_from([1, 2, 3, 300]), min_size=len(documents), max_size=len(documents)))
    counts = draw(st.sampled_from([counts, [1] * len(documents)]))
    luck = draw(st.randoms(use_true_random=False))
    top = draw(st.sampled_from([200, 60_000, 4_000_000]))
    positions = [place for count in counts for place in sorted(luck.sample(range(top), min(count, top)))]
    return Postings(
        np.array(documents, np.uint32),
        np.array([min(count, top) for count in counts]),
        draw(st.sampled_from([None, np.array(positions, np.uint32)])),
    )


@given(some_postings())
def test_what_was_packed_is_unpacked(one: Postings) -> None:
    assert_same(unpack(pack(one)), one)


def test_few_bytes_are_needed() -> None:
    thousand = np.arange(1000, 2000, dtype=np.uint32)
    once = Postings(thousand, np.ones(1000, np.uint8), None)
    assert len(pack(once)) < 1000 * 2 + 20
    assert len(pack(once._replace(documents=thousand - 900))) < 1000 + 20


@given(some_postings(), st.randoms(use_true_random=False))
def test_damaged_bytes_raise_or_are_read_as_something(one: Postings, luck: random.Random) -> None:
    packed = bytearray(pack(one))
    packed[luck.randrange(len(packed))] ^= 1 << luck.randrange(8)
    for damaged in (bytes(packed), pack(one)[: luck.randrange(len(packed))]):
        try:
            read = unpack(damaged)
        except DAMAGED:
            continue
        assert len(read.documents) == len(read.counts) <= len(packed)


@pytest.mark.parametrize("packed", [b"", b"\0", b"\xff" * 7, b"\xff" * 40, b"\1\0\0\0\0\3\3"])
def test_what_was_never_packed_raises(packed: bytes) -> None:
    with pytest.raises(DAMAGED):
        unpack(packed)


def test_a_phrase_begins_where_its_words_meet() -> None:
    batch = batch_of(GERMAN, [document(1, "mit dem Amt"), document(2, "dem Amt mit"), document(3, "Amt")])
    starts = [postings(batch, "b", word).starts(step).tolist() for step, word in enumerate(("dem", "Amt"))]
    assert [start >> 32 for start in sorted({*starts[0]} & {*starts[1]})] == [0, 1]


def test_a_hyphenated_word_with_the_term_of_its_first_part_stands_there_once() -> None:
    found = postings(batch_of(GERMAN, [document(1, "Alle Mieter-innen, Mieter")]), "b", "Mieter")
    assert found.positions is not None
    assert (found.counts.tolist(), found.positions.tolist()) == ([2], [1, 3])


def test_postings_are_narrowed_with_their_places() -> None:
    batch = batch_of(GERMAN, [document(1, "Lärm und Lärm"), document(2, "viel Lärm"), document(3, "Lärm")])
    kept = postings(batch, "b", "Lärm").within(np.array([True, False, True]))
    assert kept.positions is not None
    assert [column.tolist() for column in (kept.documents, kept.counts, kept.positions)] == [[0, 2], [2, 1], [0, 2, 0]]


# A batch


def test_each_field_keeps_its_own_words() -> None:
    batch = batch_of(GERMAN, [document(1, "Mietschulden", "Räumungsklage", files="Merkblatt")])
    keys = {field + "/" + some.decode()[1:] for some in items(batch) if (field := some.decode()[:1]) != "w"}
    expected = {"t": ["Räumungsklage"], "p": ["Räumung", "Klage"], "b": ["Mietschulden"], "q": ["Miete", "Schulden"],
                "a": ["Frieda", "Harms"]}  # fmt: skip
    assert keys - {key for key in keys if key.startswith("f")} == {
        f"{field}/{term(word)}" for field, words in expected.items() for word in words
    }
    assert f"f/{term('Merkblatt')}" in keys


def test_a_row_says_what_filters_and_facets_need() -> None:
    (row,) = batch_of(
        GERMAN,
        [document(7, "Eins zwei drei", "Titel", area_id=4, organisation_id=9, recommended=True, answered=True)],
    ).rows
    assert (row["key"], row["area"], row["organisation"], row["year"], row["kind"]) == (7, 4, 9, 2026, 0)
    assert row["created"] == datetime(2026, 3, 1, tzinfo=UTC).timestamp()
    assert (row["title_length"], row["body_length"]) == (1, 3)
    assert row["flags"] == RECOMMENDED | ANSWERED | OPENS_THREAD


def test_words_are_kept_as_they_are_mostly_written() -> None:
    batch = batch_of(GERMAN, [document(1, "Räumungen und räumungen"), document(2, "Räumungen im Jahr 2026, E-Mail")])
    words = unpack_words(items(batch)[WORDS])
    assert words[term("Räumung")] == Written("Räumungen", 3)
    assert words.keys() == {term(word) for word in ("Räumung", "und", "im", "Jahr", "E", "Mail")}


@given(st.lists(st.text(max_size=60), max_size=4))
@example(["ﷺ steht für einen ganzen Satz", "\ufe70 \u037a", "ﬁnden"])
def test_any_text_is_kept_and_read_again(texts: list[str]) -> None:
    batch = batch_of(GERMAN, [document(key, text, text, files=text) for key, text in enumerate(texts)])
    everything = items(batch)
    assert list(everything) == sorted(everything)
    for key, packed in everything.items():
        assert unpack_words(packed) is not None if key == WORDS else len(unpack(packed).documents)


# Merging


@given(st.randoms(use_true_random=False))
def test_merged_segments_are_as_if_built_at_once(luck: random.Random) -> None:
    vocabulary = ["Mietschulden", "Räumungsklage", "Lärm", "Lärmprotokoll", "Geduld", "E-Mail", "Kolleg:innen", "Öfen"]

    def text() -> str:
        return " ".join(luck.choices(vocabulary, k=luck.randrange(12)))

    posts = [document(key, text(), text(), files=text() if key % 5 == 0 else "") for key in range(luck.randrange(40))]
    gone = {post.key for post in posts if luck.random() < 0.3}
    sources, left = [], 0
    while posts[left:] or not sources:
        some = posts[left : left + luck.randrange(1, 15)]
        left += len(some)
        sources.append((batch_of(GERMAN, some), np.array([post.key not in gone for post in some], bool)))
    kept = [post for post in posts if post.key not in gone]
    together, at_once = dict(merged_of(sources)), items(batch_of(GERMAN, kept))
    assert together.keys() == at_once.keys()
    for key in at_once.keys() - {WORDS}:
        assert together[key] == at_once[key]
    if not gone:
        counts = [
            {name: word.places for name, word in unpack_words(some[WORDS]).items()} for some in (together, at_once)
        ]
        assert counts[0] == counts[1]


def merged_of(sources: Iterable[tuple[Batch, np.ndarray]]) -> Iterable[tuple[bytes, bytes]]:
    renumbered, size = [], 0
    for batch, standing in sources:
        renumbered.append(Source(batch.items(), np.where(standing, size + np.cumsum(standing) - 1, -1)))
        size += int(standing.sum())
    return merged(renumbered)


def test_when_all_is_gone_no_term_is_left() -> None:
    batch = batch_of(GERMAN, [document(1, "Lärm")])
    assert [key for key, _ in merged([Source(batch.items(), np.array([-1]))])] == [WORDS]


FORMS: list[Mapping[str, int]] = [{"Räumung": 2, "Räumungen": 3}, {"Räumung": 4}, {"RÄUMUNG": 1}]


def test_words_of_two_segments_are_counted_together() -> None:
    first, second = (pack_words({"raum": forms}) for forms in FORMS[:2])
    sources = [Source([(WORDS, packed)], np.empty(0, np.int64)) for packed in (first, second)]
    ((_, together),) = merged(sources)
    assert unpack_words(together) == {"raum": Written("Räumungen", 9)}


@pytest.mark.parametrize("packed", [b"raum", b"raum Raum", b"raum Raum viele", b"\xff", b"raum Raum 2 3"])
def test_damaged_words_raise(packed: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        unpack_words(packed)


# What is merged when


def test_a_few_segments_are_left_alone() -> None:
    assert worth_merging([]) == []
    assert worth_merging([3] * (SEGMENTS_TO_MERGE - 1)) == []
    assert worth_merging([3] * SEGMENTS_TO_MERGE) == list(range(SEGMENTS_TO_MERGE))


def test_only_segments_of_about_the_same_size_become_one() -> None:
    assert worth_merging([900, *[1] * SEGMENTS_TO_MERGE]) == list(range(1, SEGMENTS_TO_MERGE + 1))


def test_no_commit_copies_for_long() -> None:
    assert worth_merging([MOST_DOCUMENTS_MERGED] * 20) == []


def test_single_posts_are_copied_a_few_times_and_leave_few_segments() -> None:
    sizes: list[int] = []
    copied = most = 0
    for _ in range(20_000):
        chosen = set(worth_merging(sizes))
        joined = sum(sizes[place] for place in chosen)
        sizes = [*(size for place, size in enumerate(sizes) if place not in chosen), joined + 1]
        copied += joined
        most = max(most, len(sizes))
    assert most <= 60
    assert copied <= 6 * 20_000
