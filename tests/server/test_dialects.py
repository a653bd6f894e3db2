"""The same wish in every dialect is one `GenerateRequest`, and makes the same bytes."""

import asyncio
import base64
import io
import json

import aiohttp
import msgspec
import pytest
from PIL import Image

from imagine.asking.aliases import Aliases
from imagine.asking.presets import Preset
from imagine.asking.request import parse
from imagine.asking.resolve import Defaults
from imagine.server.a1111.requests import webui_request_from
from imagine.server.comfy.requests import comfy_request_from
from imagine.server.comfy.ways import way_of
from imagine.server.ollama.requests import request_from_body
from imagine.server.openai.fields import EDIT, GENERATION
from imagine.server.openai.requests import images_request_from
from imagine.server.openai.responses_requests import images_body_from, wish_from
from imagine.server.openai.tables import Usual
from tests.registry import declared
from tests.server.beside import controlnet
from tests.server.comfy.graphs import changed, image_graph, node, text_graph
from tests.server.openai.painting import PaintingWorker
from tests.server.served import ask

SOFT = Preset(name="soft", prompt_suffix="soft light", neg="harsh", num_steps=4, guidance=3.0)


def png():
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


PHOTO = png()
NATIVE, OPENAI, OLLAMA = "/generate", "/v1/images/generations", "/api/generate"
EDITS = "/v1/images/edits"
A1111, IMG2IMG = "/sdapi/v1/txt2img", "/sdapi/v1/img2img"
CONTROL = {"model": "canny", "image": PHOTO, "preprocess": "none"}
SECOND = {"scale": 1.5, "strength": 0.55, "upscaler": "lanczos", "steps": 0}
WISHES = {
    "a size and a seed": {
        NATIVE: {"prompt": "a fox", "width": 512, "height": 768, "seed": "7", "fit": "scale"},
        OPENAI: {"prompt": "a fox", "size": "512x768", "seed": 7},
        OLLAMA: {"prompt": "a fox", "width": 512, "height": 768, "options": {"seed": 7}},
        A1111: {"prompt": "a fox", "width": 512, "height": 768, "seed": 7, "fit": "scale"},
    },
    "all that can be set": {
        NATIVE: {
            "prompt": "a fox", "model": "fox", "num_steps": 9, "guidance": 3.5, "sampler": "euler a", "seed": 2**64 - 1,
            "neg": "blur", "clip": 2, "hires": SECOND, "fit": "scale", "count": 2,
        },
        OPENAI: {
            "prompt": "a fox", "model": "fox", "steps": 9, "guidance_scale": 3.5, "sampler": "euler a",
            "seed": str(2**64 - 1), "negative_prompt": "blur", "clip_skip": 2, "hires": SECOND, "n": 2,
        },
        OLLAMA: {
            "prompt": "a fox", "model": "fox", "steps": 9, "cfg_scale": 3.5, "sampler": "euler a",
            "options": {"seed": str(2**64 - 1), "clip_skip": 2, "hires": SECOND}, "negative": "blur", "n": 2,
        },
        A1111: {
            "prompt": "a fox", "override_settings": {"sd_model_checkpoint": "fox"}, "steps": 9, "cfg_scale": 3.5,
            "sampler_name": "Euler a", "seed": 2**64 - 1, "negative_prompt": "blur", "clip_skip": 2,
            "enable_hr": True, "hr_scale": 1.5, "hr_upscaler": "Lanczos", "denoising_strength": 0.55, "fit": "scale",
            "n_iter": 2,
        },
    },
    "both guidances": {
        NATIVE: {"prompt": "a fox", "guidance": 3.5, "true_cfg": 1, "neg": "fog", "seed": 1, "fit": "scale"},
        OPENAI: {"prompt": "a fox", "guidance_scale": 3.5, "true_cfg_scale": 1, "negative_prompt": "fog", "seed": 1},
        OLLAMA: {"prompt": "a fox", "options": {"guidance": 3.5, "true_cfg": 1, "neg": "fog", "seed": 1}},
        A1111: {
            "prompt": "a fox", "cfg_scale": 3.5, "true_cfg": 1, "negative_prompt": "fog", "seed": 1, "fit": "scale",
        },
    },
    "both guidances, as Forge says them": {
        NATIVE: {"prompt": "a fox", "cfg_scale": 2, "distilled_cfg_scale": 3.5, "seed": 1, "fit": "scale"},
        OPENAI: {"prompt": "a fox", "cfg_scale": 2, "distilled_cfg_scale": 3.5, "seed": 1},
        OLLAMA: {"prompt": "a fox", "cfg_scale": 2, "options": {"distilled_cfg_scale": 3.5, "seed": 1}},
        A1111: {"prompt": "a fox", "cfg_scale": 2, "distilled_cfg_scale": 3.5, "seed": 1, "fit": "scale"},
    },
    "a style": {
        NATIVE: {"prompt": "a fox", "preset": "soft", "seed": 1, "fit": "scale"},
        OPENAI: {"prompt": "a fox", "style_preset": "soft", "seed": 1},
        OLLAMA: {"prompt": "a fox", "preset": "soft", "seed": 1},
        A1111: {"prompt": "a fox", "styles": ["soft"], "seed": 1, "fit": "scale"},
    },
    "OpenAI's style": {
        NATIVE: {"prompt": "a fox", "preset": "vivid", "seed": 1, "fit": "scale"},
        OPENAI: {"prompt": "a fox", "style": "vivid", "seed": 1},
        OLLAMA: {"prompt": "a fox", "options": {"preset": "vivid", "seed": 1}},
        A1111: {"prompt": "a fox", "styles": ["vivid"], "seed": 1, "fit": "scale"},
    },
    "nothing to avoid": {
        NATIVE: {"prompt": "a fox", "neg": "", "seed": 1, "fit": "scale"},
        OPENAI: {"prompt": "a fox", "negative_prompt": "", "seed": 1},
        OLLAMA: {"prompt": "a fox", "negative": "", "seed": 1},
        A1111: {"prompt": "a fox", "negative_prompt": "", "seed": 1, "fit": "scale"},
    },
    "another name of a model": {
        NATIVE: {"prompt": "a fox", "model": "art", "seed": 1, "fit": "scale"},
        OPENAI: {"prompt": "a fox", "model": "art", "seed": 1},
        OLLAMA: {"prompt": "a fox", "model": "art:latest", "seed": 1},
        A1111: {"prompt": "a fox", "override_settings": {"sd_model_checkpoint": "art"}, "seed": 1, "fit": "scale"},
    },
    "a hosted model's name": {
        NATIVE: {"prompt": "a fox", "model": "gpt-image-1", "seed": 1, "fit": "scale"},
        OPENAI: {"prompt": "a fox", "model": "gpt-image-1", "seed": 1},
        OLLAMA: {"prompt": "a fox", "model": "gpt-image-1", "seed": 1},
        A1111: {"prompt": "a fox", "model": "gpt-image-1", "seed": 1, "fit": "scale"},
    },
    "a picture to change": {
        NATIVE: {"prompt": "a fox", "img": PHOTO, "strength": 0.7, "seed": 1, "fit": "scale"},
        EDITS: {"prompt": "a fox", "image": f"data:image/png;base64,{PHOTO}", "seed": 1},
        OLLAMA: {"prompt": "a fox", "images": [PHOTO], "seed": 1},
        IMG2IMG: {
            "prompt": "a fox", "init_images": [PHOTO], "denoising_strength": 0.7, "resize_mode": 1, "seed": 1,
            "fit": "scale",
        },
    },
    "LoRAs": {
        NATIVE: {"prompt": "a fox", "loras": {"ink": 0.8}, "seed": 1, "fit": "scale"},
        OPENAI: {"prompt": "a fox", "loras": {"ink": 0.8}, "seed": 1},
        OLLAMA: {"prompt": "a fox", "options": {"loras": {"ink": 0.8}}, "seed": 1},
        A1111: {"prompt": "a fox", "loras": {"ink": 0.8}, "seed": 1, "fit": "scale"},
    },
    "LoRAs in tags": {
        NATIVE: {"prompt": "a fox <lora:ink:0.5:0.8>", "seed": 1, "fit": "scale"},
        OPENAI: {"prompt": "a fox <lora:ink:0.5:0.8>", "seed": 1},
        OLLAMA: {"prompt": "a fox <lora:ink:0.5:0.8>", "seed": 1},
        A1111: {"prompt": "a fox <lora:ink:0.5:0.8>", "seed": 1, "fit": "scale"},
    },
    "a picture to start from, and another": {
        NATIVE: {
            "prompt": "a fox", "img": PHOTO, "strength": 0.4, "references": [{"img": PHOTO}], "fit": "scale", "seed": 1,
        },
        EDITS: {"prompt": "a fox", "image": [PHOTO, PHOTO], "strength": 0.4, "seed": 1},
        OLLAMA: {"prompt": "a fox", "images": [PHOTO, PHOTO], "strength": 0.4, "seed": 1},
        IMG2IMG: {
            "prompt": "a fox", "init_images": [f"data:image/png;base64,{PHOTO}"], "denoising_strength": 0.4,
            "references": [{"img": PHOTO}], "fit": "scale", "resize_mode": 1, "seed": 1,
        },
    },
    "references": {
        NATIVE: {"prompt": "a fox", "references": [{"img": PHOTO, "strength": 1.2}], "fit": "scale", "seed": 1},
        OPENAI: {"prompt": "a fox", "reference_images": [PHOTO], "strength": 0.4, "seed": 1},
        OLLAMA: {"prompt": "a fox", "options": {"references": [{"image": PHOTO, "weight": 1.2}], "seed": 1}},
        A1111: {"prompt": "a fox", "references": [{"img": PHOTO, "strength": 1.2}], "fit": "scale", "seed": 1},
    },
    "a control": {
        NATIVE: {"prompt": "a fox", "control": [CONTROL | {"end": 0.8}], "fit": "scale", "seed": 1},
        OPENAI: {"prompt": "a fox", "control": [CONTROL | {"guidance_end": 0.8}], "seed": 1},
        OLLAMA: {"prompt": "a fox", "options": {"controlnet": [CONTROL | {"end": 0.8}]}, "seed": 1},
        A1111: {
            "prompt": "a fox", "fit": "scale", "seed": 1,
            "alwayson_scripts": {"controlnet": {"args": [
                {"model": "canny", "image": PHOTO, "module": "none", "guidance_end": 0.8},
            ]}},
        },
    },
    "a second seed": {
        NATIVE: {"prompt": "a fox", "seed": 1, "subseed": "7", "subseed_strength": 0.2, "fit": "scale"},
        OPENAI: {"prompt": "a fox", "seed": 1, "subseed": 7, "subseed_strength": 0.2},
        OLLAMA: {"prompt": "a fox", "options": {"seed": 1, "variation_seed": 7, "variation_strength": 0.2}},
        A1111: {"prompt": "a fox", "seed": 1, "subseed": 7, "subseed_strength": 0.2, "fit": "scale"},
    },
}  # fmt: skip
SETTINGS = {
    "model": "fox", "presets": (SOFT,), "aliases": Aliases({"art": "owl"}),
    "defaults": Defaults(neg="ugly", num_steps=25, guidance=7.0, sampler="dpm++ 2m"),
}  # fmt: skip
"""What a request doesn't say it is told here: AUTOMATIC1111's clients expect that program's own values otherwise."""


