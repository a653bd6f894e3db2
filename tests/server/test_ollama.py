"""The image API that Ollama had: what its clients send, and what they read."""

import asyncio
import base64
import io
import json

import pytest
from PIL import Image

from imagine import __version__
from imagine.asking.aliases import Aliases
from imagine.asking.request import GenerateRequest
from imagine.asking.resolve import Defaults
from imagine.messages import sentences
from imagine.server.ollama.listing import count_of
from imagine.server.ollama.requests import STRENGTH, request_from_body
from imagine.words.errors import BadRequest
from imagine.words.frames import ResidentModel, Stats
from tests.server.served import PromptedWorker, ask


def png(size=(64, 64)):
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def post(folder, body, path="/api/generate", **said):
    """Status, content type, body and worker of one request."""

    async def act(client):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with client.post(path, data=data) as answer:
            return answer.status, answer.headers["Content-Type"], await answer.read(), client.worker

    return ask(folder, act, **said)


def lines(folder, body, **said):
    _, _, answer, _ = post(folder, body, **said)
    return [json.loads(line) for line in answer.splitlines()]


def test_a_request_as_its_command_line_sent_it():
    body = {
        "model": "x/z-image-turbo:latest", "prompt": "a fox", "images": None, "width": 1024, "height": 768, "steps": 0,
        "options": {"seed": 42}, "suffix": "", "system": "", "template": "", "context": None,
    }  # fmt: skip
    order = request_from_body(body)
    assert order.request == GenerateRequest(
        model="x/z-image-turbo", prompt="a fox", width=1024, height=768, seed=42, fit="scale", progress=True
    )
    assert (order.called, order.stream, order.warnings) == ("x/z-image-turbo:latest", True, [])
    templated = request_from_body(body | {"template": "{{ .Prompt }}"})
    assert (templated.request, sentences(templated.warnings)) == (order.request, ["unknown and left out: 'template'"])


@pytest.mark.parametrize(
    ("body", "field", "value"),
    [
        ({"negative": "blur"}, "neg", "blur"), ({"negative_prompt": ""}, "neg", ""), ({"n": 3}, "count", 3),
        ({"name": "fox"}, "model", "fox"), ({"model": ""}, "model", None), ({"steps": 9}, "num_steps", 9),
        ({"steps": 0}, "num_steps", None), ({"width": 0}, "width", None), ({"preview": 4}, "stream", 4),
        ({"preview": 0}, "stream", 0), ({"options": {"seed": 0}}, "seed", None), ({"seed": 7}, "seed", 7),
        ({"options": {"seed": "18446744073709551615"}}, "seed", 2**64 - 1), ({"options": {"seed": -1}}, "seed", -1),
        ({"options": {"seed": 1.0}}, "seed", 1), ({"seed": 7, "options": {"seed": 8}}, "seed", 7),
        ({"options": {"steps": 5}}, "num_steps", 5), ({"options": {"negative": "n"}}, "neg", "n"),
        ({"options": None}, "seed", None), ({"keep_alive": "5m"}, "keep_alive", "5m"),
        ({"preset": "vivid"}, "preset", "vivid"), ({"fit": "native"}, "fit", "native"), ({}, "fit", "scale"),
        ({"stream": False}, "progress", None), ({"stream": True}, "progress", True),
        ({"images": ["AAAA"]}, "img", "AAAA"), ({"images": ["AAAA"]}, "strength", STRENGTH), ({}, "strength", None),
        ({"images": ["AAAA"], "strength": 0.2}, "strength", 0.2), ({"images": []}, "img", None),
    ],
)  # fmt: skip
def test_each_field_has_its_place(body, field, value):
    order = request_from_body({"prompt": "x"} | body)
    assert getattr(order.request, field) == value
    assert order.warnings == []


