"""What a model needs of a device's memory, and in which way it is held where that isn't there: arithmetic on sizes that
headers tell, for whoever lists a model, refuses it, or opens it.

The ways, each in need of less room than the one before, and slower:

- `all`: whatever it is made of stays on the device.
- `encoders`: text encoders wait in main memory while latents are denoised.
- `stages`: so does whatever a stage doesn't need: of encoders, denoiser and VAE one is there at a time.
- `layers`: what is too large even alone is there a layer at a time, and the next one on its way where that has room.

What steps take beside weights is what `python -m bench.activations` counted, 2026-11-29
(`bench/results/activations.md`): bytes that an eager forward in 16 bits holds at once, without any kernel's own
workspace.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

from ..words.sizes import Sizes
from .facts import FamilyFacts

Way = Literal["all", "encoders", "stages", "layers"]
WAYS: tuple[Way, ...] = get_args(Way)
SLACK = 2**28
"""Bytes for kernels' own workspaces, and what the allocator can't use."""
_HALF = 2
_WIDE = 4
"""Bytes of a number in 16 and in 32 bits."""


class _ForwardBytes(NamedTuple):
    """Bytes of a denoiser's forward in 16 bits, beside its weights: of a pixel of each row, and of a row's text."""

    pixel: int
    text: int = 0


_UNKNOWN = _ForwardBytes(420, 55_000_000)
_FORWARDS: Mapping[str, _ForwardBytes] = {
    "stable_diffusion": _ForwardBytes(261),
    "sd2": _ForwardBytes(261),
    "sdxl": _ForwardBytes(160),
    "sdxl_refiner": _ForwardBytes(160),
    "sd3": _ForwardBytes(150, 13_000_000),
    "sd3.5": _ForwardBytes(161, 14_000_000),
    "sd3.5 large": _ForwardBytes(237, 20_000_000),
    "flux": _UNKNOWN,
    "flux2": _ForwardBytes(513, 79_000_000),
    "flux2 dev": _ForwardBytes(1017, 156_000_000),
    **dict.fromkeys(("flux2 klein-9b", "flux2 klein-base-9b"), _ForwardBytes(681, 107_000_000)),
    "flux2 klein-9b-kv": _ForwardBytes(681 + 192, 107_000_000),  # each token has what moves it: six times its numbers
    "chroma": _ForwardBytes(400, 53_000_000),
    "z-image": _ForwardBytes(475, 65_000_000),
    "qwen-image": _ForwardBytes(363, 20_000_000),
    "lumina2": _ForwardBytes(470, 32_000_000),
    "sana": _ForwardBytes(62, 3_000_000),
    "pixart": _ForwardBytes(108, 4_000_000),
    "auraflow": _ForwardBytes(312, 22_000_000),
    "krea2": _ForwardBytes(512, 276_000_000),
}
"""By family, or family and variant: of SD 1.5 a row of 1024² takes 273 MB, of SDXL 166, of Flux 491."""
_CODED = 1536
"""Bytes a pixel that a VAE takes in 16 bits, of whichever family: 1.6 GB at 1024²."""
_TILE = 512 * 512
"""Pixels that it takes at a time where memory is short."""
_PIECE = 2**28
"""Bytes in which weights of few bits are widened, beside the layer that they become."""
_GROWS = 4
"""Times that a layer of few bits grows at most, once it is wide: 4.5 bits to 16."""


class BesideBytes(NamedTuple):
    """Bytes, in 16 bits, of what people use beside a denoiser."""

    control: int
    """A ControlNet."""
    reference: int = 0
    """An image adapter (Plus; Redux; InstantX') and its image encoder (ViT-H; SigLIP), once for any
    number of references."""
    shown: int = 0
    """Of each of these, pixels of a picture that as many tokens would be as it has among the prompt's."""


_VIT_H = 1_264_000_000
_REDUX, _SIGLIP, _ITS_TOKENS = 129_007_616, 825_974_496, 729
_OF_FLUX = 4_281_753_600
_TIMED = 1_595_851_776
"""InstantX' image adapter of Stable Diffusion 3.5 large."""
BESIDE: Mapping[str, BesideBytes] = {
    "stable_diffusion": BesideBytes(722_600_000, _VIT_H + 158_000_000),
    "sd2": BesideBytes(728_500_000, _VIT_H + 158_000_000),
    "sdxl": BesideBytes(2_502_100_000, _VIT_H + 848_000_000),
    "sd3": BesideBytes(1_190_900_000),
    "sd3.5": BesideBytes(4_307_100_000, _TIMED + _SIGLIP),
    "sd3.5 medium": BesideBytes(4_929_900_000),
    "flux": BesideBytes(_OF_FLUX, _REDUX + _SIGLIP, _ITS_TOKENS * 16**2),
    "flux kontext": BesideBytes(_OF_FLUX),
    "z-image": BesideBytes(6_712_451_584),
    "qwen-image": BesideBytes(3_536_007_168),
}
"""By family, or family and variant, that can be drawn with beside such: parameters of the published networks."""


class Bytes(NamedTuple):
    """Of a model's weights on a device."""

    encoders: int
    denoiser: int
    vae: int
    others: int = 0
    layer: int = 0
    """The largest that is there at once, however little is."""
    widened: int = 0
    """What weights of few bits take for a moment, in a forward."""
    beside: int = 0
    """Of what is beside the denoiser while it works."""

    @property
    def all(self) -> int:
        return self.encoders + self.denoiser + self.vae + self.others + self.beside


class Workload(NamedTuple):
    """What is drawn: sides in pixels, pictures at once, and what they are held to."""

    width: int
    height: int
    pictures: int = 1
    control: bool = False
    references: int = 0
    true_cfg: float | None = 1.0
    """How far from a second text, where that is said beside the guidance; None: as far as may be asked."""


class MemoryVerdict(NamedTuple):
    """What a picture takes of a model, in bytes of a device."""

    way: Way | None
    """How the model is held by what there is; None: not even a layer of it fits."""
    minimum: int
    """With this it draws: a layer at a time, and its VAE in tiles."""
    comfortable: int
    """With this all of it stays there, and the VAE works on whole pictures."""


def bytes_of(sizes: Sizes, width: int = _HALF) -> Bytes:
    """Of these sizes where a number that isn't kept as it is stored takes `width` bytes."""
    encoders, denoiser, vae, others, layer = (
        part.nbytes(width) for part in (sizes.encoders, sizes.denoiser, sizes.vae, sizes.others, sizes.layer)
    )
    kept = sizes.encoders.kept + sizes.denoiser.kept
    return Bytes(encoders, denoiser, vae, others, layer, _PIECE + _GROWS * sizes.layer.kept if kept else 0)


class StepBytes(NamedTuple):
    """Bytes that what is computed takes beside weights."""

    denoise: int = 0
    decode: int = 0


NO_STEPS = StepBytes()


def peak(weights: Bytes, way: Way, steps: StepBytes = NO_STEPS) -> int:
    """Bytes that are on the device together at most, in whichever stage.

    >>> bytes = Bytes(encoders=10, denoiser=24, vae=1, layer=2)
    >>> [peak(bytes, way, StepBytes(5, 3)) for way in WAYS]
    [40, 35, 29, 7]
    """
    rest, most = weights.all - weights.encoders, max(steps)
    match way:
        case "all":
            return weights.all + most
        case "encoders":  # they come where nothing is denoised, and leave before it is
            return max(rest + most, weights.all)
        case "stages":
            one = weights.denoiser + weights.others + weights.beside + steps.denoise
            return max(weights.encoders, one, weights.vae + steps.decode)
        case "layers":
            return max(weights.layer + weights.beside + steps.denoise, weights.vae + steps.decode)


def way_for(weights: Bytes, room: int, steps: StepBytes = NO_STEPS, *, stages: bool = True) -> Way | None:
    """How a model is held where there is room for so many bytes; None where even a layer is too much.

    Without `stages`, as where main memory is the device, there is nowhere else to wait but in the files.

    >>> bytes = Bytes(encoders=10, denoiser=24, vae=1, layer=2)
    >>> [way_for(bytes, room, StepBytes(5, 3)) for room in (40, 39, 34, 29, 28, 7, 6)]
    ['all', 'encoders', 'stages', 'stages', 'layers', 'layers', None]
    """
    ways = WAYS if stages else ("all", "layers")
    return next((way for way in ways if peak(weights, way, steps) <= room), None)


def denoising(facts: FamilyFacts, work: Workload, *, variant: str = "", sides: int = 2, width: int = _HALF) -> int:
    """Bytes of a forward beside its weights, where each picture is so many rows."""
    row = _FORWARDS.get(f"{facts.name} {variant}") or _FORWARDS.get(facts.name, _UNKNOWN)
    each = facts.side(variant=variant) ** 2 if attends(facts, variant) else beside_bytes(facts, variant).shown
    shown = work.references * each
    one = row.pixel * (work.width * work.height + shown) + row.text
    return work.pictures * sides * one * width // _HALF


def decoding(facts: FamilyFacts, work: Workload, *, tiled: bool = False, width: int = _HALF) -> int:
    """Bytes that a VAE takes beside its weights; pictures go through it one by one."""
    pixels = work.width * work.height
    wide = "vae" in facts.wide or width == _WIDE
    return (min(pixels, _TILE) if tiled else pixels) * _CODED * (2 if wide else 1)


def attends(facts: FamilyFacts, variant: str) -> bool:
    """Does the denoiser take reference pictures beside the one that it draws, token by token? It sees them at up to
    its own size, whatever it draws."""
    return facts.name == "flux2" or (facts.name, variant) == ("flux", "kontext") or variant in facts.sees


def sides_of(facts: FamilyFacts, variant: str, guidance: float | None, true_cfg: float | None) -> int:
    """Rows of a picture: two where it is drawn away from a second text, as it is where it isn't known how far."""
    if facts.takes_number(variant):
        away = true_cfg
    elif facts.guided(variant) == "cfg":
        away = guidance
    else:
        return 1
    return 2 if away is None or away > 1 else 1


def beside_bytes(facts: FamilyFacts, variant: str) -> BesideBytes:
    """Of the usual ControlNet and image adapter, 0 for one that there is none of."""
    return BESIDE.get(f"{facts.name} {variant}") or BESIDE.get(facts.name, BesideBytes(0))


def beside(facts: FamilyFacts, work: Workload, variant: str) -> int:
    """Bytes of the usual ControlNet and image adapter, where the work has them."""
    each = beside_bytes(facts, variant)
    return each.control * work.control + each.reference * bool(work.references)


def verdict(
    facts: FamilyFacts, sizes: Sizes, work: Workload, room: int, *, variant: str = "", guidance: float | None = None,
    width: int = _HALF, left: int = 0, stages: bool = True,
) -> MemoryVerdict:  # fmt: skip
    """What the work takes of a model on a device where weights may take `room` bytes, and `left` are for the rest."""
    weights = bytes_of(sizes, width)._replace(beside=beside(facts, work, variant))
    sides = sides_of(facts, variant, guidance, work.true_cfg)
    step = denoising(facts, work, variant=variant, sides=sides, width=width) + weights.widened
    least, most = (StepBytes(step, decoding(facts, work, tiled=tiled, width=width)) for tiled in (True, False))
    way = way_for(weights, room + left - SLACK, least, stages=stages)
    return MemoryVerdict(way, peak(weights, "layers", least) + SLACK, peak(weights, "all", most) + SLACK)


def working_memory(total: int) -> int:
    """Bytes of an accelerator to leave to what isn't weights.

    >>> [round(working_memory(total * 2**30) / 2**30, 2) for total in (2, 6, 8, 24)]
    [0.5, 1.0, 1.0, 3.0]
    """
    return min(total // 4, max(2**30, total // 8))
