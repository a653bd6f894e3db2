"""OpenAI's official Python client, unchanged, against a running server: every call, every error class."""

import asyncio
import base64

import aiohttp
import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.server.openai.painting import KEY, opened, png, with_client, with_server

VARIATIONS_ARE_OLD = "ignore:deprecated:DeprecationWarning"
"""What the client itself says of `create_variation`."""


def size_of(item):
    return opened(base64.b64decode(item.b64_json)).size


def fetched(url):
    async def get():
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status, dict(answer.headers), await answer.read()

    return asyncio.run(get())


def test_a_picture_by_url(tmp_path):
    def act(client, served):
        reply = client.images.generate(model="dall-e-3", prompt="a fox", size="1792x1024", quality="standard", n=1)
        (item,) = reply.data
        assert item.url.startswith(str(served.make_url("/pictures/")))
        assert base64.b64decode(item.b64_json) == fetched(item.url)[2], "nobody asked for one of the two"
        asked = client.images.generate(model="dall-e-3", prompt="a fox", size="256x256", response_format="url")
        assert (asked.data[0].b64_json, bool(asked.data[0].url)) == (None, True)
        assert item.url.endswith(".png")
        assert item.revised_prompt == "a fox"
        status, headers, data = fetched(item.url)
        assert (status, headers["Content-Type"], headers["X-Content-Type-Options"]) == (200, "image/png", "nosniff")
        assert opened(data).size == (1792, 1024)
        assert reply.size == "1792x1024"
        assert (reply.background, reply.output_format, reply.quality) == ("opaque", "png", "medium")
        assert reply.usage.total_tokens == reply.usage.input_tokens_details.text_tokens == 0
        assert reply.created > 1_700_000_000
        assert reply._request_id

    with_client(tmp_path, act)


def test_a_picture_in_the_answer(tmp_path):
    def act(client, served):
        for model, asked in (("gpt-image-1", {}), ("fox", {"response_format": "b64_json"})):
            (item,) = client.images.generate(model=model, prompt="a fox", **asked).data
            assert item.url is None
            assert size_of(item) == (512, 512)

    with_client(tmp_path, act)


@pytest.mark.parametrize(("kind", "extension"), [("png", "png"), ("jpeg", "jpg"), ("webp", "webp")])
def test_formats(tmp_path, kind, extension):
    def act(client, served):
        asked = {"prompt": "a fox", "size": "64x64", "output_format": kind, "output_compression": 80}
        (item,) = client.images.generate(model="gpt-image-1", **asked).data
        picture = opened(base64.b64decode(item.b64_json))
        assert picture.format.lower() == kind
        (item,) = client.images.generate(model="dall-e-3", **asked).data
        _, headers, data = fetched(item.url)
        assert item.url.endswith(f".{extension}")
        assert headers["Content-Type"] == f"image/{kind}"
        assert opened(data).format.lower() == kind

    with_client(tmp_path, act)


def test_azures_client(tmp_path):
    from openai import AzureOpenAI

    def draw(served, **address):
        key = {"api_key": KEY, "api_version": "2025-04-01-preview", "max_retries": 0}
        with AzureOpenAI(**key, **address) as client:
            said = [client.images.generate(model="fox", prompt="a fox", size="64x64")]
            said.append(client.images.edit(model="fox", image=png(), prompt="a fox"))
            return [(size_of(each.data[0]), each.model, each.warnings) for each in said]

    async def act(url, served):
        base = url.removesuffix("/v1")
        for address in (
            {"azure_endpoint": base}, {"azure_endpoint": url}, {"azure_endpoint": base, "azure_deployment": "fox"},
            {"base_url": url}, {"base_url": base},
        ):  # fmt: skip
            assert await asyncio.to_thread(draw, served, **address) == [((64, 64), "fox", [])] * 2, address
        with pytest.raises(openai.AuthenticationError):
            await asyncio.to_thread(AzureOpenAI(azure_endpoint=base, api_key="x", api_version="1").models.list)

    with_server(tmp_path, act, api_key=KEY)


