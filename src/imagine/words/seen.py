"""What is seen in pictures that aren't shown, in words."""

from __future__ import annotations

from collections.abc import Mapping

from ..messages import Message, message

_SEEN: Mapping[str, Message] = {
    "sexual": message("blocked.what.sexual acts"),
    "sexual/minors": message("blocked.what.minors"),
    "suggestive": message("blocked.what.suggestive"),
    "violence": message("blocked.what.violence"),
    "violence/graphic": message("blocked.what.gore"),
    "self-harm": message("blocked.what.self-harm"),
    "hate": message("blocked.what.hate"),
    "illicit": message("blocked.what.drugs"),
}
"""By category: how it is told."""


def told(category: str) -> Message:
    """A category, in words; the owner's own by its name."""
    return _SEEN.get(category) or message("blocked.what.own", None, name=category)
