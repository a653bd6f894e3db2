"""The declaration of a request: what is taken, what is refused and in which words, and its schema."""

import subprocess
import sys
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect

from imagine.asking.checking import allowed
from imagine.asking.controls import ControlWish
from imagine.asking.duration import seconds_from_duration
from imagine.asking.loras import LoraWish
from imagine.asking.model_choice import choose_model, default_model
from imagine.asking.preprocess import PreprocessRequest
from imagine.asking.presets import Preset
from imagine.asking.references import ReferenceWish, VariationsWish
from imagine.asking.request import ALIASES, GenerateRequest, Margins, PartDigests, SamplerWish, SecondPass, parse
from imagine.asking.upscale import UpscaleRequest
from imagine.messages import field_of, sentences
from imagine.server.openai.fields import Fields
from imagine.words.entry import Entry
from imagine.words.errors import BadRequest, ImagineError, ModelNotFound
from imagine.words.recipe import MAX_SEED, PlanSummary

FIELDS = GenerateRequest.__struct_fields__


def request(**said: object) -> GenerateRequest:
    parsed = parse({"prompt": "a fox", **said})
    assert parsed.warnings == []
    return parsed.request


def refusal(**said: object) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        parse({"prompt": "a fox", **said})
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 250, message
    return caught.value


def test_what_is_not_said_is_none_and_only_the_prompt_must_be():
    assert request() == GenerateRequest(prompt="a fox")
    assert {getattr(request(), name) for name in FIELDS if name != "prompt"} == {None}
    assert request(width=None, hires=None, seed=None) == request()
    for body in ({}, {"prompt": None}):
        with pytest.raises(BadRequest, match="prompt is missing; it must be text") as caught:
            parse(body)
        assert caught.value.field == "prompt"


def test_previews_are_as_many_as_are_said_or_as_is_usual():
    assert [request(stream=said).stream for said in (True, False, 1, 0)] == [5, 0, 1, 0]


