"""Pictures on their way in and out: sizes, shapes, masks, and the source's own pixels."""

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from PIL import Image

from imagine.engine.jobs.canvas import (
    Canvas,
    denoised_size,
    extended,
    feathered,
    picture_from_pixels,
    pixels_from_picture,
    plan,
)
from imagine.engine.jobs.placement import placement
from imagine.pictures.masks import read_mask
from imagine.words.recipe import Extend


def noisy(width, height, seed=0):
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(values)


def box_mask(size, box):
    mask = Image.new("L", size, 0)
    mask.paste(255, box)
    return mask


sides = st.integers(16, 700)


@settings(deadline=None, max_examples=60)
@given(width=sides, height=sides, native=st.sampled_from([64, 512]), multiple=st.sampled_from([8, 16, 64]))
def test_what_is_denoised_fits_and_comes_back_at_the_asked_size(width, height, native, multiple):
    for fit, source in (("native", None), ("scale", None), ("native", Image.new("RGB", (width, height)))):
        canvas = plan(width, height, fit=fit, native=native, multiple=multiple, source=source)
        for inner, work in zip(canvas.inner, canvas.work, strict=True):
            assert work % multiple == 0
            assert 0 <= work - inner < multiple
        if fit == "native" and source is None:
            assert canvas.inner == (width, height)
        else:
            assert 0.25 < canvas.inner[0] * canvas.inner[1] / native**2 < 1.6
            assert canvas.inner[0] / canvas.inner[1] == pytest.approx(width / height, rel=0.15)
        assert canvas.finish(Image.new("RGB", canvas.work)).size == (width, height)


def test_a_size_that_does_well_is_kept():
    assert denoised_size(600, 500, native=512, near_native=True) == (600, 500)
    assert denoised_size(1024, 1024, native=512, near_native=True) == (512, 512)
    assert denoised_size(1024, 1024, native=512, near_native=False) == (1024, 1024)
    assert denoised_size(128, 128, native=512, near_native=True) == (512, 512)


def test_a_side_that_is_no_multiple_is_padded_and_cut_not_resampled():
    photo = noisy(61, 50)
    canvas = plan(61, 50, fit="native", native=56, multiple=8, source=photo)
    assert canvas.work == (64, 56)
    laid_out = picture_from_pixels(canvas.source_pixels())
    assert np.array_equal(np.asarray(laid_out)[:50, :61], np.asarray(photo))
    assert np.array_equal(np.asarray(laid_out)[-1, 61:], np.asarray(laid_out)[-1, 60:61].repeat(3, 0))
    assert np.array_equal(np.asarray(canvas.finish(laid_out)), np.asarray(photo))


asked = st.integers(64, 2048)
photos = st.integers(1, 4096)


@settings(deadline=None, max_examples=800)
@given(source=st.tuples(photos, photos), target=st.tuples(asked, asked))
@example(source=(1280, 720), target=(1216, 832))
@example(source=(1500, 1000), target=(896, 1152))
@example(source=(97, 98), target=(100, 100))
@example(source=(1, 4096), target=(2048, 64))
def test_every_picture_has_a_place_in_every_size(source, target):
    for resize in ("crop", "fit", "stretch"):
        placed = placement(source, target, resize)
        # Pillow takes a box as float32, and refuses one that reaches beyond the picture by the least of them
        left, top, right, bottom = (np.float32(edge) for edge in placed.box)
        assert 0 <= left <= right <= source[0]
        assert 0 <= top <= bottom <= source[1]
        assert min(placed.size) >= 1
        assert min(placed.margins) >= 0
        grown = (placed.margins[0] + placed.margins[2], placed.margins[1] + placed.margins[3])
        assert tuple(map(sum, zip(placed.size, grown, strict=True))) == target
        shape = (right - left) / (bottom - top) if resize == "crop" else source[0] / source[1]
        if resize != "stretch" and min(placed.size) > 8:
            assert shape == pytest.approx(placed.size[0] / placed.size[1], rel=0.1)


