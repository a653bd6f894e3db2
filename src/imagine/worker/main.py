"""The worker process: settles itself, imports the engine, serves until its gateway lets go of it."""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import logging
import sys
import time
import traceback
from collections.abc import Callable, Sequence

from ..processes.environment import die_with_parent, leave_signals_to_the_gateway, prepare_libraries, take_pipes
from ..processes.offline import go_offline
from ..words.errors import BadRequest, ImagineError
from ..words.frames import REFUSED, FrameError, Log, Start, WorkerSettings
from .engine_protocol import EngineProtocol
from .failure import error_from_exception
from .pipes import Inbox, Outbox, read_into
from .pulse import Pulse, keep_beating
from .serve import serve

_LONGEST = 2**16


def main(argv: Sequence[str] = (), make: Callable[[WorkerSettings], EngineProtocol] | None = None) -> int:
    """Runs a worker on this process's stdin and stdout; returns its exit status.

    It takes no arguments: the first frame, a `Start`, brings its settings.
    """
    if argv:
        raise SystemExit(f"a worker takes no arguments, not {' '.join(argv)!r}; it is started by 'imagine serve'")
    leave_signals_to_the_gateway()
    die_with_parent()
    faulthandler.enable()
    frames_in, frames_out = take_pipes()
    inbox, outbox = Inbox(), Outbox(frames_out)
    read_into(inbox, frames_in)
    settings = _settings(inbox)
    pulse = Pulse(time.monotonic)
    keep_beating(pulse, outbox, settings.heartbeat)
    if settings.cores:
        from ..processes.cores import stay_on  # only where a CPU is shared out

        stay_on(settings.cores)
    prepare_libraries(settings.threads)
    if settings.offline:
        go_offline()
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[_ToGateway(outbox)], force=True)
    logging.getLogger("imagine").setLevel(settings.log_level)
    try:
        try:
            engine = (make or _engine)(settings)
        except BadRequest as error:  # which another start would meet too
            print(error, file=sys.stderr)  # noqa: T201 - as below
            return REFUSED
        serve(inbox, outbox, engine, pulse, time.monotonic)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the end
        if not isinstance(error, ImagineError):  # ours says in a sentence what is wrong
            traceback.print_exc()
        print(error_from_exception(error), file=sys.stderr)  # noqa: T201 - the gateway shows the last line
        return 1
    return 0


def _settings(inbox: Inbox) -> WorkerSettings:
    first = next(inbox.take(None))
    if not isinstance(first, Start):
        raise FrameError(f"the first frame must be a Start, not a {type(first).__name__}")
    return first.settings


def _engine(settings: WorkerSettings) -> EngineProtocol:
    # Libraries stay: looking for garbage among them takes an eighth of their imports' time, and is never worth it.
    gc.disable()
    # Only now, so that torch finds the environment it is meant to read.
    from ..engine.engine import Engine

    engine = Engine(settings)
    gc.freeze()
    gc.enable()
    return engine


class _ToGateway(logging.Handler):
    """Carries this process's log records to the gateway's."""

    def __init__(self, outbox: Outbox) -> None:
        super().__init__()
        self._outbox = outbox

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)[:_LONGEST].encode("utf-8", "replace").decode("utf-8")
        with contextlib.suppress(OSError):  # the gateway is gone: the reading thread ends the process
            self._outbox.send(Log(level=record.levelno, name=record.name, message=text))
