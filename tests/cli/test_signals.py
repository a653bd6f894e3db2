"""Signals as the commands hear them."""

from __future__ import annotations

import os
import signal

import pytest

from imagine.cli.signals import asked_before


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