def test_what_has_no_effect_is_told():
    body = {
        "prompt": "x", "stream": False, "preview": 2, "images": ["A", "B"], "system": "you are", "raw": False,
        "options": {"temperature": 0.5, "seed": 3},
    }  # fmt: skip
    asked = request_from_body(body)
    assert sentences(asked.warnings, called=asked.names) == [
        "preview has no effect where stream is false",
        "unknown and left out: 'system', 'options.temperature'",
    ]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"stream": "yes"}, "stream is 'yes'; it must be true or false"), ({"options": 3}, "options is 3; it must be"),
        ({"images": "AAAA"}, "images is 'AAAA'; it must be a list"), ({"images": [3]}, "images is 3; it must be text"),
        ({"preview": "x"}, "preview is 'x'; it must be"), ({"preview": -1}, "preview is -1"),
        ({"negative": 3}, "negative is 3; it must be text"), ({"width": 4096}, "width is 4096; it must be"),
        ({"steps": False}, "steps is false"), ({"options": {"seed": "x"}}, "seed is 'x'"), ({"n": 99}, "n is 99"),
        ({"negative": "a", "neg": "b"}, "both are the same field"), ({"model": 3}, "model is 3"),
        ({"prompt": 3}, "prompt is 3"), ({"keep_alive": "soon"}, "keep_alive is 'soon'"),
    ],
)  # fmt: skip
def test_a_refusal_names_the_clients_field(body, sentence):
    with pytest.raises(BadRequest) as caught:
        request_from_body({"prompt": "x"} | body)
    assert sentence in str(caught.value)


def test_a_stream_is_progress_and_then_the_picture(tmp_path):
    said = lines(tmp_path, {"model": "fox", "prompt": "a fox", "steps": 3, "options": {"seed": 7}})
    assert [(line.get("completed"), line.get("total")) for line in said[1:-1]] == [(1, 3), (2, 3), (3, 3)]
    assert said[0]["status"] == "loading"
    assert all(line["model"] == "fox" and line["response"] == "" and line["created_at"] for line in said)
    assert [line["done"] for line in said] == [False] * 4 + [True]
    assert not any("image" in line or "preview" in line for line in said[:-1])
    last = said[-1]
    assert (base64.b64decode(last["image"]), last["seed"], last["done_reason"]) == (b"png of seed 7", "7", "stop")
    assert last["load_duration"] == 500_000_000
    assert last["total_duration"] > 0


def test_its_lines_are_lines(tmp_path):
    status, kind, body, _ = post(tmp_path, {"prompt": "a fox", "steps": 2})
    assert (status, kind) == (200, "application/x-ndjson")
    assert body.endswith(b"}\n")


def test_without_a_stream_there_is_one_object(tmp_path):
    status, kind, body, _ = post(tmp_path, {"model": "fox:latest", "prompt": "a fox", "stream": False, "seed": "7"})
    answer = json.loads(body)
    assert (status, kind.partition(";")[0]) == (200, "application/json")
    assert (answer["model"], answer["done"], answer["done_reason"]) == ("fox:latest", True, "stop")
    assert (base64.b64decode(answer["image"]), answer["seed"]) == (b"png of seed 7", "7")
    assert "images" not in answer
    assert "warnings" not in answer


def test_previews_come_when_asked(tmp_path):
    said = lines(tmp_path, {"prompt": "a fox", "steps": 4, "preview": 2})
    previews = [line for line in said if "preview" in line]
    assert [(p["completed"], p["total"], base64.b64decode(p["preview"])) for p in previews] == [(2, 4, b"preview")]
    assert "image" in said[-1]


def test_several_pictures_end_once(tmp_path):
    body = {"prompt": "a fox", "steps": 2, "n": 3, "seed": 5}
    said = lines(tmp_path, body)
    pictures = [line for line in said if "image" in line]
    assert sorted((line["index"], line["seed"]) for line in pictures) == [(0, "5"), (1, "6"), (2, "7")]
    assert [line["done"] for line in pictures] == [False, False, True]
    assert said[-1]["done"] is True
    _, _, answer, _ = post(tmp_path, body | {"stream": False})
    assert [each["seed"] for each in json.loads(answer)["images"]] == ["5", "6", "7"]


