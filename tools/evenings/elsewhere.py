"""What InvokeAI needs for the same, counted from its documentation and from the names and keys in its own files.

Not from a run. Of several ways the shortest that is documented counts, the model is chosen already, nothing is picked
wrongly, and hovering is free; a right click, and each entry of a menu, is a click. A field that holds a value is
clicked into, selected and written into: three.
"""

from __future__ import annotations

from typing import NamedTuple

VERSION = "6.14.0-alpha, commit 8e71a8a5, 2026-08-19"
SOURCES = {
    "gallery": "docs/src/content/docs/features/gallery.mdx",
    "layers": "docs/src/content/docs/features/Canvas/layers-and-drops.mdx",
    "box": "docs/src/content/docs/features/Canvas/bounding-box.mdx",
    "lasso": "docs/src/content/docs/features/Canvas/lasso-tool.mdx",
    "generation": "docs/src/content/docs/concepts/image-generation.mdx",
    "keys": "invokeai/frontend/web/src/features/system/components/HotkeysModal/useHotkeyData.ts",
    "names": "invokeai/frontend/web/public/locales/en.json",
}
"""Where it stands, in github.com/invoke-ai/InvokeAI."""


class Elsewhere(NamedTuple):
    """One step there: how many acts, which, and where they are documented."""

    acts: int
    how: str
    where: tuple[str, ...]


FAMILY = (
    Elsewhere(5, "upload and file; right click, New Img2Img from Image, Raster Layer", ("gallery", "names")),
    Elsewhere(11, "prompt 2, LoRA 3, denoising strength 3, iterations 3", ("generation", "names")),
    Elsewhere(4, "Ctrl+Enter; Next; Save To Gallery; star", ("keys", "names")),
    Elsewhere(27, "twice: upload and file, New Img2Img 3, prompt 3, then 4 as above; LoRA 3", ("gallery", "names")),
    Elsewhere(
        18,
        "three times: right click, Send To Upscale, Invoke, star; select 3; right click, Download Selection, its link",
        ("gallery", "names"),
    ),
)
PRODUCT = (
    Elsewhere(
        7, "upload and file; right click, New Layer from Image, Control Layer (Resize); model 2", ("layers", "names")
    ),
    Elsewhere(5, "prompt 2, iterations 3", ("generation",)),
    Elsewhere(4, "Ctrl+Enter; Next twice; Accept", ("keys", "names")),
    Elsewhere(
        9,
        "control layer off; L; one lasso, which makes the mask; prompt 3; Ctrl+Enter; Next; Accept",
        ("lasso", "keys"),
    ),
    Elsewhere(7, "C; drag the box's handle; prompt 3; Ctrl+Enter; Accept", ("box", "keys")),
    Elsewhere(
        6, "Save Canvas to Gallery; right click, Send To Upscale, Invoke; right click, Download", ("gallery", "names")
    ),
)
SEEDS = (
    Elsewhere(6, "prompt 2, iterations 3, Ctrl+Enter: forty at once", ("generation", "keys")),
    Elsewhere(10, "five times: click a picture, full stop", ("gallery", "keys")),
    Elsewhere(5, "click one, Alt and click the next three, leave: in pairs, one of them kept", ("keys", "names")),
    Elsewhere(
        14,
        "R; right click, New Img2Img from Image, Raster Layer; strength 3; iterations 3; Ctrl+Enter; Next twice; "
        "Save To Gallery",
        ("gallery", "keys", "names"),
    ),
    Elsewhere(5, "right click, Send To Upscale, Invoke; right click, Download", ("gallery", "names")),
)
STEPS = {"family": FAMILY, "product": PRODUCT, "seeds": SEEDS}
