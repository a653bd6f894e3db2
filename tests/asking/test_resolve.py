"""From a request to its recipes: what fills in what isn't said, and what is refused or warned of."""

import pytest
from msgspec import structs

from imagine.asking.first_picture import own_upscaler
from imagine.asking.request import parse
from imagine.asking.resolve import NO_DEFAULTS, Defaults, Picture, Resolved, resolve, stated_by
from imagine.messages import sentences
from imagine.words.entry import Entry
from imagine.words.errors import BadRequest, Unsupported
from imagine.words.frames import PreviewSettings
from imagine.words.recipe import MAX_SEED, Extend, GenerationParams, Hires, meta_from_params
from imagine.words.samplers import SamplerOptions
from imagine.words.upscalers import UPSCALERS

MODEL = Entry(name="m", path="/m", kind="checkpoint", digest="d" * 64, resolution=512, prediction="epsilon")


def resolved(
    model: Entry = MODEL, source: tuple[int, int] | None = None, defaults: Defaults = NO_DEFAULTS,
    upscaler: str | None = None, **said: object,
) -> Resolved:  # fmt: skip
    """What comes of a request, with a source picture of that size, and an upscaler's file beside the model."""
    if source is not None:
        said["img"] = "aGk="
    request = parse({"prompt": "a fox", **said}).request
    img = None if source is None else Picture("1" * 64, *source)
    mask = None if request.mask is None else Picture("2" * 64, 64, 64)
    files = {field: Entry(name=said[field], path="/p") for field in ("vae", "refiner") if field in said}
    files |= {} if upscaler is None else {"upscaler": Entry(name=upscaler, path="/u", kind="upscaler")}
    return resolve(request, model=model, defaults=defaults, img=img, mask=mask, random_seed=lambda: 77, parts=files)


def recipe(*args, **said) -> GenerationParams:
    found = resolved(*args, **said)
    assert found.warnings == []
    return found.params[0]


def refusal(*args, **said) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        resolved(*args, **said)
    return caught.value


def size(*args, **said) -> tuple[int, int]:
    found = recipe(*args, **said)
    return found.width, found.height


def test_a_bare_prompt_gets_the_documented_defaults():
    assert resolved() == Resolved(
        params=[
            GenerationParams(
                model="m", digest="d" * 64, prompt="a fox", neg="", width=512, height=512, num_steps=25, guidance=7.0,
                sampler="dpm++ 2m", schedule="default", seed=77, clip=1, strength=1.0, resize="crop", fit="native",
            )
        ],
        warnings=[], preview=PreviewSettings(kind="linear", every=0), keep_alive=None,
    )  # fmt: skip


def test_a_refiner_begins_where_it_is_told():
    assert resolved(refiner="r").params[0].refiner_at == 0.8
    assert resolved(refiner="r", refiner_at=0).params[0].refiner_at == 0
    assert sentences(resolved(refiner_at=0.5).warnings) == ["refiner_at has no effect without refiner"]
    assert resolved(refiner_at=0.5).params == resolved().params
    assert "refiner_at" not in meta_from_params(resolved().params[0])


def test_everything_that_is_said_arrives():
    found = resolved(
        source=(100, 80), prompt="p", width=200, height=160, num_steps=30, guidance=5, sampler="euler a",
        schedule="karras", seed="9", neg="n", clip=2, vae="v", strength=0.3, mask="aGk=", extend={"left": 8, "top": 0},
        resize="fit", hires={"scale": 2, "strength": 0.4, "steps": 7, "upscaler": "latent"}, fit="scale", stream=5,
        preview="vae", progress=True, keep_alive="5m", reproducible=True, buckets="1x30",
        refiner="r", refiner_at=0.6,
    )  # fmt: skip
    assert found.warnings == []
    assert found.params == [
        GenerationParams(
            model="m", digest="d" * 64, prompt="p", neg="n", width=200, height=160, num_steps=30, guidance=5.0,
            sampler="euler a", schedule="karras", seed=9, clip=2, img="1" * 64, mask="2" * 64, strength=0.3,
            extend=Extend(left=8), resize="fit", fit="scale", vae="v", reproducible=True, buckets="1x30",
            hires=Hires(scale=2.0, strength=0.4, steps=7, upscaler="latent"),
            refiner="r", refiner_at=0.6,
        )
    ]  # fmt: skip
    assert (found.preview, found.keep_alive) == (PreviewSettings(kind="vae", every=5), 300.0)


