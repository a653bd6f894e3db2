"""A prompt of Chroma's heard and seen with all of the padding that its family may have, and with what it is filled up
to, in one process.

python -m bench.padding --model models.example/toybox-flow.safetensors [--side 128] [--rounds 5]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from bench.arms import PROMPT, interleaved, model_at, ratio, show
from imagine.engine.device.device import Device
from imagine.engine.families.family import EncodeRequest
from imagine.engine.families.open import open_model
from imagine.engine.families.seen_text_model import SeenTextModel, filled
from imagine.engine.parts.rows import Rows
from imagine.families.table import facts_of
from imagine.words.frames import WorkerSettings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    wanted = parser.parse_args()
    family = open_model(model_at(wanted.model), Device(WorkerSettings(device="cpu")), lambda _: None, {})
    assert isinstance(family, SeenTextModel)
    short = _heard(family, wanted.side)
    longest = facts_of("chroma").length_of("")
    tokens = {"filled up": int(short["seen"].shape[1]), "padded": longest}
    arms: dict[str, Callable[[], object]] = {
        name: partial(_seen, family, filled(short, count), wanted.side) for name, count in tokens.items()
    }
    seconds = interleaved(arms, wanted.rounds)
    print(f"{wanted.model.stem}, {wanted.side}², a step of {tokens}: {ratio(seconds, 'filled up', 'padded'):.3f} ×")
    show(seconds, 1000, "ms")


def _heard(family: SeenTextModel, side: int) -> Rows:
    return family.encode(EncodeRequest(PROMPT, None, 1, 1.0, (side, side))).positive


@torch.inference_mode()
def _seen(family: SeenTextModel, rows: Rows, side: int) -> Tensor:
    latents = torch.zeros(1, 16, side // 8, side // 8)
    return family.denoise(latents, torch.full((1,), 500.0), rows)


if __name__ == "__main__":
    main()