def request_of(path, body):
    match path:
        case "/generate":
            return parse(body).request
        case "/api/generate":
            order = request_from_body(body | {"stream": False})
            assert order.warnings == []
            return order.request
        case "/sdapi/v1/txt2img" | "/sdapi/v1/img2img":
            wish = webui_request_from(body, shown=path == IMG2IMG)
            assert wish.warnings == []
            return wish.request
    wish = images_request_from(body, EDIT if path == EDITS else GENERATION, Usual(512, 25))
    assert wish.warnings == []
    return wish.request


def plain(request):
    """With the picture as its bytes, however it was wrapped."""
    img = request.img and request.img.rpartition(",")[2]
    return msgspec.structs.replace(request, img=img)


@pytest.mark.parametrize("wish", WISHES)
def test_one_wish_is_one_request(wish):
    requests = {path: plain(request_of(path, body)) for path, body in WISHES[wish].items()}
    assert len(requests) == 4
    first, *others = requests.values()
    assert [first] * 3 == others


def said_to_the_tool(path, body):
    """What asks OpenAI's Responses for the same."""
    told = {name: value for name, value in body.items() if name not in ("prompt", "image", "model")}
    shown = body.get("image", [])
    parts = [{"type": "input_image", "image_url": each} for each in (shown if isinstance(shown, list) else [shown])]
    content = [{"type": "input_text", "text": body["prompt"]}, *parts]
    tool = told | {"type": "image_generation", "model": body.get("model")}
    return {"input": [{"role": "user", "content": content}], "tools": [tool]}


