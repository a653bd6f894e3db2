"""`/preprocess`: what a worker is asked for, what is answered, and what is refused before that."""

import base64
import io
import json

import pytest
from PIL import Image

from imagine.words.events import Finished, Progress
from imagine.words.preprocessors import PLAIN
from tests.registry import declared
from tests.server.served import PromptedWorker, ask

MADE = b"\x89PNG, as far as a gateway knows"
DEPTH = {
    "backbone.embeddings.cls_token": (1, 1, 384),
    "neck.reassemble_stage.layers.0.projection.weight": (48, 384, 1, 1),
    "head.conv3.weight": (1, 32, 1, 1),
}


class MappingWorker(PromptedWorker):
    def _play(self, job):
        if job.mapping is None:
            super()._play(job)
            return
        self.held[job.job].put(Progress(job=job.job, step=0, steps=1))
        meta = {"preprocessed": {"preprocess": job.mapping.preprocess}}
        self._end(Finished(job=job.job, data=MADE, meta=meta, timings={"mapping": 1.0}))


def png(width=64, height=48, mode="RGB"):
    file = io.BytesIO()
    Image.new(mode, (width, height), "red").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@pytest.fixture
def place(tmp_path):
    (tmp_path / "models").mkdir()
    return tmp_path


def post(folder, body, **headers):
    """Status, headers, body, and the jobs that were seen."""

    async def act(client):
        async with client.post("/preprocess", data=json.dumps(body).encode(), headers=headers) as answer:
            text = await answer.read()
        return answer.status, answer.headers, text, client.worker.seen

    return ask(folder, act, worker=MappingWorker())


def test_a_worker_is_asked_for_a_map_of_that_size(place):
    wish = {"img": png(), "preprocess": "canny", "options": {"low_threshold": 50, "high_threshold": 200}, "width": 128}
    status, _, body, (job,) = post(place, wish | {"resize": "fit", "colour": 1})
    answer = json.loads(body)
    assert (status, base64.b64decode(answer["img"])) == (200, MADE)
    assert answer["meta"] == {"preprocessed": {"preprocess": "canny"}}
    assert ["colour" in warning for warning in answer["warnings"]] == [True]
    assert (job.model.family, job.model.main.role, job.keep_alive) == (PLAIN, "preprocessor", 0.0)
    assert (job.params.width, job.params.height, job.params.resize) == (128, 96, "fit")
    assert job.mapping.options == {"low_threshold": 50}


def test_it_is_a_png_or_lines_for_who_wants_that(place):
    wish = {"img": png(), "preprocess": "invert", "mask": png(mode="L"), "preprocessor": "x"}
    status, headers, body, (job,) = post(place, wish, Accept="image/png")
    assert (status, headers["Content-Type"], body) == (200, "image/png", MADE)
    assert job.mask is None
    said = json.loads(headers["X-Imagine-Warnings"])
    assert ["mask" in said[1], "preprocessor" in said[0], len(said)] == [True, True, 2]
    _, _, body, _ = post(place, wish | {"progress": True})
    lines = [json.loads(line) for line in body.splitlines()]
    assert [line["status"] for line in lines if line["status"] != "queued"] == ["progress", "final"]
    assert (lines[-2]["stage"], base64.b64decode(lines[-1]["img"])) == ("mapping", MADE)


def test_a_mask_goes_where_something_is_painted(place):
    *_, (job,) = post(place, {"img": png(), "preprocess": "inpaint", "mask": png(mode="L")})
    assert job.mask is not None
    assert job.params.mask is not None


@pytest.mark.parametrize(
    ("change", "status", "field", "said"),
    [
        ({"preprocess": "cany"}, 400, "preprocess", "cany"),
        ({"preprocess": None}, 400, "preprocess", "missing"),
        ({"img": "AAAA"}, 400, "img", "PNG"),
        ({"options": {"sigma": 3}}, 400, "options.sigma", "low_threshold, high_threshold"),
        ({"options": {"low_threshold": -1}}, 400, "options.low_threshold", "from 0 to 2040"),
        ({"options": {"low_threshold": "50"}}, 400, "options.low_threshold", "number"),
        ({"width": 8}, 400, "width", "16"),
        ({"img": png(900, 2), "width": 64}, 400, "height", "from 16 to 4096"),
        ({"preprocess": "depth"}, 404, "preprocess", "Depth-Anything-V2-Small-hf (model.safetensors) would do it"),
        ({"preprocess": "softedge"}, 404, "preprocess", "HED"),
        ({"preprocess": "pose"}, 404, "preprocess", "can't be made here"),
        ({"preprocess": "depth", "preprocessor": "nothing"}, 404, "preprocessor", "not found"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(place, change, status, field, said):
    body = {"img": png(), "preprocess": "canny"} | change
    seen, _, answer, jobs = post(place, {key: value for key, value in body.items() if value is not None})
    assert (seen, jobs) == (status, [])
    assert json.loads(answer)["field"] == field
    assert said in json.loads(answer)["error"]


def test_a_file_of_the_kind_is_found_and_another_named(place):
    for name in ("b", "a"):
        declared.write(place / f"models/{name}.safetensors", DEPTH)
    *_, (job,) = post(place, {"img": png(), "preprocess": "depth"})
    assert (job.model.name, job.model.family, job.params.digest) == ("a", "depth-anything", job.model.digest)
    *_, (job,) = post(place, {"img": png(), "preprocess": "normal", "preprocessor": "b"})
    assert job.model.name == "b"
    status, _, answer, _ = post(place, {"img": png(), "preprocess": "softedge", "preprocessor": "b"})
    assert (status, "takes a file of the kind hed" in json.loads(answer)["error"]) == (400, True)
