"""What a server answers clients of AUTOMATIC1111: pictures with their `info`, how far they are, options, lists."""

import asyncio
import base64
import io
import json
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from imagine.asking.aliases import Aliases
from imagine.asking.presets import Preset
from imagine.assistant.assistant import Assistant
from imagine.fairness.allowance import Allowance
from imagine.pictures.foreign.infotext import meta_from_infotext
from imagine.pictures.images import decode
from imagine.pictures.looking.turns import Turns
from imagine.server.app import make_app
from imagine.server.gateway.gateway import Gateway
from imagine.settings.keys import NamedKey, digest_of
from imagine.settings.settings import settings_from
from imagine.words.errors import Busy, ImagineError
from imagine.words.events import Finished, Preview, Progress
from imagine.words.recipe import meta_from_params
from tests.assistant.fake_models import answers, modelled, says
from tests.registry import declared
from tests.server.served import PromptedWorker, add_model, ask, serving, settings_at

API = "/sdapi/v1/"
SOFT = Preset(name="soft", prompt_suffix="soft light", neg="harsh", num_steps=4, guidance=3.0)


def png(size=(64, 64), mode="RGB", colour="red"):
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


async def post(client, path, body, **more):
    async with client.post(path if path.startswith("/") else API + path, data=json.dumps(body), **more) as answer:
        return answer.status, json.loads(await answer.text())


async def get(client, path):
    async with client.get(path if path.startswith("/") else API + path) as answer:
        assert answer.status == 200, path
        return json.loads(await answer.text())


def test_pictures_and_what_is_told_of_them(tmp_path):
    async def act(client):
        body = {"prompt": "a fox", "negative_prompt": "fog", "seed": 2**32, "batch_size": 2, "steps": 8, "s_churn": 3}
        return await post(client, "txt2img", body | {"sampler_name": "DPM++ 2M Karras", "width": 512, "height": 768})

    status, answer = ask(tmp_path, act)
    assert status == 200
    assert [base64.b64decode(each) for each in answer["images"]] == [b"png of seed %d" % (2**32 + n) for n in (0, 1)]
    assert (answer["parameters"]["prompt"], answer["parameters"]["n_iter"]) == ("a fox", 1)
    info = json.loads(answer["info"])
    assert (info["all_seeds"], info["all_prompts"]) == ([2**32, 2**32 + 1], ["a fox"] * 2)
    assert (info["sampler_name"], info["steps"], info["width"], info["height"]) == ("DPM++ 2M", 8, 512, 768)
    assert info["extra_generation_params"]["warnings"] == ["s_churn has no effect on dpm++ 2m"]
    meta, notes = meta_from_infotext(info["infotexts"][1])
    assert (meta["seed"], meta["neg"], meta["schedule"], meta["guidance"], notes) == (
        2**32 + 1,
        "fog",
        "karras",
        7.0,
        [],
    )


def test_what_is_not_said_is_the_model_s_the_owner_s_or_that_program_s(tmp_path):
    async def act(client):
        await post(client, "txt2img", {"prompt": "a fox"})
        await post(client, "txt2img", {"prompt": "a fox", "styles": ["vivid", "soft"]})
        plain, styled = (job.params for job in client.worker.seen)
        return plain, styled

    plain, styled = ask(tmp_path, act, presets=(SOFT,))
    assert (plain.num_steps, plain.sampler, plain.guidance, plain.width) == (50, "euler", 7.0, 512)
    assert (styled.num_steps, styled.guidance, styled.sampler) == (4, 3.0, "euler")
    assert styled.prompt.endswith("soft light")
    assert "vivid colors" in styled.prompt


def test_what_styles_keep_out_is_kept_out_beside_what_a_request_does(tmp_path):
    pastel, neon = Preset(name="pastel", prompt_suffix="pale", neg="dark"), Preset(name="neon", prompt_suffix="bright")

    async def act(client):
        for said in (["soft"], ["neon"], ["pastel", "soft"], ["pastel", "neon"]):
            for neg in ("", "fog"):
                await post(client, "txt2img", {"prompt": "a fox", "styles": said, "negative_prompt": neg})
        return [job.params.neg for job in client.worker.seen]

    told = ask(tmp_path, act, presets=(SOFT, pastel, neon))
    assert told == ["harsh", "fog, harsh", "", "fog", "dark, harsh", "fog, dark, harsh", "dark", "fog, dark"]