def test_what_is_no_picture_is_told(tmp_path):
    def act(client, served):
        for ask in (
            lambda: client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hello"}]),
            lambda: client.embeddings.create(model="text-embedding-3-small", input="hello"),
        ):
            with pytest.raises(openai.NotFoundError, match="draws pictures and nothing else; use POST /v1/images/"):
                ask()

    with_client(tmp_path, act)


def test_several_pictures_and_what_made_them(tmp_path):
    def act(client, served):
        extra = {"seed": 12345, "steps": 9, "guidance_scale": 3.5, "negative_prompt": "rain", "sampler": "euler"}
        reply = client.images.generate(prompt="a fox", n=3, size="64x128", extra_body=extra | {"colour": "red"})
        assert [item.seed for item in reply.data] == ["12345", "12346", "12347"]
        assert (reply.seed, reply.steps, reply.guidance_scale, reply.negative_prompt) == ("12345", 9, 3.5, "rain")
        assert (reply.sampler, reply.width, reply.height, reply.model) == ("euler", 64, 128, "fox")
        assert reply.revised_prompt == "a fox"
        assert reply.warnings == ["unknown and left out: 'colour'"]
        again = client.images.generate(prompt="a fox", extra_body={"seed": reply.seed})
        assert again.seed == reply.seed

    with_client(tmp_path, act)


def test_a_reference_and_a_preset(tmp_path):
    def act(client, served):
        reference = base64.b64encode(png((300, 200))).decode()
        reply = client.images.generate(
            prompt="a fox", extra_body={"style_preset": "mine", "reference_images": [reference, reference]}
        )
        assert reply.revised_prompt == "a fox, in watercolour"
        assert (reply.steps, reply.strength, reply.size) == (31, 0.7, "100x67")
        first, other = reply.warnings
        assert first.startswith("reference_images: the picture starts from the first, as from image: ")
        assert other.startswith("reference_images: 1 picture has no effect: ")
        (job,) = served.worker.seen
        assert opened(job.img).size == (100, 67)
        assert client.images.generate(prompt="a fox", style="vivid").revised_prompt.startswith("a fox, ")

    from imagine.settings.settings import settings_from

    config = "presets: {mine: {prompt_suffix: in watercolour, steps: 31}}"
    settings, _ = settings_from(environ={}, config=config)
    with_client(tmp_path, act, presets=settings.presets, ref_image_max_size=100)


def test_an_edit_with_a_mask(tmp_path):
    def act(client, served):
        mask = png((64, 64), hole=(0, 0, 32, 64))
        reply = client.images.edit(model="gpt-image-1", image=png(), mask=mask, prompt="a fox", n=2)
        assert [size_of(item) for item in reply.data] == [(64, 64)] * 2
        assert (reply.strength, reply.warnings, reply.size) == (1.0, [], "64x64")
        assert [job.params.seed for job in served.worker.seen] == [int(item.seed) for item in reply.data]
        assert served.worker.seen[0].mask == mask

    with_client(tmp_path, act)


def test_several_input_pictures(tmp_path):
    def act(client, served):
        files = [("a.png", png((64, 96))), ("b.png", png((32, 32)))]
        reply = client.images.edit(model="gpt-image-1", image=files, prompt="a fox", quality="low", size="auto")
        assert (reply.size, reply.strength, reply.steps) == ("64x96", 0.7, 13)
        (warning,) = reply.warnings
        assert warning.startswith("image: 1 picture has no effect: ")
        (one,) = client.images.edit(image=[png()], prompt="a fox", extra_body={"seed": 5, "hires": {"scale": 2}}).data
        assert one.seed == "5"
        assert served.worker.seen[-1].params.hires.scale == 2

    with_client(tmp_path, act)


@pytest.mark.filterwarnings(VARIATIONS_ARE_OLD)
def test_variations(tmp_path):
    def act(client, served):
        reply = client.images.create_variation(image=png((128, 128)), n=2, size="256x256", response_format="b64_json")
        assert [size_of(item) for item in reply.data] == [(256, 256)] * 2
        assert {job.params.strength for job in served.worker.seen} == {0.7}
        assert client.images.create_variation(image=png()).data[0].url

    with_client(tmp_path, act)


