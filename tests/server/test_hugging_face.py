"""Hugging Face's inference, by the official client: a picture of words, a picture of a picture, and what is wrong."""

import asyncio

import pytest

from imagine.asking.request import parse
from imagine.pictures import images
from imagine.server.huggingface.requests import output_from, request_from_body
from imagine.words.errors import BadRequest
from tests.server.openai.painting import KEY, opened, png, with_server
from tests.server.test_dialects import NATIVE, WISHES


@pytest.fixture(autouse=True)
def online(monkeypatch):
    """The client refuses every address where its user said so for the hub's sake, this machine's too."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)


def drawn(folder, act, **said):
    """Runs `act(client, served)` with the official client, on a thread."""
    from huggingface_hub import InferenceClient

    async def run(url, served):
        def talk():
            with InferenceClient(base_url=url.removesuffix("/v1"), api_key=KEY) as client:
                return act(client, served)

        return await asyncio.to_thread(talk)

    with_server(folder, run, **said)


def test_a_picture_of_words(tmp_path):
    from huggingface_hub import InferenceClient

    def act(client, served):
        asked = {"negative_prompt": "rain", "num_inference_steps": 9, "guidance_scale": 3.5, "seed": 7}
        picture = client.text_to_image("a fox", width=64, height=96, scheduler="EulerDiscreteScheduler", **asked)
        assert (picture.size, picture.getpixel((0, 0))[1]) == ((64, 96), 7)
        job = served.worker.seen[-1].params
        assert (job.prompt, job.neg, job.num_steps, job.guidance, job.sampler) == ("a fox", "rain", 9, 3.5, "euler")
        of_a_model = client.text_to_image("a fox", model=f"{served.make_url('/models/owl')}", extra_body={"hires": 2})
        assert (of_a_model.size, served.worker.seen[-1].params.model) == ((1024, 1024), "owl")
        assert InferenceClient(provider="hf-inference").health_check(str(served.make_url("/")))

    drawn(tmp_path, act, models=("fox", "owl"), model="fox", api_key=KEY)


def test_a_picture_of_a_picture(tmp_path):
    def act(client, served):
        asked = {"prompt": "a fox", "target_size": {"width": 128, "height": 64}, "strength": 0.4}
        assert client.image_to_image(png(), **asked).size == (128, 64)
        assert client.image_to_image(png((96, 64))).size == (96, 64), "as raw bytes"
        recipe = {"prompt": "an owl", "seed": "5", "model": "fox", "num_steps": 9, "width": 64, "height": 64}
        told = images.encode(opened(png()), meta=recipe)
        client.image_to_image(told)
        client.image_to_image(told, num_inference_steps=3)
        seen = [(job.params.prompt, job.params.strength) for job in served.worker.seen]
        assert seen == [("a fox", 0.4), ("", 0.7), ("an owl", 0.7), ("an owl", 0.7)]

    drawn(tmp_path, act)


@pytest.mark.parametrize(
    ("said", "status", "told"),
    [
        ({"width": 5}, 400, "width must be|width is 5"),
        ({"scheduler": "Nonsense"}, 400, "scheduler 'Nonsense' doesn't exist; there are: "),
        ({"extra_body": {"num_images_per_prompt": 2}}, 400, "num_images_per_prompt is 2; it must be 1"),
        ({"model": "wolf"}, 404, "model 'wolf' not found"),
        ({"prompt": "fail WorkerLost"}, 502, "no picture this time"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(tmp_path, said, status, told):
    from huggingface_hub.errors import HfHubHTTPError

    def act(client, served):
        asked = {"prompt": "a fox"} | said
        if "model" in asked:
            asked["model"] = str(served.make_url(f"/models/{asked['model']}"))
        with pytest.raises(HfHubHTTPError, match=told) as caught:
            client.text_to_image(**asked)
        assert caught.value.response.status_code == status

    drawn(tmp_path, act)


def test_a_scheduler_that_is_no_name_is_refused_as_any():
    with pytest.raises(BadRequest, match="scheduler is a list"):
        request_from_body({"inputs": "a fox", "parameters": {"scheduler": ["EulerDiscreteScheduler"]}}, None)


def test_formats_keys_and_addresses(tmp_path):
    async def act(url, served):
        headers = {"Authorization": f"Bearer {KEY}", "Accept": "image/avif, image/webp;q=0.9, */*"}
        async with served.post("/hf-inference/models/fox", json={"inputs": "a fox"}, headers=headers) as answer:
            assert (answer.status, answer.content_type) == (200, "image/webp")
            assert answer.headers["X-Imagine-Seed"]
            assert opened(await answer.read()).format == "WEBP"
        async with served.post("/", json={"inputs": "a fox"}) as answer:
            assert answer.status == 401
        for body in (b"no picture", png()[:50]):
            sent = headers | {"Content-Type": "image/png"}
            async with served.post("/models/fox", data=body, headers=sent) as answer:
                assert answer.status == 400
                assert "inputs" in (await answer.json())["error"]

    with_server(tmp_path, act, api_key=KEY)


def in_parameters(body):
    """What asks for the same as a body of our own dialect."""
    said = {name: value for name, value in body.items() if name not in ("prompt", "model", "img", "fit")}
    words = {"prompt": body["prompt"]} if "img" in body else {}
    return {"inputs": body.get("img", body["prompt"]), "parameters": said | words}


@pytest.mark.parametrize("wish", [wish for wish in WISHES if "count" not in WISHES[wish][NATIVE]])
def test_one_wish_is_one_request_here_too(wish):
    body = WISHES[wish][NATIVE]
    asked = request_from_body(in_parameters(body), body.get("model"))
    assert asked.warnings == []
    assert asked.request == parse(body).request


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, "inputs is missing"), ({"inputs": 5}, "inputs"), ({"inputs": "a fox", "parameters": []}, "parameters is"),
        ({"inputs": "a fox", "parameters": {"target_size": 5}}, "target_size is 5"),
        ({"inputs": "http://localhost/x.png", "parameters": {"prompt": "a fox"}}, "inputs is an address"),
    ],
)  # fmt: skip
def test_bodies_that_say_nothing(body, told):
    with pytest.raises(BadRequest, match=told):
        request_from_body(body, None)


def test_the_first_format_that_we_write():
    assert [output_from(accept).format for accept in ("", "*/*", "text/html, image/jpeg", "image/webp")] == [
        "png", "png", "jpeg", "webp",
    ]  # fmt: skip
