"""What was decided, written down: a line of JSON for each verdict, in a file of the owner's, without what was asked."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from ..words.moderation import ModerationVerdict

_log = logging.getLogger("imagine.moderation")
_MODE = 0o600


def _now() -> datetime:
    return datetime.now(UTC)


class VerdictLog:
    """The file, opened anew for each line, so that it can be rotated, and read by its owner alone; None is no file."""

    def __init__(self, path: Path | None, now: Callable[[], datetime] = _now) -> None:
        self._path = path
        self._now = now

    def write(
        self, verdict: ModerationVerdict, client: str, prompt: str | None = None, *, key: str | None = None
    ) -> None:
        """Adds a line; `prompt` where the owner wants it there, and the name of the `key`, where the client has one.

        A file that can't be written is logged, no more.
        """
        _log.info(
            "moderation %s stage=%s rule=%r categories=%s client=%s key=%s",
            verdict.action, verdict.stage, verdict.rule, ",".join(verdict.categories) or "none", client, key or "none",
        )  # fmt: skip
        if self._path is None:
            return
        said = {name: text for name, text in (("key", key), ("prompt", prompt)) if text is not None}
        line = {"time": self._now().isoformat(timespec="milliseconds"), **msgspec.to_builtins(verdict)}
        try:
            self._append(msgspec.json.encode(line | {"client": client} | said) + b"\n")
        except OSError as error:
            _log.error("the log of moderation, %s, can't be written: %s", self._path, error.strerror)

    def _append(self, line: bytes) -> None:
        assert self._path is not None
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)
        try:
            os.write(file, line)
        finally:
            os.close(file)
