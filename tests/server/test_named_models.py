"""Models that are made of others by name: listed, asked for, recorded as what they are made of."""

import json

import pytest

from imagine.registry.registry import Registry
from imagine.words.recipe import meta_from_params
from tests.registry import declared
from tests.registry.listing import listed
from tests.server import beside
from tests.server.served import ask

INKY = """from: fox
loras: {ink: 0.8}
parameters: {steps: 4, size: 128x64, sampler: ddim}
negative: blurry
prompt_prefix: ink drawing of
prompt_suffix: on paper
description: Ink on paper
"""


def add_lora(folder, name):
    return declared.write(folder / "models" / f"{name}.safetensors", declared.kohya_lora(768), metadata={"is": name})


def add_named(folder, name, text=INKY):
    path = folder / "models" / f"{name}.imagine.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def home(tmp_path):
    declared.write(tmp_path / "models/fox.safetensors", declared.tiny())
    add_lora(tmp_path, "ink")
    add_lora(tmp_path, "other")
    add_named(tmp_path, "inky")
    return tmp_path


def test_a_named_model_is_drawn_as_what_it_is_made_of(home):
    said = {
        "loras": {"ink": 0.8},
        "steps": 4,
        "width": 128,
        "height": 64,
        "sampler": "ddim",
        "neg": "blurry",
        "seed": 7,
    }
    plain, named, more = beside.asked(
        home,
        {"model": "fox", "prompt": "ink drawing of a house, on paper"} | said,
        {"model": "inky", "prompt": "a house", "seed": 7},
        {"model": "inky", "prompt": "a house", "loras": {"other": 0.5}, "steps": 5, "neg": "red"},
    )
    assert named[0].params == plain[0].params
    assert named[1] == plain[1]
    assert named[0].model.identity == plain[0].model.identity, "so they stand in one batch"
    assert [(lora.name, lora.weight) for lora in more[0].params.loras] == [("other", 0.5), ("ink", 0.8)]
    assert (more[0].params.num_steps, more[0].params.neg) == (5, "red")


def test_its_recipe_draws_without_it(home):
    ((first, told),) = beside.asked(home, {"model": "inky", "prompt": "a house", "seed": 7})
    (home / "models/inky.imagine.yaml").unlink()
    ((again, warnings),) = beside.asked(home, json.loads(json.dumps(meta_from_params(first.params))))
    assert (again.params, again.model.digest, warnings) == (first.params, first.model.digest, told)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("from: wolf", "it is made of 'wolf', and there is no model of that name"),
        ("from: broken", "it is made of 'broken'"),
        ("from: fox\nloras: [pencil]", "it is made with the lora 'pencil', which isn't there"),
        ("from: fox\nvae: sharp", "it is made with the vae 'sharp'"),
        ("from: fox\nlora: {ink: much}", "says something under loras that can't be meant"),
        ("from: fox\nparameters: {steps: [1]}", "under parameters"),
        ("from: fox\nparameter: {steps: 1}", "says 'parameter', which isn't known"),
        ("loras: [ink]", "says no 'from'"),
        ("from: fox\nsample: {a: 99999999999999999999999}", "under sample"),
        ("from: [", "not valid YAML"),
    ],
)
def test_what_a_named_model_lacks_is_said(home, text, why):
    add_named(home, "broken", text)
    broken = next(entry for entry in listed(home / "models").files() if entry.name == "broken")
    assert why in str(broken.problem)
    assert not broken.generates


def test_named_models_are_made_of_each_other_but_not_of_themselves(home):
    add_named(home, "inkier", "from: inky\nprompt_prefix: large")
    add_named(home, "a", "from: b")
    add_named(home, "b", "from: a")
    add_named(home, "fox", "from: fox")
    registry = listed(home / "models")
    assert {entry.name for entry in registry.models()} == {"fox", "inky", "inkier"}
    assert not registry.find("fox").is_named
    assert registry.base_of(registry.find("inkier")).name == "fox"
    ((job, _),) = beside.asked(home, {"model": "inkier", "prompt": "a house"})
    assert job.params.prompt == "ink drawing of large a house, on paper"
    assert [lora.name for lora in job.params.loras] == ["ink"]


def test_it_may_be_called_as_its_base_but_for_the_case(home):
    declared.write(home / "models/Inky.safetensors", declared.tiny())
    registry = listed(home / "models")
    assert registry.find("inky").made.base == "fox"
    add_named(home, "inky", "from: inky")
    registry.refresh()
    assert registry.find("inky").made.base == "Inky"
    assert registry.base_of(registry.find("inky")).name == "Inky"


def test_a_sidecar_says_it_of_a_file_where_a_recipe_says_nothing(home):
    (home / "models/fox.yaml").write_text(
        "loras: [ink]\nnegative: red\nparameters: {steps: 3}\ndescription: Of foxes\n"
    )
    (first, _), (plain, _) = beside.asked(
        home, {"model": "fox", "prompt": "a house", "seed": 7}, {"model": "fox", "prompt": "a house", "loras": []}
    )
    assert (first.params.neg, first.params.num_steps) == ("red", 3)
    assert [(lora.name, lora.weight) for lora in first.params.loras] == [("ink", 1.0)]
    assert plain.params.loras == ()
    ((again, _),) = beside.asked(home, json.loads(json.dumps(meta_from_params(first.params))))
    assert again.params == first.params
    (home / "models/fox.yaml").write_text("prompt_suffix: at night")
    assert beside.asked(home, {"model": "fox"})[0][0] == 422, "it would stand in the prompt twice"


def test_it_comes_changes_and_goes_while_a_server_runs(home):
    async def act(client):
        async def models():
            async with client.get("/models") as answer:
                told = await answer.json()
            return {each["name"]: each for each in told["details"]}, told["default"]

        before, default = await models()
        assert default == "fox", "what is made of others decides nothing"
        assert before["inky"]["made"]["description"] == "Ink on paper"
        assert before["inky"]["defaults"]["num_steps"] == 4
        add_named(home, "inky", "from: fox\nparameters: {steps: 9}")
        add_named(home, "new", "from: inky")
        after, _ = await models()
        assert (after["inky"]["defaults"]["num_steps"], after["new"]["defaults"]["num_steps"]) == (9, 9)
        (home / "models/inky.imagine.yaml").unlink()
        assert "new" not in (await models())[0]

    ask(home, act)


def test_what_is_kept_of_it_is_read_again(home, tmp_path):
    cache = tmp_path / "models.json"
    for _ in range(2):
        registry = Registry([home / "models"], cache=cache)
        registry.refresh()
        assert registry.find("inky").made.loras[0].weight == 0.8
