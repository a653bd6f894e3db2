"""The tiny VAE of previews is found among the files by its kind, and said to be missing where none is there."""

import json

import pytest

from imagine.words.frames import PreviewSettings
from tests.registry import declared
from tests.server.served import ask

TINY = {"decoder.layers.0.weight": (64, 4, 3, 3), "decoder.layers.2.conv.0.weight": (64, 64, 3, 3)}


def test_it_makes_no_pictures(tmp_path):
    declared.write(tmp_path / "models/fox.safetensors", declared.sd1())
    declared.write(tmp_path / "models/vae/taesd.safetensors", TINY)

    async def act(client):
        async with client.post("/generate", json={"prompt": "a fox", "vae": "taesd"}) as answer:
            return answer.status, (await answer.json())["error"]

    status, why = ask(tmp_path, act, models=())
    assert status == 400
    assert why.startswith("vae 'taesd' is a tiny VAE")


@pytest.mark.parametrize(
    ("files", "model", "used"),
    [
        (["taesd", "taesdxl"], "sd1", "taesd"),
        (["taesd", "taesdxl"], "sdxl", "taesdxl"),
        (["taesdxl"], "sd1", None),
        ([], "sd1", None),
    ],
)
def test_it_is_the_one_of_the_models_kind(tmp_path, files, model, used):
    declared.write(tmp_path / "models/fox.safetensors", getattr(declared, model)())
    for name in files:
        declared.write(tmp_path / f"models/vae/{name}.safetensors", TINY)

    async def act(client):
        async with client.post("/generate", json={"prompt": "a fox", "stream": 5, "preview": "tiny"}) as answer:
            lines = [json.loads(line) async for line in answer.content]
        return client.worker.seen[0].preview, lines[-1]["warnings"]

    preview, warnings = ask(tmp_path, act, models=())
    assert (preview.kind, preview.every) == ("linear" if used is None else "tiny", 5)
    if used is None:
        assert preview == PreviewSettings(kind="linear", every=5)
        assert any(text.startswith("preview can't be tiny and is linear") for text in warnings)
    else:
        assert preview.tiny.path.endswith(f"{used}.safetensors")
        assert not warnings
