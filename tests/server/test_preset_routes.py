"""Presets in a server: expanded for a request, listed, refused; and what a model's own settings add."""

import json

import pytest

from imagine.asking.aliases import Aliases
from imagine.asking.presets import Preset
from imagine.asking.resolve import Defaults
from imagine.server.gateway.gateway import Gateway
from imagine.settings.values import ModelSettings
from tests.server.served import PromptedWorker, ask, settings_at

SOFT = Preset(name="soft", prompt_suffix="soft light", neg="harsh", num_steps=4, guidance=3.0, model="owl")


def metas(folder, *bodies, models=("fox", "owl"), **said):
    """What each request's picture was made by, or the refusal."""

    async def act(client):
        answers = []
        for body in bodies:
            async with client.post("/generate", data=json.dumps({"prompt": "a fox"} | body)) as answer:
                told = await answer.json()
                answers.append(told["meta"] if answer.status == 200 else (answer.status, told["error"]))
        return answers

    return ask(folder, act, models=models, **said)


def test_a_preset_fills_in_what_a_request_does_not_say(tmp_path):
    plain, own = metas(
        tmp_path,
        {"preset": "soft"},
        {"preset": "soft", "model": "fox", "neg": "", "steps": 7},
        presets=(SOFT,),
        defaults=Defaults(neg="ugly", num_steps=30),
    )
    assert (plain["prompt"], plain["neg"], plain["num_steps"]) == ("a fox, soft light", "harsh", 4)
    assert (plain["guidance"], plain["model"]) == (3.0, "owl")
    assert "preset" not in plain
    assert (own["model"], own["neg"], own["num_steps"], own["guidance"]) == ("fox", "", 7, 3.0)


def test_what_ships_is_there(tmp_path):
    (meta,) = metas(tmp_path, {"preset": "vivid"}, models=("fox",))
    assert meta["prompt"].startswith("a fox, vivid colors")


def test_a_preset_that_is_not_there_is_refused(tmp_path):
    (answer,) = metas(tmp_path, {"preset": "softt"}, presets=(SOFT,))
    assert answer == (400, "preset 'softt' doesn't exist; did you mean: soft?")


def test_presets_are_listed(tmp_path):
    async def act(client):
        async with client.get("/presets") as answer:
            return await answer.json()

    told = ask(tmp_path, act, presets=(SOFT,))["presets"]
    assert told[0] == {
        "name": "soft", "prompt_suffix": "soft light", "neg": "harsh", "num_steps": 4, "guidance": 3.0, "model": "owl",
        "shipped": False,
    }  # fmt: skip
    assert len(told) > 12
    assert all(preset["shipped"] and preset["description"] for preset in told[1:])


def test_a_file_of_presets_is_seen_without_a_restart(tmp_path):
    async def act(client):
        async with client.post("/generate", json={"prompt": "x", "preset": "new"}) as answer:
            assert answer.status == 400
        (tmp_path / "presets.yaml").write_text("new: as it came")
        async with client.post("/generate", json={"prompt": "x", "preset": "new"}) as answer:
            assert (await answer.json())["meta"]["prompt"] == "x, as it came"

    ask(tmp_path, act)


OF_FOX = ModelSettings("fox", Defaults(num_steps=6, guidance=1.5, neg="blue", width=320, sampler="euler a"), 2)


def test_a_model_has_settings_of_its_own(tmp_path):
    of_fox, of_owl, said = metas(
        tmp_path,
        {"model": "fox"},
        {"model": "owl"},
        {"model": "fox", "num_steps": 9, "neg": ""},
        per_model=(OF_FOX,),
        defaults=Defaults(num_steps=30, neg="ugly", guidance=9.0, schedule="karras"),
    )
    assert (of_fox["num_steps"], of_fox["guidance"], of_fox["neg"], of_fox["width"]) == (6, 1.5, "blue", 320)
    assert (of_fox["sampler"], of_fox["schedule"]) == ("euler a", "default"), "a schedule stays with its sampler"
    assert (of_owl["num_steps"], of_owl["guidance"], of_owl["neg"], of_owl["schedule"]) == (30, 9.0, "ugly", "karras")
    assert (said["num_steps"], said["neg"]) == (9, "")


def test_the_worker_is_told_how_many_of_a_model_go_together(tmp_path):
    async def act(client):
        async with client.post("/generate", json={"prompt": "x", "model": "fox", "count": 5}) as answer:
            assert len((await answer.json())["images"]) == 5, "more is split, never refused"
        async with client.post("/generate", json={"prompt": "x", "model": "owl"}) as answer:
            assert answer.status == 200
        return [job.max_batch for job in client.worker.seen]

    assert ask(tmp_path, act, models=("fox", "owl"), per_model=(OF_FOX,)) == [2] * 5 + [None]


def test_a_broken_file_of_presets_stops_the_start(tmp_path):
    (tmp_path / "presets.yaml").write_text("a: {steps: 0}")
    with pytest.raises(Exception, match=r"in preset 'a', steps is 0"):
        Gateway(settings_at(tmp_path), workers=[PromptedWorker()])


def test_names_that_no_model_has_are_told_at_the_start(tmp_path, caplog):
    async def act(client):
        await client.gateway.entries()
        client.gateway.clock = lambda: 1e9
        await client.gateway.entries()

    said = {
        "per_model": (OF_FOX, ModelSettings("wolf")),
        "aliases": Aliases({"art": "fox", "gone": "bear", "any": None}),
    }
    ask(tmp_path, act, model="art", preload="lynx", **said)
    told = [record.getMessage() for record in caplog.records if "speaks of models" in record.getMessage()]
    assert told == ["the configuration speaks of models that aren't there: bear, lynx, wolf"]
