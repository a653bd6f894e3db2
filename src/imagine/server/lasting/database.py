"""One SQLite database in one thread: what is done to it is done in turn, and safe on the disk once it is.

Two servers of one home would both make what stands in it, so the first locks it for as long as it lives. sqlite3 is
imported with the first use: who never writes anything pays nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ...files.folders import make_own
from ...messages import message
from ...words.errors import Busy, ImagineError
from .schema import STEPS

if TYPE_CHECKING:
    from sqlite3 import Connection

T = TypeVar("T")
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # what was written survives a power cut
    "PRAGMA foreign_keys=ON",
    "PRAGMA secure_delete=ON",  # what was forgotten can't be read out of the file
    "PRAGMA busy_timeout=5000",
    "PRAGMA journal_size_limit=16777216",
)


class Database:
    """The file at `path`, opened when it is first used. Used from one event loop."""

    def __init__(self, path: Path, steps: Sequence[str] = STEPS) -> None:
        self.path = path
        self._steps = steps
        self._thread: ThreadPoolExecutor | None = None
        self._connection: Connection | None = None
        self._lock: int | None = None
        self._closed = False

    @property
    def is_there(self) -> bool:
        """Is there a book from before?"""
        return self.path.exists()

    async def run(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns or raises, in a transaction: all that it writes is on the disk then, or nothing.

        Raises ImagineError where the file can't be used.
        """
        return await self._in_turn(lambda: self._done(work))

    async def overwrite_log(self) -> None:
        """Has what was forgotten stand in the log of writes no more, either. Raises ImagineError."""
        await self._in_turn(self._overwrite_log)

    async def close(self) -> None:
        """Ends what is being written, and lets go of the file, for ever."""
        self._closed = True
        if self._thread is not None:
            thread, self._thread = self._thread, None
            await asyncio.get_running_loop().run_in_executor(thread, self._close)
            thread.shutdown()

    async def _in_turn(self, work: Callable[[], T]) -> T:
        """Whoever asks may go away meanwhile; what was begun is still done. Raises Busy once it is closed."""
        if self._closed:
            raise Busy(message("server.stopping"), retry_after=10.0)
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="book")
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work))

    def _overwrite_log(self) -> None:
        with self._explained():
            (self._connection or self._open()).execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        import sqlite3

        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise ImagineError(message("book.failed", path=str(self.path), why=str(error))) from error

    def _done(self, work: Callable[[Connection], T]) -> T:
        with self._explained():
            connection = self._connection or self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                done = work(connection)
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        return done

    def _open(self) -> Connection:
        """Raises OSError, sqlite3.Error, Busy where another server has it, ImagineError for a newer release's."""
        import sqlite3

        make_own(self.path.parent)
        self._lock = self._lock or _locked(self.path)
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _prepare(self, connection: Connection) -> None:
        if not connection.execute("PRAGMA page_count").fetchone()[0]:
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # only before there is anything
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        taken = connection.execute("PRAGMA user_version").fetchone()[0]
        if taken > len(self._steps):
            raise ImagineError(message("book.newer", path=str(self.path)))
        for number, step in enumerate(self._steps[taken:], taken + 1):
            connection.executescript(f"BEGIN IMMEDIATE; {step}; PRAGMA user_version={number}; COMMIT;")

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        if self._lock is not None:
            os.close(self._lock)
        self._connection = self._lock = None


def _locked(path: Path) -> int | None:
    """The lock of a book, held until this is closed or the process is gone. Raises OSError, Busy."""
    if sys.platform == "win32":  # SQLite's own locks are all there is
        return None
    import fcntl

    lock = os.open(path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise Busy(message("book.taken", path=str(path)), retry_after=10.0) from error
    return lock
