"""Vocabularies of pieces that text encoders bring along, since the package carries none of Gemma's nor of Llama's.

A folder has a `tokenizer.json` or SentencePiece's own model; Comfy-Org's files hold that model as a tensor, of which
pieces and their scores are read (`sentencepiece_model.proto`, https://github.com/google/sentencepiece, Apache-2.0), and
merges made as transformers (5.24, Apache-2.0) makes them. Beside another file lies its repository's `tokenizer.json`
under that file's name.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from ...files.reading import read_file
from ...messages import message
from ...words.errors import ImagineError, UnusableModel
from .gguf_file import GGUF
from .maps.sizes import MAX_SIZE
from .weights import Weights

SENTENCES = "spiece_model"
"""What Comfy-Org calls SentencePiece's model among the weights."""
_JSON, _MODEL = "tokenizer.json", "tokenizer.model"
MAX_BYTES = 64 * 2**20
"""Of what holds a vocabulary: Gemma's `tokenizer.json` has 18 to 35 million."""
_LONGEST = 256
"""Characters of a piece, at each of which it may be two others."""
_MOST = 2**22
"""Characters of all pieces together: Gemma's have less than half as many."""
SPACE = "▁"
"""What stands for a space."""
_UNTOLD, _CONTROL, _OWN = 2, 3, 4
"""Types of SentencePiece's pieces: what nothing is known of, what steers the model, and what stands for itself wherever
it stands, of which transformers takes some for marks."""
_STEERING = ("<mask>", "<start_of_turn>", "<end_of_turn>")
_TAB, _TABS_BYTE = "\t", "<0x09>"


Pieced = TypeVar("Pieced")


class _Bpe(msgspec.Struct):
    vocab: dict[str, int]
    merges: list[str | tuple[str, str]]


class _AddedToken(msgspec.Struct):
    id: int
    content: str
    special: bool = False


class _Json(msgspec.Struct):
    model: _Bpe
    added_tokens: list[_AddedToken] = []


class PieceVocabulary(NamedTuple):
    """What text becomes: pieces with their ids, which two are joined, in order, what stands for itself, and marks."""

    pieces: Mapping[str, int]
    merges: Sequence[tuple[str, str]]
    own: Sequence[str]
    marks: Sequence[str]


def pieces_among(weights: Weights, path: str) -> PieceVocabulary:
    """Those of a text encoder's own file, at that `path`. Raises UnusableModel where it brings none along."""
    name = next((each for each in weights.names if each.endswith(SENTENCES)), None)
    if name is None and Path(path).suffix.lower() == GGUF:  # whose pieces, and Gemma's norms, are stored otherwise
        raise UnusableModel(message("weights.pieces", what="GGUF"))
    if name is None:
        return from_json(_read(Path(path).with_suffix(f".{_JSON}")))
    tensor = weights.read(name)
    if tensor.element_size() != 1 or tensor.numel() > MAX_BYTES:
        raise UnusableModel(message("weights.not_understood", name=name))
    return from_sentencepiece(tensor.contiguous().numpy().tobytes())


def pieces_in(folder: Path) -> PieceVocabulary:
    """Those of a diffusers folder's component. Raises UnusableModel where there are none."""
    if (folder / _JSON).is_file():
        return from_json(_read(folder / _JSON))
    return from_sentencepiece(_read(folder / _MODEL))


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise UnusableModel(message("weights.no_pieces", name=path.name))
    try:
        return read_file(path, MAX_BYTES)
    except ImagineError as error:
        raise UnusableModel(error.note) from error


def from_json(raw: bytes) -> PieceVocabulary:
    """Of a `tokenizer.json`. Raises UnusableModel."""
    try:
        said = msgspec.json.decode(raw, type=_Json)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnusableModel(message("weights.pieces", what=str(error))) from error
    added = {each.content: each.id for each in said.added_tokens}
    pairs = [_pair(each) if isinstance(each, str) else each for each in said.model.merges]
    own, marks = ([each.content for each in said.added_tokens if each.special is special] for special in (False, True))
    return PieceVocabulary({**said.model.vocab, **added}, pairs, own, marks)


