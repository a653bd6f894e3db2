"""What a mask says, and what of it is told to who sent it."""

import io

import pytest
from PIL import Image, ImageDraw, ImageFilter

from imagine.pictures.masks import read_mask

LEFT, RIGHT = (8, 32), (56, 32)


def halves(left, right, mode="RGB"):
    made = Image.new(mode, (64, 64), right)
    made.paste(left, (0, 0, 32, 64))
    return made


WHITE, BLACK, RED, BLUE, CLEAR = (255,) * 3, (0,) * 3, (230, 20, 20), (0, 0, 255), (0, 0, 0, 0)
MASKS = {
    "white on black": (halves(WHITE, BLACK), (255, 0), []),
    "as JPEG": (halves(WHITE, BLACK), (255, 0), []),
    "video levels": (halves((235,) * 3, (16,) * 3), (255, 0), []),
    "opaque alpha": (halves((*WHITE, 255), (*BLACK, 255), "RGBA"), (255, 0), []),
    "a hole in black": (halves(CLEAR, (*BLACK, 255), "RGBA"), (255, 0), []),
    "a hole in a photo": (halves((*RED, 0), (*BLUE, 255), "RGBA"), (255, 0), []),
    "all of it a hole": (halves(CLEAR, CLEAR, "RGBA"), (255, 255), []),
    "white strokes": (halves((*WHITE, 255), CLEAR, "RGBA"), (255, 0), ["mask.strokes"]),
    "white strokes on hidden white": (halves((*WHITE, 255), (*WHITE, 0), "RGBA"), (255, 0), ["mask.strokes"]),
    "red on black": (halves(RED, BLACK), (255, 0), ["mask.coloured"]),
    "blue on black": (halves(BLUE, BLACK), (255, 0), ["mask.coloured"]),
    "black": (halves(BLACK, BLACK), (0, 0), []),
}


@pytest.mark.parametrize("name", MASKS)
def test_white_paints_and_what_is_transparent_and_strokes_of_a_brush(name):
    mask, painted, said = MASKS[name]
    if name == "as JPEG":
        file = io.BytesIO()
        mask.save(file, "JPEG", quality=70)
        mask = Image.open(file)
    read = read_mask(mask)
    assert not read.soft
    assert tuple(255 * (read.values.getpixel(place) >= 128) for place in (LEFT, RIGHT)) == painted
    assert [note.code for note in read.notes] == said


def disc(blur, size=256, grey=255):
    made = Image.new("L", (size * 4, size * 4), 0)
    ImageDraw.Draw(made).ellipse((size, size, size * 3, size * 3), fill=grey)
    return made.resize((size, size), Image.Resampling.LANCZOS).filter(ImageFilter.GaussianBlur(blur)).convert("RGB")


@pytest.mark.parametrize("blur", [0, 1])
def test_a_hard_mask_is_cut_where_it_always_was(blur):
    read = read_mask(disc(blur))
    assert not read.soft
    assert read.values.tobytes() == disc(blur).convert("L").tobytes()


@pytest.mark.parametrize(("mask", "shades"), [(disc(12), 20), (disc(0, grey=120), 1)])
def test_grey_that_is_more_than_an_edge_is_how_much_to_paint(mask, shades):
    read = read_mask(mask)
    assert read.soft
    counts = read.values.histogram()
    assert counts[0] > 0
    assert sum(count > 0 for count in counts[1:255]) >= shades


def test_a_blurred_brush_on_an_empty_layer_is_soft_too():
    layer = Image.new("RGBA", (256, 256), WHITE)
    layer.putalpha(disc(12).convert("L"))
    read = read_mask(layer)
    assert read.soft
    assert read.values.getpixel((128, 128)) == 255
    assert read.values.getpixel((2, 2)) == 0
