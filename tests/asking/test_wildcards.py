"""Wildcards become words, chosen by the seed; whatever a prompt or a list says, it ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagine.asking.request import MAX_PROMPT
from imagine.asking.wildcards import MOST_CHOICES, NoLists, expanded, wildcard_in
from imagine.messages import sentences
from imagine.words.errors import BadRequest


class Given:
    """Lists in memory."""

    def __init__(self, lists: Mapping[str, Sequence[str]]) -> None:
        self._lists = lists

    def names(self) -> Sequence[str]:
        return sorted(self._lists)

    def lines(self, name: str) -> Sequence[str]:
        return self._lists[name]


LISTS = Given(
    {
        "colour": ["red", "blue", "0::never"],
        "animals/wild": ["{lone|grey} wolf"],
        "animals/tame": ["__colour__ cat"],
        "blank": [],
        "loop": ["a __loop__ and __loop__"],
        "more": ["{__colour__|__more__ and __colour__}"],
        "nothing": ["0::a"],
    }
)


def words(text: str, seeds: int = 40) -> set[str]:
    """All that it becomes."""
    return {expanded(text, seed, LISTS).text for seed in range(seeds)}


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("a {red|blue} fox", {"a red fox", "a blue fox"}),
        ("{a|{b|c} d|}", {"a", "b d", "c d", ""}),
        ("{0::a|b}", {"b"}),
        ("{ 2.5::a|0::b}", {"a"}),
        ("a __colour__ fox", {"a red fox", "a blue fox"}),
        ("__animals/*__", {"lone wolf", "grey wolf", "red cat", "blue cat"}),
        ("{__colour__|__animals/tame__} hat", {"red hat", "blue hat", "red cat hat", "blue cat hat"}),
        ("{[a|b]|[a|b]}", {"[a|b]"}),
        (r"\{a|b\} {c\|d|c\|d}", {"{a|b} c|d"}),
        ("(a {x|x}:1.2) [b:c:0.5]", {"(a x:1.2) [b:c:0.5]"}),
        ("{word} {a|", {"{word} {a|"}),
        ("fill in: ____ a__b __x", {"fill in: ____ a__b __x"}),
        ("a | b } c", {"a | b } c"}),
    ],
)
def test_each_is_one_of_its_words(text: str, made: set[str]) -> None:
    assert words(text) == made


def test_the_same_seed_chooses_the_same_for_ever() -> None:
    assert expanded("{a|b|c|d} {a|b|c|d} __colour__", 7, LISTS).text == "a c blue"
    assert expanded("{a|b|c|d} {a|b|c|d} __colour__", 7, LISTS, "neg").text == "a b red"


def test_weights_say_how_often() -> None:
    counts = Counter(expanded("{3::a|b}", seed, LISTS).text for seed in range(2000))
    assert 0.7 < counts["a"] / 2000 < 0.8


@pytest.mark.parametrize("text", ["{2$$a|b}", "{1-2$$ and $$a|b}", "${season={spring|fall}}"])
def test_what_chooses_several_or_sets_a_variable_is_left_and_named(text: str) -> None:
    made = expanded(f"a {text} {{x|x}}", 1, LISTS)
    assert made.text == f"a {text} x"
    assert sentences(made.warnings)[0].startswith(f"prompt has '{text}'")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a __color__ fox", "neg names the list 'color', which isn't there; did you mean colour?"),
        ("__../secret__", "neg names the list '../secret', which isn't there"),
        ("__birds/*__", "neg names the list 'birds/*', which isn't there"),
        ("__blank__", "neg names the list 'blank', which is empty"),
        ("__nothing__", "neg has a choice in which nothing can be chosen: all of it weighs 0"),
        ("__loop__", "neg has lists or choices in each other more than 20 deep"),
        ("{a|b}" * (MOST_CHOICES + 1), "neg has more than 1000 choices, with those of its lists"),
        ("x" * MAX_PROMPT + "{a|a}", "neg becomes longer than 32000 characters once its words are chosen"),
    ],
)
def test_what_cannot_be_chosen_is_refused(text: str, why: str) -> None:
    with pytest.raises(BadRequest) as caught:
        expanded(text, 1, LISTS, "neg")
    assert str(caught.value) == why
    assert caught.value.field == "neg"


def test_without_a_folder_no_list_is_there() -> None:
    with pytest.raises(BadRequest, match="the server has no folder of lists"):
        expanded("__colour__", 1, NoLists())


@given(st.text(st.sampled_from("ab{}|\\[]_$:2 "), max_size=60), st.integers(0, 2**64 - 1))
def test_any_text_becomes_one_without_an_end_of_choices(text: str, seed: int) -> None:
    try:
        made = expanded(text, seed, NoLists()).text
    except BadRequest:
        return
    assert len(made) <= len(text)
    assert made == expanded(text, seed, NoLists()).text


@pytest.mark.parametrize(
    ("text", "found"),
    [("a {red|blue} fox", "{red|blue}"), ("a __colour__ fox", "__colour__"), ("{a} __ ____ [a|b]", None)],
)
def test_a_wildcard_is_told(text: str, found: str | None) -> None:
    assert wildcard_in(text) == found
