"""What is known of each family, one row each: its size, what it predicts, what of it can be drawn with here.

Sides and numbers of steps are those that the models' cards or diffusers' pipelines (0.42, Apache-2.0) name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from ..messages import Message, message

_NOTHING: Mapping[str, Message] = MappingProxyType({})


class FamilyFacts(NamedTuple):
    """One family. `resolution` is the side of the native square in pixels, 0 where it isn't known.

    `single_file` says whether one file of it can be drawn with; `refused` are the variants that then can't, each with
    the clause that says why. `num_steps` and `guidance` are what its diffusers pipeline takes where nobody says them.
    """

    name: str
    resolution: int = 1024
    flow: bool = False
    single_file: bool = False
    refused: Mapping[str, Message] = _NOTHING
    num_steps: int | None = None
    guidance: float | None = None


_PIX2PIX = message("unfit.pix2pix")
_LEFT_OUT = message("unfit.left_out")
_EDM = message("unfit.edm")
_UNET = {
    "instruct-pix2pix": _PIX2PIX,
    "depth": message("unfit.depth"),
    "lcm": message("unfit.lcm"),
    "unclip": message("unfit.unclip"),
    "playground-v2.5": _EDM,
    "cosxl": _EDM,
    "ssd-1b": _LEFT_OUT,
    "vega": _LEFT_OUT,
    "koala-700m": _LEFT_OUT,
}
_ROWS = (
    FamilyFacts("stable_diffusion", 512, single_file=True, refused=_UNET),
    FamilyFacts("sd2", 768, single_file=True, refused=_UNET),
    FamilyFacts("sdxl", single_file=True, refused=_UNET),
    FamilyFacts("sdxl_refiner", single_file=True, refused=_UNET),
    FamilyFacts("sd_x4_upscaler", 512),
    FamilyFacts("sd3", flow=True, num_steps=28, guidance=7.0),
    FamilyFacts("sd3.5", flow=True, num_steps=28, guidance=4.5),
    FamilyFacts("flux", flow=True, num_steps=28, guidance=3.5),
    FamilyFacts("flux2", flow=True, num_steps=50, guidance=4.0),
    FamilyFacts("flux3", flow=True),
    FamilyFacts("chroma", flow=True, num_steps=35, guidance=5.0),
    FamilyFacts("z-image", flow=True, num_steps=50, guidance=5.0),
    FamilyFacts("qwen-image", flow=True, num_steps=50, guidance=4.0),
    FamilyFacts("wan", 480, flow=True, num_steps=50, guidance=5.0),
    FamilyFacts("ltx", 704, flow=True),
    FamilyFacts("ltx2", flow=True),
    FamilyFacts("auraflow", flow=True, num_steps=50, guidance=3.5),
    FamilyFacts("lumina2", flow=True, num_steps=30, guidance=4.0),
    FamilyFacts("hidream", flow=True, num_steps=50, guidance=5.0),
    FamilyFacts("hunyuan-video", flow=True),
    FamilyFacts("hunyuan-image", 2048, flow=True, num_steps=50),
    FamilyFacts("mochi", flow=True),
    FamilyFacts("krea2", flow=True, num_steps=28, guidance=4.5),
    FamilyFacts("sana", flow=True, num_steps=20, guidance=4.5),
    FamilyFacts("kandinsky5", flow=True, num_steps=50, guidance=3.5),
    FamilyFacts("minimax-h3", flow=True),
    FamilyFacts("anima", flow=True),
    FamilyFacts("ernie-image", flow=True, num_steps=50, guidance=4.0),
    FamilyFacts("longcat-image", flow=True, num_steps=50, guidance=4.5),
    FamilyFacts("ovis-image", flow=True, num_steps=50, guidance=5.0),
    FamilyFacts("cogview4", flow=True, num_steps=50, guidance=5.0),
    FamilyFacts("cogview3", num_steps=50, guidance=5.0),
    FamilyFacts("pixart", num_steps=20, guidance=4.5),
    FamilyFacts("kolors", num_steps=50, guidance=5.0),
)
FAMILIES = {row.name: row for row in _ROWS}
UNKNOWN = FamilyFacts("")


def facts_of(family: str) -> FamilyFacts:
    """The family's row; one that says nothing where there is none."""
    return FAMILIES.get(family, UNKNOWN)