def test_a_mask_paints_where_that_program_would(tmp_path):
    half = Image.new("RGBA", (64, 64), (255, 255, 255, 0))
    half.paste((0, 0, 0, 255), (0, 0, 32, 64))
    file = io.BytesIO()
    half.save(file, "PNG")
    thin = base64.b64encode(file.getvalue()).decode()
    wishes = [{"mask": thin}, {"mask": thin, "inpainting_mask_invert": 1}, {"mask": png(mode="L", colour=255)}]

    async def act(client):
        for wish in wishes:
            body = {"prompt": "a fox", "init_images": [f"data:image/png;base64,{png()}"], "mask_blur": 0}
            status, answer = await post(client, "img2img", body | wish)
            assert (status, answer["parameters"]["init_images"], answer["parameters"]["mask"]) == (200, None, None)
        blurred = {"prompt": "a fox", "init_images": [png()], "mask": thin, "include_init_images": True}
        _, answer = await post(client, "img2img", blurred)
        assert answer["parameters"]["init_images"] == [png()]
        return [decode(job.mask, field="mask").convert("L") for job in client.worker.seen]

    opaque, inverted, white, blurred = ask(tmp_path, act)
    assert (opaque.getpixel((8, 8)), opaque.getpixel((50, 8))) == (255, 0)
    assert (inverted.getpixel((8, 8)), inverted.getpixel((50, 8))) == (0, 255)
    assert white.getextrema() == (255, 255)
    assert 100 < blurred.getpixel((32, 8)) < 155


def test_how_far_it_is_and_what_comes_of_an_interrupted_one(tmp_path):
    async def act(client):
        async def until(done):
            while True:  # each asks the server, and so lets it go on
                if done(progress := await get(client, "progress")):
                    return progress

        idle = await get(client, "progress")
        body = {"prompt": "hold", "steps": 4, "force_task_id": "mine"}
        waiting = asyncio.create_task(post(client, "txt2img", body))
        await client.worker.news.wait()
        job = client.worker.seen[0].job
        buffer = client.worker.held[job]
        buffer.put(Progress(job=job, step=1, steps=4, remaining=6.0))
        buffer.put(Preview(job=job, step=1, steps=4, data=b"half"))
        running = await until(lambda told: told["current_image"])
        _, task = await post(client, "/internal/progress", {"id_task": "mine"})
        assert (await get(client, "progress?skip_current_image=true"))["current_image"] is None
        assert (await get(client, "/queue/status"))["queue_size"] == 0
        assert await post(client, "interrupt", {}) == (200, {})
        return idle, running, task, await waiting

    idle, running, task, (status, answer) = ask(tmp_path, act)
    assert (idle["progress"], idle["state"]["job_count"], idle["current_image"]) == (0.0, 0, None)
    assert (running["progress"], running["eta_relative"]) == (0.25, 6.0)
    assert (running["state"]["job"], running["state"]["sampling_step"], running["state"]["job_count"]) == ("mine", 1, 1)
    assert base64.b64decode(running["current_image"]) == b"half"
    assert (task["active"], task["live_preview"]) == (True, running["current_image"] and task["live_preview"])
    assert status == 200
    assert [base64.b64decode(each) for each in answer["images"]] == [b"half"]
    told = json.loads(answer["info"])["extra_generation_params"]["warnings"]
    assert told == ["interrupted: 0 of 1 picture came"]