@pytest.mark.parametrize("wish", [wish for wish in WISHES if "n" not in WISHES[wish].get(OPENAI, {})])
def test_one_wish_is_one_request_of_responses_too(wish):
    (path, body), *_ = ((path, body) for path, body in WISHES[wish].items() if path in (OPENAI, EDITS))
    asked = wish_from(said_to_the_tool(path, body))
    assert asked.kind == (EDIT if path == EDITS else GENERATION)
    images = images_body_from(asked, asked.tool["model"], "", asked.words)
    request = images_request_from(images, asked.kind, Usual(512, 25)).request
    assert plain(request) == plain(request_of(path, body))


SAID = {"model": "fox", "num_steps": 9, "guidance": 3.5, "sampler": "euler a", "schedule": "default", "neg": ""}
"""What every graph says; and so what is said natively beside each wish that a graph can say."""
OF_GRAPHS = {
    "a size and a seed": {},
    "nothing to avoid": {"seed": 1},
    "another name of a model": {"model": "art", "seed": 1},
    "LoRAs": {"seed": 1},
    "a picture to change": {"denoise": 0.5, "seed": 1},
    "a control": {"seed": 1},
}


def graph_of(wish, said):
    """The graph that says a wish of the table."""
    native = WISHES[wish][NATIVE]
    if "img" in native:
        return image_graph(**said)
    graph = text_graph(**{"seed": 7, "width": 512, "height": 768} | said)
    if wish == "LoRAs":
        beside = {"lora_name": "ink.safetensors", "strength_model": 0.8, "strength_clip": 0.8}
        lora = node("LoraLoader", model=["4", 0], clip=["4", 1], **beside)
        return changed(graph, n10=lora, n3={"model": ["10", 0]}, n6={"clip": ["10", 1]}, n7={"clip": ["10", 1]})
    if wish == "a control":
        said = {"strength": 1.0, "start_percent": 0.0, "end_percent": 0.8}
        applied = node("ControlNetApplyAdvanced", positive=["6", 0], negative=["7", 0], control_net=["11", 0],
                       image=["12", 0], **said)  # fmt: skip
        nodes = {"n10": applied, "n11": node("ControlNetLoader", control_net_name="canny.safetensors")}
        nodes["n12"] = node("LoadImage", image="photo.png")
        return changed(graph, n3={"positive": ["10", 0], "negative": ["10", 1]}, **nodes)
    return graph


