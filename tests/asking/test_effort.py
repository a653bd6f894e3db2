"""Steps, guidance and the sampler: as asked, within what makes sense on the model."""

import json

import pytest

from imagine.asking.loras import ChosenLora
from imagine.asking.presets import expanded, presets_from, styled_by
from imagine.asking.replay import request_from_meta
from imagine.asking.request import parse
from imagine.asking.resolve import NO_DEFAULTS, Resolved, resolve, stated_by
from imagine.messages import sentences
from imagine.pictures.foreign.programs import recipe_from_parameters
from imagine.words.entry import Entry
from imagine.words.errors import Unsupported
from imagine.words.recipe import Lora


def entry(name: str, family: str, variant: str = "", distilled: str = "", prediction: str = "flow") -> Entry:
    return Entry(
        name=name, path=f"/{name}", kind="checkpoint", digest="d" * 64, resolution=1024, family=family,
        variant=variant, distilled=distilled, prediction=prediction,
    )  # fmt: skip


DEV = entry("dev", "flux", "dev")
SCHNELL = entry("schnell", "flux", "schnell")
FILL = entry("fill", "flux", "fill")
CHROMA = entry("chroma", "chroma")
XL = entry("xl", "sdxl", prediction="epsilon")
TURBO = entry("turbo", "sdxl", distilled="turbo", prediction="epsilon")
LIGHTNING = Entry(name="fast", path="/l", kind="lora", family="sdxl", distilled="lightning:4")


def resolved(model: Entry, preset: dict[str, object] | None = None, loras: tuple = (), **said: object) -> Resolved:
    """What comes of a request on a model with its own defaults, after a preset."""
    asked = parse({"prompt": "a fox", **said, **({"preset": "x"} if preset else {})}).request
    request = expanded(asked, presets_from({"x": preset})[0]) if preset else asked
    return resolve(
        request, model=model, defaults=stated_by(model).over(NO_DEFAULTS), random_seed=lambda: 7, loras=loras,
        styled=styled_by(asked, request),
    )  # fmt: skip


def effort(found: Resolved) -> tuple[int, float, float]:
    (params,) = found.params
    return params.num_steps, params.guidance, params.true_cfg


@pytest.mark.parametrize(
    ("model", "said", "expected", "warnings"),
    [
        (DEV, {}, (28, 3.5, 1.0), []),
        (DEV, {"true_cfg": 2.5, "neg": "fog"}, (28, 3.5, 2.5), []),
        (DEV, {"true_cfg_scale": 2.5, "guidance_scale": 4}, (28, 4.0, 2.5), []),
        (DEV, {"neg": "fog"}, (28, 3.5, 1.0), ["neg has no effect where true_cfg is at most 1, and it is 1"]),
        (DEV, {"distilled_cfg_scale": 3, "cfg_scale": 1}, (28, 3.0, 1.0), []),
        (DEV, {"distilled_cfg_scale": 3, "cfg_scale": 2, "neg": "fog"}, (28, 3.0, 2.0), []),
        (DEV, {"distilled_cfg_scale": 3}, (28, 3.0, 1.0), []),
        (DEV, {"guidance": 7.5}, (28, 7.5, 1.0), ["guidance is 7.5; dev was made for 1 to 5"]),
        (SCHNELL, {}, (4, 0.0, 1.0), []),
        (SCHNELL, {"guidance": 3.5}, (4, 3.5, 1.0), ["guidance has no effect: schnell was made to draw without"]),
        (SCHNELL, {"num_steps": 30}, (30, 0.0, 1.0), ["num_steps is 30; schnell was made for 1 to 12"]),
        (SCHNELL, {"neg": "fog"}, (4, 0.0, 1.0), ["neg has no effect where true_cfg is at most 1, and it is 1"]),
        (CHROMA, {"neg": "fog"}, (35, 5.0, 1.0), []),
        (CHROMA, {"true_cfg": 1}, (35, 5.0, 1.0), []),
        (XL, {"distilled_cfg_scale": 3.5, "cfg_scale": 6}, (25, 6.0, 1.0),
         ["distilled_cfg_scale has no effect: xl isn't told its guidance"]),
        (XL, {"num_steps": 100, "guidance": 20}, (100, 20.0, 1.0), []),
        (TURBO, {"num_steps": 30}, (30, 1.0, 1.0), ["num_steps is 30; turbo was made for 1 to 12"]),
    ],
)  # fmt: skip
def test_what_a_request_says_is_honoured_and_warned_of(model, said, expected, warnings):
    found = resolved(model, **said)
    assert (effort(found), sentences(found.warnings)) == (expected, warnings)


