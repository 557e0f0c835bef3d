"""A process with little room: what it may not have, and what it cannot see of ours."""

from pathlib import Path

import pytest

from forum import confined


@pytest.fixture
def ended(tmp_path: Path, request: pytest.FixtureRequest) -> confined.Ended:
    """What came of a program that was given ten bytes to read and two seconds."""
    program = tmp_path / "program.py"
    program.write_text(request.param)
    (tmp_path / "file").write_bytes(b"0123456789")
    with (tmp_path / "file").open("rb") as file:
        return confined.run(program, file, "one", "two", seconds=2, most_said=1000)


def tells(deed: str) -> str:
    """A program that says which error a deed ends with."""
    return f"try:\n    {deed}\nexcept (MemoryError, OSError) as error:\n    print(type(error).__name__, error)"


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        ("import sys; print(sys.argv[1:], sys.stdin.read(), __name__)", "['one', 'two'] 0123456789 __main__"),
        ("import os; print(os.environ.keys() - {'LC_CTYPE'}, os.getcwd())", "set() /"),
        ("import sys; print([name for name in sys.modules if name.startswith('forum')])", "[]"),
        (tells("bytearray(1 << 29)"), "MemoryError"),
        (tells("import tempfile; tempfile.TemporaryFile()"), "No usable temporary directory"),
    ],
    indirect=["ended"],
)
def test_the_process_has_its_file_and_nothing_else(ended: confined.Ended, said: str) -> None:
    assert said in ended.said.decode()


@pytest.mark.parametrize(
    "ended", ["while True: pass", "import time; time.sleep(60)", "while True: print('x' * 100)"], indirect=True
)
def test_what_does_not_end_is_ended(ended: confined.Ended) -> None:
    assert ended.killed


@pytest.mark.parametrize("ended", ["raise SystemExit(3)"], indirect=True)
def test_what_fails_says_nothing(ended: confined.Ended) -> None:
    assert ended == (b"", False)
