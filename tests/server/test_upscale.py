"""`/upscale`: a picture enlarged, answered and streamed from its file, refused, and taken back."""

import asyncio
import base64
import contextlib
import io
import json

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from imagine.registry.registry import Registry
from imagine.words.events import Finished, Loading, Progress
from imagine.words.recipe import Hires
from imagine.words.upscalers import RESAMPLING
from tests.registry import declared
from tests.server.served import PromptedWorker, ask
from tests.upscaling import compact_tensors, write_compact

MADE = bytes(range(256)) * 3000
"""More than what is read of a file at a time."""


class EnlargingWorker(PromptedWorker):
    """Writes `MADE` into the file of whatever is to be enlarged, unless its scale is 3, which waits for ever."""

    def _play(self, job):
        if job.enlargement is None:
            super()._play(job)
            return
        buffer = self.held[job.job]
        buffer.put(Loading(job=job.job, model=job.params.model))
        if job.params.hires.scale == 3:
            return
        buffer.put(Progress(job=job.job, step=1, steps=2, remaining=0.5))
        with open(job.enlargement.path, "r+b") as file:  # noqa: PTH123 - as the worker does
            file.write(MADE)
        meta = job.enlargement.meta | {"upscaled": [{"upscaler": job.model.name}]}
        self._end(Finished(job=job.job, data=b"", meta=meta, timings={"upscaling": 1.0}))


def png(size=(64, 48), meta=None):
    file, info = io.BytesIO(), PngInfo()
    if meta is not None:
        info.add_text("meta", json.dumps(meta))
    Image.new("RGB", size, "red").save(file, "PNG", pnginfo=info)
    return base64.b64encode(file.getvalue()).decode()


@pytest.fixture
def place(tmp_path):
    (tmp_path / "models").mkdir()
    write_compact(tmp_path / "models/sharp.safetensors", compact_tensors(features=8, convolutions=3, scale=4))
    return tmp_path


def post(folder, body, *, headers=None):
    """Status, headers, body, the jobs that were seen, and the files that are left."""

    async def act(client):
        async with client.post("/upscale", data=json.dumps(body).encode(), headers=headers) as answer:
            text = await answer.read()
        return answer.status, answer.headers, text, client.worker.seen

    return *ask(folder, act, worker=EnlargingWorker()), left_in(folder)


def left_in(folder):
    return [path.name for path in (folder / "pictures").iterdir()] if (folder / "pictures").is_dir() else []


def test_the_answer_holds_the_file_and_the_source_s_recipe(place):
    meta = {"model": "fox", "prompt": "a fox", "seed": "18446744073709551615"}
    status, headers, body, (job,), left = post(place, {"img": png(meta=meta), "upscaler": "sharp", "scale": 4})
    answer = json.loads(body)
    assert status == 200
    assert base64.b64decode(answer["img"]) == MADE
    assert (answer["meta"]["prompt"], answer["meta"]["seed"]) == ("a fox", "18446744073709551615")
    assert answer["meta"]["upscaled"] == [{"upscaler": "sharp"}]
    assert answer["warnings"] == []
    assert answer["timings"] == {"upscaling": 1.0}
    assert "X-Imagine-Order" in headers
    assert job.model.family == "compact"
    assert job.model.main.role == "upscaler"
    assert len(job.model.digest) == 64
    assert (job.params.width, job.params.height, job.params.hires.scale) == (64, 48, 4)
    assert left == []


def test_a_png_is_sent_as_it_lies(place):
    body = {"img": png(), "upscaler": "SHARP.safetensors", "colour": "red"}
    status, headers, made, (job,), left = post(place, body, headers={"Accept": "image/png"})
    assert (status, made, left) == (200, MADE, [])
    assert headers["Content-Type"] == "image/png"
    assert headers["Content-Length"] == str(len(MADE))
    assert json.loads(headers["X-Imagine-Warnings"]) == ["unknown and left out: 'colour'"]
    assert job.params.hires.scale == 2


def test_lines_tell_how_far_it_is_and_the_last_holds_the_file(place):
    status, headers, body, _, left = post(place, {"img": png(), "progress": True})
    lines = [json.loads(line) for line in body.splitlines()]
    assert status == 200
    assert headers["Content-Type"].startswith("application/x-ndjson")
    assert [line["status"] for line in lines if line["status"] != "queued"] == ["loading", "progress", "final"]
    assert lines[-2]["stage"] == "upscaling"
    assert (lines[-2]["step"], lines[-2]["steps"], lines[-2]["remaining"]) == (1, 2, 0.5)
    assert base64.b64decode(lines[-1]["img"]) == MADE
    assert left == []


def test_who_names_none_gets_one_that_is_there_else_lanczos_and_a_warning(place):
    _, _, body, (job,), _ = post(place, {"img": png()})
    assert (job.model.name, json.loads(body)["warnings"]) == ("sharp", [])
    (place / "models/sharp.safetensors").unlink()
    _, _, body, (job,), _ = post(place, {"img": png()})
    assert (job.model.name, job.model.family, job.keep_alive) == ("lanczos", RESAMPLING, 0)
    assert json.loads(body)["warnings"] == ["there is no upscaler here, so the picture was only resampled, by lanczos"]


def test_a_recipe_that_cannot_be_read_is_a_warning(place):
    file, info = io.BytesIO(), PngInfo()
    info.add_text("meta", "{")
    Image.new("RGB", (64, 64)).save(file, "PNG", pnginfo=info)
    status, _, body, _, _ = post(place, {"img": base64.b64encode(file.getvalue()).decode(), "upscaler": "bicubic"})
    assert status == 200
    (warning,) = json.loads(body)["warnings"]
    assert warning.startswith("img")


