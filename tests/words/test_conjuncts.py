"""`AND` joins prompts, each with its weight, as AUTOMATIC1111 reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagine.words.conjuncts import MOST, conjuncts
from imagine.words.errors import BadRequest


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a cat", [("a cat", 1)]),
        (" a ratio of 16:9 ", [(" a ratio of 16:9 ", 1)]),
        ("a cat AND a dog", [("a cat", 1), ("a dog", 1)]),
        ("a cat :1.2 AND a dog AND a penguin :2.2", [("a cat", 1.2), ("a dog", 1), ("a penguin", 2.2)]),
        ("a cat:-0.5\nAND\na dog: .5 ", [("a cat", -0.5), ("a dog", 0.5)]),
        ("(a cat:1.2) AND [b:c:0.5]", [("(a cat:1.2)", 1), ("[b:c:0.5]", 1)]),
        ("cats and dogs, ANDES, BRAND", [("cats and dogs, ANDES, BRAND", 1)]),
        ("a AND", [("a", 1), ("", 1)]),
        ("a:b AND c:1e3", [("a:b", 1), ("c:1e3", 1)]),
    ],
)
def test_a_prompt_is_one_or_several(prompt: str, expected: list[tuple[str, float]]) -> None:
    assert list(conjuncts(prompt)) == expected


@pytest.mark.parametrize(
    ("prompt", "why"),
    [
        (" AND ".join("a" * (MOST + 1)), "prompt joins 9 prompts with AND; at most 8 make a picture together"),
        ("a:11 AND b", "prompt gives one of its prompts the weight 11; it can be from -10 to 10"),
    ],
)
def test_what_would_be_too_much_is_refused(prompt: str, why: str) -> None:
    with pytest.raises(BadRequest) as caught:
        conjuncts(prompt)
    assert (str(caught.value), caught.value.field) == (why, "prompt")


@given(st.text(st.sampled_from("AND :.1-\n"), max_size=80))
def test_any_prompt_is_one_or_several_or_refused(prompt: str) -> None:
    try:
        made = conjuncts(prompt)
    except BadRequest:
        return
    assert 1 <= len(made) <= MOST
