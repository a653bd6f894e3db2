"""How a command ends: the table of exit statuses, and what is said of an error."""

from __future__ import annotations

import os
import sys

import click

from ..words.errors import BadRequest, ImagineError, ModelNotFound
from .console import note

DONE, FAILED, MISTYPED, HUNG_UP, INTERRUPTED, TERMINATED = 0, 1, 2, 129, 130, 143
EXITS = {
    DONE: "done",
    FAILED: "it could not be done: the server isn't there, refuses the key, is too busy or failed; a file is damaged, "
    "or can't be read or written; for `verify`, a picture came out different; for `doctor`, something is wrong",
    MISTYPED: "what was typed, or the configuration says, can't be: the same command would fail again",
    HUNG_UP: "the terminal was closed (SIGHUP)",
    INTERRUPTED: "Ctrl-C (SIGINT)",
    TERMINATED: "ended from outside (SIGTERM)",
}
"""Every exit status there is, and when it is given."""
_MISTYPED_STATUSES = frozenset([400, 404, 413, 415])
"""What a server answers where the request itself can't be; it said so in a sentence."""
_OTHER_KIND = "model.other_kind"
"""And its code where the file is whole, but none to draw with: another has to be named."""


class Ended(BaseException):
    """A signal asks this process to end, and it lets go of what it holds before it does."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def status_after(error: BaseException) -> int:
    """Says on stderr what went wrong, in a sentence; the status to exit with. Raises what is our own fault."""
    match error:
        case click.Abort() | KeyboardInterrupt():
            note("cancelled")
            return INTERRUPTED
        case Ended():
            import signal  # only for its names

            note(f"ended by {signal.Signals(error.number).name}")
            return 128 + error.number
        case click.exceptions.NoArgsIsHelpError():  # its message is the whole help
            note(error.format_message(), lines=True)
            return error.exit_code
        case click.ClickException():
            if isinstance(error, click.UsageError) and error.ctx is not None:
                note(error.ctx.get_usage(), lines=True)
            note(f"Error: {error.format_message()}")
            return error.exit_code
        case ImagineError():
            note(f"Error: {error}")
            return MISTYPED if _was_mistyped(error) else FAILED
        case BrokenPipeError():  # as of `imagine list | head`: who read has gone
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nor can the rest be flushed at the end
            return FAILED
        case OSError():
            note(f"Error: {_sentence(error)}")
            return FAILED
    raise error


def reason(error: OSError) -> str:
    """What the system says of why, without its number."""
    return (error.strerror or str(error)).lower()


def _sentence(error: OSError) -> str:
    return f"{os.fsdecode(error.filename)}: {reason(error)}" if error.filename else reason(error)


def _was_mistyped(error: ImagineError) -> bool:
    if isinstance(error, BadRequest | ModelNotFound) or getattr(error, "status", None) in _MISTYPED_STATUSES:
        return True
    return getattr(error, "code", "") == _OTHER_KIND
