"""What pictures show, remembered by pixels and by the model that looked: for thirty days, in a file of the user's.

Nothing depends on it. Where there is no SQLite, or the file can't be used, every picture is looked at again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ..files.folders import make_own
from .description import PictureDescription

if TYPE_CHECKING:
    import sqlite3

_log = logging.getLogger("imagine.assistant")
KEPT = 30 * 86400.0
"""Seconds."""
MOST = 5000
"""Descriptions, of a kilobyte or so."""
_PATIENCE = 0.25
"""Seconds for which another server that writes to the file is waited for: looking again would cost more."""
_TABLE = "CREATE TABLE IF NOT EXISTS seen (key TEXT PRIMARY KEY, said BLOB NOT NULL, at REAL NOT NULL) STRICT"
_TRIMMED = "DELETE FROM seen WHERE key IN (SELECT key FROM seen ORDER BY at DESC LIMIT -1 OFFSET ?)"


class SeenCache:
    """Of one file; used from one thread at a time. `clock` tells Unix seconds."""

    def __init__(self, file: Path, clock: Callable[[], float] = time.time) -> None:
        self._file = file
        self._clock = clock
        self._opened: sqlite3.Connection | None = None
        self._broken = False

    def get(self, key: str) -> PictureDescription | None:
        """What is remembered under that key."""
        found = self._done(("SELECT said FROM seen WHERE key = ? AND at > ?", (key, self._clock() - KEPT)))
        with contextlib.suppress(msgspec.DecodeError, msgspec.ValidationError):
            return msgspec.json.decode(found[0][0], type=PictureDescription) if found else None
        return None

    def put(self, key: str, seen: PictureDescription) -> None:
        """Remembers it, and forgets what is too old or too much."""
        now = self._clock()
        self._done(
            ("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", (key, msgspec.json.encode(seen), now)),
            ("DELETE FROM seen WHERE at <= ?", (now - KEPT,)),
            (_TRIMMED, (MOST,)),
        )

    def close(self) -> None:
        """Lets the file go."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _done(self, *statements: tuple[str, tuple[object, ...]]) -> list[tuple[bytes]]:
        """What the last of them finds, all in one transaction; nothing where the file can't be used, or not now."""
        if self._broken:
            return []
        try:
            import sqlite3  # with the first picture only
        except ImportError:
            self._broken = True
            return []
        try:
            with self._connected() as connection:
                return [connection.execute(statement, values).fetchall() for statement, values in statements][-1]
        except (sqlite3.Error, OSError) as error:
            primary = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the rest says of which kind
            self._broken = primary not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            _log.warning("what pictures show isn't remembered%s: %s", "" if self._broken else " this time", error)
            self.close()
            return []

    def _connected(self) -> sqlite3.Connection:
        import sqlite3

        if self._opened is None:
            make_own(self._file.parent)
            os.close(os.open(self._file, os.O_WRONLY | os.O_CREAT, 0o600))
            self._opened = sqlite3.connect(self._file, timeout=_PATIENCE, check_same_thread=False)
            self._opened.execute("PRAGMA journal_mode = WAL")
            self._opened.execute("PRAGMA synchronous = NORMAL")  # a wish needn't wait until the disk has it
            self._opened.execute(_TABLE)
        return self._opened
