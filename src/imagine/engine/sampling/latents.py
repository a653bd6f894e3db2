"""The noise a picture starts from: its own seed's, or a way from there to another's, the same on every device."""

from __future__ import annotations

import torch
from torch import Tensor

_PARALLEL = 0.9995
"""From this cosine on, sines are too small to divide by."""


def initial_noise(seed: int, shape: tuple[int, ...]) -> Tensor:
    """Standard normal noise of `shape`, float32, from a CPU generator seeded by the picture's own seed.

    As diffusers' pipelines draw it from `torch.Generator("cpu").manual_seed(seed)`.
    """
    return torch.randn(shape, generator=torch.Generator("cpu").manual_seed(seed), dtype=torch.float32)


def second_noise(seed: int, shape: tuple[int, ...]) -> Tensor:
    """The noise of a second pass (hires fix), unlike the first pass's at any seed."""
    return initial_noise((seed ^ 0x9E3779B97F4A7C15) & (2**64 - 1), shape)


def between(noise: Tensor, other: Tensor, part: float, dim: int) -> Tensor:
    """So much of the way, 0…1, from `noise` to `other` on the sphere: spherical interpolation (Shoemake 1985,
    doi:10.1145/325334.325242) of what lies along `dim`, each at its own length."""
    if part <= 0:
        return noise
    cosine = torch.nn.functional.cosine_similarity(noise, other, dim=dim).unsqueeze(dim)
    if float(cosine.mean()) > _PARALLEL:
        return noise * (1 - part) + other * part
    angle = torch.acos(cosine.clamp(-1, 1))
    return (torch.sin((1 - part) * angle) * noise + torch.sin(part * angle) * other) / torch.sin(angle)


def subseeded(noise: Tensor, other: Tensor, part: float) -> Tensor:
    """Latents' noise (1, C, h, w) towards that of another seed, along the columns of each channel: the numbers of
    AUTOMATIC1111's "variation seed" (https://github.com/AUTOMATIC1111/stable-diffusion-webui/wiki/Features) where it
    draws its noise on the CPU."""
    return between(noise, other, part, 2)


def centred(noise: Tensor, other: Tensor) -> Tensor:
    """Noise (1, C, h, w) of a picture's shape with that of another shape in its middle, or the middle of that: what
    AUTOMATIC1111's "resize seed from" does."""
    made = noise.clone()
    rows, columns = (_middles(noise.shape[dim], other.shape[dim]) for dim in (2, 3))
    made[:, :, rows[0], columns[0]] = other[:, :, rows[1], columns[1]]
    return made


def _middles(length: int, other: int) -> tuple[slice, slice]:
    """Where in so many the middle of so many others lies, and which of these that are; what is odd goes to the end."""
    by = (length - other) // 2
    if by >= 0:
        return slice(by, by + other), slice(0, other)
    kept = other + 2 * by
    return slice(0, kept), slice(-by, kept - by)


def drawing_on(seed: int, shape: tuple[int, ...]) -> torch.Generator:
    """What a picture's noise is drawn by, once its `initial_noise` is: AUTOMATIC1111's samplers go on with it."""
    generator = torch.Generator("cpu").manual_seed(seed)
    torch.randn(shape, generator=generator, dtype=torch.float32)
    return generator
