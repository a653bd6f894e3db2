"""`/generate`: what is answered, streamed, refused, and taken back."""

import asyncio
import base64
import io
import json

import pytest
from PIL import Image

from imagine.asking.resolve import Defaults
from imagine.messages import in_english
from imagine.server.http.errors import STATUSES, status_of
from imagine.settings.values import ModelSettings
from imagine.words import errors
from tests.registry import declared
from tests.server.served import add_model, ask

AGAIN = "that is the second time with this picture, so it isn't tried again"


def png(size=(64, 64)):
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def post(folder, body, *, headers=None, **said):
    """Status, headers and body of one request."""

    async def act(client):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with client.post("/generate", data=data, headers=headers) as answer:
            return answer.status, answer.headers, await answer.read(), client.worker.seen

    return ask(folder, act, **said)


def test_a_picture_and_what_makes_it_again(tmp_path):
    seed = 591445185899376350
    status, headers, body, seen = post(tmp_path, {"prompt": "a fox", "seed": seed, "num_steps": 3, "colour": "red"})
    answer = json.loads(body)
    assert status == 200
    assert base64.b64decode(answer["img"]) == b"png of seed 591445185899376350"
    assert answer["seed"] == answer["meta"]["seed"] == str(seed)
    assert answer["meta"]["sampler"] == "dpm++ 2m"
    assert answer["timings"]["denoising"] == 1.0
    assert answer["warnings"] == ["unknown and left out: 'colour'"]
    assert "images" not in answer
    assert headers["Content-Type"].startswith("application/json")
    assert seen[0].model.main.path.endswith("fox.safetensors")


def test_files_to_be_used_beside_the_model_are_found_by_name(tmp_path):
    body = {"prompt": "a fox", "model": "fox", "refiner": "wolf", "refiner_at": 0.6}
    _, _, _, seen = post(tmp_path, body, models=("fox", "wolf"))
    refiner = seen[0].refiner
    assert refiner.main.path == str(tmp_path / "models" / "wolf.safetensors")
    assert len(refiner.digest) == 64
    assert (seen[0].params.refiner, seen[0].params.refiner_at) == ("wolf", 0.6)


def test_what_a_models_file_names_as_its_own_goes_before_the_defaults_of_all(tmp_path):
    own = {"imagine.guidance": "2.5", "imagine.num_steps": "9"}
    declared.write(tmp_path / "models/wolf.safetensors", declared.tiny(), metadata=own)

    async def act(client):
        for more in ({}, {"guidance": 8}, {"model": "fox"}):
            await (await client.post("/generate", json={"prompt": "a", "model": "wolf"} | more)).read()
        said = await (await client.get("/models")).json()
        return said["details"], [(job.params.guidance, job.params.num_steps) for job in client.worker.seen]

    wolf = ModelSettings("wolf", Defaults(num_steps=4))
    details, asked = ask(tmp_path, act, defaults=Defaults(guidance=5.0), per_model=(wolf,))
    assert asked == [(2.5, 4), (8.0, 4), (5.0, 25)]
    assert {entry["name"]: entry["defaults"] for entry in details} == {
        "fox": {"guidance": 5.0},
        "wolf": {"guidance": 2.5, "num_steps": 4},
    }


@pytest.mark.parametrize("role", ["vae", "refiner"])
def test_files_that_are_not_there_are_refused_by_their_role(tmp_path, role):
    status, _, body, seen = post(tmp_path, {"prompt": "a fox", role: "../wolf"})
    assert (status, seen) == (404, [])
    none = f": no file of the kind {role} is here; put one into the folder of models"
    assert json.loads(body)["error"] == f"{role} '../wolf' not found" + (
        "; there are: fox" if role == "refiner" else none
    )


def test_several_pictures_are_jobs_of_the_seeds_that_follow(tmp_path):
    _, _, body, seen = post(tmp_path, {"prompt": "a fox", "seed": "7", "count": 3, "keep_alive": "1m"})
    assert [each["seed"] for each in json.loads(body)["images"]] == ["7", "8", "9"]
    assert [job.keep_alive for job in seen] == [60.0] * 3
    assert len({job.job for job in seen}) == 3


