"""What an owner can say of the assistant: a server of language models that looks at pictures and understands wishes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

AUTO = "auto"
AssistantDialect = Literal["auto", "ollama", "openai"]
UnloadBefore = Literal["auto", "always", "never"]
ToldIn = Literal["auto", "en", "ru"]


class AssistantSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where it is, and how it is asked. Without a `url` there is none."""

    url: str = ""
    dialect: AssistantDialect = "auto"
    vision_model: str = AUTO
    """What looks at pictures; `auto`: the likeliest of those that are there."""
    text_model: str = AUTO
    """What understands wishes; `auto`: the same, where it can, so that only one has to be loaded."""
    keep_alive: float = 0.0
    """Seconds that its models stay loaded after a plan; negative: for ever."""
    timeout: float = 120.0
    """Seconds for one answer; a whole plan has twice that."""
    unload_before_generate: UnloadBefore = "auto"
    """Let its models go, and wait until they are gone, before a picture is made: `auto` where both share a card."""
    language: ToldIn = "auto"
    """What its reasons are written in; `auto`: what the client asks for."""
    revise: tuple[str, ...] = ()
    """Names of models, as hosted services have them, whose requests get a plan unasked."""
    allow: tuple[str, ...] = ()
    """Hosts that it may be on though they are neither this machine nor a private network."""
    key_file: Path | None = None
    """A file that holds the key which the server wants."""

    def __bool__(self) -> bool:
        return bool(self.url)

    def __str__(self) -> str:
        if not self:
            return "none"
        said = [f"{name} {value}" for name, value in self._told() if value not in (None, ())]
        return "; ".join([self.url, *said])

    def _told(self) -> list[tuple[str, object]]:
        defaults = AssistantSettings()
        names = [name for name in self.__struct_fields__ if name != "url"]
        pairs = [(name, getattr(self, name)) for name in names if getattr(self, name) != getattr(defaults, name)]
        return [(name, ", ".join(value) if isinstance(value, tuple) else value) for name, value in pairs]
