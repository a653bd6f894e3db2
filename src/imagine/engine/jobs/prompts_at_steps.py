"""What a picture's prompts are at its steps, and what a family makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from msgspec import structs
from PIL import Image
from torch import Tensor

from ...words.conjuncts import conjuncts
from ...words.embedding_words import marked
from ...words.recipe import GenerationParams
from ..adapters.embedding import Embedding
from ..adapters.mix import Mix
from ..families.family import Conditioning, EncodeRequest, Family
from ..parts.prompt_schedule import texts_together
from ..sampling.guidance import Guided, joined, uses_guidance
from .placement import PixelSize


class PromptsAtSteps:
    """Those of one recipe. Raises BadRequest on `prompt`."""

    def __init__(self, params: GenerationParams, embeddings: Sequence[Embedding] = ()) -> None:
        """`embeddings` are what words of its prompts stand for."""
        self._params, self._embeddings = params, tuple(embeddings)
        self._told = Guided(params.guidance, params.true_cfg)
        words = [embedding.word for embedding in embeddings]
        self._conjuncts = conjuncts(marked(params.prompt, words))
        self._negative = marked(params.neg, words)

    def of_second_pass(self) -> PromptsAtSteps:
        """Those that the recipe says of its second pass."""
        return PromptsAtSteps(second_words(self._params), self._embeddings)

    def encoded(
        self, family: Family, size: PixelSize, mix: Mix, steps: int, before: int,
        pictures: tuple[Image.Image, ...] = (),
    ) -> list[tuple[int, Conditioning]]:  # fmt: skip
        """For a pass of so many of the user's steps, with so many in the pass before it; each with the step that it
        ends before. `pictures` are references that prompts are heard beside. Raises BadRequest and Unsupported on the
        field."""
        params = self._params
        # What is joined is summed beyond the negative prompt, at whatever guidance.
        guided = len(self._conjuncts) > 1 or uses_guidance(family.cfg(self._told))
        texts = [each.text for each in self._conjuncts]
        made: list[tuple[int, Conditioning]] = []
        for end, prompts, negative in texts_together(texts, self._negative if guided else "", steps, before):
            beside = (*prompts, negative) if guided else prompts
            against = negative if guided else None
            words = self._embeddings
            request = EncodeRequest(
                prompts[0], against, params.clip, params.guidance, size, mix, words, beside, pictures
            )
            made.append((end, _all_of(family, request, prompts[1:])))
        return made

    def guided(self, family: Family, negative: Tensor | None, positives: Sequence[Tensor]) -> Tensor:
        """What the sampler is told of the denoiser's answers to all of it, each (1, C, h, w)."""
        positive = positives[0]
        if negative is None:
            return positive
        scale = family.cfg(self._told)
        if len(positives) > 1:
            positive = joined(negative, positives, [each.weight for each in self._conjuncts])
        return family.guide(negative, positive, scale) if uses_guidance(scale) else positive


def _all_of(family: Family, first: EncodeRequest, others: Sequence[str]) -> Conditioning:
    """The first prompt with the negative one, and those that are joined to it."""
    made = [family.encode(first)]
    made += [family.encode(replace(first, prompt=prompt, negative=None)) for prompt in others]
    warnings = tuple(note for each in made for note in each.warnings)
    return Conditioning(made[0].positive, made[0].negative, warnings, tuple(each.positive for each in made[1:]))


def second_words(params: GenerationParams) -> GenerationParams:
    """A recipe whose prompts and guidance are its second pass's, as far as that has its own."""
    assert params.hires is not None
    own = {name: value for name in ("prompt", "neg", "guidance") if (value := getattr(params.hires, name)) is not None}
    return structs.replace(params, **own)
