"""Which of a U-Net's layers attend to a picture, where only its style or only its composition is wanted.

SDXL: of its blocks one each (Wang et al. 2024, "InstantStyle", arXiv:2404.02733, section 3.2). Stable Diffusion 1: the
blocks that ComfyUI_IPAdapter_plus found (https://github.com/cubiq/ComfyUI_IPAdapter_plus, `IPAdapterPlus.py`, weight
types "style transfer" and "composition"), told by how deep they lie, so that they hold for networks of fewer levels.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...words.recipe import BlockWeights

_OF_SDXL = {"style": "up_blocks.0.attentions.1.", "composition": "down_blocks.2.attentions.1."}
_COMPOSED = 0.25
"""What the first of the deepest level's layers have of a composition; the last have all of it."""
_UNSTYLED = 2
"""So many of the first on the deepest level's way up say what is on the picture, and have no style."""


def factors(names: Sequence[str], weights: BlockWeights, *, sdxl: bool) -> list[float]:
    """For each of the layers that attend to words, by their names in the network: what a reference's strength is
    multiplied by there."""
    if weights == "linear":
        return [1.0] * len(names)
    if sdxl:
        return [float(name.startswith(_OF_SDXL[weights])) for name in names]
    down = max((_level(name) for name in names if name.startswith("down_blocks.")), default=-1)
    up = min((_level(name) for name in names if name.startswith("up_blocks.")), default=-1)
    last = max((_place(name) for name in names if name.startswith(f"down_blocks.{down}.")), default=-1)
    return [_factor(name, weights, down=down, up=up, last=last) for name in names]


def _factor(name: str, weights: BlockWeights, *, down: int, up: int, last: int) -> float:
    deepest = name.startswith(f"down_blocks.{down}.")
    if weights == "composition":
        return 0.0 if not deepest else 1.0 if _place(name) == last else _COMPOSED
    unstyled = name.startswith(f"up_blocks.{up}.") and _place(name) < _UNSTYLED
    return float(not (deepest or unstyled or name.startswith("mid_block.")))


def _level(name: str) -> int:
    """`down_blocks.2.attentions.1.…`: 2"""
    return int(name.split(".")[1])


def _place(name: str) -> int:
    """`down_blocks.2.attentions.1.…`: 1"""
    return int(name.split(".")[3])