def test_a_model_s_defaults_go_over_the_server_s_and_the_request_s_words_over_both():
    server = Defaults(num_steps=10, guidance=3.0, neg="ugly", sampler="euler", schedule="karras")
    assert Defaults(num_steps=4, width=768).over(server) == Defaults(
        num_steps=4, width=768, guidance=3.0, neg="ugly", sampler="euler", schedule="karras"
    )
    assert Defaults(sampler="lcm").over(server).schedule is None
    found = recipe(defaults=Defaults(num_steps=8, width=768).over(server))
    assert (found.num_steps, found.guidance, found.neg) == (8, 3.0, "ugly")
    assert (found.sampler, found.schedule, found.width, found.height) == ("euler", "karras", 768, 512)
    said = {"num_steps": 5, "guidance": 0, "neg": "", "sampler": "ddim", "width": 64}
    found = recipe(defaults=server, **said)
    assert {name: getattr(found, name) for name in said} == said
    assert found.schedule == "default"
    assert recipe(defaults=server, schedule="simple").schedule == "simple"


@pytest.mark.parametrize(
    ("resolution", "said", "expected"),
    [
        (512, {}, (512, 512)),
        (1024, {}, (1024, 1024)),
        (128, {}, (128, 128)),
        (0, {}, (512, 512)),
        (16384, {}, (2048, 2048)),
        (16, {}, (64, 64)),
        (500, {}, (504, 504)),
        (768, {"width": 512}, (512, 768)),
        (768, {"height": 64}, (768, 64)),
        (512, {"width": 2048, "height": 72}, (2048, 72)),
    ],
)
def test_without_a_source_a_side_that_is_not_said_is_the_model_s_own(resolution, said, expected):
    model = Entry(name="m", path="/m", kind="checkpoint", resolution=resolution)
    assert size(model, **said) == expected


def test_a_side_is_rounded_to_the_model_s_multiple_and_that_is_said():
    found = resolved(width=500, height=515)
    assert (found.params[0].width, found.params[0].height) == (504, 512)
    assert sentences(found.warnings) == [
        "width 500 was rounded to 504: this model's sides are multiples of 8",
        "height 515 was rounded to 512: this model's sides are multiples of 8",
    ]
    assert (resolved(width=2047).params[0].width, resolved(width=65).params[0].width) == (2048, 64)


def test_what_is_scaled_comes_out_in_exactly_the_asked_size():
    found = resolved(width=300, height=2047, fit="scale")
    assert (found.params[0].width, found.params[0].height, found.warnings) == (300, 2047, [])


@pytest.mark.parametrize(
    ("source", "said", "expected"),
    [
        ((333, 251), {}, (333, 251)),
        ((2048, 64), {}, (2048, 64)),
        ((600, 400), {"width": 300}, (300, 200)),
        ((600, 400), {"height": 101}, (152, 101)),
        ((600, 400), {"width": 150, "height": 100}, (150, 100)),
        ((1000, 1000), {"width": 500, "height": 505}, (500, 505)),
    ],
)
def test_with_a_source_the_size_is_its_own_or_exactly_as_asked(source, said, expected):
    assert size(source=source, **said) == expected
    assert size(source=source, defaults=Defaults(width=768, height=768), **said) == expected


