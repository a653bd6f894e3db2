"""What of a prompt a tokenizer can take: the text between embeddings, without what it has no signs for."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from ...messages import Value, message
from ...words.embedding_words import number_of

if TYPE_CHECKING:  # who only counts tokens does without torch
    from ..adapters.embedding import Embedding

_CONTROL_MARKS = ("<|startoftext|>", "<|endoftext|>")
_SPACES = "\t\n\v\f\r\x85"


class Tokenizer(Protocol):
    """What is needed of a CLIP tokenizer; transformers' `CLIPTokenizer` is one."""

    bos_token_id: int
    eos_token_id: int
    pad_token_id: int

    def encode(self, text: str, *, add_special_tokens: bool, verbose: bool) -> list[int]: ...


def between_marks(text: str, words: Sequence[Embedding]) -> Iterator[tuple[str, Embedding | None]]:
    """What stands before each of the marks in `text`, with what that stands for; the last with None."""
    begin = 0
    for at, character in enumerate(text) if words else ():
        if (number := number_of(character, len(words))) is not None:
            yield text[begin:at], words[number]
            begin = at + 1
    yield text[begin:], None


def clean(text: str, can_encode: Callable[[str], bool], marks: Sequence[str] = _CONTROL_MARKS) -> tuple[str, set[str]]:
    """`text` without what a tokenizer can't take, and what that was: characters, and `marks` that steer the model."""
    left_out = {character for character in set(text) if not can_encode(character)}
    text = text.translate(dict.fromkeys(map(ord, left_out)))
    for mark in marks:
        if mark in text:
            left_out.add(mark)
            text = text.replace(mark, " ")
    return text, left_out


def can_encode(tokenizer: Tokenizer, character: str) -> bool:
    """Whether `character` is white space, or text that becomes tokens of its own."""
    if character in _SPACES:
        return True
    if unicodedata.category(character) in ("Cc", "Cs"):
        return False
    ids = ids_of(tokenizer, character)
    return character.isspace() if not ids else tokenizer.eos_token_id not in ids


def ids_of(tokenizer: Tokenizer, text: str) -> list[int]:
    return tokenizer.encode(text, add_special_tokens=False, verbose=False)


def named(characters: set[str], most: int = 10) -> Value:
    """As a reader sees them, the first few."""
    shown = [c if len(c) > 1 or c.isprintable() else f"U+{ord(c):04X}" for c in sorted(characters)]
    first = ", ".join(shown[:most])
    return message("names.more", names=first, more=len(shown) - most) if len(shown) > most else first
