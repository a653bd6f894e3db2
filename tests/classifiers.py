"""Classifiers of pictures for tests: the one that ships, the toy world's, and files with other statements."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from imagine.engine.safety.opening import open_checker
from imagine.words.model import Component, Model

SHIPPED = Path("models.example/safety/nsfw-mobilenet.safetensors")
HEARTS = Path("tests/data/toy-hearts.safetensors")
MOBILENET = "mobilenet-v2"


def checker_at(path, family=MOBILENET):
    """What looks at pictures, opened as a worker does."""
    component = Component(role="safety", path=str(path), digest="0" * 64)
    return open_checker(Model(name=Path(path).stem, family=family, components=(component,)))


def restated(source, target, **said):
    """A copy of a file of ours whose statement says something else, as `categories={"heart": "sexual"}`."""
    data = source.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    metadata = header["__metadata__"]
    metadata["imagine.classifier"] = json.dumps(json.loads(metadata["imagine.classifier"]) | said)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
    return target


def known_pictures():
    """224 × 224: a pattern, a slope, a chequer, and four of Toybox's pictures with their margins."""
    down, across, channel = np.meshgrid(np.arange(224), np.arange(224), np.arange(3), indexing="ij")
    pattern = (across * 7 + down * 13 + channel * 61 + across * down // 97) % 256
    slope = np.stack([across[..., 0], down[..., 0], (across + down)[..., 0] // 2], -1)
    chequer = (across // 16 + down // 16 + channel) % 2 * 200 + 30
    toybox = np.asarray(Image.open("models.example/toybox.png").convert("RGB"))[:224, :224]
    return [each.astype(np.uint8) for each in (pattern, slope, chequer, toybox)]