def test_every_field_is_taken_as_it_is_declared():
    said = {
        "prompt": "a fox", "model": "m", "width": 64, "height": 2048, "num_steps": 150, "guidance": 0.5,
        "true_cfg": 1.5, "distilled_cfg_scale": 3.5,
        "sampler": "euler", "schedule": "karras", "seed": 5, "neg": "", "clip": 12, "vae": "v", "img": "aGk=",
        "strength": 1.0, "mask": "aGk=", "extend": Margins(left=8), "resize": "fit", "fit": "scale", "mask_padding": 32,
        "hires": SecondPass(scale=1.5, strength=0.4, steps=10, upscaler="latent"), "count": 16, "preset": "p",
        "stream": 5, "preview": "vae", "progress": True, "keep_alive": "5m", "reproducible": True, "buckets": "1x25",
        "refiner": "r", "refiner_at": 0.5, "digest": "0123456789", "text_encoders": ("l", "g"),
        "parts": PartDigests(vae="0123456789"), "wildcards": True, "template": "{a|b}", "neg_template": "{c|d}",
        "loras": (LoraWish(name="ink", weight=0.5, clip_weight=-4.0), "pen"), "embeddings": {"ink": "0123456789"},
        "control": (ControlWish(model="canny", image="aGk=", strength=2.0, end=0.5),), "subseed": 7,
        "subseed_strength": 0.5, "references": (ReferenceWish(img="aGk=", kind="style", box=(0.0, 0.0, 0.5, 1.0)),),
        "variations": VariationsWish(strength=0.3), "moderation": "strict",
        "assist": "require", "description": "a dog", "assisted": PlanSummary(wish="a cat", keep=("the lawn",)),
        "watermark": True, "noise": "a1111-cpu", "tiling": True, "seed_width": 64, "seed_height": 2048,
        "sampler_options": SamplerWish(eta=0.5, s_churn=3.0, s_tmin=0.5, s_tmax=9.0, s_noise=1.1), "mask_fill": "noise",
        "environment": {"device": "cpu", "threads": "2"},
    }  # fmt: skip
    assert set(said) == set(FIELDS)
    parsed = parse(msgspec.to_builtins(said))
    assert parsed.request == GenerateRequest(**said)
    assert parsed.warnings == []
    assert msgspec.json.decode(msgspec.json.encode(parsed.request), type=GenerateRequest) == parsed.request


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("text_encoders", [], "text_encoders is an empty list; it must be a file's name, or a list of 1 to 4 names"),
        (
            "loras",
            {"": 1},
            "loras is an object; it must be a list of at most 8 names, or of objects with name and weight, or an "
            "object of names and weights from -4 to 4",
        ),
        ("num_steps", 151, "num_steps is 151; it must be a whole number from 1 to 150"),
        ("num_steps", 0, "num_steps is 0; it must be a whole number from 1 to 150"),
        ("num_steps", "25", "num_steps is '25'; it must be a whole number from 1 to 150"),
        ("num_steps", True, "num_steps is true; it must be a whole number from 1 to 150"),
        ("num_steps", 2.5, "num_steps is 2.5; it must be a whole number from 1 to 150"),
        (
            "loras",
            ["ink"] * 9,
            "loras is a list of 9 entries; it must be a list of at most 8 names, or of objects with name and weight, "
            "or an object of names and weights from -4 to 4",
        ),
        ("num_steps", [25], "num_steps is a list; it must be a whole number from 1 to 150"),
        (
            "num_steps",
            10**4000,
            "num_steps is a number of more than 40 digits; it must be a whole number from 1 to 150",
        ),
        ("width", 63, "width is 63; it must be a whole number from 64 to 2048"),
        ("height", 2049, "height is 2049; it must be a whole number from 64 to 2048"),
        ("guidance", 30.1, "guidance is 30.1; it must be a number from 0 to 30"),
        ("guidance", float("nan"), "guidance is nan; it must be a number from 0 to 30"),
        ("guidance", float("inf"), "guidance is inf; it must be a number from 0 to 30"),
        ("strength", -0.1, "strength is -0.1; it must be a number from 0 to 1"),
        ("strength", False, "strength is false; it must be a number from 0 to 1"),
        ("clip", 13, "clip is 13; it must be a whole number from 1 to 12"),
        ("count", 17, "count is 17; it must be a whole number from 1 to 16"),
        (
            "hires",
            4.5,
            "hires is 4.5; it must be a number from 1 to 4, or an object of scale, strength, steps, upscaler, "
            "prompt, neg, guidance, sampler, schedule",
        ),
        ("stream", -1, "stream is -1; it must be true or false, or a whole number from 0 to 1000"),
        ("resize", "squash", "resize is 'squash'; it must be one of: crop, fit, stretch"),
        ("fit", 1, "fit is 1; it must be one of: native, scale"),
        ("progress", 1, "progress is 1; it must be true or false"),
        ("prompt", 5, "prompt is 5; it must be text of at most 32000 characters"),
        ("img", {}, "img is an object; it must be text"),
        (
            "extend",
            -1,
            "extend is -1; it must be a whole number from 0 to 1984, or an object of left, top, right, bottom",
        ),
        ("buckets", "1x12;4x13", "buckets is '1x12;4x13'; it must be text such as \"1x12,4/8x13\""),
        ("buckets", "1x12\n", "buckets is '1x12\\n'; it must be text such as \"1x12,4/8x13\""),
        ("model", "", "model is ''; it must be text of 1 to 1000 characters"),
    ],
)
def test_a_refusal_names_the_field_the_value_and_what_is_allowed(field, value, sentence):
    caught = refusal(**{field: value})
    assert str(caught) == sentence
    assert caught.field == field


