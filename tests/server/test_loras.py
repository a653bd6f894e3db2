"""LoRAs asked for in every form: found, refused before the queue, recorded, and handed to the worker."""

import hashlib
import json

import pytest

from imagine.asking.presets import Preset
from imagine.asking.resolve import Defaults
from imagine.families.defaults import distilling_way
from imagine.server.dialects import DIALECTS
from imagine.server.gateway.gateway import model_from
from imagine.settings.values import ModelSettings
from imagine.words.entry import Entry
from tests.registry import declared
from tests.server import beside
from tests.server.made_up_dialect.dialect import BRUSH
from tests.server.served import ask

NO_WEIGHT = "where a LoRA's weight belongs; it must be a number from -4 to 4"


def add_lora(folder, name, context=768, metadata=None):
    shapes = declared.kohya_lora(context)
    return declared.write(
        folder / "models" / f"{name}.safetensors", shapes, metadata={"about": name} | (metadata or {})
    )


@pytest.fixture
def home(tmp_path):
    for name in ("ink", "sketch"):
        add_lora(tmp_path, f"loras/{name}")
    add_lora(tmp_path, "loras/big", context=2048)
    halves = {"img_in.lora_A.weight": (128, 128), "img_in.lora_B.weight": (3072, 128)}
    declared.write(tmp_path / "models/control/canny.safetensors", halves)
    return tmp_path


def digest_of(home, name):
    return hashlib.sha256((home / f"models/loras/{name}.safetensors").read_bytes()).hexdigest()


def asked(home, *bodies, **said):
    """Of each body what the worker was given and the warnings, or the refusal."""
    return [_with_uses(*answer) for answer in beside.asked(home, *bodies, **said)]


def _with_uses(job, told):
    if isinstance(job, int):  # a status
        return job, told
    uses = [(use.name, use.weight, use.clip_weight) for use in job.adapters]
    recorded = [(lora.name, lora.weight, lora.clip) for lora in job.params.loras]
    assert uses == recorded, "the recipe says what the worker has"
    return job, uses, told


