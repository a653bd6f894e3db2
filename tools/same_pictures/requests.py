"""What is asked for: the pictures of a set by their names, each the body of a request to `/generate`.

Every sampler on `default` and on one more schedule, and a picture at least for each thing that decides pixels. All but
the crowd are `reproducible` or say their buckets: an engine tries other buckets now and then, even for one picture.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from typing import Any

from PIL import Image

Body = dict[str, Any]

HOUSE = "a red house on a blue background"
STEPS = 8
CROWD = 20


def photo(size: tuple[int, int] = (160, 112)) -> Image.Image:
    """A picture to start from, whose every part differs."""
    across = Image.linear_gradient("L").resize(size)
    down = Image.linear_gradient("L").rotate(90).resize(size)
    return Image.merge("RGB", (across, down, Image.radial_gradient("L").resize(size)))


def hard_mask() -> Image.Image:
    mask = Image.new("L", (160, 112), 0)
    mask.paste(255, (40, 24, 120, 88))
    return mask


def soft_mask() -> Image.Image:
    return Image.radial_gradient("L").resize((160, 112))


def strokes() -> Image.Image:
    """White strokes of a brush on an empty layer."""
    layer = Image.new("RGBA", (160, 112), (255, 255, 255, 0))
    layer.paste((255, 255, 255, 255), (40, 24, 120, 88))
    return layer


def png(picture: Image.Image) -> str:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def by_sampler(samplers: Sequence[dict[str, Any]]) -> Iterator[tuple[str, Body]]:
    """One for each sampler on schedule `default`, and one on another: the next one for each next sampler."""
    for number, row in enumerate(samplers):
        others = [name for name in row["schedules"] if name != "default"]
        for schedule in (
            ["default", *others[number % len(others) : number % len(others) + 1]] if others else ["default"]
        ):
            steps = max(STEPS, row["min_steps"][schedule])
            body = {"sampler": row["name"], "schedule": schedule, "num_steps": steps, "seed": number}
            yield f"sampler/{row['name']}, {schedule}", body


def _variations() -> dict[str, Body]:
    """Toybox, one thing at a time."""
    img = {"img": png(photo())}
    return {
        "prompt/weights": {"prompt": "a (red:1.4) house, [small] ((tree)) on a \\(blue\\) background"},
        "prompt/edits": {"prompt": "a [red:green:0.4] [house|tree] on a [blue::5] background"},
        "prompt/BREAK": {"prompt": "a red house BREAK on a blue background", "neg": "a tree BREAK green"},
        "prompt/long": {"prompt": " and ".join([HOUSE] * 16), "neg": "yellow"},
        "prompt/Russian": {"prompt": "красный дом на синем фоне"},
        "prompt/empty": {"prompt": ""},
        "prompt/AND": {"prompt": "a red house AND a blue background", "neg": "a fish"},
        "negative": {"neg": "blue background, (left:1.2)"},
        "guidance/0": {"guidance": 0},
        "guidance/1": {"guidance": 1, "neg": "a tree"},
        "guidance/12.5": {"guidance": 12.5},
        "clip/2": {"clip": 2},
        "clip/2, with a negative": {"clip": 2, "neg": "a tree"},
        "seed/largest": {"seed": str(2**64 - 1)},
        "steps/1": {"num_steps": 1},
        "steps/40": {"num_steps": 40, "sampler": "euler a"},
        "size/wide": {"width": 192, "height": 88},
        "size/tall": {"width": 72, "height": 200},
        "size/scaled": {"width": 301, "height": 203, "fit": "scale"},
        "buckets/replayed": {"buckets": "1x2,2x3,4x3", "reproducible": None},
        "buckets/replayed, two evaluations a step": {
            "sampler": "heun",
            "num_steps": 9,
            "buckets": "2x7,4x10",
            "reproducible": None,
        },
        "preset": {"preset": "moody", "prompt": "a house"},
        "preset/shipped": {"preset": "watercolor", "prompt": "a house"},
        "count": {"count": 3, "seed": 11},
        "alias": {"model": "old-name"},
        "alias/pattern": {"model": "x-anything"},
        **{f"img2img/{strength}": img | {"strength": strength} for strength in (0.0, 0.3, 0.65, 1.0)},
        **{f"img2img/{way}": img | {"resize": way, "width": 128, "height": 128} for way in ("crop", "fit", "stretch")},
        "img2img/heun": img | {"sampler": "heun", "num_steps": 12, "strength": 0.5},
        "img2img/dpm++ sde": img | {"sampler": "dpm++ sde", "strength": 0.5},
        "mask/hard": img | {"mask": png(hard_mask()), "strength": 0.9},
        "mask/soft": img | {"mask": png(soft_mask()), "strength": 0.9},
        "mask/strokes": img | {"mask": png(strokes()), "strength": 1.0},
        "mask/scaled": img | {"mask": png(hard_mask()), "width": 128, "height": 128, "resize": "fit"},
        "extend/right": img | {"extend": {"right": 48}},
        "extend/all, masked": img | {"extend": 24, "mask": png(soft_mask())},
        "hires/lanczos": {"hires": 1.5},
        "hires/latent": {"hires": {"scale": 1.5, "upscaler": "latent", "strength": 0.7}},
        "hires/bicubic": {"hires": {"scale": 2, "upscaler": "bicubic", "steps": 5}},
        "hires/img2img": img | {"hires": 1.25, "strength": 0.5},
        "hires/euler a": {"hires": 1.25, "sampler": "euler a"},
    }


def _models() -> dict[str, Body]:
    """The tiny files: every family, and every way in which parts lie in files."""
    names = (
        "sd1-half", "sd1-float8", "sd1-ema", "zero-snr", "inpainting", "sd2-v", "sd2-epsilon", "sdxl", "refiner",
        "without-vae", "sd1-folder", "sdxl-folder", "whole",
    )  # fmt: skip
    img = {"img": png(photo()), "mask": png(hard_mask())}
    small = {"width": 64, "height": 64, "num_steps": 4}
    return {
        **{f"model/{name}": {"model": name} | small for name in names},
        "model/sd1, as configured": {"model": "sd1", "num_steps": None},
        "model/sd1, its own VAE": {"model": "sd1", "vae": "own"} | small,
        "model/sd1, a plain VAE": {"model": "sd1", "vae": "plain-vae"} | small,
        "model/distilled": {"model": "sd1-lightning-4step", "width": 64, "height": 64, "num_steps": None},
        "model/its own steps": {"model": "sd1-own", "width": 64, "height": 64, "num_steps": None},
        "model/inpainting, masked": img | {"model": "inpainting", "strength": 1.0} | small,
        "model/inpainting, img2img": {"img": img["img"], "model": "inpainting", "strength": 0.6} | small,
        "model/zero-snr, euler": {"model": "zero-snr", "sampler": "euler", "schedule": "simple"} | small,
        "model/sdxl, clip skip": {"model": "sdxl", "clip": 2, "neg": "blurry"} | small,
        "model/sdxl, wide": {"model": "sdxl"} | small | {"width": 96},
        "model/sdxl-folder, img2img": {"img": img["img"], "model": "sdxl-folder", "strength": 0.6} | small,
        "model/sdxl, a BREAK": {"model": "sdxl", "prompt": "a red BREAK (house:1.3)", "neg": "dull"} | small,
        "refiner/at 0.8": {"model": "sdxl", "refiner": "refiner"} | small | {"num_steps": 10},
        "refiner/at 0.5, ancestral": {"model": "sdxl", "refiner": "refiner", "refiner_at": 0.5, "sampler": "euler a",
                                      "neg": "dull"} | small | {"num_steps": 8},
        "refiner/of its own kind": {"model": "sd1", "refiner": "sd1-half", "refiner_at": 0.4} | small,
        "whole/guidance 1": {"model": "whole", "guidance": 1} | small,
    }  # fmt: skip


def _sized(body: Body) -> Body:
    """At Toybox's own size, where nothing says another: else each would be enlarged, which costs and tells nothing."""
    return body if {"img", "width", "hires"} & body.keys() else body | {"width": 128, "height": 128}