@pytest.mark.parametrize(
    ("source", "said", "expected", "warnings"),
    [
        ((4000, 3000), {}, (2048, 1536), ["img is 4000×3000", "so the picture is 2048×1536"]),
        ((3000, 4000), {}, (1536, 2048), ["so the picture is 1536×2048"]),
        ((32, 48), {}, (64, 96), ["so the picture is 64×96"]),
        ((4096, 16), {}, (2048, 64), ["so the picture is 2048×64", "not the shape of 2048×64: what is over was cut"]),
        ((16, 640), {}, (64, 2048), ["not the shape of 64×2048"]),
        ((600, 400), {"width": 512, "height": 512}, (512, 512), ["img is 600×400", "was cut (resize: crop)"]),
        ((600, 400), {"width": 512, "height": 512, "resize": "fit"}, (512, 512), ["its edges go on (resize: fit)"]),
        ((600, 400), {"width": 512, "height": 512, "resize": "stretch"}, (512, 512), ["it was stretched"]),
        ((1000, 1000), {"width": 500, "height": 506}, (500, 506), ["not the shape"]),
        ((2000, 100), {"width": 512}, (512, 64), ["not the shape of 512×64"]),
        ((100, 2000), {"width": 512}, (512, 2048), ["not the shape of 512×2048"]),
    ],
)
def test_a_size_that_the_source_does_not_have_is_made_and_named(source, said, expected, warnings):
    found = resolved(source=source, **said)
    assert (found.params[0].width, found.params[0].height) == expected
    text = "; ".join(sentences(found.warnings))
    assert all(part in text for part in warnings), text


def test_strength_counts_with_a_source_only():
    assert recipe(source=(64, 64)).strength == 0.8
    assert recipe(source=(64, 64), mask="aGk=").strength == 0.8
    assert recipe(source=(64, 64), strength=0).strength == 0.0
    found = resolved(strength=0.5, resize="fit")
    assert (found.params[0].strength, found.params[0].resize) == (1.0, "crop")
    assert sentences(found.warnings) == ["strength has no effect without img", "resize has no effect without img"]
    assert resolved(strength=1.0).warnings == []  # which recipes of pictures from nothing say


@pytest.mark.parametrize(("field", "value"), [("mask", "aGk="), ("extend", 8)])
def test_what_belongs_to_a_source_is_refused_without_one(field, value):
    caught = refusal(**{field: value})
    assert caught.field == field
    assert str(caught) == f"{field} needs the picture that it belongs to, as img"


def test_extending_grows_the_result_beyond_the_size():
    assert recipe(source=(64, 64), extend=0).extend is None
    found = recipe(source=(512, 512), width=256, extend=8)
    assert (found.width, found.height, found.extend) == (256, 256, Extend(8, 8, 8, 8))
    assert recipe(source=(2000, 100), extend={"left": 48}).extend == Extend(left=48)
    caught = refusal(source=(2000, 100), extend={"left": 40, "right": 9})
    assert (caught.field, "2049×100; at most 2048 a side" in str(caught)) == ("extend", True)


def test_a_second_pass_is_a_factor_or_an_object_and_bounded_by_its_result():
    assert recipe(hires=1.5).hires == Hires(scale=1.5)
    assert recipe(hires={"scale": 2, "upscaler": None}).hires == Hires(scale=2.0)
    assert recipe(hires=1).hires is None
    assert recipe(hires={"scale": 1.0, "strength": 0.3}).hires is None
    assert recipe(width=1024, height=1024, hires=4).hires == Hires(scale=4.0)
    caught = refusal(width=1032, height=64, hires=4)
    assert (caught.field, "4128×256; at most 4096 a side" in str(caught)) == ("hires", True)
    assert refusal(source=(1020, 64), extend={"left": 8}, hires=4).field == "hires"


def test_an_upscaler_stands_in_the_recipe_as_it_is_listed():
    for name in UPSCALERS:
        assert recipe(hires={"scale": 2, "upscaler": name}).hires == Hires(scale=2, upscaler=name)
    asked = {"scale": 2, "upscaler": "4X-ULTRASHARP.safetensors"}
    assert recipe(hires=asked, upscaler="4x-UltraSharp").hires == Hires(scale=2, upscaler="4x-UltraSharp")


