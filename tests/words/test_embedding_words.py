"""Where a prompt says an embedding, and where it says something else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagine.words.embedding_words import marked, mentions, number_of

NAMES = ["EasyNegative", "bad-hands-5", "bad-hands", "sks", "sub/ink", "neg v2"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a fox, easynegative", [("easynegative", "EasyNegative", "")]),
        ("(EASYNEGATIVE:1.2), [sks:sks:0.5]", [("EASYNEGATIVE", "EasyNegative", ""), *[("sks", "sks", "")] * 2]),
        ("bad-hands-5, bad-hands", [("bad-hands-5", "bad-hands-5", ""), ("bad-hands", "bad-hands", "")]),
        ("bad-hands-6, a_sks, sks2, x-sks, sks.v2", []),
        ("sks. sks!", [("sks", "sks", "")] * 2),
        ("a neg v2 day", [("neg v2", "neg v2", "")]),
        ("(embedding:sks:1.2)", [("sks", "sks", "embedding:")]),
        ("Embedding:sub\\ink.safetensors.", [("sub/ink.safetensors", "sub/ink", "embedding:")]),
        ("embedding:nobody, word embedding: sks", [("nobody", None, "embedding:"), ("sks", "sks", "")]),
        ("<sks> <neg v2> <b>", [("sks", "sks", "<>"), ("neg v2", "neg v2", "<>"), ("b", None, "<>")]),
        ("1 < 2 > <lora:sks-1:1>", []),
    ],
)
def test_a_prompt_says_them_in_three_ways(text: str, found: list[tuple[str, str | None, str]]) -> None:
    assert [(each.said, each.name, each.by) for each in mentions(text, NAMES)] == found


def test_each_becomes_one_character_that_nothing_else_is() -> None:
    text = marked("(embedding:sks:1.2), Bad-Hands \U000f0002\U000f0000, <x>", ["bad-hands", "sks", "fox"])
    assert text == "(\U000f0001:1.2), \U000f0000 , <x>"
    assert [number_of(character, 2) for character in "a\U000f0000\U000f0001\U000f0002"] == [None, 0, 1, None]


@given(st.text(st.sampled_from("sk<>embedding:-. ()_"), max_size=60))
def test_what_is_marked_is_what_was_found(text: str) -> None:
    names = ["sks", "s-k", "k"]
    known = [each for each in mentions(text, names) if each.name]
    made = marked(text, names)
    assert [names[n] for c in made if (n := number_of(c, 3)) is not None] == [each.name for each in known]
    assert len(text) - len(made) == sum(each.end - each.start - 1 for each in known)
