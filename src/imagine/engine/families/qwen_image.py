"""Qwen-Image: a transformer whose two streams, of a picture and of what a language model hears in its prompt, attend to
each other.

Numbers and their order are those of diffusers' `QwenImagePipeline` and `QwenImageTransformer2DModel` (0.42,
Apache-2.0), but for prompts that are longer than it reads: it cuts the end of the template, too, and here the prompt
alone is cut.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ...families.facts import FamilyFacts, Shift
from ...families.table import facts_of
from ...messages import message
from ...words.errors import UnusableModel
from ...words.model import Model, Role
from ..adapters.adapter import Networks
from ..adapters.embedding import Embedding
from ..adapters.mix import Mix
from ..device.device import Device
from ..device.transfer import sent
from ..execution.execution import Inputs
from ..execution.packing import SIDE, packed, places, unpacked
from ..loading.flow_shift import shift_of_scheduler
from ..loading.maps import qwen_image as layout
from ..loading.opened_networks import OnProgress
from ..loading.transformer_model import LoadedTransformer, TransformerKind, load_transformer
from ..parts.chat_text import ChatTemplate, ChatTextPart, read_chat
from ..parts.part import Held
from ..parts.prompts import Encoded
from ..parts.rows import Rows
from ..sampling.guidance import Guided, guided
from ..sampling.noise import Noise
from .family import Conditioning, EncodeRequest
from .stepped_model import SteppedModel, conditioned

_TEXT: Role = "text_encoder"
_STEPS = 1000
"""The timestep of pure noise."""
_THETA = 10_000.0
_FULL = 32
"""Where prompts of one picture have other numbers of tokens, they are filled up to a multiple of so many."""
_DESCRIBING = ChatTemplate(
    "<|im_start|>system\nDescribe the image by detailing the color, shape, size, texture, quantity, text, spatial "
    "relationships of the objects and background:<|im_end|>\n<|im_start|>user\n",
    "<|im_end|>\n<|im_start|>assistant\n",
)
"""What it was trained to hear prompts in."""
HEARD_BEFORE = 34
"""Tokens of what stands before a prompt, which the denoiser isn't told."""


def call_qwen_image(network: Any, inputs: Inputs) -> Tensor:
    """Asks a diffusers `QwenImageTransformer2DModel` of latents (rows, C, h, w) what moves them.

    Its own forward counts the tokens of a mask in a way that has the host wait for the device, and keeps what turns
    tokens by their places for as long as the process lives. Here `seen` (rows, tokens) says which of a text's are to be
    seen, where not all of them are.
    """
    latents, timesteps, context, added = inputs
    height, width = latents.shape[2:]
    seen = (added or {}).get("seen")
    picture = network.img_in(packed(latents))
    text = network.txt_in(network.txt_norm(context))
    when = network.time_text_embed(timesteps.to(latents.dtype) / _STEPS, picture)
    at, of = _places(height, width, context.shape[1], latents.device)
    axes = network.config.axes_dims_rope
    turned = (_turns(at, axes), _turns(of, axes))
    for block in network.transformer_blocks:
        text, picture = block(
            hidden_states=picture, encoder_hidden_states=text, encoder_hidden_states_mask=seen, temb=when,
            image_rotary_emb=turned,
        )  # fmt: skip
    return unpacked(network.proj_out(network.norm_out(picture, when)), height, width)


def _places(height: int, width: int, told: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Where tokens stand, (tokens, 3) both: those of so many latents in which picture, row and column, counted from the
    middle; those of a text one behind the other, each as far along all three, from where the picture ends."""
    rows, columns = height // SIDE, width // SIDE
    middle = torch.zeros(3, device=device)
    middle[1], middle[2] = rows - rows // 2, columns - columns // 2
    of = max(rows // 2, columns // 2) + torch.arange(told, device=device, dtype=torch.float32)
    return places(height, width, device) - middle, of[:, None].expand(-1, 3)


def _turns(at: Tensor, axes: Sequence[int]) -> Tensor:
    """By how much each pair of a head's numbers is turned, of tokens that stand there: unit numbers (tokens, head's
    width / 2), complex. `axes`: how many of the numbers tell the picture, the row and the column."""
    angles = []
    for axis, size in enumerate(axes):
        each = torch.arange(0, size, 2, device=at.device, dtype=torch.float32) / size
        angles.append(at[:, axis, None] * (1.0 / torch.pow(_THETA, each)))
    made = torch.cat(angles, 1)
    return torch.polar(torch.ones_like(made), made)


KIND = TransformerKind(
    name="QwenImageTransformer2DModel", call=call_qwen_image, config=layout.config, taken=layout.taken,
    original="txt_norm.weight", theirs="txt_norm.weight", patch=layout.PATCH, answered=1,
)  # fmt: skip


def rescaled(negative: Tensor, positive: Tensor, scale: float) -> Tensor:
    """Guided answers, (1, C, h, w), each token of which is as long as the prompt's own."""
    made, own = packed(guided(negative, positive, scale)), packed(positive)
    lengths = [torch.linalg.vector_norm(each, dim=-1, keepdim=True) for each in (own, made)]
    return unpacked(made * (lengths[0] / lengths[1]), *positive.shape[2:])


