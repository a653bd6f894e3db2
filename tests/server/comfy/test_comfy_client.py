"""comfy-api-simplified, unchanged, against a running server: release 1.6.0 passes."""

import asyncio
import io
import json
from pathlib import Path

from PIL import Image

from tests.clients import python_with
from tests.server.comfy.graphs import image_graph, node, text_graph
from tests.server.served import ask

KEY = "a-key-of-some-length"


def test_it_paints_changes_and_is_refused(tmp_path):
    python = python_with("comfy_api_simplified")
    photo = tmp_path / "photo.png"
    file = io.BytesIO()
    Image.new("RGB", (64, 96), "red").save(file, "PNG")
    photo.write_bytes(file.getvalue())
    graphs = {
        "text": text_graph(count=2), "image": image_graph(denoise=0.5), "unknown": {"1": node("Nothing")},
    }  # fmt: skip

    async def act(client):
        script = str(Path(__file__).with_name("official.py"))
        process = await asyncio.create_subprocess_exec(
            python, script, str(client.make_url("")).rstrip("/"), KEY, str(photo),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        said, _ = await process.communicate(json.dumps(graphs).encode())
        return process.returncode, json.loads(said), [job.params for job in client.worker.seen]

    status, said, jobs = ask(tmp_path, act, api_key=KEY)
    assert status == 0
    assert said["painted"] == {"Dechat_00001_.png": "png of seed 7", "Dechat_00002_.png": "png of seed 8"}
    assert said["changed"] == {"Dechat_00003_.png": "png of seed 7"}
    assert "400" in said["refused"]
    assert said["queue"] == {"queue_running": [], "queue_pending": []}
    assert (said["stats"], said["nodes"], said["embeddings"]) == (["system", "devices"], ["KSampler"], [])
    assert jobs[0].prompt == "two foxes"
    assert (jobs[2].strength, jobs[2].num_steps, jobs[2].width, jobs[2].height) == (0.5, 18, 64, 96)