def native_of(wish, said):
    """The same wish natively, with what the graph has to say beside it."""
    native = SAID | WISHES[wish][NATIVE]
    native["model"] = said.get("model", "fox.safetensors")
    if "img" in native:
        return native | {"num_steps": 18, "strength": 0.5}
    if "control" in native:
        native["control"] = [native["control"][0] | {"strength": 1.0, "start": 0.0}]
    return native | {"width": 512, "height": 768}


@pytest.mark.parametrize("wish", OF_GRAPHS)
def test_one_wish_is_one_request_of_a_graph_too(wish):
    said = OF_GRAPHS[wish]
    way = way_of(graph_of(wish, said))
    asked = comfy_request_from(way, lambda _: (64, 64), extra={"fit": "scale"})
    (request,) = (asked.request,)
    for need in asked.pictures:
        if need.field == "img":
            request = msgspec.structs.replace(request, img=PHOTO)
        else:
            request = msgspec.structs.replace(
                request, control=(msgspec.structs.replace(request.control[0], image=PHOTO),)
            )
    assert plain(request) == plain(parse(native_of(wish, said)).request)
    assert asked.warnings == []


@pytest.mark.parametrize("wish", OF_GRAPHS)
def test_one_wish_is_one_recipe_of_a_graph_too(tmp_path, wish, monkeypatch):
    monkeypatch.setattr("imagine.server.orders.controls.CONTROLS", {"": frozenset({"stable_diffusion"})})

    async def act(client):
        form = aiohttp.FormData({"type": "input"})
        form.add_field("image", base64.b64decode(PHOTO), filename="photo.png")
        async with client.post("/upload/image", data=form) as answer:
            assert answer.status == 200
        body = {"prompt": graph_of(wish, OF_GRAPHS[wish]), "extra_data": {"imagine": {"fit": "scale"}}}
        async with client.post("/prompt", json=body) as answer:
            assert answer.status == 200, await answer.text()
        await made(client.post, NATIVE, native_of(wish, OF_GRAPHS[wish]))
        return [_told(job) for job in client.worker.seen]

    declared.write(tmp_path / "models/loras/ink.safetensors", declared.kohya_lora())
    declared.write(tmp_path / "models/canny.safetensors", controlnet())
    graphs, natives = ask(tmp_path, act, models=("fox", "owl"), **SETTINGS)
    assert graphs == natives


