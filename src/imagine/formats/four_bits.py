"""What bitsandbytes says of a layer's weights that it keeps in four bits, in JSON in bytes beside them.

`<weight>.quant_state.bitsandbytes__nf4` (or `__fp4`) has their true shape and how many of them share a scale:
`<weight>.absmax`, in float32, or in eight bits with scales of its own, `nested_absmax`, and an offset.
https://github.com/bitsandbytes-foundation/bitsandbytes, `functional.py`, `QuantState.as_dict` (MIT, for the format).
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import msgspec

from ..messages import message
from ..words.errors import UnusableModel

STATES = {".quant_state.bitsandbytes__nf4": "nf4", ".quant_state.bitsandbytes__fp4": "fp4"}
"""What the name of such a tensor ends in, behind its weight's, and the kind that it means."""
SCALES, NESTED_SCALES = ".absmax", ".nested_absmax"
TABLE, NESTED_TABLE = ".quant_map", ".nested_quant_map"
BESIDE = (SCALES, NESTED_SCALES, TABLE, NESTED_TABLE)
"""Ends of the names of what goes with it."""
WIDTHS = {"NF4": 4, "FP4": 4, "SCALES": 32}
"""Bits of an element of what such a file has, by what its tensors are called here where a header is told."""
MOST_BYTES = 4096
"""Of one state."""
NESTED = 256
"""Scales in eight bits that share one."""
_MOST_ELEMENTS = 2**40


class FourBitState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a layer's weights are stored. What nobody here knows may be what makes them noise: it is refused."""

    quant_type: Literal["nf4", "fp4"]
    blocksize: Literal[64, 128, 256, 512, 1024, 2048, 4096]
    """Weights that share a scale."""
    shape: Annotated[
        tuple[Annotated[int, msgspec.Meta(ge=1, le=_MOST_ELEMENTS)], ...], msgspec.Meta(min_length=1, max_length=8)
    ]
    dtype: str = ""
    nested_blocksize: Literal[256] | None = None
    nested_dtype: Literal["float32"] | None = None
    nested_offset: float = 0.0

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def scale_count(self) -> int:
        """Of its blocks."""
        return self.elements // self.blocksize

    @property
    def is_nested(self) -> bool:
        """Are its scales in eight bits?"""
        return self.nested_blocksize is not None


def weight_of(name: str) -> str | None:
    """Of which weight a tensor of that name is the state."""
    return next((name.removesuffix(end) for end in STATES if name.endswith(end)), None)


def state_from(data: bytes, name: str) -> FourBitState:
    """The state in the tensor of that name. Raises UnusableModel for one that isn't understood, that contradicts its
    name, or that no numbers are made of here."""
    try:
        state = msgspec.json.decode(data, type=FourBitState)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnusableModel(message("weights.not_understood", name=name)) from error
    told = next((kind for end, kind in STATES.items() if name.endswith(end)), "")
    whole = state.elements <= _MOST_ELEMENTS and not state.elements % state.blocksize
    whole = whole and state.is_nested == (state.nested_dtype is not None)
    if state.quant_type != told or not whole or not abs(state.nested_offset) < 2**64:
        raise UnusableModel(message("weights.not_understood", name=name))
    return state
