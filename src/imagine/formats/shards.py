"""Weights that libraries cut into several files: `model-00001-of-00002.safetensors` and the like.

The names are those that diffusers' and transformers' `save_pretrained` give them (Apache-2.0), and llama.cpp's
`gguf-split` (MIT).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

_FORM = re.compile(r"(.+)-([0-9]{5})-of-([0-9]{5})(\.(?i:safetensors|sft|gguf))")


class Shard(NamedTuple):
    """A file that is one of several."""

    stem: str
    number: int
    """From 1."""
    of: int
    """How many there are."""
    suffix: str

    @property
    def names(self) -> list[str]:
        """What it and all others are called, in order."""
        return [f"{self.stem}-{number:05d}-of-{self.of:05d}{self.suffix}" for number in range(1, self.of + 1)]


def shard_from(name: str) -> Shard | None:
    """The piece that a file of this name is; None where it is whole."""
    match = _FORM.fullmatch(name)
    piece = match and Shard(match[1], int(match[2]), int(match[3]), match[4])
    return piece if piece and 1 <= piece.number <= piece.of and piece.of > 1 else None


def wholes_in(names: Iterable[str]) -> dict[str, list[str]]:
    """Of the files of one folder, the pieces of each whole in order, by the first of them that is there."""
    found: dict[Shard, list[str]] = {}
    for name in sorted(names):
        if piece := shard_from(name):
            found.setdefault(piece._replace(number=1), []).append(name)
    return {pieces[0]: pieces for pieces in found.values()}
