"""Maps of a picture's brightness."""

from __future__ import annotations

import numpy as np

from .canny import Pixels

_LINEAR_TO, _LINEAR_SLOPE, _OFFSET, _GAMMA = 0.04045, 12.92, 0.055, 2.4
"""sRGB's curve (IEC 61966-2-1)."""
_LUMINANCE = (0.212671, 0.715160, 0.072169)
"""Of red, green and blue for a white of D65 (Rec. 709, as OpenCV has it)."""
_DARK, _DARK_SLOPE = 0.008856, 903.3
"""Up to which luminance CIE L* is a line, and its slope."""


def inverted(pixels: Pixels) -> Pixels:
    """The negative."""
    return 255 - pixels


def bright(pixels: Pixels, threshold: float) -> Pixels:
    """255 where all colours are above `threshold`, else 0; (height, width)."""
    return np.where(pixels.min(axis=2) > threshold, np.uint8(255), np.uint8(0))


def lightness(pixels: Pixels, gamma: float) -> Pixels:
    """CIE's L*, 0…255, as it is perceived; (height, width)."""
    values = np.arange(256) / 255
    curve = np.where(values <= _LINEAR_TO, values / _LINEAR_SLOPE, ((values + _OFFSET) / (1 + _OFFSET)) ** _GAMMA)
    parts = [(weight * curve).astype(np.float32) for weight in _LUMINANCE]
    luminance = sum(part[pixels[..., channel]] for channel, part in enumerate(parts))
    perceived = np.where(luminance > _DARK, 116 * np.cbrt(luminance) - 16, _DARK_SLOPE * luminance) / 100
    levels = np.rint(perceived.clip(0, 1) * 255).astype(np.uint8)
    toned = np.rint((values**gamma) * 255).astype(np.uint8)
    made: Pixels = toned[levels]
    return made
