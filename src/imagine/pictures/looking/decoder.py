"""Untrusted pictures looked at by a process of their own: started for the first, fed in turns, ended when idle."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import sys
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from ...messages import message
from ...processes.reaping import reap
from ...processes.runtime import decoder_command
from ...provenance.identity import SigningIdentity
from ...provenance.manifest import Ingredient, Provenance
from ...words.errors import BadPicture, Busy, ImagineError
from ..canonical import Cut, digest
from .inspection import Inspection
from .look import MAX_HEAD, Copy, LookRequest, LookResult, MaskReading, head_of
from .origins import AskedApart, IdentityRequest, InspectRequest, SignRequest
from .shown import ShownCopies
from .sources import KeptSources, SourceHead
from .turns import Turns

_log = logging.getLogger(__name__)
_PIECE = 2**20
_PIPE = 2**20
"""Bytes that a pipe to the process holds, where the system lets it. It has 64 kB else, and both ends wait for each
other at each of these."""
_AT_ONCE = 2**18
"""Bytes that are hashed sooner than a thread is told to."""
_REMEMBERED = 256
_MAX_COPY = 128 * 2**20
AS_IT_IS = MaskReading()
PreparedRequest = Callable[[], tuple[AskedApart, Sequence[bytes | memoryview]]]
"""Makes a question, and what goes with it, once the process that is asked is known."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """Seconds."""

    answer: float = 60.0
    """For one picture, its way to the process counted; the process limits its own time as well."""
    idle: float = 20.0
    """After the last picture, until the process is let go."""


class LookAt(Protocol):
    """Looks at a picture in base64 for one client; gives its bytes, and what is known of it. Raises BadPicture."""

    async def __call__(
        self, text: str, field: str, *, copy: Copy | None = None, largest: int = 0, reading: MaskReading = AS_IT_IS
    ) -> tuple[bytes, Looked]: ...


class Looked(msgspec.Struct, frozen=True):
    """What is known of a sound picture, the SHA-256 of its canonical bytes, and the copy that was asked for, if any."""

    digest: str
    result: LookResult
    copy: bytes = b""


class Decoder:
    """One process at most, of one event loop. A picture that was looked at is known from then on, by its bytes."""

    def __init__(self, command: Sequence[str] | None = None, patience: Patience | None = None) -> None:
        self._command = list(command or decoder_command())
        self._patience = patience or Patience()
        self._turns = Turns()
        self._process: asyncio.subprocess.Process | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._sources = KeptSources()
        self._ending: set[asyncio.Task[None]] = set()
        self._starting = asyncio.Lock()
        self._stopped = False
        self._known: OrderedDict[tuple[str, bool], LookResult] = OrderedDict()
        self._shown = ShownCopies()

    @property
    def pid(self) -> int | None:
        """The process's id while there is one."""
        return None if self._process is None else self._process.pid

    async def look(
        self, data: bytes, field: str, client: str, *,
        copy: Copy | None = None, largest: int = 0, reduced: bool = False, reading: MaskReading = AS_IT_IS,
    ) -> Looked:  # fmt: skip
        """What a `LookRequest` asks of `data`, by turns of clients. Raises BadPicture on `field`, ImagineError."""
        known_by = await asyncio.to_thread(digest, data)
        known = (known_by, reduced)
        if (result := self._remembered(known)) and (copy is None or (copy == "smaller" and _side(result) <= largest)):
            return Looked(known_by, result)
        if result and result.colours and copy == "shown" and (kept := self._shown.find(known_by, largest)):
            return Looked(known_by, result, kept)
        request = LookRequest(size=len(data), field=field, copy=copy, largest=largest, reduced=reduced, reading=reading)
        result, made = await self._asked(lambda: (request, [data]), client)
        self._known[known] = result
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        if copy == "shown":
            self._shown.keep(known_by, largest, made)
        return Looked(known_by, result, made)

    async def inspect(self, data: bytes, field: str, client: str, roots: str) -> Inspection:
        """Where a picture comes from; `roots` are ours. Raises BadPicture on `field`, ImagineError."""
        request = InspectRequest(size=len(data), field=field, roots=roots)
        return msgspec.msgpack.decode((await self._asked(lambda: (request, [data]), client))[1], type=Inspection)

    async def sign(
        self,
        canonical: bytes | memoryview,
        made_of: Sequence[Ingredient],
        making: Provenance,
        identity: SigningIdentity,
        client: str,
    ) -> tuple[Cut, ...]:
        """What signs a picture that was made of others. Raises BadPicture where one of them can't be named."""

        def digested() -> list[str]:
            return [hashlib.sha256(each.data).hexdigest() for each in made_of]

        short = sum(len(each.data) for each in made_of) <= _AT_ONCE
        digests = digested() if short else await asyncio.to_thread(digested)

        def asked() -> tuple[SignRequest, list[bytes | memoryview]]:
            fresh, heads, parts = not self._sources, list[SourceHead](), [canonical]
            for each, known_by in zip(made_of, digests, strict=True):
                heads.append(self._sources.head(each, known_by))
                parts += [each.data] if heads[-1].sent else []
            return SignRequest(
                size=sum(map(len, parts)), picture=len(canonical), field="img", making=making, identity=identity,
                made_of=tuple(heads), fresh=fresh,
            ), parts  # fmt: skip

        try:
            answer = (await self._asked(asked, client))[1]
        except BadPicture:
            self._sources.forget()  # it may not have come to keep all of them
            raise
        return msgspec.msgpack.decode(answer, type=tuple[Cut, ...])

    async def identity(self) -> bytes:
        """A new identity, as PEM. Raises ImagineError."""
        return (await self._asked(lambda: (IdentityRequest(), []), ""))[1]

    async def stop(self) -> None:
        """Ends the process, whatever it does; who asks from now on, of a connection that is still there, is refused."""
        self._stopped = True
        async with self._starting:  # one that is just being started is ended, too
            self._keep_awake()
            self._kill()
        if self._ending:
            await asyncio.wait(self._ending)

    def _remembered(self, known: tuple[str, bool]) -> LookResult | None:
        """Of a picture's digest, and of whether it was looked at reduced."""
        if known in self._known:
            self._known.move_to_end(known)
        return self._known.get(known)

    async def _asked(self, asked: PreparedRequest, client: str) -> tuple[LookResult, bytes]:
        """What the process answers, by turns of clients. Raises BadPicture where it refuses, ImagineError."""
        async with self._turns.turn(client):
            self._keep_awake()
            try:
                result, made = await self._answered(asked)
            finally:
                self._idle = asyncio.get_running_loop().call_later(self._patience.idle, self._let_go)
        if result.refused is not None:
            raise BadPicture(result.refused)
        return result, made

    async def _answered(self, asked: PreparedRequest) -> tuple[LookResult, bytes]:
        """The process's answer. Whatever keeps it from answering ends it; the next picture gets a new one."""
        process = await self._started()
        request, parts = asked()
        try:
            async with asyncio.timeout(self._patience.answer):
                return await _exchange(process, request, parts)
        except (TimeoutError, OSError, EOFError, msgspec.DecodeError) as error:
            if self._stopped:
                raise _is_stopping() from error
            self._kill()
            _log.warning("looking at a picture ended its process: %s", error or type(error).__name__)
            raise BadPicture(message("picture.too_costly", request.field)) from error
        except BaseException:  # nobody waits for the answer, and the next one must not get it
            self._kill()
            raise

    async def _started(self) -> asyncio.subprocess.Process:
        async with self._starting:
            if self._stopped:
                raise _is_stopping()
            if self._process is None or self._process.returncode is not None:
                self._kill()
                self._sources.forget()
                pipe = asyncio.subprocess.PIPE
                try:
                    self._process = await asyncio.create_subprocess_exec(*self._command, stdin=pipe, stdout=pipe)
                except OSError as error:
                    raise ImagineError(message("picture.no_process", why=error.strerror or str(error))) from error
                _widen(self._process)
            return self._process

    def _keep_awake(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _let_go(self) -> None:
        """Nobody has needed it for a while: it ends by itself when its input does."""
        self._end(kill=False)

    def _kill(self) -> None:
        self._end(kill=True)

    def _end(self, *, kill: bool) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if kill and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        assert process.stdin is not None, "it was started with a pipe"
        process.stdin.close()
        task = asyncio.get_running_loop().create_task(reap(process))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


def _is_stopping() -> Busy:
    return Busy(message("server.stopping"), retry_after=10.0)


def _widen(process: asyncio.subprocess.Process) -> None:
    """Has most pictures go to it in one piece."""
    if sys.platform != "linux":
        return
    import fcntl

    assert process.stdin is not None, "it was started with pipes"
    with contextlib.suppress(OSError):  # the user has no more of such pages: it is only slower
        fcntl.fcntl(process.stdin.get_extra_info("pipe"), fcntl.F_SETPIPE_SZ, _PIPE)


async def _exchange(
    process: asyncio.subprocess.Process, request: AskedApart, parts: Sequence[bytes | memoryview]
) -> tuple[LookResult, bytes]:
    """One question and its answer. Raises OSError, EOFError, DecodeError where there is none."""
    assert process.stdin is not None, "it was started with pipes"
    assert process.stdout is not None, "it was started with pipes"
    process.stdin.write(head_of(request))
    for part in parts:
        for at in range(0, len(part), _PIECE):
            process.stdin.write(memoryview(part)[at : at + _PIECE])
            await process.stdin.drain()
    length = int.from_bytes(await process.stdout.readexactly(4), "big")
    result = msgspec.msgpack.decode(await process.stdout.readexactly(min(length, MAX_HEAD)), type=LookResult)
    return result, await process.stdout.readexactly(min(result.size, _MAX_COPY))


def _side(result: LookResult) -> int:
    return max(result.width, result.height)
