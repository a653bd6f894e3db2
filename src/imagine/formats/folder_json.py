"""The JSON files of a diffusers folder, as Python's json writes them: with numbers that JSON has none of."""

from __future__ import annotations

import math
from typing import Any

import msgspec


def json_object(raw: bytes) -> dict[str, Any]:
    """The object that is written there. `Infinity`, `-Infinity` and `NaN`, as the settings of schedulers have them, are
    None, as what isn't said is: nothing of ours computes with them. Raises ValueError where there is no object.

    >>> json_object(b'{"lambda_min_clipped": -Infinity, "solver_order": 2}')
    {'lambda_min_clipped': None, 'solver_order': 2}
    """
    try:
        try:
            return msgspec.json.decode(raw, type=dict[str, Any])
        except msgspec.DecodeError:  # which is rare, and this reader the quicker by far; a list of models has no other
            import json

            read = json.loads(raw, parse_constant=lambda _: None, parse_float=_finite)
    except RecursionError as error:
        raise ValueError("it is too deep") from error
    if not isinstance(read, dict):
        raise ValueError("it is no object")  # noqa: TRY004 - what a file says, and nothing that a caller did
    return read


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is no number that can be computed with")
    return number


def is_component(entry: object) -> bool:
    """Is this value of a `model_index.json` a component, [library, class]? Settings of the pipeline stand beside them,
    among which lists of numbers are (Krea 2's `text_encoder_select_layers`)."""
    numbers = isinstance(entry, list) and entry and all(isinstance(each, (int, float)) for each in entry)
    return isinstance(entry, list) and not numbers
