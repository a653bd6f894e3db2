"""A process that trains, started and told what."""

from __future__ import annotations

import subprocess

from ..processes.runtime import trainer_command
from ..words.training import Assignment, line


def started_trainer(given: Assignment) -> subprocess.Popen[bytes]:
    """It says on its stdout how far it is; once its stdin is closed it keeps what it has learned, and ends."""
    process = subprocess.Popen(trainer_command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - our own program
    assert process.stdin is not None, "it is a pipe"
    process.stdin.write(line(given))
    process.stdin.flush()
    return process