def test_an_error_after_the_first_line_is_the_last_line(tmp_path):
    said = lines(tmp_path, {"prompt": "fail OutOfMemory", "steps": 2})
    assert said[-1] == {"error": "no picture this time", "code": "plain"}


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        (b"", 400, "missing request body"), (b" ", 400, "missing request body"),
        ({"model": "owl", "prompt": "x"}, 404, "model 'owl' not found"), ({"model": "owl"}, 404, "model 'owl' not"),
        ({"prompt": "x", "images": ["AAAA"]}, 400, "images is not a PNG"),
        ({"prompt": "x", "images": ["!"]}, 400, "images is"), ({"prompt": "x", "preset": "none"}, 400, "preset 'none'"),
        ({"prompt": "fail UnusableModel", "stream": False}, 422, "no picture this time"), (b"[]", 400, "the body is"),
    ],
)  # fmt: skip
def test_refusals(tmp_path, body, status, sentence):
    seen, _, answer, _ = post(tmp_path, body)
    said = json.loads(answer)
    assert (seen, next(iter(said))) == (status, "error")
    assert said["error"].startswith(sentence)


def test_an_empty_prompt_loads(tmp_path):
    for body in ({"model": "fox", "keep_alive": "10m"}, {"model": "fox:latest", "prompt": "", "stream": False}):
        status, _, answer, worker = post(tmp_path, body)
        said = json.loads(answer)
        assert (status, said["model"], said["done"], said["done_reason"]) == (200, body["model"], True, "load")
        assert (worker.loaded, worker.unloaded, worker.seen) == (["fox"], [], [])


def test_an_empty_prompt_with_no_time_to_stay_unloads(tmp_path):
    _, _, answer, worker = post(tmp_path, {"model": "fox", "keep_alive": 0})
    assert json.loads(answer)["done_reason"] == "unload"
    assert (worker.loaded, worker.unloaded) == ([], ["fox"])


def test_a_reference_is_scaled_down_first(tmp_path):
    _, _, _, worker = post(tmp_path, {"prompt": "x", "images": [png((400, 200))]}, ref_image_max_size=100)
    (job,) = worker.seen
    assert Image.open(io.BytesIO(job.img)).size == (100, 50)
    assert job.params.strength == STRENGTH
    _, _, _, worker = post(tmp_path, {"prompt": "x", "images": [png((80, 40))]}, ref_image_max_size=100)
    assert base64.b64encode(worker.seen[0].img).decode() == png((80, 40))


def test_who_hangs_up_frees_the_device(tmp_path):
    async def act(client):
        asking = asyncio.ensure_future(client.post("/api/generate", json={"prompt": "hold", "stream": False}))
        while not client.worker.seen:
            client.worker.news.clear()
            await client.worker.news.wait()
        asking.cancel()
        while not client.worker.cancelled:
            client.worker.news.clear()
            await client.worker.news.wait()

    ask(tmp_path, act)


def get(folder, path, method="GET", body=None, **said):
    async def act(client):
        async with client.request(method, path, json=body) as answer:
            return answer.status, await answer.text()

    return ask(folder, act, **said)


def test_models_are_listed_with_the_owners_names_for_them(tmp_path):
    aliases = Aliases({"x/z-image-turbo": "fox", "gone": "nowhere"})
    status, text = get(tmp_path, "/api/tags", aliases=aliases)
    models = json.loads(text)["models"]
    assert status == 200
    assert [model["name"] for model in models] == ["fox", "x/z-image-turbo"], "no hosted service's names"
    for model in models:
        assert model["model"] == model["name"]
        assert model["modified_at"].endswith("Z")
        assert model["capabilities"] == ["image"]
        assert len(model["digest"]) == 64
        assert model["size"] > 0
        assert model["details"]["families"] == [model["details"]["family"]]


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({"model": "owl"}, 404, "model 'owl' is no name of the catalogue"), ({}, 400, "model is missing"),
        ({"name": "fox", "stream": "no"}, 400, "stream is 'no'; it must be true or false"),
        (b"", 400, "missing request body"),
    ],
)  # fmt: skip
def test_what_can_not_be_pulled_is_told(tmp_path, body, status, sentence):
    seen, _, said, _ = post(tmp_path, body, "/api/pull")
    assert (seen, sentence in json.loads(said)["error"]) == (status, True)


