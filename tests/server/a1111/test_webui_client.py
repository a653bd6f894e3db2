"""webuiapi, the Python client of AUTOMATIC1111's API, unchanged, against a running server: release 0.9.17 passes."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.clients import python_with
from tests.server.openai.painting import PaintingWorker
from tests.server.served import ask

KEY = "a-key-of-some-length"


@pytest.mark.slow
def test_it_paints_and_is_told_what_there_is(tmp_path):
    python = python_with("webuiapi")

    async def act(client):
        script = str(Path(__file__).with_name("official.py"))
        process = await asyncio.create_subprocess_exec(
            python, script, str(client.port), KEY, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        said, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        return json.loads(said.splitlines()[-1]), [job.params for job in client.worker.seen]

    said, (first, second, third, *rest) = ask(tmp_path, act, api_key=KEY, worker=PaintingWorker())
    assert rest == []
    assert (said["sizes"], said["info"]["all_seeds"]) == ([[64, 96]] * 2, [1003, 1004])
    assert said["info"]["infotexts"][0].startswith("a fox\nNegative prompt: fog\nSteps: 20")
    assert said["recipe"].startswith(said["info"]["infotexts"][0].partition(", Model")[0])
    assert (said["changed"]["prompt"], said["read"], said["progress"]) == ("a hat", "", 0)
    assert (first.num_steps, first.sampler, second.seed, third.strength) == (20, "euler a", 1004, 0.5)
    assert third.mask is not None
    told = said["told"]
    assert told["util_get_current_model"].startswith("fox")
    assert [name.startswith("fox") for name in told["util_get_model_names"]] == [True]
    assert "canny" in told["controlnet_module_list"]
    named = ("samplers", "schedulers", "upscalers", "prompt_styles", "latent_upscale_modes", "cmd_flags", "memory")
    assert all(told[f"get_{name}"] for name in named)
    assert said["enlarged"] == [64, 64]
    assert "no assistant" in said["refused"]
