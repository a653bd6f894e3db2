"""A model as people have it: a file, one with a sidecar, in pieces, with an odd name, or a diffusers folder."""

import json

from tests.registry import declared

FOLDER = {
    "_class_name": "StableDiffusionPipeline", "requires_safety_checker": False, "safety_checker": [None, None],
    "feature_extractor": ["transformers", "CLIPImageProcessor"], "scheduler": ["diffusers", "PNDMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"],
}  # fmt: skip
_CONFIGS = {
    "unet": {"in_channels": 4, "sample_size": 64, "cross_attention_dim": 768}, "vae": {"latent_channels": 4},
    "text_encoder": {},
}  # fmt: skip
SHAPES = ["file", "sidecar", "pieces", "odd", "folder"]


def a_folder(path):
    """A diffusers folder, by its headers."""
    for component, config in _CONFIGS.items():
        name = "model" if component == "text_encoder" else "diffusion_pytorch_model"
        declared.write(path / component / f"{name}.safetensors", {"a": (100,)}, metadata={"of": component})
        (path / component / "config.json").write_text(json.dumps(config))
    (path / "scheduler").mkdir()
    (path / "scheduler/scheduler_config.json").write_text('{"prediction_type": "epsilon"}')
    (path / "model_index.json").write_text(json.dumps(FOLDER))
    return path


def add_shaped(root, shape):
    """Writes a model of that shape into `root`, and what it is called there."""
    if shape == "folder":
        return a_folder(root / "fox").name
    if shape == "odd":
        return declared.write(root / "fox (1), v[2].safetensors", declared.tiny()).stem
    if shape == "pieces":
        names = [*declared.tiny().items()]
        for number, part in enumerate((names[:2], names[2:]), 1):
            declared.write(root / f"fox-0000{number}-of-00002.safetensors", dict(part))
        return "fox"
    declared.write(root / "fox.safetensors", declared.tiny())
    if shape == "sidecar":
        (root / "fox.yaml").write_text("negative: red\n")
    return "fox"