@pytest.mark.parametrize(("model", "expected", "warned"), [(DEV, (28, 3.5, 2.0), 0), (XL, (25, 2.0, 1.0), 1)])
def test_both_guidances_of_another_programs_picture_are_what_the_model_makes_of_them(model, expected, warned):
    said = {"sui_image_params": {"prompt": "a fox", "cfgscale": 2, "fluxguidancescale": 3.5}}
    recipe = recipe_from_parameters(json.dumps(said))
    asked = request_from_meta(recipe.meta).request
    found = resolve(asked, model=model, defaults=stated_by(model).over(NO_DEFAULTS), random_seed=lambda: 7)
    assert (effort(found), recipe.warnings, len(found.warnings)) == (expected, [], warned)


def test_a_second_guidance_is_refused_where_there_is_none():
    with pytest.raises(Unsupported) as caught:
        resolved(CHROMA, true_cfg=2)
    assert caught.value.field == "true_cfg"
    assert str(caught.value) == "true_cfg is 2, and chroma isn't told its guidance: what keeps it from neg is guidance"


USUAL = {"steps": 30, "guidance": 7.5}


@pytest.mark.parametrize(
    ("model", "preset", "said", "expected", "moved"),
    [
        (TURBO, USUAL, {}, (12, 3.0, 1.0), ["num_steps at 30", "guidance at 7.5"]),
        (
            SCHNELL,
            USUAL,
            {},
            (12, 0.0, 1.0),
            ["num_steps at 30", "guidance at 7.5, and schnell was made to draw without"],
        ),
        (DEV, USUAL, {}, (30, 5.0, 1.0), ["guidance at 7.5"]),
        (FILL, USUAL, {}, (30, 10.0, 1.0), ["guidance at 7.5"]),
        (XL, USUAL, {}, (30, 7.5, 1.0), []),
        (DEV, USUAL, {"distilled_cfg_scale": 3}, (30, 3.0, 1.0), []),
        (DEV, {"true_cfg": 2}, {}, (28, 3.5, 2.0), []),
        (DEV, {"cfg_scale": 2, "distilled_cfg_scale": 3}, {}, (28, 3.0, 2.0), []),
        (XL, {"cfg_scale": 6, "distilled_cfg_scale": 3}, {}, (25, 6.0, 1.0), ["distilled_cfg_scale has no effect"]),
        (XL, {"true_cfg": 2}, {}, (25, 7.0, 1.0), ["true_cfg has no effect: xl isn't told its guidance"]),
    ],
)
def test_what_a_preset_says_for_any_model_is_moved_to_what_makes_sense(model, preset, said, expected, moved):
    found = resolved(model, preset, **said)
    assert effort(found) == expected
    told = sentences(found.warnings)
    assert len(told) == len(moved)
    assert all(part in sentence for part, sentence in zip(moved, told, strict=True)), told


def test_a_lora_that_has_it_take_few_steps_sets_the_bounds():
    found = resolved(XL, USUAL, loras=(ChosenLora(Lora(name="fast", weight=1.0), LIGHTNING),))
    assert effort(found) == (12, 3.0, 1.0)
    assert effort(resolved(XL, USUAL, loras=(ChosenLora(Lora(name="fast", weight=-1.0), LIGHTNING),))) == (30, 7.5, 1.0)


def test_a_sampler_of_a_preset_that_does_not_run_on_the_model_makes_way():
    found = resolved(DEV, {"sampler": "DPM++ 2M SDE Karras"})
    assert (found.params[0].sampler, found.params[0].schedule) == ("euler", "default")
    assert sentences(found.warnings) == [
        "the preset has sampler 'dpm++ 2m sde', which doesn't run on dev so; 'euler' was used"
    ]
    assert resolved(XL, {"sampler": "DPM++ 2M SDE Karras"}).params[0].schedule == "karras"
    with pytest.raises(Unsupported, match="sampler"):
        resolved(DEV, sampler="euler a")
