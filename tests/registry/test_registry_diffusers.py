"""Identification of what diffusers saves: the names and shapes of its own classes, built small on `meta`."""

import pytest
from declared import header_json

torch = pytest.importorskip("torch")

import diffusers  # noqa: E402 - needs torch
from diffusers.models.modeling_utils import no_init_weights  # noqa: E402

from imagine.registry.header import parse_header  # noqa: E402
from imagine.registry.identify import identify  # noqa: E402

ONE = {"num_layers": 1}
PAIR = {"num_layers": 1, "num_single_layers": 1}
SDXL = {
    "cross_attention_dim": 2048,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "block_out_channels": (320, 640, 1280),
    "transformer_layers_per_block": (1, 2, 10),
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}
UP = {"up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D")}
KOLORS = {"encoder_hid_dim": 4096, "encoder_hid_dim_type": "text_proj", "projection_class_embeddings_input_dim": 5632}
MODELS = [
    ("FluxTransformer2DModel", PAIR, "diffusion-model", "flux", "schnell"),
    ("FluxTransformer2DModel", PAIR | {"guidance_embeds": True}, "diffusion-model", "flux", "dev"),
    ("FluxTransformer2DModel", PAIR | {"in_channels": 384}, "diffusion-model", "flux", "fill"),
    ("FluxTransformer2DModel", PAIR | {"in_channels": 128}, "diffusion-model", "flux", "control"),
    ("Flux2Transformer2DModel", PAIR, "diffusion-model", "flux2", "dev"),
    ("Flux2Transformer2DModel", PAIR | {"joint_attention_dim": 7680}, "diffusion-model", "flux2", "klein-4b"),
    ("ChromaTransformer2DModel", PAIR, "diffusion-model", "chroma", ""),
    ("SD3Transformer2DModel", ONE, "diffusion-model", "sd3", ""),
    ("SD3Transformer2DModel", ONE | {"qk_norm": "rms_norm"}, "diffusion-model", "sd3.5", ""),
    ("SD3Transformer2DModel", {"num_layers": 38, "num_attention_heads": 1}, "diffusion-model", "sd3.5", "large"),
    ("SD3Transformer2DModel", ONE | {"dual_attention_layers": (0,)}, "diffusion-model", "sd3.5", "medium"),
    ("QwenImageTransformer2DModel", ONE, "diffusion-model", "qwen-image", ""),
    ("QwenImage21Transformer2DModel", ONE, "diffusion-model", "qwen-image", "2.1"),
    ("ZImageTransformer2DModel", {"n_layers": 1}, "diffusion-model", "z-image", ""),
    ("Lumina2Transformer2DModel", ONE, "diffusion-model", "lumina2", ""),
    ("AuraFlowTransformer2DModel", {"num_mmdit_layers": 1}, "diffusion-model", "auraflow", ""),
    ("HunyuanVideoTransformer3DModel", PAIR, "diffusion-model", "hunyuan-video", ""),
    ("HunyuanImageTransformer2DModel", PAIR, "diffusion-model", "hunyuan-image", ""),
    ("LongCatImageTransformer2DModel", PAIR, "diffusion-model", "longcat-image", ""),
    ("OvisImageTransformer2DModel", PAIR, "diffusion-model", "ovis-image", ""),
    ("WanTransformer3DModel", ONE, "diffusion-model", "wan", ""),
    ("SanaTransformer2DModel", ONE, "diffusion-model", "sana", ""),
    ("PixArtTransformer2DModel", ONE, "diffusion-model", "pixart", "alpha"),
    ("PixArtTransformer2DModel", ONE | {"sample_size": 256}, "diffusion-model", "pixart", ""),
    ("Krea2Transformer2DModel", ONE, "diffusion-model", "krea2", ""),
    ("ErnieImageTransformer2DModel", ONE, "diffusion-model", "ernie-image", ""),
    ("Ideogram4Transformer2DModel", ONE, "diffusion-model", "ideogram4", ""),
    ("CogView4Transformer2DModel", ONE | {"num_attention_heads": 128}, "diffusion-model", "cogview4", ""),
    ("CogView3PlusTransformer2DModel", ONE, "diffusion-model", "cogview3", ""),
    ("CosmosTransformer3DModel", ONE, "diffusion-model", "cosmos-1.0", ""),
    ("LTXVideoTransformer3DModel", ONE, "diffusion-model", "ltx", ""),
    ("MochiTransformer3DModel", ONE, "diffusion-model", "mochi", ""),
    ("UNet2DConditionModel", SDXL | UP, "diffusion-model", "sdxl", ""),
    ("UNet2DConditionModel", SDXL | UP | KOLORS, "diffusion-model", "kolors", ""),
    ("AutoencoderKL", {}, "vae", "", ""),
    ("AutoencoderKLWan", {}, "vae", "wan", ""),
    ("AutoencoderKLQwenImage", {}, "vae", "wan", ""),
    ("AutoencoderDC", {}, "vae", "sana", ""),
    ("AutoencoderKLFlux2", {}, "vae", "flux2", ""),
    ("AutoencoderTiny", {}, "vae", "", "tiny"),
    ("AutoencoderKLLTXVideo", {}, "vae", "ltx", ""),
    ("AutoencoderKLHunyuanVideo", {}, "vae", "hunyuan-video", ""),
    ("AsymmetricAutoencoderKL", {}, "vae", "stable_diffusion", "asymmetric"),
    ("ControlNetModel", {"cross_attention_dim": 768}, "controlnet", "stable_diffusion", ""),
    ("ControlNetModel", SDXL, "controlnet", "sdxl", ""),
    ("ControlNetXSAdapter", {"cross_attention_dim": 1024}, "controlnet", "sd2", "xs"),
    ("FluxControlNetModel", PAIR, "controlnet", "flux", ""),
    ("QwenImageControlNetModel", ONE, "controlnet", "qwen-image", ""),
    ("SD3ControlNetModel", ONE, "controlnet", "sd3", ""),
    ("SanaControlNetModel", ONE, "controlnet", "sana", ""),
    ("MotionAdapter", {}, "motion-module", "stable_diffusion", ""),
    ("T2IAdapter", {}, "controlnet", "stable_diffusion", "t2i-adapter"),
    ("ReduxImageEncoder", {}, "ip-adapter", "flux", "redux"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options", "kind", "family", "variant"), MODELS)
def test_what_diffusers_saves(name, options, kind, family, variant):
    with torch.device("meta"), no_init_weights():
        model = getattr(diffusers, name)(**options)
    shapes = {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}
    text, size = header_json(shapes)
    told = identify(parse_header(text, 8 + len(text) + size))
    assert (told.kind, told.family, told.variant) == (kind, family, variant)
