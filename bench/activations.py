"""What a forward takes beside its weights: bytes that are alive at once, of full-size networks without any data.

    python -m bench.activations

Every allocation of an eager forward is followed on torch's `meta` device, in 16 bits and with an attention that keeps
no matrix of all tokens, as accelerators have it. What kernels take for themselves (cuDNN's workspaces, at most some
hundred MB) isn't seen. `imagine.families.memory` has its constants from here.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import diffusers
import torch
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from imagine.engine.execution.execution import Inputs
from imagine.engine.families.lumina2 import call_lumina2
from imagine.engine.families.qwen_image import call_qwen_image
from imagine.engine.families.z_image import call_z_image

_HALF = torch.bfloat16
_SD1 = {"cross_attention_dim": 768, "block_out_channels": (320, 640, 1280, 1280)}
_SDXL = {
    "block_out_channels": (320, 640, 1280), "down_block_types": ("DownBlock2D", *["CrossAttnDownBlock2D"] * 2),
    "up_block_types": (*["CrossAttnUpBlock2D"] * 2, "UpBlock2D"), "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20), "cross_attention_dim": 2048, "use_linear_projection": True,
    "addition_embed_type": "text_time", "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816,
}  # fmt: skip
_SD3 = {
    "sample_size": 128,
    "in_channels": 16,
    "out_channels": 16,
    "joint_attention_dim": 4096,
    "pooled_projection_dim": 2048,
}
_FIRST = {"num_layers": 24, "num_attention_heads": 24, "caption_projection_dim": 1536, "pos_embed_max_size": 192}
_LARGE = {
    "num_layers": 38,
    "num_attention_heads": 38,
    "caption_projection_dim": 2432,
    "pos_embed_max_size": 192,
    "qk_norm": "rms_norm",
}
_MEDIUM = {
    "num_layers": 24, "num_attention_heads": 24, "caption_projection_dim": 1536, "pos_embed_max_size": 384,
    "qk_norm": "rms_norm", "dual_attention_layers": tuple(range(13)),
}  # fmt: skip
_KLEIN_4B = {
    "num_layers": 5, "num_single_layers": 20, "num_attention_heads": 24, "joint_attention_dim": 7680,
    "guidance_embeds": False,
}  # fmt: skip
_KLEIN_9B = {
    "num_layers": 8, "num_single_layers": 24, "num_attention_heads": 32, "joint_attention_dim": 12288,
    "guidance_embeds": False,
}  # fmt: skip
_FLUX2_DEV = {"num_layers": 8, "num_single_layers": 48, "num_attention_heads": 48, "joint_attention_dim": 15360}
_SIGMA = {"caption_channels": 4096, "use_additional_conditions": False}
_VAE = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "layers_per_block": 2,
}


class Alive(TorchDispatchMode):
    """Bytes of what was made within the block and is still held, and the most that it came to."""

    def __init__(self, network: Any) -> None:
        """What is the network's isn't counted."""
        super().__init__()
        self.bytes = self.peak = 0
        self._known = {tensor.untyped_storage()._cdata: 0 for tensor in network.state_dict().values()}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, torch.Tensor):
                self._note(tensor.untyped_storage())
        return made

    def _note(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self._known:
            return
        self._known[key] = nbytes = storage.nbytes()
        self.bytes += nbytes
        self.peak = max(self.peak, self.bytes)
        weakref.finalize(storage, self._gone, key)

    def _gone(self, key: int) -> None:
        self.bytes -= self._known.pop(key)


@contextmanager
def _without_matrix() -> Iterator[None]:
    """Attention that takes no more than its answer."""
    own = functional.scaled_dot_product_attention
    functional.scaled_dot_product_attention = lambda query, *_, **__: torch.empty_like(query)
    try:
        yield
    finally:
        functional.scaled_dot_product_attention = own


def _peak(network: Any, call: Callable[[], object]) -> int:
    with _without_matrix(), torch.no_grad(), Alive(network) as alive:
        call()
    return alive.peak


def _empty(*shape: int, dtype: torch.dtype = _HALF) -> torch.Tensor:
    return torch.empty(shape, device="meta", dtype=dtype)


def empty_network(make: Callable[[], Any], dtype: torch.dtype = _HALF) -> Any:
    with torch.device("meta"):
        return make().to(dtype).eval().requires_grad_(False)


def _unet(network: Any, rows: int, side: int) -> None:
    added = {"text_embeds": _empty(rows, 1280), "time_ids": _empty(rows, 6)}
    context = _empty(rows, 77, network.config.cross_attention_dim)
    network(_empty(rows, 4, side // 8, side // 8), _empty(rows), context, added_cond_kwargs=added)


def _joint(network: Any, rows: int, side: int) -> None:
    pooled = _empty(rows, network.config.pooled_projection_dim)
    network(_empty(rows, 16, side // 8, side // 8), _empty(rows, 333, 4096), pooled, _empty(rows))


def _flux(network: Any, rows: int, side: int) -> None:
    tokens = (side // 16) ** 2
    told = {"guidance": _empty(rows)} if network.config.get("guidance_embeds") else {}
    if "pooled_projection_dim" in network.config:
        told["pooled_projections"] = _empty(rows, 768)
    places = {"img_ids": _empty(tokens, 3), "txt_ids": _empty(512, 3)}
    network(_empty(rows, tokens, 64), _empty(rows, 512, 4096), timestep=_empty(rows), **told, **places)


def _z_image(network: Any, rows: int, side: int) -> None:
    told = torch.empty(rows, device="meta", dtype=torch.int64)
    asked = _empty(rows, 16, side // 8, side // 8), _empty(rows), _empty(rows, 512, 2560), {"told": told}
    call_z_image(network, Inputs(*asked))


def _qwen_image(network: Any, rows: int, side: int) -> None:
    seen = _empty(rows, 512, dtype=torch.bool)
    asked = _empty(rows, 16, side // 8, side // 8), _empty(rows), _empty(rows, 512, 3584), {"seen": seen}
    call_qwen_image(network, Inputs(*asked))


def _flux2(network: Any, rows: int, side: int) -> None:
    tokens, context = (side // 16) ** 2, network.config.joint_attention_dim
    places = {"img_ids": _empty(tokens, 4), "txt_ids": _empty(512, 4)}
    told = {"guidance": _empty(rows)} if network.config.guidance_embeds else {}
    network(_empty(rows, tokens, 128), _empty(rows, 512, context), timestep=_empty(rows), **told, **places)


def _sana(network: Any, rows: int, side: int) -> None:
    network(_empty(rows, 32, side // 32, side // 32), _empty(rows, 300, 2304), timestep=_empty(rows))


def _lumina2(network: Any, rows: int, side: int) -> None:
    seen = _empty(rows, 256, dtype=torch.bool)
    asked = _empty(rows, 16, side // 8, side // 8), _empty(rows), _empty(rows, 256, 2304), {"seen": seen}
    call_lumina2(network, Inputs(*asked))


def _pixart(network: Any, rows: int, side: int) -> None:
    added = {"resolution": None, "aspect_ratio": None}
    latents, text = _empty(rows, 4, side // 8, side // 8), _empty(rows, 300, 4096)
    network(latents, text, timestep=_empty(rows), added_cond_kwargs=added)


def _auraflow(network: Any, rows: int, side: int) -> None:
    network(_empty(rows, 4, side // 8, side // 8), _empty(rows, 256, 2048), _empty(rows))


def _krea2(network: Any, rows: int, side: int) -> None:
    tokens = (side // 16) ** 2
    network(_empty(rows, tokens, 64), _empty(rows, 512, 12, 2560), _empty(rows), _empty(512 + tokens, 3))


DENOISERS: dict[str, tuple[Callable[[], Any], Callable[[Any, int, int], None]]] = {
    "stable_diffusion": (lambda: diffusers.UNet2DConditionModel(**_SD1), _unet),
    "sdxl": (lambda: diffusers.UNet2DConditionModel(**_SDXL), _unet),
    "sd3": (lambda: diffusers.SD3Transformer2DModel(**_SD3, **_FIRST), _joint),
    "sd3.5 medium": (lambda: diffusers.SD3Transformer2DModel(**_SD3, **_MEDIUM), _joint),
    "sd3.5 large": (lambda: diffusers.SD3Transformer2DModel(**_SD3, **_LARGE), _joint),
    "flux": (lambda: diffusers.FluxTransformer2DModel(guidance_embeds=True), _flux),
    "flux2 klein-4b": (lambda: diffusers.Flux2Transformer2DModel(**_KLEIN_4B), _flux2),
    "flux2 klein-9b": (lambda: diffusers.Flux2Transformer2DModel(**_KLEIN_9B), _flux2),
    "flux2 dev": (lambda: diffusers.Flux2Transformer2DModel(**_FLUX2_DEV), _flux2),
    "chroma": (lambda: diffusers.ChromaTransformer2DModel(), _flux),
    "z-image": (lambda: diffusers.ZImageTransformer2DModel(), _z_image),
    "qwen-image": (lambda: diffusers.QwenImageTransformer2DModel(), _qwen_image),
    "sana": (lambda: diffusers.SanaTransformer2DModel(), _sana),
    "lumina2": (lambda: diffusers.Lumina2Transformer2DModel(cap_feat_dim=2304), _lumina2),
    "pixart": (lambda: diffusers.PixArtTransformer2DModel(**_SIGMA), _pixart),
    "auraflow": (lambda: diffusers.AuraFlowTransformer2DModel(pos_embed_max_size=9216), _auraflow),
    "krea2": (lambda: diffusers.Krea2Transformer2DModel(), _krea2),
}  # fmt: skip


def main() -> None:
    print("| network | rows | side | weights, MB | beside them, MB | bytes a pixel and row |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, (make, call) in DENOISERS.items():
        network = empty_network(make)
        weights = sum(parameter.nbytes for parameter in network.parameters())
        for rows, side in ((1, 512), (1, 1024), (4, 1024), (1, 1536)):
            peak = _peak(network, partial(call, network, rows, side))
            print(
                f"| {name} | {rows} | {side} | {weights / 1e6:.0f} | {peak / 1e6:.0f} | {peak / rows / side**2:.0f} |"
            )
    for channels, dtype in ((4, _HALF), (4, torch.float32), (16, _HALF)):
        vae = empty_network(partial(diffusers.AutoencoderKL, latent_channels=channels, **_VAE), dtype)
        weights = sum(parameter.nbytes for parameter in vae.parameters())
        for side in (512, 1024, 1536):
            latents = _empty(1, channels, side // 8, side // 8, dtype=dtype)
            peak = _peak(vae, partial(vae.decode, latents))
            name = f"VAE of {channels} channels, {str(dtype).removeprefix('torch.')}"
            print(f"| {name} | 1 | {side} | {weights / 1e6:.0f} | {peak / 1e6:.0f} | {peak / side**2:.0f} |")


if __name__ == "__main__":
    main()
