"""Files that go beside a model, told by their headers, and a server that is asked for them."""

import base64
import io
import json

from PIL import Image

from tests.registry import declared
from tests.server.served import ask

_HINT, _FIRST = "control_model.input_hint_block.0.weight", "control_model.input_blocks.1.1.transformer_blocks.0"
_KEY = "ip_adapter.1.to_k_ip.weight"


def png(colour=(200, 30, 30), size=(128, 96)):
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def add(folder, name, shapes, **said):
    return declared.write(folder / "models" / f"{name}.safetensors", shapes, metadata={"about": name}, **said)


def add_unclip(folder, name="bird"):
    """A diffusers folder of a model that is shown pictures."""
    path, weighted = folder / "models" / name, ("unet", "vae", "text_encoder", "image_encoder", "image_normalizer")
    index = {part: ["diffusers", "AutoencoderKL"] for part in (*weighted, "image_noising_scheduler", "scheduler")}
    said = {"unet": {"in_channels": 4, "sample_size": 64}, "vae": {"latent_channels": 4}}
    for part in weighted:
        declared.write(path / part / "model.safetensors", {name: (10,)})
        (path / part / "config.json").write_text(json.dumps(said.get(part, {})))
    (path / "model_index.json").write_text(json.dumps(index | {"_class_name": "StableUnCLIPImg2ImgPipeline"}))
    return path


def add_kontext(folder, name="swan"):
    """A diffusers folder of a model that sees pictures beside the one that it draws."""
    return add_transformer(folder, name, "FluxKontextPipeline", in_channels=64, guidance_embeds=True)


def add_transformer(folder, name, pipeline, **config):
    """A diffusers folder of a pipeline whose transformer is configured so."""
    path, weighted = folder / "models" / name, ("transformer", "vae", "text_encoder", "text_encoder_2")
    said = {"transformer": config, "vae": {"latent_channels": 16}}
    for part in weighted:
        declared.write(path / part / "model.safetensors", {name: (10,)})
        (path / part / "config.json").write_text(json.dumps(said.get(part, {})))
    index = {part: ["diffusers", "AutoencoderKL"] for part in (*weighted, "scheduler")}
    (path / "model_index.json").write_text(json.dumps(index | {"_class_name": pipeline}))
    return path


def controlnet(context=768):
    return {_HINT: (16, 3, 3, 3), f"{_FIRST}.attn2.to_k.weight": (320, context)}


def sd3_controlnet(width, *more):
    """Of Stable Diffusion 3's kind, `more` tensors tell which."""
    return {
        "controlnet_blocks.0.weight": (width, width), "pos_embed_input.proj.weight": (width, 16, 2, 2),
        **dict.fromkeys(more, (64,)),
    }  # fmt: skip


def union(context=768):
    return {
        "task_embedding": (6, 320), "transformer_layes.0.attn.in_proj_weight": (960, 320),
        "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight": (320, context),
    }  # fmt: skip


def flux_control(variant=""):
    first = {
        "": {"controlnet_x_embedder.weight": (3072, 64)},
        "union": {"controlnet_x_embedder.weight": (3072, 64), "controlnet_mode_embedder.weight": (10, 3072)},
        "xlabs": {
            "input_hint_block.0.weight": (16, 3, 3, 3), "double_blocks.0.img_attn.norm.key_norm.scale": (128,),
        },
    }  # fmt: skip
    return first[variant] | {"controlnet_blocks.0.weight": (3072, 3072)}


def flux_adapter(variant):
    first = {
        "redux": {"redux_up.weight": (12288, 1152), "redux_down.weight": (4096, 12288)},
        "xlabs": {
            "ip_adapter_proj_model.proj.weight": (16384, 768),
            "double_blocks.0.processor.ip_adapter_double_stream_k_proj.weight": (3072, 4096),
        },
    }  # fmt: skip
    return first[variant]


def timed_adapter():
    return {
        "image_proj.latents": (1, 64, 1280), "image_proj.proj_in.weight": (1280, 1152),
        "image_proj.time_embedding.linear_1.weight": (1280, 320), "ip_adapter.1.to_k_ip.weight": (2432, 2432),
    }  # fmt: skip


def siglip(within=1152):
    return {
        "vision_model.embeddings.patch_embedding.weight": (within, 3, 14, 14),
        "vision_model.embeddings.patch_embedding.bias": (within,),
    }  # fmt: skip


def image_adapter(variant="", context=768, width=1024):
    first = {
        "": {"image_proj.proj.weight": (4 * context, width)},
        "plus": {"image_proj.latents": (1, 16, context), "image_proj.proj_in.weight": (context, width)},
        "faceid": {
            "image_proj.proj.0.weight": (1024, 512), "image_proj.norm.weight": (context,),
            "ip_adapter.0.to_q_lora.down.weight": (128, 320),
        },
    }  # fmt: skip
    return first[variant] | {_KEY: (320, context)}


def image_encoder(within=1280, projected=1024):
    patches = {
        "vision_model.embeddings.patch_embedding.weight": (within, 3, 14, 14),
        "vision_model.pre_layrnorm.weight": (within,),
    }
    return patches | {"visual_projection.weight": (projected, within)}


def asked(home, *bodies, path="/generate", **said):
    """Of each body the job that the worker was given and the warnings, or the refusal."""

    async def act(client):
        answers = []
        for body in bodies:
            before = len(client.worker.seen)
            async with client.post(path, data=json.dumps({"prompt": "a fox"} | body)) as answer:
                told = await answer.json()
            if answer.status != 200:
                assert len(client.worker.seen) == before, "refused before the queue"
                answers.append((answer.status, told["error"]))
            else:
                answers.append((client.worker.seen[-1], told.get("warnings")))
        return answers

    return ask(home, act, **said)