@pytest.mark.parametrize(
    ("said", "field", "sentence"),
    [
        ({"hires": {"scale": 5}}, "hires.scale", "hires.scale is 5; it must be a number from 1 to 4"),
        ({"hires": {}}, "hires.scale", "hires.scale is missing; it must be a number from 1 to 4"),
        ({"hires": {"scale": 2, "steps": "9"}}, "hires.steps", "hires.steps is '9'; it must be a whole number from 0"),
        (
            {"text_encoders": ["l", 5]},
            "text_encoders.1",
            "text_encoders.1 is 5; it must be text of 1 to 1000 characters",
        ),
        ({"loras": ["l", {}]}, "loras.1.name", "loras.1.name is missing; it must be text of 1 to 1000 characters"),
        ({"loras": {"l": 5}}, "loras.l", "loras.l is 5; it must be a number from -4 to 4"),
        (
            {"control": [{"model": "m", "image": "", "options": 5}]},
            "control.0.options",
            "control.0.options is 5; it must be an object of at most 8 names, each with a value that is a number",
        ),
        ({"extend": {"left": True}}, "extend.left", "extend.left is true; it must be a whole number from 0 to 1984"),
    ],
)
def test_a_part_is_named_within_its_field(said, field, sentence):
    caught = refusal(**said)
    assert str(caught).startswith(sentence)
    assert caught.field == field


def test_a_long_value_is_shortened_in_a_refusal():
    caught = refusal(prompt="a" * 40_000)
    assert str(caught) == f"prompt is '{'a' * 40}'… (40000 characters); it must be text of at most 32000 characters"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"prompt": None}, "missing"), ({"prompt": 1}, "type"), ({"count": "1"}, "type"), ({"hires": {}}, "missing"),
        ({"count": 0}, "too small"), ({"count": 17}, "too large"), ({"guidance": 31.5}, "too large"),
        ({"prompt": "a" * 32_001}, "too long"), ({"model": ""}, "value"), ({"preview": "x"}, "value"),
        ({"seed": "x"}, "value"),
    ],
)  # fmt: skip
def test_a_refusal_knows_what_kind_it_is(said, reason):
    assert refusal(**said).reason == reason


def types_in(declared: inspect.Type) -> Iterator[inspect.Type]:
    """Every type within it that a value can fail to be; `Any` and what may be that or nothing is none."""
    inner = [getattr(declared, name) for name in ("type", "item_type", "value_type") if hasattr(declared, name)]
    inner += [*getattr(declared, "types", ()), *(field.type for field in getattr(declared, "fields", ()))]
    if isinstance(declared, inspect.AnyType | inspect.NoneType):
        return
    found = [each for part in inner for each in types_in(part)]
    if found or not inner:
        yield declared
    yield from found


@pytest.mark.parametrize("kind", [GenerateRequest, PreprocessRequest, UpscaleRequest, Preset, Fields])
def test_of_whatever_is_declared_it_is_known_what_it_can_be(kind):
    for declared in types_in(inspect.type_info(kind)):
        assert allowed(declared)


def test_half_a_character_is_refused_however_it_came():
    assert refusal(neg="x\udc80").field == "neg"


def test_a_whole_number_may_be_written_with_a_point():
    assert request(num_steps=25.0, guidance=7, hires={"scale": 2, "steps": 10.0}) == request(
        num_steps=25, guidance=7.0, hires={"scale": 2.0, "steps": 10}
    )
    assert type(request(guidance=7).guidance) is float


@pytest.mark.parametrize(
    ("said", "seed"),
    [(0, 0), ("0", 0), (MAX_SEED, MAX_SEED), (str(MAX_SEED), MAX_SEED), (-1, -1), ("-1", -1), (None, None)],
)
def test_a_seed_may_be_text_and_keeps_every_digit(said, seed):
    assert request(seed=said).seed == seed


@pytest.mark.parametrize("said", [-2, "-2", 2**64, str(2**64), "1e5", "", " 5", "5\n", "٣", 1.5, True, "0x10"])
def test_a_seed_that_is_none_is_refused(said):
    caught = refusal(seed=said)
    assert caught.field == "seed"
    assert "a whole number from 0 to 18446744073709551615 (also as text), or -1 for a random one" in str(caught)


