"""Who stands behind a name is read in one module: what cannot be read elsewhere cannot be told there."""

import re
from pathlib import Path

FORUM = Path(__file__).parents[2] / "forum"
HOME = FORUM / "threads" / "protection.py"


def test_nobody_else_touches_the_link() -> None:
    for path in FORUM.rglob("*.py"):
        if path != HOME and "versions" not in path.parts:
            assert not re.search(r"ProtectedAsker|protected_asker", path.read_text()), path
