"""What reference pictures cost a forward of a U-Net, and what it takes to see one before the first step.

    python -m bench.references --model FILE [--side 512] [--rounds 3] [--only idle] [--encoder]

Image prompts of random numbers: 4 tokens, as IP-Adapter has, 16, as Plus has, and both; each with a negative side. Arms
go in turn in one process. `--encoder` times a picture through an image encoder of ViT-H's shape, of random weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from PIL import Image

from bench.arms import interleaved, ratio, show
from bench.forwards import accompanied, arguments, execution_of, inputs, network_of, states
from imagine.engine.adapters.attending import attentions
from imagine.engine.adapters.image_prompt import ImagePrompt, Memory
from imagine.engine.parts.clip_vision import ClipVisionConfig, ClipVisionModel
from imagine.engine.parts.image_encoder import ImageEncoder
from imagine.engine.parts.slices import whole

VIT_H = ClipVisionConfig(
    hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=16, projection_dim=1024,
    hidden_act="gelu",
)  # fmt: skip


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--encoder", action="store_true")
    wanted = parser.parse_args()
    network = network_of(wanted)
    execution, asked = execution_of(network), inputs(network, 2, wanted.side // 8)
    arms: dict[str, Callable[[], object]] = {"a plain forward": accompanied(network, execution, asked)}
    for name, counts in (("4 tokens", (4,)), ("16 tokens", (16,)), ("both", (4, 16))):
        arms[name] = accompanied(network, execution, asked, [image_prompt(network, counts)])
    if wanted.encoder:
        arms["a picture seen by ViT-H"] = seen(next(network.parameters()).dtype)
    for state in states(wanted):
        seconds = interleaved(arms, wanted.rounds, wanted.warm)
        plain, *others = arms
        print(f"{state}: " + ", ".join(f"{name} {ratio(seconds, name, plain):.3f} ×" for name in others))
        show(seconds)


def image_prompt(network: Any, counts: Sequence[int]) -> ImagePrompt:
    dtype = next(network.parameters()).dtype
    layers = []
    for name, layer in attentions(network):
        if name.endswith("attn2"):
            columns = layer.to_k.out_features // layer.heads
            shapes = [(2, layer.heads, count, columns) for count in counts]
            memories = [Memory(torch.randn(s, dtype=dtype), torch.randn(s, dtype=dtype), 0.6) for s in shapes]
            layers.append((layer, memories))
    return ImagePrompt(layers, sided=True)


def seen(dtype: torch.dtype) -> Callable[[], object]:
    model = ClipVisionModel(VIT_H).to(dtype).eval()
    model.requires_grad_(requires_grad=False)
    picture = Image.effect_noise((640, 480), 80).convert("RGB")
    # One of its own for each: what was seen before is remembered.
    return lambda: whole(ImageEncoder(model).see(picture, "pad"))


if __name__ == "__main__":
    main()