def test_ksamplers_words_are_understood():
    asked = parse({"prompt": "a fox", "denoise": 0.4, "cfg": 3.5, "scheduler": "karras"}).request
    assert (asked.strength, asked.guidance, asked.schedule) == (0.4, 3.5, "karras")
    with pytest.raises(BadRequest, match="denoise is 2"):
        parse({"prompt": "a fox", "denoise": 2})


def test_aliases_are_other_names_of_the_same_fields():
    assert set(ALIASES.values()) <= set(FIELDS)
    assert not set(ALIASES) & set(FIELDS)
    said = {"steps": 30, "guidance_scale": 5, "negative_prompt": "blur", "clip_skip": 2, "denoising_strength": 0.5}
    assert request(**said) == request(num_steps=30, guidance=5, neg="blur", clip=2, strength=0.5)
    assert request(steps=30, num_steps=30, num_inference_steps=None).num_steps == 30
    assert request(num_steps=None, steps=9).num_steps == 9


def test_a_refusal_speaks_of_the_name_that_was_used():
    caught = refusal(steps=500)
    assert (str(caught).split(";")[0], field_of(caught.note)) == ("steps is 500", "steps")


@pytest.mark.parametrize(
    "said", [{"steps": 30, "num_steps": 25}, {"cfg_scale": 1, "guidance_scale": 2}, {"steps": True, "num_steps": 1}]
)
def test_a_field_said_twice_and_differently_is_refused_by_both_names(said):
    message = str(refusal(**said))
    assert all(name in message for name in said), message


def test_unknown_fields_are_named_and_never_refused():
    parsed = parse(
        {"prompt": "a", "foo": 1, "bar": {"x": [float("nan")]}, "hires": {"scale": 2, "wide": 1}, "baz": None}
    )
    assert parsed.request == GenerateRequest(prompt="a", hires=SecondPass(scale=2.0))
    assert sentences(parsed.warnings) == ["unknown and left out: 'foo', 'bar', 'baz', 'hires.wide'"]
    many = parse({"prompt": "a"} | {f"{i}{'x' * 1000}\n": i for i in range(100)}).warnings
    assert len(many) == 1
    assert "and 84 more" in str(many[0])
    assert len(str(many[0])) < 1200


def test_the_schema_says_what_is_taken():
    schema = msgspec.json.schema(GenerateRequest)
    properties = schema["$defs"]["GenerateRequest"]["properties"]
    assert schema["$defs"]["GenerateRequest"]["required"] == ["prompt"]
    assert list(properties) == list(FIELDS)
    for name, said in properties.items():
        assert len(said["description"]) > 10, name
        for example in said.get("examples", []):
            assert getattr(request(**{name: example}), name) is not None
    checked = 0
    for name, said in properties.items():
        for choice in said.get("anyOf", []):
            for bound, beyond in (("minimum", -1), ("maximum", 1)):
                if bound in choice:
                    request(**{name: choice[bound]})
                    assert refusal(**{name: choice[bound] + beyond}).field == name
                    checked += 1
            for value in choice.get("enum", []):
                request(**{name: value})
                checked += 1
    assert checked > 25


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.sampled_from(FIELDS), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*FIELDS, *ALIASES, "scale", "x"]), JSON, max_size=4))
@settings(deadline=None)
def test_any_json_is_a_request_or_a_refusal(body):
    try:
        parsed = parse({"prompt": "a", **body})
    except BadRequest as refused:
        error = refused
    else:
        msgspec.msgpack.encode(parsed.request)
        return
    assert error.field
    assert str(error).encode()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5m", 300), ("1h30m", 5400), ("90s", 90), ("500ms", 0.5), ("1.5h", 5400), ("0", 0), ("0s", 0), ("-1m", -1)],
)
def test_a_duration_is_read_as_people_write_it(text, seconds):
    assert seconds_from_duration(text) == seconds
    assert request(keep_alive=text).keep_alive == text


@pytest.mark.parametrize(
    "text", ["", "5", "-1", "m", "5 m", "5m\n", "5d", "forever", "1e3s", "٣m", "5m-1s", "9999999999s"]
)
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError):
        seconds_from_duration(text)
    caught = refusal(keep_alive=text)
    assert caught.field == "keep_alive"
    assert "a number of seconds, or a duration such as" in str(caught)


