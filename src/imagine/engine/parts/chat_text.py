"""Prompts to what layers of a language model make of them, as something said to it: the latest of them remembered."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from ...messages import Message, message
from ..adapters.embedding import Embedding
from ..adapters.mix import NO_MIX, Mix, MixRows
from ..device.transfer import sent
from .chunks import Chunk, WeightedToken, chunk_of, within
from .emphasis import emphasise
from .encoder_part import EncoderPart, placing
from .part_key import PartKey
from .prompt_syntax import Break, Piece, parse
from .readable import between_marks, clean, named
from .sight_part import SeenWords, seen_in

CACHE_BYTES = 128 * 2**20
_NOTHING = "\ud800"
"""Half of a character: what is cleaned has none."""


class ChatTemplate(NamedTuple):
    """What stands before a prompt and behind it."""

    before: str
    behind: str


_SHOWN = ("<|vision_start|>", "<|image_pad|>", "<|vision_end|>")
"""What stands before a picture, at each of its tokens and behind it."""
QWEN3 = ChatTemplate("<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n")
"""Qwen3's own, of who asks and leaves it to the model to think."""


class ChatTokenizer(Protocol):
    """What is needed of a language model's."""

    pad_token_id: int
    padding_side: str
    """Of a text, where padding stands: `left` or `right`."""
    marks: Sequence[str]
    """What steers the model, and no prompt may hold."""

    def encode_with_ends(self, text: str) -> list[tuple[int, int]]:
        """Ids, and behind how many characters each ends."""


_ChatKey = tuple[Chunk, tuple[int, ...], int, tuple[tuple[str, float], ...], int]


class ChatTextPart(EncoderPart[_ChatKey, Tensor]):
    """A `QwenEncoder` and the tokenizer that feeds it."""

    def __init__(
        self, module: Any, tokenizer: ChatTokenizer, key: PartKey | None = None, *, cache_bytes: int = CACHE_BYTES
    ) -> None:
        super().__init__(module, key, cache_bytes, lambda made: made.nbytes)
        self.tokenizer = tokenizer
        self.width = int(module.config.hidden_size)
        self.layers = int(module.config.num_hidden_layers)

    def encode(self, text: Chunk, *, layers: tuple[int, ...], length: int = 0, mix: Mix = NO_MIX) -> Tensor:
        """What `layers`, counted from 1, make of `text`, side by side: (1, tokens, layers · width). With a `length`
        padding that no token of it sees stands beside, up to so many tokens. What of `mix` goes beside this model does.
        Shared by a cache: never write to it."""
        adapters = tuple((adapter.digest, weight) for adapter, weight in mix.on(self.module))
        key = (text, layers, length, adapters, torch.get_num_threads())
        if (made := self._cache.find(key)) is not None:
            return made
        with MixRows(1, {0: mix}).beside(self.module):
            return self._cache.keep(key, self._encode(text, layers, length))

    @torch.no_grad()
    def _encode(self, text: Chunk, layers: tuple[int, ...], length: int) -> Tensor:
        self.arrive()
        padding = [self.tokenizer.pad_token_id] * (length - len(text.ids))
        first = len(padding) if self.tokenizer.padding_side == "left" else 0
        padded = [*padding, *text.ids] if first else [*text.ids, *padding]
        ids = sent(torch.tensor([padded]), self.inputs_go_to)
        with placing(self.module.embed_tokens, text.placed, first=first):
            made = self.module(ids, layers, len(text.ids), first, seen_in(text))
        return self._own(emphasise(torch.cat(made, -1), text.weights, first=first))


class ChatText(NamedTuple):
    """A prompt in its template, as a language model reads it."""

    text: Chunk
    warnings: tuple[Message, ...]


class _ChatRun(NamedTuple):
    """A run of what is said, of one weight; `own`: it is of the prompt."""

    text: str
    weight: float = 1.0
    own: bool = False


