"""What is found out of models' contents: a digest for who waits to draw, and whole files' SHA-256 beside all work.

The whole of a file is read only once pictures were made of it, so that the cost is of use, and by a process that
makes way for everything (`identity/whole.py`): a thread of ours would hold the interpreter while it waits for its turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Sequence

import msgspec

from ...identity.stamp import FileStamp
from ...identity.whole import Question
from ...messages import message
from ...processes.runtime import digest_command
from ...registry.content import pieces_of
from ...registry.identify import LORA
from ...registry.registry import Registry
from ...words.entry import Entry
from ...words.errors import BadRequest
from ...words.model import Component

_log = logging.getLogger(__name__)
_NAMES = re.compile(r"[0-9a-f]{10,64}")
_DIGESTS = re.compile(rb"[0-9a-f]{64}( [0-9a-f]{64})?\n")


class Digests:
    """Of one registry's files. Used from one event loop."""

    def __init__(self, registry: Registry, command: Sequence[str] | None = None) -> None:
        self._registry = registry
        self._command = command or digest_command()
        self._making: dict[tuple[str, tuple[FileStamp, ...]], asyncio.Task[Entry]] = {}
        self._wanted: dict[FileStamp, Entry] = {}
        """Files to be read whole, in this order."""
        self._tried: set[FileStamp] = set()
        self._lent: dict[FileStamp, str] = {}
        """What was made for who fetches files from here."""
        self.reading: asyncio.Task[None] | None = None
        """What reads whole files, while there are any to be read."""
        self._looking = asyncio.Lock()

    async def known(self, entry: Entry) -> Entry:
        """The entry with the digest of its content. Raises UnusableModel, ModelChanged."""
        if entry.digest:
            return entry
        key = (entry.path, entry.files)
        making = self._making.get(key)
        if making is None:  # whoever else asks meanwhile waits for the same
            making = asyncio.create_task(asyncio.to_thread(self._registry.with_digest, entry))
            self._making[key] = making
            making.add_done_callback(lambda done: self._made(key, done))
        return await asyncio.shield(making)

    async def of(self, digest: str) -> list[Entry]:
        """The files that are known by a digest (`Registry.of_digest`). Raises BadRequest for what can't be one."""
        if not _NAMES.fullmatch(digest):
            raise BadRequest(message("digest.form", "digest", value=digest[:80]))
        async with self._looking:
            return await asyncio.to_thread(self._registry.of_digest, digest)

    def used(self, *components: Component) -> None:
        """Pictures are made of these files: what other programs know them by is worth knowing."""
        new = {stamp for component in components for stamp in component.files[:1]} - self._tried
        if not new:
            return
        self._tried |= new
        for entry in self._registry.files():
            known = entry.file_digest and (entry.autov3 or entry.kind != LORA)
            if entry.format != "diffusers" and not pieces_of(entry) and not known and new.intersection(entry.files[:1]):
                self._wanted[entry.files[0]] = entry
        if self._wanted and self.reading is None:
            self.reading = asyncio.create_task(self._read())

    async def sha256_of(self, file: FileStamp) -> str:
        """Of one whole file, as it was; "" where it isn't so any more, or can't be read."""
        known = (entry for entry in self._registry.files() if entry.files[:1] == (file,))
        digest = next((entry.file_digest for entry in known if entry.file_digest), "") or self._lent.get(file, "")
        if not digest:
            digest = next(iter(await self._whole(Question(file))), "")
            self._lent[file] = digest
        return digest

    async def stop(self) -> None:
        """What is being read is left for a next time."""
        self._wanted.clear()
        if self.reading is not None:
            self.reading.cancel()
            await asyncio.wait([self.reading])

    def _made(self, key: tuple[str, tuple[FileStamp, ...]], done: asyncio.Task[Entry]) -> None:
        del self._making[key]
        if not done.cancelled():
            done.exception()  # whoever waits is told; perhaps nobody does any more

    async def _read(self) -> None:
        try:
            while self._wanted:
                stamp = next(iter(self._wanted))
                entry = self._wanted.pop(stamp)
                digests = await self._whole(Question(stamp, entry.kind == LORA))
                if digests:
                    await asyncio.to_thread(self._registry.learn_file_digest, entry, *digests)
                    _log.info("the SHA-256 of %s is %s", entry.name, digests[0])
        finally:
            self.reading = None

    async def _whole(self, question: Question) -> list[str]:
        """The SHA-256 of the file, and of what is behind its header where that is asked for; none where it can't be
        had."""
        pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        try:
            process = await asyncio.create_subprocess_exec(*self._command, stdin=pipe, stdout=pipe, stderr=nothing)
        except OSError as error:
            _log.warning("no process can be started to read a whole file: %s", error)
            return []
        assert process.stdin is not None, "its input is a pipe"
        assert process.stdout is not None, "its output is a pipe"
        try:
            process.stdin.write(msgspec.json.encode(question) + b"\n")
            line = await process.stdout.readline()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.stdin.close()
            await process.wait()
        return line.decode().split() if _DIGESTS.fullmatch(line) else []
