"""What a file says of weights in four bits is believed in nothing that it can't be."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagine.formats.four_bits import FourBitState, state_from, weight_of
from imagine.words.errors import UnusableModel

NAME = "a.weight.quant_state.bitsandbytes__nf4"
HONEST = {"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": [8, 64]}
NESTED = HONEST | {"nested_blocksize": 256, "nested_dtype": "float32", "nested_offset": 0.25}


def read(said, name=NAME):
    return state_from(said if isinstance(said, bytes) else json.dumps(said).encode(), name)


def test_it_says_what_was_written():
    assert read(HONEST) == FourBitState("nf4", 64, (8, 64), "bfloat16")
    assert (read(NESTED).is_nested, read(NESTED).nested_offset, read(NESTED).scale_count) == (True, 0.25, 8)
    assert weight_of(NAME) == "a.weight"
    assert weight_of("a.weight.absmax") is None


@pytest.mark.parametrize(
    "said",
    [
        b"", b"\xff", b"[" * 4000, [], HONEST | {"quant_type": "fp4"}, HONEST | {"quant_type": "af4"},
        HONEST | {"blocksize": 0}, HONEST | {"blocksize": 48}, HONEST | {"shape": []}, HONEST | {"shape": [8, 63]},
        HONEST | {"shape": [8, 0]}, HONEST | {"shape": [-8, -64]}, HONEST | {"shape": [2**40, 2**40]},
        HONEST | {"shape": [64] * 9}, HONEST | {"shape": None}, HONEST | {"rotated": True},
        HONEST | {"nested_blocksize": 256}, HONEST | {"nested_dtype": "float32"},
        NESTED | {"nested_blocksize": 64}, NESTED | {"nested_dtype": "float16"}, NESTED | {"nested_offset": 1e300},
        {key: value for key, value in HONEST.items() if key != "shape"},
    ],
    ids=str,
)  # fmt: skip
def test_what_it_cannot_be_is_refused(said):
    with pytest.raises(UnusableModel, match="not understood"):
        read(said)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8), lambda of: st.lists(of, max_size=3)
)


@given(st.dictionaries(st.sampled_from([*NESTED, "more"]), _JSON), st.booleans())
def test_whatever_it_says_it_is_understood_or_refused(said, mended):
    data = json.dumps({**(NESTED if mended else {}), **said}).encode()
    try:
        state = read(data)
    except UnusableModel:
        return
    assert state.scale_count * state.blocksize == state.elements > 0
    assert abs(state.nested_offset) < 2**64
