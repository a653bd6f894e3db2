"""A real worker at which something goes wrong: `faulty_worker.py FOLDER STAGE:KIND…`.

Each fault strikes once, the first time that its stage is reached, and leaves a file of its name in FOLDER, so that a
worker that is started again goes past it. `write` is when the picture is handed over. `halt` stands still for ever, to
be killed there, once somebody reads the pipe `halted` in FOLDER; `memory` and `disk` raise what Python and the system
raise where there is no more of them.
"""

from __future__ import annotations

import errno
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from imagine.words.events import Finished
from imagine.worker.main import main

STAGES = ("load", "step", "decode", "encode", "write")


def struck(folder: Path, fault: str) -> bool:
    """Is it this fault's first time?"""
    try:
        (folder / fault.replace(":", "-")).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def strike(kind: str, folder: Path) -> None:
    if kind == "halt":
        (folder / "halted").write_text("here")
        threading.Event().wait()
    if kind == "memory":
        raise MemoryError
    raise OSError(errno.ENOSPC, "No space left on device")


def before(function: Callable[..., Any], folder: Path, fault: str) -> Callable[..., Any]:
    """`function`, at whose first call the fault strikes."""

    def faulty(*arguments: Any, **options: Any) -> Any:
        concerned = not fault.startswith("write") or isinstance(arguments[1], Finished)
        if concerned and struck(folder, fault):
            strike(fault.partition(":")[2], folder)
        return function(*arguments, **options)

    return faulty


def place(stage: str) -> tuple[Any, str]:
    """What does the work of a stage, and its name there."""
    from imagine.engine.jobs.canvas import Canvas
    from imagine.engine.jobs.forward import Forward
    from imagine.engine.loading import stable_diffusion as opening
    from imagine.pictures import images
    from imagine.worker.pipes import Outbox

    return {
        "load": (opening, "load_single_file"),
        "step": (Forward, "run"),
        "decode": (Canvas, "finish"),
        "encode": (images, "encode"),
        "write": (Outbox, "send"),
    }[stage]


def engine(settings: Any) -> Any:
    """The real engine, with its faults."""
    from imagine.engine.engine import Engine

    folder = Path(sys.argv[1])
    for fault in sys.argv[2:]:
        owner, name = place(fault.partition(":")[0])
        setattr(owner, name, before(getattr(owner, name), folder, fault))
    return Engine(settings)


if __name__ == "__main__":
    sys.exit(main(make=engine))
