"""What Replicate's own Python client gets of a server, as JSON: `official.py URL`, run by a Python that has it."""

import base64
import json
import sys

import replicate
from replicate.exceptions import ReplicateError

client = replicate.Client(api_token="any", base_url=sys.argv[1])
asked = {"prompt": "a fox", "width": 64, "height": 96, "seed": 7}


def refused(act):
    try:
        act()
    except ReplicateError as error:
        return [error.status, error.detail]
    raise AssertionError("it wasn't refused")


def shown(output):
    return base64.b64encode(output.read()).decode()


drawn = client.run("imagine/fox", input=asked | {"num_outputs": 2, "output_format": "webp"})
changed = client.run("owl/barn", input={"prompt": "at night", "image": drawn[0].url, "prompt_strength": 0.4})
polled = client.predictions.create(version="imagine/fox:any", input=asked, wait=False)
polled.wait()
held = client.models.predictions.create(model="imagine/fox", input={"prompt": "hold"})
cancelled = client.predictions.cancel(held.id)
failed = client.models.predictions.create(model="imagine/fox", input={"prompt": "fail WorkerLost"}, wait=True)
print(
    json.dumps(
        {
            "drawn": [shown(each) for each in drawn],
            "changed": [shown(each) for each in changed],
            "polled": [polled.status, polled.model, polled.progress.current, len(polled.output)],
            "held": [held.status, cancelled.status],
            "failed": [failed.status, failed.error],
            "unknown": refused(lambda: client.run("imagine/wolf", input=asked)),
            "wrong": refused(lambda: client.run("imagine/fox", input={"prompt": "x", "width": 5})),
            "gone": refused(lambda: client.predictions.get("nothing")),
        }
    )
)