@pytest.mark.parametrize("partial_images", [0, 1, 2, 3])
def test_streaming(tmp_path, partial_images):
    def act(client, served):
        asked = {"model": "gpt-image-1", "prompt": "a fox", "size": "64x64", "quality": "auto", "stream": True}
        *partials, last = client.images.generate(**asked, partial_images=partial_images)
        assert [event.partial_image_index for event in partials] == list(range(partial_images))
        assert {event.type for event in partials} <= {"image_generation.partial_image"}
        assert last.type == "image_generation.completed"
        assert last.usage.total_tokens == 0
        for event in (*partials, last):
            assert size_of(event) == (64, 64)
            assert (event.size, event.quality, event.background, event.output_format) == (
                "64x64", "medium", "opaque", "png",
            )  # fmt: skip
            assert event.created_at > 1_700_000_000
        steps = [opened(base64.b64decode(event.b64_json)).getpixel((0, 0))[0] for event in partials]
        assert steps == {0: [], 1: [12], 2: [8, 16], 3: [6, 12, 18]}[partial_images]

    with_client(tmp_path, act)


def test_streaming_an_edit_in_another_format(tmp_path):
    def act(client, served):
        asked = {"image": png(), "prompt": "a fox", "stream": True, "partial_images": 1, "output_format": "jpeg"}
        partial, last = client.images.edit(model="gpt-image-1", **asked, extra_body={"steps": 10})
        assert (partial.type, last.type) == ("image_edit.partial_image", "image_edit.completed")
        for event in (partial, last):
            assert opened(base64.b64decode(event.b64_json)).format == "JPEG"
            assert event.output_format == "jpeg"
        assert last.strength == 0.7

    with_client(tmp_path, act)


def test_streaming_several(tmp_path):
    def act(client, served):
        asked = {"prompt": "a fox", "size": "64x64", "stream": True, "partial_images": 1, "n": 2}
        events = list(client.images.generate(**asked, extra_body={"seed": 1}))
        assert sorted((event.type.split(".")[1], event.index) for event in events) == [
            ("completed", 0), ("completed", 1), ("partial_image", 0), ("partial_image", 1),
        ]  # fmt: skip
        assert {event.seed for event in events if event.type.endswith("completed")} == {"1", "2"}

    with_client(tmp_path, act)


@pytest.mark.filterwarnings(VARIATIONS_ARE_OLD)
def test_the_asynchronous_client(tmp_path):
    async def act(url, served):
        async with AsyncOpenAI(base_url=url, api_key=KEY, max_retries=0) as client:
            replies = await asyncio.gather(
                client.images.generate(prompt="a fox", extra_body={"seed": 3}),
                client.images.edit(model="gpt-image-1", image=png(), prompt="an owl"),
                client.images.create_variation(image=png()),
            )
            assert [len(reply.data) for reply in replies] == [1, 1, 1]
            stream = await client.images.generate(prompt="a fox", stream=True, partial_images=2, size="64x64")
            assert [event.type async for event in stream][-1] == "image_generation.completed"
            assert "fox" in [model.id async for model in client.models.list()]

    with_server(tmp_path, act)


def test_models(tmp_path):
    def act(client, served):
        listed = {model.id: model for model in client.models.list()}
        assert {"fox", "owl/barn", "dall-e-2", "dall-e-3", "gpt-image-1", "yandexgpt/yandex-art"} <= set(listed)
        assert listed["fox"].object == "model"
        assert listed["fox"].created > 0
        for name in ("fox", "owl/barn", "dall-e-3", "gpt-image-7-unheard-of", "yandexgpt/yandex-art"):
            assert client.models.retrieve(name).id == name
        for name in ("wolf", "no/such", "gpt-5"):
            with pytest.raises(openai.NotFoundError) as caught:
                client.models.retrieve(name)
            assert caught.value.code == "model_not_found"

    for folder in ("owl", "hen"):
        (tmp_path / "models" / folder).mkdir(parents=True)
    with_client(tmp_path, act, models=("fox", "owl/barn", "hen/barn"), model="fox")


