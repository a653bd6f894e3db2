"""Pictures kept for a while under names that nobody can guess: what `response_format: url` points to.

The folder is all there is to it: when a picture is to go stands in its name, so a restart forgets nothing. It is looked
through when the first picture comes and when it is full, and in between only counted.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import logging
import re
import secrets
import threading
import time
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ...files.folders import make_own, sweep
from ...files.writing import TEMPORARY, write_atomically
from ...messages import message
from ...words.errors import ImagineError

_log = logging.getLogger(__name__)
MEDIA_TYPES = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}
"""Of what is kept, by extension."""
_NAME = re.compile(r"([0-9a-f]{1,12})-[A-Za-z0-9_-]{32}\.(?:png|jpg|webp)")
_NEVER = 0
_JUST_WRITTEN = 60.0
"""Seconds in which what a picture belongs to may not be written down yet."""
_FREED = 16
"""Where the oldest have to go, this part of the room becomes free at once: who writes next needn't look for them."""
_COUNTED = 3600.0
"""Seconds for which what was counted is believed: another process may write there too."""
_RESTING = 20.0
"""How many times as long as a look takes the next waits, however soon another picture is due."""
_UNGUESSED = 24
"""Characters of a name, of six bits each, that are chance alone where the others mark whose it is."""


@contextlib.contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        _log.error("the picture can't be kept in %s: %s", folder, error)
        reason = (error.strerror or "it can't be written").lower()
        raise ImagineError(message("url.unwritten", why=reason)) from error


def _mark(secret: str, owner: str) -> str:
    """Eight characters that tell whose a picture is, to who knows its name."""
    return base64.urlsafe_b64encode(hashlib.blake2b(f"{secret} {owner}".encode(), digest_size=6).digest()).decode()


class StoredPicture(NamedTuple):
    """A picture in the folder; `due` is when it is to go, in Unix seconds, 0 for never."""

    path: Path
    due: int
    size: int
    made: float


