"""The invisible mark: what it does to pictures, what it outlives, how often it is seen where it isn't, what it costs.

    python -m bench.watermark [--toybox 8] [--crops 10000] [--searches 500] [--rounds 20]

Marked are pictures that a server draws with the shipped model, the repository's own and photos made of noise. Unmarked
pieces of them are looked through at their own size, and fewer of them at every size. Prints Markdown.
"""

from __future__ import annotations

import argparse
import base64
import io
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from imagine.pictures import images
from imagine.watermark import search
from imagine.watermark.search import found
from imagine.watermark.tiles import marked
from imagine.watermark.windows import WHOLE, summed
from tools.same_pictures.tree import Tree

PROMPTS = ("a red house on a blue background", "a yellow star", "three green trees", "a purple boat on white")
Change = Callable[[Image.Image], Image.Image]


def drawn(count: int) -> Iterator[Image.Image]:
    """Pictures by the shipped model: as it makes them, and as it has them enlarged."""
    with tempfile.TemporaryDirectory() as folder, Tree(Path()).server(Path(folder)) as server:
        for seed in range(count):
            said = {"prompt": PROMPTS[seed % 4], "num_steps": 12, "model": "toybox", "seed": seed}
            said |= {"width": 128, "height": 128} if seed % 2 else {}
            yield opened(base64.b64decode(server.ask("/generate", said)["img"]))


def repository() -> Iterator[Image.Image]:
    """The pictures that lie in it: screenshots of the page, and a sheet of drawings."""
    for path in (*sorted(Path("docs/screenshots").glob("*-en-*.png")), Path("models.example/toybox.png")):
        yield opened(path.read_bytes())


def photos(count: int) -> Iterator[Image.Image]:
    """Photos as their statistics are: spectra that fall as 1/f, edges, light from one side, a sensor's noise."""
    height, width = 512, 768
    far = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :])
    far[0, 0] = 1
    down, along = np.mgrid[0:height, 0:width]
    for seed in range(count):
        dice = np.random.default_rng(seed)
        shape = np.zeros((height, width))
        for _ in range(12):  # things before other things
            x, y, size = dice.uniform(0, width), dice.uniform(0, height), dice.uniform(20, 200)
            shape[np.hypot(along - x, down - y) < size] = dice.uniform(-60, 60)
        colours = []
        for _ in range(3):
            grain = np.fft.ifft2(np.fft.fft2(dice.standard_normal((height, width))) / far**1.1).real
            light = 128 + 35 * grain / grain.std() + shape + along / width * dice.uniform(-60, 60)
            colours.append(light + dice.normal(0, 2, light.shape))
        yield Image.fromarray(np.clip(np.stack(colours, -1), 0, 255).astype(np.uint8))


def opened(data: bytes) -> Image.Image:
    return images.decode(data, field="picture")


def again(kind: str, **said: object) -> Change:
    """Written in that format, and read."""

    def change(picture: Image.Image) -> Image.Image:
        file = io.BytesIO()
        picture.convert("RGB").save(file, kind, **said)
        return Image.open(io.BytesIO(file.getvalue())).convert("RGB")

    return change


