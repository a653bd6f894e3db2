"""The server's log on stderr: text for people, one JSON object a line for machines, priorities for the journal."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime

from ..settings.settings import Settings

_PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
"""The levels of syslog, as in sd-daemon(3)."""
_STDERR = 2


class JsonLines(logging.Formatter):
    """A record as one JSON object; what a job's line is about stands in fields of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields = {"time": moment, "level": record.levelname.lower(), "logger": record.name}
        fields |= {"message": record.getMessage(), **getattr(record, "fields", {})}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)


class ForJournal(logging.Formatter):
    """What `inner` makes of a record, with its priority before every line: the journal keeps each as a message."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """The lines."""
        priority = next((_PRIORITIES[level] for level in sorted(_PRIORITIES) if record.levelno <= level), 2)
        return "\n".join(f"<{priority}>{line}" for line in self._inner.format(record).splitlines())


def to_journal(descriptor: int, environ: Mapping[str, str] | None = None) -> bool:
    """Does what is written there go to systemd's journal? `JOURNAL_STREAM` says which file that would be."""
    stream = (os.environ if environ is None else environ).get("JOURNAL_STREAM", "")
    try:
        about = os.fstat(descriptor)
    except OSError:
        return False
    return stream == f"{about.st_dev}:{about.st_ino}"


def formatter_of(settings: Settings, *, journal: bool) -> logging.Formatter:
    """How a record looks; the journal has its own clock and levels."""
    if settings.log_format == "json":
        inner: logging.Formatter = JsonLines()
    else:
        inner = logging.Formatter("%(message)s" if journal else "%(asctime)s %(levelname)s %(message)s")
    return ForJournal(inner) if journal else inner


def configure(settings: Settings) -> None:
    """Sends our records to stderr; libraries are heard from warnings on."""
    handler = logging.StreamHandler()
    handler.setFormatter(formatter_of(settings, journal=to_journal(_STDERR)))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("imagine").setLevel(logging.DEBUG if settings.debug else logging.INFO)
