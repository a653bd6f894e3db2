"""What a model's weights are, told by headers before any is read: numbers, and bytes that stay as they are stored."""

from __future__ import annotations

import msgspec


class Weight(msgspec.Struct, frozen=True, gc=False):
    """Of one component."""

    floats: int = 0
    """Numbers of 16, 32 or 64 bits: on a device they are what a model computes in."""
    kept: int = 0
    """Bytes of those that stay as their file has them: of 8 bits and fewer."""

    def __add__(self, other: Weight) -> Weight:
        return Weight(self.floats + other.floats, self.kept + other.kept)

    def nbytes(self, width: int) -> int:
        """Where a number takes so many bytes."""
        return self.floats * width + self.kept


NO_WEIGHT = Weight()


class Sizes(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Of a model, or of a file that makes one with others."""

    encoders: Weight = NO_WEIGHT
    denoiser: Weight = NO_WEIGHT
    vae: Weight = NO_WEIGHT
    others: Weight = NO_WEIGHT
    """Of a pipeline's further networks."""
    sight: Weight = NO_WEIGHT
    """Of what sees beside a text encoder, where that may do without."""
    layer: Weight = NO_WEIGHT
    """The largest tensor of the denoiser and of the encoders: what has to be there at once, however little is."""

    def __add__(self, other: Sizes) -> Sizes:
        """With another file's."""
        return Sizes(
            encoders=self.encoders + other.encoders, denoiser=self.denoiser + other.denoiser, vae=self.vae + other.vae,
            others=self.others + other.others, sight=self.sight + other.sight,
            layer=max(self.layer, other.layer, key=lambda each: each.nbytes(2)),
        )  # fmt: skip

    @property
    def seeing(self) -> Sizes:
        """Of a model whose text encoder is to see."""
        return msgspec.structs.replace(self, encoders=self.encoders + self.sight, sight=NO_WEIGHT)


NO_SIZES = Sizes()