def pictures_in(path, answer):
    """The pictures of an answer, in the order of their seeds."""
    if path.startswith("/v1/"):
        return [base64.b64decode(item["b64_json"]) for item in answer["data"]]
    if path.startswith("/sdapi/"):
        return [base64.b64decode(each) for each in answer["images"]]
    name = "img" if path == NATIVE else "image"
    return [base64.b64decode(each[name]) for each in answer.get("images") or [answer]]


async def made(post, path, body):
    more = {"response_format": "b64_json"} if path.startswith("/v1/") else {"stream": False} if path == OLLAMA else {}
    async with post(path, data=json.dumps(body | more)) as answer:
        text = await answer.text()
        assert answer.status == 200, text
        return pictures_in(path, json.loads(text))


def _told(job):
    return job.params, job.model, job.adapters, job.controls, job.references, job.img, job.mask


@pytest.mark.parametrize("wish", WISHES)
def test_one_wish_is_one_recipe(tmp_path, wish, monkeypatch):
    families = frozenset({"stable_diffusion"})
    monkeypatch.setattr("imagine.server.orders.controls.CONTROLS", {"": families})
    monkeypatch.setattr("imagine.asking.resolve.SECOND_SEEDS", families)

    async def act(client):
        seen, pictures = [], []
        for path, body in WISHES[wish].items():
            pictures.append(await made(client.post, path, body))
            seen.append([_told(job) for job in client.worker.seen])
            client.worker.seen.clear()
        return seen, pictures

    declared.write(tmp_path / "models/loras/ink.safetensors", declared.kohya_lora())
    declared.write(tmp_path / "models/canny.safetensors", controlnet())
    seen, pictures = ask(tmp_path, act, models=("fox", "owl"), **SETTINGS)
    assert seen[0]
    assert seen == [seen[0]] * 4
    assert pictures == [pictures[0]] * 4
    assert len(pictures[0]) == len(seen[0])


def by_mcp(said):
    """A call of a tool that asks for the same."""
    names = {"img": "image", "neg": "negative"}
    told = {names.get(name, name): value for name, value in said.items() if name != "fit"}
    told["seed"] = str(told["seed"])
    params = {"name": "edit_image" if "img" in said else "generate_image", "arguments": told}
    return "/mcp", {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}


def by_replicate(said):
    """A prediction that asks for the same."""
    told = {"image" if name == "img" else name: value for name, value in said.items() if name not in ("fit", "model")}
    return "/v1/predictions", {"version": said.get("model"), "input": told}


def by_hugging_face(said):
    """An inference that asks for the same."""
    told = {name: value for name, value in said.items() if name not in ("fit", "model", "img")}
    inputs = said["img"] if "img" in said else told.pop("prompt")
    return f"/models/{said['model']}" if "model" in said else "/", {"inputs": inputs, "parameters": told}


async def drawn_by(client, path, body):
    """The picture of the answer, whole."""
    async with client.post(path, json=body, headers={"Prefer": "wait"}) as answer:
        data = await answer.read()
        assert answer.status in (200, 201), data
    if path == "/mcp":
        links = [part for part in json.loads(data)["result"]["content"] if part["type"] == "resource_link"]
        read = {"jsonrpc": "2.0", "id": 2, "method": "resources/read", "params": {"uri": links[0]["uri"]}}
        answer = await (await client.post("/mcp", json=read)).json()
        return base64.b64decode(answer["result"]["contents"][0]["blob"])
    return base64.b64decode(json.loads(data)["output"][0].partition(",")[2]) if path == "/v1/predictions" else data


