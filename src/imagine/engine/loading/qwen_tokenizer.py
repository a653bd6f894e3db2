"""Qwen's tokenizer, from the vocabulary that the package carries: single files of its text encoders have none.

The same ids as transformers' `Qwen2Tokenizer` (5.24), whose normalizer and splitter these are, for Qwen2, Qwen2.5 and
Qwen3 of any size; importing that takes seconds.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import BPE

FILE = Path(__file__).parent / "tokenizers" / "qwen" / "merges.txt.gz"
"""A pair of pieces a line, which together are the next one: all that the vocabulary is, beside the single bytes."""
FIRST_MARK = 151_643
MARKS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>",
    "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
    "<|image_pad|>", "<|video_pad|>", "<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>",
    "<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>", "<tool_response>", "</tool_response>", "<think>",
    "</think>",
)  # fmt: skip
"""What steers the model, each a token: Qwen3's, of which the earlier ones have the first."""
_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def byte_names() -> list[str]:
    """The character that each byte is written as, in the vocabulary's order: itself where it can be seen."""
    seen = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return [*map(chr, seen), *(chr(0x100 + place) for place in range(0x100 - len(seen)))]


@cache
def _tokenizer() -> Tokenizer:
    """Read for the first model that has a Qwen, in half a second. It keeps no state."""
    lines = gzip.decompress(FILE.read_bytes()).decode().splitlines()
    merges = [(first, second) for first, _, second in (line.partition(" ") for line in lines)]
    pieces = [*byte_names(), *(first + second for first, second in merges)]
    tokenizer = Tokenizer(BPE({piece: place for place, piece in enumerate(pieces)}, merges))
    tokenizer.normalizer = normalizers.NFC()
    words = pre_tokenizers.Split(Regex(_WORDS), behavior="isolated")
    in_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, in_bytes])
    tokenizer.add_special_tokens([AddedToken(mark, normalized=False, special=True) for mark in MARKS])
    return tokenizer


class QwenTokenizer:
    """Text to ids: 151,643 pieces of bytes, and the marks behind them. Whatever is written has some."""

    pad_token_id = FIRST_MARK
    padding_side: str = "right"
    marks: Sequence[str] = MARKS

    def encode(self, text: str) -> list[int]:
        """`text` as ids of any number, with nothing around them; marks in it are the tokens that they stand for."""
        ids: list[int] = _tokenizer().encode(text, add_special_tokens=False).ids
        return ids

    def encode_with_ends(self, text: str) -> list[tuple[int, int]]:
        """The same ids, and behind how many characters of `text` each ends."""
        made = _tokenizer().encode(text, add_special_tokens=False)
        return [(each, end) for each, (_, end) in zip(made.ids, made.offsets, strict=True)]