def test_the_picture_itself_for_who_accepts_only_that(tmp_path):
    status, headers, body, _ = post(tmp_path, {"prompt": "a fox", "seed": 5}, headers={"Accept": "image/png"})
    assert (status, body, headers["X-Imagine-Seed"]) == (200, b"png of seed 5", "5")
    assert headers["Content-Type"] == "image/png"


@pytest.mark.parametrize("more", [{"count": 2}, {"stream": 1}, {"progress": True}])
def test_one_png_can_not_hold_what_needs_json(tmp_path, more):
    status, _, body, _ = post(tmp_path, {"prompt": "a fox", **more}, headers={"Accept": "image/png"})
    assert status == 400
    assert next(iter(more)) in json.loads(body)["error"]


def lines(body):
    return [json.loads(line) for line in body.splitlines()]


def test_a_stream_is_previews_and_a_last_line(tmp_path):
    status, headers, body, _ = post(tmp_path, {"prompt": "a fox", "num_steps": 5, "stream": 2, "seed": 3})
    said = lines(body)
    assert (status, headers["Content-Type"]) == (200, "application/x-ndjson")
    assert [(line["status"], line["step"], line["steps"], line["seed"]) for line in said] == [
        ("intermediate", 2, 5, "3"), ("intermediate", 4, 5, "3"), ("final", 5, 5, "3"),
    ]  # fmt: skip
    assert all("img" in line and "index" not in line for line in said)
    assert said[-1]["meta"]["num_steps"] == 5


@pytest.mark.parametrize("off", [0, None, False])
def test_a_stream_of_nothing_is_none(tmp_path, off):
    _, headers, body, _ = post(tmp_path, {"prompt": "a fox", "stream": off})
    assert headers["Content-Type"].startswith("application/json")
    assert "img" in json.loads(body)


def test_each_of_several_streamed_pictures_has_its_own_last_line(tmp_path):
    _, _, body, _ = post(tmp_path, {"prompt": "a fox", "num_steps": 2, "stream": 1, "seed": 3, "count": 2})
    said = lines(body)
    assert sorted((line["index"], line["seed"]) for line in said if line["status"] == "final") == [(0, "3"), (1, "4")]
    assert sorted((line["index"], line["seed"]) for line in said if line["status"] != "final") == [(0, "3"), (1, "4")]


def test_progress_is_told_only_to_who_asks(tmp_path):
    _, _, body, _ = post(tmp_path, {"prompt": "a fox", "num_steps": 2, "stream": 2, "progress": True})
    said = lines(body)
    assert [line["status"] for line in said if "img" not in line] == ["loading", "progress", "progress"]
    assert said[-1]["status"] == "final"


def test_an_error_after_the_first_line_is_the_last_line(tmp_path):
    status, _, body, _ = post(tmp_path, {"prompt": "fail OutOfMemory", "num_steps": 3, "stream": 1})
    said = lines(body)
    assert status == 200
    assert [line.get("status") for line in said] == ["intermediate", "intermediate", None]
    assert said[-1] == {"error": "no picture this time", "code": "plain"}


@pytest.mark.parametrize("stream", [0, 25])
@pytest.mark.parametrize(("error", "status"), [("OutOfMemory", 507), ("WorkerLost", 502), ("UnusableModel", 422)])
def test_an_error_before_the_first_line_is_a_status(tmp_path, error, status, stream):
    seen, _, body, _ = post(tmp_path, {"prompt": f"fail {error}", "stream": stream})
    told = {"error": "no picture this time", "code": "plain"}
    if error == "WorkerLost":
        told = {"error": f"no picture this time; {AGAIN}", "code": "worker.lost_again"}
    assert (seen, json.loads(body)) == (status, told)


def test_every_error_of_ours_has_a_status():
    kinds = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, errors.ImagineError)]
    assert set(kinds) == set(STATUSES)
    assert status_of(errors.Busy(in_english("full"), retry_after=1)) == 503


