"""The commands: doors for the operator. Each takes the instance folder from FORUM_INSTANCE."""

from forum.cli import (  # noqa: F401 - each module adds its commands when it is imported
    mails,
    people,
    running,
    searching,
    starting,
    transfers,
)
from forum.cli.doors import forum


def main() -> None:
    """The console script."""
    forum()
