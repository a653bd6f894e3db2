"""A PNG written strip by strip: the same pixels, the same filters, the same recipe as one that is written at once."""

import io
import random
import zlib

import pytest
from PIL import Image, ImageChops

from imagine.pictures import containers, images
from imagine.pictures.metadata import read_metadata
from imagine.pictures.strip_file import StripFile

META = {"prompt": "ein Fuchs", "seed": 7, "upscaled": [{"upscaler": "sharp"}]}


def noisy(size, mode):
    noise = Image.effect_noise(size, 60)
    bands = [noise, noise.rotate(180), Image.linear_gradient("L").resize(size), Image.effect_noise(size, 9)]
    return Image.merge(mode, bands[: len(mode)])


def written(picture, heights):
    file, top = io.BytesIO(), 0
    png = StripFile(file, picture.size, picture.mode, META)
    while top < picture.height:
        bottom = min(picture.height, top + next(heights))
        png.write(picture.crop((0, top, picture.width, bottom)))
        top = bottom
    png.end()
    return file.getvalue()


def filtered(data):
    return zlib.decompress(b"".join(body for kind, body, _, _ in containers.png_chunks(data) if kind == b"IDAT"))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("size", [(1, 1), (130, 97), (700, 400)])
def test_it_is_what_would_be_written_at_once(mode, size):
    picture, draw = noisy(size, mode), random.Random(1)
    data = written(picture, iter(lambda: draw.randint(1, 60), 0))
    at_once = images.encode(picture, meta=META)
    assert filtered(data) == filtered(at_once)
    assert ImageChops.difference(images.decode(data, field="it"), picture).getbbox(alpha_only=False) is None
    assert len(data) < 1.01 * len(at_once) + 20 * 60
    assert read_metadata(data).meta == read_metadata(at_once).meta
