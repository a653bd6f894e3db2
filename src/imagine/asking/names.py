"""How a request names the files of models, and what a recipe knows them by."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from ..messages import message

MOST_EMBEDDINGS = 32
"""Of one picture."""
MAX_NAME = 1000
"""Characters of the name of a model's file, which may have folders in front."""
_DIGEST_PATTERN = r"^[0-9a-f]{10,64}$(?!\n)"
# Python's $ also matches before a last line's end, which the lookahead refuses; a schema's readers know no \\Z.

ModelName = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
Digest = Annotated[str, Meta(pattern=_DIGEST_PATTERN, extra={"allowed": message("allowed.digest")})]
