"""What is published for the families beside their denoisers: text encoders and VAEs, and under which terms all of it.

Names, sizes and licences are those of the repositories on Hugging Face's Hub that are named.
"""

from __future__ import annotations

from .facts import Licence, PublicFile

_ENCODERS = "comfyanonymous/flux_text_encoders"
_SD35 = "stabilityai/stable-diffusion-3.5-large"
_FLUX2 = "Comfy-Org/flux2-dev"
_LUMINA2 = "Comfy-Org/Lumina_Image_2.0_Repackaged"
_QWEN = "Comfy-Org/Qwen-Image_ComfyUI"
_SANA = "Efficient-Large-Model/Sana_1600M_1024px_BF16_diffusers"

CLIP_L = (PublicFile("clip_l.safetensors", 246_144_152, _ENCODERS),)
CLIP_G = (PublicFile("clip_g.safetensors", 1_389_382_176, "Comfy-Org/stable-diffusion-3.5-fp8"),)
T5_XXL = (
    PublicFile("t5xxl_fp16.safetensors", 9_787_841_024, _ENCODERS),
    PublicFile("t5xxl_fp8_e4m3fn.safetensors", 4_893_934_904, _ENCODERS),
)
QWEN3_4B = (PublicFile("qwen_3_4b.safetensors", 8_040_000_000, "Comfy-Org/z_image_turbo"),)
Z_IMAGE = {
    "": PublicFile("z_image_bf16.safetensors", 12_310_000_000, "Comfy-Org/z_image"),
    "turbo": PublicFile("z_image_turbo_bf16.safetensors", 12_310_000_000, "Comfy-Org/z_image_turbo"),
}
QWEN3_8B = (PublicFile("qwen_3_8b.safetensors", 16_380_000_000, "Comfy-Org/vae-text-encorder-for-flux-klein-9b"),)
MISTRAL3 = (
    PublicFile("mistral_3_small_flux2_bf16.safetensors", 34_700_000_000, _FLUX2),
    PublicFile("mistral_3_small_flux2_fp8.safetensors", 18_000_000_000, _FLUX2),
)  # fmt: skip
"""Of Mistral Small 3.2 the thirty layers that are asked."""
QWEN_IMAGE = {"": PublicFile("qwen_image_bf16.safetensors", 40_860_802_176, _QWEN)}
"""The bytes of its tensors."""
QWEN25_VL_7B = (
    PublicFile("qwen_2.5_vl_7b.safetensors", 16_600_000_000, _QWEN),
    PublicFile("qwen_2.5_vl_7b_fp8_scaled.safetensors", 9_380_000_000, _QWEN),
)

SD_VAE = (
    PublicFile("vae-ft-mse-840000-ema-pruned.safetensors", 334_641_190, "stabilityai/sd-vae-ft-mse-original"),
)  # fmt: skip
SDXL_VAE = (PublicFile("sdxl_vae.safetensors", 334_641_164, "stabilityai/sdxl-vae"),)
SD3_VAE = (PublicFile("vae/diffusion_pytorch_model.safetensors", 167_666_902, _SD35),)
FLUX_VAE = (PublicFile("ae.safetensors", 335_304_388, "black-forest-labs/FLUX.1-schnell"),)
FLUX2_VAE = (PublicFile("flux2-vae.safetensors", 336_184_460, _FLUX2),)
QWEN_IMAGE_VAE = (PublicFile("qwen_image_vae.safetensors", 254_000_000, _QWEN),)