def test_pictures_are_checked_and_handed_on(tmp_path):
    _, _, body, seen = post(tmp_path, {"prompt": "a fox", "img": png(), "strength": 0.5})
    assert json.loads(body)["meta"]["img"] == seen[0].params.img
    assert base64.b64encode(seen[0].img).decode() == png()
    assert seen[0].mask is None


MISSING = {"error": "model 'owl' not found", "code": "model.missing", "field": "model", "value": "owl"}


def test_a_refusal_and_a_warning_come_in_the_clients_language(tmp_path):
    async def act(client):
        spoken = {"Accept-Language": "ru,en;q=0.5"}
        async with client.post("/generate", json={"prompt": "x", "model": "owl"}, headers=spoken) as answer:
            refused = await answer.json()
        add_model(tmp_path, "fox")
        client.gateway.clock = lambda: 1e9
        async with client.post(
            "/generate", json={"prompt": "x", "model": "fox", "strength": 0.5}, headers=spoken
        ) as answer:
            assert (await answer.json())["warnings"] == ["strength не действует без img"]
        assert refused == MISSING | {"error": "модель «owl» не найдена"}

    ask(tmp_path, act)


def test_a_model_that_was_just_added_is_found(tmp_path):
    async def act(client):
        async with client.post("/generate", json={"prompt": "x", "model": "owl"}) as answer:
            assert (answer.status, await answer.json()) == (404, MISSING)
        add_model(tmp_path, "owl")
        client.gateway.clock = lambda: 1e9
        async with client.post("/generate", json={"prompt": "x", "model": "owl"}) as answer:
            assert (await answer.json())["meta"]["model"] == "owl"
        async with client.post("/generate", json={"prompt": "x"}) as answer:
            assert (await answer.json())["meta"]["model"] == "owl", "the one used last"

    ask(tmp_path, act)


HOSTILE = [
    b"", b" ", b"null", b"[]", b'"text"', b"{", b"{}", b'{"prompt"', b"\xff\xfe", b"\x00",
    b'{"prompt": null}', b'{"prompt": 1}', b'{"prompt": ["a"]}', b'{"prompt": "a", "prompt": "b"}',
    b'{"prompt": "\\ud800"}', b'{"prompt": "a", "\\udfff": 1}', b'{"prompt": "a", "seed": NaN}',
    b'{"prompt": "a", "guidance": Infinity}', b'{"prompt": "a", "guidance": 1e999}',
    b'{"prompt": "a", "seed": ' + b"9" * 5000 + b"}", b'{"prompt": "a", "seed": -2}',
    b'{"prompt": "a", "seed": "18446744073709551616"}', b'{"prompt": "a", "seed": "x"}',
    b'{"prompt": "a", "x": ' + b"[" * 5000 + b"]" * 5000 + b"}", b"[" * 100_000,
    b'{"prompt": "a", "x": [' + b"1," * 200_000 + b"1]}",
    b'{"prompt": "a", "width": "512"}', b'{"prompt": "a", "width": 63}', b'{"prompt": "a", "height": 2049}',
    b'{"prompt": "a", "width": true}', b'{"prompt": "a", "num_steps": 0}', b'{"prompt": "a", "num_steps": 151}',
    b'{"prompt": "a", "num_steps": 2.5}', b'{"prompt": "a", "steps": 1, "num_steps": 2}',
    b'{"prompt": "a", "guidance": 31}', b'{"prompt": "a", "strength": 1.1}', b'{"prompt": "a", "clip": 13}',
    b'{"prompt": "a", "hires": 5}', b'{"prompt": "a", "count": 0}', b'{"prompt": "a", "count": 17}',
    b'{"prompt": "a", "sampler": "nonsense"}', b'{"prompt": "a", "preset": "nonsense"}',
    b'{"prompt": "a", "vae": "nonsense"}', b'{"prompt": "a", "mask": "AAAA"}', b'{"prompt": "a", "img": ""}',
    b'{"prompt": "a", "img": "!"}', b'{"prompt": "a", "img": "AAAA"}', b'{"prompt": "a", "img": "data:text/html,x"}',
    b'{"prompt": "a", "img": "iVBORw0KGgo="}', b'{"prompt": "a", "keep_alive": "soon"}',
    b'{"prompt": "a", "stream": -1}', b'{"prompt": "a", "extend": {"left": -1}}',
]  # fmt: skip