def read_chat(
    tokenizer: ChatTokenizer, prompt: str, template: ChatTemplate, length: int, *, field: str = "prompt",
    words: Sequence[Embedding] = (), small: bool = False,
) -> ChatText:  # fmt: skip
    """`prompt`, in which marks stand for `words`, in at most `length` tokens with its template, which is kept whole;
    in `small` letters, where its family was told captions so.
    All of it is split into tokens at once, wherever its weights change. What is cut, left out or has no effect stands
    in the warnings."""
    pieces, warnings = parse(prompt)
    tokens, left_out = _all_tokens(tokenizer, pieces, template, words, small=small)
    said, most = [token for token, own in tokens if own], length - sum(not own for _, own in tokens)
    kept, cut = within(said, most)
    first = next((at for at, (_, own) in enumerate(tokens) if own), 0)
    around = [token for token, own in tokens if not own]
    if left_out:
        warnings.append(message("prompt.unknown", field, names=named(left_out)))
    if any(isinstance(piece, Break) for piece in pieces):
        warnings.append(message("prompt.no_break", field))
    if cut:
        warnings.append(message("prompt.cut", field, count=cut, most=most))
    return ChatText(chunk_of([*around[:first], *kept, *around[first:]]), tuple(warnings))


def with_pictures(
    tokenizer: ChatTokenizer, template: ChatTemplate, labelled: Sequence[tuple[str, SeenWords]]
) -> tuple[Chunk, ChatTemplate]:
    """What stands before all that is said, each picture behind its label; and the template of what is said then, which
    begins at the last mark: no token reaches beyond one."""
    begin, place, end = _SHOWN
    tokens, told = list[WeightedToken](), template.before
    for label, seen in labelled:
        tokens += _plain(tokenizer, f"{told}{label}{begin}")
        tokens += [each._replace(embedding=seen) for each in _plain(tokenizer, place)]
        told = end
    return chunk_of(tokens), template._replace(before=told)


def _plain(tokenizer: ChatTokenizer, text: str) -> list[WeightedToken]:
    return [WeightedToken(each, 1.0) for each, _ in tokenizer.encode_with_ends(text)]


def behind(first: Chunk, then: Chunk) -> Chunk:
    """Both, one behind the other."""
    placed = tuple((at + len(first.ids), each) for at, each in then.placed)
    return Chunk(first.ids + then.ids, first.weights + then.weights, first.placed + placed)


def _all_tokens(
    tokenizer: ChatTokenizer, pieces: Sequence[Piece | Break], template: ChatTemplate, words: Sequence[Embedding],
    *, small: bool,
) -> tuple[list[tuple[WeightedToken, bool]], set[str]]:  # fmt: skip
    """Those of a prompt in its template, each with whether it is the prompt's, and what was left out."""
    tokens: list[tuple[WeightedToken, bool]] = []
    run, left_out = [_ChatRun(template.before)], set[str]()
    for piece in pieces:
        if isinstance(piece, Break):
            run.append(_ChatRun(" ", own=True))
            continue
        for text, embedding in between_marks(piece.text, words):
            cleaned, strange = clean(text, _can_encode, ())
            left_out |= strange
            run.append(_ChatRun(cleaned.lower() if small else cleaned, piece.weight, own=True))
            if embedding is not None:
                made, marks = _tokens(tokenizer, run)
                tokens += [*made, (WeightedToken(tokenizer.pad_token_id, piece.weight, embedding), True)]
                left_out |= marks
                run = []
    made, marks = _tokens(tokenizer, [*run, _ChatRun(template.behind)])
    return [*tokens, *made], left_out | marks


def _tokens(tokenizer: ChatTokenizer, run: Sequence[_ChatRun]) -> tuple[list[tuple[WeightedToken, bool]], set[str]]:
    """Those of a run, each as weighted as its last character, and the marks that were left out of it."""
    run, marks = _without_marks(run, tokenizer.marks)
    ends = list(accumulate(len(said.text) for said in run))
    made = tokenizer.encode_with_ends("".join(said.text for said in run))
    of = [(each, run[bisect_left(ends, end)]) for each, end in made]
    return [(WeightedToken(each, said.weight), said.own) for each, said in of], marks


def _without_marks(run: Sequence[_ChatRun], marks: Sequence[str]) -> tuple[list[_ChatRun], set[str]]:
    """A run with a space where the prompt has a mark, and those marks: pieces of several weights may make one."""
    joined, found = "".join(said.text for said in run if said.own), set[str]()
    for mark in marks:
        if mark in joined:
            found.add(mark)
            joined = joined.replace(mark, " ".ljust(len(mark), _NOTHING))
    kept, begin = list[_ChatRun](), 0
    for said in run:
        end = begin + len(said.text) * said.own
        kept.append(said._replace(text=joined[begin:end].replace(_NOTHING, "")) if said.own else said)
        begin = end
    return kept, found


def _can_encode(character: str) -> bool:
    """No half of a character."""
    return unicodedata.category(character) != "Cs"