BAD = [
    ({"size": "huge"}, "size", "invalid_value"),
    ({"size": "4096x4096"}, "size", "invalid_value"),
    ({"n": 0}, "n", "integer_below_min_value"),
    ({"n": 11}, "n", "integer_above_max_value"),
    ({"prompt": None}, "prompt", "missing_required_parameter"),
    ({"prompt": ""}, "prompt", "invalid_value"),
    ({"prompt": "x" * 32_001}, "prompt", "string_above_max_length"),
    ({"prompt": ["x"]}, "prompt", "invalid_type"),
    ({"quality": "ultra"}, "quality", "invalid_value"),
    ({"response_format": "jpg"}, "response_format", "invalid_value"),
    ({"background": "transparent"}, "background", "unsupported_value"),
    ({"extra_body": {"steps": 1000}}, "steps", "integer_above_max_value"),
    ({"extra_body": {"sampler": "nonsense"}}, "sampler", "invalid_value"),
    ({"extra_body": {"style_preset": "nonsense"}}, "style_preset", "invalid_value"),
    ({"extra_body": {"reference_images": ["http://localhost/x.png"]}}, "reference_images", "invalid_value"),
]


@pytest.mark.parametrize(("said", "param", "code"), BAD)
def test_what_is_wrong_is_a_bad_request(tmp_path, said, param, code):
    def act(client, served):
        with pytest.raises(openai.BadRequestError) as caught:
            client.images.generate(**{"prompt": "a fox"} | said)
        error = caught.value
        assert (error.status_code, error.type, error.param, error.code) == (400, "invalid_request_error", param, code)
        assert param in error.body["message"]
        assert set(error.body) == {"message", "type", "param", "code"}
        assert error.request_id
        assert error.response.headers["x-should-retry"] == "false"

    with_client(tmp_path, act)


def test_pictures_that_can_not_be_used(tmp_path):
    def act(client, served):
        holed = png(hole=(0, 0, 9, 9))
        for said, param, code in (
            ({"image": b"no picture"}, "image", "invalid_image_file"),
            ({"image": png(), "mask": png()}, "mask", "invalid_mask_image_format"),
            ({"image": png((32, 32)), "mask": holed}, "mask", "invalid_mask_image_format"),
        ):
            with pytest.raises(openai.BadRequestError) as caught:
                client.images.edit(prompt="a fox", **said)
            assert (caught.value.param, caught.value.code) == (param, code)
            assert caught.value.type == "image_generation_user_error"
            assert "img" not in caught.value.message

    with_client(tmp_path, act)


def test_a_key_is_asked_for_and_told_apart(tmp_path):
    def act(client, served):
        assert client.images.generate(prompt="a fox").data
        with pytest.raises(openai.AuthenticationError) as caught:
            client.with_options(api_key="sk-wrong").images.generate(prompt="a fox")
        assert (caught.value.status_code, caught.value.code) == (401, "invalid_api_key")
        assert caught.value.request_id
        assert KEY not in str(caught.value)

    with_client(tmp_path, act, api_key=KEY)


def test_who_is_not_let_in_is_told_in_the_same_shape(tmp_path):
    def act(client, served):
        with pytest.raises(openai.PermissionDeniedError) as caught:
            client.with_options(default_headers={"Origin": "https://evil.example"}).models.list()
        assert caught.value.body["type"] == "invalid_request_error"
        with pytest.raises(openai.NotFoundError) as caught:
            client.post("/images/upscale", body={}, cast_to=object)
        assert caught.value.body["message"] == "there is nothing at this path"

    with_client(tmp_path, act)


def test_an_unknown_model(tmp_path):
    def act(client, served):
        for name in ("wolf", "some/wolf", "../fox", "dall-e-4"):
            with pytest.raises(openai.NotFoundError) as caught:
                client.images.generate(model=name, prompt="a fox")
            assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
            assert name in caught.value.message

    with_client(tmp_path, act)