def entries(*names: str, shipped: str = "") -> list[Entry]:
    return [Entry(name=name, path=f"/m/{name}", kind="checkpoint", shipped=name == shipped) for name in names]


@pytest.mark.parametrize(
    ("name", "default", "available", "recent", "chosen"),
    [
        ("b", "a", "ab", "", "b"),
        (None, "b", "ab", "a", "b"),
        (None, None, "a", "", "a"),
        (None, None, "abc", "ca", "c"),
        (None, None, "ab", "xb", "b"),
        (None, None, "at", "", "a"),
        (None, None, "at", "t", "a"),
        (None, None, "t", "", "t"),
        (None, None, "abt", "t", "t"),
        ("t", None, "at", "", "t"),
    ],
)
def test_a_model_is_chosen_by_the_first_rule_that_decides(name, default, available, recent, chosen):
    assert choose_model(name, default=default, available=entries(*available, shipped="t"), recent=recent) == chosen


@pytest.mark.parametrize(
    ("default", "available", "settled"),
    [("b", "ab", "b"), ("x", "ab", None), (None, "at", "a"), (None, "t", "t"), (None, "ab", None), (None, "", None)],
)
def test_a_model_is_settled_only_where_no_use_can_change_it(default, available, settled):
    assert default_model(entries(*available, shipped="t"), default) == settled


def test_of_several_shipped_models_the_first_is_meant_where_there_is_no_other():
    shipped = [msgspec.structs.replace(each, shipped=True) for each in entries("toybox-flow", "toybox")]
    assert (choose_model(None, available=shipped), default_model(shipped, None)) == ("toybox", "toybox")
    assert choose_model(None, available=[*shipped, *entries("fox")]) == "fox"


@pytest.mark.parametrize(
    ("name", "default", "available", "error", "said"),
    [
        ("x", "a", "ab", ModelNotFound, "model 'x' not found"),
        (None, None, "ba", BadRequest, "nothing says which one to take; there are: a, b"),
        (None, "x", "a", BadRequest, "the configured default 'x' isn't there; there are: a"),
        (None, None, "", BadRequest, "no model is installed"),
    ],
)
def test_a_model_that_nothing_decides_is_refused_with_the_list(name, default, available, error, said):
    with pytest.raises(ImagineError) as caught:
        choose_model(name, default=default, available=entries(*available))
    assert type(caught.value) is error
    assert said in str(caught.value)
    assert caught.value.field == "model"


def test_a_request_costs_neither_torch_nor_numpy_nor_pillow():
    modules = "request, resolve, replay, sizes, json_body, model_choice"
    code = (
        f"import sys; from imagine.asking import {modules}; "
        "print(sorted({'torch', 'numpy', 'PIL', 'scipy', 'diffusers', 'transformers', 'asyncio'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=240)
    assert done.stdout.strip() == "[]"


def test_a_recipe_as_it_is_in_an_answer_is_a_request_without_a_warning():
    recipe = {
        "prompt": "a fox", "digest": "1" * 64, "sha256": "2" * 64, "strength": 1.0, "environment": {"torch": "2.9"},
        "parts": {"vae": "3" * 64, "text_encoder": "4" * 64, "refiner": "5" * 64},
    }  # fmt: skip
    parsed = parse(recipe)
    assert parsed.warnings == []
    assert (parsed.request.digest, msgspec.to_builtins(parsed.request.parts)) == ("1" * 64, recipe["parts"])
    assert parse({"prompt": "a", "sha256": "2" * 10}).request.digest == "2" * 10
    assert refusal(parts={"vae": "no digest"}).field == "parts.vae"
    assert sentences(parse({"prompt": "a", "parts": {"unet": "1" * 64}}).warnings) == [
        "unknown and left out: 'parts.unet'"
    ]


def test_one_text_encoder_may_be_said_as_in_a_sidecar():
    assert request(text_encoder="t5").text_encoders == "t5"
