"""The measures are those that everybody uses, and the command asks the search page."""

import json
import random
from pathlib import Path

import ir_measures
import pytest
from click.testing import CliRunner, Result
from ir_measures import RR, R, Success, nDCG

from forum import cli
from forum.search.evaluation import MEASURES, Ranking, WrongFile, read_judgements, read_questions, report, run_lines

THEIRS = {
    "nDCG@10": nDCG @ 10,
    "recall@10": R @ 10,
    "MRR": RR,
    "success@1": Success @ 1,
    "success@5": Success @ 5,
    "success@10": Success @ 10,
}


@pytest.mark.parametrize("seed", range(20))
def test_the_measures_are_those_of_trec_eval(seed: int) -> None:
    chance = random.Random(seed)
    documents = [f"d{number}" for number in range(60)]
    judged = {
        f"q{number}": {one: chance.choice((-1, 0, 1, 2, 3)) for one in chance.sample(documents, chance.randint(1, 25))}
        for number in range(40)
    }
    # Some questions find nothing, some judged ones are never asked, and some that are asked are not judged.
    rankings = {
        f"q{number}": Ranking(chance.sample(documents, chance.choice((0, 1, 7, 50))), chance.random())
        for number in range(3, 45)
    }
    qrels = [ir_measures.Qrel(name, one, grade) for name, grades in judged.items() for one, grade in grades.items()]
    run = ir_measures.read_trec_run("".join(run_lines(rankings)))
    theirs = ir_measures.calc_aggregate(THEIRS.values(), qrels, run)
    assert report(rankings, judged).measures == pytest.approx({name: theirs[one] for name, one in THEIRS.items()})
    assert MEASURES.keys() == THEIRS.keys()


def written(folder: Path, text: str) -> Path:
    (folder / "file").write_bytes(text.encode())
    return folder / "file"


def test_questions_are_read_as_they_are_written(tmp_path: Path) -> None:
    text = "\ufeffq1\tWer zahlt?\r\n\nq2\tWer nicht?\n"
    assert read_questions(written(tmp_path, text)) == {"q1": "Wer zahlt?", "q2": "Wer nicht?"}
    assert read_judgements(written(tmp_path, "q1 0 a 1\nq1\t0\tb\t-1\nq1 0 a 1\n")) == {"q1": {"a": 1, "b": -1}}


@pytest.mark.parametrize("text", ["", "q1 Wer zahlt?", "\tWer zahlt?", "q1\t ", "q 1\tWer zahlt?"])
def test_wrong_questions_are_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(WrongFile, match="line 1"):
        read_questions(written(tmp_path, text))


@pytest.mark.parametrize("text", ["q1 0 a", "q1 0 a eins", "q1 0 a 1.5", "q1 0 a 1 x"])
def test_wrong_judgements_are_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(WrongFile, match="line 2"):
        read_judgements(written(tmp_path, f"q1 0 b 1\n{text}\n"))


def test_what_contradicts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongFile, match="line 2: the id 'q1' came before"):
        read_questions(written(tmp_path, "q1\ta\nq1\tb\n"))
    with pytest.raises(WrongFile, match="line 2: an earlier line gives 'a' another grade"):
        read_judgements(written(tmp_path, "q1 0 a 1\nq1 0 a 0\n"))


# The command.

TEXTS = {
    "heizung": ("Heizung ausgefallen", "Der Vermieter muss die Heizung in Ordnung bringen."),
    "kaution": ("Rückzahlung der Kaution", "Nach dem Auszug wird die Kaution abgerechnet."),
    "laerm": ("Lärm in der Nacht", "Ein Gespräch mit den Nachbarn hilft oft."),
}


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three threads in an open area, one in a closed one; the index is not made yet."""
    monkeypatch.setenv("FORUM_INSTANCE", str(tmp_path / "network"))
    lines = [
        {"type": "network", "name": "Probe", "language": "de"},
        {"type": "person", "id": "f", "name": "Frieda Moor", "email": "frieda@weserufer.example"},
        {"type": "area", "slug": "offen", "title": "Offen"},
        {"type": "area", "slug": "kreis", "title": "Kreis", "access": "closed", "members": ["f"]},
    ]
    texts = {**TEXTS, "geheim": ("Kaution im Vertrauen", "Die Kaution der Kaution: Kaution.")}
    for name, (title, _) in texts.items():
        area = "kreis" if name == "geheim" else "offen"
        lines.append({"type": "thread", "id": name, "area": area, "kind": "question", "title": title})
    for name, (_, body) in texts.items():
        at = {"author": "f", "created_at": "2026-03-01T08:00:00Z"}
        lines.append({"type": "post", "id": name, "thread": name, "body": body, **at})
        lines.append({"type": "post", "id": f"{name}2", "thread": name, "body": f"Auch ich: {body}", **at})
    (tmp_path / "network.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert typed("db", "upgrade").exit_code == 0
    assert typed("import", "ndjson", tmp_path / "network.ndjson").exit_code == 0
    (tmp_path / "queries.tsv").write_text("q1\tHeizung\nq2\tKaution\nq3\tquantenchromodynamik\n")
    (tmp_path / "qrels.txt").write_text("q1 0 heizung 1\nq2 0 kaution 1\nq2 0 laerm 1\nq3 0 laerm 1\n")
    return tmp_path


def typed(*words: str | Path) -> Result:
    return CliRunner().invoke(cli.forum, [str(word) for word in words])


def test_the_command_measures_the_page_and_writes_a_run(network: Path) -> None:
    files = ("--queries", network / "queries.tsv", "--qrels", network / "qrels.txt", "--run", network / "run.txt")
    answer = typed("search-eval", *files, "--json")
    assert answer.exit_code == 0, answer.output
    said = json.loads(answer.stdout)
    assert (network / "run.txt").read_text() == "q1 Q0 heizung 1 100 fachkreis\nq2 Q0 kaution 1 100 fachkreis\n"
    assert said["measures"] == pytest.approx(
        {"nDCG@10": (1 + 0.613147) / 3, "recall@10": 0.5, "MRR": 2 / 3, "success@1": 2 / 3, "success@5": 2 / 3,
         "success@10": 2 / 3}, abs=1e-6)  # fmt: skip
    assert (said["questions"], said["judged"]) == (3, 3)
    assert said["milliseconds"]["p95"] >= said["milliseconds"]["median"] > 0
    lines = typed("search-eval", *files).stdout.splitlines()
    assert lines[0] == "nDCG@10     0.5377"
    assert lines[-1].startswith("3 questions asked, 3 judged; ")


def test_a_closed_area_is_searched_by_its_members_alone(network: Path) -> None:
    files = ("--queries", network / "queries.tsv", "--run", network / "run.txt")
    assert typed("search-eval", *files, "--as", "frieda@weserufer.example").exit_code == 0
    assert "geheim" in (network / "run.txt").read_text()
    assert typed("search-eval", *files).exit_code == 0
    assert "geheim" not in (network / "run.txt").read_text()
    assert typed("search-eval", *files, "--as", "nobody@weserufer.example").exit_code == 1


def test_a_wrong_file_is_one_sentence_and_2(network: Path) -> None:
    (network / "queries.tsv").write_text("q1\tHeizung\nq2 Kaution\n")
    answer = typed("search-eval", "--queries", network / "queries.tsv")
    assert answer.exit_code == 2
    assert answer.stderr == "Error: queries.tsv, line 2: must be an id without spaces, a tab and the question\n"
