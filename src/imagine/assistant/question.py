"""What is asked of a language model, in whichever dialect, and how it is asked this time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from .trouble import Remedy

ROOM = 1024
"""Tokens that an answer may have at first."""
_MOST_ROOM = 8192
_AGAIN = "\n\nAnswer with one JSON object and nothing else: no words around it, no fence, no remarks."


class ModelQuestion(NamedTuple):
    """One question. The answer is to be an object as `schema` says."""

    name: str
    """What is asked for, as logs and metrics call it."""
    model: str
    instruction: str
    text: str
    schema: Mapping[str, Any]
    picture: bytes | None = None
    """A JPEG."""
    keep_alive: float = 0.0
    """Seconds that the model then stays loaded; negative: for ever."""
    room: int = ROOM
    accept: Callable[[Mapping[str, Any]], None] = lambda _: None
    """Raises AssistantTrouble for an answer that is worth nothing, though it is an object as was asked for."""


class Manner(NamedTuple):
    """How a question is asked: at first as strictly as can be, then so that what went wrong doesn't again."""

    strict: bool = True
    """The server is to hold its model to the schema."""
    silent: bool = True
    """It is told not to think first: thoughts take long, and some models leave no room behind them for an answer."""
    again: bool = False
    """The question says once more what the answer has to look like."""
    room: int = ROOM

    def after(self, remedy: Remedy) -> Manner:
        """The next one."""
        match remedy:
            case "room":
                return self._replace(room=min(4 * self.room, _MOST_ROOM))
            case "otherwise":
                return self._replace(silent=False, again=True)
            case "less":
                return self._replace(strict=False, silent=False, again=True)
        return self

    def instruction_of(self, asked: ModelQuestion) -> str:
        """What the model is told. The schema stands there too, since some servers silently ignore it."""
        schema = msgspec.json.encode(asked.schema).decode()
        return f"{asked.instruction}\n\nThe answer's JSON schema:\n{schema}" + (_AGAIN if self.again else "")
