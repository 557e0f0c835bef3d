"""What a person does is written down: an action of notifications that records nothing leaves no trail, and no undo."""

import ast
from pathlib import Path

import pytest

NOTIFICATIONS = Path(__file__).parents[2] / "forum" / "notifications"


def actions() -> dict[str, ast.FunctionDef]:
    """Public functions that do something for a person: all of actions.py, and elsewhere those that take the actor."""
    found = {}
    for path in NOTIFICATIONS.glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                first = node.args.args[0].arg if node.args.args else ""
                if path.stem == "actions" or first == "actor":
                    found[f"{path.stem}.{node.name}"] = node
    return found


@pytest.mark.parametrize("name", sorted(actions()))
def test_an_action_records_one_event(name: str) -> None:
    calls = [node for node in ast.walk(actions()[name]) if isinstance(node, ast.Call)]
    assert len([call for call in calls if ast.unparse(call.func) == "outbox.record"]) == 1
