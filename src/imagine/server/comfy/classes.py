"""The kinds of nodes that are understood, declared once: checks, `/object_info` and the documentation follow.

Names, inputs and outputs are the protocol's, as ComfyUI's own server tells them at `/object_info`. An input that has no
effect here says which values say nothing; any other of it is named in the warnings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from ...words.recipe import MAX_SEED

Listed = Literal[
    "checkpoints", "diffusion_models", "unet_gguf", "vae", "text_encoders", "loras", "controlnet", "upscale_models",
    "samplers", "schedulers", "input",
]  # fmt: skip
"""Choices that depend on what is here."""
NodeCategory = Literal["loaders", "conditioning", "latent", "sampling", "image", "mask", "advanced"]
MAX_SIDE = 16384
"""Pixels, as that program bounds them; ours are narrower, and say so."""
_ENCODERS = (
    "stable_diffusion", "stable_cascade", "sd3", "stable_audio", "mochi", "ltxv", "pixart", "cosmos", "lumina2", "wan",
    "hidream", "chroma", "ace", "omnigen2", "qwen_image", "hunyuan_image", "flux2", "ovis", "sdxl", "flux",
    "hunyuan_video",
)  # fmt: skip
_METHODS = ("nearest-exact", "bilinear", "area", "bicubic", "bislerp", "lanczos")
_IMAGE_METHODS = ("nearest-exact", "bilinear", "area", "bicubic", "lanczos")
_CROPS = ("disabled", "center")
_UNIONS = ("auto", "openpose", "depth", "hed/pidi/scribble/ted", "canny/lineart/anime_lineart/mlsd", "normal",
           "segment", "tile", "repaint")  # fmt: skip


class Slot(NamedTuple):
    """An input: a value of a kind, or a link to an output of that type."""

    name: str
    kind: str
    """INT, FLOAT, STRING, BOOLEAN, COMBO, or the type of what is linked to it."""
    default: object = None
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] | Listed = ()
    required: bool = True
    idle: tuple[object, ...] | None = None
    """It has no effect, and needn't be told of where it is one of these; None: it has."""

    @property
    def is_value(self) -> bool:
        """Is it said, rather than linked?"""
        return self.kind in _VALUES


class NodeKind(NamedTuple):
    """One class of nodes."""

    name: str
    title: str
    category: NodeCategory
    inputs: tuple[Slot, ...]
    outputs: tuple[str, ...]
    shows: bool = False
    """Does it give a picture to who asked?"""

    def slot(self, name: str) -> Slot | None:
        """The input of that name."""
        return next((slot for slot in self.inputs if slot.name == name), None)


_VALUES = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")


def _link(name: str, kind: str, *, required: bool = True) -> Slot:
    return Slot(name, kind, required=required)


def _int(name: str, default: int, least: int, most: int, idle: tuple[object, ...] | None = None) -> Slot:
    return Slot(name, "INT", default, least, most, idle=idle)


def _float(name: str, default: float, least: float, most: float, idle: tuple[object, ...] | None = None) -> Slot:
    return Slot(name, "FLOAT", default, least, most, idle=idle)


def _text(name: str, default: str = "") -> Slot:
    return Slot(name, "STRING", default)


def _yes(name: str, default: bool, idle: tuple[object, ...] | None = None) -> Slot:
    return Slot(name, "BOOLEAN", default, idle=idle)


def _one_of(
    name: str, choices: tuple[str, ...] | Listed, idle: tuple[object, ...] | None = None, *, required: bool = True
) -> Slot:
    default = None if isinstance(choices, str) or not choices else choices[0]
    return Slot(name, "COMBO", default, choices=choices, idle=idle, required=required)


def _side(name: str, default: int, least: int = 16) -> Slot:
    return _int(name, default, least, MAX_SIDE)


