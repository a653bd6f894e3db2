"""The words that a LoRA was taught by, out of what trainers write."""

import json

import pytest

from imagine.registry.registry import Registry
from imagine.registry.triggers import MOST, triggers_in
from tests.registry import declared

FREQUENCY = {"10_ink sketch": {"inksketch": 20, "a fox": 11, "snow": 9, "1girl": 20}, "5_more": {"inksketch": 4}}
SIZES = {"10_ink sketch": {"n_repeats": 10, "img_count": 20}, "5_more": {"n_repeats": 5, "img_count": 4}}


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({}, ()),
        ({"modelspec.trigger_phrase": "inksketch,  a  fox ,,inksketch"}, ("inksketch", "a fox")),
        ({"modelspec.trigger_phrase": "ink", "ss_tag_frequency": json.dumps(FREQUENCY)}, ("ink",)),
        (
            {"ss_tag_frequency": json.dumps(FREQUENCY), "ss_dataset_dirs": json.dumps(SIZES)},
            ("inksketch", "1girl", "a fox"),
        ),
        ({"ss_tag_frequency": json.dumps({"x": {"a": 4, "b": 1}})}, ("a",)),
        ({"ss_tag_frequency": json.dumps({"1_ohwx": {"1_ohwx": 1}})}, ("ohwx",)),
        ({"ss_dataset_dirs": json.dumps({"10_ohwx man": {"img_count": 12}, "reg": {"img_count": 1}})}, ("ohwx man",)),
        ({"modelspec.trigger_phrase": "red\u001b[31m\n"}, ("red\ufffd[31m",)),
        ({"modelspec.trigger_phrase": "x" * 101}, ()),
        ({"modelspec.trigger_phrase": ",".join(map(str, range(99)))}, tuple(map(str, range(MOST)))),
        ({"ss_tag_frequency": "{" * 9999}, ()),
        ({"ss_tag_frequency": '{"a": [1], "b": {"c": "d", "e": true, "f": -1}}'}, ()),
        ({"ss_tag_frequency": "[1]", "ss_dataset_dirs": "null"}, ()),
    ],
)  # fmt: skip
def test_words_are_stated_or_stand_in_most_captions(metadata, words):
    assert triggers_in(metadata) == words


def test_they_are_listed_though_tables_of_captions_are_not_kept(tmp_path):
    """And what other programs know it by, where its trainer wrote that down."""
    many = {f"word {number}": 1 for number in range(2000)}
    metadata = {
        "ss_tag_frequency": json.dumps({"10_ink": {"inksketch": 20} | many}),
        "sshs_model_hash": "ab" * 32,
        "ss_output_name": "Ink_Sketch_V2",
    }
    declared.write(tmp_path / "ink.safetensors", declared.kohya_lora(), metadata=metadata)
    registry = Registry([tmp_path])
    registry.refresh()
    entry = registry.find("ink", "lora")
    assert (entry.triggers, entry.autov3) == (("inksketch",), "ab" * 32)
    assert "ss_tag_frequency" not in entry.metadata
    assert registry.of_digest("ab" * 6)[0].name == "ink"
    for name in ("ink_sketch_v2", f"{tmp_path.name}/ink", f"{tmp_path.name}\\INK.safetensors"):
        assert registry.find_alike(name, "lora").name == "ink", name


def test_shipped_files_of_every_kind_are_there_unless_one_has_their_name_and_kind(tmp_path):
    shipped, own = tmp_path / "shipped", tmp_path / "own"
    files = [shipped / "loras" / f"{name}.safetensors" for name in ("ink", "pen")]
    for path in (*files, own / "ink.safetensors"):
        declared.write(path, declared.kohya_lora(), metadata={"about": path.parent.name})
    declared.write(own / "pen.safetensors", declared.tiny())
    registry = Registry([own], shipped=files)
    registry.refresh()
    assert [(entry.name, entry.kind, entry.shipped) for entry in registry.files()] == [
        ("pen", "checkpoint", False), ("ink", "lora", False), ("pen", "lora", True),
    ]  # fmt: skip
