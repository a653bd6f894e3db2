"""How near texts are to meanings: by cosine to the nearest example, and by how much that is over all else."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..messages import message
from ..words.errors import UnusableModel
from ..words.guarding import Meaning, Nearness
from .weights import Floats

_REMEMBERED = 4096
_SAME = 0.6
"""From which cosine on an example of something else is of the owner's meaning, too."""
_NOTHING = -1.0
"""The cosine to something of which there are no examples."""


class _LearnedMeaning(NamedTuple):
    examples: Floats
    others: Floats


class Meanings:
    """What texts are compared with. Vectors of texts that come again are remembered."""

    def __init__(self, embed: Callable[[Sequence[str]], Floats], width: int) -> None:
        self._embed, self._width = embed, width
        self._known: OrderedDict[str, Floats] = OrderedDict()
        self._learned: list[_LearnedMeaning] = []

    def learn(self, meanings: Sequence[Meaning], known: Mapping[str, bytes]) -> dict[str, bytes]:
        """Replaces those that were there; the vectors of all examples, of which some may be `known`."""
        texts = list(dict.fromkeys(text for each in meanings for text in each.examples))
        made = {text: np.frombuffer(known[text], np.float32) for text in texts if self._is_vector(known.get(text, b""))}
        new = [text for text in texts if text not in made]
        made |= dict(zip(new, self._vectors(new), strict=True))
        none = np.zeros((0, self._width), np.float32)
        parts = {m.name: np.stack([made[text] for text in m.examples]) if m.examples else none for m in meanings}
        self._learned = [_LearnedMeaning(parts[each.name], self._others(each, parts)) for each in meanings]
        return {text: vector.tobytes() for text, vector in made.items()}

    def near(self, texts: Sequence[str]) -> tuple[tuple[Nearness, ...], ...]:
        """Of each text, to each of the meanings in their order. Raises UnusableModel where that is no number."""
        vectors = self._remembered(texts)
        found = [(_nearest(vectors, each.examples), _nearest(vectors, each.others)) for each in self._learned]
        rows = zip(*((zip(near, other, strict=True)) for near, other in found), strict=True)
        return tuple(tuple(Nearness(float(near), float(near - other)) for near, other in row) for row in rows)

    def _others(self, meaning: Meaning, parts: dict[str, Floats]) -> Floats:
        named = [parts[name] for name in meaning.against if name in parts]
        others = np.concatenate(named) if named else np.zeros((0, self._width), np.float32)
        return others[_nearest(others, parts[meaning.name]) < _SAME] if meaning.own else others

    def _is_vector(self, data: bytes) -> bool:
        return len(data) == 4 * self._width and bool(np.isfinite(np.frombuffer(data, np.float32)).all())

    def _remembered(self, texts: Sequence[str]) -> Floats:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        made = dict(zip(new, self._vectors(new), strict=True))
        vectors = np.stack([made[text] if text in made else self._known[text] for text in texts])
        for text, vector in zip(texts, vectors, strict=True):
            self._known[text] = vector
            self._known.move_to_end(text)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return vectors

    def _vectors(self, texts: Sequence[str]) -> Floats:
        made = self._embed(texts)
        if not np.isfinite(made).all():
            raise UnusableModel(message("guard.not_numbers"))
        return made


def _nearest(vectors: Floats, examples: Floats) -> Floats:
    """The greatest cosine of each vector to any example."""
    if not len(examples):
        return np.full(len(vectors), _NOTHING, np.float32)
    nearest: Floats = (vectors @ examples.T).max(1)
    return nearest