_MODEL, _CLIP, _VAE = _link("model", "MODEL"), _link("clip", "CLIP"), _link("vae", "VAE")
_POSITIVE, _NEGATIVE = _link("positive", "CONDITIONING"), _link("negative", "CONDITIONING")
_IMAGE, _PIXELS, _MASK = _link("image", "IMAGE"), _link("pixels", "IMAGE"), _link("mask", "MASK")
_SAMPLES, _LATENT = _link("samples", "LATENT"), _link("latent_image", "LATENT")
_SEED = _int("seed", 0, 0, MAX_SEED)
_NOISE_SEED = _SEED._replace(name="noise_seed")
_STEPS, _CFG, _DENOISE = _int("steps", 20, 1, 10000), _float("cfg", 8.0, 0.0, 100.0), _float("denoise", 1.0, 0.0, 1.0)
_SAMPLER, _SCHEDULER = _one_of("sampler_name", "samplers"), _one_of("scheduler", "schedulers")
_BATCH = _int("batch_size", 1, 1, 4096)
_DTYPE = _one_of("weight_dtype", ("default", "fp8_e4m3fn", "fp8_e4m3fn_fast", "fp8_e5m2"), ("default",))
_DEVICE = _one_of("device", ("default", "cpu"), ("default", "cpu"), required=False)
_PREFIX = _text("filename_prefix", "ComfyUI")
_EMPTY_SIZE = (_side("width", 512), _side("height", 512), _BATCH)
_STRENGTH = _float("strength", 1.0, 0.0, 10.0)
_CONTROL = _link("control_net", "CONTROL_NET")
_ANY: tuple[object, ...] = ("*",)
"""Of no effect whatever it says, and not worth telling."""
ANYTHING = _ANY[0]

