"""From what an image encoder makes of a picture to tokens that a denoiser attends to: IP-Adapter's ways, one each.

Ye et al. 2023 (arXiv:2308.06721). The modules have the names of the project's own files
(https://github.com/tencent-ailab/IP-Adapter, Apache-2.0: `ip_adapter/ip_adapter.py`, `resampler.py`,
`ip_adapter_faceid.py`), so that tensors fit as they come.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...messages import message
from ...words.errors import UnusableModel

HEAD = 64
"""Columns of a resampler's heads; no file tells them."""
MOST_DEPTH = 64


class Look(NamedTuple):
    """What is known of a picture: what an encoder makes of it, and whose face is on it."""

    embedding: Tensor | None = None
    """(1, width)"""
    patches: Tensor | None = None
    """(1, tokens, width), of the encoder's last layer but one."""
    face: Tensor | None = None
    """(1, 512), ArcFace's, of length 1."""
    last: Tensor | None = None
    """(1, tokens, width), of the encoder's last layer."""


class WholePicture(nn.Module):
    """IP-Adapter's first: the picture's embedding, as a few tokens."""

    def __init__(self, width: int, context: int, count: int) -> None:
        super().__init__()
        self.proj, self.norm = nn.Linear(width, context * count), nn.LayerNorm(context)
        self._context, self.widths = context, {"embedding": width}

    def forward(self, look: Look) -> Tensor:
        assert look.embedding is not None
        made: Tensor = self.norm(self.proj(look.embedding).reshape(1, -1, self._context))
        return made


class EveryPatch(nn.Module):
    """Full Face: a token for each of the encoder's."""

    def __init__(self, width: int, hidden: int, context: int) -> None:
        super().__init__()
        last = nn.LayerNorm(context)
        self.proj = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, context), last)
        self.widths = {"patches": width}

    def forward(self, look: Look) -> Tensor:
        assert look.patches is not None
        made: Tensor = self.proj(look.patches)
        return made


class Face(nn.Module):
    """FaceID, and its Portrait: a face, as some tokens."""

    def __init__(self, width: int, hidden: int, context: int, count: int) -> None:
        super().__init__()
        self.proj = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, context * count))
        self.norm = nn.LayerNorm(context)
        self._context, self.widths = context, {"face": width}

    def forward(self, look: Look) -> Tensor:
        assert look.face is not None
        made: Tensor = self.norm(self.proj(look.face).reshape(1, -1, self._context))
        return made


class Resampler(nn.Module):
    """Plus and Plus-Face: learned tokens that look at the encoder's, some layers deep."""

    def __init__(self, width: int, inner: int, context: int, count: int, layers: ResamplerSizes) -> None:
        super().__init__()
        self.latents = nn.Parameter(torch.empty(1, count, inner))
        self.widths = {"patches": width}
        _perceiver(self, width, inner, context, layers)

    def forward(self, look: Look) -> Tensor:
        assert look.patches is not None
        return _looked(self, self.latents, look.patches)


class FaceResampler(Face):
    """FaceID Plus: a face's tokens, which look at the encoder's; in its second version, that added to a face's tokens
    (`adds`)."""

    adds = False

    def __init__(self, face: int, hidden: int, count: int, width: int, context: int, layers: ResamplerSizes) -> None:
        super().__init__(face, hidden, context, count)
        self.perceiver_resampler = _perceiver(nn.Module(), width, context, context, layers)
        self.widths["patches"] = width

    def forward(self, look: Look) -> Tensor:
        assert look.patches is not None
        tokens = super().forward(look)
        made = _looked(self.perceiver_resampler, tokens, look.patches)
        return tokens + made if self.adds else made


class Redux(nn.Module):
    """FLUX.1 Redux: for each of the encoder's tokens one that stands behind the prompt's (Black Forest Labs 2024;
    diffusers' `ReduxImageEncoder`)."""

    def __init__(self, width: int, hidden: int, context: int) -> None:
        super().__init__()
        self.redux_up, self.redux_down = nn.Linear(width, hidden), nn.Linear(hidden, context)
        self.widths = {"last": width}

    def forward(self, look: Look) -> Tensor:
        assert look.last is not None
        made: Tensor = self.redux_down(functional.silu(self.redux_up(look.last)))
        return made


class ResamplerSizes(NamedTuple):
    """A resampler's."""

    depth: int
    heads: int
    hidden: int
    """Columns between the two maps of each."""


