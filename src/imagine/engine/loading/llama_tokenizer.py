"""Llama's tokenizer, as AuraFlow's text encoder reads by it, of the vocabulary that it brings along.

The same ids as transformers' `LlamaTokenizer` (5.24, Apache-2.0): of pieces that begin with a space, with an end mark
behind a text and none before it.
"""

from __future__ import annotations

from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import BPE

from .pieces import SPACE, PieceVocabulary, check_pieces

_UNKNOWN, _END = "<unk>", "</s>"


class LlamaTokenizer:
    """Text to ids; marks in it are the signs that they are written by. It knows every sign by its bytes."""

    def __init__(self, said: PieceVocabulary, size: int) -> None:
        """`size`: how many ids its model knows. Raises UnusableModel for what can't be told to it."""
        check_pieces(said, size, (_UNKNOWN, _END))
        pieces, merges, *_ = said
        self._tokenizer = Tokenizer(
            BPE(dict(pieces), list(merges), unk_token=_UNKNOWN, fuse_unk=True, byte_fallback=True)
        )
        self._tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(SPACE, prepend_scheme="first", split=False)
        self.eos_token_id = pieces[_END]
        self.pad_token_id = self.unk_token_id = pieces[_UNKNOWN]

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        """`text` as ids of any number, with the end mark behind them if `add_special_tokens`."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return [*ids, self.eos_token_id] if add_special_tokens else ids
