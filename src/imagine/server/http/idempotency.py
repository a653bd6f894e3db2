"""`Idempotency-Key`: a client that may not have heard an answer asks again with the same, and is given the same.

As draft-ietf-httpapi-idempotency-key-header-07 has it, which never became a standard; with or without the quotes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ...messages import message
from ...words.errors import BadRequest

HEADER = "Idempotency-Key"
_MOST = 255
_KEY = re.compile(r'"?([\x21\x23-\x5b\x5d-\x7e][\x20\x21\x23-\x5b\x5d-\x7e]*)"?')


def idempotency_key(headers: Mapping[str, str]) -> str | None:
    """The key that a request carries, None for none. Raises BadRequest for what can't be one."""
    said = headers.get(HEADER)
    if said is None:
        return None
    matched = _KEY.fullmatch(said.strip())
    if matched is None or len(said) > _MOST:
        raise BadRequest(message("idempotency.form", HEADER, value=said[:100], most=_MOST))
    return matched[1]
