"""LoRAs in AUTOMATIC1111's text: written as it writes them, and read as it reads them."""

import pytest

from imagine.messages import sentences
from imagine.pictures.foreign.infotext import infotext_from_meta, meta_from_infotext

META = {
    "prompt": "a fox", "num_steps": 20, "sampler": "euler", "schedule": "default", "guidance": 7.0, "seed": "1",
    "width": 512, "height": 512, "model": "m",
}  # fmt: skip
LORAS = [
    {"name": "ink v2", "weight": 0.8, "digest": "d" * 64, "autov3": "0123456789ab"},
    {"name": "pen", "weight": 0.5, "clip_weight": 1.0, "autov3": "ba9876543210"},
    {"name": "nib", "weight": -1.0, "digest": "e" * 64},
]


def test_what_is_written_is_read_again():
    text = infotext_from_meta(META | {"loras": LORAS})
    assert text.splitlines()[0] == "a fox <lora:ink v2:0.8> <lora:pen:1:0.5> <lora:nib:-1>"
    assert 'Lora hashes: "ink v2: 0123456789ab, pen: ba9876543210"' in text
    meta, warnings = meta_from_infotext(text)
    assert warnings == []
    assert meta["prompt"] == "a fox"
    assert meta["loras"] == [{key: lora[key] for key in lora if key != "digest"} for lora in LORAS]


def test_a_recipe_without_any_says_nothing_of_them():
    text = infotext_from_meta(META)
    assert "ora" not in text
    assert "loras" not in meta_from_infotext(text)[0]


@pytest.mark.parametrize("loras", [None, 5, [5], [{"weight": 1.0}], {"ink": 1}])
def test_what_is_no_list_of_them_is_left_out(loras):
    assert infotext_from_meta(META | {"loras": loras}) == infotext_from_meta(META)


def test_what_a_tag_says_and_means_nothing_here_is_named():
    meta, warnings = meta_from_infotext("a <lora:ink:1:lbw=OUTD> <lora:pen:x>\nSteps: 20, Sampler: Euler, Seed: 1")
    assert [lora["name"] for lora in meta["loras"]] == ["ink", "pen"]
    assert sentences(warnings) == [
        "prompt weighs LoRA 'ink' in a way that has no effect here: lbw=OUTD",
        "prompt weighs LoRA 'pen' in a way that has no effect here: x",
    ]
