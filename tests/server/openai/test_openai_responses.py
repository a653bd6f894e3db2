"""OpenAI's Responses with their one tool that draws, by the official client: asked, streamed, and asked
again of what was drawn before."""

import asyncio
import base64

import openai
import pytest

from imagine.server.openai.fields import EDIT, GENERATION
from imagine.server.openai.responses_replies import told_of_request, told_of_tool
from imagine.server.openai.responses_requests import images_body_from, wish_from
from imagine.settings.keys import NamedKey, digest_of
from imagine.words.errors import BadRequest, Unsupported
from tests.server.openai.painting import KEY, opened, png, with_client, with_server

DRAW = {"type": "image_generation"}
PHOTO = "data:image/png;base64," + base64.b64encode(png((96, 64))).decode()
MASK = "data:image/png;base64," + base64.b64encode(png((96, 64), hole=(0, 0, 32, 64))).decode()
OLD = {"type": "image_generation_call", "id": "ig_old", "status": "completed", "result": PHOTO}


def says(words, *pictures):
    parts = [{"type": "input_image", "image_url": each, "detail": "auto"} for each in pictures]
    return {"role": "user", "content": [{"type": "input_text", "text": words}, *parts]}


def picture_in(response):
    (call,) = response.output
    assert (call.type, call.status) == ("image_generation_call", "completed")
    return opened(base64.b64decode(call.result))


def test_a_picture_and_what_it_became_of(tmp_path):
    def act(client, served):
        tool = DRAW | {"size": "64x96", "quality": "low", "seed": 5, "output_format": "webp"}
        first = client.responses.create(
            model="gpt-5", input="a fox", tools=[tool, {"type": "web_search"}], instructions="x"
        )
        picture = picture_in(first)
        assert (picture.size, picture.format, first.status, first.object) == ((64, 96), "WEBP", "completed", "response")
        assert (first.model, first.usage.total_tokens, first.tools[0].size) == ("gpt-5", 0, "64x96")
        call = first.output[0]
        assert (call.revised_prompt, call.action, call.size, call.quality) == ("a fox", "generate", "64x96", "low")
        assert first.seed == "5"
        assert [warning.split()[0] for warning in first.warnings] == ["instructions", "web_search", "model"]

        second = client.responses.create(
            model="gpt-5", input="in the snow", previous_response_id=first.id, tools=[DRAW | {"output_format": "jpeg"}]
        )
        assert (picture_in(second).size, second.output[0].action) == ((64, 96), "edit"), "as large as what it changes"
        assert second.previous_response_id == first.id
        third = client.responses.create(
            model="fox",
            input=[says("at night"), {"type": "image_generation_call", "id": second.output[0].id}],
            tools=[DRAW],
        )
        assert third.output[0].revised_prompt == "a fox, in the snow, at night"
        jobs = [job.params for job in served.worker.seen]
        assert [(job.prompt, job.strength, bool(job.img)) for job in jobs[1:]] == [
            ("a fox, in the snow", 0.7, True), ("a fox, in the snow, at night", 0.7, True)
        ]  # fmt: skip
        anew = DRAW | {"action": "generate"}
        client.responses.create(model="fox", input="an owl", previous_response_id=first.id, tools=[anew])
        assert served.worker.seen[-1].params.prompt == "an owl"

        again = client.responses.retrieve(second.id)
        assert again.output[0].result == second.output[0].result
        assert (again.output[0].revised_prompt, again.output[0].action, again.model) == (
            "a fox, in the snow", "edit", "fox",
        )  # fmt: skip
        client.responses.delete(second.id)
        for ask in (
            lambda: client.responses.retrieve(second.id),
            lambda: client.responses.delete(second.id),
            lambda: client.responses.retrieve("resp_../../etc/passwd"),
        ):
            with pytest.raises(openai.NotFoundError):
                ask()
        with pytest.raises(openai.BadRequestError, match="no such response is kept") as caught:
            client.responses.create(model="fox", input="x", previous_response_id=second.id, tools=[DRAW])
        assert caught.value.param == "previous_response_id"

    with_client(tmp_path, act)


def test_a_stream(tmp_path):
    def act(client, served):
        asked = {"model": "fox", "input": "a fox", "stream": True, "store": False}
        tool = DRAW | {"partial_images": 2, "size": "64x64", "output_format": "jpeg"}
        events = list(client.responses.create(**asked, tools=[tool]))
        call = "response.image_generation_call."
        assert [event.type for event in events] == [
            "response.created", "response.in_progress", "response.output_item.added", f"{call}in_progress",
            f"{call}generating", f"{call}partial_image", f"{call}partial_image", f"{call}completed",
            "response.output_item.done", "response.completed",
        ]  # fmt: skip
        assert [event.sequence_number for event in events] == list(range(len(events)))
        partials = [event for event in events if event.type.endswith("partial_image")]
        assert [event.partial_image_index for event in partials] == [0, 1]
        assert [opened(base64.b64decode(event.partial_image_b64)).format for event in partials] == ["JPEG"] * 2
        last = events[-1].response
        assert (events[0].response.id, events[0].response.status, last.status) == (last.id, "in_progress", "completed")
        assert picture_in(last).size == (64, 64)
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(last.id)
        with pytest.raises(openai.APIError) as caught:
            list(client.responses.create(**asked | {"input": "fail OutOfMemory"}, tools=[tool]))
        assert caught.value.code == "out_of_memory"

    with_client(tmp_path, act)


