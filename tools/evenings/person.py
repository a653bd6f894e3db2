"""A person at the page: does what hands do, and counts it, step by step.

One act each: a click, a key or a chord of keys, words typed into a field (however many), a stroke or another drag, a
file taken in the system's dialog.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from tests.page.acts import on_canvas

DONE = "() => !document.querySelector('#about').hidden && document.querySelector('#run').hidden"


@dataclass
class Step:
    """What was done for one purpose."""

    name: str
    acts: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return self.acts.total()


class Person:
    """One evening of somebody; its screenshots are `NAME-1.png`, `NAME-2.png`, … in `folder`."""

    def __init__(self, page: Any, name: str, folder: Path) -> None:
        self.page = page
        self.name = name
        self.folder = folder
        self.steps: list[Step] = []
        self.seen = 0

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """What is done within is done for this purpose."""
        self.steps.append(Step(name))
        yield

    def click(self, what: Any) -> None:
        self._did("clicks")
        self._found(what).click()

    def pick(self, what: Any) -> None:
        """A click with Ctrl held."""
        self._did("clicks")
        self._found(what).click(modifiers=["Control"])

    def press(self, keys: str) -> None:
        self._did("keys")
        self.page.keyboard.press(keys)

    def write(self, where: Any, words: str) -> None:
        """Clicks into a field and writes; what stood there is replaced, as by somebody who selects it with Ctrl+A."""
        self._did("clicks", "fields")
        if self._found(where).input_value():
            self._did("keys")
        self._found(where).fill(words)

    def take(self, where: Any, words: str, entry: str) -> None:
        """Finds an entry of a list by its first letters: a click into the field, letters, Enter on what is found."""
        self._did("clicks", "fields", "keys")
        self._found(where).press_sequentially(words)
        self._found(where).fill(entry)
        self._found(where).press("Enter")

    def choose(self, where: Any, value: str) -> None:
        """One of a select: a click opens it, a click chooses."""
        self._did("clicks", "clicks")
        self._found(where).select_option(value)

    def give(self, opens: Any, *files: Path) -> None:
        """A click on what opens the system's dialog, and the files there."""
        self._did("clicks", *["files"] * len(files))
        with self.page.expect_file_chooser() as asked:
            self._found(opens).click()
        asked.value.set_files([str(file) for file in files])

    def paint(self, *points: tuple[float, float]) -> None:
        """One stroke over the canvas, through places as parts of its picture's width and height."""
        self._did("strokes")
        mouse = self.page.mouse
        mouse.move(*on_canvas(self.page, *points[0]))
        mouse.down()
        for point in points[1:]:
            mouse.move(*on_canvas(self.page, *point), steps=6)
        mouse.up()

    def look(self, until: str | None = None) -> None:
        """Keeps what is seen now, once the page is still."""
        if until:
            self.page.wait_for_selector(until)
        self.seen += 1
        path = self.folder / f"{self.name}-{self.seen}.png"
        self.page.screenshot(path=path, animations="disabled")
        with Image.open(path) as picture:
            few = picture.convert("RGB").quantize(64, kmeans=2, dither=Image.Dither.NONE)
        few.save(path, optimize=True)

    def wait(self, pictures: int) -> None:
        """Until so many pictures are kept, and nothing is made any more."""
        kept = "n => Number(document.querySelector('#gallery-count').textContent.replace(/\\D/g, '')) >= n"
        self.page.wait_for_function(f"() => ({kept})({pictures})")
        self.page.wait_for_function(DONE)

    def _found(self, what: Any) -> Any:
        return self.page.locator(what) if isinstance(what, str) else what

    def _did(self, *kinds: str) -> None:
        self.steps[-1].acts.update(kinds)