@pytest.mark.parametrize(
    ("body", "uses", "prompt"),
    [
        ({"loras": ["ink"]}, [("ink", 1.0, 1.0)], "a fox"),
        ({"lora": {"ink": 0.8, "sketch": -1}}, [("ink", 0.8, 0.8), ("sketch", -1.0, -1.0)], "a fox"),
        ({"loras": [{"name": "INK.safetensors", "weight": 0.8, "clip_weight": 0}]}, [("ink", 0.8, 0.0)], "a fox"),
        ({"prompt": "a <lora:ink:0.5:0.8> fox"}, [("ink", 0.8, 0.5)], "a  fox"),
        ({"prompt": "a fox <lora:loras/ink:1>"}, [("ink", 1.0, 1.0)], "a fox"),
        ({"loras": ["ink"], "prompt": "a fox<lyco:sketch:te=0.5>"}, [("ink", 1, 1), ("sketch", 0.5, 0.5)], "a fox"),
        ({"preset": "inked"}, [("ink", 0.6, 0.6)], "a fox, in ink"),
        (
            {"preset": "inked", "loras": {"ink": 0.1, "sketch": 1}},
            [("ink", 0.1, 0.1), ("sketch", 1, 1)],
            "a fox, in ink",
        ),
        ({"preset": "tagged"}, [("sketch", 2.0, 2.0)], "a fox, sketched"),
        ({"model": "owl"}, [("sketch", 0.3, 0.3)], "a fox"),
        ({"model": "owl", "loras": []}, [], "a fox"),
        ({"model": "owl", "prompt": "a fox<lora:ink:1>"}, [("ink", 1.0, 1.0)], "a fox"),
    ],
)
def test_every_form_is_the_same_wish(home, body, uses, prompt):
    inked = Preset(name="inked", prompt_suffix="in ink", loras={"ink": 0.6})
    tagged = Preset(name="tagged", prompt_suffix="sketched<lora:sketch:2>")
    owl = ModelSettings("owl", Defaults(loras={"sketch": 0.3}))
    answers = asked(home, {"model": "fox"} | body, models=("fox", "owl"), presets=(inked, tagged), per_model=(owl,))
    ((job, used, warnings),) = answers
    assert (used, job.params.prompt, warnings) == (uses, prompt, [])
    for use, lora in zip(job.adapters, job.params.loras, strict=True):
        assert use.kind == "lora"
        assert use.component.digest == lora.digest == digest_of(home, lora.name)
        assert use.component.files, "the worker refuses a file that is another by then"


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"loras": ["imk"]}, 404, "loras 'imk' not found; did you mean: ink?"),
        ({"loras": {"q": 1}}, 404, "loras 'q' not found; there are: ink, sketch"),
        ({"loras": ["../loras/ink"]}, 404, "loras '../loras/ink' not found; did you mean: ink?"),
        ({"loras": ["fox"]}, 400, "loras 'fox' is a file of the kind checkpoint"),
        ({"loras": ["big"]}, 400, "LoRA 'big' is for sdxl, model 'fox' is stable_diffusion"),
        ({"loras": ["canny"]}, 400, "LoRA 'canny' is for flux, model 'fox' is stable_diffusion"),
        ({"prompt": "a <lora:imk:1> fox"}, 404, "prompt names the lora 'imk', which isn't here; did you mean: ink?"),
        ({"prompt": "a <lora:ink:x> fox"}, 400, f"prompt has 'x' {NO_WEIGHT}"),
        ({"prompt": "a <lora:ink:5> fox"}, 400, f"prompt has '5' {NO_WEIGHT}"),
        ({"lora": [{"name": "ink", "weight": 5}]}, 400, "lora.0.weight is 5; it must be a number from -4 to 4"),
        ({"loras": {"ink": True}}, 400, "loras.ink is true; it must be a number from -4 to 4"),
        (
            {"loras": "ink"},
            400,
            "loras is 'ink'; it must be a list of at most 8 names, or of objects with name and weight, or an object of "
            "names and weights from -4 to 4",
        ),
        (
            {"loras": ["ink"] * 8, "prompt": "a fox<lora:sketch>"},
            400,
            "loras are 9 with those that the prompt, a preset or the settings name; a picture has at most 8",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_before_the_queue(home, body, status, error):
    assert asked(home, body) == [(status, error)]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/generate", 404),
        ("/v1/images/generations", 404),
        ("/api/generate", 400),  # its programs take a 404 for a model to be pulled
    ],
)
@pytest.mark.parametrize("body", [{"prompt": "a <lora:imk:1> fox"}, {"prompt": "a fox", "loras": ["imk"]}])
def test_every_dialect_refuses_what_is_not_there_and_names_the_nearest(home, path, status, body):
    ((seen, error),) = asked(home, body, path=path)
    said = error["message"] if isinstance(error, dict) else error
    assert seen == status
    assert said.endswith("did you mean: ink?")


def test_what_has_no_effect_is_named(home):
    body = {"prompt": "a fox<lora:ink:1:lbw=OUTD>", "neg": "bad<lora:sketch:1>", "loras": [{"name": "ink", "x": 1}]}
    ((job, uses, warnings),) = asked(home, body)
    assert uses == [("ink", 1.0, 1.0), ("ink", 1.0, 1.0)]
    assert job.params.neg == "bad"
    assert warnings == [
        "unknown and left out: 'loras.0.x'",
        "prompt weighs LoRA 'ink' in a way that has no effect here: lbw=OUTD",
        "neg names LoRA 'sketch', which has no effect there; in prompt it has",
    ]


def test_a_recipe_is_taken_whole_and_finds_what_was_renamed(home):
    """By the digest that it has, and by the one that other programs know it by; with `loras` left out it has none."""
    ((first, *_),) = asked(home, {"loras": {"ink": 0.8}, "seed": 1})
    (lora,) = first.params.loras
    body = (home / "models/loras/ink.safetensors").read_bytes()
    behind = body[8 + int.from_bytes(body[:8], "little") :]
    assert lora.autov3 == hashlib.sha256(behind).hexdigest()[:12]
    declared.write(home / "models/loras/pen.safetensors", declared.kohya_lora(768), metadata={"about": "pen"})
    (home / "models/loras/ink.safetensors").rename(home / "models/loras/tusche.safetensors")
    meta = {"prompt": "a fox", "model": "fox", "digest": first.params.digest, "environment": {"device": "cpu"}}
    known = {"name": "ink", "weight": 0.8, "digest": lora.digest}
    again, by_other, none = asked(
        home,
        meta | {"loras": [known]},
        {"loras": [{"name": "ink", "weight": 0.8, "autov3": lora.autov3}]},
        meta,
        per_model=(ModelSettings("fox", Defaults(loras=("pen",))),),
    )
    assert again[1] == [("tusche", 0.8, 0.8)]
    assert by_other[1][0][0] in ("tusche", "pen"), "what they are known by is what they weigh, not what they are called"
    assert none[1] == []
    (other,) = asked(home, {"loras": [known | {"name": "pen"}]})
    warning = f"another file than today's 'pen' was used as loras: one with the digest {lora.digest[:12]}"
    assert other[1:] == ([("pen", 0.8, 0.8)], [warning])