@settings(deadline=None, max_examples=150)
@given(
    source=st.tuples(st.integers(1, 200), st.integers(1, 200)),
    covering=st.none() | st.tuples(st.integers(1, 200), st.integers(1, 200)),
    target=st.tuples(st.integers(64, 200), st.integers(64, 200)),
    resize=st.sampled_from(["crop", "fit", "stretch"]),
    margins=st.none() | st.tuples(*[st.integers(0, 50)] * 4),
    scale=st.sampled_from([1.0, 1.3, 2.0]),
    native=st.sampled_from([64, 512]),
)
@example((97, 98), (97, 98), (100, 100), "crop", None, 1.0, 64)
def test_a_canvas_of_any_picture_mask_and_extension_has_the_asked_size(
    source, covering, target, resize, margins, scale, native
):
    extend = Extend(*margins) if margins else None
    mask = covering and box_mask(covering, (0, 0, covering[0] // 2, covering[1]))
    canvas = plan(
        *target, fit="native", native=native, multiple=8, source=noisy(*source), mask=mask, resize=resize, extend=extend
    )
    size = target if extend is None else (target[0] + sum(margins[::2]), target[1] + sum(margins[1::2]))
    if scale != 1.0:
        canvas, size = canvas.enlarged(scale, 8), tuple(round(side * scale) for side in size)
    assert canvas.size == canvas.source.size == size
    assert canvas.mask is None or canvas.mask.size == size
    assert canvas.finish(Image.new("RGB", canvas.work)).size == size


def laid(picture, target, resize):
    return placement(picture.size, target, resize).lay(picture)


def test_crop_keeps_the_middle_fit_keeps_everything_stretch_distorts():
    photo = Image.new("RGB", (200, 100), "green")
    photo.paste("red", (0, 0, 50, 100))
    photo.paste("blue", (150, 0, 200, 100))
    cut = laid(photo, (100, 100), "crop")
    assert {cut.getpixel((x, 50)) for x in (5, 50, 95)} == {(0, 128, 0)}
    whole = laid(photo, (100, 100), "fit")
    assert [whole.getpixel((x, y)) for x, y in ((5, 50), (50, 50), (95, 50))] == [(255, 0, 0), (0, 128, 0), (0, 0, 255)]
    assert whole.getpixel((5, 2)) == (255, 0, 0), "its edges go on"
    flat = laid(photo, (100, 100), "stretch")
    assert [flat.getpixel((x, 5)) for x in (5, 50, 95)] == [(255, 0, 0), (0, 128, 0), (0, 0, 255)]
    for picture in (cut, whole, flat):
        assert picture.size == (100, 100)


@pytest.mark.parametrize("resize", ["crop", "fit", "stretch"])
def test_a_mask_is_laid_over_the_picture_as_the_picture_is(resize):
    white = box_mask((200, 100), (80, 20, 120, 80))
    placed = placement((200, 100), (96, 96), resize)
    photo = placed.lay(Image.merge("RGB", [white] * 3))
    laid_mask = placed.lay(read_mask(white.convert("RGB")).values)
    assert np.array_equal(np.asarray(laid_mask), np.asarray(photo.getchannel(0)))


@pytest.mark.parametrize("size", [(50, 25), (400, 200), (64, 64), (30, 100)])
def test_a_mask_of_another_size_or_shape_lies_over_the_whole_picture(size):
    """Its left half paints the left half of the photo, of which `crop` shows 50 of 100 columns."""
    mask = box_mask(size, (0, 0, size[0] // 2, size[1]))
    painted = np.asarray(placement((200, 100), (100, 100), "crop").lay(mask)) >= 128
    assert painted[:, :48].all()
    assert not painted[:, 52:].any()


def test_what_is_transparent_is_laid_on_white_and_that_is_said_unless_it_is_painted():
    source = Image.new("RGBA", (64, 64), (10, 20, 30, 255))
    source.paste((255, 0, 0, 0), (0, 0, 32, 64))
    source.paste((0, 0, 255, 128), (32, 0, 40, 64))
    canvas = plan(64, 64, fit="native", native=64, multiple=8, source=source)
    assert [note.code for note in canvas.notes] == ["img.transparent"]
    assert [canvas.source.getpixel((x, 5)) for x in (5, 35, 60)] == [(255,) * 3, (127, 127, 255), (10, 20, 30)]
    hole = box_mask((64, 64), (0, 0, 32, 64))
    assert plan(64, 64, fit="native", native=64, multiple=8, source=source, mask=hole).notes == ()
    opaque = plan(64, 64, fit="native", native=64, multiple=8, source=noisy(64, 64).convert("RGBA"))
    assert (opaque.notes, opaque.source.mode) == ((), "RGB")


@pytest.mark.parametrize(
    ("box", "said"),
    [((0, 0, 1, 1), "mask.cut"), ((0, 0, 0, 0), "mask.empty"), ((0, 0, 200, 100), None), ((90, 40, 99, 50), None)],
)
def test_a_mask_that_paints_nothing_is_named(box, said):
    mask = box_mask((200, 100), box)
    canvas = plan(64, 64, fit="native", native=64, multiple=8, source=noisy(200, 100), mask=mask)
    assert [note.code for note in canvas.notes] == [said] * bool(said)


def test_grey_stays_grey_at_the_denoised_size_and_shows_wherever_it_paints_at_all():
    ramp = Image.linear_gradient("L").resize((256, 256))
    canvas = plan(256, 256, fit="native", native=256, multiple=8, source=noisy(256, 256), mask=ramp)
    assert canvas.soft
    levels = canvas.mask_latents(8)[0, 0, :, 0]
    assert (levels.diff() >= 0).all()
    assert (levels[0], levels[-1]) == (0, 1)
    assert len(levels.unique()) > 20
    made = np.asarray(canvas.finish(Image.new("RGB", canvas.work, (255, 0, 255))))
    untouched = np.asarray(canvas.mask) == 0
    assert untouched.any()
    assert np.array_equal(made[untouched], np.asarray(canvas.source)[untouched])
    assert (made[60:] == (255, 0, 255)).all()
    larger = canvas.enlarged(1.5, 8)
    assert larger.soft
    assert len(larger.mask_latents(8).unique()) > 20


def test_margins_are_to_be_painted_and_the_source_is_not():
    photo = noisy(20, 10)
    grown, mask = extended(photo, None, Extend(left=3, top=1, right=5, bottom=2))
    assert grown.size == mask.size == (28, 13)
    inside = np.zeros((13, 28), bool)
    inside[1:11, 3:23] = True
    assert np.array_equal(np.asarray(mask) == 0, inside)
    assert np.array_equal(np.asarray(grown)[1:11, 3:23], np.asarray(photo))
    assert np.array_equal(np.asarray(grown)[5, 23:], np.asarray(photo)[4, -1:].repeat(5, 0))


def test_extending_keeps_the_mask_that_is_given():
    _, mask = extended(noisy(8, 8), box_mask((8, 8), (2, 2, 4, 4)), Extend(left=4))
    assert np.asarray(mask)[3].tolist() == [255] * 4 + [0] * 2 + [255] * 2 + [0] * 4


shapes = st.tuples(st.integers(1, 90), st.integers(1, 90))


@settings(deadline=None, max_examples=80)
@given(size=shapes, seed=st.integers(0, 99), blob=st.integers(1, 30))
def test_a_feather_lies_inside_the_mask_and_every_part_of_it_shows(size, seed, blob):
    rng = np.random.default_rng(seed)
    mask = Image.new("L", size, 0)
    for _ in range(3):
        x, y = rng.integers(0, size[0]), rng.integers(0, size[1])
        mask.paste(int(rng.integers(100, 256)), (int(x), int(y), int(x) + blob, int(y) + blob))
    shown, inside = np.asarray(feathered(mask)), np.asarray(mask) >= 128
    assert (shown[~inside] == 0).all()
    assert (shown[inside] > 0).all()
    if inside.any():
        assert shown.max() == 255


def test_a_feather_rises_from_the_edge():
    shown = np.asarray(feathered(box_mask((640, 640), (100, 100, 500, 500))))[300]
    assert shown[99] == 0
    rising = shown[100:112].astype(int)
    assert (np.diff(rising) >= 0).all()
    assert 0 < rising[0] < 100
    assert shown[110] == 255


def test_a_line_thinner_than_the_feather_shows_fully():
    shown = np.asarray(feathered(box_mask((1024, 1024), (500, 0, 502, 1024))))
    assert (shown[:, 500:502] == 255).all()


def test_the_whole_picture_has_no_edge():
    assert np.asarray(feathered(Image.new("L", (64, 48), 255))).min() == 255
    assert np.asarray(feathered(Image.new("L", (64, 48), 0))).max() == 0


def test_what_is_painted_covers_the_mask_at_any_scale():
    mask = box_mask((300, 300), (100, 100, 101, 300))
    canvas = plan(300, 300, fit="native", native=64, multiple=8, source=noisy(300, 300), mask=mask)
    pixels = canvas.mask_pixels()
    assert pixels.shape == (1, 1, *canvas.work[::-1])
    assert set(pixels.unique().tolist()) == {0.0, 1.0}
    column = pixels[0, 0, canvas.inner[1] // 2 + 5]
    assert column.sum() >= 1, "a thin line is not lost"
    latents = canvas.mask_latents(8)
    assert latents.shape == (1, 1, canvas.work[1] // 8, canvas.work[0] // 8)
    assert torch.equal(latents, torch.nn.functional.max_pool2d(pixels, 8))


@settings(deadline=None, max_examples=40)
@given(
    width=sides, height=sides, scaled=st.booleans(), margin=st.integers(0, 40), scale=st.sampled_from([1.0, 1.5, 2.0])
)
def test_outside_the_mask_not_one_value_changes(width, height, scaled, margin, scale):
    photo = noisy(width, height)
    mask = box_mask((width, height), (width // 4, height // 4, width // 2, height // 2))
    extend = Extend(left=margin, bottom=margin) if margin else None
    canvas = plan(
        width, height, fit="native", native=64 if scaled else 512, multiple=8, source=photo, mask=mask, extend=extend
    )
    if scale != 1.0:
        canvas = canvas.enlarged(scale, 8)
    painted = Image.new("RGB", canvas.work, (255, 0, 255))
    made = canvas.finish(painted)
    assert made.size == canvas.size == (round((width + margin) * scale), round((height + margin) * scale))
    inside = np.asarray(canvas.mask) >= 128
    assert np.array_equal(np.asarray(made)[~inside], np.asarray(canvas.source)[~inside])
    assert inside.any()
    changed = (np.asarray(made) != np.asarray(canvas.source)).any(2)
    assert changed[inside].any()
    if scale == 1.0:
        top = np.asarray(canvas.source)[:height, margin : margin + width]
        assert np.array_equal(top, np.asarray(photo))


@settings(deadline=None, max_examples=40)
@given(
    width=sides,
    height=sides,
    size=st.tuples(sides, sides),
    padding=st.integers(0, 200),
    corner=st.integers(0, 8),
    soft=st.booleans(),
)
def test_only_what_is_around_the_mask_is_painted_and_nothing_else_changes(width, height, size, padding, corner, soft):
    photo = noisy(width, height)
    box = (corner, corner, corner + max(1, width // 4), corner + max(1, height // 3))
    mask = box_mask((width, height), box)
    if soft:
        mask = mask.point(lambda value: value * 200 // 255)
    canvas = plan(*size, fit="native", native=64, multiple=8, source=photo, mask=mask, padding=padding)
    assert (canvas.size, canvas.source.size, canvas.mask.size) == (size, size, size)
    left, top, right, bottom = canvas.whole.box
    assert (left, top) == (max(0, min(left, corner - padding)), max(0, min(top, corner - padding)))
    assert right >= min(width, box[2] + padding)
    assert bottom >= min(height, box[3] + padding)
    made = canvas.finish(Image.new("RGB", canvas.work, (255, 0, 255)))
    assert made.size == (width, height)
    changed = (np.asarray(made) != np.asarray(photo)).any(2)
    inside = np.asarray(mask) > 0
    assert changed[inside].any()
    assert not changed[~inside].any()


def test_the_part_around_a_mask_has_the_shape_that_is_painted():
    photo, mask = noisy(400, 300), box_mask((400, 300), (200, 100, 240, 200))
    whole = plan(64, 64, fit="native", native=64, multiple=8, source=photo, mask=mask, padding=10).whole
    assert whole.box == (160, 90, 280, 210)
    near = box_mask((400, 300), (0, 100, 40, 200))
    assert plan(64, 64, fit="native", native=64, multiple=8, source=photo, mask=near, padding=10).whole.box == (
        0, 90, 120, 210,
    )  # fmt: skip
    nothing = Image.new("L", (400, 300), 0)
    empty = plan(64, 48, fit="native", native=64, multiple=8, source=photo, mask=nothing, padding=10)
    assert (empty.whole, [note.code for note in empty.notes]) == (None, ["mask.empty"])


def test_masked_pixels_are_gray_where_to_paint():
    photo = noisy(64, 64)
    mask = box_mask((64, 64), (0, 0, 32, 64))
    canvas = Canvas(64, 64, (64, 64), (64, 64), photo, mask)
    masked = canvas.masked_pixels()
    assert (masked[..., :32] == 0).all()
    assert torch.equal(masked[..., 32:], pixels_from_picture(photo)[..., 32:])


def test_pixels_and_back_are_the_same_picture():
    photo = noisy(33, 17)
    assert np.array_equal(np.asarray(picture_from_pixels(pixels_from_picture(photo))), np.asarray(photo))