class PictureStore:
    """A folder of pictures, each kept for `keep` seconds (negative: for ever), all together in at most `most` bytes.

    The folder is made when first needed, for this user alone. Files in it that aren't ours are left alone.
    """

    def __init__(self, folder: Path, *, keep: float, most: int, clock: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self._keep = keep
        self._most = most
        self._clock = clock
        self._timer: asyncio.TimerHandle | None = None
        self._sweeping: set[asyncio.Task[None]] = set()
        self._lock = threading.Lock()
        self._held: int | None = None
        """Bytes of all of them, from the first look on."""
        self._writing = 0
        """Of those, bytes that may not be in the folder yet."""
        self._looked = 0.0

    def start(self) -> None:
        """From now on, inside a running loop, what is due goes by itself."""
        self._sweep_soon()

    def stop(self) -> None:
        """Nothing goes by itself any more."""
        if self._timer is not None:
            self._timer.cancel()
        for sweeping in self._sweeping:
            sweeping.cancel()

    def new_name(self, extension: str, owner: str | None = None) -> str:
        """A name that nobody can guess, of a picture that is kept from now on: that `owner`'s, as `is_of` tells."""
        assert extension in MEDIA_TYPES, extension
        due = _NEVER if self._keep < 0 else int(self._clock() + self._keep) + 1
        secret = secrets.token_urlsafe(24)
        if owner is not None:
            secret = secret[:_UNGUESSED] + _mark(secret[:_UNGUESSED], owner)
        return f"{due:x}-{secret}.{extension}"

    @staticmethod
    def is_of(name: str, owner: str) -> bool:
        """Was the picture of that name made for this owner? False for anything else than a name."""
        if not _NAME.fullmatch(name):
            return False
        secret = name.partition("-")[2].rpartition(".")[0]
        return secret[_UNGUESSED:] == _mark(secret[:_UNGUESSED], owner)

    async def keep(self, data: bytes, extension: str, name: str = "") -> str:
        """The name that `data` is kept under from now on: a new one, unless there is one for it already.

        Raises ImagineError where it can't be written.
        """
        name = await asyncio.to_thread(self.write, data, extension, name)
        if self._timer is None and self._keep >= 0:
            self._sweep_after(self._keep)
        return name

    def write(self, data: bytes, extension: str, name: str = "") -> str:
        """As `keep`, on this thread; the oldest go where there is no room."""
        name = name or self.new_name(extension)
        with _writable(self.folder):
            make_own(self.folder)
            with self._room(len(data)):
                write_atomically(self.folder / name, data, mode=0o600)
        return name

    @contextlib.contextmanager
    def _room(self, size: int) -> Iterator[None]:
        """There is room for so many bytes, which are written meanwhile. Raises OSError."""
        with self._lock:
            now = self._clock()
            if self._held is None or self._held + size > self._most or not 0 <= now - self._looked < _COUNTED:
                self._held = self._looked_through(size)
            self._held += size
            self._writing += size
        try:
            yield
        finally:
            with self._lock:
                self._writing -= size

    @contextlib.asynccontextmanager
    async def passing(self) -> AsyncGenerator[Path]:
        """An empty file for a picture on its way, gone behind the block. Raises ImagineError where none can be made."""
        path = await asyncio.to_thread(self._empty)
        try:
            yield path
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)

    def _empty(self) -> Path:
        path = self.folder / f"{TEMPORARY}{secrets.token_hex(8)}.tmp"
        with _writable(self.folder):
            make_own(self.folder)
            with self._room(0):
                path.touch(0o600, exist_ok=False)
        return path

    def find(self, name: str) -> StoredPicture | None:
        """The picture of that name, unless its time is over; `name` may be anything."""
        stored = self._stored_at(self.folder / name) if _NAME.fullmatch(name) else None
        return None if stored is None or self._is_due(stored) else stored

    def size_of(self, names: Iterable[str]) -> int:
        """Bytes of those of these names that are there."""
        stored = (self._stored_at(self.folder / name) for name in names)
        return sum(each.size for each in stored if each is not None)

    def remove(self, name: str) -> None:
        """Keeps the picture of that name no longer. Raises OSError."""
        stored = self._stored_at(self.folder / name) if _NAME.fullmatch(name) else None
        if stored is not None:
            with self._lock, contextlib.suppress(FileNotFoundError):  # who was quicker has counted it
                stored.path.unlink()
                self._held = None if self._held is None else self._held - stored.size

    def forget_others(self, known: Collection[str]) -> None:
        """Removes what isn't known by now and was written before now, as a kill leaves it. Raises OSError."""
        now = self._clock()
        for stored in self._all():
            if stored.path.name not in known and stored.made < now - _JUST_WRITTEN:
                self.remove(stored.path.name)

    def sweep(self) -> None:
        """Removes what is due, and the oldest where there are too many. Raises OSError."""
        with self._lock:
            self._held = self._looked_through()

    def _looked_through(self, room: int = 0) -> int:
        """As `sweep`, with so much room beside; the bytes that are left, or are being written."""
        sweep(self.folder)
        self._looked = self._clock()
        stored = self._all()
        due = [picture for picture in stored if self._is_due(picture)]
        left = sorted((picture for picture in stored if not self._is_due(picture)), key=lambda picture: picture.made)
        held = sum(picture.size for picture in left) + self._writing
        most = self._most - room
        if held > most:
            most -= self._most // _FREED
        for picture in left:
            if held <= most:
                break
            held -= picture.size
            due.append(picture)
        for picture in due:
            picture.path.unlink(missing_ok=True)
        return max(0, held)

    def _all(self) -> list[StoredPicture]:
        try:
            names = [path for path in self.folder.iterdir() if _NAME.fullmatch(path.name)]
        except FileNotFoundError:
            return []
        return [picture for path in names if (picture := self._stored_at(path))]

    def _stored_at(self, path: Path) -> StoredPicture | None:
        matched = _NAME.fullmatch(path.name)
        with contextlib.suppress(OSError):  # gone, or not ours to look at
            if matched and path.is_file() and not path.is_symlink():
                status = path.stat()
                return StoredPicture(path, int(matched[1], 16), status.st_size, status.st_mtime)
        return None

    def _is_due(self, picture: StoredPicture) -> bool:
        return picture.due != _NEVER and picture.due <= self._clock()

    def _sweep_after(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds + 1, self._sweep_soon)

    def _sweep_soon(self) -> None:
        self._timer = None
        task = asyncio.get_running_loop().create_task(self._sweep())
        self._sweeping.add(task)
        task.add_done_callback(self._sweeping.discard)

    async def _sweep(self) -> None:
        """Sweeps, and comes back when the next picture is due; while nothing is kept, nothing wakes up."""
        began = time.monotonic()
        try:
            await asyncio.to_thread(self.sweep)
            left = [picture.due for picture in await asyncio.to_thread(self._all) if picture.due != _NEVER]
        except OSError as error:
            _log.warning("the pictures in %s can't be looked at: %s", self.folder, error)
        else:
            if left and self._timer is None:
                took = time.monotonic() - began
                self._sweep_after(max(_RESTING * took, min(left) - self._clock()))
