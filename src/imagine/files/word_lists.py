"""Lists of words: the text files of one folder and of those in it, a line a word. Nothing outside of it is read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..messages import message
from ..words.errors import ImagineError
from .reading import read_text

MAX_SIZE = 2**20
MOST_LISTS = 10_000
MOST_READ = 16 * 2**20
"""Of all lists that one request reads."""
_DEPTH = 8
_SUFFIX = ".txt"


class WordLists:
    """As the folder is when it is made. A list's name is its path in there, without `.txt` and with `/`.

    What is read is looked up among the names that were found, so none leads elsewhere; nor does a link.
    """

    def __init__(self, folder: Path) -> None:
        """Raises ImagineError for a folder of more than `MOST_LISTS`. One that isn't there has none."""
        self._paths: dict[str, Path] = {}
        self._read: dict[str, list[str]] = {}
        self._left = MOST_READ
        for path in _files(folder.absolute(), folder.resolve(), _DEPTH):
            self._paths[path.relative_to(folder.absolute()).as_posix().removesuffix(_SUFFIX)] = path
            if len(self._paths) > MOST_LISTS:
                raise ImagineError(message("wildcard.folder", most=MOST_LISTS))

    def names(self) -> Sequence[str]:
        return sorted(self._paths)

    def lines(self, name: str) -> Sequence[str]:
        """Its lines, without blank ones and those that begin with `#`. Raises ImagineError for what is no such file."""
        if name not in self._read:
            text = read_text(self._paths[name], min(MAX_SIZE, self._left))
            self._left -= len(text)
            lines = (line.strip() for line in text.splitlines())
            self._read[name] = [line for line in lines if line and not line.startswith("#")]
        return self._read[name]


def _files(folder: Path, root: Path, depth: int) -> Iterator[Path]:
    """Those that end so, in this folder and in its own. A folder that can't be read has none."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            yield from _files(path, root, depth - 1) if depth else ()
        elif entry.name.endswith(_SUFFIX) and path.resolve().is_relative_to(root):
            yield path