def test_an_upscaler_of_the_model_s_own_enlarges_and_paints_nothing():
    assert recipe(upscaler="sharp").hires == Hires(scale=4, strength=0, upscaler="sharp")
    wide = structs.replace(MODEL, resolution=1536)
    assert recipe(wide, upscaler="sharp").hires.scale * 1536 == 4096


@pytest.mark.parametrize(
    "said", [{"width": 512}, {"height": 512}, {"hires": 1}, {"hires": 2}, {"img": "AAAA"}, {"usual": 512}]
)
def test_who_says_a_size_or_how_gets_no_upscaler_of_the_model_s_own(said):
    model = structs.replace(MODEL, metadata={"imagine.upscaler": "sharp"})
    usual = said.pop("usual", None)
    assert own_upscaler(model, parse({"prompt": "a fox", **said}).request, usual) is None
    assert own_upscaler(model, parse({"prompt": "a fox"}).request, None) == "sharp"
    assert own_upscaler(MODEL, parse({"prompt": "a fox"}).request, None) is None


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"sampler": "euler"}, ("euler", "default")),
        ({"sampler": " Euler  A"}, ("euler a", "default")),
        ({"sampler": "DPM++ 2M"}, ("dpm++ 2m", "default")),
        ({"sampler": "DPM++ 2M Karras"}, ("dpm++ 2m", "karras")),
        ({"sampler": "DPM++ 2M SDE Exponential"}, ("dpm++ 2m sde", "exponential")),
        ({"sampler": "DPM++ 2M Karras", "schedule": "karras"}, ("dpm++ 2m", "karras")),
        ({"sampler": "UniPC", "schedule": "SGM Uniform"}, ("unipc", "sgm uniform")),
        ({"sampler": "DPM++ 2M", "schedule": "Automatic"}, ("dpm++ 2m", "karras")),
        ({"schedule": "Uniform"}, ("dpm++ 2m", "default")),
        ({"schedule": "Karras"}, ("dpm++ 2m", "karras")),
    ],
)
def test_samplers_and_schedules_go_by_our_names_and_automatic1111_s(said, expected):
    found = recipe(**said)
    assert (found.sampler, found.schedule) == expected


@pytest.mark.parametrize(
    ("model", "said", "error", "field", "words"),
    [
        ({}, {"sampler": "eular"}, BadRequest, "sampler", "'eular' doesn't exist; there are: ddim, euler"),
        ({}, {"sampler": "Restart"}, BadRequest, "sampler", "'Restart' doesn't exist"),
        ({}, {"sampler": "x" * 150}, BadRequest, "sampler", "doesn't exist"),
        ({}, {"schedule": "karas"}, BadRequest, "schedule", "'karas' doesn't exist; there are: default, karras"),
        ({}, {"sampler": "ddim", "schedule": "karras"}, Unsupported, "schedule", "it has: default, sgm uniform"),
        ({}, {"sampler": "DPM++ 2M Karras", "schedule": "beta"}, BadRequest, "schedule", "'DPM++ 2M Karras'"),
        ({}, {"sampler": "heun", "num_steps": 2}, Unsupported, "num_steps", "9 to 500 steps, not 2"),
        ({}, {"sampler": "tcd", "num_steps": 51}, Unsupported, "num_steps", "1 to 50 steps"),
        ({"zero_snr": True}, {"schedule": "beta"}, Unsupported, "schedule", "zero terminal SNR"),
        ({"prediction": "flow"}, {"sampler": "euler a"}, Unsupported, "sampler", "flow-matching"),
    ],
)
def test_a_sampler_that_cannot_is_refused_with_what_can(model, said, error, field, words):
    entry = Entry(name="m", path="/m", kind="checkpoint", **model)
    caught = refusal(entry, **said)
    assert type(caught) is error
    assert (caught.field, words in str(caught)) == (field, True), str(caught)


