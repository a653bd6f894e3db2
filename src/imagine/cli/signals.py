"""SIGINT, SIGTERM and SIGHUP as exceptions, which let a run put the user's files back; never in the middle of that."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from .exits import Ended

_NUMBERS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
_KNOCK = 0.05
"""Seconds between two interruptions of a wait that hasn't heard."""


class _Shield:
    """How deep the work is that mustn't be left half done, and the signal that came meanwhile."""

    def __init__(self) -> None:
        self.depth = 0
        self.pending: int | None = None


_SHIELD = _Shield()


@contextlib.contextmanager
def unwinding() -> Iterator[None]:
    """Within, those signals raise KeyboardInterrupt and Ended. One that is ignored stays so, as under `nohup`."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _NUMBERS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _receive)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def shielded() -> Iterator[None]:
    """Within, no signal interrupts: it is heeded at the end."""
    _SHIELD.depth += 1
    try:
        yield
    finally:
        _SHIELD.depth -= 1
        if _SHIELD.depth == 0 and (number := _SHIELD.pending) is not None:
            _SHIELD.pending = None
            _raise(number)


@contextlib.contextmanager
def heard_at_once() -> Iterator[None]:
    """Within, a signal ends a wait in C, such as readline's, also where it came in the instant before that began.

    Python runs handlers between two of its own instructions, so what comes between the last of them and the wait would
    lie there until the next key. A thread is told of each signal, and interrupts the wait until handlers have run.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "pthread_kill"):
        yield
        return
    told, tell = socket.socketpair()
    tell.setblocking(False)  # as `set_wakeup_fd` asks
    waiting, pause, heard = threading.get_ident(), threading.Event(), 0

    def hear(*_: object) -> None:
        nonlocal heard  # a number, since a handler may come amid itself, where an event's own lock would be held
        heard += 1

    def knock() -> None:
        while came := told.recv(1):
            before = heard
            while came[0] in _NUMBERS and heard == before:
                signal.pthread_kill(waiting, signal.SIGURG)
                pause.wait(_KNOCK)

    urgent = signal.signal(signal.SIGURG, hear)
    woken = signal.set_wakeup_fd(tell.fileno(), warn_on_full_buffer=False)
    knocker = threading.Thread(target=knock, daemon=True)
    knocker.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(woken)
        tell.close()
        knocker.join()
        told.close()
        signal.signal(signal.SIGURG, urgent)


@contextlib.contextmanager
def asked_before(stop: Callable[[], None]) -> Iterator[None]:
    """Within, the first SIGINT calls `stop`, wherever the program is; a second one raises KeyboardInterrupt."""
    before = signal.getsignal(signal.SIGINT)

    def ask(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stop()

    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _receive(number: int, _: FrameType | None) -> None:
    if _SHIELD.depth:
        _SHIELD.pending = number
    else:
        _raise(number)


def _raise(number: int) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise Ended(number)
