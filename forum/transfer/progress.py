"""How far a long command is: a bar with rate and remaining time, or lines where there is no terminal."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_LINE_EVERY = 5.0


class Counter:
    """Counts what is done and shows it."""

    def __init__(self, title: str, total: int, out: TextIO, bar: Progress | None) -> None:
        self.title, self.total, self.done = title, total, 0
        self._out, self._bar = out, bar
        self._task = bar.add_task(title, total=total, rate="") if bar else None
        self._start = self._said = time.monotonic()

    def advance(self, count: int = 1) -> None:
        """So many more are done."""
        self.done += count
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self.done, rate=f"{self.rate:,.0f}/s")
        elif time.monotonic() - self._said >= _LINE_EVERY:
            self._said = time.monotonic()
            self._out.write(
                f"{self.title}: {self.done} of {self.total}, {self.rate:.0f}/s, {self.remaining:.0f} s to go\n"
            )
            self._out.flush()

    def reach(self, done: int) -> None:
        """So many are done in all."""
        self.advance(done - self.done)

    @property
    def rate(self) -> float:
        """Done per second so far."""
        return self.done / max(time.monotonic() - self._start, 1e-6)

    @property
    def remaining(self) -> float:
        """Seconds to go at this rate."""
        return max(self.total - self.done, 0) / max(self.rate, 1e-6)


@contextmanager
def progress(title: str, total: int, out: TextIO | None = None) -> Iterator[Counter]:
    """Count `total` things on standard error, or elsewhere."""
    out = out or sys.stderr
    console = Console(file=out)
    if not console.is_terminal:
        yield Counter(title, total, out, None)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
    )
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        yield Counter(title, total, out, bar)