def test_the_owners_checks(tmp_path):
    def act(client, served):
        with pytest.raises(openai.BadRequestError) as caught:
            client.images.generate(prompt="a Fóx, please")
        assert (caught.value.code, caught.value.param) == ("moderation_blocked", None)
        assert caught.value.type == "image_generation_user_error"
        assert caught.value.body["moderation_details"] == {"categories": [], "moderation_stage": "input"}
        assert caught.value.body["message"].startswith("Your request was rejected as a result of our safety system: ")
        assert served.worker.seen == []

    with_client(tmp_path, act, blocked_terms=("fox",))


@pytest.mark.parametrize(
    ("error", "kind", "status", "retries"),
    [
        ("OutOfMemory", openai.InternalServerError, 507, 0),
        ("UnusableModel", openai.UnprocessableEntityError, 422, 0),
        ("WorkerLost", openai.InternalServerError, 502, 1),
        ("Cancelled", openai.APIStatusError, 499, 0),
    ],
)
def test_what_fails_on_the_way(tmp_path, error, kind, status, retries):
    def act(client, served):
        with pytest.raises(kind) as caught:
            client.with_options(max_retries=1).images.generate(prompt=f"fail {error}")
        assert caught.value.status_code == status
        assert caught.value.body["message"].partition(";")[0] == "no picture this time"
        tries = 2 if error == "WorkerLost" else 1  # the server's own
        assert len(served.worker.seen) == tries * (1 + retries)

    with_client(tmp_path, act)


def test_an_error_in_the_middle_of_a_stream(tmp_path):
    def act(client, served):
        asked = {"prompt": "fail OutOfMemory", "size": "64x64", "stream": True, "partial_images": 1}
        seen = []
        with pytest.raises(openai.APIError) as caught:
            seen.extend(event.type for event in client.images.generate(**asked))
        assert seen == ["image_generation.partial_image"]
        assert caught.value.code == "out_of_memory"
        assert caught.value.message == "no picture this time"
        assert caught.value.body["type"] == "server_error"

    with_client(tmp_path, act)


def test_a_full_queue_is_a_rate_limit(tmp_path):
    async def act(url, served):
        served.worker.ready = None
        async with AsyncOpenAI(base_url=url, api_key=KEY, max_retries=0) as client:
            waiting = asyncio.ensure_future(client.images.generate(prompt="a fox"))
            while served.gateway.pool.waiting < 1:
                await asyncio.sleep(0)
            with pytest.raises(openai.RateLimitError) as caught:
                await client.images.generate(prompt="a fox")
            assert caught.value.status_code == 429
            assert (caught.value.type, caught.value.code) == ("requests", "rate_limit_exceeded")
            assert int(caught.value.response.headers["Retry-After"]) >= 1
            assert "x-should-retry" not in caught.value.response.headers
            waiting.cancel()
            await asyncio.wait([waiting])

    with_server(tmp_path, act, max_queue=1)


def test_hanging_up_takes_the_job_back(tmp_path):
    async def act(url, served):
        client = AsyncOpenAI(base_url=url, api_key=KEY, max_retries=0)
        asking = asyncio.ensure_future(client.images.generate(prompt="hold"))
        while not served.worker.seen:
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking])
        await client.close()
        while not served.worker.cancelled:
            await served.worker.news.wait()
            served.worker.news.clear()
        assert served.worker.cancelled[0] == served.worker.seen[0].job

    with_server(tmp_path, act)


def test_the_legacy_calls_still_work(tmp_path, monkeypatch):
    """Code that only sets the environment finds this server too."""

    async def act(url, served):
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)

        def talk():
            with OpenAI(max_retries=0) as client:
                return client.images.generate(prompt="a fox", model="dall-e-2", size="256x256").data[0].url

        assert (await asyncio.to_thread(talk)).startswith(url.removesuffix("/v1"))

    with_server(tmp_path, act)
