"""What a model says of how it is to be used, in its metadata and its sidecar; what makes no sense is dropped."""

import json

import pytest

from imagine.registry.prediction import read_sidecar
from imagine.registry.stated import MAX_EXAMPLES, examples_from, metadata_of
from imagine.words.errors import UnusableModel


@pytest.mark.parametrize(
    ("text", "examples"),
    [
        ('{"en": ["a house"], "ru": ["дом"]}', {"en": ["a house"], "ru": ["дом"]}),
        ('["a house", "a tree"]', {"en": ["a house", "a tree"]}),
        ('{"ru": ["дом"], "xx": ["?"]}', {"ru": ["дом"]}),
        ("a house", {}),
        ("{", {}),
        ('{"en": []}', {}),
        ('["a\\u001b[2Jhouse"]', {}),
        ('["' + "x" * 201 + '"]', {}),
        (json.dumps(["a house"] * (MAX_EXAMPLES + 1)), {}),
        ('[["a house"]]', {}),
    ],
)
def test_examples_in_metadata(text, examples):
    assert examples_from({"imagine.examples": text}) == examples


def test_nothing_is_said_where_nothing_is():
    assert examples_from({}) == {}
    assert metadata_of("", {}) == {}


def test_a_sidecar_says_the_same(tmp_path):
    sidecar = tmp_path / "toy.yaml"
    sidecar.write_text("upscaler: sharp\nexamples:\n  en: [a house]\n  ru: [дом]\n")
    read = read_sidecar(sidecar)
    assert metadata_of(read.upscaler, read.examples) == {
        "imagine.upscaler": "sharp", "imagine.examples": '{"en":["a house"],"ru":["дом"]}'
    }  # fmt: skip
    assert read.prediction is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("examples: a house", "must be a list of at most 12 prompts"),
        ("examples: {en: []}", "must be a list"),
        ("examples: [1]", "must be a list"),
        ("upscaler: [a, b]", "upscaler"),
        ("upscalers: sharp", "upscalers"),
    ],
)
def test_a_sidecar_that_cannot_be_meant_is_refused(tmp_path, text, why):
    sidecar = tmp_path / "toy.yaml"
    sidecar.write_text(text)
    with pytest.raises(UnusableModel, match=why):
        read_sidecar(sidecar)