def from_sentencepiece(raw: bytes) -> PieceVocabulary:
    """Of SentencePiece's own model. Raises UnusableModel."""
    try:
        found = list(_pieces(raw))
    except (LookupError, ValueError, struct.error) as error:
        raise UnusableModel(message("weights.pieces", what=SENTENCES)) from error
    if all(piece.text != _TAB for piece in found):  # whose byte is then
        found = [each._replace(text=_TAB, score=0.0) if each.text == _TABS_BYTE else each for each in found]
    ids = {piece.text: place for place, piece in enumerate(found)}
    scores = {piece.text: piece.score for piece in found}
    if any(len(text) > _LONGEST for text in scores) or sum(map(len, scores)) > _MOST:
        raise UnusableModel(message("weights.pieces", what=SENTENCES))
    marks = [each.text for each in found if each.kind in (_UNTOLD, _CONTROL) or each.text in _STEERING]
    own = [each.text for each in found if each.kind == _OWN and each.text not in _STEERING]
    return PieceVocabulary(ids, _merges(ids, scores), own, marks)


class _ScoredPiece(NamedTuple):
    text: str
    score: float
    kind: int


def _pieces(raw: bytes) -> Iterator[_ScoredPiece]:
    """Of a `ModelProto`: its first field, over and over, each of a text, a score and a type. Raises ValueError for more
    than any model knows."""
    pieces = (value for field, value in _fields(raw) if field == 1 and isinstance(value, bytes))
    for place, value in enumerate(pieces):
        if place >= MAX_SIZE:
            raise ValueError("too many pieces")
        text, score, kind = "", 0.0, 1
        for inner, each in _fields(value):
            if inner == 1 and isinstance(each, bytes):
                text = each.decode()
            elif inner == 2 and isinstance(each, bytes):
                (score,) = struct.unpack("<f", each)
            elif inner == 3 and isinstance(each, int):
                kind = each
        yield _ScoredPiece(text, score, kind)


def _fields(raw: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Those of a message as protocol buffers write it: their numbers, and a whole number or bytes."""
    at = 0
    while at < len(raw):
        key, at = _number(raw, at)
        kind = key & 7
        if kind == 0:
            value, at = _number(raw, at)
            yield key >> 3, value
            continue
        size, at = _number(raw, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
        if at + size > len(raw):
            raise ValueError("a field ends behind its message")
        yield key >> 3, raw[at : at + size]
        at += size


def _number(raw: bytes, at: int) -> tuple[int, int]:
    """A whole number of seven bits a byte, and what lies behind it."""
    value = 0
    for shift in range(0, 70, 7):
        value |= (raw[at] & 0x7F) << shift
        at += 1
        if raw[at - 1] < 0x80:
            return value, at
    raise ValueError("a number has no end")


def _merges(ids: Mapping[str, int], scores: Mapping[str, float]) -> list[tuple[str, str]]:
    """All pairs of pieces that are one together, by the score of that."""
    made = list[tuple[float, int, int, str, str]]()
    for piece, score in scores.items():
        pairs = [(piece[:at], piece[at:]) for at in range(1, len(piece))]
        there = [pair for pair in pairs if pair[0] in ids and pair[1] in ids]
        there.sort(key=lambda pair: (ids[pair[0]], ids[pair[1]]))
        made += [(score, len(first), len(second), first, second) for first, second in there]
    made.sort(key=lambda each: each[:3], reverse=True)
    return [(first, second) for _, _, _, first, second in made]


def _pair(merge: str) -> tuple[str, str]:
    first, space, second = merge.partition(" ")
    if not space:
        raise UnusableModel(message("weights.pieces", what="merges"))
    return first, second


def check_pieces(said: PieceVocabulary, size: int, marks: Sequence[str]) -> None:
    """Raises UnusableModel where a word couldn't be told to a model of so many ids, or nothing be said, which takes
    these `marks`."""
    for mark in marks:
        if mark not in said.pieces:
            raise UnusableModel(message("weights.pieces", what=mark))
    if "" in said.marks or "" in said.own:  # it would stand everywhere in a prompt
        raise UnusableModel(message("weights.pieces", what='""'))
    if not all(0 <= each < size for each in said.pieces.values()):
        raise UnusableModel(message("weights.pieces", what=f"id ≥ {size}"))
    known = said.pieces.keys()
    if not all(first in known and second in known and first + second in known for first, second in said.merges):
        raise UnusableModel(message("weights.pieces", what="merges"))
