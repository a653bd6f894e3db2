"""Qwen-Image: a transformer whose two streams, of a picture and of what a language model hears in its prompt, attend to
each other.

Numbers and their order are those of diffusers' `QwenImagePipeline` and `QwenImageTransformer2DModel` (0.42,
Apache-2.0), but for prompts that are longer than it reads: it cuts the end of the template, too, and here the prompt
alone is cut.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ...families.facts import FamilyFacts
from ...families.table import facts_of
from ...messages import message
from ...words.errors import Unsupported, UnusableModel
from ...words.model import Model, Role
from ..adapters.adapter import Networks
from ..adapters.embedding import Embedding
from ..adapters.mix import Mix
from ..device.device import Device
from ..device.transfer import sent
from ..execution.execution import Inputs
from ..execution.packing import SIDE, packed, unpacked
from ..execution.two_streams import two_streams
from ..loading.flow_shift import shift_of_scheduler
from ..loading.maps import qwen_image as layout
from ..loading.opened_networks import OnProgress
from ..loading.transformer_model import LoadedTransformer, TransformerKind, load_transformer
from ..parts.chat_text import ChatTemplate, ChatText, ChatTextPart, behind, read_chat, with_pictures
from ..parts.chunks import Chunk
from ..parts.part import Held
from ..parts.prompts import Encoded
from ..parts.qwen import QwenConfig
from ..parts.rows import REFERENCE, Rows
from ..parts.seen_sizes import of_area
from ..parts.sight_part import SeenWords, SightPart
from ..sampling.guidance import Guided, guided
from ..sampling.noise import Noise
from .family import Conditioning, EncodeRequest
from .stepped_model import SteppedModel, conditioned

_TEXT: Role = "text_encoder"
_TIMED = "edit-2511"
"""The variant whose references are told that they are without noise."""
_FULL = 32
"""Where prompts of one picture have other numbers of tokens, they are filled up to a multiple of so many."""
_DESCRIBING = ChatTemplate(
    "<|im_start|>system\nDescribe the image by detailing the color, shape, size, texture, quantity, text, spatial "
    "relationships of the objects and background:<|im_end|>\n<|im_start|>user\n",
    "<|im_end|>\n<|im_start|>assistant\n",
)
"""What it was trained to hear prompts in."""
_EDITING = ChatTemplate(
    "<|im_start|>system\nDescribe the key features of the input image (color, shape, size, texture, objects, "
    "background), then explain how the user's text instruction should alter or modify the image. Generate a new image "
    "that meets the user's requirements while maintaining consistency with the original input where "
    "appropriate.<|im_end|>\n<|im_start|>user\n",
    _DESCRIBING.behind,
)
"""The same, of what edits pictures."""
_HEARD_AREA, _MULTIPLE = 384 * 384, 32
"""About how many pixels of each of several pictures the text encoder sees, and what sides of any are multiples of."""


class Instruction(NamedTuple):
    """What a prompt is said in."""

    template: ChatTemplate
    before: int
    """Tokens of what stands before it, which the denoiser isn't told."""
    label: str = ""
    """What stands before each picture, with its number."""
    area: int = 0
    """Pixels at which each is seen; 0: as many as the denoiser sees."""


_PLUS = Instruction(_EDITING, 64, "Picture {}: ", _HEARD_AREA)
_INSTRUCTIONS = {
    "": Instruction(_DESCRIBING, 34),
    "edit": Instruction(_EDITING, 64),
    "edit-2509": _PLUS,
    "edit-2511": _PLUS,
}
"""By variant."""


