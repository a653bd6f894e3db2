"""Where the command line begins, and Ctrl-C while nothing is at stake: the process ends at once, without a word.

Python raises KeyboardInterrupt wherever it is, which in the midst of imports ends in a traceback. A command that has
something to put back hears it from there on.
"""

from __future__ import annotations

import os
import signal

_INTERRUPTED = 130


def main() -> None:
    """Runs the command line; what Ctrl-C means while that is imported, and once it is done, is settled here."""
    quiet()
    from .main import main as run

    try:
        run()
    finally:
        quiet()


def quiet() -> None:
    """From here SIGINT ends this process. One that is ignored, or somebody else's, stays so."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def heard() -> None:
    """From here SIGINT raises KeyboardInterrupt again, where `quiet` has said otherwise."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(*_: object) -> None:
    os._exit(_INTERRUPTED)
