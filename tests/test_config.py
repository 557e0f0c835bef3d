"""Settings: each has a default that works, a wrong one is refused with one clear line."""

import subprocess
import sys
from pathlib import Path

import pytest

from forum.config import WrongSetting, load, secret_key


def test_all_have_defaults_that_work(tmp_path: Path) -> None:
    settings = load(instance=tmp_path)
    assert settings.database == f"sqlite:///{tmp_path}/forum.db"
    assert settings.address == "http://127.0.0.1:5000"
    assert load(instance=tmp_path, served_at="http://127.0.0.1:5077").address == "http://127.0.0.1:5077"


def test_the_environment_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "forum.toml").write_text("undo_hours = 5\nlink_days = 3\n")
    monkeypatch.setenv("FORUM_UNDO_HOURS", "7")
    settings = load(instance=tmp_path)
    assert (settings.undo_hours, settings.link_days) == (7, 3)


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("undo_hours = 'many'", "undo_hours: Input should be a valid integer"),
        ("web_threads = 0", "web_threads: Input should be greater than or equal to 1"),
        ("time_zone = 'Hannover'", "time_zone: is no time zone; an example is Europe/Berlin"),
        ("public_url = 'forum.example.org'", "public_url: must look like https://forum.example.org"),
        ("database_url = 'mysql://here'", "database_url: must start with sqlite:/// or postgresql://"),
        ("colour = 'red'", "colour: there is no such setting"),
        ("secret_key = 'changeme'", "secret_key: is an example or shorter than 32 characters"),
        (f"secret_key = '{'ab' * 20}'", "secret_key: repeats a few characters"),
        ("session_idle_days = 31", "session_idle_days must not be longer than session_days"),
        ("mail_server = 'mail.example.org'\nmail_security = 'none'", "mail_security none is for a mail server on this"),
        ("this is no toml", "forum.toml:"),
    ],
)
def test_a_wrong_value_is_one_clear_line(tmp_path: Path, toml: str, said: str) -> None:
    (tmp_path / "forum.toml").write_text(toml)
    with pytest.raises(WrongSetting) as wrong:
        load(instance=tmp_path)
    assert said in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_a_misspelt_variable_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORUM_WEB_THREAD", "4")
    with pytest.raises(WrongSetting, match="FORUM_WEB_THREAD: there is no such setting"):
        load(instance=tmp_path)


def test_the_command_says_it_and_ends_with_1(tmp_path: Path) -> None:
    (tmp_path / "forum.toml").write_text("web_threads = 0")
    ran = subprocess.run(
        [sys.executable, "-m", "forum", "check"],
        capture_output=True, text=True, check=False, env={"FORUM_INSTANCE": str(tmp_path)},
    )  # fmt: skip
    assert ran.returncode == 1
    assert ran.stderr.strip() == "Error: web_threads: Input should be greater than or equal to 1"
    assert "Traceback" not in ran.stderr


def test_the_key_is_made_once_and_kept(tmp_path: Path) -> None:
    key = secret_key(load(instance=tmp_path))
    assert len(key) >= 32
    assert secret_key(load(instance=tmp_path)) == key
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0


def test_a_short_kept_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("short")
    with pytest.raises(WrongSetting, match="the key is too short"):
        secret_key(load(instance=tmp_path))
