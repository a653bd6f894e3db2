"""The invisible mark: alike on every machine, hardly seen, found after what pictures go through, and nowhere else."""

import functools
import hashlib
import io
import math
import tracemalloc

import numpy as np
import pytest
from PIL import Image, ImageFilter

from imagine.watermark import search
from imagine.watermark.marker import MARKERS, sighted
from imagine.watermark.pattern import MOST, TILE, lines, tile
from imagine.watermark.tiles import marked

MARK = MARKERS["tiles"]


@functools.cache
def drawing(side=256):
    """Flat colours and edges, which hide least."""
    picture = Image.new("RGB", (side, side), (40, 120, 200))
    picture.paste((220, 40, 40), (side // 4, side // 4, side * 3 // 4, side * 3 // 4))
    return picture


@functools.cache
def photo(width=300, height=200):
    """As grainy, and as blurred, as a photo."""
    dice = np.random.default_rng(1)
    values = Image.fromarray(dice.integers(0, 256, (height, width, 3), dtype=np.uint8))
    blurred = np.asarray(values.filter(ImageFilter.GaussianBlur(4)), np.int64)
    return Image.fromarray(np.clip((blurred - 128) * 6 + 128, 0, 255).astype(np.uint8))


def mixture(width, height, mode):
    """Slopes, a chequer, grain and a black and white edge, of whole numbers alone."""
    y, x = np.mgrid[0:height, 0:width]
    grain = np.frombuffer(hashlib.shake_256(b"picture").digest(width * height * 3), np.uint8).reshape(height, width, 3)
    smooth = np.stack([x * 7 + y, x + y * 3, (x // 8 + y // 8) % 2 * 255, x], -1) % 256
    smooth[..., :3] = np.where(((x // 50 + y // 50) % 3 == 0)[..., None], grain, smooth[..., :3])
    smooth[:, : width // 4, :3] = np.where(y[:, : width // 4, None] % 97 < 48, 0, 255)
    return Image.fromarray(smooth[..., : len(mode)].astype(np.uint8))


def again(picture, kind, **said):
    file = io.BytesIO()
    picture.save(file, kind, **said)
    return Image.open(io.BytesIO(file.getvalue())).convert("RGB")


def test_the_pattern_is_the_same_on_every_machine():
    digests = [hashlib.sha256(tile(word).astype("<i8").tobytes()).hexdigest()[:16] for word in range(2)]
    assert digests == ["235a07d5cc05dd35", "db3053117ee4268c"]
    made = hashlib.sha256(marked(drawing(), "painted").tobytes()).hexdigest()[:16]
    assert made == "9e025d514927f8a1"


@pytest.mark.parametrize(
    ("width", "height", "mode", "digest"),
    [
        (1, 1, "RGB", "1c409e54c4767a13"),
        (3, 2000, "RGB", "4362391a048f309f"),
        (2000, 3, "RGB", "ebe598828a1c1553"),
        (300, 300, "RGB", "bf6d24576c095510"),
        (300, 300, "RGBA", "b10dbaf3e88bc6fe"),
        (1100, 700, "RGB", "d8279b522f0fc26e"),
        (512, 513, "RGB", "467fe7d24473d86f"),
    ],
)
def test_the_same_pixels_are_marked_alike_whatever_the_size(width, height, mode, digest):
    made = marked(mixture(width, height, mode), "painted")
    assert (made.mode, hashlib.sha256(made.tobytes()).hexdigest()[:16]) == (mode, digest)


def test_a_tall_picture_needs_no_more_room_than_a_row_of_tiles():
    tall = Image.new("RGB", (256, 8192))
    tile(0)
    tracemalloc.start()
    try:
        marked(tall, "painted")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 * 2**20, "one number for each of its colours would be 48 MiB"


def test_the_pattern_lies_in_its_ring_alone():
    seen = np.abs(np.fft.fft2(tile(0)))
    far = np.hypot(*np.meshgrid(np.fft.fftfreq(TILE, 1 / TILE), np.fft.fftfreq(TILE, 1 / TILE)))
    assert seen[(far < 3) | (far > MOST)].max() < seen[(far >= 3) & (far <= MOST)].min() / 50
    assert abs(float(tile(0).std()) - 1024) < 2
    assert len(set(zip(lines().ky, lines().kx, strict=True))) == len(lines().ky)


@pytest.mark.parametrize("picture", [drawing(), photo()], ids=["a drawing", "a photo"])
def test_it_is_hardly_seen(picture):
    change = np.asarray(marked(picture, "painted"), np.float64) - np.asarray(picture, np.float64)
    assert 10 * math.log10(255**2 / np.mean(change**2)) > 39
    assert np.abs(change).max() <= 14


def test_what_is_transparent_stays_so():
    clear = drawing().convert("RGBA")
    clear.putalpha(Image.linear_gradient("L"))
    made = marked(clear, "edited")
    assert (made.mode, made.getchannel("A").tobytes()) == ("RGBA", clear.getchannel("A").tobytes())
    assert sighted(made).says == "edited"


CHANGES = {
    "nothing": lambda picture: picture,
    "a JPEG": lambda picture: again(picture, "JPEG", quality=75),
    "a WebP": lambda picture: again(picture, "WEBP", quality=90),
    "half the size": lambda picture: picture.resize((picture.width // 2, picture.height // 2), Image.LANCZOS),
    "an odd size, as a JPEG": lambda picture: again(
        picture.resize((round(picture.width * 1.137), round(picture.height * 1.137))), "JPEG", quality=85
    ),
    "a half of it": lambda picture: picture.crop((37, 11, picture.width - 30, picture.height - 31)),
    "blurred": lambda picture: picture.filter(ImageFilter.GaussianBlur(1)),
    "in a mirror": lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_it_is_found_after(change):
    for says in ("painted", "edited"):
        for picture in (drawing(), photo()):
            seen = MARK.find(change(MARK.mark(picture, says)))
            assert seen is not None
            assert (seen.method, seen.says) == ("tiles", says)
            assert seen.chance <= search.RARE


@pytest.mark.parametrize("side", [64, 100])
def test_the_smallest_picture_holds_it(side):
    assert sighted(marked(drawing(side), "painted")).says == "painted"


def test_it_is_nowhere_where_it_was_not_put():
    stripes = Image.fromarray(np.tile((np.arange(256) % 8 * 32).astype(np.uint8), (256, 1))).convert("RGB")
    for picture in (drawing(), photo(), stripes, Image.new("RGB", (64, 64), "white"), Image.new("RGB", (1, 1))):
        assert sighted(picture) is None


def test_how_like_it_chance_is_stays_within_the_bound_that_is_said():
    """Of random phases, the share beyond z deviations is at most exp(-z² / 2): the ground of every chance."""
    dice = np.random.default_rng(2)
    count = len(lines().ky)
    sums = np.cos(dice.uniform(0, 2 * np.pi, (20_000, count))).sum(1) / math.sqrt(count / 2)
    for z in (1.0, 2.0, 3.0):
        assert (sums > z).mean() <= math.exp(-z * z / 2)
    assert search.chance_of(search.ENOUGH) == pytest.approx(search.RARE)
    assert search.chance_of(0.0) == 1.0
