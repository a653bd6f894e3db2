"""What can be asked of `/tokens`, declared once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from ..messages import Message
from .checking import checked
from .names import ModelName
from .request import MAX_PROMPT, unknown_fields

CountedText = Annotated[str, Meta(max_length=MAX_PROMPT)]


class TokensRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was asked, as it was asked; None is not said."""

    prompt: Annotated[CountedText, Meta(description="The prompt, as /generate takes it.")]
    neg: Annotated[CountedText | None, Meta(description="The negative prompt.")] = None
    model: Annotated[ModelName | None, Meta(description="What would read them; if not said, as in /generate.")] = None
    preset: Annotated[ModelName | None, Meta(description="The style whose words stand around the prompt.")] = None


def parse_tokens(body: Mapping[str, object]) -> tuple[TokensRequest, list[Message]]:
    """The request that a body makes, and a warning for what it says beside. Raises BadRequest on a field."""
    request, unknown = checked(body, TokensRequest)
    return request, [unknown_fields(unknown)] if unknown else []
