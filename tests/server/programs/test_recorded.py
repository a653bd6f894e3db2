"""What programs asked when they ran beside a server here, as they sent it: answered, and as they meant it. A size that
is too much for the model is drawn at the model's own first, and then enlarged.

Recorded on 2026-11-29 by `test_programs.py`'s programs, which don't have to be installed for this; the bodies of
image-generation-mcp are written from its source.
"""

import pytest

from tests.server.openai.painting import PaintingWorker
from tests.server.served import ask

FOX = {"prompt": "a fox", "negative_prompt": "fog", "width": 64, "height": 96, "steps": 9}
TXT2IMG = "/sdapi/v1/txt2img"
RECORDED = {
    "SillyTavern 1.19.0, source sdcpp": (
        TXT2IMG,
        {
            "model": "fox", **FOX, "cfg_scale": 3, "seed": 7, "batch_size": 1, "sampler_name": "euler_a",
            "scheduler": "karras",
        },
        {"neg": "fog", "num_steps": 9, "sampler": "euler a", "schedule": "karras", "seed": 7, "guidance": 3.0},
    ),
    "SillyTavern 1.19.0, source drawthings": (
        TXT2IMG,
        {
            **FOX, "sampler_name": "DPM++ 2M Karras", "cfg_scale": 3, "restore_faces": False, "enable_hr": False,
            "denoising_strength": 0.7, "clip_skip": 1, "upscaler_scale": 1, "seed": 7,
        },
        {"neg": "fog", "num_steps": 9, "sampler": "dpm++ 2m", "schedule": "karras", "seed": 7, "hires": None},
    ),
    "Open WebUI 0.12.4, engine automatic1111": (
        TXT2IMG,
        {"prompt": "a fox", "batch_size": 1, "width": 64, "height": 96, "steps": 9, "negative_prompt": "fog"},
        {"neg": "fog", "num_steps": 9, "width": 64, "height": 96},
    ),
    "Open WebUI 0.12.4, engine openai": (
        "/v1/images/generations",
        {"model": "fox", "prompt": "a fox", "n": 1, "size": "64x96", "response_format": "b64_json"},
        {"model": "fox", "width": 64, "height": 96},
    ),
    "image-generation-mcp 1.12.1, provider sd_webui": (
        TXT2IMG,
        {
            "prompt": "a fox", "width": 768, "height": 768, "steps": 30, "sampler_name": "DPM++ 2M",
            "scheduler": "Karras", "cfg_scale": 7.0, "negative_prompt": "fog",
        },
        {"neg": "fog", "width": 768, "num_steps": 30, "sampler": "dpm++ 2m", "schedule": "karras", "guidance": 7.0},
    ),
    "image-generation-mcp 1.12.1, provider openai": (
        "/v1/images/generations",
        {
            "model": "gpt-image-1.5", "prompt": "a fox\n\nAvoid: fog", "n": 1, "size": "1024x1024", "quality": "high",
            "output_format": "png", "background": "opaque",
        },
        {"prompt": "a fox\n\nAvoid: fog", "model": "fox", "width": 512, "height": 512},
    ),
}  # fmt: skip


@pytest.mark.parametrize("program", RECORDED)
def test_it_is_answered_as_it_was_meant(tmp_path, program):
    path, body, meant = RECORDED[program]

    async def act(client):
        async with client.post(path, json=body) as answer:
            said = await answer.json()
            assert answer.status == 200, said
        (job,) = client.worker.seen
        assert {name: getattr(job.params, name) for name in meant} == meant
        assert "images" in said or "data" in said

    ask(tmp_path, act, worker=PaintingWorker())


def test_open_webui_gives_all_options_back(tmp_path):
    """It asks for them, puts its model in, and sends them whole; then asks what models there are."""

    async def act(client):
        options = await (await client.get("/sdapi/v1/options")).json()
        told = options | {"sd_model_checkpoint": "owl.safetensors"}
        async with client.post("/sdapi/v1/options", json=told) as answer:
            assert (answer.status, answer.headers.get("X-Imagine-Warnings")) == (200, None)
        async with client.post(TXT2IMG, json={"prompt": "a fox", "batch_size": 1}) as answer:
            assert answer.status == 200
        assert client.worker.seen[0].params.model == "owl"

    ask(tmp_path, act, models=("fox", "owl"), worker=PaintingWorker())
