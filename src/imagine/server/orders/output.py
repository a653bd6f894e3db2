"""What an order's pictures are made into, once they are painted."""

from __future__ import annotations

from typing import Literal

import msgspec

OutputFormat = Literal["png", "jpeg", "webp"]


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """How the pictures are to come; said by the dialect that took the request."""

    format: OutputFormat = "png"
    quality: int = 95
    """Of what a format loses; 1 to 100."""
    store: Literal["no", "too", "only"] = "no"
    """Are they kept under a name, beside being given or in place of it? That one can't be is then but a note."""
    name: str = ""
    """The name that a single picture is kept under, where that has to be known before there is one."""
    previews: int | None = None
    """So many, spread over the run; None: as the request says."""


AS_PAINTED = Output()
"""The PNG as the worker makes it."""
