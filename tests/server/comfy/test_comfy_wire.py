"""ComfyUI's routes and its WebSocket, against a running server."""

import asyncio
import io
import json
import struct

import aiohttp
import pytest
from PIL import Image

from imagine.server.app import make_app
from imagine.server.comfy import prompts, uploads
from imagine.server.comfy.room import ComfySocket
from imagine.server.comfy.uploads import SentName, SentPicture, SentPictures, named
from imagine.server.dialects import DIALECTS
from imagine.server.gateway.gateway import Gateway
from imagine.server.http.dialect import SPOKEN
from imagine.settings.values import DialectChoice
from imagine.words.events import Preview, Progress
from tests.registry import declared
from tests.server.beside import controlnet
from tests.server.comfy.graphs import changed, hires_graph, image_graph, node, text_graph
from tests.server.served import PromptedWorker, ask, settings_at


def png(size=(64, 96), colour="red", mode="RGB"):
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, "PNG")
    return file.getvalue()


HOLED = png(mode="RGBA", colour=(9, 8, 7, 0))
"""Of one colour, all of it transparent."""


async def said(answer):
    text = await answer.text()
    return answer.status, json.loads(text) if text else None


async def got(client, path):
    async with client.get(path) as answer:
        return await said(answer)


async def posted(client, path, body=None):
    async with client.post(path, json=body) as answer:
        return await said(answer)


async def taken(client, graph, **more):
    status, answer = await posted(client, "/prompt", {"prompt": graph, "client_id": "me", **more})
    assert status == 200, answer
    return answer


async def ended(client, socket, name):
    """What is told of a graph up to its end: texts as what they say, pictures as their bytes."""
    told = []
    async for message in socket:
        told.append(message.data if message.type is aiohttp.WSMsgType.BINARY else json.loads(message.data))
        last = told[-1]
        if isinstance(last, dict) and last["type"] == "executing" and last["data"]["node"] is None:
            assert last["data"]["prompt_id"] == name
            return told
    raise AssertionError(told)


async def painted(client, socket, graph, *reports, **more):
    """What is answered to a graph whose text is "hold", and what is told of it: its jobs report, and are finished."""
    seen, told = len(client.worker.seen), []
    answer = await taken(client, graph, **more)
    while "executing" not in kinds(told):
        told.append(json.loads((await socket.receive()).data))
    for job in client.worker.seen[seen:]:
        for report in reports:
            client.worker.held[job.job].put(report(job.job))
        client.worker.finish(job.job, b"png of seed %d" % job.params.seed)
    return answer, told + await ended(client, socket, answer["prompt_id"])


def step(number, of):
    return lambda job: Progress(job=job, step=number, steps=of)


def preview(job):
    return Preview(job=job, step=5, steps=9, data=b"preview")


async def uploaded(client, data, name="photo.png", path="/upload/image", **fields):
    form = aiohttp.FormData(fields)
    form.add_field("image", data, filename=name, content_type="image/png")
    async with client.post(path, data=form) as answer:
        return await said(answer)


def kinds(told):
    return [each["type"] for each in told if isinstance(each, dict)]