def test_a_pull_is_lines_or_one_object(tmp_path):
    _, kind, said, _ = post(tmp_path, {"name": "fox"}, "/api/pull")
    assert kind == "application/x-ndjson"
    assert [json.loads(line)["status"].split()[0] for line in said.splitlines()] == [
        "pulling", "pulling", "verifying", "writing", "success",
    ]  # fmt: skip
    _, kind, said, _ = post(
        tmp_path, {"model": "mine:latest", "stream": False}, "/api/pull", aliases=Aliases({"mine": "fox"})
    )
    assert (kind, json.loads(said)) == ("application/json", {"status": "success"})


def test_a_model_is_shown(tmp_path):
    defaults = Defaults(num_steps=9, neg="blur", text_encoders=("clip-l", "clip-g"))
    for body in ({"model": "fox"}, {"name": "fox:latest", "verbose": True}):
        status, text = get(tmp_path, "/api/show", "POST", body, defaults=defaults)
        said = json.loads(text)
        assert status == 200
        assert said["capabilities"] == ["image"]
        assert [line.split() for line in said["parameters"].splitlines()] == [
            ["num_steps", "9"], ["neg", "blur"], ["text_encoders", "clip-l"], ["text_encoders", "clip-g"],
        ]  # fmt: skip
        assert said["model_info"]["general.basename"] == "fox"
        assert said["memory"]["weights"]["vae"] > 0
    assert get(tmp_path, "/api/show", "POST", {"model": "owl"}) == (
        404,
        '{"error":"model \'owl\' not found","code":"model.missing","field":"model","value":"owl"}',
    )
    assert get(tmp_path, "/api/show", "POST", {"verbose": True})[0] == 400


@pytest.mark.parametrize(("left", "year"), [(30.0, "20"), (None, "2286"), (-1.0, "2286")])
def test_loaded_models_are_listed(tmp_path, left, year):
    worker = PromptedWorker()
    resident = ResidentModel(name="fox", digest="d", dtype="f", size=5, expires_in=left)
    worker.stats = Stats(models=[resident])
    (model,) = json.loads(get(tmp_path, "/api/ps", worker=worker)[1])["models"]
    assert (model["name"], model["size"], model["size_vram"], model["context_length"]) == ("fox", 5, 5, 0)
    assert model["expires_at"].startswith(year)


def test_the_version_is_of_the_api_that_is_spoken(tmp_path):
    assert json.loads(get(tmp_path, "/api/version")[1]) == {"version": "0.32.5", "imagine": __version__}
    assert get(tmp_path, "/api/version", "HEAD") == (200, "")


@pytest.mark.parametrize(
    ("count", "text"), [(0, ""), (999, "999"), (859_520_964, "859.52M"), (2_567_463_684, "2.6B"), (12_345, "12.35K")]
)
def test_parameters_are_counted_as_ollama_does(count, text):
    assert count_of(count) == text


def test_it_is_described(tmp_path):
    document = json.loads(get(tmp_path, "/openapi.json")[1])
    asked = document["paths"]["/api/generate"]["post"]
    body = asked["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["stream"]["type"] == "boolean"
    assert body["properties"]["negative"]["x-alias-of"] == "neg"
    assert "required" not in body
    assert set(asked["responses"]["200"]["content"]) == {"application/json", "application/x-ndjson"}
    assert "OllamaAnswer" in document["components"]["schemas"]
    assert "model" in str(document["paths"]["/api/show"]["post"]["requestBody"])
