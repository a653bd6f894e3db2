"""What is under a mask painted over with the colours around it: those nearby where there are any, else from afar.

Ever less blurred copies of what is kept are laid over each other, by the radii of AUTOMATIC1111's "fill"
(https://github.com/AUTOMATIC1111/stable-diffusion-webui/blob/v1.10.1/modules/masking.py).
"""

from __future__ import annotations

from PIL import Image, ImageChops, ImageFilter

_LAYERS = ((256, 1), (64, 1), (16, 2), (4, 4), (2, 2), (0, 1))
"""Pixels of a blur, and how often it is laid on: of what reaches little into the mask, more is to be seen."""


def filled(picture: Image.Image, mask: Image.Image) -> Image.Image:
    """An RGB picture without what is under the mask (L, 255 where all is painted over); all of it stays where nothing
    would."""
    if mask.getextrema()[0] == 255:
        return picture
    kept = picture.copy()
    kept.putalpha(ImageChops.invert(mask))
    weighed = kept.convert("RGBa")  # colours of what isn't kept are no part of a blur
    made = Image.new("RGBA", picture.size)
    for radius, times in _LAYERS:
        layer = weighed.filter(ImageFilter.GaussianBlur(radius)).convert("RGBA")
        for _ in range(times):
            made.alpha_composite(layer)
    return made.convert("RGB")
