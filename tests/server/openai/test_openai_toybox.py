"""Edits and variations by a model that draws: the shipped one, and the judge that tells what its pictures show."""

import base64

import numpy as np
import pytest
from openai import OpenAI
from PIL import Image, ImageDraw

from imagine.files import shipped
from tests.daemon import PATIENCE, REAL, Daemon
from tests.server.openai.painting import KEY, opened

TOYBOX = shipped.folder() / "toybox.safetensors"
SEEDS = range(1, 4)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not TOYBOX.is_file(), reason="the shipped model is not trained yet"),
]


def drawn(item):
    return opened(base64.b64decode(item.b64_json)).convert("RGB")


def as_png(picture):
    from imagine.pictures import images

    return images.encode(picture)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    (home / ".imagine/models").mkdir(parents=True)
    (home / ".imagine/models/toybox.safetensors").symlink_to(TOYBOX)
    with Daemon(home, REAL, "-d", "cpu") as daemon:
        yield daemon


@pytest.fixture
def client(server):
    with OpenAI(base_url=f"{server.url}/v1", api_key=KEY, max_retries=0, timeout=PATIENCE) as client:
        yield client


def round_mask(size, box):
    """Transparent within an ellipse."""
    alpha = Image.new("L", size, 255)
    ImageDraw.Draw(alpha).ellipse(box, fill=0)
    mask = Image.new("RGBA", size, "white")
    mask.putalpha(alpha)
    return mask


def test_an_edit_changes_what_the_mask_says_and_not_one_pixel_else(client, tmp_path):
    from tools.toybox.judge import judge

    asked = {"model": "gpt-image-1", "n": 1, "extra_body": {"seed": 3}}
    said = {"prompt": "a large red circle on a white background", "size": "128x128"}
    (item,) = client.images.generate(**said, **asked).data
    before = drawn(item)
    mask = round_mask(before.size, (20, 20, before.width - 20, before.height - 20))
    outside = np.asarray(mask.getchannel("A")) == 255
    shown = []
    for seed in SEEDS:
        asked["extra_body"] = {"seed": seed}
        prompt = "a large blue star on a white background"
        (item,) = client.images.edit(image=as_png(before), mask=as_png(mask), prompt=prompt, **asked).data
        after = drawn(item)
        assert after.size == before.size
        assert (np.asarray(after)[outside] == np.asarray(before)[outside]).all(), "a pixel outside the mask changed"
        after.save(tmp_path / f"edited-{seed}.png")
        verdict = judge(after)
        shown.append((verdict.thing, verdict.colour))
    right = sum(each == ("star", "blue") for each in shown)
    assert right >= len(SEEDS) - 1, f"the judge saw {shown}; the pictures are in {tmp_path}"


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_a_variation_is_neither_the_same_nor_unrelated(client, tmp_path):
    from tools.toybox.judge import judge

    (item,) = client.images.generate(
        model="gpt-image-1", prompt="a large red house on a blue background", size="128x128",
        extra_body={"seed": 11},
    ).data  # fmt: skip
    data = base64.b64decode(item.b64_json)
    before = opened(data).convert("RGB")
    saw = judge(before)
    related = []
    reply = client.images.create_variation(image=data, n=len(SEEDS), response_format="b64_json", extra_body={"seed": 1})
    for number, item in enumerate(reply.data):
        after = drawn(item)
        after.save(tmp_path / f"variation-{number}.png")
        assert after.size == before.size
        assert np.abs(np.asarray(after, int) - np.asarray(before, int)).mean() > 1, "it is the same picture"
        verdict = judge(after)
        related.append((verdict.thing, verdict.colour, verdict.background))
    count = sum(thing == saw.thing or colour == saw.colour for thing, colour, _ in related)
    assert count >= len(SEEDS) - 1, f"from {saw}, the judge saw {related}; the pictures are in {tmp_path}"


def test_a_picture_is_like_the_references_that_peoples_code_sends(client, tmp_path):
    """The calls of a guide's examples, with a picture of the toy world for the family's photo; see
    test_openai_examples.py, where they are as they are written."""
    from tools.toybox.judge import judge
    from tools.toybox.world import Scene, draw

    photos = (Scene("star", "red", "blue"), Scene("house", "yellow", "purple"), Scene("star", "red", "blue"))
    shown = []
    styles = ("disney_style", "watercolor_family", "family_friendly")
    for number, (style, scene) in enumerate(zip(styles, photos, strict=True)):
        reference = base64.b64encode(as_png(draw(scene))).decode()
        reply = client.images.generate(
            prompt="our family at the sea", size="128x128", response_format="b64_json",
            extra_body={"seed": number, "reference_images": [reference], "style_preset": style},
        )  # fmt: skip
        assert reply.warnings == []
        picture = drawn(reply.data[0])
        picture.save(tmp_path / f"like-{scene.thing}-{style}.png")
        verdict = judge(picture)
        shown.append((verdict.thing, verdict.colour, verdict.background))
    wanted = [(scene.thing, scene.colour, scene.background) for scene in photos]
    right = sum(each == of for each, of in zip(shown, wanted, strict=True))
    assert right >= len(wanted) - 1, f"the judge saw {shown}; the pictures are in {tmp_path}"
    with pytest.raises(TypeError, match="reference_images"):
        client.images.generate(prompt="our family at the sea", reference_images=[reference])
