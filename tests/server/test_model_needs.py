"""What models want and need, through the server: VAEs beside them or configured, pictures, few steps."""

import json

import pytest

from imagine.asking.resolve import Defaults
from imagine.settings.values import ModelSettings
from imagine.words.frames import ResidentModel, Stats
from tests.registry import declared
from tests.registry.published import KLEIN_4B, QWEN3_4B, flux2, flux2_vae, qwen3, vae16, z_image
from tests.server.served import ask

WITHOUT_VAE = {name: shape for name, shape in declared.tiny().items() if not name.startswith("first_stage_model.")}


@pytest.fixture
def models(tmp_path):
    """A folder of a whole model, one that lacks a VAE, a distilled one, and VAEs."""
    place = tmp_path / "models"
    declared.write(place / "whole.safetensors", declared.tiny())
    declared.write(place / "lacking.safetensors", WITHOUT_VAE)
    declared.write(place / "quick-lightning-8step.safetensors", declared.tiny())
    declared.write(place / "good.safetensors", declared.vae())
    return place


async def drawn(client, **body):
    """The status, and the parameters that a worker got or what was said instead."""
    client.worker.seen.clear()
    answer = await client.post("/generate", json={"prompt": "a fox", **body})
    said = await answer.json()
    return answer.status, client.worker.seen[0] if client.worker.seen else said


def test_a_model_without_a_vae_is_refused_at_once_unless_one_is_named(tmp_path, models):
    async def act(client):
        status, said = await drawn(client, model="lacking")
        assert (status, said["error"]) == (400, "model 'lacking' has no VAE of its own; name a VAE file as vae")
        status, job = await drawn(client, model="lacking", vae="good")
        assert (status, job.params.vae) == (200, "good")
        assert job.model.parts["vae"].path == str(models / "good.safetensors")

    ask(tmp_path, act, models=())


def test_what_is_loaded_is_listed_though_it_draws_only_with_a_vae_that_is_named(tmp_path, models):
    declared.write(models / "vae" / "lacking.safetensors", declared.vae())

    async def act(client):
        _, job = await drawn(client, model="lacking", vae="good")
        resident = ResidentModel(name="lacking", digest=job.model.digest, dtype="float16", size=7, expires_in=30.0)
        client.worker.stats = Stats(models=[resident])
        listed = await (await client.get("/models")).json()
        return listed, (await (await client.get("/api/ps")).json())["models"]

    listed, loaded = ask(tmp_path, act, models=())
    there = {"size": 7, "way": "all", "expires_in": 30.0}
    files = [(one["name"], one["kind"], one["loaded"]) for one in listed["details"] + listed["others"] if one["loaded"]]
    assert files == [
        ("lacking", "checkpoint", {"dtype": "float16"} | there | {"devices": [{"device": "fake"} | there]})
    ]
    assert "lacking" not in listed["models"]
    assert [(one["name"], one["size"], one["details"]["family"]) for one in loaded] == [
        ("lacking", 7, "stable_diffusion")
    ]


def test_the_vae_beside_a_model_is_used_and_stands_in_the_recipe(tmp_path, models):
    declared.write(models / "lacking.vae.safetensors", declared.vae())
    declared.write(models / "whole.vae.safetensors", declared.vae())

    async def act(client):
        for model in ("lacking", "whole"):
            status, job = await drawn(client, model=model)
            assert (status, job.params.vae) == (200, f"{model}.vae")
            assert job.model.parts["vae"].path == str(models / f"{model}.vae.safetensors")
        status, said = await drawn(client, model="lacking", vae="own")
        assert (status, said["error"]) == (400, "model 'lacking' has no VAE of its own; name a VAE file as vae")
        _, job = await drawn(client, model="whole", vae="own")
        assert (job.params.vae, job.model.parts) == (None, {})
        _, job = await drawn(client, model="whole", vae="good")
        assert job.params.vae == "good"

    ask(tmp_path, act, models=())


def test_the_configuration_names_a_models_vae(tmp_path, models):
    async def act(client):
        said = await (await client.get("/models")).json()
        assert "lacking" in said["models"]
        assert next(one["defaults"] for one in said["details"] if one["name"] == "lacking") == {"vae": "good"}
        _, job = await drawn(client, model="lacking")
        assert job.params.vae == "good"
        _, job = await drawn(client, model="whole")
        assert job.params.vae is None

    ask(tmp_path, act, models=(), per_model=(ModelSettings("lacking", Defaults(vae="good")),))