def test_a_skipped_picture_leaves_the_others(tmp_path):
    async def act(client):
        worker = client.worker
        waiting = asyncio.create_task(post(client, "txt2img", {"prompt": "hold", "batch_size": 2, "seed": 5}))
        while len(worker.seen) < 2:
            worker.news.clear()
            await worker.news.wait()
        assert await post(client, "skip", {}) == (200, None)
        job = worker.seen[1]
        worker._end(Finished(job=job.job, data=b"second", meta=meta_from_params(job.params), timings={}))
        return await waiting

    status, answer = ask(tmp_path, act)
    assert status == 200
    assert [base64.b64decode(each) for each in answer["images"]] == [b"second"]
    info = json.loads(answer["info"])
    assert info["all_seeds"] == [6]
    assert "picture 1 of 2 is left out" in info["extra_generation_params"]["warnings"][0]


def test_who_skips_all_of_them_gets_what_there_is(tmp_path):
    async def act(client):
        waiting = asyncio.create_task(post(client, "txt2img", {"prompt": "hold", "batch_size": 2}))
        while len(client.worker.seen) < 2:
            client.worker.news.clear()
            await client.worker.news.wait()
        while not waiting.done():  # each lets the server go on
            assert await post(client, "skip", {}) == (200, None)
        return waiting.result()

    status, answer = ask(tmp_path, act)
    assert (status, answer["images"]) == (200, [])


def test_what_a_request_gives_back_is_held_while_it_is_drawn(tmp_path):
    async def act(client):
        client.gateway.allowance = allowance = Allowance(2**20)
        body = {"prompt": "hold", "init_images": [png()], "comments": {"a": "x" * 100_000}, "include_init_images": True}
        waiting = asyncio.create_task(post(client, "img2img", body))
        await client.worker.news.wait()
        with pytest.raises(Busy):
            allowance.take(2**20 - 100_000)
        await post(client, "interrupt", {})
        await waiting
        allowance.take(2**20)

    ask(tmp_path, act)


def test_options_are_each_client_s_own(tmp_path):
    keys = tuple(NamedKey(name=name, digest=digest_of(f"{name}-key-of-length")) for name in ("ann", "bob"))

    async def act(client):
        def as_(name):
            secret = base64.b64encode(f"x:{name}-key-of-length".encode()).decode()
            return {"headers": {"Authorization": f"Basic {secret}"}}

        async with client.post(API + "options", data="{}") as answer:
            assert (answer.status, answer.headers["WWW-Authenticate"].split()[0]) == (401, "Basic")
        wrong = [{"sd_model_checkpoint": "nope"}, {"CLIP_stop_at_last_layers": "two"}, {"samples_format": "gif"},
                 {"sd_vae": "x" * 2000}, {"forge_additional_modules": [["ae"]]}]  # fmt: skip
        statuses = [(await post(client, "options", each, **as_("ann")))[0] for each in wrong]
        body = {"sd_model_checkpoint": "owl.safetensors", "CLIP_stop_at_last_layers": 2, "port": 1}
        async with client.post(API + "options", data=json.dumps(body), **as_("ann")) as answer:
            warned = json.loads(answer.headers["X-Imagine-Warnings"])
        shown = []
        for name in ("ann", "bob"):
            async with client.get(API + "options", **as_(name)) as answer:
                shown.append(await answer.json())
            await post(client, "txt2img", {"prompt": "a fox"}, **as_(name))
        return statuses, warned, shown, [(job.params.model, job.params.clip) for job in client.worker.seen]

    statuses, warned, (ann, bob), painted = ask(tmp_path, act, models=("fox", "owl"), model="fox", keys=keys)
    assert statuses == [404, 400, 400, 400, 400]
    assert warned == ["what is unknown or the owner's alone was left out of the options: port"]
    assert ann["sd_model_checkpoint"].startswith("owl.safetensors")
    assert bob["sd_model_checkpoint"].startswith("fox.safetensors")
    assert (ann["CLIP_stop_at_last_layers"], bob["CLIP_stop_at_last_layers"]) == (2, 1)
    assert painted == [("owl", 2), ("fox", 1)]