def call_qwen_image(network: Any, inputs: Inputs) -> Tensor:
    """Asks a diffusers `QwenImageTransformer2DModel` of latents (rows, C, h, w) what moves them; latents of pictures to
    see stand behind those in the making."""
    latents, added = inputs.latents, inputs.added or {}
    pictures = [latents, *(each for name, each in added.items() if name.startswith(REFERENCE))]
    streams = two_streams(network, inputs, pictures, timed=network.config.zero_cond_t)
    *_, picture = streams.through(network.transformer_blocks)
    own = latents.shape[2] * latents.shape[3] // SIDE**2
    answer = network.proj_out(network.norm_out(picture[:, :own], streams.when[: len(latents)]))
    return unpacked(answer, *latents.shape[2:])


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

    def __init__(
        self, name: str, *, text: ChatTextPart, sight: SightPart | None, most: int, instruction: Instruction,
        length: int, native: int, **parts: Any,
    ) -> None:  # fmt: skip
        """`length`: the most tokens of a prompt that the denoiser is told; `sight`: what a prompt is heard beside
        pictures by, if there are to be any, and `most` of them at once."""
        encoders = (text,) if sight is None else (text, sight)
        noise = Noise(prediction="flow", spacing="trailing")
        super().__init__(name, encoders=encoders, noise=noise, native=native, **parts)
        self._text, self._sight, self._most, self._instruction, self._length = text, sight, most, instruction, length
        if sight is not None:
            self.seen_as = partial(of_area, area=native**2, multiple=_MULTIPLE)
            self.heard_as = partial(of_area, area=instruction.area or native**2, multiple=_MULTIPLE)

    @property
    def networks(self) -> Networks:
        return {"denoiser": self._denoiser.module, _TEXT: self._text.module}

    def cfg(self, told: Guided) -> float:
        return told.guidance

    def guide(self, negative: Tensor, positive: Tensor, scale: float) -> Tensor:
        return rescaled(negative, positive, scale)

    @torch.inference_mode()
    def encode(self, request: EncodeRequest) -> Conditioning:
        first, template = self._shown(request.pictures)
        texts = {request.prompt, *request.beside} | ({request.negative} if request.negative is not None else set())
        read = partial(self._read, first, template)
        told = {len(read(text, words=request.words).text.ids) for text in texts}
        return conditioned(request, partial(self._heard, read), partial(self._rows, told))

    def _shown(self, pictures: Sequence[Image.Image]) -> tuple[Chunk, ChatTemplate]:
        """What stands before a prompt, with what is seen of pictures. Raises Unsupported for more than it may see."""
        instruction, shown = self._instruction, list[tuple[str, SeenWords]]()
        if len(pictures) > self._most:
            raise Unsupported(message("reference.most", "references", value=len(pictures), most=self._most))
        for number, picture in enumerate(pictures, 1):
            assert self._sight is not None
            shown.append((instruction.label.format(number), self._sight.see(picture)))
        return with_pictures(self._text.tokenizer, instruction.template, shown)

    def _read(
        self, first: Chunk, template: ChatTemplate, prompt: str, *, words: Sequence[Embedding], field: str = "prompt"
    ) -> ChatText:
        """All that is said. A prompt may be as long beside pictures as without."""
        tokenizer = self._text.tokenizer
        length = self._length + len(tokenizer.encode_with_ends(template.before))
        made = read_chat(tokenizer, prompt, template, length, field=field, words=words)
        return made._replace(text=behind(first, made.text))

    def _heard(
        self, read: Callable[..., ChatText], prompt: str, *, clip: int, mix: Mix, words: Sequence[Embedding],
        field: str = "prompt",
    ) -> Encoded:  # fmt: skip
        """What the last layer makes of a prompt."""
        text, warnings = read(prompt, words=words, field=field)
        if any(weight != 1 for weight in text.weights):  # each token is normed before anything attends to it
            warnings += (message("prompt.no_weights", field),)
        if clip > 1:
            warnings += (message("clip.no_layers", "clip"),)
        even = text._replace(weights=(1.0,) * len(text.ids))
        made = self._text.encode(even, layers=(self._text.layers,), mix=mix)
        return Encoded(made[:, self._instruction.before :], None, warnings)

    def _rows(self, told: Collection[int], heard: Encoded) -> Rows:
        """Of a prompt, in as many tokens as the longest of those that it is encoded with, filled up where they differ:
        so pictures whose prompts are about as long share batches, and those that have one prompt need no mask."""
        device, dtype = self._denoiser.device, self._denoiser.dtype
        context, tokens = heard.embeddings.to(device, dtype), heard.embeddings.shape[1]
        if len(told) == 1:
            return {"context": context}
        longest = -(-(max(told) - self._instruction.before) // _FULL) * _FULL
        seen = sent(torch.arange(longest)[None] < tokens, device)
        return {"context": functional.pad(context, (0, 0, 0, longest - tokens)), "seen": seen}

    def inputs(self, latents: Tensor, timesteps: Tensor, rows: Rows) -> Inputs:
        added = {"seen": rows["seen"]} if "seen" in rows else {}
        added |= {name: rows[name].to(self._denoiser.dtype) for name in rows if name.startswith(REFERENCE)}
        return super().inputs(latents, timesteps, rows)._replace(added=added or None)


def open_qwen_image(model: Model, facts: FamilyFacts, device: Device, progress: OnProgress, held: Held) -> QwenImage:
    """A checkpoint on the device. Raises UnusableModel, saying why it can't be used."""
    variant = str(model.main.options.get("variant", ""))
    instruction, kind = _INSTRUCTIONS.get(variant, _INSTRUCTIONS[""]), KIND
    if variant == _TIMED:  # which a folder's configuration says by itself
        kind = KIND._replace(config=lambda shapes: {**layout.config(shapes), "zero_cond_t": True})
    most = facts.sees.get(variant, 0)
    loaded = load_transformer(model, facts, kind, device, progress, held, chat=_TEXT, sees=bool(most))
    _check(loaded)
    assert loaded.chat is not None
    made = str(model.main.options.get("distilled", ""))
    shift = shift_of_scheduler(None if made else loaded.scheduler, facts.shift_of(made))
    return QwenImage(
        facts.name, text=loaded.chat, sight=loaded.sight, most=most, instruction=instruction,
        length=facts.length_of(""), denoiser=loaded.denoiser, autoencoder=loaded.autoencoder, shift=shift,
        native=int(model.main.options.get("resolution") or facts.side(variant=variant)), warnings=loaded.warnings,
    )  # fmt: skip


def _check(loaded: LoadedTransformer) -> None:
    """Raises UnusableModel where its networks don't fit together, and for one that is told more than this."""
    config = loaded.denoiser.module.config
    assert loaded.chat is not None
    if loaded.chat.width != config.joint_attention_dim:
        raise UnusableModel(message("weights.context", made=loaded.chat.width, taken=config.joint_attention_dim))
    if loaded.sight is not None:
        _check_sight(loaded.sight, loaded.chat.module.config)
    channels = loaded.autoencoder.module.config.latent_channels
    if not loaded.denoiser.in_channels == loaded.denoiser.latent_channels == channels:
        raise UnusableModel(message("unfit.channels", count=loaded.denoiser.in_channels))


def _check_sight(sight: SightPart, reads: QwenConfig) -> None:
    """Raises UnusableModel where what it sees couldn't stand among what is read."""
    made, turned = sight.module.config.out_hidden_size, reads.mrope_section
    if made != reads.hidden_size:
        raise UnusableModel(message("weights.layout", why=f"out_hidden_size {made}, hidden_size {reads.hidden_size}"))
    if len(turned) != 3 or 2 * sum(turned) != reads.head_dim:
        raise UnusableModel(message("weights.layout", why=f"mrope_section {list(turned)}, head_dim {reads.head_dim}"))
