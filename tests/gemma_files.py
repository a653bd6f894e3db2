"""A tiny Gemma 2 with the published one's names, and a vocabulary as folders and SentencePiece's own files have it."""

from __future__ import annotations

import struct
from typing import Any

import torch
from tokenizers import AddedToken
from torch import Tensor
from transformers import Gemma2Config, Gemma2Model, GemmaTokenizer
from transformers.tokenization_utils_base import generate_merges

from tests.flux_files import spread

MARKS = ("<pad>", "<eos>", "<bos>", "<unk>", "<mask>")
OWN = ("\n\n", "<table>", "▁▁")
"""What stands for itself wherever it stands."""
_BYTES = tuple("\t" if number == 9 else f"<0x{number:02X}>" for number in range(256))
_LETTERS = (*map(chr, range(33, 127)), "▁", "\n", "к", "р")
_JOINED = ("re", "red", "▁red", "fo", "fox", "▁fox", "in", "▁in", "the", "th", "▁the", "sn", "ow", "snow", "кр")
PIECES = (*MARKS, *OWN, *_BYTES, *_JOINED, *_LETTERS)
"""Joined ones before the letters that they are of, as in SentencePiece's files."""
SIZE = len(PIECES)


_SCORES = {piece: -float(place) for place, piece in enumerate((*_JOINED, *_LETTERS))}
"""Of what a text is of; others have 0."""


def merges() -> list[tuple[str, str]]:
    """As transformers makes them of a SentencePiece file."""
    ids = {piece: place for place, piece in enumerate(PIECES)}
    made: list[tuple[str, str]] = generate_merges(ids, {piece: _SCORES.get(piece, 0.0) for piece in PIECES})
    return made


def gemma_tokenizer() -> Any:
    """transformers' own."""
    made = GemmaTokenizer({piece: place for place, piece in enumerate(PIECES)}, merges(), add_bos_token=True)
    made.add_tokens([AddedToken(each, normalized=False, special=False) for each in OWN])
    return made


def sentencepiece() -> bytes:
    """The same as a `ModelProto` of SentencePiece's, with what is behind its pieces."""
    kinds = dict.fromkeys(_BYTES, 6) | dict.fromkeys(OWN, 4) | dict.fromkeys(MARKS, 3) | {"<unk>": 2}
    raw = b""
    for piece in PIECES:
        text = b"<0x09>" if piece == "\t" else piece.encode()
        inner = b"\x0a" + bytes([len(text)]) + text + b"\x15" + struct.pack("<f", _SCORES.get(piece, 0.0))
        inner += bytes([0x18, kinds[piece]]) if piece in kinds else b""
        raw += b"\x0a" + bytes([len(inner)]) + inner
    return raw + b"\x12\x03\x18\xe8\x07"


def tiny_gemma(width: int = 32, layers: int = 3) -> Any:
    config = Gemma2Config(
        vocab_size=SIZE, hidden_size=width, intermediate_size=64, num_hidden_layers=layers, num_attention_heads=2,
        num_key_value_heads=1, head_dim=256,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return spread(Gemma2Model(config)).eval()


def gemma_tensors(model: Any) -> dict[str, Tensor]:
    """As Comfy-Org's file has them, with its vocabulary."""
    own = {f"model.{name}": each.contiguous().clone() for name, each in model.state_dict().items()}
    return own | {"spiece_model": torch.frombuffer(bytearray(sentencepiece()), dtype=torch.uint8)}
