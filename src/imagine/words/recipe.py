"""What decides a picture's pixels, complete and resolved: the `meta` of every PNG and JSON.

A `GenerationParams` has no "not said": `asking.resolve` fills everything in. Two equal ones, on the same machine
and settings, make the same bytes.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

MAX_SEED = 2**64 - 1
Resize = Literal["crop", "fit", "stretch"]
Fit = Literal["native", "scale"]


class Extend(msgspec.Struct, frozen=True, omit_defaults=True):
    """Pixels to paint beyond each side of the input picture (outpainting)."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0


class Hires(msgspec.Struct, frozen=True, kw_only=True):
    """A second pass at `scale` times the size, from the first pass's picture enlarged by `upscaler`."""

    scale: float
    strength: float = 0.55
    steps: int = 0
    """0: as many as the first pass."""
    upscaler: str = "lanczos"
    """Its name: of one that is always there (`words/upscalers.py`), or of a file. With a strength of 0 it is all that
    is done."""


class Lora(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A LoRA, or a relative of it, beside the model."""

    name: str
    weight: float
    """Of what it adds to the denoiser."""
    clip_weight: float | None = None
    """Of what it adds to text encoders; None: as `weight`."""
    digest: str = ""
    """Of its content."""
    autov3: str = ""
    """The beginning of the SHA-256 of its file behind the header, where that is known: what AUTOMATIC1111 and Civitai
    know it by."""

    @property
    def clip(self) -> float:
        """The weight of what it adds to text encoders."""
        return self.weight if self.clip_weight is None else self.clip_weight


class GenerationParams(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One picture's recipe. Sizes are in pixels; `img` and `mask` are SHA-256 digests of the pixels used."""

    model: str
    digest: str
    """Of the checkpoint's content, see `registry/content.py`. Older recipes hold the SHA-256 of its header."""
    prompt: str
    neg: str = ""
    template: str | None = None
    """The prompt that this one was chosen from by the seed, where it had wildcards."""
    neg_template: str | None = None
    embeddings: dict[str, str] = {}
    """Words of the prompts that stand for embeddings, with the digests of these."""
    width: int
    height: int
    num_steps: int
    guidance: float
    sampler: str
    schedule: str = "default"
    seed: int
    clip: int = 1
    """How many of the text encoder's last layers are left out, plus one."""
    img: str | None = None
    mask: str | None = None
    strength: float = 1.0
    """With `img`: the part of the noise schedule that is run, 0…1."""
    extend: Extend | None = None
    resize: Resize = "crop"
    fit: Fit = "native"
    hires: Hires | None = None
    vae: str | None = None
    """The name of a VAE file to use in place of the checkpoint's own."""
    text_encoders: tuple[str, ...] = ()
    """The names of text encoder files to use in place of the checkpoint's own, or beside a denoiser that has none."""
    refiner: str | None = None
    """The name of a second checkpoint of the same latent space, which finishes what `model` began."""
    refiner_at: float = 0.8
    """With `refiner`: the part of the noise levels, 0…1 from the noisiest, that is left to `model`."""
    loras: tuple[Lora, ...] = ()
    """What goes beside `model`; a refiner has none of them."""
    reproducible: bool = False
    """Denoise at batch bucket 1 throughout, so that the bytes never depend on who else was there."""
    buckets: str | None = None
    """Replay these batch buckets: `1x12,4/8x13` is 12 evaluations at bucket 1, then 13 at bucket 4, in shares of 8
    rows."""


def meta_from_params(params: GenerationParams) -> dict[str, Any]:
    """The recipe as plain JSON values: what pictures and JSON files carry. The seed is text: it can exceed 2⁵³."""
    defaults = {"neg": "", "schedule": "default", "clip": 1, "strength": 1.0}
    stated: dict[str, Any] = msgspec.to_builtins(params)
    return defaults | stated | {"seed": str(params.seed)}
