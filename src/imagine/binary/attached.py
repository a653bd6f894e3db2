"""The attached half: the first worker of a version unpacks what it needs to draw, the rest when it imports it.

What signs pictures lies apart, since others than workers import it.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TextIO

from ..messages import in_english
from ..processes.runtime import FILE
from ..words.errors import ImagineError
from .index import Archive, BundledFile, index_from, is_ours, is_right
from .on_import import OnImport, modules_of
from .unpack import Source, unpack
from .versions import alone, remove_others

INDEX = "worker.index"
FOOTER = 64
MAGIC = b"imagine\1"
_ELSEWHERE = "set IMAGINE_RUNTIME to a folder of your own"
_FULL = (errno.ENOSPC, errno.EDQUOT)


def bring(output: TextIO) -> None:
    """Has what the engine imports unpacked, and on the import path. Raises ImagineError."""
    _this(output).bring()


def bring_signing() -> None:
    """Has what signs unpacked, and on the import path. Raises ImagineError."""
    SigningHalf(Path(sys.executable).parents[1], os.environ.get(FILE)).bring()


def on_numpy() -> None:
    """Has what the engine imports on the import path once numpy is wanted, if all of it is unpacked by then."""
    sys.meta_path.insert(0, OnImport(frozenset({"numpy"}), lambda: _this(sys.stderr).bring_if_there()))


def provide(output: TextIO, *, rest: bool = False) -> None:
    """Has what a worker needs unpacked, or `rest` as well; tells `output` what takes time. Raises ImagineError."""
    _this(output).provide(rest=rest)


def _this(output: TextIO) -> AttachedHalf:
    return AttachedHalf(Path(sys.executable).parents[1], os.environ.get(FILE), output)


class AttachedHalf:
    """That of the version in `folder`, as the file `binary` carries it."""

    def __init__(self, folder: Path, binary: str | None, output: TextIO) -> None:
        self.index = index_from((folder / "light" / INDEX).read_text(encoding="utf-8"))
        self.target = folder / "worker"
        self._folder, self._binary, self._output = folder, binary, output
        self._with_rest = folder / "with-rest"
        self._lock = folder / "worker.lock"
        self._skipped = 0
        self._file: BinaryIO | None = None

    def bring(self) -> None:
        """Has it on the import path: what a worker needs now, the rest when something of it is imported.

        The file stays open for that, so that a newer version may replace it meanwhile.
        """
        whole = self._with_rest.exists()  # asked first: another start may begin with the rest at any time
        sys.path.append(str(self.provide(rest=whole)))
        if not whole:
            with contextlib.suppress(OSError):
                self._file = Path(self._binary or "").open("rb")  # noqa: SIM115 - as long as the process
            sys.meta_path.insert(0, OnImport(modules_of(self.index.rest), self._provide_rest))

    def bring_if_there(self) -> None:
        """Has it on the import path where all that a worker needs is there; unpacks nothing."""
        if self._are_whole([self.index.needed]):
            sys.path.append(str(self.target))

    def _provide_rest(self) -> None:
        self.provide(rest=True)

    def provide(self, *, rest: bool = False) -> Path:
        """Has what a worker needs unpacked, or `rest` as well; its folder. Raises ImagineError.

        Once the rest was begun it is looked at, and mended, at every start like what is needed.
        """
        rest = rest or self._with_rest.exists()
        wanted = [self.index.needed, self.index.rest] if rest else [self.index.needed]
        try:
            if not self._are_whole(wanted):
                with alone(self._lock, self._wait):
                    self._mend(wanted)
        except OSError as error:
            raise ImagineError(in_english(self._why(error, wanted))) from error
        return self.target

    def _wait(self) -> None:
        self._say("another start is unpacking; waiting for it")

    def _mend(self, wanted: list[Archive]) -> None:
        if self._are_whole(wanted):
            return
        self._unpack(wanted)
        for name in remove_others(self._folder):
            self._say(f"removed {name}, an older version")

    def _are_whole(self, archives: list[Archive]) -> bool:
        try:
            if not is_ours(self.target.lstat()):
                said = f"{self.target} belongs to another user, or others can write to it: remove it"
                raise ImagineError(in_english(said))
        except FileNotFoundError:
            return False
        return all(self._is_right(entry) for archive in archives for entry in archive.entries)

    def _unpack(self, archives: list[Archive]) -> None:
        missing = sum(entry.size for archive in archives for entry in archive.entries if not self._is_right(entry))
        if shutil.disk_usage(self._folder).free < missing:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        begun = time.monotonic()
        with self._opened() as file:
            begin = self._first_block(file) + self._skipped
            source = Source(file.fileno(), begin, str(self._binary))
            if not self._are_whole([self.index.needed]):
                unpack(self.index.needed, source, self.target, _teller(self._output))
            if self.index.rest in archives:
                self._unpack_rest(source._replace(begin=begin + self.index.needed.stored))
        self._say(f"unpacked in {time.monotonic() - begun:.1f} s")

    def _unpack_rest(self, source: Source) -> None:
        """Where that fails there is none of it, so that the next start does without."""
        self._with_rest.touch(0o600)
        try:
            unpack(self.index.rest, source, self.target, _teller(self._output))
        except BaseException:
            for entry in self.index.rest.entries:
                (self.target / entry.path).unlink(missing_ok=True)
            self._with_rest.unlink()
            raise

    def _is_right(self, entry: BundledFile) -> bool:
        return is_right(entry, str(self.target))

    def _opened(self) -> contextlib.AbstractContextManager[BinaryIO]:
        if self._file is not None:
            return contextlib.nullcontext(self._file)
        if self._binary is None:
            said = "this program is one half of imagine; start it by the file that you downloaded"
            raise ImagineError(in_english(said))
        return Path(self._binary).open("rb")

    def _first_block(self, file: BinaryIO) -> int:
        """Where the compressed bytes begin. Raises ImagineError where the file is another version's by now."""
        file.seek(-FOOTER, os.SEEK_END)
        footer = file.read(FOOTER)
        numbers = [int.from_bytes(footer[at : at + 8], "little") for at in range(8, FOOTER, 8)]
        file.seek(numbers[0])
        if footer[:8] != MAGIC or file.readline(256).decode("utf-8", "replace").rstrip("\n") != self.index.name:
            said = f"{self._binary} was replaced since this program was started: start it again"
            raise ImagineError(in_english(said))
        return numbers[6]

    def _say(self, line: str) -> None:
        _say(self._output, line)

    def _why(self, error: OSError, archives: list[Archive]) -> str:
        place = self._folder.parent
        if error.errno in _FULL:
            size = sum(archive.size for archive in archives) / 1e6
            return f"there is no room to unpack in {place}: it takes {size:.0f} MB; make room, or {_ELSEWHERE}"
        return f"imagine can't unpack in {place}: {error}; {_ELSEWHERE}"


