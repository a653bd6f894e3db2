"""Style presets: their shapes, what they add to a request, and that what the request says wins."""

import pytest

from imagine.asking.presets import Preset, expanded, presets_from
from imagine.asking.request import GenerateRequest, parse
from imagine.words.errors import BadRequest

WATERCOLOR = {
    "prompt_suffix": "watercolor style, soft colors",
    "negative_prompt": "photo, harsh lines",
    "cfg_scale": 8.5,
    "steps": 40,
}
FIRST_SHAPE = {"cartoon_styles": {"watercolor_family": WATERCOLOR}}
SECOND_SHAPE = {
    "image_generation": {
        "default_negative_prompt": "ugly",
        "ref_image_max_size": 1024,
        "cartoon_presets": [{"name": "disney_style", "prompt_suffix": ", disney style"}],
    }
}


def one(value):
    (preset,) = presets_from(value)
    return preset


@pytest.mark.parametrize(
    "value",
    [
        FIRST_SHAPE, {"presets": {"watercolor_family": WATERCOLOR}}, {"watercolor_family": WATERCOLOR},
        [{"name": "watercolor_family", **WATERCOLOR}], {"styles": [{"name": " watercolor_family ", **WATERCOLOR}]},
        {"image_generation": {"cartoon_styles": {"watercolor_family": WATERCOLOR}}},
        {"x": {"prompt-suffix": WATERCOLOR["prompt_suffix"], "neg": "photo, harsh lines", "cfg": 8.5, "num_steps": 40}},
    ],
)  # fmt: skip
def test_every_shape_is_read(value):
    preset = one(value)
    assert (preset.prompt_suffix, preset.neg) == (WATERCOLOR["prompt_suffix"], "photo, harsh lines")
    assert (preset.guidance, preset.num_steps) == (8.5, 40)
    assert preset.name in ("watercolor_family", "x")


def test_the_shape_with_a_list_is_read():
    assert one(SECOND_SHAPE) == Preset(name="disney_style", prompt_suffix=", disney style")


def test_text_alone_is_a_suffix():
    assert one({"cartoon_presets": {"anime": "anime style"}}) == Preset(name="anime", prompt_suffix="anime style")


def test_several_containers_of_one_file_are_all_read():
    assert [preset.name for preset in presets_from({**FIRST_SHAPE, **SECOND_SHAPE})] == [
        "watercolor_family", "disney_style",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("prefix", "prompt", "suffix", "whole"),
    [
        ("", "a fox", "watercolor style", "a fox, watercolor style"),
        ("", "a fox", ", watercolor style", "a fox, watercolor style"),
        ("", "a fox", " in watercolor", "a fox in watercolor"),
        ("", "A fox.", "Watercolor.", "A fox. Watercolor."),
        ("", "a fox,", "watercolor", "a fox, watercolor"),
        ("painting of", "a fox", "", "painting of a fox"),
        ("painting of ", "a fox", "soft", "painting of a fox, soft"),
        ("", "a fox", "", "a fox"),
    ],
)
def test_words_are_joined_as_one_would_write_them(prefix, prompt, suffix, whole):
    preset = Preset(name="x", prompt_prefix=prefix, prompt_suffix=suffix)
    assert expanded(GenerateRequest(prompt=prompt), preset).prompt == whole


@pytest.mark.parametrize(
    ("template", "whole"),
    [("film still {prompt} . moody", "film still a fox . moody"), ("{prompt}, 8k", "a fox, 8k"), ("8k", "a fox, 8k")],
)
def test_a_template_stands_around_the_prompt(template, whole):
    assert expanded(GenerateRequest(prompt="a fox"), one({"x": {"prompt": template}})).prompt == whole


FULL = {
    "x": {
        "negative_prompt": "n", "cfg_scale": 3, "steps": 9, "sampler": "Euler a Karras", "size": "768 x 512",
        "model": "owl",
    }
}  # fmt: skip


def made(**said):
    return expanded(parse({"prompt": "p", "preset": "x"} | said).request, one(FULL))


def test_what_is_not_said_comes_from_the_preset():
    assert made() == GenerateRequest(
        prompt="p", neg="n", guidance=3.0, num_steps=9, sampler="euler a", schedule="karras", width=768, height=512,
        model="owl",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("said", "value"),
    [("neg", ""), ("neg", "mine"), ("guidance", 0.0), ("num_steps", 1), ("model", "fox"), ("schedule", "exponential")],
)
def test_what_is_said_wins(said, value):
    assert getattr(made(**{said: value}), said) == value


def test_a_schedule_stays_with_its_sampler():
    assert (made(sampler="heun").sampler, made(sampler="heun").schedule) == ("heun", None)
    assert (made(schedule="exponential").sampler, made(schedule="exponential").schedule) == ("euler a", "exponential")


@pytest.mark.parametrize("said", [{"width": 64}, {"height": 64}, {"img": "AAAA"}])
def test_a_size_is_only_for_who_brings_none(said):
    request = made(**said)
    assert (request.width, request.height) == (said.get("width"), said.get("height"))


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"x": {"steps": 0}}, "in preset 'x', steps is 0; it must be a whole number from 1 to 150"),
        ({"x": {"cfg_scale": "7"}}, "in preset 'x', cfg_scale is '7'; it must be a number from 0 to 30"),
        ({"x": {"size": "big"}}, "in preset 'x', size is 'big'; it must be text such as 768x512"),
        ({"x": {"size": "16x16"}}, "in preset 'x', width is 16"),
        ({"x": {"sampler": "magic"}}, "in preset 'x', sampler 'magic' doesn't exist"),
        ({"x": {"prompt": 3}}, "in preset 'x', prompt is 3"),
        ({"x": {"steps": 3, "num_steps": 4}}, "in preset 'x', steps is 3 and num_steps is 4"),
        ({"x": 3}, "preset 'x' is 3; it must be a mapping, or text"),
        ({3: {}}, "a preset's name is 3"),
        ([{"prompt_suffix": "x"}], "a preset's name is null"),
        (["x"], "a preset's name is null"),
        ("x", "the presets are 'x'"),
        ({"presets": 3}, "the presets are 3"),
        ({"x" * 201: {}}, "name is"),
    ],
)
def test_what_can_not_be_used_is_told(value, sentence):
    with pytest.raises(BadRequest) as caught:
        presets_from(value)
    assert sentence in str(caught.value)


def test_what_a_preset_does_not_know_is_told(caplog):
    assert one({"x": {"prompt_suffix": "s", "colour": "red"}}) == Preset(name="x", prompt_suffix="s")
    assert "preset 'x': unknown and left out: 'colour'" in caplog.text
