"""Maps without a network, held to OpenCV's own answers and to what they are for."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from imagine.maps.making import map_from, map_slices
from imagine.words.errors import BadRequest
from imagine.words.preprocessors import PREPROCESSORS, options_of

Pixels = NDArray[np.uint8]


def scene(width: int, height: int, noise: float = 6, seed: int = 1) -> Image.Image:
    """Slopes of colour, discs with edges, and a camera's noise."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (max(height // 40, 2), max(width // 40, 2), 3), dtype=np.uint8)
    pixels = np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)).astype(float)
    down, across = np.mgrid[:height, :width]
    for _ in range(6):
        x, y, r = random.integers(0, width), random.integers(0, height), random.integers(4, max(5, width // 4))
        pixels[(across - x) ** 2 + (down - y) ** 2 < r * r] = random.integers(0, 256, 3)
    pixels += random.normal(0, noise, pixels.shape)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def values(picture: Image.Image, name: str, **options: float) -> Pixels:
    return np.asarray(map_from(picture, name, options))


@pytest.mark.parametrize("size", [(512, 512), (333, 600), (1, 1), (1, 40), (40, 1), (2, 3)])
@pytest.mark.parametrize("noise", [0, 6, 60])
@pytest.mark.parametrize(("low", "high"), [(100, 200), (30.5, 90.5), (200, 100)])
def test_canny_is_opencvs(size: tuple[int, int], noise: float, low: float, high: float) -> None:
    picture = scene(*size, noise)
    seen = values(picture, "canny", low_threshold=low, high_threshold=high)
    expected = cv2.Canny(np.asarray(picture), low, high)
    assert (seen == expected[..., None]).mean() >= 0.99
    if size == (512, 512) and low < high:
        assert 0.001 < (expected > 0).mean() < 0.9


def test_lines_are_those_of_the_field() -> None:
    pixels = np.asarray(picture := scene(640, 480)).astype(np.float32)
    far = np.min(cv2.GaussianBlur(pixels, (0, 0), 6.0) - pixels, axis=2).clip(0, 255)
    expected = (far / max(16, np.median(far[far > 8])) * 127).clip(0, 255).astype(int)
    assert abs(values(picture, "lineart")[..., 0].astype(int) - expected).max() <= 1

    between = cv2.GaussianBlur(pixels, (0, 0), 5.0) - cv2.GaussianBlur(pixels, (0, 0), 0.5)
    paper = (255 - np.min(between, axis=2)).clip(0, 255).astype(np.uint8)
    strokes = np.where(2 * (255 - paper.astype(int)) > 32, 255, 0)
    assert (values(picture, "scribble")[..., 0] == strokes).mean() > 0.999


def test_tones_and_colours_are_those_of_the_field() -> None:
    pixels = np.asarray(picture := scene(640, 470))
    small = cv2.resize(pixels, (10, 7), interpolation=cv2.INTER_CUBIC)
    grid = cv2.resize(small, (640, 470), interpolation=cv2.INTER_NEAREST)
    expected = {
        "recolor": cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)[..., :1],
        "grayscale": cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None],
        "color": grid,
        "invert": 255 - pixels,
        "threshold": np.where(pixels.min(axis=2, keepdims=True) > 127, 255, 0),
        "tile": pixels,
    }
    for name, theirs in expected.items():
        assert abs(values(picture, name).astype(int) - theirs.astype(int)).max() <= 1, name
    inner = (slice(40, -40), slice(40, -40))  # at the edges Pillow's blur goes on with their pixels
    blurred = cv2.GaussianBlur(pixels, (0, 0), 9.0)[inner]
    assert abs(values(picture, "blur")[inner].astype(int) - blurred.astype(int)).max() <= 4


def test_options_do_what_they_say() -> None:
    picture = scene(256, 256)
    edges = [(values(picture, "canny", low_threshold=low) > 0).sum() for low in (20, 100, 200)]
    assert edges[0] > edges[1] > edges[2] > 0
    darker = [values(picture, "recolor", gamma=gamma).mean() for gamma in (0.5, 1, 2)]
    assert darker[0] > darker[1] > darker[2]
    coarse = [np.abs(np.diff(values(picture, "tile", down_sampling_rate=rate).astype(int))).sum() for rate in (1, 2, 8)]
    assert coarse[0] > coarse[1] > coarse[2]
    assert options_of("canny", {"low_threshold": 50}) == {"low_threshold": 50, "high_threshold": 200}


def test_what_is_transparent_is_white_and_of_inpaint_a_hole() -> None:
    picture = Image.new("RGBA", (64, 48), (0, 0, 0, 255))
    picture.paste((0, 0, 0, 0), (0, 0, 32, 48))
    assert values(picture, "none")[0, [0, 40]].tolist() == [[255] * 3, [0] * 3]
    holed = map_from(picture, "inpaint")
    assert (holed.mode, holed.getpixel((0, 0)), holed.getpixel((40, 0))) == ("RGBA", (0, 0, 0, 0), (0, 0, 0, 255))
    mask = Image.new("L", (64, 48))
    mask.paste(255, (0, 24, 64, 48))
    by_mask = map_from(Image.new("RGB", (64, 48), "red"), "inpaint", mask=mask)
    assert [by_mask.getpixel((9, y)) for y in (23, 24)] == [(255, 0, 0, 255), (0, 0, 0, 0)]
    with pytest.raises(BadRequest, match="mask has to say where to paint"):
        map_from(Image.new("RGB", (64, 48)), "inpaint")


@pytest.mark.parametrize("name", [name for name, row in PREPROCESSORS.items() if row.alone])
@pytest.mark.parametrize("size", [(1, 1), (5, 300), (300, 5)])
def test_every_map_has_the_size_of_its_picture(name: str, size: tuple[int, int]) -> None:
    for colour in ("black", "white"):
        picture = Image.new("RGBA" if name == "inpaint" else "RGB", size, colour)
        made = map_from(picture, name)
        assert (made.size, made.mode) == (size, picture.mode)


@pytest.mark.parametrize("name", ["canny", "lineart", "scribble"])
def test_large_ones_are_made_in_slices_that_hide_no_seam(name: str) -> None:
    picture = scene(64, 1000)
    assert len(list(map_slices(picture, name))) >= 4
    lower = map_from(picture.crop((0, 130, 64, 1000)), name)
    around = (0, 200, 64, 300) if name != "canny" else (0, 240, 64, 270)
    whole = np.asarray(map_from(picture, name).crop(around)).astype(int)
    part = np.asarray(lower.crop((0, around[1] - 130, 64, around[3] - 130))).astype(int)
    if name == "lineart":  # what a usual line is, is told by the whole picture
        part = (part * (whole.sum() / part.sum())).round()
    assert (abs(whole - part) <= 2).mean() > 0.98