def test_a_graph_is_painted_told_of_and_shown(tmp_path):
    async def act(client):
        async with client.ws_connect("/ws?clientId=me") as socket:
            first = json.loads((await socket.receive()).data)
            assert first == {"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 0}}, "sid": "me"}}
            answer, told = await painted(client, socket, text_graph(text="hold", count=2), step(1, 9))
        assert (answer["number"], answer["node_errors"]) == (0, {})
        told_kinds = kinds(told)
        assert told_kinds[:2] == ["status", "execution_start"]
        assert told_kinds[-3:] == ["execution_success", "status", "executing"]
        assert {"execution_cached", "progress", "progress_state", "executed"} <= set(told_kinds)
        progress = [each["data"] for each in told if each["type"] == "progress"]
        assert progress[0] == {"value": 1, "max": 9, "prompt_id": answer["prompt_id"], "node": "3"}
        ((name, entry),) = (await got(client, f"/api/history/{answer['prompt_id']}"))[1].items()
        assert name == answer["prompt_id"]
        assert entry["status"]["status_str"] == "success"
        assert entry["prompt"][:2] == [0, name]
        shown = entry["outputs"]["9"]["images"]
        assert [each["filename"] for each in shown] == ["Dechat_00001_.png", "Dechat_00002_.png"]
        for place, each in enumerate(shown):
            async with client.get("/view", params=each) as picture:
                assert picture.content_type == "image/png"
                assert await picture.read() == b"png of seed %d" % (7 + place)
        assert (await got(client, "/history?max_items=1"))[1].keys() == {name}
        assert (await posted(client, "/history", {"delete": [name]}))[0] == 200
        assert (await got(client, "/history"))[1] == {}
        assert (await got(client, f"/view?filename={shown[0]['filename']}"))[0] == 404

    ask(tmp_path, act)


def test_previews_come_where_they_are_asked_for_and_a_socket_gets_the_picture(tmp_path):
    async def act(client):
        graph = changed(text_graph(text="hold"), n9=node("SaveImageWebsocket", images=["8", 0]))
        async with client.ws_connect("/ws?clientId=me") as socket:
            _, plain = await painted(client, socket, graph)
            asked = {"extra_data": {"preview_method": "auto"}}
            _, previewed = await painted(client, socket, graph, step(5, 9), preview, **asked)
            await socket.send_str(json.dumps({"type": "feature_flags", "data": {"supports_preview_metadata": True}}))
            asked = {"extra_data": {"preview_method": "latent2rgb"}}
            answer, told = await painted(client, socket, graph, step(5, 9), preview, **asked)
        pictures = [each for each in plain if isinstance(each, bytes)]
        assert pictures == [struct.pack(">II", 1, 2) + b"png of seed 7"]
        assert struct.pack(">II", 1, 2) + b"preview" in previewed
        assert [job.preview.every > 0 for job in client.worker.seen] == [False, True, True]
        assert "feature_flags" in kinds(told)
        (first, *_) = (each for each in told if isinstance(each, bytes))
        kind, length = struct.unpack(">II", first[:8])
        assert (kind, json.loads(first[8 : 8 + length])["node_id"], first[8 + length :]) == (4, "3", b"preview")
        name = answer["prompt_id"]
        assert (await got(client, f"/history/{name}"))[1][name]["outputs"] == {}

    ask(tmp_path, act)


def test_both_passes_are_told_of_with_their_nodes(tmp_path):
    async def act(client):
        async with client.ws_connect("/ws?clientId=me") as socket:
            graph = changed(hires_graph(), n6={"text": "hold"})
            answer, told = await painted(client, socket, graph, step(9, 16), step(10, 16))
        at = [each["data"]["node"] for each in told if each["type"] == "executing"]
        assert at == ["4", "3", "11", "8", "9", None]
        progress = [each["data"] for each in told if each["type"] == "progress"]
        assert [(each["node"], each["value"], each["max"]) for each in progress] == [("3", 9, 9), ("11", 1, 7)]
        assert "KSampler 11.seed" in answer["warnings"][0]
        (job,) = client.worker.seen
        assert (job.params.hires.scale, job.params.hires.strength, job.params.hires.steps) == (1.5, 0.5, 14)

    ask(tmp_path, act)


def test_what_goes_wrong_while_it_is_painted_is_told(tmp_path):
    async def act(client):
        async with client.ws_connect("/ws?clientId=me") as socket:
            answer = await taken(client, text_graph(text="fail OutOfMemory"))
            told = await ended(client, socket, answer["prompt_id"])
            (error,) = (each["data"] for each in told if each["type"] == "execution_error")
            assert (error["node_id"], error["node_type"]) == ("3", "KSampler")
            assert (error["exception_type"], error["exception_message"]) == ("OutOfMemory", "no picture this time")
        entry = (await got(client, f"/history/{answer['prompt_id']}"))[1][answer["prompt_id"]]
        assert (entry["status"]["status_str"], entry["status"]["completed"]) == ("error", False)
        assert entry["status"]["messages"][-1][0] == "execution_error"

    ask(tmp_path, act)


def test_the_queue_is_the_clients_own_and_can_be_taken_back(tmp_path):
    async def act(client):
        async with client.ws_connect("/ws?clientId=me") as socket:
            first = (await taken(client, text_graph(text="hold")))["prompt_id"]
            async for message in socket:
                if '"executing"' in message.data:
                    break
            running = (await got(client, "/queue"))[1]
            assert [each[1] for each in running["queue_running"]] == [first]
            assert running["queue_running"][0][2]["6"]["inputs"]["text"] == "hold"
            assert (await got(client, "/prompt"))[1] == {"exec_info": {"queue_remaining": 1}}
            assert (await posted(client, "/interrupt", {"prompt_id": "another"}))[0] == 200
            assert (await got(client, "/prompt"))[1] == {"exec_info": {"queue_remaining": 1}}
            assert (await posted(client, "/api/interrupt"))[0] == 200
            told = await ended(client, socket, first)
        assert "execution_interrupted" in kinds(told)
        assert (await got(client, "/queue"))[1] == {"queue_running": [], "queue_pending": []}
        for body in ({"clear": True}, {"delete": [first]}, {}):
            assert (await posted(client, "/queue", body))[0] == 200
        assert (await posted(client, "/free", {"unload_models": True}))[0] == 200

    ask(tmp_path, act)


def test_pictures_that_were_sent_are_painted_over(tmp_path):
    declared.write(tmp_path / "models/canny.safetensors", controlnet())

    async def act(client):
        photo = png()
        assert await uploaded(client, photo) == (200, {"name": "photo.png", "subfolder": "", "type": "input"})
        assert (await uploaded(client, photo))[1]["name"] == "photo.png"
        assert (await uploaded(client, png(colour="blue")))[1]["name"] == "photo (1).png"
        assert (await uploaded(client, HOLED, "holed.png", subfolder="in"))[1]["subfolder"] == "in"
        mask = await uploaded(
            client,
            HOLED,
            "painted.png",
            "/api/upload/mask",
            original_ref=json.dumps({"filename": "photo.png", "type": "input"}),
        )
        assert mask == (200, {"name": "painted.png", "subfolder": "", "type": "input"})
        listed = (await got(client, "/object_info/LoadImage"))[1]["LoadImage"]["input"]["required"]["image"][0]
        assert listed == ["in/holed.png", "painted.png", "photo (1).png", "photo.png"]
        async with client.get("/view?filename=photo.png&type=input") as answer:
            assert await answer.read() == photo
        masked = node("SetLatentNoiseMask", samples=["11", 0], mask=["10", 1])
        for name in ("painted.png", "in/holed.png [input]"):
            graph = changed(image_graph(denoise=0.5), n10={"image": name}, n3={"latent_image": ["12", 0]}, n12=masked)
            await taken(client, graph)
        over, alone = client.worker.seen
        assert over.img == photo
        assert Image.open(io.BytesIO(alone.img)).mode == "RGB"
        for job in (over, alone):
            assert Image.open(io.BytesIO(job.mask)).getpixel((0, 0)) == 255
            assert (job.params.num_steps, job.params.strength, job.params.width, job.params.height) == (18, 0.5, 64, 96)
        status, answer = await posted(client, "/prompt", {"prompt": changed(graph, n10={"image": "photo.png"})})
        assert (status, answer["node_errors"]["10"]["errors"][0]["type"]) == (400, "custom_validation_failed")
        assert "no transparent pixels" in answer["error"]["message"]

    ask(tmp_path, act)


@pytest.mark.parametrize("name", ["../photo.png", "..", "a/../../b.png", "a\n.png", "x" * 300])
def test_a_name_leads_nowhere_else(name):
    assert named(name) is None
    assert named("a.png", subfolder=name) is None


def test_no_file_is_made_of_what_is_sent_or_found_elsewhere(tmp_path):
    async def act(client):
        for name in ("../photo.png", "a/../../b.png"):
            async with client.get("/view", params={"filename": name, "type": "input"}) as answer:
                assert answer.status == 404
            form = aiohttp.FormData(quote_fields=False)
            form.add_field("image", png(), filename=name)
            async with client.post("/upload/image", data=form) as answer:
                status, told = await said(answer)
                assert (status, told["error"]["type"]) == (400, "invalid_request")
        assert (await uploaded(client, b"no picture"))[0] == 400
        assert (await uploaded(client, png()))[0] == 200

    ask(tmp_path, act)
    assert not list(tmp_path.rglob("*.png"))


@pytest.mark.parametrize(
    ("body", "kind", "node_id", "error"),
    [
        ({}, "no_prompt", "", ""),
        (
            {"prompt": text_graph(model="missing.safetensors")},
            "prompt_outputs_failed_validation",
            "4",
            "value_not_in_list",
        ),
        ({"prompt": text_graph(sampler="fast")}, "prompt_outputs_failed_validation", "3", "custom_validation_failed"),
        ({"prompt": text_graph(count=99)}, "prompt_outputs_failed_validation", "5", "custom_validation_failed"),
        ({"prompt": {"1": node("Nothing")}}, "missing_node_type", "", ""),
        ({"prompt": text_graph(text="a naked child")}, "content_policy_violation", "6", "custom_validation_failed"),
        ({"prompt": text_graph(), "extra_data": {"imagine": 3}}, "invalid_request", "", ""),
        ({"prompt": text_graph(), "prompt_id": "a b"}, "invalid_request", "", ""),
    ],
)
def test_a_refusal_names_the_node(tmp_path, body, kind, node_id, error):
    async def act(client):
        return await posted(client, "/prompt", body)

    status, answer = ask(tmp_path, act)
    assert (answer["error"]["type"], bool(answer["error"]["message"])) == (kind, True)
    assert status == (404 if error == "value_not_in_list" else 400)
    assert [*answer["node_errors"]] == ([node_id] if node_id else [])
    if node_id:
        told = answer["node_errors"][node_id]
        assert (told["errors"][0]["type"], told["dependent_outputs"]) == (error, ["9"])


def test_what_is_here_is_told(tmp_path):
    async def act(client):
        status, stats = await got(client, "/api/system_stats")
        assert status == 200
        assert stats["system"]["comfyui_version"].startswith("0.3.")
        assert stats["system"]["argv"] == []
        assert stats["devices"][0]["type"] == "fake"
        info = (await got(client, "/object_info"))[1]
        assert info["CheckpointLoaderSimple"]["input"]["required"]["ckpt_name"][0] == ["fox.safetensors"]
        assert "euler_ancestral" in info["KSampler"]["input"]["required"]["sampler_name"][0]
        assert "normal" in info["KSampler"]["input"]["required"]["scheduler"][0]
        assert (await got(client, "/object_info/Nothing"))[1] == {}
        assert (await got(client, "/models/checkpoints"))[1] == ["fox.safetensors"]
        assert (await got(client, "/api/models/loras"))[1] == []
        assert "checkpoints" in (await got(client, "/api/models"))[1]
        assert (await got(client, "/models/fox"))[1]["name"] == "fox"
        assert (await got(client, "/embeddings"))[1] == (await got(client, "/api/embeddings"))[1] == []
        assert (await got(client, "/features"))[1]["supports_preview_metadata"] is True
        assert (await got(client, "/extensions"))[1] == []
        assert (await got(client, "/ws"))[0] == 400

    ask(tmp_path, act)


def test_a_page_of_another_site_and_another_key_hear_nothing(tmp_path):
    keys = {"Authorization": "Bearer a-key-of-some-length"}

    async def act(client):
        with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
            await client.ws_connect("/ws")
        assert raised.value.status == 401
        async with client.ws_connect("/ws", headers=keys | {"Origin": "https://evil.example"}) as socket:
            assert json.loads((await socket.receive()).data)["type"] == "status"
        async with client.get("/queue") as answer:
            assert answer.status == 401
            assert (await answer.json())["node_errors"] == {}

    async def keyless(client):
        with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
            await client.ws_connect("/ws", headers={"Origin": "https://evil.example"})
        assert raised.value.status == 403

    ask(tmp_path, act, api_key="a-key-of-some-length")
    ask(tmp_path, keyless)


def test_it_can_be_turned_off(tmp_path):
    async def act(client):
        assert (await got(client, "/object_info"))[0] == 404
        assert (await posted(client, "/prompt", {"prompt": text_graph()}))[0] == 404

    without = [each for each in DIALECTS if each.name != "Comfy"]
    spoken = make_app(
        Gateway(settings_at(tmp_path, dialects=(DialectChoice("comfy", spoken=False),)), workers=[PromptedWorker()])
    )
    assert [each.name for each in spoken[SPOKEN]] == [each.name for each in without]
    ask(tmp_path, act, dialects=without)


def test_sent_pictures_stay_within_bounds(monkeypatch):
    now, me, you = [0.0], ("me", None), ("you", "key")
    kept = SentPictures(clock=lambda: now[0])
    monkeypatch.setattr(uploads, "MOST", 3)
    monkeypatch.setattr(uploads, "MOST_BYTES", 100)
    for place in range(4):
        kept.keep(me, SentName(f"{place}.png"), SentPicture(b"x", 1, 1), overwrite=True)
    assert kept.names(me) == ["1.png", "2.png", "3.png"]
    kept.keep(me, SentName("large.png"), SentPicture(b"x" * 99, 1, 1), overwrite=True)
    assert kept.names(me) == ["3.png", "large.png"]
    kept.keep(you, SentName("3.png"), SentPicture(b"y", 1, 1), overwrite=True)
    assert kept.find(me, SentName("3.png")).data == b"x"
    assert kept.find(you, SentName("large.png")) is None
    now[0] += uploads.KEPT
    assert kept.names(me) == kept.names(you) == []


def test_graphs_are_remembered_within_bounds(tmp_path, monkeypatch):
    monkeypatch.setattr(prompts, "MOST", 2)

    async def act(client):
        async with client.ws_connect("/ws?clientId=me") as socket:
            names = []
            for _ in range(3):
                names.append((await taken(client, text_graph()))["prompt_id"])
                await ended(client, socket, names[-1])
        assert [*(await got(client, "/history"))[1]] == names[1:]

    ask(tmp_path, act)


def test_the_graphs_of_who_has_most_are_forgotten_first(monkeypatch):
    monkeypatch.setattr(prompts, "MOST", 3)
    known = prompts.Prompts()
    for name, owner in (("a1", "a"), ("b1", "b"), ("a2", "a"), ("a3", "a")):
        known.add(prompts.ComfyPrompt(
            id=name, number=0, owner=(owner, None), sid="", order="", graph={}, extra={}, outline=None, warnings=(),
            state="success",
        ))  # fmt: skip
    assert [each.id for each in known] == ["b1", "a2", "a3"]


def test_a_client_that_takes_nothing_is_let_go():
    async def act():
        socket = ComfySocket(("me", None), "me")
        for _ in range(20):
            socket.show(bytes(2**20), is_news=False)
        taken = [await socket.next() for _ in range(17)]
        return [message is None for message in taken]

    assert asyncio.run(act()) == [False] * 16 + [True]
