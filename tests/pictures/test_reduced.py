"""Large pictures decoded smaller than they are: the same picture, in bounds."""

import io
import tracemalloc

import numpy as np
import pytest
from PIL import Image, ImageCms

from imagine.pictures import images
from imagine.pictures.crops import flattened
from imagine.pictures.reduced import MOST_PIXELS, decode_reduced
from imagine.words.errors import BadPicture

SCENE = Image.effect_mandelbrot((600, 400), (-2, -1, 1, 1), 60).convert("RGB").rotate(7)


def encoded(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def distance(one, other):
    return float(np.abs(np.asarray(one, np.float32) - np.asarray(other, np.float32)).mean())


@pytest.mark.parametrize(("kind", "mode"), [("JPEG", "RGB"), ("PNG", "RGB"), ("WEBP", "RGB"), ("PNG", "RGBA")])
@pytest.mark.parametrize("largest", [1024, 150, 40])
def test_it_is_the_picture_made_smaller(kind, mode, largest):
    picture = SCENE.convert(mode)
    if mode == "RGBA":
        picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    data = encoded(picture, kind)
    got, size = decode_reduced(data, field="img", largest=largest)
    assert size == picture.size
    assert got.mode == mode
    assert max(got.size) == min(largest, 600)
    whole = images.decode(data, field="img").resize(got.size, Image.Resampling.LANCZOS)
    assert distance(got, whole) < 6
    if largest == 1024:
        assert got.tobytes() == images.decode(data, field="img").tobytes()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_box_is_cut_of_the_upright_picture_before_it_is_made_smaller(kind):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90°, as phones store portraits
    data = encoded(SCENE, kind, exif=exif)
    got, size = decode_reduced(data, field="img", largest=100, box=(0.25, 0.5, 0.75, 1.0))
    assert size == (400, 600)
    upright = images.decode(data, field="img")
    expected = upright.crop((100, 300, 300, 600)).resize(got.size, Image.Resampling.LANCZOS)
    assert got.size == (67, 100)
    assert distance(got, expected) < 6


@pytest.mark.parametrize("mode", ["P", "L", "1", "I;16", "RGB with one colour clear", "CMYK"])
def test_any_kind_of_pixels(mode):
    options = {"transparency": (0, 0, 0)} if "clear" in mode else {}
    kind = "JPEG" if mode == "CMYK" else "PNG"
    values = np.asarray(SCENE.convert("L"), np.uint16) * 257
    picture = Image.fromarray(values) if mode == "I;16" else SCENE.convert(mode.split()[0])
    data = encoded(picture, kind, **options)
    got, _ = decode_reduced(data, field="img", largest=60)
    whole = images.decode(data, field="img")
    assert got.mode == whole.mode
    assert distance(flattened(got), flattened(whole).resize(got.size, Image.Resampling.LANCZOS)) < 12


def test_its_profile_counts():
    wide = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert decode_reduced(encoded(SCENE, "PNG", icc_profile=wide), field="img", largest=50)[0].info == {}


def test_a_photo_of_a_hundred_megapixels_is_decoded_at_an_eighth():
    """The decoder is asked for so few pixels: what is decoded fits into a hundredth of what the whole would take."""
    photo = encoded(Image.new("L", (10000, 10000), 90), "JPEG", quality=30)
    asked = []
    kind = type(Image.open(io.BytesIO(photo)))
    before = kind.draft
    try:
        kind.draft = lambda self, mode, size: asked.append((before(self, mode, size), self.size)) or asked[-1][0]
        got, size = decode_reduced(photo, field="img", largest=1024)
    finally:
        kind.draft = before
    assert size == (10000, 10000)
    assert got.size == (1024, 1024)
    assert asked[0][1] == (1250, 1250)


def test_one_of_very_many_pixels_is_made_smaller_before_it_is_copied(monkeypatch):
    asked, reduce = [], Image.Image.reduce
    monkeypatch.setattr(Image.Image, "reduce", lambda self, times: asked.append(times) or reduce(self, times))
    data = encoded(SCENE, "PNG")
    assert decode_reduced(data, field="img", largest=250)[0].size == (250, 167)
    assert asked == []
    monkeypatch.setattr("imagine.pictures.reduced._MANY", SCENE.width * SCENE.height - 1)
    assert decode_reduced(data, field="img", largest=250)[0].size == (250, 167)
    assert asked == [2]


def test_more_pixels_than_that_are_refused_before_they_are_decoded():
    header = bytearray(encoded(Image.new("L", (8, 8)), "PNG"))
    header[16:24] = (10001).to_bytes(4, "big") + (10000).to_bytes(4, "big")
    assert MOST_PIXELS < 10001 * 10000
    tracemalloc.start()
    with pytest.raises(BadPicture, match="at most 100 megapixels") as caught:
        decode_reduced(bytes(header), field="references.0.img", largest=1024)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()
    assert caught.value.field == "references.0.img"


def test_a_damaged_one_is_refused():
    data = encoded(SCENE, "PNG")
    for broken in (data[:-200], data[:100] + bytes(50) + data[150:], b"no picture"):
        with pytest.raises(BadPicture):
            decode_reduced(broken, field="img", largest=100)