class SigningHalf(AttachedHalf):
    """What signs, in a folder of its own: a tenth of a second's work, of which nothing is said."""

    def __init__(self, folder: Path, binary: str | None) -> None:
        super().__init__(folder, binary, io.StringIO())
        whole = self.index
        self._skipped = whole.needed.stored + whole.rest.stored
        self.index = whole._replace(needed=whole.signing, rest=Archive([], []))
        self.target = folder / "signing"
        self._lock, self._with_rest = folder / "signing.lock", folder / "signing-with-rest"

    def bring(self) -> None:
        """Has it on the import path."""
        sys.path.append(str(self.provide()))


def _teller(output: TextIO) -> Callable[[int, int], None]:
    """Says how far it is: in a terminal as it goes, in a log now and then."""
    in_terminal = output.isatty()
    step = 1 if in_terminal else 25
    last = -step

    def tell(done: int, size: int) -> None:
        nonlocal last
        percent = done * 100 // max(1, size) // step * step
        if percent == last:
            return
        last = percent
        line = f"unpacking, once for this version: {percent} %"
        if in_terminal:
            output.write(f"\r{line}" + ("\n" if percent == 100 else ""))
            output.flush()
        else:
            _say(output, line)

    return tell


def _say(output: TextIO, line: str) -> None:
    output.write(line + "\n")
    output.flush()