def _perceiver(module: nn.Module, width: int, inner: int, context: int, layers: ResamplerSizes) -> nn.Module:
    module.proj_in, module.proj_out = nn.Linear(width, inner), nn.Linear(inner, context)
    module.norm_out = nn.LayerNorm(context)
    module.layers = nn.ModuleList(
        nn.ModuleList([_Looking(inner, layers.heads), _widened(inner, layers.hidden)]) for _ in range(layers.depth)
    )
    return module


def _looked(resampler: nn.Module, tokens: Tensor, patches: Tensor) -> Tensor:
    patches = resampler.proj_in(patches)  # type: ignore[operator]
    for look, widened in resampler.layers:  # type: ignore[union-attr]
        tokens = tokens + look(patches, tokens)
        tokens = tokens + widened(tokens)
    made: Tensor = resampler.norm_out(resampler.proj_out(tokens))  # type: ignore[operator]
    return made


class _Looking(nn.Module):
    """Tokens that attend to patches and to each other (Alayrac et al. 2022, "Flamingo", arXiv:2204.14198)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.to_q = nn.Linear(width, HEAD * heads, bias=False)
        self.to_kv = nn.Linear(width, 2 * HEAD * heads, bias=False)
        self.to_out = nn.Linear(HEAD * heads, width, bias=False)

    def forward(self, patches: Tensor, tokens: Tensor) -> Tensor:
        tokens = self.norm2(tokens)
        key, value = self.to_kv(torch.cat([self.norm1(patches), tokens], -2)).chunk(2, -1)
        split = (each.unflatten(-1, (self._heads, HEAD)).transpose(1, 2) for each in (self.to_q(tokens), key, value))
        seen = functional.scaled_dot_product_attention(*split).transpose(1, 2).flatten(2)
        made: Tensor = self.to_out(seen)
        return made


def _widened(width: int, hidden: int) -> nn.Sequential:
    maps = nn.Linear(width, hidden, bias=False), nn.Linear(hidden, width, bias=False)
    return nn.Sequential(nn.LayerNorm(width), maps[0], nn.GELU(), maps[1])


ImageProjection = WholePicture | EveryPatch | Face | Resampler | FaceResampler | Redux
"""`widths` says what of a picture it reads, fields of `Look`, and how wide each is."""


def projection_of(shapes: Mapping[str, tuple[int, ...]]) -> Callable[[], ImageProjection]:
    """What makes the projection whose tensors have these shapes; whether all of them fit is for who fills it to see.

    Raises UnusableModel where they are of none.
    """

    def size(name: str, dimension: int) -> int:
        shape = shapes.get(name, ())
        if len(shape) <= dimension or not shape[dimension]:
            raise UnusableModel(message("weights.no_tensor", name=f"image_proj.{name}"))
        return shape[dimension]

    if "redux_up.weight" in shapes:
        return partial(Redux, *(size("redux_up.weight", 1), size("redux_up.weight", 0), size("redux_down.weight", 0)))
    if "proj.weight" in shapes:
        context = size("norm.weight", 0)
        return partial(WholePicture, size("proj.weight", 1), context, size("proj.weight", 0) // context)
    if "proj.3.weight" in shapes:
        return partial(EveryPatch, size("proj.0.weight", 1), size("proj.0.weight", 0), size("proj.2.weight", 0))
    if "latents" in shapes:
        width, inner = size("proj_in.weight", 1), size("latents", 2)
        layers = _layers(shapes, "layers.", size)
        return partial(Resampler, width, inner, size("proj_out.weight", 0), size("latents", 1), layers)
    context = size("norm.weight", 0)
    face, hidden, count = size("proj.0.weight", 1), size("proj.0.weight", 0), size("proj.2.weight", 0) // context
    if not any(name.startswith("perceiver_resampler.") for name in shapes):
        return partial(Face, face, hidden, context, count)
    layers, width = _layers(shapes, "perceiver_resampler.layers.", size), size("perceiver_resampler.proj_in.weight", 1)
    return partial(FaceResampler, face, hidden, count, width, context, layers)


def _layers(shapes: Mapping[str, tuple[int, ...]], prefix: str, size: Callable[[str, int], int]) -> ResamplerSizes:
    depth = len({name.removeprefix(prefix).partition(".")[0] for name in shapes if name.startswith(prefix)})
    columns = size(f"{prefix}0.0.to_q.weight", 0)
    if columns % HEAD or depth > MOST_DEPTH:
        raise UnusableModel(message("weights.no_tensor", name=f"image_proj.{prefix}0.0.to_q.weight"))
    return ResamplerSizes(depth, columns // HEAD, size(f"{prefix}0.1.1.weight", 0))
