"""Z-Image, base and turbo: a transformer over the tokens of a picture and of its prompt, which lie in one row.

Numbers and their order are those of diffusers' `ZImagePipeline` and `ZImageTransformer2DModel` (0.42, Apache-2.0), but
for prompts that are longer than it reads: it cuts the end of the template, too, and here the prompt alone is cut.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ...families.facts import FamilyFacts
from ...families.table import facts_of
from ...messages import Message, message
from ...words.model import Model, Role
from ..adapters.adapter import Networks
from ..adapters.embedding import Embedding
from ..adapters.mix import Mix
from ..device.device import Device
from ..device.transfer import sent
from ..execution.execution import Inputs
from ..execution.joined_tokens import filled_count, joined_tokens, latents_of, refined
from ..execution.packing import SIDE
from ..loading.flow_shift import shift_of_scheduler
from ..loading.maps import z_image as layout
from ..loading.opened_networks import OnProgress
from ..loading.transformer_model import TransformerKind, check_fit, load_transformer
from ..parts.chat_text import QWEN3, ChatTextPart, read_chat
from ..parts.part import Held
from ..parts.rows import Rows
from ..sampling.guidance import Guided
from ..sampling.noise import Noise
from .family import Conditioning, EncodeRequest
from .stepped_model import SteppedModel, conditioned

_TEXT: Role = "text_encoder"


def call_z_image(network: Any, inputs: Inputs) -> Tensor:
    """Asks a diffusers `ZImageTransformer2DModel` of latents (rows, C, h, w) what moves them."""
    joined, (height, width) = joined_tokens(network, inputs), inputs.latents.shape[2:]
    picture = refined(joined.picture, joined, network.noise_refiner)
    both = torch.cat([picture, joined.text], 1)
    for block in network.layers:
        both = block(both, joined.mask, joined.turned, joined.when)
    answer = network.all_final_layer[layout.PATCH](both[:, : (height // SIDE) * (width // SIDE)], joined.when)
    return -latents_of(answer, height, width)


KIND = TransformerKind(
    name="ZImageTransformer2DModel", call=call_z_image, config=layout.config, taken=layout.taken,
    original="x_embedder.weight", theirs=f"all_x_embedder.{layout.PATCH}.weight", patch=1,
)  # fmt: skip


class HeardText(NamedTuple):
    """What a language model makes of a prompt, (1, tokens, dim)."""

    embeddings: Tensor
    warnings: tuple[Message, ...] = ()


class ZImage(SteppedModel):
    """One loaded checkpoint; rows hold `context` (1, tokens, dim), `told` (1,), how many of those are the prompt's, and
    where not all of a picture's prompts fill as many `seen` (1, tokens), which of them are seen."""

    space = "flux"
    multiple = facts_of("z-image").multiple

    def __init__(self, name: str, *, text: ChatTextPart, length: int, **parts: Any) -> None:
        """`length`: the most tokens of a prompt with its template."""
        super().__init__(name, encoders=(text,), noise=Noise(prediction="flow", spacing="trailing"), **parts)
        self._text, self._length = text, length
        self._filled: tuple[object, Collection[int]] = (None, ())
        """Of the prompts that were encoded last, and their picture's others: which they were, and `_filled_of` them."""

    @property
    def networks(self) -> Networks:
        return {"denoiser": self._denoiser.module, _TEXT: self._text.module}

    def cfg(self, told: Guided) -> float:
        return told.guidance

    @torch.inference_mode()
    def encode(self, request: EncodeRequest) -> Conditioning:
        return conditioned(request, self._heard, partial(self._rows, self._filled_of(request)))

    def _filled_of(self, request: EncodeRequest) -> Collection[int]:
        """How many tokens a picture's prompts take once they are filled up. All of them are encoded one by one, and
        read for this once."""
        texts = {request.prompt, *request.beside} | ({request.negative} if request.negative is not None else set())
        which = texts, [each.digest for each in request.words]
        if self._filled[0] != which:
            said = [read_chat(self._text.tokenizer, text, QWEN3, self._length, words=request.words) for text in texts]
            self._filled = which, {filled_count(len(each.text.ids)) for each in said}
        return self._filled[1]

    def _heard(
        self, prompt: str, *, clip: int, mix: Mix, words: Sequence[Embedding], field: str = "prompt"
    ) -> HeardText:
        """What the layer before the last makes of a prompt."""
        text, warnings = read_chat(self._text.tokenizer, prompt, QWEN3, self._length, field=field, words=words)
        if any(weight != 1 for weight in text.weights):  # each token is normed before anything attends to it
            warnings += (message("prompt.no_weights", field),)
        if clip > 1:
            warnings += (message("clip.no_layers", "clip"),)
        even = text._replace(weights=(1.0,) * len(text.ids))
        return HeardText(self._text.encode(even, layers=(self._text.layers - 1,), mix=mix), warnings)

    def _rows(self, filled: Collection[int], heard: HeardText) -> Rows:
        """Of a prompt, in as many tokens as the longest of those that it is encoded with takes, each once it is
        `filled` up."""
        tokens, longest = heard.embeddings.shape[1], max(filled)
        device, dtype = self._denoiser.device, self._denoiser.dtype
        context = functional.pad(heard.embeddings.to(device, dtype), (0, 0, 0, longest - tokens))
        rows = {"context": context, "told": sent(torch.tensor([tokens]), device)}
        if len(filled) > 1:
            rows["seen"] = sent(torch.arange(longest)[None] < filled_count(tokens), device)
        return rows

    def inputs(self, latents: Tensor, timesteps: Tensor, rows: Rows) -> Inputs:
        added = {name: rows[name] for name in ("told", "seen") if name in rows}
        return super().inputs(latents, timesteps, rows)._replace(added=added)


def open_z_image(model: Model, facts: FamilyFacts, device: Device, progress: OnProgress, held: Held) -> ZImage:
    """A checkpoint on the device. Raises UnusableModel, saying why it can't be used."""
    loaded = load_transformer(model, facts, KIND, device, progress, held, chat=_TEXT)
    denoiser, config, text = loaded.denoiser, loaded.denoiser.module.config, loaded.chat
    assert text is not None
    check_fit(loaded, text.width, config.cap_feat_dim)
    shift = shift_of_scheduler(loaded.scheduler, facts.shift_of(""))
    return ZImage(
        facts.name, text=text, length=facts.length_of(""), denoiser=denoiser, autoencoder=loaded.autoencoder,
        shift=shift, native=int(model.main.options.get("resolution") or facts.native), warnings=loaded.warnings,
        widest=min(config.axes_lens[1:]) * SIDE * ZImage.downscale,
    )  # fmt: skip
