"""Pixels marked by the engine, where a recipe says so: the last thing that changes them, and the same when it is made
again."""

import pytest
from PIL import Image

from imagine.watermark.tiles import marked
from tests.engine.running import engine_of, made, picture, wish


@pytest.mark.parametrize("says", ["painted", "edited"])
def test_a_recipe_that_names_the_mark_has_the_same_picture_marked(sd1, says):
    img = Image.linear_gradient("L").resize((64, 64)).convert("RGB") if says == "edited" else None
    plain = made(engine_of(), wish(sd1, img=img))
    result = made(engine_of(), wish(sd1, img=img, watermark="tiles"))
    assert "watermark" not in plain.meta
    assert result.meta["watermark"] == "tiles"
    assert picture(result).tobytes() == marked(picture(plain), says).tobytes(), "and nothing else is another"
    assert result.data == made(engine_of(), wish(sd1, img=img, watermark="tiles")).data


def test_previews_are_not_marked(sd1):
    from tests.engine.running import previews, run

    plain, asked = ([each.data for each in previews(run(engine_of(), wish(sd1, every=1, watermark=mark)))]
                    for mark in (None, "tiles"))  # fmt: skip
    assert plain == asked
