"""Mistral's tokenizer, of the vocabulary that its text encoder brings along: the package carries none.

The same ids as transformers' own of the same files (`tests/engine/test_mistral.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, pre_tokenizers
from tokenizers.models import BPE

from ...files.reading import read_file
from ...messages import message
from ...words.errors import ImagineError, UnusableModel
from .gguf_file import VOCABULARY
from .qwen_tokenizer import byte_names
from .tekken import MAX_BYTES, Vocabulary, from_gguf, from_tekken, from_tokenizer_json
from .weights import Weights

_MARKS = ("<s>", "<pad>", "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]")
"""Without which nothing can be said to the model."""
_WORDS = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How text is split: the pattern of every tekken that is published."""
_FOLDER = (("tokenizer.json", from_tokenizer_json), ("tekken.json", from_tekken))


class TekkenTokenizer:
    """Text to ids. Whatever is written has some."""

    padding_side: str = "left"

    def __init__(self, vocabulary: Vocabulary, size: int) -> None:
        """`size`: how many ids its model knows. Raises UnusableModel for what can't be told to it."""
        pieces, merges, marks, whole = vocabulary
        _check(vocabulary, size)
        model = BPE({**marks, **pieces}, list(merges))
        model.ignore_merges = whole
        self._tokenizer = Tokenizer(model)
        in_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        words = pre_tokenizers.Split(Regex(_WORDS), behavior="isolated")
        self._tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, in_bytes])
        self._tokenizer.add_special_tokens([AddedToken(mark, normalized=False, special=True) for mark in marks])
        self.pad_token_id = marks["<pad>"]
        self.marks: Sequence[str] = tuple(marks)

    def encode_with_ends(self, text: str) -> list[tuple[int, int]]:
        """Ids, and behind how many characters of `text` each ends; marks in it are the tokens that they stand for."""
        made = self._tokenizer.encode(text, add_special_tokens=False)
        return [(each, end) for each, (_, end) in zip(made.ids, made.offsets, strict=True)]


def tokenizer_among(weights: Weights, size: int, lists: Mapping[str, Any]) -> TekkenTokenizer:
    """That of a text encoder's own file: its tensor, or in GGUF the `lists` of its header. Raises UnusableModel, naming
    what brings one along, where there is none."""
    name = next((each for each in weights.names if each.endswith(VOCABULARY)), None)
    if name is None:
        return TekkenTokenizer(from_gguf(lists), size)
    tensor = weights.read(name)
    if tensor.element_size() != 1 or tensor.numel() > MAX_BYTES:
        raise UnusableModel(message("weights.not_understood", name=name))
    return TekkenTokenizer(from_tekken(tensor.contiguous().numpy().tobytes()), size)


def tokenizer_in(folder: Path, size: int) -> TekkenTokenizer:
    """That of a diffusers folder's component. Raises UnusableModel where there is none."""
    for name, made_of in _FOLDER:
        if (folder / name).is_file():
            try:
                raw = read_file(folder / name, MAX_BYTES)
            except ImagineError as error:
                raise UnusableModel(error.note) from error
            return TekkenTokenizer(made_of(raw), size)
    raise UnusableModel(message("weights.no_tokenizer"))


def _check(vocabulary: Vocabulary, size: int) -> None:
    """Raises UnusableModel where a word couldn't be told, or nothing be said."""
    pieces, marks = vocabulary.tokens, vocabulary.marks
    if lacking := [mark for mark in _MARKS if mark not in marks]:
        raise UnusableModel(message("weights.tokenizer", what=lacking[0]))
    if "" in marks:  # it would stand everywhere in a prompt
        raise UnusableModel(message("weights.tokenizer", what='""'))
    if not all(name in pieces for name in byte_names()):
        raise UnusableModel(message("weights.tokenizer", what="vocab"))
    if not all(0 <= each < size for ids in (pieces, marks) for each in ids.values()):
        raise UnusableModel(message("weights.tokenizer", what=f"id ≥ {size}"))
    known = pieces.keys()
    if not all(first in known and second in known and first + second in known for first, second in vocabulary.merges):
        raise UnusableModel(message("weights.tokenizer", what="merges"))
