"""transformers' own Qwen tokenizer, of the merges that we ship."""

from __future__ import annotations

import copy
import gzip
from functools import cache
from typing import Any

from transformers import Qwen2Tokenizer

from imagine.engine.loading.qwen_tokenizer import FILE, MARKS, byte_names


def merges() -> list[tuple[str, str]]:
    """The pairs of pieces that are joined, the first ones first."""
    lines = gzip.decompress(FILE.read_bytes()).decode().splitlines()
    return [(first, second) for first, second in (line.split(" ") for line in lines)]


@cache
def their_tokenizer() -> Any:
    pairs = merges()
    pieces = [*byte_names(), *(first + second for first, second in pairs)]
    made = Qwen2Tokenizer({piece: place for place, piece in enumerate(pieces)}, pairs)
    made.add_tokens(list(MARKS), special_tokens=True)
    made.pad_token, made.padding_side = "<|endoftext|>", "right"
    return made


def templated(template: str) -> Any:
    """One that lays out messages by this template; what it splits text by is all of theirs."""
    made = copy.copy(their_tokenizer())
    made.chat_template = template
    return made