def test_a_default_schedule_stays_with_the_default_sampler():
    defaults = Defaults(sampler="DPM++ 2M Karras")
    found = recipe(defaults=defaults)
    assert (found.sampler, found.schedule) == ("dpm++ 2m", "karras")
    assert recipe(defaults=defaults, schedule="beta").schedule == "beta"
    assert recipe(defaults=Defaults(schedule="karras"), sampler="tcd").schedule == "default"


def test_many_pictures_have_seeds_that_follow_each_other_around_the_end():
    seeds = [params.seed for params in resolved(count=4, seed=MAX_SEED - 1).params]
    assert seeds == [MAX_SEED - 1, MAX_SEED, 0, 1]
    many = resolved(count=3, seed=5).params
    assert [resolved(seed=5 + i).params[0] for i in range(3)] == many


def test_a_seed_is_drawn_only_where_none_was_said():
    assert [params.seed for params in resolved(count=2).params] == [77, 78]
    assert resolved(seed=-1).params[0].seed == resolved(seed="-1").params[0].seed == 77
    assert resolved(seed=0).params[0].seed == 0


@pytest.mark.parametrize(("guidance", "warned"), [(0, True), (1, True), (1.1, False)])
def test_a_negative_prompt_without_guidance_is_warned_of(guidance, warned):
    found = resolved(neg="blur", guidance=guidance)
    assert bool(found.warnings) is warned
    assert found.params[0].neg == "blur"
    assert resolved(defaults=Defaults(neg="blur"), guidance=guidance).warnings == []


def test_a_preview_without_a_stream_is_warned_of():
    assert sentences(resolved(preview="vae").warnings) == ["preview has no effect without stream"]
    assert resolved(preview="vae", stream=1).warnings == []


def test_a_replay_that_contradicts_itself_is_refused():
    assert recipe(reproducible=True, buckets="1x3,1x4").buckets == "1x3,1x4"
    assert recipe(buckets="4x3").buckets == "4x3"
    assert refusal(reproducible=True, buckets="1x3,4x4").field == "buckets"


def test_a_preset_must_have_been_expanded_before():
    assert refusal(preset="watercolor").field == "preset"


@pytest.mark.parametrize(
    ("said", "seconds"), [(None, None), (0, 0), (90, 90), (-1, -1), (-7.5, -1), ("1h", 3600), ("-1m", -1), ("0", 0)]
)
def test_keep_alive_is_seconds_and_negative_for_ever(said, seconds):
    assert resolved(keep_alive=said).keep_alive == seconds


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"imagine.guidance": "2.5", "imagine.num_steps": "8"}, Defaults(guidance=2.5, num_steps=8)),
        ({"imagine.guidance": "1"}, Defaults(guidance=1.0)),
        ({"imagine.guidance": "31", "imagine.num_steps": "4"}, Defaults(num_steps=4)),
        ({"imagine.guidance": "nan"}, NO_DEFAULTS),
        ({"imagine.guidance": "-inf", "imagine.num_steps": "2.5"}, NO_DEFAULTS),
        ({"imagine.guidance": "much", "imagine.num_steps": ""}, NO_DEFAULTS),
        ({"modelspec.title": "Fox"}, NO_DEFAULTS),
    ],
)
def test_a_models_file_names_what_suits_it_and_nonsense_is_as_nothing(metadata, expected):
    model = structs.replace(MODEL, metadata=metadata)
    assert stated_by(model) == expected
    assert recipe(model, defaults=stated_by(model)).guidance == (expected.guidance or 7.0)


NAMED = structs.replace(MODEL, header_digest="4e" * 32, file_digest="5a" * 32)


