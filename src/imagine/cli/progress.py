"""How far a picture is, as one line on stderr: steps, their speed, time left, or the place in the queue."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from .console import printable

if TYPE_CHECKING:
    from rich.progress import Progress


_STAGES = {"upscaling": "enlarging", "mapping": "mapping"}
"""What is done, where nothing is painted."""


class MovingLine:
    """A line on stderr that is written over for the length of a block; silent where that can't be, or nobody looks."""

    def __init__(self, what: str, *, hidden: bool = False) -> None:
        self._bar = None if hidden or not can_move() else _bar()
        if self._bar is not None:
            self._task = self._bar.add_task(what, total=None, told="")

    @property
    def moves(self) -> bool:
        """Is there such a line?"""
        return self._bar is not None

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            with contextlib.suppress(OSError):  # the terminal may be gone
                self._bar.stop()

    def move(self, what: str, told: str, done: int = 0, total: int | None = None) -> None:
        """Say what is being done, more of it, and how far that is."""
        if self._bar is not None:
            what, told = map(printable, (what, told))
            self._bar.update(self._task, description=what, told=told, completed=done, total=total)


class Bar(MovingLine):
    """One for the lines of `/generate`."""

    def __init__(self, *, hidden: bool = False) -> None:
        super().__init__("waiting", hidden=hidden)
        self._began: float | None = None

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Within, its line is free for others: a path on stdout would stand behind what it last showed."""
        if self._bar is not None:
            self._bar.stop()
        try:
            yield
        finally:
            if self._bar is not None:
                self._bar.start()

    def show(self, line: dict[str, Any]) -> None:
        """Take in one line; one that brings a picture says nothing of how far it is."""
        if self.moves and line.get("status") not in ("final", "blocked"):
            self.move(*self._words(line), line.get("step") or 0, line.get("steps"))

    def _words(self, line: dict[str, Any]) -> tuple[str, str]:
        match line.get("status"):
            case "queued":
                return "waiting", f"{line['position']} before it"
            case "loading":
                return f"loading {line['model']}", f"{line['fraction']:.0%}"
        now = time.monotonic()
        self._began = now if self._began is None else self._began
        spent = now - self._began
        speed = f"{line['step'] / spent:.1f} it/s" if spent and line.get("step") else ""
        left = f"{line['remaining']:.0f} s left" if line.get("remaining") else ""
        return _STAGES.get(line.get("stage", ""), "painting"), "  ".join(part for part in (speed, left) if part)


def can_move() -> bool:
    """Is stderr a terminal whose line can be taken back?"""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"  # which can't take a line back


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    words, more = (TextColumn(text, markup=False) for text in ("{task.description}", "{task.fields[told]}"))
    columns = (words, BarColumn(), MofNCompleteColumn(), more)
    return Progress(*columns, console=Console(stderr=True), transient=True)