def alone(samplers: Sequence[dict[str, Any]]) -> dict[str, Body]:
    """All that are made one after another."""
    asked = dict(by_sampler(samplers)) | _variations()
    asked = {name: _sized(body) for name, body in asked.items()} | _models() | {"size/not said": {}}
    common = {"prompt": HOUSE, "seed": 4, "num_steps": STEPS, "reproducible": True}
    return {
        name: {key: value for key, value in (common | body).items() if value is not None}
        for name, body in asked.items()
    }


def crowd(samplers: Sequence[dict[str, Any]]) -> dict[str, Body]:
    """All that are asked for at once: they share steps, with other samplers, sizes, models and lengths beside them."""
    asked: dict[str, Body] = {}
    things = ("circle", "house", "star", "fish", "tree")
    extras: tuple[Body, ...] = (
        {}, {"guidance": 1}, {"neg": "a tree"}, {"hires": 1.25}, {"img": png(photo()), "strength": 0.6},
        {"img": png(photo()), "mask": png(soft_mask())}, {"model": "sdxl", "width": 64, "height": 64},
        {"width": 192, "height": 88}, {"model": "sd1", "width": 64, "height": 64}, {"reproducible": True},
    )  # fmt: skip
    for number in range(CROWD):
        row = samplers[number % len(samplers)]
        steps = max(6 + number % 7, row["min_steps"]["default"])
        body = {"prompt": f"a green {things[number % 5]}", "sampler": row["name"], "num_steps": steps, "seed": number}
        asked[f"crowd/{number:02}"] = body | extras[number % len(extras)]
    return asked


PREVIEWS: dict[str, Body] = {
    f"preview/{kind}": {
        "prompt": HOUSE,
        "seed": 4,
        "num_steps": STEPS,
        "stream": 3,
        "preview": kind,
        "width": 128,
        "height": 128,
        "reproducible": True,
    }
    for kind in ("linear", "vae", "latents")
}
DIALECTS: dict[str, tuple[str, Body]] = {
    "dialect/openai": (
        "/v1/images/generations",
        {"prompt": HOUSE, "seed": 4, "steps": STEPS, "response_format": "b64_json", "size": "256x128", "style": "vivid",
         "quality": "hd", "reproducible": True},
    ),
    "dialect/ollama": (
        "/api/generate",
        {"model": "toybox:latest", "prompt": HOUSE, "steps": STEPS, "options": {"seed": 4}, "width": 200,
         "stream": False, "reproducible": True},
    ),
}  # fmt: skip
