"""Gemma's tokenizer, of the vocabulary that its text encoder brings along: the package carries none.

The same ids as transformers' `GemmaTokenizer` (5.24, Apache-2.0), whose normalizer and model these are.
"""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import AddedToken, Tokenizer, normalizers
from tokenizers.models import BPE

from .pieces import SPACE, PieceVocabulary, check_pieces

_BEGIN, _PADDING, _UNKNOWN = "<bos>", "<pad>", "<unk>"


class GemmaTokenizer:
    """Text to ids, with the mark before it that the model takes: a template's to say."""

    padding_side: str = "right"

    def __init__(self, said: PieceVocabulary, size: int) -> None:
        """`size`: how many ids its model knows. Raises UnusableModel for what can't be told to it."""
        pieces, merges, own, marks = said
        check_pieces(said, size, (_BEGIN, _PADDING, _UNKNOWN))
        self._tokenizer = Tokenizer(
            BPE(dict(pieces), list(merges), unk_token=_UNKNOWN, fuse_unk=True, byte_fallback=True)
        )
        self._tokenizer.normalizer = normalizers.Replace(" ", SPACE)
        self._tokenizer.add_special_tokens([AddedToken(mark, normalized=False, special=True) for mark in marks])
        self._tokenizer.add_tokens([AddedToken(each, normalized=False) for each in own])
        self.pad_token_id = pieces[_PADDING]
        self.marks: Sequence[str] = tuple(marks)

    def encode_with_ends(self, text: str) -> list[tuple[int, int]]:
        """Ids, and behind how many characters of `text` each ends; marks in it are the tokens that they stand for."""
        made = self._tokenizer.encode(text, add_special_tokens=False)
        return [(each, end) for each, (_, end) in zip(made.ids, made.offsets, strict=True)]
