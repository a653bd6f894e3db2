"""What a worker takes of main memory for an image adapter of SD1's and its encoder, of published shapes: before it is
used, while it is there, and once its model was let go.

    python -m bench.beside MODEL [--side 128]

MODEL is of SD1.5's shape. The adapter (IP-Adapter Plus: 98 MB) and its encoder (ViT-H: 1.26 GB) are written in half
precision with random weights. A server's worker on the CPU is looked at from outside, once freed memory went back: what
it has of its own, and of files. Prints Markdown, and exits 1 where using them added more than 1.05 of what they are, or
half of that was left once the model was unloaded.
"""

from __future__ import annotations

import argparse
import base64
import io
import os
import tempfile
import time
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from bench.arms import PROMPT
from bench.budgets import ROOT
from bench.memory import REST, Held, draw, unload
from bench.trees import until_ready
from tools.same_pictures.tree import Server, Tree

LIMIT = 1.05
_QUERIES, _CONTEXT, _SEEN = 16, 768, 1280
_CROSS = (320, 320, 640, 640, 1280, 1280, 1280, 1280, 1280, 640, 640, 640, 320, 320, 320, 1280)
"""Columns of the keys of SD1's layers that attend to text: going down, going up, and in the middle."""


def adapter() -> dict[str, tuple[int, ...]]:
    """The shapes of `ip-adapter-plus_sd15`, by their names there."""
    wide, inner = 4 * _CONTEXT, _CONTEXT
    shapes: dict[str, tuple[int, ...]] = {
        "latents": (1, _QUERIES, inner), "proj_in.weight": (inner, _SEEN), "proj_in.bias": (inner,),
        "proj_out.weight": (_CONTEXT, inner), "proj_out.bias": (_CONTEXT,), "norm_out.weight": (_CONTEXT,),
        "norm_out.bias": (_CONTEXT,),
    }  # fmt: skip
    for layer in range(4):
        norms = [
            f"layers.{layer}.{norm}.{kind}" for norm in ("0.norm1", "0.norm2", "1.0") for kind in ("weight", "bias")
        ]
        shapes |= dict.fromkeys(norms, (inner,))
        shapes |= {
            f"layers.{layer}.0.to_q.weight": (inner, inner), f"layers.{layer}.0.to_kv.weight": (2 * inner, inner),
            f"layers.{layer}.0.to_out.weight": (inner, inner), f"layers.{layer}.1.1.weight": (wide, inner),
            f"layers.{layer}.1.3.weight": (inner, wide),
        }  # fmt: skip
    made = {f"image_proj.{name}": shape for name, shape in shapes.items()}
    for number, columns in enumerate(_CROSS):
        made |= {f"ip_adapter.{2 * number + 1}.to_{which}_ip.weight": (columns, _CONTEXT) for which in "kv"}
    return made


def encoder() -> dict[str, tuple[int, ...]]:
    """The shapes of the image encoder that goes with it, under transformers' names."""
    config = CLIPVisionConfig(
        hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=16, projection_dim=1024,
        hidden_act="gelu", image_size=224, patch_size=14,
    )  # fmt: skip
    with torch.device("meta"):
        return {name: tuple(each.shape) for name, each in CLIPVisionModelWithProjection(config).named_parameters()}


def write(path: Path, shapes: dict[str, tuple[int, ...]]) -> int:
    """A file of random numbers in half precision; says its bytes."""
    generator = torch.Generator().manual_seed(1)
    save_file({name: torch.randn(shape, generator=generator).mul_(0.02).half() for name, shape in shapes.items()}, path)
    return path.stat().st_size


def held(server: Server) -> Held:
    time.sleep(REST)
    (worker,) = [each for each in server.daemon.workers if "imagine.worker" in each.cmdline()]
    return Held.by(worker.pid)


def moments(server: Server, model: str, side: int) -> dict[str, Held]:
    asked = {"prompt": PROMPT, "model": model, "num_steps": 2, "seed": 1, "width": side, "height": side}
    photo = io.BytesIO()
    Image.effect_noise((320, 240), 80).convert("RGB").save(photo, "PNG")
    seen = asked | {"references": [{"img": base64.b64encode(photo.getvalue()).decode()}]}
    found = {"idle": held(server)}
    for words, body in (("the model drew", asked), ("with a reference", seen), ("with it again", seen | {"seed": 2})):
        draw(server, body)
        found[words] = held(server)
        print(words, found[words], flush=True)
    unload(server, model)
    return found | {"unloaded": held(server)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--side", type=int, default=128)
    options = parser.parse_args()
    os.environ.pop("OMP_WAIT_POLICY", None)  # nobody's server has it
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / "models"
        models.mkdir()
        (models / options.model.name).symlink_to(options.model.resolve())
        size = write(models / "ip-adapter-plus_sd15.safetensors", adapter())
        size += write(models / "image_encoder.safetensors", encoder())
        with Tree(ROOT).server(Path(folder) / "home", "-m", str(models)) as server:
            until_ready(server)
            found = moments(server, options.model.stem, options.side)
    print(
        f"\nThe adapter and its encoder are {size / 1e6:.0f} MB. MB.\n\n| then | anonymous | of files |\n|---|---|---|"
    )
    print("\n".join(f"| {words} | {each.anon:.0f} | {each.file:.0f} |" for words, each in found.items()))
    added = 1e6 * (found["with it again"].anon - found["the model drew"].anon)
    left = 1e6 * (found["unloaded"].anon - found["idle"].anon)
    print(f"\nUsing them added {added / size:.2f} of what they are; {left / 1e6:.0f} MB are left.")
    if added > LIMIT * size or left > size / 2:
        raise SystemExit("it takes more than its file, or doesn't give it back")


if __name__ == "__main__":
    main()
