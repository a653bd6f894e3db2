"""The prompt syntax: what AUTOMATIC1111's users type means here what it means there."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagine.engine.parts.prompt_syntax import MAX_WEIGHT, Break, Piece, parse
from tests.growth import grows_with_length

SYNTAX = st.text(st.sampled_from("()[]\\:,.10 aBREK-+e\n"), max_size=60)
WORD = st.from_regex(r"[a-z]{1,6}", fullmatch=True)


def weights(text: str) -> list[tuple[str, float]]:
    return [(piece.text, round(piece.weight, 6)) for piece in parse(text).pieces if isinstance(piece, Piece)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("a fox", [("a fox", 1)]),
        ("a (fox)", [("a ", 1), ("fox", 1.1)]),
        ("a ((fox))", [("a ", 1), ("fox", 1.21)]),
        ("[fox]", [("fox", round(1 / 1.1, 6))]),
        ("[[fox]]", [("fox", round(1 / 1.21, 6))]),
        ("(fox:1.3) runs", [("fox", 1.3), (" runs", 1)]),
        ("(fox : 1.3 )", [("fox ", 1.3)]),
        ("(fox:.5)", [("fox", 0.5)]),
        ("(fox:-1)", [("fox", -1)]),
        ("(a (b:2) c)", [("a ", 1.1), ("b", 2.2), (" c", 1.1)]),
        ("(a (b:2) c:3)", [("a ", 3), ("b", 6), (" c", 3)]),
        ("(a:1.0) b", [("a b", 1)]),
        ("[(a)] b", [("a b", 1)]),
        # what the web UI documents in its own examples
        (
            "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
            [
                ("a ", 1),
                ("house", 1.573),
                (" ", 1.1),
                ("on", 1),
                (" a ", 1.1),
                ("hill", 0.55),
                (", sun, ", 1.1),
                ("sky", 1.4641),
                (".", 1.1),
            ],
        ),
        ("(unbalanced", [("unbalanced", 1.1)]),
        ("x (unbalanced [here", [("x ", 1), ("unbalanced ", 1.1), ("here", 1)]),
        ("unbalanced) here]", [("unbalanced) here]", 1)]),
        ("fox:1.3) here", [("fox:1.3) here", 1)]),
        ("(a [b) c]", [("a ", 1.1), ("b", 1), (" c", round(1 / 1.1, 6))]),
        (r"\(literal\] \[brackets\)", [("(literal] [brackets)", 1)]),
        (r"(a\)b:2)", [("a)b", 2)]),
        (r"C:\new \\ folder", [("C:\\new \\ folder", 1)]),
        ("16:9, time: noon", [("16:9, time: noon", 1)]),
        ("(time: noon)", [("time: noon", 1.1)]),
        ("()", []),
    ],
)
def test_weighs_as_the_web_ui_does(text: str, expected: list[tuple[str, float]]) -> None:
    assert weights(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a BREAK b", [Piece("a"), Break(), Piece("b")]),
        ("BREAK", [Break()]),
        ("a\n BREAK \n BREAK b", [Piece("a"), Break(), Break(), Piece("b")]),
        ("(a BREAK b:2) c", [Piece("a", 2), Break(), Piece("b", 2), Piece(" c")]),
        ("a break, BREAKFAST, OUTBREAK", [Piece("a break, BREAKFAST, OUTBREAK")]),
        ("a,BREAK,b", [Piece("a,"), Break(), Piece(",b")]),
    ],
)
def test_break_is_a_word_of_its_own(text: str, expected: list[Piece | Break]) -> None:
    assert parse(text).pieces == expected


@pytest.mark.parametrize(
    ("text", "weight", "names"),
    [
        ("(a:1e9)", MAX_WEIGHT, "1e9"),
        ("(a:-1e9)", -MAX_WEIGHT, "-1e9"),
        ("(a:nan)", 1, "nan"),
        ("(a:-Infinity)", 1, "-Infinity"),
        ("(a:1.2.3)", 1, "1.2.3"),
        ("(a:" + "9" * 5000 + ")", 1, "999"),
        ("((a:9):9)", MAX_WEIGHT, "nested"),
        ("(" * 400 + "a" + ")" * 400, MAX_WEIGHT, "nested"),
    ],
)
def test_names_a_weight_that_cannot_be(text: str, weight: float, names: str) -> None:
    pieces, warnings = parse(text)
    assert pieces == [Piece("a", weight)]
    assert len(warnings) == 1
    assert names in str(warnings[0])
    assert len(str(warnings[0])) < 120


def test_ordinary_prompts_have_no_warnings() -> None:
    assert parse("a (red:1.3) [fox], \\(c\\) (unbalanced").warnings == []


@given(st.one_of(st.text(), SYNTAX))
def test_never_raises_and_weights_are_finite(text: str) -> None:
    pieces, _ = parse(text)
    assert all(
        math.isfinite(p.weight) and abs(p.weight) <= MAX_WEIGHT and p.text for p in pieces if isinstance(p, Piece)
    )
    neighbours = itertools.pairwise(pieces)
    assert not any(isinstance(a, Piece) and isinstance(b, Piece) and a.weight == b.weight for a, b in neighbours)


@given(st.text(st.characters(exclude_characters="()[]\\")).filter(lambda text: "BREAK" not in text))
def test_text_without_syntax_is_unchanged(text: str) -> None:
    assert parse(text).pieces == ([Piece(text)] if text else [])


@given(WORD, st.lists(st.floats(0.2, 1.5).map(lambda x: round(x, 3)), max_size=4), st.integers(0, 4), st.integers(0, 4))
def test_nested_weights_multiply(word: str, factors: list[float], rounds: int, squares: int) -> None:
    text = "(" * rounds + "[" * squares + word + "]" * squares + ")" * rounds
    for factor in factors:
        text = f"({text}:{factor})"
    (piece,) = parse(text).pieces
    assert isinstance(piece, Piece)
    assert piece.weight == pytest.approx(min(math.prod(factors) * 1.1 ** (rounds - squares), MAX_WEIGHT))


@given(st.text(st.characters(codec="utf-8")).filter(lambda text: "BREAK" not in text))
def test_escaping_makes_any_text_literal(text: str) -> None:
    escaped = "".join("\\" + c if c in "()[]\\" else c for c in text)
    assert parse(escaped).pieces == ([Piece(text)] if text else [])


@pytest.mark.parametrize(
    ("opening", "between", "closing"),
    [
        ("(", "", ""), (")", "", ""), ("(", "a", ")"), ("[(", "", ""), ("(a:10", "", ""), ("\\(", "", ""),
        (" ", "", ""), ("", ":", " "), (":", "", ""), ("", ":", "1"), (":.", "", ""), ("(a:2)[b]", "", ""),
        ("BREAK ", "", ""), ("(a:10)", "", ""), ("(", "", ":0)"),
    ],
)  # fmt: skip
def test_hostile_prompts_take_linear_time(opening: str, between: str, closing: str) -> None:
    grows_with_length(parse, lambda count: opening * count + between + closing * count, 1_000)
