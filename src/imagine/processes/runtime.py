"""How another process of this program is started: from source by the interpreter, or by the one-file binary."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, MutableMapping

WORKER_ARGUMENT = "--imagine-worker"
"""The first argument that makes the binary a worker."""
DIGEST_ARGUMENT = "--imagine-digest"
"""The first argument that makes it what reads a whole file for its digest."""
DECODER_ARGUMENT = "--imagine-decoder"
"""The first argument that makes it the process that looks at input pictures."""
GUARD_ARGUMENT = "--imagine-guard"
"""The first argument that makes it the process that compares prompts by what they mean."""
COUNTER_ARGUMENT = "--imagine-counter"
"""The first argument that makes it the process that counts prompts' tokens."""
TRAINER_ARGUMENT = "--imagine-trainer"
"""The first argument that makes it what trains."""
UNPACK_ARGUMENT = "--imagine-unpack"
"""The first argument that makes the binary unpack all that it holds, and end."""
FILE = "_IMAGINE_FILE"
"""The variable in which the binary's launcher says where the binary lies."""
_LIBRARIES = "_IMAGINE_LIBRARIES"
"""The variable in which it keeps the LD_LIBRARY_PATH that it was started with."""


def is_frozen() -> bool:
    """Is this the one-file binary, rather than source under an interpreter?"""
    return bool(getattr(sys, "frozen", False))


def worker_command() -> list[str]:
    """The command line of a worker: this interpreter (not the current folder's modules), or this executable.

    Not the binary: that may have been replaced by a newer one since this process was started.
    """
    return [sys.executable, WORKER_ARGUMENT] if is_frozen() else [sys.executable, "-P", "-m", "imagine.worker"]


def trainer_command() -> list[str]:
    """The command line of what trains, as `worker_command`."""
    return [sys.executable, TRAINER_ARGUMENT] if is_frozen() else [sys.executable, "-P", "-m", "imagine.training"]


def digest_command() -> list[str]:
    """The command line of what makes the digest of a whole file, as `worker_command`."""
    return [sys.executable, DIGEST_ARGUMENT] if is_frozen() else [sys.executable, "-P", "-m", "imagine.identity.whole"]


def decoder_command() -> list[str]:
    """The command line of the process that looks at input pictures, of the same executable as a worker's."""
    return (
        [sys.executable, DECODER_ARGUMENT] if is_frozen() else [sys.executable, "-P", "-m", "imagine.pictures.looking"]
    )


def guard_command() -> list[str]:
    """The command line of the process that compares prompts by what they mean, as `worker_command`."""
    return [sys.executable, GUARD_ARGUMENT] if is_frozen() else [sys.executable, "-P", "-m", "imagine.guard"]


def counter_command() -> list[str]:
    """The command line of the process that counts prompts' tokens, as `worker_command`."""
    return [sys.executable, COUNTER_ARGUMENT] if is_frozen() else [sys.executable, "-P", "-m", "imagine.counting"]


def program(environ: Mapping[str, str] | None = None) -> list[str]:
    """The command line that a user would begin with: `python -m imagine`, or the binary."""
    path = (os.environ if environ is None else environ).get(FILE)
    return [path or sys.executable] if is_frozen() else [sys.executable, "-m", "imagine"]


def forget_own_libraries(environ: MutableMapping[str, str] | None = None) -> None:
    """Before another program is started, such as a browser: it should find its own libraries, not the binary's."""
    environ = os.environ if environ is None else environ
    if (before := environ.pop(_LIBRARIES, None)) is None:
        return
    for name in ("LD_LIBRARY_PATH", "LD_LIBRARY_PATH_ORIG"):
        environ.pop(name, None)
    if before:
        environ["LD_LIBRARY_PATH"] = before