@pytest.mark.parametrize(
    "wish", ["a size and a seed", "a style", "nothing to avoid", "another name of a model", "a picture to change"]
)
def test_one_wish_is_one_picture_by_the_others_too(tmp_path, wish):
    said = WISHES[wish][NATIVE]

    async def act(client):
        (first,) = await made(client.post, NATIVE, said)
        pictures = [await drawn_by(client, *way(said)) for way in (by_mcp, by_replicate, by_hugging_face)]
        return first, pictures, [_told(job) for job in client.worker.seen]

    first, pictures, seen = ask(tmp_path, act, models=("fox", "owl"), worker=PaintingWorker(), **SETTINGS)
    assert seen == [seen[0]] * 4
    assert pictures == [first] * 3


async def painted_by_graph(client):
    """The same pictures of a graph, which says all that the others leave to the preset and the model."""
    said = {"neg": "harsh", "steps": 4, "cfg": 3.0, "sampler": "dpmpp_2m"}
    graph = text_graph(width=64, height=96, count=2, text="a fox, soft light", **said)
    body = {"prompt": graph, "client_id": "me", "extra_data": {"imagine": {"reproducible": True}}}
    async with client.ws_connect("/ws?clientId=me") as socket:
        async with client.post("/prompt", json=body) as answer:
            name = (await answer.json())["prompt_id"]
        async for message in socket:
            told = json.loads(message.data)
            if told["type"] == "executing" and told["data"]["node"] is None:
                break
    async with client.get(f"/history/{name}") as answer:
        shown = (await answer.json())[name]["outputs"]["9"]["images"]
    pictures = []
    for each in shown:
        async with client.get("/view", params=each) as answer:
            pictures.append(await answer.read())
    return pictures


@pytest.mark.slow
def test_one_wish_is_the_same_bytes(tmp_path):
    from imagine.server.serve import serve
    from imagine.settings.settings import Settings
    from tests.checkpoints import write_checkpoint

    (tmp_path / "models").mkdir()
    write_checkpoint(tmp_path / "models" / "fox.safetensors")
    patient = aiohttp.ClientTimeout(total=None)
    settings = Settings(home=tmp_path, host="127.0.0.1", port=0, device="cpu", presets=(SOFT,))
    wishes = {
        NATIVE: {
            "prompt": "a fox",
            "width": 64,
            "height": 96,
            "seed": 7,
            "preset": "soft",
            "fit": "native",
            "count": 2,
        },
        OPENAI: {"prompt": "a fox", "size": "64x96", "seed": 7, "style_preset": "soft", "fit": "native", "n": 2},
        OLLAMA: {"prompt": "a fox", "width": 64, "height": 96, "seed": 7, "preset": "soft", "fit": "native", "n": 2},
        A1111: {
            "prompt": "a fox",
            "width": 64,
            "height": 96,
            "seed": 7,
            "styles": ["soft"],
            "batch_size": 2,
            "sampler_name": "DPM++ 2M",
            "scheduler": "Uniform",
        },
    }

    async def go():
        stop, urls = asyncio.Event(), asyncio.get_running_loop().create_future()
        server = asyncio.ensure_future(serve(settings, ready=urls.set_result, stop=stop))
        async with asyncio.timeout(1000), aiohttp.ClientSession((await urls)[0], timeout=patient) as client:
            try:
                of_graph = await painted_by_graph(client)
                others = [await made(client.post, path, body | {"reproducible": True}) for path, body in wishes.items()]
                return [*others, of_graph]
            finally:
                stop.set()
                await server

    pictures = asyncio.run(go())
    assert pictures == [pictures[0]] * 5
    assert len(set(pictures[0])) == 2
    assert Image.open(io.BytesIO(pictures[0][0])).size == (64, 96)
    assert json.loads(Image.open(io.BytesIO(pictures[0][0])).text["meta"])["prompt"] == "a fox, soft light"