def test_what_there_is(tmp_path):
    async def act(client):
        lists = {name: await get(client, name) for name in (
            "sd-models", "loras", "prompt-styles", "upscalers", "samplers", "schedulers", "scripts", "memory",
            "embeddings", "cmd-flags",
        )}  # fmt: skip
        title = lists["sd-models"][0]["title"]
        assert (await post(client, "options", {"sd_model_checkpoint": title}))[0] == 200
        for name in ("refresh-checkpoints", "refresh-loras", "refresh-vae"):
            assert await post(client, name, {}) == (200, None)
        assert await post(client, "reload-checkpoint", {}) == (200, {})
        assert client.worker.loaded == ["fox"]
        assert (await post(client, "server-kill", {}))[0] == 403
        return lists

    declared.write(tmp_path / "models/loras/ink.safetensors", declared.kohya_lora())
    lists = ask(tmp_path, act, presets=(SOFT,), aliases=Aliases({"art": "fox"}), model="fox")
    assert [each["model_name"] for each in lists["sd-models"]] == ["fox", "art"]
    assert [each["name"] for each in lists["loras"]] == ["ink"]
    assert lists["prompt-styles"][0] == {"name": "soft", "prompt": "{prompt} soft light", "negative_prompt": "harsh"}
    assert lists["upscalers"][0]["name"] == "None"
    assert {"DPM++ 2M", "Euler a"} <= {each["name"] for each in lists["samplers"]}
    assert lists["schedulers"][0]["name"] == "automatic"
    assert lists["memory"]["ram"]["total"] > lists["memory"]["ram"]["free"]
    assert "/" not in json.dumps([lists["sd-models"], lists["loras"], lists["cmd-flags"]])


WRONG = [
    ("txt2img", {"prompt": "x", "sampler_name": "nope"}, 400, "sampler.missing"),
    ("txt2img", {"prompt": "x", "override_settings": {"sd_model_checkpoint": "nope"}}, 404, "model.missing"),
    ("txt2img", {"prompt": "fail OutOfMemory"}, 507, "plain"),
    ("img2img", {"prompt": "x", "init_images": ["http://x.test/a.png"]}, 400, "picture.address"),
    ("img2img", {"prompt": "x"}, 404, "value.missing"),
    ("interrogate", {"image": png()}, 400, "assist.absent"),
    ("nothing", {}, 404, "http.path"),
    ("extra-single-image", {"image": "AAAA", "upscaler_1": "Lanczos"}, 400, "picture.format"),
    ("extra-batch-images", {"imageList": []}, 400, "pictures.count"),
    ("/controlnet/detect", {"controlnet_module": "mystery", "controlnet_input_images": []}, 400, "value.refused"),
]


def test_what_goes_wrong(tmp_path):
    async def act(client):
        return [await post(client, path, body) for path, body, _, _ in WRONG]

    for (path, _, status, code), (answered, error) in zip(WRONG, ask(tmp_path, act), strict=True):
        assert (path, answered, error["code"]) == (path, status, code)
        assert {"error", "detail", "body", "errors"} <= error.keys()


def test_tags_of_what_is_not_here_are_left_out_with_a_warning(tmp_path):
    async def act(client):
        return await post(client, "txt2img", {"prompt": "a fox <lora:none:1>"})

    status, answer = ask(tmp_path, act)
    assert status == 200
    (warning,) = json.loads(answer["info"])["extra_generation_params"]["warnings"]
    assert "'none'" in warning


def test_pictures_enlarged_and_read(tmp_path):
    class Writing(PromptedWorker):
        def submit(self, job):
            if job.enlargement is not None:
                Path(job.enlargement.path).write_bytes(b"enlarged")
            return super().submit(job)

    async def act(client):
        asked = {"image": png(), "upscaler_1": "Lanczos", "upscaling_resize": 3, "gfpgan_visibility": 1}
        single = await post(client, "extra-single-image", asked)
        by_size = {"upscaler_1": "Lanczos", "resize_mode": 1, "upscaling_resize_w": 128, "upscaling_resize_h": 128}
        several = await post(client, "extra-batch-images", {"imageList": [{"data": png(), "name": "a"}] * 2, **by_size})
        same = await post(client, "extra-single-image", {"image": png(), "upscaler_1": "None"})
        detected = await post(
            client, "/controlnet/detect", {"controlnet_module": "canny", "controlnet_input_images": [png()]}
        )
        scales = [job.params.hires.scale for job in client.worker.seen if job.params.hires]
        return single, several, same, detected, scales

    single, several, same, detected, scales = ask(tmp_path, act, worker=Writing(), provenance=False)
    assert base64.b64decode(single[1]["image"]) == b"enlarged"
    assert single[1]["html_info"] == "<p>without effect here: gfpgan_visibility</p>"
    assert [base64.b64decode(each) for each in several[1]["images"]] == [b"enlarged"] * 2
    assert same[1]["image"] == png()
    assert base64.b64decode(detected[1]["images"][0]) == b"png of seed 0"
    assert scales == [3.0, 2.0, 2.0]