_KINDS = (
    NodeKind("CheckpointLoaderSimple", "Load Checkpoint", "loaders", (_one_of("ckpt_name", "checkpoints"),),
             ("MODEL", "CLIP", "VAE")),
    NodeKind("UNETLoader", "Load Diffusion Model", "loaders", (_one_of("unet_name", "diffusion_models"), _DTYPE),
             ("MODEL",)),
    NodeKind("UnetLoaderGGUF", "Unet Loader (GGUF)", "loaders", (_one_of("unet_name", "unet_gguf"),), ("MODEL",)),
    NodeKind("CLIPLoader", "Load CLIP", "loaders",
             (_one_of("clip_name", "text_encoders"), _one_of("type", _ENCODERS, _ANY), _DEVICE), ("CLIP",)),
    NodeKind("DualCLIPLoader", "DualCLIPLoader", "loaders",
             (_one_of("clip_name1", "text_encoders"), _one_of("clip_name2", "text_encoders"),
              _one_of("type", _ENCODERS, _ANY), _DEVICE), ("CLIP",)),
    NodeKind("TripleCLIPLoader", "TripleCLIPLoader", "loaders",
             tuple(_one_of(f"clip_name{n}", "text_encoders") for n in (1, 2, 3)), ("CLIP",)),
    NodeKind("VAELoader", "Load VAE", "loaders", (_one_of("vae_name", "vae"),), ("VAE",)),
    NodeKind("LoraLoader", "Load LoRA", "loaders",
             (_MODEL, _CLIP, _one_of("lora_name", "loras"), _float("strength_model", 1.0, -100.0, 100.0),
              _float("strength_clip", 1.0, -100.0, 100.0)), ("MODEL", "CLIP")),
    NodeKind("LoraLoaderModelOnly", "LoraLoaderModelOnly", "loaders",
             (_MODEL, _one_of("lora_name", "loras"), _float("strength_model", 1.0, -100.0, 100.0)), ("MODEL",)),
    NodeKind("ControlNetLoader", "Load ControlNet Model", "loaders", (_one_of("control_net_name", "controlnet"),),
             ("CONTROL_NET",)),
    NodeKind("UpscaleModelLoader", "Load Upscale Model", "loaders", (_one_of("model_name", "upscale_models"),),
             ("UPSCALE_MODEL",)),
    NodeKind("CLIPTextEncode", "CLIP Text Encode (Prompt)", "conditioning", (_text("text"), _CLIP), ("CONDITIONING",)),
    NodeKind("CLIPTextEncodeSDXL", "CLIPTextEncodeSDXL", "conditioning",
             (_CLIP, *(_int(name, default, 0, MAX_SIDE, _ANY) for name, default in (
                 ("width", 1024), ("height", 1024), ("crop_w", 0), ("crop_h", 0), ("target_width", 1024),
                 ("target_height", 1024))), _text("text_g"), _text("text_l")), ("CONDITIONING",)),
    NodeKind("CLIPTextEncodeSDXLRefiner", "CLIPTextEncodeSDXLRefiner", "conditioning",
             (_float("ascore", 6.0, 0.0, 1000.0, _ANY), _int("width", 1024, 0, MAX_SIDE, _ANY),
              _int("height", 1024, 0, MAX_SIDE, _ANY), _text("text"), _CLIP), ("CONDITIONING",)),
    NodeKind("CLIPTextEncodeFlux", "CLIPTextEncodeFlux", "conditioning",
             (_CLIP, _text("clip_l"), _text("t5xxl"), _float("guidance", 3.5, 0.0, 100.0)), ("CONDITIONING",)),
    NodeKind("CLIPTextEncodeSD3", "CLIPTextEncodeSD3", "conditioning",
             (_CLIP, _text("clip_l"), _text("clip_g"), _text("t5xxl"),
              _one_of("empty_padding", ("none", "empty_prompt"), _ANY)), ("CONDITIONING",)),
    NodeKind("CLIPSetLastLayer", "CLIP Set Last Layer", "conditioning",
             (_CLIP, _int("stop_at_clip_layer", -1, -24, -1)), ("CLIP",)),
    NodeKind("FluxGuidance", "FluxGuidance", "conditioning",
             (_link("conditioning", "CONDITIONING"), _float("guidance", 3.5, 0.0, 100.0)), ("CONDITIONING",)),
    NodeKind("ConditioningZeroOut", "ConditioningZeroOut", "conditioning", (_link("conditioning", "CONDITIONING"),),
             ("CONDITIONING",)),
    NodeKind("ControlNetApply", "Apply ControlNet (OLD)", "conditioning",
             (_link("conditioning", "CONDITIONING"), _CONTROL, _IMAGE, _STRENGTH), ("CONDITIONING",)),
    NodeKind("ControlNetApplyAdvanced", "Apply ControlNet", "conditioning",
             (_POSITIVE, _NEGATIVE, _CONTROL, _IMAGE, _STRENGTH, _float("start_percent", 0.0, 0.0, 1.0),
              _float("end_percent", 1.0, 0.0, 1.0), _link("vae", "VAE", required=False)),
             ("CONDITIONING", "CONDITIONING")),
    NodeKind("SetUnionControlNetType", "SetUnionControlNetType", "conditioning", (_CONTROL, _one_of("type", _UNIONS)),
             ("CONTROL_NET",)),
    NodeKind("InpaintModelConditioning", "InpaintModelConditioning", "conditioning",
             (_POSITIVE, _NEGATIVE, _VAE, _PIXELS, _MASK, _yes("noise_mask", default=True, idle=(True,))),
             ("CONDITIONING", "CONDITIONING", "LATENT")),
    NodeKind("EmptyLatentImage", "Empty Latent Image", "latent", _EMPTY_SIZE, ("LATENT",)),
    NodeKind("EmptySD3LatentImage", "EmptySD3LatentImage", "latent", _EMPTY_SIZE, ("LATENT",)),
    NodeKind("VAEEncode", "VAE Encode", "latent", (_PIXELS, _VAE), ("LATENT",)),
    NodeKind("VAEEncodeForInpaint", "VAE Encode (for Inpainting)", "latent",
             (_PIXELS, _VAE, _MASK, _int("grow_mask_by", 6, 0, 64, (0,))), ("LATENT",)),
    NodeKind("SetLatentNoiseMask", "Set Latent Noise Mask", "latent", (_SAMPLES, _MASK), ("LATENT",)),
    NodeKind("LatentUpscale", "Upscale Latent", "latent",
             (_SAMPLES, _one_of("upscale_method", _METHODS, _ANY), _side("width", 512, 0), _side("height", 512, 0),
              _one_of("crop", _CROPS, _ANY)), ("LATENT",)),
    NodeKind("LatentUpscaleBy", "Upscale Latent By", "latent",
             (_SAMPLES, _one_of("upscale_method", _METHODS, _ANY), _float("scale_by", 1.5, 0.01, 8.0)), ("LATENT",)),
    NodeKind("VAEDecode", "VAE Decode", "latent", (_SAMPLES, _VAE), ("IMAGE",)),
    NodeKind("VAEDecodeTiled", "VAE Decode (Tiled)", "latent",
             (_SAMPLES, _VAE, *(_int(name, default, 0, 4096, _ANY)._replace(required=False) for name, default in (
                 ("tile_size", 512), ("overlap", 64), ("temporal_size", 64), ("temporal_overlap", 8)))), ("IMAGE",)),
    NodeKind("KSampler", "KSampler", "sampling",
             (_MODEL, _SEED, _STEPS, _CFG, _SAMPLER, _SCHEDULER, _POSITIVE, _NEGATIVE, _LATENT, _DENOISE),
             ("LATENT",)),
    NodeKind("KSamplerAdvanced", "KSampler (Advanced)", "sampling",
             (_MODEL, _one_of("add_noise", ("enable", "disable")), _NOISE_SEED, _STEPS, _CFG, _SAMPLER, _SCHEDULER,
              _POSITIVE, _NEGATIVE, _LATENT, _int("start_at_step", 0, 0, 10000), _int("end_at_step", 10000, 0, 10000),
              _one_of("return_with_leftover_noise", ("disable", "enable"))), ("LATENT",)),
    NodeKind("SamplerCustomAdvanced", "SamplerCustomAdvanced", "sampling",
             (_link("noise", "NOISE"), _link("guider", "GUIDER"), _link("sampler", "SAMPLER"),
              _link("sigmas", "SIGMAS"), _LATENT), ("LATENT", "LATENT")),
    NodeKind("RandomNoise", "RandomNoise", "sampling", (_NOISE_SEED,), ("NOISE",)),
    NodeKind("KSamplerSelect", "KSamplerSelect", "sampling", (_SAMPLER,), ("SAMPLER",)),
    NodeKind("BasicScheduler", "BasicScheduler", "sampling", (_MODEL, _SCHEDULER, _STEPS, _DENOISE), ("SIGMAS",)),
    NodeKind("BasicGuider", "BasicGuider", "sampling", (_MODEL, _link("conditioning", "CONDITIONING")), ("GUIDER",)),
    NodeKind("CFGGuider", "CFGGuider", "sampling", (_MODEL, _POSITIVE, _NEGATIVE, _CFG), ("GUIDER",)),
    NodeKind("ModelSamplingFlux", "ModelSamplingFlux", "advanced",
             (_MODEL, _float("max_shift", 1.15, 0.0, 100.0, (1.15,)), _float("base_shift", 0.5, 0.0, 100.0, (0.5,)),
              _int("width", 1024, 16, MAX_SIDE, _ANY), _int("height", 1024, 16, MAX_SIDE, _ANY)), ("MODEL",)),
    NodeKind("ModelSamplingSD3", "ModelSamplingSD3", "advanced", (_MODEL, _float("shift", 3.0, 0.0, 100.0, (3.0,))),
             ("MODEL",)),
    NodeKind("ModelSamplingAuraFlow", "ModelSamplingAuraFlow", "advanced",
             (_MODEL, _float("shift", 1.73, 0.0, 100.0, (1.73,))), ("MODEL",)),
    NodeKind("LoadImage", "Load Image", "image", (_one_of("image", "input"),), ("IMAGE", "MASK")),
    NodeKind("LoadImageMask", "Load Image (as Mask)", "mask",
             (_one_of("image", "input"), _one_of("channel", ("alpha", "red", "green", "blue"))), ("MASK",)),
    NodeKind("ImageScale", "Upscale Image", "image",
             (_IMAGE, _one_of("upscale_method", _IMAGE_METHODS), _side("width", 512, 0), _side("height", 512, 0),
              _one_of("crop", _CROPS)), ("IMAGE",)),
    NodeKind("ImageScaleBy", "Upscale Image By", "image",
             (_IMAGE, _one_of("upscale_method", _IMAGE_METHODS), _float("scale_by", 1.0, 0.01, 8.0)), ("IMAGE",)),
    NodeKind("ImageUpscaleWithModel", "Upscale Image (using Model)", "image",
             (_link("upscale_model", "UPSCALE_MODEL"), _IMAGE), ("IMAGE",)),
    NodeKind("SaveImage", "Save Image", "image", (_link("images", "IMAGE"), _PREFIX), (), shows=True),
    NodeKind("PreviewImage", "Preview Image", "image", (_link("images", "IMAGE"),), (), shows=True),
    NodeKind("SaveImageWebsocket", "SaveImageWebsocket", "image", (_link("images", "IMAGE"),), (), shows=True),
)  # fmt: skip
KINDS: Mapping[str, NodeKind] = {kind.name: kind for kind in _KINDS}
"""By their names."""
