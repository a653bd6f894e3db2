"""Pieces of a prompt whose meaning is compared, however it is written."""

import pytest

from imagine.moderation.clauses import MOST, pieces_of
from imagine.moderation.letters import readings_of
from imagine.moderation.normalise import reading_of
from tests.growth import grows_with_length


@pytest.mark.parametrize("part", ["a1", "a@", "wі", "\u0315\u0316", "a1 "], ids=repr)
@pytest.mark.parametrize("work", [pieces_of, reading_of])
def test_the_work_grows_with_the_length_whatever_is_written(work, part):
    grows_with_length(work, lambda count: "a " + part * count, 1_000)


def test_a_long_prompt_is_cut_into_short_pieces_of_which_none_is_left_out():
    many = [f"w{chr(97 + at % 26)}-{chr(97 + at // 26 % 26)}-{chr(97 + at // 676)}" for at in range(1800)]
    words = many[:600]
    for between in (" ", ", "):
        pieces = pieces_of(between.join([*words, "z" * 300]))
        assert {word for piece in pieces[1:] for word in piece.replace(",", "").split()} >= set(words)
        assert max(map(len, pieces[1:])) <= 160
        assert len(pieces) <= MOST
    assert len(pieces_of(" ".join(many))) > MOST


def test_a_word_longer_than_any_is_not_read_letter_by_letter():
    assert len(readings_of("a1" * 8)) > 1
    assert readings_of("a1" * 40) == {"a1" * 40}
