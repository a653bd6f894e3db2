"""What Replicate's own Python client gets of a server, as JSON: `official.py URL PICTURE`, by a Python that has it."""

import base64
import io
import json
import sys
from pathlib import Path

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


def streamed(prompt):
    """What came, by kind and order, and how it ended."""
    events, failure = [], None
    try:
        events.extend(client.stream("imagine/fox", input=asked | {"prompt": prompt}))
    except RuntimeError as error:
        failure = str(error)
    kinds = [event.event.value for event in events]
    output = [shown(event.data) for event in events if event.event.value == "output"]
    return {"kinds": sorted({*kinds}), "last": kinds[-1], "output": output, "failure": failure}


model = client.models.get("imagine/fox")
photo = io.BytesIO(Path(sys.argv[2]).read_bytes())
drawn = client.run("imagine/fox", input=asked | {"num_outputs": 2, "output_format": "webp"})
changed = client.run("owl/barn", input={"prompt": "at night", "image": drawn[0].url, "prompt_strength": 0.4})
polled = client.predictions.create(version="imagine/fox:any", input=asked, wait=False)
polled.wait()
held = client.models.predictions.create(model="imagine/fox", input={"prompt": "hold"})
cancelled = client.predictions.cancel(held.id)
failed = client.models.predictions.create(model="imagine/fox", input={"prompt": "fail WorkerLost"}, wait=True)
shown_a_file = client.run("owl/barn", input={"prompt": "at night", "image": photo, "width": 64, "height": 64})
first = client.predictions.list()
print(
    json.dumps(
        {
            "drawn": [shown(each) for each in drawn],
            "changed": [shown(each) for each in changed],
            "polled": [polled.status, polled.model, polled.progress.current, len(polled.output)],
            "held": [held.status, cancelled.status],
            "failed": [failed.status, failed.error],
            "model": [model.owner, model.name, model.latest_version.id, model.visibility],
            "form": sorted(model.latest_version.openapi_schema["components"]["schemas"]["Input"]["properties"]),
            "file": len(shown_a_file),
            "listed": [[each.id, each.status] for each in first.results],
            "next": first.next and [each.status for each in client.predictions.list(first.next).results],
            "newest": [failed.id, held.id],
            "streamed": streamed("a fox"),
            "stream failed": streamed("fail WorkerLost"),
            "no model": refused(lambda: client.models.get("imagine/wolf")),
            "called": refused(
                lambda: client.predictions.create(version="fox", input=asked, webhook="https://hook.example")
            ),
            "unknown": refused(lambda: client.run("imagine/wolf", input=asked)),
            "wrong": refused(lambda: client.run("imagine/fox", input={"prompt": "x", "width": 5})),
            "gone": refused(lambda: client.predictions.get("nothing")),
        }
    )
)
