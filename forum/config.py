"""Every setting once: name, type, default, one sentence.

Values come from environment variables `FORUM_…`, then from `forum.toml` in the instance folder, then
from here. A wrong value stops the start with one clear line.
"""

import os
import re
import secrets
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

EXAMPLE_KEYS = frozenset({"changeme", "secret", "secret-key", "dev", "test", "example", "password", "fachkreis"})
SHORTEST_KEY = 32
_DOMAIN = re.compile(r"(?=.{1,180}$)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")
_NO_SETTINGS = {"FORUM_SEED", "FORUM_KILLS", "FORUM_TEST_DATABASE", "FORUM_CRASH_AT"}  # they steer tests


class WrongSetting(Exception):
    """A setting has a value that cannot work; the message is one line for the person who set it."""


class Settings(BaseSettings):
    """How this network runs. `forum check` prints all of it."""

    model_config = SettingsConfigDict(env_prefix="FORUM_", extra="forbid", frozen=True)

    instance: Path = Field(Path("instance"), description="Folder with the database, index, files and forum.toml.")
    database_url: str = Field("", description="Database address; empty means SQLite in the instance folder.")
    secret_key: SecretStr = Field(
        SecretStr(""), description="Signs cookies; made and kept in the instance folder when empty."
    )
    public_url: str = Field(
        "", description="Address under which members reach the network; empty means this machine only."
    )
    trusted_proxies: int = Field(0, ge=0, le=5, description="Reverse proxies in front whose headers are believed.")
    time_zone: str = Field("Europe/Berlin", description="Time zone in which dates are shown.")
    web_threads: int = Field(4, ge=1, le=64, description="Pages that one web process makes side by side.")
    session_idle_days: int = Field(7, ge=1, le=365, description="Days without a visit after which one signs in again.")
    session_days: int = Field(30, ge=1, le=365, description="Days after which one signs in again in any case.")
    link_days: int = Field(14, ge=1, le=90, description="Days for which a sign-in link works.")
    contact_days: int = Field(90, ge=1, le=3650, description="Days for which what members write to each other is kept.")
    inbox_days: int = Field(
        180,
        ge=31,
        le=3650,
        description="Days for which an entry of an inbox is kept after it was read; twice as many if it never was.",
    )
    help_after_days: int = Field(
        3, ge=1, le=30, description="Working days without an answer after which two members are asked to help."
    )
    outcomes_a_day: int = Field(20, ge=0, le=1000, description="Members at most who are asked on one day how it ended.")
    undo_hours: int = Field(24, ge=0, le=720, description="Hours in which an author can take a deletion back.")
    draft_days: int = Field(180, ge=1, le=3650, description="Days after which a draft nobody went on with is deleted.")
    request_megabytes: int = Field(2, ge=1, le=1024, description="Largest form that is accepted, in megabytes.")
    file_megabytes: int = Field(15, ge=1, le=25, description="Largest file that is taken, in megabytes.")
    files_per_post: int = Field(10, ge=1, le=50, description="How many files a post has at most.")
    files_megabytes_a_day: int = Field(
        100,
        ge=1,
        le=10_000,
        description="Megabytes a member brings in a day; each file counts as half of one at least.",
    )
    upload_days: int = Field(7, ge=1, le=90, description="Days for which a file waits for the post it belongs to.")
    job_lease_seconds: int = Field(60, ge=1, le=3600, description="Time a worker has for a job before another may.")
    job_attempts: int = Field(10, ge=1, le=100, description="Failures after which a job waits for a person.")
    worker_pause_seconds: float = Field(0.5, gt=0, le=60, description="How often an idle worker looks for jobs.")
    sqlite_cache_megabytes: int = Field(8, ge=1, le=4096, description="Page cache of each SQLite connection.")
    mail_server: str = Field(
        "", description="SMTP server; empty means that mails are kept as files in the instance folder."
    )
    mail_port: int = Field(587, ge=1, le=65535, description="Port of the SMTP server.")
    mail_security: Literal["starttls", "tls", "none"] = Field(
        "starttls",
        description="starttls or tls; none only for a server on this machine. No mail goes out in clear otherwise.",
    )
    mail_username: str = Field("", description="User name at the SMTP server; empty means that it asks for none.")
    mail_password: SecretStr = Field(SecretStr(""), description="Password at the SMTP server.")
    mail_from: str = Field(
        "", description="Address all mails come from; empty means fachkreis@ the public address's host."
    )
    mail_short_name: str = Field(
        "", max_length=40, description="What stands in brackets before each subject; empty means the network's name."
    )
    mail_domain: str = Field(
        "", description="Domain whose every address reaches the network; empty means plus addresses on mail_from."
    )
    mail_wait_minutes: int = Field(
        5,
        ge=0,
        le=120,
        description="Minutes a mail about a post waits, so that an edit or a deletion reaches everybody.",
    )
    mail_give_up_days: int = Field(
        5, ge=1, le=30, description="Days after which a mail that no server takes is given up."
    )
    meaning: bool = Field(True, description="Search by meaning too, where the extra [meaning] is installed.")
    log_level: Annotated[str, NoDecode] = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    served_at: str = Field(
        "",
        description="Set by `forum run` and `forum demo` alone: where links lead without a public address.",
    )
    demo: bool = Field(False, description="Set by `forum demo` alone: one-click sign-in with invented people.")

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if value and not value.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
            raise ValueError("must start with sqlite:/// or postgresql://")
        return value.replace("postgresql://", "postgresql+psycopg://", 1)

    @field_validator("public_url")
    @classmethod
    def _an_origin(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/")):
            raise ValueError("must look like https://forum.example.org")
        return value.rstrip("/")

    @field_validator("mail_from")
    @classmethod
    def _an_address(cls, value: str) -> str:
        local, _at, domain = value.rpartition("@")
        # Ours stands in every header and envelope, with a part for the member added: so it is a plain one.
        if value and not (re.fullmatch(r"[A-Za-z0-9._-]{1,20}", local) and _DOMAIN.fullmatch(domain)):
            raise ValueError("must look like forum@example.org, with at most 20 characters before the @")
        return value.lower()

    @field_validator("mail_domain")
    @classmethod
    def _a_domain(cls, value: str) -> str:
        if value and not _DOMAIN.fullmatch(value):
            raise ValueError("must look like forum.example.org")
        return value.lower()

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("is no time zone; an example is Europe/Berlin") from error
        return value

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, value: str) -> str:
        if value.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
            raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
        return value.upper()

    @field_validator("secret_key")
    @classmethod
    def _strong_key(cls, value: SecretStr) -> SecretStr:
        key = value.get_secret_value()
        if key and (len(key) < SHORTEST_KEY or key.lower().strip("!1234567890") in EXAMPLE_KEYS):
            raise ValueError(
                f"is an example or shorter than {SHORTEST_KEY} characters; leave it empty to have one made"
            )
        if key and len(set(key)) < 8:
            raise ValueError("repeats a few characters; leave it empty to have one made")
        return value

    @model_validator(mode="after")
    def _idle_within_whole(self) -> "Settings":
        if self.session_idle_days > self.session_days:
            raise ValueError("session_idle_days must not be longer than session_days")
        return self

    @model_validator(mode="after")
    def _no_mail_in_clear(self) -> "Settings":
        here = self.mail_server in ("", "localhost", "::1") or self.mail_server.startswith("127.")
        if self.mail_security == "none" and not here:
            raise ValueError("mail_security none is for a mail server on this machine; please use starttls or tls")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then forum.toml: no .env file, no secrets folder."""
        toml = TomlConfigSettingsSource(settings_cls, instance_folder(init_settings) / "forum.toml")
        return init_settings, env_settings, toml

    @property
    def database(self) -> str:
        """The address of the database, never empty."""
        return self.database_url or f"sqlite:///{self.instance / 'forum.db'}"

    @property
    def on_sqlite(self) -> bool:
        """Whether the database is a file of ours."""
        return self.database.startswith("sqlite")

    @property
    def largest_request(self) -> int:
        """Bytes of the largest form with files: all that a post can hold, and its text."""
        return (self.files_per_post * self.file_megabytes + self.request_megabytes) * 1024 * 1024

    @property
    def address(self) -> str:
        """Where links in mails and on the command line point to."""
        return self.public_url or self.served_at or "http://127.0.0.1:5000"

    @property
    def mail_address(self) -> str:
        """The one address all mails come from, so that SPF, DKIM and DMARC hold."""
        return self.mail_from or f"fachkreis@{urlsplit(self.public_url).hostname or 'localhost'}"

    @property
    def https(self) -> bool:
        """Whether members come over TLS, so that cookies may insist on it."""
        return self.public_url.startswith("https://")

    @property
    def hosts(self) -> list[str] | None:
        """Host names that are answered; all of them as long as no public address is set."""
        host = urlsplit(self.public_url).hostname
        return [host, "localhost", "127.0.0.1"] if host else None


def instance_folder(init: PydanticBaseSettingsSource | None = None) -> Path:
    """The folder that is named by argument or by FORUM_INSTANCE, `instance/` otherwise."""
    given: dict[str, Any] = getattr(init, "init_kwargs", {})
    return Path(given.get("instance") or os.environ.get("FORUM_INSTANCE") or "instance").resolve()


def load(**given: Any) -> Settings:
    """Read all settings; raise WrongSetting with one line that names the first wrong one."""
    given["instance"] = Path(given["instance"]).resolve() if "instance" in given else instance_folder()
    known = {f"FORUM_{name.upper()}" for name in Settings.model_fields}
    for name in sorted(os.environ):
        if name.startswith("FORUM_") and name not in known | _NO_SETTINGS:
            raise WrongSetting(f"{name}: there is no such setting; `forum check` lists all of them")
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "settings"
        said = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            said = "there is no such setting; `forum check` lists all of them"
        raise WrongSetting(f"{name}: {said}") from error
    except ValueError as error:  # forum.toml is no TOML
        raise WrongSetting(f"forum.toml: {error}") from error


def secret_key(settings: Settings) -> str:
    """The key that signs cookies: the one that was set, or one that is made once and kept."""
    given = settings.secret_key.get_secret_value()
    return given or _kept_key(settings.instance / "secret_key")


def _kept_key(file: Path) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        _make_key(file)
    key = file.read_text().strip()
    if len(key) < SHORTEST_KEY:
        raise WrongSetting(f"{file}: the key is too short; delete the file to have one made")
    return key


def _make_key(file: Path) -> None:
    """Write the key aside and link it into place: of two processes that start at once, one wins whole."""
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    aside.touch(mode=0o600)
    aside.write_text(secrets.token_urlsafe(48))
    try:
        os.link(aside, file)
    except FileExistsError:
        pass
    finally:
        aside.unlink()
