"""A wish end to end: the shipped model draws, and the judge of its pictures sees the source as a model would."""

import asyncio
import base64
import io
import json

import aiohttp
import numpy as np
import pytest
from PIL import Image

from imagine.files import shipped
from imagine.pictures import images
from imagine.server.serve import serve
from imagine.settings.settings import Settings
from tests.assistant.fake_models import modelled, says
from tests.server.served import PATIENCE
from tools.toybox.captions import RU_COLOUR_STEMS
from tools.toybox.judge import judge
from tools.toybox.world import COLOURS, draw, place

SEEDS = (3, 5)
WISHES = ("make it blue", "сделай его синим")
PLACES = (("large", "left"), ("small", "right"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not (shipped.folder() / "toybox.safetensors").is_file(), reason="the shipped model isn't there"),
]


def toy_model(fake, request, body):
    """Sees as the judge does, and understands a colour in two languages: a language model of the toy world."""
    said = body["messages"][1]
    if "images" in said:
        seen = judge(Image.open(io.BytesIO(base64.b64decode(said["images"][0]))))
        thing = {"name": seen.thing, "count": 1, "colours": [seen.colour], "material": "paint"}
        answer = {
            "subjects": [thing | {"position": seen.position}], "background": f"{seen.background} background",
            "composition": {"shot": "medium", "angle": "front", "layout": f"{seen.size} {seen.thing}"},
            "lighting": "flat", "palette": [seen.colour, seen.background], "style": "flat drawing", "people": False,
            "text_in_image": "",
        }  # fmt: skip
        fake.looked = seen
        return says(answer)(fake)
    wish = json.loads(said["content"])["wish"]
    colour = next(name for name in COLOURS if name in wish or RU_COLOUR_STEMS[name][0] in wish)
    seen = fake.looked
    subject = f"a {seen.size} {colour} {seen.thing} on a {seen.background} background, {seen.position}"
    parts = dict.fromkeys(("style", "light", "colours", "composition"), "")
    plan = {
        "prompt": {"subject": subject} | parts,
        "change": "colour",
        "keep": ["place"],
        "why": "blue",
    }
    return says(plan)(fake)


def test_a_red_house_becomes_blue_and_stays_where_it_is(tmp_path):
    rng = np.random.default_rng(7)
    scenes = [place(rng, "house", "red", "white", *there) for there in PLACES]

    async def made(session, url, body):
        async with session.post(f"{url}/generate", json=body) as answer:
            told = await answer.json()
            assert answer.status == 200, told
            return told

    async def go():
        stop, urls = asyncio.Event(), asyncio.get_running_loop().create_future()
        async with modelled("ollama", toy_model) as fake, asyncio.timeout(14 * PATIENCE):
            settings = Settings(
                home=tmp_path, host="127.0.0.1", port=0, device="cpu", pictures=tmp_path / "p", assistant=fake.settings
            )
            server = asyncio.ensure_future(serve(settings, ready=urls.set_result, stop=stop))
            try:
                (url,) = await urls
                async with aiohttp.ClientSession() as session:
                    for scene, seed in zip(scenes, SEEDS, strict=True):
                        source = base64.b64encode(images.encode(draw(scene))).decode()
                        for wish in WISHES:
                            body = {"prompt": wish, "img": source, "assist": "require", "seed": seed, "model": "toybox"}
                            told = await made(session, url, body)
                            seen = judge(Image.open(io.BytesIO(base64.b64decode(told["img"]))))
                            got = (seen.thing, seen.colour, seen.background, seen.size, seen.position)
                            assert got == ("house", "blue", "white", scene.size, scene.position), (wish, told["meta"])
                    questions = len(fake.asked)
                    assert questions == len(scenes) * (len(WISHES) + 1), "each is looked at once"
                    held = [each | {"image": source} for each in told["meta"]["control"]]
                    again = await made(session, url, told["meta"] | {"img": source, "control": held})
                    assert (again["img"], len(fake.asked)) == (told["img"], questions), "a replay asks nobody"
            finally:
                stop.set()
                await server

    asyncio.run(go())
