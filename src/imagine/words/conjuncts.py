"""`AND`: a prompt that is several, each with its weight, and its picture that of all of them.

Liu et al. 2022, "Compositional Visual Generation with Composable Diffusion Models" (arXiv:2206.01714), as AUTOMATIC1111
writes it: `a cat :1.2 AND a dog`
(https://github.com/AUTOMATIC1111/stable-diffusion-webui/wiki/Features#composable-diffusion). `AND` counts in capitals
and as a word of its own, wherever it stands; a weight behind a prompt only where there are several.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..messages import message
from .errors import BadRequest

MOST = 8
"""Each is a row more of every step."""
MAX_WEIGHT = 10.0
_AND = re.compile(r"\bAND\b")
_NUMBER = re.compile(r"\s*([-+]?(?:\d{1,9}\.?|\d{0,9}\.\d{1,9}))\s*", re.ASCII)


class Conjunct(NamedTuple):
    """One of a prompt's prompts."""

    text: str
    weight: float = 1.0


def conjuncts(prompt: str) -> tuple[Conjunct, ...]:
    """What a prompt consists of: itself, where nothing is joined. Raises BadRequest on `prompt`."""
    texts = _AND.split(prompt)
    if len(texts) == 1:
        return (Conjunct(prompt),)
    if len(texts) > MOST:
        raise BadRequest(message("prompt.conjuncts", "prompt", count=len(texts), most=MOST))
    return tuple(_weighed(text) for text in texts)


def _weighed(text: str) -> Conjunct:
    head, colon, tail = text.rpartition(":")
    if not colon or not (match := _NUMBER.fullmatch(tail)):
        return Conjunct(text.strip())
    if abs(weight := float(match[1])) > MAX_WEIGHT:
        raise BadRequest(message("prompt.conjunct_weight", "prompt", value=match[1], most=MAX_WEIGHT))
    return Conjunct(head.strip(), weight)
