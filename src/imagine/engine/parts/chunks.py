"""Weighted tokens in chunks of what a text model reads at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # who only counts tokens does without torch
    from ..adapters.embedding import Embedding

COMMA_REACH = 20
"""A full chunk ends at a comma that lies at most so many tokens back, so that no phrase is torn."""


class Chunk(NamedTuple):
    """Token ids without the ones around them, and a weight for each."""

    ids: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()
    placed: tuple[tuple[int, Embedding], ...] = ()
    """Embeddings, whose vectors take the places of some of them, from a place on."""


class WeightedToken(NamedTuple):
    """One of a tokenizer's, or all the places of an embedding."""

    id: int
    weight: float
    embedding: Embedding | None = None

    @property
    def places(self) -> int:
        return 1 if self.embedding is None else self.embedding.count


def split(tokens: Sequence[WeightedToken | None], size: int, comma: Sequence[int]) -> list[Chunk]:
    """Weighted tokens in chunks of at most `size`; None starts a new one. There is always one chunk.

    A full chunk ends behind its last comma (`comma` holds the ids of a comma alone) where that is at most
    `COMMA_REACH` tokens back, unless the next token is a comma itself: as AUTOMATIC1111 splits. One that has too little
    room for an embedding ends before it.
    """
    chunks: list[Chunk] = []
    current: list[WeightedToken] = []
    taken = 0

    def end(at: int) -> None:
        nonlocal current, taken
        chunks.append(chunk_of(current[:at]))
        current = current[at:]
        taken = sum(token.places for token in current)

    for token in tokens:
        if token is None:
            end(len(current))
            continue
        if taken == size and token.embedding is None and not _is_comma(token, comma):
            end(_behind_comma(current, comma))
        elif taken + token.places > size:
            end(len(current))
        current.append(token)
        taken += token.places
    if current or not chunks:
        end(len(current))
    return chunks


def _is_comma(token: WeightedToken, comma: Sequence[int]) -> bool:
    return token.embedding is None and token.id in comma


def _behind_comma(tokens: Sequence[WeightedToken], comma: Sequence[int]) -> int:
    """Where a full chunk ends."""
    reach = 0
    for at in range(len(tokens) - 1, -1, -1):
        if reach >= COMMA_REACH:
            break
        if _is_comma(tokens[at], comma):
            return at + 1
        reach += tokens[at].places
    return len(tokens)


def within(tokens: Sequence[WeightedToken], most: int) -> tuple[list[WeightedToken], int]:
    """As many of the first as have that many places, and how many places the rest have."""
    kept, taken = list[WeightedToken](), 0
    for token in tokens:
        if taken + token.places > most:
            break
        kept.append(token)
        taken += token.places
    return kept, sum(token.places for token in tokens[len(kept) :])


def chunk_of(tokens: Sequence[WeightedToken]) -> Chunk:
    """As one."""
    ids: list[int] = []
    weights: list[float] = []
    placed: list[tuple[int, Embedding]] = []
    for token in tokens:
        if token.embedding is not None:
            placed.append((len(ids), token.embedding))
        ids += [token.id] * token.places
        weights += [token.weight] * token.places
    return Chunk(tuple(ids), tuple(weights), tuple(placed))
