"""A terminal for a command: a pseudo-terminal, and what a person would see on its screen."""

import codecs
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Mapping
from fcntl import ioctl

PATIENCE = 600.0
"""Seconds: for what hangs, not for what is slow."""
_SEQUENCE = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|\x1b[=>78]|\x1b\][^\x07]*\x07")


class Terminal:
    """A command in a terminal of its own. Leaving it as a context kills what is left of it."""

    def __init__(self, *arguments: str, environ: Mapping[str, str] | None = None, columns: int = 80) -> None:
        self.seen = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._status: int | None = None
        self.process, self._descriptor = pty.fork()
        if self.process == 0:
            ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
            os.execvpe(sys.executable, [sys.executable, "-m", "imagine", *arguments], {**os.environ, **(environ or {})})

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is None:
            os.kill(self.process, signal.SIGKILL)
            self._wait()
        self._shut()

    def close(self) -> int:
        """The window is closed; the exit status of what ran in it."""
        self._shut()
        return self._wait()

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def wait_for(self, text: str, times: int = 1) -> None:
        """Until the command has said `text` so often."""
        until = time.monotonic() + PATIENCE
        while self.seen.count(text) < times:
            assert time.monotonic() < until, f"waited for {text!r}; saw {self.seen[-400:]!r}"
            assert self._read(), f"ended without {text!r}; said {self.seen[-400:]!r}"

    def end(self) -> int:
        """Its exit status, once it ends by itself."""
        while self._read():
            pass
        return self._wait()

    @property
    def screen(self) -> list[str]:
        """The lines that stand there."""
        return shown(self.seen)

    def _wait(self) -> int:
        _, status = os.waitpid(self.process, 0)
        self._status = os.waitstatus_to_exitcode(status)
        return self._status

    def _shut(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _read(self) -> bool:
        if not select.select([self._descriptor], [], [], PATIENCE)[0]:
            raise AssertionError(f"it says nothing behind {self.seen[-400:]!r}")
        try:
            data = os.read(self._descriptor, 65536)
        except OSError:  # the other end is closed
            return False
        self.seen += self._decoder.decode(data)
        return bool(data)


def shown(text: str) -> list[str]:
    """What a terminal makes of `text`: where the cursor goes, and what erases a line; colours are left out."""
    screen, at = _Screen(), 0
    while at < len(text):
        if sequence := _SEQUENCE.match(text, at):
            screen.obey(sequence)
            at = sequence.end()
        else:
            screen.put(text[at])
            at += 1
    return [line.rstrip() for line in screen.lines]


class _Screen:
    """Lines without an end, and a cursor."""

    def __init__(self) -> None:
        self.lines = [""]
        self._row = self._column = 0
        self._kept = (0, 0)

    def obey(self, sequence: re.Match[str]) -> None:
        count = int(sequence[1]) if (sequence[1] or "").isdigit() else 1
        match sequence[2] or sequence[0]:
            case "A":
                self._row = max(0, self._row - count)
            case "B":
                self._row = min(len(self.lines) - 1, self._row + count)
            case "K":
                self.lines[self._row] = "" if sequence[1] == "2" else self.lines[self._row][: self._column]
            case "\x1b7":
                self._kept = (self._row, self._column)
            case "\x1b8":
                self._row, self._column = self._kept

    def put(self, character: str) -> None:
        match character:
            case "\r":
                self._column = 0
            case "\n":
                self._row += 1
                self.lines += [""] * (self._row + 1 - len(self.lines))
            case "\b":
                self._column = max(0, self._column - 1)
            case _ if character >= " ":
                line = self.lines[self._row]
                self.lines[self._row] = line[: self._column].ljust(self._column) + character + line[self._column + 1 :]
                self._column += 1