@pytest.mark.parametrize(
    ("name", "weight", "expected"),
    [
        ("lcm-lora-sdv1-5", 1.0, (6, 1.0, "lcm")),
        ("Hyper-SD15-8steps-lora", 0.5, (8, 1.0, "ddim")),
        ("lcm-lora-sdv1-5", -1.0, (25, 7.0, "dpm++ 2m")),
        ("turbo_style", 1.0, (25, 7.0, "dpm++ 2m")),
        ("Hyper-SD15-8steps-CFG-lora", 1.0, (25, 7.0, "dpm++ 2m")),
    ],
)
def test_one_that_has_a_model_take_few_steps_says_how_many(home, name, weight, expected):
    add_lora(home, name)
    plain, said = asked(home, {"loras": {name: weight}}, {"loras": {name: weight}, "steps": 20, "sampler": "euler"})
    params = plain[0].params
    assert (params.num_steps, params.guidance, params.sampler) == expected
    assert (said[0].params.num_steps, said[0].params.sampler) == (20, "euler")


def test_one_that_was_distilled_over_other_noise_levels_moves_those_of_the_model_beside_it():
    model, lora = (
        Entry(name=name, path="/q", kind=kind, family="qwen-image", digest="d", distilled=made)
        for name, kind, made in (("qwen", "diffusion-model", ""), ("fast", "lora", "lightning:4"))
    )
    way = distilling_way(model.family, [(lora, 1.0)])
    assert model_from(model, made=way).main.options["distilled"] == "lightning"
    assert distilling_way(model.family, [(lora, -1.0)]) == ""
    assert "distilled" not in model_from(model).main.options


def test_what_the_configuration_says_of_a_model_and_its_loras_wins_over_what_those_suggest(home):
    add_lora(home, "lcm-lora")
    own = ModelSettings("fox", Defaults(loras=("lcm-lora",), num_steps=9))
    for_all = ModelSettings("owl", Defaults(num_steps=40))
    usual, asked_for = asked(
        home, {"model": "fox"}, {"model": "owl", "loras": ["lcm-lora"]}, models=("fox", "owl"), per_model=(own, for_all)
    )
    assert (usual[0].params.num_steps, usual[0].params.sampler) == (9, "lcm")
    assert asked_for[0].params.num_steps == 6


def test_one_that_the_configuration_names_and_is_not_there_is_laid_to_it(home, caplog):
    gone = ModelSettings("fox", Defaults(loras=("gone",)))
    ((status, error),) = asked(home, {}, per_model=(gone,))
    why = "the configuration names 'gone' as loras, and no file among the models is called so and fits"
    assert (status, error) == (400, f"model 'fox' can't be drawn with: {why}")
    assert f"model fox can't be drawn with: {why}" in caplog.messages


@pytest.mark.parametrize(("lenient", "status"), [(False, 404), (True, 200)])
def test_a_dialect_may_leave_out_what_its_tags_name_in_vain(home, lenient, status):
    brush = BRUSH._replace(lenient_tags=lenient)

    async def act(client):
        body = {"words": "a fox<lora:imk:1><lora:ink:0.5>"}
        async with client.post("/brush/paint", data=json.dumps(body)) as answer:
            await answer.read()
            return answer.status, [[use.name for use in job.adapters] for job in client.worker.seen]

    seen = [["ink"]] if lenient else []
    assert ask(home, act, dialects=[*DIALECTS, brush]) == (status, seen)


def test_so_is_one_that_is_for_another_family(home):
    declared.write(home / "models/loras/large.safetensors", declared.kohya_lora(2048))
    ((status, error),) = asked(home, {}, per_model=(ModelSettings("fox", Defaults(loras=("large",))),))
    why = "the configuration names 'large' as loras, and that can't be used: LoRA 'large' is for sdxl"
    assert (status, error) == (400, f"model 'fox' can't be drawn with: {why}, model 'fox' is stable_diffusion")
