"""What a model family answers, and nothing more: the engine knows no family by name.

A family is made of the parts of one loaded model. All tensors are on its device; latents and conditioning carry a
leading batch dimension of 1, and the engine has it `collate` the rows of several pictures, of one `shape`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from PIL import Image
from torch import Tensor

from ...messages import Message
from ..adapters.adapter import Networks
from ..adapters.embedding import Embedding
from ..adapters.mix import NO_MIX, Mix
from ..execution.execution import Home, Inputs
from ..parts.autoencoder import Coded
from ..parts.part import Part, Stage
from ..parts.picture_embedder import PictureEmbedder
from ..parts.rows import Rows
from ..parts.seen_sizes import SeenAs
from ..parts.slices import Slices
from ..sampling.guidance import Guided
from ..sampling.noise import Noise


@dataclass(frozen=True)
class Conditioning:
    """A picture's prompts, encoded. `negative` is None where guidance asks for no second row."""

    positive: Rows
    negative: Rows | None = None
    warnings: tuple[Message, ...] = ()
    joined: tuple[Rows, ...] = ()
    """Of the prompts that are joined to the first, a row each."""


class Timeline:
    """A picture's conditioning at each of its steps: one throughout, unless its prompts change on the way."""

    def __init__(self, parts: Sequence[tuple[int, Conditioning]]) -> None:
        """Each part with the step that it ends before, in order."""
        self._parts = parts

    def at(self, step: int) -> Conditioning:
        """That of the user's `step`, from 0; the last goes on."""
        return next((part for end, part in self._parts if step < end), self._parts[-1][1])


@dataclass(frozen=True)
class EncodeRequest:
    """What of a request conditions the denoiser."""

    prompt: str
    negative: str | None
    """None: no second row."""
    clip: int
    guidance: float
    """For a denoiser that is told its guidance."""
    size: tuple[int, int]
    """(width, height) that it denoises at, in pixels."""
    mix: Mix = NO_MIX
    """The adapters, for the text encoders."""
    words: tuple[Embedding, ...] = ()
    """What marks in the prompts stand for."""
    beside: tuple[str, ...] = ()
    """Prompts of the same picture that are encoded for themselves, and whose rows must have this one's shape."""
    pictures: tuple[Image.Image, ...] = ()
    """References, RGB, which every prompt is heard beside, as the family's `heard_as` sees them."""


class Family(Protocol):
    """One loaded checkpoint. Raises `Unsupported` for what this model can't do."""

    name: str
    space: str
    """Of its latents: checkpoints of the same space can go on with each other's."""
    latent_channels: int
    downscale: int
    """Pixels per latent, along a side."""
    multiple: int
    """Sides that are denoised are multiples of so many pixels."""
    native: int
    """The side, in pixels, of the squares it was trained on."""
    takes_mask: bool
    """Its denoiser sees mask and masked picture (an inpainting checkpoint); else the engine blends."""
    takes_map: bool
    """Its denoiser sees a map, as its VAE encodes one, beside the latents: a picture of it needs one."""
    dtype: str
    """What the denoiser computes in: `float16`, `bfloat16` or `float32`."""
    warnings: tuple[Message, ...]
    """What was odd about its file: for everybody who has a picture made with it."""
    seen_as: SeenAs | None
    """What of a picture, and in which size, its denoiser sees beside the one in the making, as latents in its rows
    (`parts/rows.REFERENCE`); None where it sees none so."""
    heard_as: SeenAs | None
    """What of the pictures that its denoiser sees, and in which size, what encodes its prompts sees; None: nothing."""
    embedder: PictureEmbedder | None
    """What sees the pictures that its denoiser is shown, if it is shown any: its rows hold them as `shown`, zeros as
    it encodes prompts."""

    def parts(self, stage: Stage) -> Sequence[Part]:
        """What must be there for a stage."""

    def executed(self) -> Mapping[str, Any]:
        """How its denoiser is run, as far as that decides bits: for the `environment` of recipes."""

    def share(self, size: tuple[int, int], told: int | None = None) -> int:
        """The rows of the shares that batches are made in at this size (width, height), by threads that work alone: as
        many as a recipe `told` where that can be done. 0: they are made whole."""

    @property
    def networks(self) -> Networks:
        """What adapters can go beside: the `denoiser`, and the text encoders."""

    @property
    def home(self) -> Home:
        """Of its denoiser: whatever runs beside it is there as well."""

    @property
    def latent_shift(self) -> float:
        """What encoding takes off each latent."""

    def noise(self, size: tuple[int, int], steps: int, /) -> Noise:
        """The noise process of pictures of `size` pixels (width, height) in so many of the user's steps."""

    def cfg(self, told: Guided) -> float:
        """The scale that its two answers are guided by, for what a picture's recipe says. At 1 and below there is
        nothing to guide by, and no negative prompt is encoded."""

    def guide(self, negative: Tensor, positive: Tensor, scale: float) -> Tensor:
        """What the sampler is told of the denoiser's two answers, each (1, C, h, w), at a scale of `cfg`'s."""

    def encode(self, request: EncodeRequest) -> Conditioning:
        """Prompts to conditioning."""

    def shape(self, rows: Rows) -> Hashable:
        """Equal for rows (1, …) that `collate` can join, to make the same operations of the denoiser."""

    def collate(self, rows: Sequence[Rows]) -> Rows:
        """Rows (1, …) of one `shape` as a batch, in their order: one's bits don't depend on the others."""

    def denoise(self, latents: Tensor, timesteps: Tensor, rows: Rows) -> Tensor:
        """The denoiser's answer (rows, C, h, w) in float32, for latents (rows, C, h, w) at timesteps (rows,)."""

    def inputs(self, latents: Tensor, timesteps: Tensor, rows: Rows) -> Inputs:
        """What `denoise` asks the network for these, without what only an inpainting checkpoint is told: what runs
        beside the network is asked the same."""

    def encode_picture(self, pixels: Tensor, *, tiled: bool = False, wraps: bool = False) -> Slices[Coded]:
        """Pixels (1, 3, H, W) in −1…1 to latents (1, C, h, w), in the denoiser's scale; `tiled` needs less memory, and
        where it `wraps`, the picture's edges meet.

        Slices of this and of `decode` may be asked for by another thread while the denoiser runs.
        """

    def decode(self, latents: Tensor, *, tiled: bool = False, wraps: bool = False) -> Slices[Coded]:
        """Latents (1, C, h, w) to pixels (1, 3, H, W) in −1…1, on the CPU; `tiled` and `wraps` as above."""

    def inpainting_channels(self, mask: Tensor, masked: Tensor, /) -> Tensor:
        """What of its denoiser's input is beside the latents, of a family that `takes_mask`, as its rows' `inpainting`:
        the mask in pixels, (1, 1, H, W), 1 where to paint, and the latents of the masked picture."""