def resized(scale: float) -> Change:
    return lambda picture: picture.resize(
        (round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS
    )


def cut(part: float) -> Change:
    """What is left of its area, from somewhere inside."""

    def change(picture: Image.Image) -> Image.Image:
        width, height = (round(side * part**0.5) for side in picture.size)
        left, top = (picture.width - width) * 2 // 3, (picture.height - height) // 3
        return picture.crop((left, top, left + width, top + height))

    return change


def screenshot(picture: Image.Image) -> Image.Image:
    """Shown at another size, cut a little, and saved as a JPEG."""
    return again("JPEG", quality=85)(resized(1.137)(cut(0.95)(picture)))


CHANGES: dict[str, Change] = {
    "PNG": again("PNG"),
    "JPEG, quality 95": again("JPEG", quality=95),
    "JPEG, 85": again("JPEG", quality=85),
    "JPEG, 75": again("JPEG", quality=75),
    "JPEG, 50": again("JPEG", quality=50),
    "WebP, 80": again("WEBP", quality=80),
    "half the size": resized(0.5),
    "0.75 of the size": resized(0.75),
    "twice the size": resized(2),
    "0.75 of the size, and JPEG 75": lambda picture: again("JPEG", quality=75)(resized(0.75)(picture)),
    "90 % of its area": cut(0.9),
    "50 % of its area": cut(0.5),
    "brighter by 30 %": lambda picture: picture.point(lambda value: min(255, int(value * 1.3))),
    "blurred by 1 pixel": lambda picture: picture.filter(ImageFilter.GaussianBlur(1)),
    "blurred by 2 pixels": lambda picture: picture.filter(ImageFilter.GaussianBlur(2)),
    "in a mirror": lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "a screenshot: cut, 1.137 of the size, JPEG 85": screenshot,
    "turned by 2 degrees": lambda picture: picture.rotate(2, Image.Resampling.BICUBIC),
}


def light(picture: Image.Image) -> NDArray[np.float64]:
    values: NDArray[np.float64] = np.asarray(picture.convert("RGB"), np.float64) @ (np.array(WHOLE) / 256)
    return values


def psnr(one: Image.Image, other: Image.Image) -> float:
    """Decibels, of all three colours."""
    error = np.asarray(one.convert("RGB"), np.float64) - np.asarray(other.convert("RGB"), np.float64)
    return float(10 * np.log10(255**2 / np.mean(error**2)))


def ssim(one: Image.Image, other: Image.Image) -> float:
    """Of how light they are, over windows of 7 × 7 (Z. Wang et al., 2004)."""
    a, b, side = light(one), light(other), 7

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return summed(values, side) / side**2

    of_a, of_b = mean(a), mean(b)
    spread = mean(a * a) - of_a**2 + mean(b * b) - of_b**2
    both, c1, c2 = mean(a * b) - of_a * of_b, (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return float(np.mean((2 * of_a * of_b + c1) * (2 * both + c2) / ((of_a**2 + of_b**2 + c1) * (spread + c2))))


def robustness(kinds: dict[str, list[Image.Image]]) -> None:
    """A line a change: how many of each kind still show the mark, and how much of it is left, in the middle."""
    print("| | " + " | ".join(f"{name} ({len(pictures)})" for name, pictures in kinds.items()) + " |")
    print("| --- |" + " --- |" * len(kinds))
    copies = {name: [marked(picture, "painted") for picture in pictures] for name, pictures in kinds.items()}
    for name, measure, form in (("PSNR, dB", psnr, ".1f"), ("SSIM", ssim, ".4f")):
        told = []
        for kind, pictures in kinds.items():
            values = [measure(*pair) for pair in zip(pictures, copies[kind], strict=True)]
            told.append(f"{statistics.median(values):{form}} (least {min(values):{form}})")
        print(f"| {name} | " + " | ".join(told) + " |")
    for change, act in CHANGES.items():
        told = []
        for pictures in copies.values():
            seen = [found(act(picture)) for picture in pictures]
            right = [match.strength for match in seen if match is not None and match.says == "painted"]
            told.append(f"{len(right)}" + (f", {statistics.median(right):.2f} left" if right else ""))
        print(f"| {change} | " + " | ".join(told) + " |", flush=True)


def pieces(pictures: list[Image.Image], count: int) -> Iterator[Image.Image]:
    """Pieces of unmarked pictures, 64 to 320 pixels of a side, every second one as a JPEG has it."""
    dice = random.Random(1)
    for number in range(count):
        picture = dice.choice(pictures)
        width, height = (min(side, dice.randint(64, 320)) for side in picture.size)
        left, top = dice.randint(0, picture.width - width), dice.randint(0, picture.height - height)
        piece = picture.crop((left, top, left + width, top + height))
        yield again("JPEG", quality=dice.randint(40, 95))(piece) if number % 2 else piece


def false_alarms(pictures: list[Image.Image], count: int, sizes: Sequence[float], *, every: bool = False) -> None:
    """How like the mark unmarked pieces are at some sizes, or at every one, as a multiple of chance's deviation."""
    likeness = []
    for piece in pieces(pictures, count):
        values = search.evened(search.middle(piece))
        best = search.best_of(values, sizes)
        likeness.append(max(best, search.scanned(values)).likeness if every else best.likeness)
    likeness.sort()
    seen = sum(each >= search.ENOUGH for each in likeness)
    told = "every size" if every else f"{len(sizes)} likely sizes" if len(sizes) > 1 else "their own size"
    print(f"| {told} | {count} | {seen} | {likeness[len(likeness) // 2]:.2f} | {likeness[-1]:.2f} |", flush=True)


def cost(picture: Image.Image, rounds: int) -> None:
    """Milliseconds in the middle, in turn: encoding alone, marking alone, looking for a mark that is there or isn't."""
    copy = marked(picture, "painted")
    arms: dict[str, Callable[[], object]] = {
        "its PNG encoded": lambda: images.encode(picture),
        "marked": lambda: marked(picture, "painted"),
        "a mark found": lambda: found(copy),
        "no mark found": lambda: found(picture),
    }
    took: dict[str, list[float]] = {name: [] for name in arms}
    for _ in range(rounds):
        for name, act in arms.items():
            begun = time.perf_counter()
            act()
            took[name].append((time.perf_counter() - begun) * 1000)
    middle = {name: statistics.median(times) for name, times in took.items()}
    encoded = middle["its PNG encoded"]
    for name, milliseconds in middle.items():
        print(f"| {picture.width} × {picture.height}, {name} | {milliseconds:.1f} | {milliseconds / encoded:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--toybox", type=int, default=8)
    parser.add_argument("--crops", type=int, default=10_000)
    parser.add_argument("--searches", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=20)
    said = parser.parse_args()
    made = list(drawn(said.toybox))
    small, large = [one for one in made if one.width == 128], [one for one in made if one.width != 128]
    kinds = {"Toybox, 128²": small, "Toybox, 512²": large, "the repository's": list(repository())}
    kinds["photos of noise"] = list(photos(6))
    robustness(kinds)
    print("\n| looked through at | unmarked pieces | seem marked | likeness, the middle one | the most |")
    print("| --- | --- | --- | --- | --- |")
    every = [picture for pictures in kinds.values() for picture in pictures]
    false_alarms(every, said.crops, search.LIKELY[:1])
    false_alarms(every, said.searches, search.LIKELY, every=True)
    print(f"\nA mark is taken for one from {search.ENOUGH:.2f} on.\n\n| | ms | of encoding |\n| --- | --- | --- |")
    for picture in (large[0], kinds["photos of noise"][0]):
        cost(picture, said.rounds)


if __name__ == "__main__":
    main()
