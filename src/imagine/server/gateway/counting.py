"""The process that counts tokens, as its gateway knows it: started for the first prompt, ended when nobody writes any
more."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence

import msgspec

from ...messages import message
from ...pictures.looking.turns import Turns
from ...processes.reaping import reap
from ...processes.runtime import counter_command
from ...words.counting import MAX_FRAME, CountReply, CountRequest, count_frame
from ...words.errors import Busy, ImagineError

_log = logging.getLogger(__name__)
_ANSWER = 20.0
"""Seconds for two prompts, the process's start counted."""
_IDLE = 60.0
"""Seconds after the last prompt until the process is let go."""


class TokenCounter:
    """One process at most, of one event loop."""

    def __init__(self, command: Sequence[str] | None = None, idle: float = _IDLE) -> None:
        self._command, self._patience = list(command or counter_command()), idle
        self._turns = Turns()
        self._process: asyncio.subprocess.Process | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._stopped = False

    @property
    def pid(self) -> int | None:
        """The process's id while there is one."""
        return None if self._process is None else self._process.pid

    async def count(self, request: CountRequest, client: str) -> CountReply:
        """How long both prompts are, by turns of clients. Raises ImagineError where nobody can tell."""
        async with self._turns.turn(client):
            self._keep_awake()
            try:
                async with asyncio.timeout(_ANSWER):
                    return await _exchange(await self._started(), request)
            except (TimeoutError, OSError, EOFError, msgspec.DecodeError) as error:
                self._end()
                _log.warning("counting tokens ended its process: %s", error or type(error).__name__)
                raise ImagineError(message("tokens.uncounted")) from error
            except BaseException:  # nobody waits for the answer, and the next one must not get it
                self._end()
                raise
            finally:
                if not self._stopped:
                    self._idle = asyncio.get_running_loop().call_later(self._patience, self._end)

    async def stop(self) -> None:
        """Ends the process, whatever it does; who asks from now on is refused."""
        self._stopped = True
        self._keep_awake()
        self._end()
        if self._ending:
            await asyncio.wait(self._ending)

    async def _started(self) -> asyncio.subprocess.Process:
        self._check()
        if self._process is None or self._process.returncode is not None:
            pipe = asyncio.subprocess.PIPE
            self._process = await asyncio.create_subprocess_exec(*self._command, stdin=pipe, stdout=pipe)
            self._check()  # it may have been stopped meanwhile; whoever asked ends the process
        return self._process

    def _check(self) -> None:
        if self._stopped:
            raise Busy(message("server.stopping"), retry_after=10.0)

    def _keep_awake(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _end(self) -> None:
        """It holds nothing that anybody would miss."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        task = asyncio.get_running_loop().create_task(reap(process))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


async def _exchange(process: asyncio.subprocess.Process, request: CountRequest) -> CountReply:
    """One question and its answer. Raises OSError, EOFError, DecodeError where there is none."""
    assert process.stdin is not None, "it was started with pipes"
    assert process.stdout is not None, "it was started with pipes"
    process.stdin.write(count_frame(request))
    await process.stdin.drain()
    length = int.from_bytes(await process.stdout.readexactly(4), "big")
    return msgspec.msgpack.decode(await process.stdout.readexactly(min(length, MAX_FRAME)), type=CountReply)
