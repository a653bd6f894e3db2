"""Prompt editing: what a prompt is at which step, as AUTOMATIC1111's documentation says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagine.engine.parts.prompt_schedule import MOST_TEXTS, edits, texts_by_step
from imagine.words.errors import BadRequest
from tests.growth import grows_with_length


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a fox", [(4, "a fox")]),
        ("a [fox]", [(4, "a [fox]")]),
        ("a [red:blue:2] fox", [(2, "a red fox"), (4, "a blue fox")]),
        ("a [red:blue:0.75] fox", [(3, "a red fox"), (4, "a blue fox")]),
        ("a [red:1] fox", [(1, "a  fox"), (4, "a red fox")]),
        ("a [red::1] fox", [(1, "a red fox"), (4, "a  fox")]),
        ("a [red:blue:0] fox", [(4, "a blue fox")]),
        ("a [red:blue:99] fox", [(4, "a red fox")]),
        ("a [cat|dog]", [(1, "a cat"), (2, "a dog"), (3, "a cat"), (4, "a dog")]),
        ("a [cat|dog|]", [(1, "a cat"), (2, "a dog"), (3, "a "), (4, "a cat")]),
        ("[a:[b|c]:2]", [(2, "a"), (3, "b"), (4, "c")]),
        ("[(a:1.2):b:2]", [(2, "(a:1.2)"), (4, "b")]),
        ("([a:b:2]:1.3)", [(2, "(a:1.3)"), (4, "(b:1.3)")]),
        ("[a:b:c]", [(4, "[a:b:c]")]),
        ("[a:b:c:2]", [(4, "[a:b:c:2]")]),
        (r"\[a:b:2]", [(4, r"\[a:b:2]")]),
        ("[a:b:2", [(4, "[a:b:2")]),
        ("a:b:2]", [(4, "a:b:2]")]),
        ("[x [a:b:2]", [(2, "[x a"), (4, "[x b")]),
    ],
)
def test_a_prompt_changes_as_it_says(prompt: str, expected: list[tuple[int, str]]) -> None:
    assert texts_by_step(prompt, 4) == expected
    assert edits(prompt) == (expected != [(4, prompt)])


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("[a:b:0.5]", [(4, "b")]),
        ("[a:b:1.5]", [(2, "a"), (4, "b")]),
        ("[a:b:8]", [(4, "b")]),
        ("[a:b:11]", [(1, "a"), (4, "b")]),
        ("[a|b]", [(1, "a"), (2, "b"), (3, "a"), (4, "b")]),
    ],
)
def test_a_second_pass_goes_on_where_the_first_ended(prompt: str, expected: list[tuple[int, str]]) -> None:
    assert texts_by_step(prompt, 4, before=10) == expected


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a [b:3]", [(3, "a "), (10, "a b")]),
        ("a [b: 3]", [(3, "a "), (10, "a b")]),
        ("a [[[b]]:2]", [(2, "a "), (10, "a [[b]]")]),
        ("[(a:2):3]", [(3, ""), (10, "(a:2)")]),
        ("a [b : c : 1] d", [(1, "a b  d"), (10, "a  c  d")]),
        ("a[b:[c:d:2]:1]e", [(1, "abe"), (2, "ace"), (10, "ade")]),
        ("a [b:.5] c", [(5, "a  c"), (10, "a b c")]),
        ("((a][:b:c [d:3]", [(3, "((a][:b:c "), (10, "((a][:b:c d")]),
        ("[fe|||]male", [(1, "female"), (4, "male"), (5, "female"), (8, "male"), (9, "female"), (10, "male")]),
        (r"[a\:b:c:3]", [(3, r"a\:b"), (10, "c")]),
    ],
)
def test_it_is_as_automatic1111_tests_itself(prompt: str, expected: list[tuple[int, str]]) -> None:
    """https://github.com/AUTOMATIC1111/stable-diffusion-webui/blob/v1.10.1/modules/prompt_parser.py, but for neighbours
    of one text, which are one here."""
    assert texts_by_step(prompt, 10) == expected


def test_too_many_different_texts_are_refused_by_the_field() -> None:
    prompt = "[" + "|".join(map(str, range(MOST_TEXTS + 1))) + "]"
    assert len(texts_by_step(prompt, MOST_TEXTS)) == MOST_TEXTS
    with pytest.raises(BadRequest) as refused:
        texts_by_step(prompt, MOST_TEXTS + 1, "neg")
    assert refused.value.field == "neg"


@given(st.text(st.sampled_from("[]()|:\\ ab12."), max_size=60), st.integers(0, 9))
def test_every_prompt_has_a_text_at_every_step(prompt: str, steps: int) -> None:
    texts = texts_by_step(prompt, steps)
    ends = [end for end, _ in texts]
    assert ends == sorted(set(ends))
    assert ends[-1] == steps or (not steps and ends == [1])
    if not edits(prompt):
        assert texts == [(steps, prompt)]


@pytest.mark.parametrize("part", ["[", "[a|", "[a:b:1]", "[[a|b]|c]"])
def test_hostile_prompts_take_linear_time(part: str) -> None:
    grows_with_length(lambda text: texts_by_step(text, 4), lambda count: part * count, 1_000)
