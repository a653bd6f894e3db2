"""The process that trains: it is told what in one line of JSON, and tells how far it is in many.

It ends when it has learned all, when its input does, or with its parent; whatever comes, at most a minute is lost.
"""

from __future__ import annotations

import contextlib
import os
import threading
import traceback
from collections.abc import Sequence
from typing import BinaryIO

from ..messages import message
from ..processes.environment import die_with_parent, leave_signals_to_the_gateway, prepare_libraries, take_pipes
from ..processes.offline import go_offline
from ..words.errors import BadRequest, ImagineError
from ..words.training import AnyTrainerReport, TrainingFailed, assignment, line


def main(argv: Sequence[str] = ()) -> int:
    """Trains what the first line on stdin says; returns the exit status."""
    if argv:
        raise SystemExit(f"a trainer takes no arguments, not {' '.join(argv)!r}; it is started by 'imagine train'")
    leave_signals_to_the_gateway()
    die_with_parent()
    source, target = take_pipes()
    prepare_libraries()
    go_offline()
    with os.fdopen(source, "rb") as orders, os.fdopen(target, "wb", buffering=0) as told:
        given = assignment(orders.readline())
        stop = _ended(orders)

        def say(said: AnyTrainerReport) -> None:
            with contextlib.suppress(BrokenPipeError):  # nobody reads any more: the input has ended too
                told.write(line(said))

        # Only now, so that torch finds the environment that it is meant to read.
        from .trainer import train

        try:
            train(given, say, stop.is_set)
        except ImagineError as error:
            say(TrainingFailed(why=error.note, refused=isinstance(error, BadRequest)))
            return 1
        except OSError as error:  # as of a disk that is full
            say(TrainingFailed(why=message("train.failed", why=error.strerror or str(error))))
            return 1
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the end
            traceback.print_exc()
            say(TrainingFailed(why=message("train.failed", why=str(error) or type(error).__name__)))
            return 1
    return 0


def _ended(orders: BinaryIO) -> threading.Event:
    """Becomes set when whoever started us wants us to end."""
    ended = threading.Event()

    def wait() -> None:
        orders.read()
        ended.set()

    threading.Thread(target=wait, name="orders", daemon=True).start()
    return ended
