"""Controls as they are asked for: networks that hold a picture to maps, and the pictures that the maps are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from ..families.table import is_published_width
from ..messages import message
from ..words.entry import Entry
from ..words.errors import BadRequest
from ..words.model import Model
from ..words.preprocessors import Preprocess
from ..words.recipe import Control, Resize
from .names import Digest, ModelName

OWN = "own"
"""What a control's model is called whose map the picture's model sees itself."""
MAX_CONTROLS = 4
"""Of one picture."""
MAX_CONTROL_STRENGTH = 2.0
PICTURE = {"allowed": message("allowed.picture")}

Fraction = Annotated[float, Meta(ge=0, le=1)]
ControlStrength = Annotated[float, Meta(ge=0, le=MAX_CONTROL_STRENGTH)]
UnionType = Annotated[str, Meta(max_length=40, pattern=r"^[a-z0-9_./ -]*$(?!\n)")]

_SD1_MAPS: Mapping[Preprocess, str] = {
    "canny": "11p_sd15_canny", "depth": "11f1p_sd15_depth", "pose": "11p_sd15_openpose", "lineart": "11p_sd15_lineart",
    "scribble": "11p_sd15_scribble", "softedge": "11p_sd15_softedge", "tile": "11f1e_sd15_tile",
    "segmentation": "11p_sd15_seg", "normal": "11p_sd15_normalbae", "inpaint": "11p_sd15_inpaint",
}  # fmt: skip
_SD1_FILES = "comfyanonymous/ControlNet-v1-1_fp16_safetensors"
_FLUX_UNION = "Shakker-Labs/FLUX.1-dev-ControlNet-Union-Pro-2.0"
_FLUX_FILES: Mapping[Preprocess, str] = {
    "canny": _FLUX_UNION, "softedge": _FLUX_UNION, "depth": _FLUX_UNION, "pose": _FLUX_UNION, "grayscale": _FLUX_UNION,
    "inpaint": "alimama-creative/FLUX.1-dev-Controlnet-Inpainting-Beta",
    "tile": "jasperai/Flux.1-dev-Controlnet-Upscaler", "normal": "jasperai/Flux.1-dev-Controlnet-Surface-Normals",
}  # fmt: skip
"""Under FLUX.1 [dev]'s licence, on huggingface.co."""
_SDXL_FILE = "diffusion_pytorch_model.safetensors (xinsir/controlnet-union-sdxl-1.0)"
"""For all kinds of maps. Both are on huggingface.co, under OpenRAIL and Apache-2.0."""
_Z_IMAGE_UNION = "Z-Image-Turbo-Fun-Controlnet-Union-2.1"
_Z_IMAGE_MAPS: frozenset[Preprocess] = frozenset({"canny", "softedge", "depth", "pose", "lineart", "inpaint"})
"""What alibaba-pai's union for Z-Image Turbo is for, on huggingface.co, too, under Apache-2.0."""
_QWEN_UNION = "InstantX/Qwen-Image-ControlNet-Union"
_QWEN_FILES: Mapping[Preprocess, str] = {
    **dict.fromkeys(("canny", "softedge", "depth", "pose"), _QWEN_UNION),
    "inpaint": "InstantX/Qwen-Image-ControlNet-Inpainting",
}
"""On huggingface.co, too, under Apache-2.0."""
_OF_STABILITY = "stabilityai/stable-diffusion-3.5-controlnets"
_PLAIN = "diffusion_pytorch_model.safetensors"
_SD3_FILES: Mapping[tuple[str, str], Mapping[Preprocess, str]] = {
    ("sd3.5", "large"): {
        each: f"sd3.5_large_controlnet_{each}.safetensors ({_OF_STABILITY})" for each in ("blur", "canny", "depth")
    },
    ("sd3.5", "medium"): {
        "canny": f"{_PLAIN} (tensorart/SD3.5M-Controlnet-Canny)",
        "depth": f"{_PLAIN} (tensorart/SD3.5M-Controlnet-Depth)",
    },
    ("sd3", ""): {
        "canny": f"{_PLAIN} (InstantX/SD3-Controlnet-Canny)", "depth": f"{_PLAIN} (InstantX/SD3-Controlnet-Depth)",
        "pose": f"{_PLAIN} (InstantX/SD3-Controlnet-Pose)", "tile": f"{_PLAIN} (InstantX/SD3-Controlnet-Tile)",
        "inpaint": f"{_PLAIN} (alimama-creative/SD3-Controlnet-Inpainting)",
        "softedge": f"{_PLAIN} (alimama-creative/SD3-Controlnet-Softedge)",
    },
}  # fmt: skip
"""By family and variant: on huggingface.co, too; Stability's and what was tuned on its models under its community
licence."""