def test_a_distilled_model_gets_its_own_steps_unless_somebody_says_others(tmp_path, models):
    async def act(client):
        _, job = await drawn(client, model="quick-lightning-8step")
        p = job.params
        assert (p.num_steps, p.guidance, p.sampler, p.schedule) == (8, 1.0, "euler", "sgm uniform")
        _, job = await drawn(client, model="quick-lightning-8step", num_steps=5, sampler="dpm++ 2m")
        assert (job.params.num_steps, job.params.sampler, job.params.schedule) == (5, "dpm++ 2m", "default")
        _, job = await drawn(client, model="whole")
        assert job.params.num_steps == 30
        told = {one["name"]: one["defaults"] for one in (await (await client.get("/models")).json())["details"]}
        assert told["quick-lightning-8step"] == {
            "num_steps": 8, "guidance": 1.0, "sampler": "euler", "schedule": "sgm uniform",
        }  # fmt: skip

    ask(tmp_path, act, models=(), defaults=Defaults(num_steps=30))


def test_a_file_of_another_kind_that_is_asked_to_draw_says_what_it_is(tmp_path, models):
    declared.write(models / "style.safetensors", declared.kohya_lora())

    async def act(client):
        status, said = await drawn(client, model="style")
        assert (status, said["field"]) == (422, "model")
        assert said["error"] == (
            "model 'style' draws nothing: it is a file of the kind lora (with a model of its family, among its loras)"
        )
        assert (await drawn(client, model="stile"))[0] == 404

    ask(tmp_path, act, models=())


def test_a_pipeline_that_only_changes_pictures_asks_for_one(tmp_path):
    place = tmp_path / "models" / "edit"
    declared.write(place / "unet" / "diffusion_pytorch_model.safetensors", {"a": (100,)})
    pipeline = {"_class_name": "StableDiffusionInstructPix2PixPipeline", "unet": ["diffusers", "UNet2DConditionModel"]}
    (place / "model_index.json").write_text(json.dumps(pipeline))

    async def act(client):
        status, said = await drawn(client, model="edit")
        assert (status, said["field"]) == (400, "img")
        assert said["error"] == "model 'edit' makes pictures from other pictures only; give one as img"

    ask(tmp_path, act, models=())


def test_every_file_is_told_and_none_says_where_it_lies(tmp_path, models):
    (models / "old.ckpt").write_bytes(b"")

    async def act(client):
        answer = await (await client.get("/models")).text()
        assert str(tmp_path) not in answer
        said = await (await client.get("/models")).json()
        assert {one["name"]: one["use"].partition(":")[0] for one in said["others"]} == {
            "good": "with a model, as its vae", "lacking": "with a VAE only", "old": "no",
            "looks": "for looking at pictures that come out, by moderation",
        }  # fmt: skip
        assert {one["use"] for one in said["details"]} == {"yes"}

    ask(tmp_path, act, models=())


WISHED = {
    "/generate": lambda model: {"model": model, "prompt": "a fox"},
    "/v1/images/generations": lambda model: {"model": model, "prompt": "a fox"},
    "/api/generate": lambda model: {"model": model, "prompt": "a fox", "stream": False},
    "/models/{model}": lambda _: {"inputs": "a fox"},
    "/sdapi/v1/txt2img": lambda model: {"prompt": "a fox", "override_settings": {"sd_model_checkpoint": model}},
}
"""A path of each dialect, and the least that its programs say."""
MADE = {
    "z_image_turbo_bf16": (8, 0.0), "x/z-image-turbo": (8, 0.0), "z_image_bf16": (50, 5.0),
    "flux-2-klein-4b": (4, 1.0), "x/flux2-klein": (4, 1.0), "flux-2-klein-base-4b": (50, 4.0),
}  # fmt: skip
"""The steps and guidance that each was made for, by its name, or Ollama's."""


@pytest.mark.parametrize("path", WISHED)
def test_z_image_and_klein_are_drawn_as_they_were_made_in_each_dialect(tmp_path, path):
    place = tmp_path / "models"
    for name, shapes in {"z_image_turbo_bf16": z_image(), "z_image_bf16": z_image(), "ae": vae16()}.items():
        declared.write(place / f"{name}.safetensors", shapes, dtype="BF16")
    for name in ("flux-2-klein-4b", "flux-2-klein-base-4b"):
        declared.write(place / f"{name}.safetensors", flux2(*KLEIN_4B), dtype="BF16")
    declared.write(place / "qwen_3_4b.safetensors", qwen3(*QWEN3_4B), dtype="BF16")
    declared.write(place / "flux2-vae.safetensors", flux2_vae(), dtype="BF16")

    async def act(client):
        for name, made in MADE.items():
            answer = await client.post(path.format(model=name), json=WISHED[path](name))
            assert answer.status == 200, await answer.text()
            job = client.worker.seen.pop()
            params = job.params
            assert (params.num_steps, params.guidance, params.width, params.height) == (*made, 1024, 1024), name
            assert (params.sampler, params.schedule) == ("euler", "default")
            assert job.model.parts["text_encoder"].path.endswith("qwen_3_4b.safetensors")

    ask(tmp_path, act, models=())