def test_what_a_picture_says_of_itself(tmp_path):
    text = "a fox\nNegative prompt: fog\nSteps: 9, Sampler: Euler, Schedule type: Uniform, CFG scale: 3, Seed: 5"
    file, info = io.BytesIO(), PngInfo()
    info.add_text("parameters", text)
    Image.new("RGB", (64, 64)).save(file, "PNG", pnginfo=info)

    odd, odd_info = io.BytesIO(), PngInfo()
    odd_info.add_text("meta", json.dumps({"prompt": "an owl", "upscaled": {"scale": 2}, "control": 5, "loras": 5}))
    Image.new("RGB", (64, 64)).save(odd, "PNG", pnginfo=odd_info)

    async def act(client):
        shown = [base64.b64encode(each.getvalue()).decode() for each in (file, odd)]
        return [await post(client, "png-info", {"image": each}) for each in (*shown, png())]

    (_, said), (_, strange), (_, nothing) = ask(tmp_path, act)
    assert strange["parameters"]["Prompt"] == "an owl"
    assert said["info"].startswith("a fox\nNegative prompt: fog\nSteps: 9, Sampler: Euler")
    assert (said["parameters"]["Prompt"], said["parameters"]["Seed"]) == ("a fox", "5")
    assert nothing == {"info": "", "items": {}, "parameters": {}}


def test_who_is_asked_what_a_picture_shows_answers_as_a_caption(tmp_path):
    seen = {
        "subjects": [{"name": "house", "count": 1, "colours": ["red"], "material": "brick", "position": "centre"}],
        "background": "white", "composition": {"shot": "wide", "angle": "front", "layout": "one house"},
        "lighting": "flat", "palette": ["red"], "style": "flat drawing", "people": False, "text_in_image": "",
    }  # fmt: skip

    async def go():
        async with (
            modelled("ollama", says(seen), answers(500)) as fake,
            serving(tmp_path, assistant=fake.settings) as client,
        ):
            await client.gateway.assistant.close()
            client.gateway.assistant = Assistant(
                fake.settings, tmp_path / "state", server=fake.client, turn=Turns().turn
            )
            return [await post(client, "interrogate", {"image": png(colour=each)}) for each in ("red", "blue")]

    (status, said), (failed, error) = asyncio.run(go())
    caption = "red brick house, centre, white background, wide shot, flat, flat drawing"
    assert (status, said) == (200, {"caption": caption})
    assert (failed, error["error"]) == (502, "AssistantFailed")


def test_its_owner_can_turn_it_off(tmp_path):
    settings, _ = settings_from(config="dialects: {a1111: false, openai: true}", environ={})
    with pytest.raises(ImagineError, match="ollama, openai"):
        settings_from(config="dialects: {comfyui: false}", environ={})

    async def act(client):
        statuses = []
        for path in (API + "samplers", "/v1/models"):
            async with client.get(path) as answer:
                statuses.append(answer.status)
        async with client.get("/openapi.json") as answer:
            return statuses, [path for path in (await answer.json())["paths"] if path.startswith(API)]

    async def go():
        add_model(tmp_path, "fox")
        gateway = Gateway(settings_at(tmp_path, dialects=settings.dialects), workers=[PromptedWorker()])
        async with TestClient(TestServer(make_app(gateway))) as client:
            await gateway.start()
            try:
                return await act(client)
            finally:
                await gateway.stop(0)

    assert asyncio.run(go()) == ([404, 200], [])
