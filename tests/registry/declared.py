"""Model files as their headers declare them: real names and shapes of known networks, over data that is one hole.

`Shapes` maps names to shapes. The U-Net, VAE and text encoders are drawn in full, so that their published parameter
counts check them; other networks by the tensors that mark them.
"""

import json
import math

from imagine.registry.header import BITS

Shapes = dict[str, tuple[int, ...]]


def header_json(shapes, dtype="F16", metadata=None, dtypes=None):
    """The JSON that declares `shapes` end to end, and the size of the data."""
    header, offset = {}, 0
    if metadata is not None:
        header["__metadata__"] = metadata
    for name, shape in shapes.items():
        stored = (dtypes or {}).get(name, dtype)
        size = math.prod(shape) * BITS[stored] // 8
        header[name] = {"dtype": stored, "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    return json.dumps(header).encode(), offset


def write_raw(path, text, data_size=0, length=None):
    """`text` as a header, with a `length` that may lie, and `data_size` bytes of nothing after it."""
    with path.open("wb") as file:
        file.write((len(text) if length is None else length).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + data_size)
    return path


def write(path, shapes, **options):
    """A safetensors file of `shapes`, its data a hole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_raw(path, *header_json(shapes, **options))


def under(prefix, shapes):
    return {prefix + name: shape for name, shape in shapes.items()}


def weighted(name, *shape, bias=True):
    return {f"{name}.weight": shape} | ({f"{name}.bias": (shape[0],)} if bias else {})


def _conv(name, taken, made, side=3):
    return weighted(name, made, taken, side, side)


def _resnet(name, taken, made, embedding):
    shapes = weighted(f"{name}.in_layers.0", taken) | _conv(f"{name}.in_layers.2", taken, made)
    shapes |= weighted(f"{name}.emb_layers.1", made, embedding) | weighted(f"{name}.out_layers.0", made)
    shapes |= _conv(f"{name}.out_layers.3", made, made)
    return shapes | (_conv(f"{name}.skip_connection", taken, made, 1) if taken != made else {})


def _attention(name, width, context, depth, linear):
    side = () if linear else (1, 1)
    shapes = weighted(f"{name}.norm", width) | weighted(f"{name}.proj_in", width, width, *side)
    for block in range(depth):
        inner = f"{name}.transformer_blocks.{block}"
        for attention, taken in (("attn1", width), ("attn2", context)):
            shapes |= weighted(f"{inner}.{attention}.to_q", width, width, bias=False)
            shapes |= weighted(f"{inner}.{attention}.to_k", width, taken, bias=False)
            shapes |= weighted(f"{inner}.{attention}.to_v", width, taken, bias=False)
            shapes |= weighted(f"{inner}.{attention}.to_out.0", width, width)
        shapes |= weighted(f"{inner}.ff.net.0.proj", 8 * width, width) | weighted(f"{inner}.ff.net.2", width, 4 * width)
        for norm in ("norm1", "norm2", "norm3"):
            shapes |= weighted(f"{inner}.{norm}", width)
    return shapes | weighted(f"{name}.proj_out", width, width, *side)


def unet(width=320, factors=(1, 2, 4, 4), depths=(1, 1, 1, 0), middle=1, context=768, linear=False, label=0, taken=4):
    """A U-Net under the original code's names: `depths` are the transformer blocks at each level, 0 for none."""
    embedding = 4 * width
    shapes = weighted("time_embed.0", embedding, width) | weighted("time_embed.2", embedding, embedding)
    if label:
        shapes |= weighted("label_emb.0.0", embedding, label) | weighted("label_emb.0.2", embedding, embedding)
    shapes |= _conv("input_blocks.0.0", taken, width)
    channels, skips, block = width, [width], 1
    for level, (factor, depth) in enumerate(zip(factors, depths, strict=True)):
        for _ in range(2):
            shapes |= _resnet(f"input_blocks.{block}.0", channels, factor * width, embedding)
            channels = factor * width
            if depth:
                shapes |= _attention(f"input_blocks.{block}.1", channels, context, depth, linear)
            skips.append(channels)
            block += 1
        if level < len(factors) - 1:
            shapes |= _conv(f"input_blocks.{block}.0.op", channels, channels)
            skips.append(channels)
            block += 1
    shapes |= _resnet("middle_block.0", channels, channels, embedding)
    shapes |= _attention("middle_block.1", channels, context, middle, linear)
    shapes |= _resnet("middle_block.2", channels, channels, embedding)
    block = 0
    for level in reversed(range(len(factors))):
        for row in range(3):
            shapes |= _resnet(f"output_blocks.{block}.0", channels + skips.pop(), factors[level] * width, embedding)
            channels = factors[level] * width
            if depths[level]:
                shapes |= _attention(f"output_blocks.{block}.1", channels, context, depths[level], linear)
            if level and row == 2:
                shapes |= _conv(f"output_blocks.{block}.{2 if depths[level] else 1}.conv", channels, channels)
            block += 1
    return shapes | weighted("out.0", width) | _conv("out.2", width, 4)


SDXL_UNET = {"factors": (1, 2, 4), "depths": (0, 2, 10), "middle": 10, "context": 2048, "linear": True, "label": 2816}
REFINER_UNET = {"width": 384, "depths": (0, 4, 4, 0), "middle": 4, "context": 1280, "linear": True, "label": 2560}


def _vae_resnet(name, taken, made):
    shapes = weighted(f"{name}.norm1", taken) | _conv(f"{name}.conv1", taken, made)
    shapes |= weighted(f"{name}.norm2", made) | _conv(f"{name}.conv2", made, made)
    return shapes | (_conv(f"{name}.nin_shortcut", taken, made, 1) if taken != made else {})


def _vae_middle(name, width):
    shapes = _vae_resnet(f"{name}.block_1", width, width) | _vae_resnet(f"{name}.block_2", width, width)
    shapes |= weighted(f"{name}.attn_1.norm", width)
    for part in ("q", "k", "v", "proj_out"):
        shapes |= _conv(f"{name}.attn_1.{part}", width, width, 1)
    return shapes


def vae(latents=4, width=128, quant=True):
    """The autoencoder of SD1, SD2 and SDXL under the original code's names; Flux's and SD3's has no `quant`."""
    factors = (1, 2, 4, 4)
    top = width * factors[-1]
    shapes = _conv("encoder.conv_in", 3, width) | _conv("decoder.conv_in", latents, top)
    channels = width
    for level, factor in enumerate(factors):
        for block in range(2):
            shapes |= _vae_resnet(f"encoder.down.{level}.block.{block}", channels, factor * width)
            channels = factor * width
        if level < len(factors) - 1:
            shapes |= _conv(f"encoder.down.{level}.downsample.conv", channels, channels)
    shapes |= _vae_middle("encoder.mid", top) | _vae_middle("decoder.mid", top)
    shapes |= weighted("encoder.norm_out", top) | _conv("encoder.conv_out", top, 2 * latents)
    for level in reversed(range(len(factors))):
        for block in range(3):
            shapes |= _vae_resnet(f"decoder.up.{level}.block.{block}", channels, factors[level] * width)
            channels = factors[level] * width
        if level:
            shapes |= _conv(f"decoder.up.{level}.upsample.conv", channels, channels)
    shapes |= weighted("decoder.norm_out", width) | _conv("decoder.conv_out", width, 3)
    if quant:
        shapes |= _conv("quant_conv", 2 * latents, 2 * latents, 1) | _conv("post_quant_conv", latents, latents, 1)
    return shapes


def clip_text(width=768, layers=12):
    """A CLIP text encoder under transformers' names."""
    shapes = {"embeddings.token_embedding.weight": (49408, width), "embeddings.position_embedding.weight": (77, width)}
    for layer in range(layers):
        inner = f"encoder.layers.{layer}"
        for part in ("k_proj", "v_proj", "q_proj", "out_proj"):
            shapes |= weighted(f"{inner}.self_attn.{part}", width, width)
        shapes |= weighted(f"{inner}.layer_norm1", width) | weighted(f"{inner}.layer_norm2", width)
        shapes |= weighted(f"{inner}.mlp.fc1", 4 * width, width) | weighted(f"{inner}.mlp.fc2", width, 4 * width)
    return under("text_model.", shapes | weighted("final_layer_norm", width))


def open_clip(width=1280, layers=32):
    """An OpenCLIP text encoder under its own names."""
    shapes = {
        "positional_embedding": (77, width),
        "token_embedding.weight": (49408, width),
        "text_projection": (width, width),
    }
    for layer in range(layers):
        inner = f"transformer.resblocks.{layer}"
        shapes |= {f"{inner}.attn.in_proj_weight": (3 * width, width), f"{inner}.attn.in_proj_bias": (3 * width,)}
        shapes |= weighted(f"{inner}.attn.out_proj", width, width)
        shapes |= weighted(f"{inner}.ln_1", width) | weighted(f"{inner}.ln_2", width)
        shapes |= weighted(f"{inner}.mlp.c_fc", 4 * width, width) | weighted(f"{inner}.mlp.c_proj", width, 4 * width)
    return shapes | weighted("ln_final", width)


def sd1(**options):
    """A whole SD1 checkpoint, at the widths of `unet`."""
    text = clip_text(options.get("context", 768), 12 if options.get("width", 320) == 320 else 3)
    return (
        under("model.diffusion_model.", unet(**options))
        | under("first_stage_model.", vae(width=128 if options.get("width", 320) == 320 else 32))
        | under("cond_stage_model.transformer.", text)
    )


def sd2(**options):
    return (
        under("model.diffusion_model.", unet(context=1024, linear=True, **options))
        | under("first_stage_model.", vae())
        | under("cond_stage_model.model.", open_clip(1024, 24))
    )


def sdxl(**options):
    return (
        under("model.diffusion_model.", unet(**(SDXL_UNET | options)))
        | under("first_stage_model.", vae())
        | under("conditioner.embedders.0.transformer.", clip_text())
        | under("conditioner.embedders.1.model.", open_clip())
    )


def refiner():
    return (
        under("model.diffusion_model.", unet(**REFINER_UNET))
        | under("first_stage_model.", vae())
        | under("conditioner.embedders.0.model.", open_clip())
    )


def tiny():
    """A checkpoint of SD1's topology, small enough for a folder of a hundred: its few names decide the family."""
    return {
        "model.diffusion_model.input_blocks.0.0.weight": (48, 4, 3, 3),
        "model.diffusion_model.input_blocks.1.1.proj_in.weight": (48, 48, 1, 1),
        "model.diffusion_model.out.2.weight": (4, 48, 3, 3),
        "first_stage_model.decoder.conv_in.weight": (64, 4, 3, 3),
        "cond_stage_model.transformer.text_model.embeddings.position_embedding.weight": (77, 64),
    }


FLUX = {
    "double_blocks.0.img_attn.norm.key_norm.scale": (128,),
    "double_blocks.0.img_attn.qkv.weight": (9216, 3072),
    "single_blocks.0.linear1.weight": (21504, 3072),
    "img_in.weight": (3072, 64),
    "guidance_in.in_layer.weight": (3072, 256),
    "guidance_in.in_layer.bias": (3072,),
}
SD3 = {
    "pos_embed": (1, 36864, 1536),
    "x_embedder.proj.weight": (1536, 16, 2, 2),
    "joint_blocks.0.context_block.adaLN_modulation.1.bias": (9216,),
    "joint_blocks.0.x_block.mlp.fc1.weight": (6144, 1536),
}
SD35_MEDIUM = SD3 | {
    "pos_embed": (1, 147456, 1536),
    "joint_blocks.0.x_block.attn.ln_q.weight": (64,),
    "joint_blocks.0.x_block.attn2.qkv.weight": (4608, 1536),
}
SD35_LARGE = {
    "pos_embed": (1, 36864, 2432),
    "x_embedder.proj.weight": (2432, 16, 2, 2),
    "joint_blocks.0.context_block.adaLN_modulation.1.bias": (14592,),
    "joint_blocks.0.x_block.attn.ln_q.weight": (64,),
    "joint_blocks.37.x_block.mlp.fc1.weight": (9728, 2432),
}


def kohya_lora(context=768):
    """One layer of a LoRA of kohya's spelling."""
    layer = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    return {f"{layer}.lora_down.weight": (8, context), f"{layer}.lora_up.weight": (320, 8), f"{layer}.alpha": ()}