def test_no_hostile_body_is_our_fault(tmp_path):
    async def act(client):
        for body in HOSTILE:
            async with client.post("/generate", data=body) as answer:
                assert answer.status == (404 if b'"vae"' in body else 400), body[:80]
                said = await answer.json()
                assert next(iter(said)) == "error", body[:80]
                assert said["error"], body[:80]
                assert len(said["error"]) < 600, body[:80]
        assert client.worker.seen == []

    ask(tmp_path, act)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..", "fox.safetensors/..", "fox\0", "a" * 200])
def test_a_model_name_is_never_a_path(tmp_path, name):
    status, _, body, seen = post(tmp_path, {"prompt": "a", "model": name})
    assert status == 404
    assert "not found" in json.loads(body)["error"]
    assert seen == []


def test_the_full_queue_says_when_to_come_again(tmp_path):
    async def act(client):
        client.worker.ready = None
        first = asyncio.ensure_future(client.post("/generate", json={"prompt": "a fox"}))
        while client.gateway.pool.waiting < 1:
            await asyncio.sleep(0)
        async with client.post("/generate", json={"prompt": "a fox", "count": 2}) as answer:
            assert answer.status == 503
            assert int(answer.headers["Retry-After"]) >= 1
            assert "queue is full" in (await answer.json())["error"]
        first.cancel()
        await asyncio.wait([first])

    ask(tmp_path, act, max_queue=1)


@pytest.mark.parametrize("stream", [0, 1])
def test_a_client_that_hangs_up_takes_its_jobs_back(tmp_path, stream):
    async def act(client):
        body = {"prompt": "hold", "stream": stream, "progress": bool(stream), "count": 2}
        asking = asyncio.ensure_future(client.post("/generate", json=body))
        while len(client.worker.seen) < 2:
            await client.worker.news.wait()
            client.worker.news.clear()
            await asyncio.sleep(0)
        if stream:
            (await asking).close()
        else:
            asking.cancel()
            await asyncio.wait([asking])
        while len(client.worker.cancelled) < 2:
            await client.worker.news.wait()
            client.worker.news.clear()
        assert sorted(set(client.worker.cancelled)) == sorted(job.job for job in client.worker.seen)
        while client.gateway.pool.jobs:
            await asyncio.sleep(0)

    ask(tmp_path, act)


@pytest.mark.parametrize("name", ["fox.safetensors", "models/fox.gguf", "Fox"])
def test_a_model_is_found_by_its_file_and_in_any_case(tmp_path, name):
    status, _, _, seen = post(tmp_path, {"prompt": "x", "model": name, "num_steps": 2})
    assert (status, seen[0].params.model) == (200, "fox")


def test_a_mistyped_model_has_its_likely_one(tmp_path):
    status, _, body, _ = post(tmp_path, {"prompt": "x", "model": "fxo.safetensors"})
    assert (status, json.loads(body)["error"]) == (404, "model 'fxo.safetensors' not found; did you mean: fox?")


def test_a_configured_model_may_be_named_by_its_file(tmp_path):
    async def act(client):
        async with client.post("/generate", json={"prompt": "x"}) as answer:
            return await answer.json()

    steps = ModelSettings("Wolf.safetensors", Defaults(num_steps=4))
    said = ask(tmp_path, act, models=("fox", "wolf"), model="models/wolf.gguf", per_model=(steps,))
    assert (said["meta"]["model"], said["meta"]["num_steps"]) == ("wolf", 4)


def test_a_whole_answer_is_told_that_its_recipe_is_the_body(tmp_path):
    status, _, body, _ = post(tmp_path, {"meta": {"prompt": "a fox"}, "out": "aGk="})
    said = json.loads(body)
    assert (status, said["field"]) == (400, "prompt")
    assert said["error"] == "prompt is missing; meta is a recipe: send what it holds as the body itself"
