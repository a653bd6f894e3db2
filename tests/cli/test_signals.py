"""Signals as the commands hear them."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import threading
from signal import SIGINT

import pytest

from imagine.cli.signals import asked_before, heard_at_once, unwinding


def test_the_first_ctrl_c_only_asks_wherever_the_program_is_and_the_second_ends_it():
    asked = []
    before = signal.getsignal(signal.SIGINT)
    with asked_before(lambda: asked.append("to stop")):
        os.kill(os.getpid(), signal.SIGINT)
        assert asked == ["to stop"]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert asked == ["to stop"]
    assert signal.getsignal(signal.SIGINT) is before


def test_a_signal_that_does_not_end_a_wait_by_itself_is_heard_in_it():
    """It comes to another thread, so that the wait of this one isn't interrupted, as where it came just before it."""
    came, never = os.pipe()
    begun, given_up = threading.Event(), threading.Timer(60, os.write, (never, b"x"))
    interrupted = threading.Thread(target=lambda: begun.wait() and signal.pthread_kill(threading.get_ident(), SIGINT))

    def wait() -> None:
        begun.set()
        ctypes.CDLL(None).poll(ctypes.byref((ctypes.c_int * 2)(came, select.POLLIN)), 1, -1)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(60)  # so the other thread goes on once this one waits, and not before
    given_up.start()
    interrupted.start()
    try:
        with pytest.raises(KeyboardInterrupt), unwinding(), heard_at_once():
            wait()
        assert given_up.is_alive()
    finally:
        sys.setswitchinterval(interval)
        given_up.cancel()
        for thread in (given_up, interrupted):
            thread.join()
        os.close(came)
        os.close(never)
