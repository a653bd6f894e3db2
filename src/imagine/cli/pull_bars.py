"""A bar for each file that comes, on stderr; nothing where nobody looks."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

from .console import printable
from .progress import can_move

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_EVERY = 0.1
"""Seconds between lines on one file, where each is a line of its own."""


class Bars:
    """For the length of a block."""

    def __init__(self, *, hidden: bool = False) -> None:
        self._bars = None if hidden or not can_move() else _bars()
        self._tasks: dict[str, TaskID] = {}
        self._last: tuple[str, str] = ("", "")
        self._told = 0.0

    @property
    def moves(self) -> bool:
        """Are there any to be seen?"""
        return self._bars is not None

    def __enter__(self) -> Self:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            with contextlib.suppress(OSError):  # the terminal may be gone
                self._bars.stop()

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Within, their lines are free for a question."""
        if self._bars is not None:
            self._bars.stop()
        try:
            yield
        finally:
            if self._bars is not None:
                self._bars.start()

    def move(self, what: str, done: int, total: int) -> None:
        """How far a file is, or what is done with it."""
        if self._bars is None:
            return
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(printable(what), total=total or None)
        self._bars.update(self._tasks[what], completed=done, total=total or None)

    def is_due(self, status: str, file: str, done: int, total: int) -> bool:
        """Is it time for another line on the same? What is new, and what is done, always is."""
        now = time.monotonic()
        if (status, file) == self._last and now - self._told < _EVERY and done < total:
            return False
        self._last, self._told = (status, file), now
        return True


def _bars() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.percentage:>3.0f}%"),
        DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    return Progress(*columns, console=Console(stderr=True))
