"""Makes a set: pictures alone and in a crowd, what is said of models and samplers, and what was saved, read again."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tools.same_pictures import requests, saved
from tools.same_pictures.models import models_at
from tools.same_pictures.records import Pictures, record_of
from tools.same_pictures.tree import Refused, Server, Tree

SETTINGS = """\
model: toybox
keep_alive: 30m
ref_image_max_size: 96
blocked_terms: [unspeakable]
defaults: {steps: 9}
per_model:
  sd1: {steps: 4, cfg_scale: 4, sampler: euler a, schedule: karras, size: 96x64, negative: dull, vae: other-vae}
  sdxl: {max_batch: 2}
aliases: {old-name: toybox, x-*: }
presets:
  moody: {prompt_suffix: on a purple background, negative_prompt: green, guidance: 3.5}
"""
_HOME_PRESETS = "homely: {prefix: a small, suffix: on a pink background}\n"
_NOT_ASKED = ("environment", "sha256", "parts")
_VOLATILE = ("modified", "loaded")


def make(source: Path, out: Path, models: Path, before: Path | None) -> list[str]:
    """The set of `source` in `out`, which is emptied first; what went wrong, in sentences.

    `before` is the set that this one will be compared with: its settings are read, its saved files and the recipes of
    its crowd are made again, in a copy of its user's home, as after an upgrade.
    """
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    tree, pictures, earlier = Tree(source), Pictures(out), before or out
    (out / "settings.yaml").write_text(SETTINGS)
    home = out / "home"
    _prepare(home)
    folders = ("-m", str(tree.source / "models.example"), "-m", str(models_at(models).resolve()))
    options = (*folders, "--config", str((earlier / "settings.yaml").resolve()))
    with tree.server(home, *options) as server:
        problems = _first(server, pictures)
        problems += _replay(server, out, Pictures(out)) if before else []
    shutil.copytree(earlier / "home", out / "later", symlinks=True, ignore=shutil.ignore_patterns("run"))
    with tree.server(out / "later", *options) as server:
        problems += _replay(server, earlier, pictures)
        problems += saved.read_again(server, earlier / "saved", pictures)
    pictures.save()
    refused = [f"{name}: {record['refused']}" for name, record in pictures.records.items() if "refused" in record]
    return problems + refused


def _prepare(home: Path) -> None:
    (home / ".imagine").mkdir(parents=True)
    (home / ".imagine/presets.yaml").write_text(_HOME_PRESETS)


def _first(server: Server, pictures: Pictures) -> list[str]:
    """Everything that needs nothing of before; a sentence for each of the crowd, or to be saved, that is refused."""
    samplers = server.ask("/samplers")["samplers"]
    pictures.answered("answer/samplers", {row["name"]: row for row in samplers})
    pictures.answered("answer/presets", {row["name"]: row for row in server.ask("/presets")["presets"]})
    for name, body in requests.alone(samplers).items():
        _draw(server, pictures, name, "/generate", body)
    homely = {"prompt": "a house", "preset": "homely", "seed": 4, "reproducible": True}
    _draw(server, pictures, "preset/at home", "/generate", homely)
    for name, (path, body) in requests.DIALECTS.items():
        _draw(server, pictures, name, path, body)
    for name, body in requests.PREVIEWS.items():
        _previews(server, pictures, name, body)
    for name in server.ask("/models")["models"]:
        answer = server.ask(f"/models/{name}")
        pictures.answered(f"answer/model {name}", {key: value for key, value in answer.items() if key not in _VOLATILE})
    problems = _crowd(server, pictures.folder, requests.crowd(samplers))
    return problems + saved.save(server, pictures.folder / "saved")


def _draw(server: Server, pictures: Pictures, name: str, path: str, body: requests.Body) -> None:
    try:
        answer = server.ask(path, body)
    except Refused as error:
        pictures.refused(name, str(error))
        return
    images = _images(answer)
    for number, image in enumerate(images):
        one = name if len(images) == 1 else f"{name}/{number}"
        pictures.drawn(one, image, answer.get("warnings"))


def _previews(server: Server, pictures: Pictures, name: str, body: requests.Body) -> None:
    """Every line that is streamed; latents are numbers, and no picture."""
    try:
        lines = server.lines(body)
    except Refused as error:
        pictures.refused(name, str(error))
        return
    for line in lines:
        one = f"{name}/{line['status']} {line['step']}"
        if body["preview"] == "latents" and line["status"] == "intermediate":
            pictures.answered(one, hashlib.sha256(line["img"].encode()).hexdigest())
        else:
            pictures.drawn(one, line["img"], line.get("warnings"))


def _images(answer: dict[str, Any]) -> list[str]:
    """The pictures in an answer of any dialect, in base64."""
    if "data" in answer:
        return [one["b64_json"] for one in answer["data"]]
    if "image" in answer:
        return [answer["image"]]
    return [one["img"] for one in answer.get("images") or [answer]]


def _crowd(server: Server, folder: Path, asked: dict[str, requests.Body]) -> list[str]:
    """Draws all at once, and keeps each file beside what was asked for; a sentence for each that is refused."""
    place = folder / "crowd"
    place.mkdir()

    def draw(name: str) -> str:
        at = place / name.partition("/")[2]
        try:
            answer = server.ask("/generate", asked[name])
        except Refused as error:
            return f"{name}: {error}"
        at.with_suffix(".png").write_bytes(base64.b64decode(answer["img"]))
        at.with_suffix(".json").write_text(json.dumps(asked[name]))
        return ""

    with ThreadPoolExecutor(len(asked)) as pool:
        return [sentence for sentence in pool.map(draw, asked) if sentence]


def _replay(server: Server, folder: Path, pictures: Pictures) -> list[str]:
    """Each picture of a set's crowd made again, alone, from its recipe; a sentence for each that comes out other."""
    problems = []
    for file in sorted((folder / "crowd").glob("*.png")):
        was = record_of(file.read_bytes())
        asked = json.loads(file.with_suffix(".json").read_text())
        photos = {name: asked[name] for name in ("img", "mask") if name in asked}
        left = _NOT_ASKED if photos else (*_NOT_ASKED, "strength")
        recipe = {name: value for name, value in was["meta"].items() if name not in left}
        name = f"crowd/{file.stem}"
        _draw(server, pictures, name, "/generate", recipe | photos)
        if pictures.records[name].get("pixels") != was["pixels"]:
            problems.append(f"{file}: made again alone it is another picture ({was['meta'].get('buckets')})")
    return problems


def timed_make(source: Path, out: Path, models: Path, before: Path | None) -> list[str]:
    """As `make`, and says how long it took."""
    begun = time.perf_counter()
    problems = make(source, out, models, before)
    pictures = len(list((out / "pictures").iterdir()))
    print(f"{out}: {pictures} pictures of {source} in {time.perf_counter() - begun:.0f} s")
    return problems