@pytest.mark.parametrize(
    ("said", "status", "sentence"),
    [
        ({"upscaler": "sharb"}, 404, "upscaler 'sharb' not found; did you mean: sharp?"),
        ({"upscaler": "zzzz"}, 404, "upscaler 'zzzz' not found; there are: lanczos, bicubic, sharp"),
        ({"upscaler": "latent"}, 400, "upscaler can't be latent here: it enlarges what isn't a picture yet"),
        ({"upscaler": "fox"}, 400, "upscaler 'fox' is a file of the kind checkpoint"),
        ({"scale": 5}, 400, "scale is 5; it must be a number from 1 to 4"),
        ({"scale": "2"}, 400, "scale is '2'; it must be a number from 1 to 4"),
        ({"img": "AAAA"}, 400, "img is not a PNG, JPEG or WebP picture"),
        ({"img": png((2100, 10)), "scale": 4}, 400, "scale 4 would make the picture 8400 × 40; at most 8192 a side"),
        ({"img": None}, 400, "img is missing; it must be text"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(place, said, status, sentence):
    got, _, body, seen, left = post(place, {"img": png()} | said)
    assert (got, json.loads(body)["error"]) == (status, sentence)
    assert (seen, left) == ([], [])


def test_a_client_that_hangs_up_takes_it_back_and_leaves_nothing(place):
    async def act(client):
        asking = asyncio.create_task(client.post("/upscale", json={"img": png(), "scale": 3}))
        while not client.worker.held:
            await client.worker.news.wait()
            client.worker.news.clear()
        assert len(left_in(place)) == 1
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking
        while not client.worker.cancelled:
            await client.worker.news.wait()
            client.worker.news.clear()

    ask(place, act, worker=EnlargingWorker())
    assert left_in(place) == []


def test_second_passes_take_files_too(place):
    async def act(client):
        body = {"prompt": "a fox", "hires": {"scale": 2, "upscaler": "sharp"}}
        async with client.post("/generate", json=body) as answer:
            made = await answer.json()
        async with client.post("/generate", json=body | {"hires": {"scale": 2, "upscaler": "sharpe"}}) as answer:
            refused = await answer.json()
        again = {**made["meta"], "parts": {"upscaler": client.worker.seen[0].upscaler.digest}}
        again["hires"] = again["hires"] | {"upscaler": "called-otherwise-then"}
        async with client.post("/generate", json=again) as answer:
            assert answer.status == 200, await answer.text()
        return client.worker.seen, refused

    (first, second), refused = ask(place, act, worker=EnlargingWorker())
    assert first.upscaler.name == second.upscaler.name == "sharp"
    assert second.params.hires.upscaler == "sharp"  # found by its digest
    assert first.params.hires.strength == 0.55
    assert refused["error"] == "hires.upscaler 'sharpe' not found; did you mean: sharp?"


def test_the_registry_lists_what_ships_in_folders(tmp_path):
    from imagine.files import shipped

    registry = Registry([], shipped=shipped.models())
    registry.refresh()
    listed = {entry.name: entry for entry in registry.files()}
    assert listed["realesr-animevideov3"].kind == "upscaler"
    assert listed["realesr-animevideov3"].shipped
    write_compact(tmp_path / "realesr-animevideov3.safetensors", compact_tensors(features=8, convolutions=3, scale=2))
    own = Registry([tmp_path], shipped=shipped.models())
    own.refresh()
    assert not own.find("realesr-animevideov3", "upscaler").shipped


def drawn(folder, body):
    """The jobs and warnings of a request for a picture."""

    async def act(client):
        async with client.post("/generate", json={"prompt": "a fox", "model": "toy"} | body) as answer:
            return (await answer.json())["warnings"], client.worker.seen

    return ask(folder, act, worker=EnlargingWorker())


def test_a_model_s_own_upscaler_enlarges_for_who_says_no_size(place):
    said = {"imagine.upscaler": "sharp"}
    declared.write(place / "models/toy.safetensors", declared.tiny(), metadata=said)
    warnings, (job,) = drawn(place, {})
    assert (job.params.hires, warnings) == (Hires(scale=4, strength=0, upscaler="sharp"), [])
    assert job.upscaler.name == "sharp"
    warnings, (job,) = drawn(place, {"width": 512, "height": 512})
    assert (job.params.hires, job.upscaler) == (None, None)
    warnings, (job,) = drawn(place, {"hires": 1})
    assert (job.params.hires, job.upscaler) == (None, None)
    (place / "models/sharp.safetensors").unlink()
    warnings, (job,) = drawn(place, {})
    assert (job.params.hires, job.upscaler) == (None, None)
    assert warnings == ["toy has its pictures enlarged by sharp, which isn't here; this one is as it was painted"]


def test_what_a_model_says_of_itself_is_listed(place):
    declared.write(place / "models/toy.safetensors", declared.tiny(), metadata={"imagine.examples": '["a house"]'})
    (place / "models/toy.yaml").write_text("upscaler: sharp\nexamples: {ru: [дом], en: [a home]}\n")

    async def act(client):
        async with client.get("/models") as answer:
            listed = await answer.json()
        return {one["name"]: one for one in listed["details"]}, {one["name"]: one for one in listed["others"]}

    models, others = ask(place, act)
    assert (models["toy"]["upscaler"], models["toy"]["examples"]) == ("sharp", {"ru": ["дом"], "en": ["a home"]})
    assert "examples" not in models["fox"]
    assert (others["sharp"]["kind"], others["sharp"]["use"]) == (
        "upscaler",
        "as an upscaler: imagine upscale, or hires.upscaler",
    )