CONTROL_ALIASES = {
    "weight": "strength",
    "img": "image",
    "input_image": "image",
    "module": "preprocess",
    "guidance_start": "start",
    "guidance_end": "end",
    "resize_mode": "resize",
}
"""AUTOMATIC1111's names of its parts, and the one that references have."""


class ControlWish(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A control that is asked for."""

    model: Annotated[
        ModelName,
        Meta(description="A file, as `others` of /models lists it, or a word of its name; own: the model itself."),
    ]
    image: Annotated[
        str, Meta(description="What to follow: PNG, JPEG or WebP in base64, or as a data URL.", extra=PICTURE)
    ]
    preprocess: Annotated[
        Preprocess | None,
        Meta(description="What makes the map of image; none: it is the map. If not said: what model is for, or none."),
    ] = None
    options: Annotated[
        Annotated[dict[str, float], Meta(max_length=8)] | None,
        Meta(description="Numbers that preprocess is told, as in /preprocess."),
    ] = None
    strength: Annotated[ControlStrength | None, Meta(description="How much of it, 0 to 2; 1 if not said.")] = None
    start: Annotated[Fraction | None, Meta(description="From which part of the steps on, 0 to 1; 0 if not said.")] = (
        None
    )
    end: Annotated[Fraction | None, Meta(description="To which part of the steps, 0 to 1; 1 if not said.")] = None
    resize: Annotated[
        Resize | None,
        Meta(description="How the map comes to another shape: crop (if not said), fit (its edges go on) or stretch."),
    ] = None
    type: Annotated[
        UnionType | None,
        Meta(description="Of a file for several kinds of maps: which this is. If not said: what preprocess makes."),
    ] = None
    digest: Annotated[
        Digest | None, Meta(description="From a picture's recipe: a model that has another name by now is found by it.")
    ] = None
    preprocessor: Annotated[
        Digest | None, Meta(description="From a picture's recipe: the digest of the file that made the map.")
    ] = None


class ChosenControl(NamedTuple):
    """One that is asked for, the file that it is, and how its map is made."""

    wish: ControlWish
    file: Entry | None
    """None: the model's own denoiser sees its map."""
    preprocess: Preprocess = "none"
    type: str = ""
    preprocessor: Model | None = None
    options: Mapping[str, float] = {}

    def recorded(self, image: str) -> Control:
        """As a recipe has it; `image` is the digest of its picture."""
        wish, made_by, file = self.wish, self.preprocessor, self.file
        return Control(
            model=OWN if file is None else file.name, digest="" if file is None else file.digest, image=image,
            preprocess=self.preprocess, type=self.type,
            options=dict(self.options),
            strength=1.0 if wish.strength is None else float(wish.strength), start=float(wish.start or 0),
            end=1.0 if wish.end is None else float(wish.end), resize=wish.resize or "crop",
            preprocessor="" if made_by is None else made_by.digest,
        )  # fmt: skip


def check_span(start: float | None, end: float | None, path: str) -> None:
    """Raises BadRequest for a part of the steps that ends before it begins; `path` is what says both."""
    if (start or 0) > (1 if end is None else end):
        raise BadRequest(message("beside.span", f"{path}.end", end=end or 0, start=start or 0))


def proper_control(model: Entry, meant: Preprocess | None) -> str:
    """The usual file for such maps, "" where none is known here that fits the model."""
    if meant is None or not is_published_width(model.family, model.context):
        return ""
    if model.family == "sdxl":
        return _SDXL_FILE
    if (model.family, model.variant) in _SD3_FILES:
        return _SD3_FILES[model.family, model.variant].get(meant, "")
    if model.family == "z-image" and meant in _Z_IMAGE_MAPS and model.distilled:
        return f"{_Z_IMAGE_UNION}.safetensors (alibaba-pai/{_Z_IMAGE_UNION})"
    files = {"flux": _FLUX_FILES, "qwen-image": _QWEN_FILES}.get(model.family, {})
    if meant in files:
        return f"{_PLAIN} ({files[meant]})"
    if model.family != "stable_diffusion" or meant not in _SD1_MAPS:
        return ""
    return f"control_v{_SD1_MAPS[meant]}_fp16.safetensors ({_SD1_FILES})"
