"""What the process makes of itself before any library is imported: its pipes, its end, its environment."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_FIRST_TO_GO = "500"

# A worker never speaks to the network and never draws progress bars.
_QUIET = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "DIFFUSERS_VERBOSITY": "error",
    "TRANSFORMERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
    # What numpy and scipy do here is small, and a thread of each would wait for it as long as the process.
    "OPENBLAS_NUM_THREADS": "1",
}


def take_pipes() -> tuple[int, int]:
    """The descriptors that frames come from and go to, out of every library's reach.

    Afterwards descriptor 0 is at its end and 1 is stderr, so that no print can get between two frames.
    """
    frames_in, frames_out = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
    sys.stdout = sys.stderr
    return frames_in, frames_out


def die_with_parent() -> None:
    """Asks Linux to kill this process with its parent, even while a native call holds the interpreter.

    The kernel means the *thread* that started us, so a gateway has to start workers from one that stays. Elsewhere,
    and for a parent already gone by now, the end of our input is what tells.
    """
    if sys.platform == "linux":
        if ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            os.write(
                2, b"a sandbox forbids prctl(PR_SET_PDEATHSIG): a worker in a native call may outlive its gateway\n"
            )
        # When memory runs out, the gateway and its queue should outlive us; a sandbox may forbid saying so.
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, encoding="ascii")


def leave_signals_to_the_gateway() -> None:
    """Ctrl-C, `systemctl stop` and a closed terminal reach the whole group; the gateway decides when a worker ends."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if (number := getattr(signal, name, None)) is not None:
            signal.signal(number, signal.SIG_IGN)


def prepare_libraries(threads: int | None = None) -> None:
    """Sets what libraries read when they are imported: offline, silent, and without threads that nobody needs.

    `threads` is how many torch computes with on the CPU, unless the environment says so already.
    """
    os.environ.update(_QUIET)
    if threads is not None:
        os.environ.setdefault("OMP_NUM_THREADS", str(threads))
