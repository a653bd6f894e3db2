"""How far a picture is, as one line on stderr: steps, their speed, time left, or the place in the queue."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .console import printable

if TYPE_CHECKING:
    from rich.progress import Progress


class Bar:
    """A bar for the lines of `/generate`; silent where nobody looks."""

    def __init__(self, *, hidden: bool = False) -> None:
        self._bar: Progress | None = None
        self._began: float | None = None
        if not hidden and (bar := moving_bar()) is not None:
            self._bar = bar
            self._task = self._bar.add_task("waiting", total=None, told="")

    def __enter__(self) -> Bar:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            with contextlib.suppress(OSError):  # the terminal may be gone
                self._bar.stop()

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
        """Take in one line."""
        if self._bar is None:
            return
        what, told = map(printable, self._words(line))
        done, total = line.get("step"), line.get("steps")
        self._bar.update(self._task, description=what, told=told, completed=done or 0, total=total)

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
        what = "enlarging" if line.get("stage") == "upscaling" else "painting"
        return what, "  ".join(part for part in (speed, left) if part)


def moving_bar() -> Progress | None:
    """A line that is written over on stderr; None where that can't be, or nobody looks."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":  # which can't take a line back
        return None
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    words, more = (TextColumn(text, markup=False) for text in ("{task.description}", "{task.fields[told]}"))
    columns = (words, BarColumn(), MofNCompleteColumn(), more)
    return Progress(*columns, console=Console(stderr=True), transient=True)
