"""What is under a mask before it is painted: the picture, the colours around it, noise, or nothing."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from imagine.engine.jobs.filling import filled
from tests.engine.running import engine_of, latents_of, made, picture, wish

SOURCE = Image.new("RGB", (64, 64), (200, 40, 40))
ImageDraw.Draw(SOURCE).rectangle((20, 20, 43, 43), fill=(20, 20, 220))
MASK = Image.new("L", (64, 64))
ImageDraw.Draw(MASK).rectangle((16, 16, 47, 47), fill=255)


def test_colours_around_a_mask_go_on_in_it():
    made_of = np.asarray(filled(SOURCE, MASK), int)
    kept = np.asarray(MASK) == 0
    assert np.array_equal(made_of[kept], np.asarray(SOURCE)[kept])
    assert np.abs(made_of - (200, 40, 40)).max() <= 8, "and nothing of what was under it is left"
    assert filled(SOURCE, Image.new("L", (64, 64), 255)) is SOURCE
    half = Image.new("RGB", (64, 64), (200, 40, 40))
    half.paste((20, 220, 20), (32, 0, 64, 64))
    left, right = (filled(half, MASK).getpixel((x, 32)) for x in (18, 45))
    assert left[0] > left[1]
    assert right[1] > right[0], "those nearby go before those from afar"


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_what_is_begun_from_decides_what_is_painted_and_nothing_outside(sd1, strength):
    def asked(fill):
        said = {"img": SOURCE, "mask": MASK, "strength": strength, "num_steps": 4, "seed": 5}
        return wish(sd1, **said, mask_fill=fill)

    latents = {fill: latents_of(asked(fill)) for fill in ("original", "fill", "noise", "nothing")}
    for one in latents:
        for other in latents:
            assert one == other or not np.allclose(latents[one], latents[other], atol=1e-3), (one, other)
    first = made(engine_of(), asked("noise"))
    assert first.meta["mask_fill"] == "noise"
    assert made(engine_of(), asked("noise")).data == first.data
    outside = np.asarray(MASK) == 0
    assert np.array_equal(np.asarray(picture(first))[outside], np.asarray(SOURCE)[outside])
