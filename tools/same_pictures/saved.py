"""Files that users have kept: saved by the commands and by the page of one tree, read by those of another."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tools.same_pictures import requests
from tools.same_pictures.records import Pictures
from tools.same_pictures.tree import Refused, Server

_RUNS = (
    ("plain.png", "a red house on a blue background", "-n", "8", "--seed", "4"),
    ("weights.webp", "a (red:1.3) house BREAK blue background", "--neg", "a tree", "-c", "2", "-n", "8", "--seed", "5"),
    ("photo.jpg", "a green fish", "-i", "photo.png", "-d", "0.6", "-n", "8", "--seed", "6"),
    ("mask.png", "a star", "-i", "photo.png", "--mask", "mask.png", "--extend", "right=16", "-n", "8", "--seed", "7"),
    ("hires.png", "a moon", "-f", "1.5", "-n", "8", "--seed", "8", "--schedule", "karras", "--preset", "moody"),
    ("sd1.png", "a moon", "-m", "sd1", "--vae", "plain-vae", "--seed", "9"),
)
_PAGE_FORM = {
    "img": None, "prompt": "a yellow star, blue background", "neg": "a tree", "model": "toybox", "width": 128,
    "height": 96, "num_steps": 7, "guidance": 3.5, "sampler": "dpm++ 2m", "schedule": "karras", "seed": "12",
    "count": 1, "preset": "moody", "stream": 2, "hires": {"scale": 1.25, "strength": 0.5, "upscaler": "latent"},
}  # fmt: skip
_ORIGINAL = {
    "prompt": "a white moon", "steps": 6, "seed": 3, "guidance": 4.0, "width": 128, "height": 128,
    "sampler": "euler a", "img": None, "hires": 0, "stream": 0, "date": "20231027_153045",
}  # fmt: skip
_AUTOMATIC = """\
a (red:1.2) house
Negative prompt: green tree, [blurry]
Steps: 9, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 3.5, Seed: 77, Size: 128x96, Model hash: 91aeba228f, \
Model: toybox, Denoising strength: 0.5, Clip skip: 2, Hires upscale: 1.5, Hires steps: 6, Hires upscaler: Latent, \
Version: v1.10.1"""
_LATER = ("form.json", "original.json", "automatic.png", "by-automatic.png", "plain.png", "photo.json")
"""What is drawn with another seed by `imagine run --from`; so the buckets of before don't hold."""


def save(server: Server, folder: Path) -> list[str]:
    """Everything that a user of this tree may have kept; what it doesn't come to, in a sentence."""
    folder.mkdir()
    requests.photo().save(folder / "photo.png")
    requests.hard_mask().save(folder / "mask.png")
    try:
        for name, *arguments in _RUNS:
            server.command("run", *arguments, "-o", name, folder=folder)
        _of_the_page(server, folder)
    except Refused as error:
        return [f"saved files: {error}"]
    _of_others(folder)
    for name in ("photo.png", "mask.png"):
        (folder / name).rename(folder / f"given-{name}")
    return []


def _of_the_page(server: Server, folder: Path) -> None:
    """As `ui/src/drawers/recipe/drawer.js` writes them: the form's settings, and a finished picture."""
    (folder / "form.json").write_text(json.dumps({"meta": _PAGE_FORM}))
    answer = server.ask("/generate", {"prompt": "a pink heart", "seed": 13, "num_steps": 8})
    finished = {"meta": {"img": None, "stream": None} | answer["meta"], "out": answer["img"]}
    (folder / "finished.json").write_text(json.dumps(finished))


def _of_others(folder: Path) -> None:
    """AUTOMATIC1111's text alone, in our words and in its own, and a JSON of the original Imagine."""
    with Image.open(folder / "plain.png") as picture:
        ours = picture.info["parameters"]
    for name, text in (("automatic.png", ours), ("by-automatic.png", _AUTOMATIC)):
        info = PngInfo()
        info.add_text("parameters", text)
        requests.photo((128, 128)).save(folder / name, pnginfo=info)
    (folder / "original.json").write_text(json.dumps({"meta": _ORIGINAL}))


def read_again(server: Server, folder: Path, pictures: Pictures) -> list[str]:
    """What this tree makes of files that another, or itself, has saved; a sentence for each that comes out other."""
    problems = []
    for file in sorted(folder.iterdir()):
        if file.name.startswith("given-"):
            continue
        try:
            pictures.answered(f"recipe/{file.name}", server.ask("/recipe", file.read_bytes()))
        except Refused as error:
            pictures.refused(f"recipe/{file.name}", str(error))
    for name in _verifiable(folder):
        try:
            verdict = json.loads(server.command("verify", "--json", name, folder=folder))
        except Refused as error:
            pictures.refused(f"verify/{name}", str(error))
            continue
        pictures.answered(f"verify/{name}", {key: verdict[key] for key in ("kind", "difference")})
        if verdict["kind"] != "identical":
            problems.append(f"{folder / name}: {verdict}")
    for name in _LATER:
        _run_from(server, name, folder, pictures)
    return problems


def _run_from(server: Server, name: str, folder: Path, pictures: Pictures) -> None:
    out = pictures.folder / "later/from.png"
    arguments = ("--from", name, "--seed", "99", "--reproducible", "-o", str(out.resolve()))
    try:
        server.command("run", *arguments, folder=folder)
    except Refused as error:
        pictures.refused(f"from/{name}", str(error))
    else:
        pictures.drawn(f"from/{name}", out.read_bytes())


def _verifiable(folder: Path) -> list[str]:
    """Those that hold a picture, and the photos it was made from."""
    jsons = [file.name for file in folder.glob("*.json") if file.name not in ("form.json", "original.json")]
    return sorted([*jsons, "plain.png", "weights.webp", "hires.png", "sd1.png"])