def test_pictures_that_come_with_the_words(tmp_path):
    def act(client, served):
        masked = DRAW | {"input_image_mask": {"image_url": MASK}}
        reply = client.responses.create(model="fox", input=[OLD, says("a fox", PHOTO)], tools=[masked])
        (job,) = served.worker.seen
        assert (job.params.prompt, job.params.strength, job.mask) == ("a fox", 1.0, base64.b64decode(MASK[22:]))
        assert (picture_in(reply).size, reply.output[0].action) == ((96, 64), "edit")
        assert "input_image_mask" not in reply.tools[0].model_fields_set
        with pytest.raises(openai.BadRequestError, match="input is an address") as caught:
            client.responses.create(model="fox", input=[says("x", "http://localhost/x.png")], tools=[DRAW])
        assert caught.value.param == "input"

    with_client(tmp_path, act)


def test_a_response_is_forgotten_by_who_asked_for_it_and_by_the_owner(tmp_path):
    ann, bob = (NamedKey(name=name, digest=digest_of(f"{name}-key-of-length")) for name in ("ann", "bob"))

    def act(client, served):
        keyed = {key.name: client.with_options(api_key=f"{key.name}-key-of-length") for key in (ann, bob)}
        for owner in (keyed["ann"], client):
            kept = keyed["ann"].responses.create(model="fox", input="a fox", tools=[DRAW])
            with pytest.raises(openai.NotFoundError):
                keyed["bob"].responses.delete(kept.id)
            assert keyed["bob"].responses.retrieve(kept.id).id == kept.id
            owner.responses.delete(kept.id)
            with pytest.raises(openai.NotFoundError):
                client.responses.retrieve(kept.id)

    with_client(tmp_path, act, keys=(ann, bob), api_key=KEY)


def test_azures_client(tmp_path):
    async def act(url, served):
        def draw():
            base = url.removesuffix("/v1")
            for address in (
                {"azure_endpoint": base}, {"azure_endpoint": base, "azure_deployment": "fox"},
                {"base_url": f"{base}/openai/v1/"},
            ):  # fmt: skip
                with openai.AzureOpenAI(api_key=KEY, api_version="preview", max_retries=0, **address) as client:
                    reply = client.responses.create(model="fox", input="a fox", tools=[DRAW | {"size": "64x64"}])
                    assert picture_in(reply).size == (64, 64), address
                    assert client.responses.retrieve(reply.id).id == reply.id
            with openai.OpenAI(base_url=f"{base}/openai/v1", api_key=KEY, max_retries=0) as client:
                assert client.images.generate(model="fox", prompt="a fox", size="64x64").model == "fox"
            with pytest.raises(openai.AuthenticationError):
                openai.AzureOpenAI(azure_endpoint=base, api_key="x", api_version="1").responses.retrieve(reply.id)

        await asyncio.to_thread(draw)

    with_server(tmp_path, act, api_key=KEY)


@pytest.mark.parametrize(
    ("said", "param", "told"),
    [
        ({"tools": []}, "tools", "draws pictures and writes no text"),
        ({"tools": [{"type": "function", "name": "f"}]}, "tools", "draws pictures and writes no text"),
        ({"tool_choice": "none"}, "tool_choice", "draws pictures and writes no text"),
        ({"text": {"format": {"type": "json_object"}}}, "text", "draws pictures and writes no text"),
        ({"background": True}, "background", "can't be done yet"),
        ({"input": []}, "input", "is missing"),
        ({"input": 5}, "input", "must be text, or a list of messages"),
        ({"input": [5.5]}, "input.0", "must be an object"),
        ({"tools": ["x"]}, "tools.0", "must be an object"),
        ({"text": 5}, "text", "must be"),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input", "input_image"),
        ({"tools": [DRAW | {"n": 2}]}, "n", "must be 1"),
        ({"tools": [DRAW | {"action": "paint"}]}, "action", "must be one of"),
        ({"tools": [DRAW | {"action": "edit"}]}, "action", "no picture to change"),
    ],
)  # fmt: skip
def test_what_can_not_be_done_is_told(said, param, told):
    with pytest.raises(BadRequest) as caught:
        wish_from({"input": "a fox", "tools": [DRAW]} | said)
    assert (caught.value.note.field, isinstance(caught.value, Unsupported)) == (param, told in (
        "draws pictures and writes no text", "can't be done yet",
    ))  # fmt: skip
    assert told in str(caught.value)


def test_what_takes_room_is_not_repeated():
    tool = DRAW | {"size": "64x64", "reference_images": [PHOTO], "control": [{"image": "A" * 20_000}]}
    assert told_of_tool(tool) == DRAW | {"size": "64x64"}
    assert told_of_request({"input": "a fox", "metadata": {"a": "b" * 20_000}, "user": "ann"}) == {"user": "ann"}


def test_the_newest_picture_is_changed():
    def wished(said, **tool):
        wish = wish_from({"input": said, "tools": [DRAW | tool], "previous_response_id": "resp_1"})
        return wish, images_body_from(wish, None, "QUJD" if wish.drawn else "", wish.words)

    wish, body = wished("a fox")
    assert (wish.drawn.id, wish.kind, body["image"]) == ("resp_1", EDIT, ["QUJD"])
    wish, body = wished([OLD, says("a fox")], size="64x64")
    assert (wish.drawn.id, wish.drawn.result, body["size"]) == ("ig_old", PHOTO, "64x64")
    wish, body = wished([OLD, says("a fox", PHOTO, MASK)])
    assert (wish.drawn, [each["image_url"] for each in body["image"]]) == (None, [PHOTO, MASK])
    wish, body = wished([says("a fox", PHOTO)], action="generate")
    assert (wish.kind, len(body["reference_images"]), "image" in body) == (GENERATION, 1, False)
    wish, _ = wished([{"role": "developer", "content": "be kind"}, says("a fox"), {"type": "reasoning"}])
    assert wish.words == "a fox"
