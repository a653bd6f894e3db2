"""What an invisible mark in pixels can be, and what it says."""

from __future__ import annotations

from typing import Literal

WatermarkMethod = Literal["tiles"]
"""How it is put there: a recipe names it, so a better one gets another name."""
WATERMARK: WatermarkMethod = "tiles"
"""The one that is meant where a request only says that it wants one."""
Marked = Literal["painted", "edited"]
"""From words alone, or of another picture: all that it says beside that Imagine made it."""
MARKED: tuple[Marked, ...] = ("painted", "edited")
"""By their numbers in the pixels."""