_SD3 = "stabilityai/stable-diffusion-3-medium"
_DEV = 23_802_932_552
"""What was tuned on FLUX.1 [dev] has its tensors."""
FLUX = {
    "": PublicFile("flux1-dev.safetensors", _DEV, "black-forest-labs/FLUX.1-dev"),
    "krea": PublicFile("flux1-krea-dev.safetensors", _DEV, "black-forest-labs/FLUX.1-Krea-dev"),
    "kontext": PublicFile("flux1-kontext-dev.safetensors", _DEV, "black-forest-labs/FLUX.1-Kontext-dev"),
    "schnell": PublicFile("flux1-schnell.safetensors", 23_782_506_688, "black-forest-labs/FLUX.1-schnell"),
    "fill": PublicFile("flux1-fill-dev.safetensors", 23_804_922_408, "black-forest-labs/FLUX.1-Fill-dev"),
}
_KLEIN_4B, _KLEIN_9B = 7_751_089_152, 18_157_162_496
"""The bytes of their tensors, base and distilled alike."""
FLUX2 = {
    "dev": PublicFile("flux2-dev.safetensors", 64_446_562_304, "black-forest-labs/FLUX.2-dev"),
    "klein-4b": PublicFile("flux-2-klein-4b.safetensors", _KLEIN_4B, "black-forest-labs/FLUX.2-klein-4B"),
    "klein-9b": PublicFile("flux-2-klein-9b.safetensors", _KLEIN_9B, "black-forest-labs/FLUX.2-klein-9B"),
    "klein-9b-kv": PublicFile("flux-2-klein-9b-kv.safetensors", _KLEIN_9B, "black-forest-labs/FLUX.2-klein-9b-kv"),
    "klein-base-4b": PublicFile(
        "flux-2-klein-base-4b.safetensors", _KLEIN_4B, "black-forest-labs/FLUX.2-klein-base-4B"
    ),
    "klein-base-9b": PublicFile(
        "flux-2-klein-base-9b.safetensors", _KLEIN_9B, "black-forest-labs/FLUX.2-klein-base-9B"
    ),
}
CHROMA = {"": PublicFile("Chroma1-HD.safetensors", 17_800_038_288, "lodestones/Chroma1-HD")}
LUMINA2 = {"": PublicFile("lumina_2_model_bf16.safetensors", 5_219_538_304, _LUMINA2)}
GEMMA2_2B = (PublicFile("gemma_2_2b_fp16.safetensors", 5_232_924_779, _LUMINA2),)
PIXART = {
    "": PublicFile(
        "transformer/diffusion_pytorch_model.safetensors", 2_443_424_384, "PixArt-alpha/PixArt-Sigma-XL-2-1024-MS"
    )
}
"""The bytes of its tensors."""
SANA = {"": PublicFile("transformer/diffusion_pytorch_model.bf16.safetensors", 3_208_925_504, _SANA)}
SANA_VAE = (PublicFile("vae/diffusion_pytorch_model.bf16.safetensors", 624_500_550, _SANA),)
"""The bytes of their tensors."""
SD3 = {"": PublicFile("sd3_medium.safetensors", 4_337_667_306, _SD3)}
SD35 = {
    "large": PublicFile("sd3.5_large.safetensors", 16_460_379_262, _SD35),
    "medium": PublicFile("sd3.5_medium.safetensors", 5_107_104_310, "stabilityai/stable-diffusion-3.5-medium"),
}

APACHE = Licence("Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0")
FLUX_DEV = Licence(
    "FLUX.1 [dev] Non-Commercial License",
    "https://huggingface.co/black-forest-labs/FLUX.1-dev/blob/main/LICENSE.md",
)
FLUX2_NC = Licence(
    "FLUX Non-Commercial License",
    "https://huggingface.co/black-forest-labs/FLUX.2-klein-9B/blob/main/LICENSE.md",
)
QWEN_IMAGE_21 = Licence("Qwen-Image 2.1's own, non-commercial", "https://huggingface.co/Qwen")
FLUX2_DEV = Licence(
    "FLUX Non-Commercial License",
    "https://huggingface.co/black-forest-labs/FLUX.2-dev/blob/main/LICENSE.txt",
)
NSCL = Licence("NSCL v2-custom (NVIDIA)", f"https://huggingface.co/{_SANA}/blob/main/LICENSE.txt")
OPENRAIL = Licence("CreativeML Open RAIL-M", "https://huggingface.co/spaces/CompVis/stable-diffusion-license")
OPENRAIL_PP = Licence(
    "CreativeML Open RAIL++-M",
    "https://huggingface.co/stabilityai/stable-diffusion-xl-base-1.0/blob/main/LICENSE.md",
)
STABILITY = Licence("Stability AI Community License", f"https://huggingface.co/{_SD35}/blob/main/LICENSE.md")
