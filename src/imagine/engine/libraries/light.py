"""diffusers, as much of it as the families that are stepped need: its networks, two converters, the samplers.

The rest of the engine takes them from here. diffusers' own imports bring transformers, SciPy, torch's compiler and
every network that it has, for functions that nobody here calls: twice what torch itself takes to import. They wait
until somebody does call one (`postponed`), as the pipelines that run whole do. torch's compiler is the exception:
diffusers does without where it can't be imported, which costs only that its blocks stay visible to `torch.compile`.
`tests/engine/libraries/test_light.py` pins what is imported once a worker is ready, and once it has drawn.
"""

import warnings
from importlib import import_module
from typing import Any

from ...processes.postponed import postponed, refused

_UNUSED = ("transformers", "peft", "accelerate", "torchsde", "scipy", "requests", "diffusers.hooks")
_SCHEDULERS = (
    "DDIMScheduler", "DDPMScheduler", "DEISMultistepScheduler", "DPMSolverMultistepScheduler", "DPMSolverSDEScheduler",
    "DPMSolverSinglestepScheduler", "EulerAncestralDiscreteScheduler", "EulerDiscreteScheduler",
    "FlowMatchEulerDiscreteScheduler", "FlowMatchHeunDiscreteScheduler", "FlowMatchLCMScheduler",
    "HeunDiscreteScheduler", "KDPM2AncestralDiscreteScheduler", "KDPM2DiscreteScheduler", "LCMScheduler",
    "TCDScheduler",
)  # fmt: skip
"""Those of our samplers (`words/samplers.py`) that aren't `engine/sampling/solvers.py`'s."""
_PACKAGES = (
    "diffusers.models.transformers", "diffusers.models.unets", "diffusers.models.autoencoders",
    "diffusers.models.controlnets",
)  # fmt: skip
"""Each imports every network of its kind."""

with postponed(*_UNUSED, packages=_PACKAGES), refused("torch._dynamo"):
    import diffusers
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint
    from diffusers.models.activations import GEGLU
    from diffusers.models.adapter import T2IAdapter
    from diffusers.models.attention import BasicTransformerBlock
    from diffusers.models.attention_processor import (
        Attention,
        AttnProcessor2_0,
        SD3IPAdapterJointAttnProcessor2_0,
    )
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.autoencoders.autoencoder_kl_flux2 import AutoencoderKLFlux2
    from diffusers.models.controlnets.controlnet import ControlNetModel
    from diffusers.models.controlnets.controlnet_union import ControlNetUnionModel
    from diffusers.models.downsampling import Downsample2D
    from diffusers.models.embeddings import IPAdapterTimeImageProjection
    from diffusers.models.modeling_utils import no_init_weights
    from diffusers.models.resnet import ResnetBlock2D
    from diffusers.models.transformers.transformer_2d import Transformer2DModel
    from diffusers.models.unets.unet_2d_blocks import DownEncoderBlock2D, UNetMidBlock2D, UpDecoderBlock2D
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
    from diffusers.schedulers.scheduling_dpmsolver_sde import BrownianTreeNoiseSampler
    from diffusers.schedulers.scheduling_lms_discrete import LMSDiscreteScheduler
    from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler

    SCHEDULERS = {name: getattr(diffusers, name) for name in _SCHEDULERS}
    """By name."""

_TRANSFORMERS = {
    "AuraFlowTransformer2DModel": "auraflow_transformer_2d", "ChromaTransformer2DModel": "transformer_chroma",
    "FluxTransformer2DModel": "transformer_flux",
    "Flux2Transformer2DModel": "transformer_flux2", "Lumina2Transformer2DModel": "transformer_lumina2",
    "PixArtTransformer2DModel": "pixart_transformer_2d",
    "QwenImageTransformer2DModel": "transformer_qwenimage", "SanaTransformer2DModel": "sana_transformer",
    "SD3Transformer2DModel": "transformer_sd3", "ZImageTransformer2DModel": "transformer_z_image",
}  # fmt: skip

_CONTROLNETS = {
    "FluxControlNetModel": "controlnet_flux", "QwenImageControlNetModel": "controlnet_qwenimage",
    "SD3ControlNetModel": "controlnet_sd3", "ZImageControlNetModel": "controlnet_z_image",
}  # fmt: skip


def transformer(name: str) -> Any:
    """A transformer's class: each is imported when the first model of its kind is opened."""
    # diffusers' own Chroma asks for it by its old name, of which a user would read in the log.
    warnings.filterwarnings("ignore", "`FluxPosEmbed` is deprecated", FutureWarning)
    with postponed(*_UNUSED, packages=_PACKAGES):
        return getattr(import_module(f"diffusers.models.transformers.{_TRANSFORMERS[name]}"), name)


def deep_vae() -> Any:
    """The class of SANA's VAE, which is imported when the first is opened."""
    with postponed(*_UNUSED, packages=_PACKAGES):
        return import_module("diffusers.models.autoencoders.autoencoder_dc").AutoencoderDC


def flux2_processors() -> tuple[Any, Any]:
    """How attention of FLUX.2's two kinds of blocks goes where pictures attend to themselves alone: their classes."""
    with postponed(*_UNUSED, packages=_PACKAGES):
        module = import_module(f"diffusers.models.transformers.{_TRANSFORMERS['Flux2Transformer2DModel']}")
    return module.Flux2KVAttnProcessor, module.Flux2KVParallelSelfAttnProcessor


def controlnet(name: str, **settings: Any) -> Any:
    """A network beside a transformer, of a class that is imported when the first is made."""
    with postponed(*_UNUSED, packages=_PACKAGES):
        made = getattr(import_module(f"diffusers.models.controlnets.{_CONTROLNETS[name]}"), name)
    return made(**settings)


__all__ = [
    "GEGLU",
    "SCHEDULERS",
    "Attention",
    "AttnProcessor2_0",
    "AutoencoderKL",
    "AutoencoderKLFlux2",
    "BasicTransformerBlock",
    "BrownianTreeNoiseSampler",
    "ControlNetModel",
    "ControlNetUnionModel",
    "DPMSolverMultistepScheduler",
    "DownEncoderBlock2D",
    "Downsample2D",
    "IPAdapterTimeImageProjection",
    "LMSDiscreteScheduler",
    "ResnetBlock2D",
    "SD3IPAdapterJointAttnProcessor2_0",
    "T2IAdapter",
    "Transformer2DModel",
    "UNet2DConditionModel",
    "UNetMidBlock2D",
    "UniPCMultistepScheduler",
    "UpDecoderBlock2D",
    "controlnet",
    "convert_ldm_unet_checkpoint",
    "convert_ldm_vae_checkpoint",
    "deep_vae",
    "diffusers",
    "flux2_processors",
    "no_init_weights",
    "transformer",
]
