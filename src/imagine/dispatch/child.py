"""One worker process from its spawn to its end: frames in and out, its stderr, and the watch for hangs."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Sequence

from ..messages import Message, message
from ..words.frames import (
    REFUSED,
    AnyCommand,
    Assembler,
    FrameError,
    Heartbeat,
    Log,
    Ready,
    Report,
    encode,
    report_from_bytes,
)
from .limits import Limits

_log = logging.getLogger("imagine.worker")
_LOOKS = 4
_LONGEST_LINE = 4096


class Child(asyncio.SubprocessProtocol):
    """A running worker process; `report` is called with everything it says.

    `ended` comes true once the process is reaped and all that it said was read; its result is why it ended.
    """

    cut_off = False
    """Whatever it dies of, it is on this machine."""

    def __init__(self, limits: Limits, report: Callable[[Report], None]) -> None:
        self._limits = limits
        self._report = report
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[Message] = self._loop.create_future()
        self.last_line = ""
        self._frames = Assembler()
        self._line = bytearray()
        self._verdict: Message | None = None
        self._is_ready = False
        self._spoke = False
        self._silent_looks = 0
        self._timers: list[asyncio.TimerHandle] = []

    async def spawn(self, command: Sequence[str]) -> None:
        """Starts the process. Raises OSError. Call it on a thread that stays: the worker dies with its thread."""
        await self._loop.subprocess_exec(lambda: self, *command)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._transport.get_pid()

    @property
    def refused(self) -> bool:
        """Did it end because its settings can't be, as another start would too?"""
        return self._verdict is None and self._transport.get_returncode() == REFUSED

    def send(self, command: AnyCommand) -> None:
        """Sends a command; what can't arrive any more is told by `ended`. Raises FrameError."""
        frame = encode(command)
        pipe = self._transport.get_pipe_transport(0)
        if isinstance(pipe, asyncio.WriteTransport) and not pipe.is_closing():
            pipe.write(frame)

    def kill(self, verdict: Message) -> None:
        """Ends the process at once, whatever state it is in; `verdict` is why, unless there is a reason already."""
        self._verdict = self._verdict or verdict
        if self._transport.get_returncode() is None and not self.ended.done():
            self._transport.kill()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It runs."""
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._transport = transport
        self._later(self._limits.start, self._overdue)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Frames on its stdout, text on its stderr."""
        if fd == 2:
            self._hear(data)
            return
        self._spoke = True
        try:
            for body in self._frames.feed(data):
                self._take(report_from_bytes(body))
        except FrameError as error:
            self.kill(message("lost.frame", why=str(error)))

    def pipe_connection_lost(self, fd: int, _: Exception | None) -> None:
        """It closed a pipe: it is ending, or of no use."""
        if fd == 1 and not self.ended.done():
            self._later(self._limits.linger, self._unheard)

    def process_exited(self) -> None:
        """It is gone; a child of its own that holds the pipes must not keep us waiting for their end."""
        self._later(self._limits.linger, self._transport.close)

    def connection_lost(self, _: Exception | None) -> None:
        """It is gone and everything was read."""
        for timer in self._timers:
            timer.cancel()
        self._hear(b"\n")
        self._transport.close()
        if not self.ended.done():
            self.ended.set_result(self._verdict or self._obituary())

    # The rest.

    def _take(self, report: Report) -> None:
        match report:
            case Ready():
                if not self._is_ready:
                    self._is_ready = True
                    self._look()
            case Heartbeat():
                self._judge(report)
            case Log():
                logging.getLogger(report.name).log(report.level, "%s", report.message)
        self._report(report)

    def _judge(self, beat: Heartbeat) -> None:
        limit = self._limits.of(beat.stage)
        if self._is_ready and beat.busy and beat.age > limit:
            self.kill(message("lost.hung", seconds=round(beat.age), stage=beat.stage, most=limit))

    def _overdue(self) -> None:
        if not self._is_ready:
            self.kill(message("lost.start", seconds=self._limits.start))

    def _unheard(self) -> None:
        """Ends one that says nothing any more; one that has ended says itself how, as soon as its end is told."""
        if not self._is_over():
            self.kill(message("lost.closed"))

    def _is_over(self) -> bool:
        """Has it ended, though we weren't told yet? False where the system can't say."""
        try:
            return hasattr(os, "waitid") and bool(os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT))
        except ChildProcessError:  # who waits for its end has it already
            return True

    def _look(self) -> None:
        """Counts looks without a word rather than time, so that a pause of our own isn't taken for its silence."""
        self._silent_looks = 0 if self._spoke else self._silent_looks + 1
        self._spoke = False
        if self._silent_looks >= _LOOKS:
            self.kill(message("lost.silent", seconds=self._limits.silence))
        else:
            self._later(self._limits.silence / _LOOKS, self._look)

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        now = self._loop.time()
        self._timers = [timer for timer in self._timers if not timer.cancelled() and timer.when() > now]
        self._timers.append(self._loop.call_later(seconds, act))

    def _hear(self, data: bytes) -> None:
        """Passes every whole line of its stderr on to our logging."""
        *lines, rest = (bytes(self._line) + data).split(b"\n")
        self._line = bytearray(rest[:_LONGEST_LINE])
        for line in lines:
            text = line[:_LONGEST_LINE].decode("utf-8", "replace").strip()
            if text:
                self.last_line = text
                _log.info("%s", text)

    def _obituary(self) -> Message:
        """How the process ended by itself, in words."""
        status = self._transport.get_returncode()
        if status is not None and status < 0:
            name = signal.Signals(-status).name if -status in list(signal.Signals) else f"signal {-status}"
            return message(_KILLED.get(name, "lost.killed"), signal=name)
        status = -1 if status is None else status
        if self.refused and self.last_line:
            return message("lost.refused", why=self.last_line)
        if self.last_line:
            return message("lost.ended_saying", status=status, line=self.last_line)
        return message("lost.ended", status=status)


_KILLED = {"SIGKILL": "lost.SIGKILL", "SIGBUS": "lost.SIGBUS", "SIGSEGV": "lost.SIGSEGV"}
"""Signals that say what it was, likely."""