class QwenImage(SteppedModel):
    """One loaded checkpoint; rows hold `context` (1, tokens, dim), and where prompts of a picture have other numbers of
    tokens `seen` (1, tokens), which of them are."""

    space = "wan"
    multiple = facts_of("qwen-image").multiple

    def __init__(self, name: str, *, text: ChatTextPart, length: int, **parts: Any) -> None:
        """`length`: the most tokens of a prompt that the denoiser is told."""
        super().__init__(name, encoders=(text,), noise=Noise(prediction="flow", spacing="trailing"), **parts)
        self._text, self._length = text, length + HEARD_BEFORE

    @property
    def networks(self) -> Networks:
        return {"denoiser": self._denoiser.module, _TEXT: self._text.module}

    def cfg(self, told: Guided) -> float:
        return told.guidance

    def guide(self, negative: Tensor, positive: Tensor, scale: float) -> Tensor:
        return rescaled(negative, positive, scale)

    @torch.inference_mode()
    def encode(self, request: EncodeRequest) -> Conditioning:
        texts = {request.prompt, *request.beside} | ({request.negative} if request.negative is not None else set())
        said = [read_chat(self._text.tokenizer, text, _DESCRIBING, self._length, words=request.words) for text in texts]
        told = {len(each.text.ids) - HEARD_BEFORE for each in said}
        return conditioned(request, self._heard, partial(self._rows, told))

    def _heard(self, prompt: str, *, clip: int, mix: Mix, words: Sequence[Embedding], field: str = "prompt") -> Encoded:
        """What the last layer makes of a prompt."""
        text, warnings = read_chat(self._text.tokenizer, prompt, _DESCRIBING, self._length, field=field, words=words)
        if any(weight != 1 for weight in text.weights):  # each token is normed before anything attends to it
            warnings += (message("prompt.no_weights", field),)
        if clip > 1:
            warnings += (message("clip.no_layers", "clip"),)
        even = text._replace(weights=(1.0,) * len(text.ids))
        made = self._text.encode(even, layers=(self._text.layers,), mix=mix)
        return Encoded(made[:, HEARD_BEFORE:], None, warnings)

    def _rows(self, told: Collection[int], heard: Encoded) -> Rows:
        """Of a prompt, in as many tokens as the longest of those that it is encoded with, filled up where they differ:
        so pictures whose prompts are about as long share batches, and those that have one prompt need no mask."""
        device, dtype = self._denoiser.device, self._denoiser.dtype
        context, tokens = heard.embeddings.to(device, dtype), heard.embeddings.shape[1]
        if len(told) == 1:
            return {"context": context}
        longest = -(-max(told) // _FULL) * _FULL
        seen = sent(torch.arange(longest)[None] < tokens, device)
        return {"context": functional.pad(context, (0, 0, 0, longest - tokens)), "seen": seen}

    def inputs(self, latents: Tensor, timesteps: Tensor, rows: Rows) -> Inputs:
        added = {"seen": rows["seen"]} if "seen" in rows else None
        return super().inputs(latents, timesteps, rows)._replace(added=added)


def open_qwen_image(model: Model, facts: FamilyFacts, device: Device, progress: OnProgress, held: Held) -> QwenImage:
    """A checkpoint on the device. Raises UnusableModel, saying why it can't be used."""
    loaded = load_transformer(model, facts, KIND, device, progress, held, chat=_TEXT)
    _check(loaded)
    assert loaded.chat is not None
    shift = facts.shift_of(str(model.main.options.get("distilled", ""))) or Shift()
    if loaded.scheduler is not None:
        shift = shift_of_scheduler(loaded.scheduler, shift)
    return QwenImage(
        facts.name, text=loaded.chat, length=facts.length_of(""), denoiser=loaded.denoiser,
        autoencoder=loaded.autoencoder, shift=shift, native=int(model.main.options.get("resolution") or facts.native),
        warnings=loaded.warnings,
    )  # fmt: skip


def _check(loaded: LoadedTransformer) -> None:
    """Raises UnusableModel where its networks don't fit together, and for one that is told more than this."""
    config = loaded.denoiser.module.config
    assert loaded.chat is not None
    if loaded.chat.width != config.joint_attention_dim:
        raise UnusableModel(message("weights.context", made=loaded.chat.width, taken=config.joint_attention_dim))
    channels = loaded.autoencoder.module.config.latent_channels
    if not loaded.denoiser.in_channels == loaded.denoiser.latent_channels == channels:
        raise UnusableModel(message("unfit.channels", count=loaded.denoiser.in_channels))