@pytest.mark.parametrize(
    ("model", "digest", "told"),
    [
        (NAMED, "d" * 64, False), (NAMED, "d" * 10, False), (NAMED, "4e" * 32, False), (NAMED, "5a" * 32, False),
        (NAMED, "5a" * 5, False), (NAMED, None, False), (NAMED, "0" * 64, True), (NAMED, "0" * 10, True),
        (MODEL, "0" * 64, True), (MODEL, "0" * 10, False),  # the whole file's isn't known yet
    ],
)  # fmt: skip
def test_a_model_that_is_another_than_drew_it_is_told(model, digest, told):
    asked = parse({"prompt": "a fox"} | ({"digest": digest} if digest else {})).request
    warnings = resolve(asked, model=model, random_seed=lambda: 1).warnings
    assert [warning.code for warning in warnings] == ["model.another"] * told


def test_a_part_of_a_picture_is_painted_alone():
    for other in ({"extend": 8}, {"hires": 1.5}, {"control": [{"model": "canny", "image": "aGk="}]}):
        caught = refusal(source=(64, 64), mask_padding=8, **other)
        assert caught.field == "mask_padding"
        assert str(caught).endswith("leave one out")
    found = resolved(source=(64, 64), mask_padding=8)
    assert (found.params[0].mask_padding, found.params[0].width) == (None, 64)
    assert sentences(found.warnings) == ["mask_padding has no effect without mask"]


UNET = structs.replace(MODEL, family="stable_diffusion")


def test_noise_beyond_the_seed():
    said = recipe(UNET, seed_width=768, seed_height=512, noise="a1111-cpu", tiling=True, sampler="euler a")
    assert (said.seed_width, said.seed_height, said.noise, said.tiling) == (768, 512, "a1111-cpu", True)
    said = recipe(UNET, sampler="euler a", sampler_options={"eta": 0.5, "s_noise": 1.1})
    assert said.sampler_options == SamplerOptions(eta=0.5, s_noise=1.1)
    again = parse({**meta_from_params(said), "prompt": "a fox"}).request
    assert again.sampler_options.eta == 0.5
    assert recipe(UNET, sampler="euler a", sampler_options={"eta": 1}).sampler_options is None, "as it is anyway"
    assert sentences(resolved(UNET, sampler_options={"eta": 0.5}).warnings) == [
        "sampler_options.eta has no effect on dpm++ 2m"
    ]
    assert sentences(resolved(UNET, seed_width=512).warnings) == ["seed_width has no effect without seed_height"]
    assert sentences(resolved(UNET, mask_fill="noise").warnings) == ["mask_fill has no effect without mask"]


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"model": structs.replace(MODEL, family="flux"), "tiling": True}, "tiling"),
        ({"model": UNET, "noise": "a1111-cpu", "sampler": "dpm++ sde"}, "noise"),
        ({"model": UNET, "noise": "a1111-cpu", "hires": {"scale": 2, "sampler": "ddpm"}}, "noise"),
        ({"model": UNET, "noise": "a1111-cpu", "sampler": "euler", "sampler_options": {"s_churn": 4}}, "noise"),
        ({"model": UNET, "hires": {"scale": 2, "sampler": "nope"}}, "hires.sampler"),
        ({"model": UNET, "hires": {"scale": 2, "sampler": "unipc", "schedule": "simple"}}, "hires.schedule"),
        ({"model": UNET, "source": (64, 64), "mask": "aGk=", "mask_padding": 0, "tiling": True}, "mask_padding"),
    ],
)
def test_what_can_not_be_had_of_a_model_or_a_sampler(said, field):
    assert refusal(said.pop("model"), **said).field == field


def test_a_second_pass_of_its_own():
    said = recipe(UNET, hires={"scale": 2, "prompt": "an owl", "sampler": "DPM++ 2M Karras", "guidance": 3})
    assert (said.hires.prompt, said.hires.sampler, said.hires.schedule) == ("an owl", "dpm++ 2m", "karras")
    plain = recipe(UNET, hires=2).hires
    assert meta_from_params(recipe(UNET, hires=2))["hires"] == {
        "scale": 2.0, "strength": 0.55, "steps": 0, "upscaler": "lanczos",
    }  # fmt: skip
    assert (plain.prompt, plain.sampler, plain.schedule) == (None, None, None)
