"""A small EVA-02 with weights drawn at random, as timm names them, and what it is shown."""

import numpy as np
import torch

SIDE, PATCH, WIDTH, HIDDEN, LAYERS, LABELS = 40, 8, 32, 85, 2, 4


def eva_tensors(*, attention_normed):
    """By the same seed the same weights; `attention_normed` as in the large one."""
    draw = np.random.default_rng(7).standard_normal

    def layer(name, made, taken, *, bias=True):
        tensors[f"{name}.weight"] = draw((made, taken)) * taken**-0.5
        if bias:
            tensors[f"{name}.bias"] = draw(made) * 0.3

    def norm(name, width):
        tensors[f"{name}.weight"], tensors[f"{name}.bias"] = 1 + 0.3 * draw(width), 0.3 * draw(width)

    tensors = {"cls_token": draw((1, 1, WIDTH)), "pos_embed": draw((1, 1 + (SIDE // PATCH) ** 2, WIDTH))}
    tensors["patch_embed.proj.weight"] = draw((WIDTH, 3, PATCH, PATCH)) * 0.1
    tensors["patch_embed.proj.bias"] = draw(WIDTH) * 0.3
    for index in range(LAYERS):
        block = f"blocks.{index}"
        for part in ("q_proj", "k_proj", "v_proj", "proj"):
            layer(f"{block}.attn.{part}", WIDTH, WIDTH, bias=part != "k_proj")
        for part, width in (("norm1", WIDTH), ("norm2", WIDTH), ("mlp.norm", HIDDEN)):
            norm(f"{block}.{part}", width)
        for part in ("fc1_g", "fc1_x"):
            layer(f"{block}.mlp.{part}", HIDDEN, WIDTH)
        layer(f"{block}.mlp.fc2", WIDTH, HIDDEN)
        if attention_normed:
            norm(f"{block}.attn.norm", WIDTH)
    norm("fc_norm", WIDTH)
    layer("head", LABELS, WIDTH)
    return {name: torch.from_numpy(np.ascontiguousarray(each, np.float32)) for name, each in tensors.items()}


def eva_picture(seed):
    """RGB of uint8, of the very side that it looks at."""
    return np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
