"""The instance that is measured: made by the real commands from generated data, and kept while nothing changes."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from convert import READER, convert
from sqlalchemy import func, select, update

from forum import config, create_app
from forum.db import db, transaction
from forum.members import actions as members
from forum.members.models import Member
from forum.members.queries import link_key, members_by_uid
from forum.threads.models import Post

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
DATA = HERE / "data"
BIN = Path(sys.executable).parent
PASSWORD = "nur fuer die Messung"  # noqa: S105 - of an invented person on this machine
_MIB = 1024


@dataclass(frozen=True)
class Made:
    """What a command made, how long it took, and how much memory at most."""

    count: int
    seconds: float
    peak_mib: int

    @property
    def rate(self) -> float:
        return self.count / self.seconds


@dataclass(frozen=True)
class Prepared:
    """Where the measured network lies, and how it came there."""

    generated: Path
    instance: Path
    imported: Made
    indexed: Made


def shared_bench() -> Path:
    """The folder with generator, limits and load driver, beside the checkout."""
    for parent in ROOT.parents:
        if (parent / "shared" / "bench" / "gen.py").is_file():
            return parent / "shared" / "bench"
    sys.exit("shared/bench (gen.py, load.py, limits_app.py) was not found in any folder above this checkout.")


def prepare(posts: int) -> Prepared:
    """Generate, import and index, unless a former run did so from the same sources."""
    folder = DATA / str(posts)
    notes, stamp = folder / "made.json", _stamp()
    said = json.loads(notes.read_text()) if notes.exists() else {}
    if said.get("stamp") != stamp:
        said = {"stamp": stamp, **_make(folder, posts)}
        notes.write_text(json.dumps(said, indent=1))
    instance = DATA / "instance"
    shutil.rmtree(instance, ignore_errors=True)
    shutil.copytree(folder / "instance", instance)
    return Prepared(folder / "gen.jsonl", instance, Made(**said["imported"]), Made(**said["indexed"]))


def _stamp() -> str:
    """Changes with all that decides what the instance holds."""
    sources = [shared_bench() / "gen.py", HERE / "convert.py", ROOT / "forum" / "text.py"]
    sources += sorted((ROOT / "forum" / "migrations" / "versions").glob("*.py"))
    sources += sorted((ROOT / "forum" / "transfer").glob("*.py")) + sorted((ROOT / "forum" / "search").glob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


def _make(folder: Path, posts: int) -> dict[str, object]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    generated, network = folder / "gen.jsonl", folder / "network.ndjson"
    with generated.open("w") as out:
        size = ["--posts", str(posts), "--threads", str(max(posts // 20, 20)), "--big", str(min(2000, posts // 4))]
        subprocess.run([sys.executable, shared_bench() / "gen.py", *size], stdout=out, check=True)
    convert(generated, network)
    command(folder / "instance", "db", "upgrade")
    imported = _timed(folder / "instance", posts, "import", "ndjson", str(network))
    _let_the_reader_in(folder / "instance")
    indexed = _timed(folder / "instance", posts, "search-index", "rebuild")
    network.unlink()
    return {"imported": asdict(imported), "indexed": asdict(indexed)}


def command(instance: Path, *words: str) -> None:
    """Run one of our commands on an instance."""
    subprocess.run([BIN / "forum", *words], env=environment(instance), check=True)


def environment(instance: Path) -> dict[str, str]:
    """The surroundings of a process that works on this instance and on no other setting; meaning has its own bench."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FORUM_")}
    return {**kept, "FORUM_INSTANCE": str(instance), "FORUM_MEANING": "false"}


def _timed(instance: Path, count: int, *words: str) -> Made:
    start = time.monotonic()
    child = subprocess.Popen([BIN / "forum", *words], env=environment(instance))
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"forum {' '.join(words)} failed")
    return Made(count, time.monotonic() - start, usage.ru_maxrss // _MIB)


def _let_the_reader_in(instance: Path) -> None:
    """Give user 1 a password by a sign-in link, and a last visit ten weeks before the newest post."""
    app = create_app(config.load(instance=instance, database_url=""))
    with app.app_context(), transaction():
        (reader,) = members_by_uid([READER])
        secret = str(app.secret_key)
        link = members.make_link(reader, "welcome", timedelta(days=1), secret)
        members.use_link(link_key(link, secret), PASSWORD, PASSWORD)
        newest = db.session.scalar(select(func.max(Post.created_at)))
        db.session.execute(update(Member).values(caught_up_at=newest - timedelta(weeks=10)))
