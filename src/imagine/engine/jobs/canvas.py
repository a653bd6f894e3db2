"""Input pictures on their way to the denoiser, and its picture on the way back to the asked size.

A request names a size; the model denoises near its own pixel budget, on sides that are multiples of what it can take.
`Canvas` holds both, and the source, mask and extension at each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageChops
from torch import Tensor

from ...messages import Message, message
from ...pictures.crops import flattened
from ...pictures.masks import HALF, Mask, has_holes, read_mask
from ...words.recipe import Extend, Fit, Resize
from .filling import filled
from .joined_edges import resized_around
from .placement import LANCZOS, Placement, edge_padded, placement
from .placement import PixelSize as PixelSize

PartBox = tuple[int, int, int, int]
"""Left, top, right and bottom of a part of a picture, in pixels."""
SLACK = 1.35
"""Up to so many times its pixel budget a checkpoint still does well."""
FEATHER = 1 / 64
"""Of the shorter side: over so many pixels inside the mask the painted fades into the source."""
_PAINTED = [0] * HALF + [255] * HALF
"""What of a mask's values counts as to be painted, where it isn't soft."""


@dataclass(frozen=True)
class Surroundings:
    """What a canvas is only a part of: the whole picture, where in it that is, and the whole one's mask there."""

    picture: Image.Image
    box: PartBox
    mask: Image.Image
    soft: bool

    def around(self, painted: Image.Image) -> Image.Image:
        """The whole picture with its part painted, where the mask is; elsewhere not one value is another."""
        part = self.picture.crop(self.box)
        painted = painted if painted.size == part.size else painted.resize(part.size, LANCZOS)
        whole = self.picture.copy()
        shown = feathered(self.mask, 1 if self.soft else HALF)
        whole.paste(Image.composite(painted, part, shown), self.box)
        return whole


@dataclass(frozen=True)
class Canvas:
    """A picture to make, `width` × `height` as asked.

    It is denoised in the upper left `inner` (width, height) of `work`, which is `inner` padded to what the model takes.
    `source` is RGB at the asked size; `mask` is L at the asked size, 255 where to paint, and where it is `soft`, less
    where to paint less. `notes` say what of the two pictures may not have been meant.
    """

    width: int
    height: int
    inner: PixelSize
    work: PixelSize
    source: Image.Image | None = None
    mask: Image.Image | None = None
    soft: bool = False
    notes: tuple[Message, ...] = ()
    whole: Surroundings | None = None
    """What comes out, where this is only a part of it."""
    wraps: bool = False
    """The picture's edges meet: nothing is added between them, so `inner` is `work`."""

    @property
    def size(self) -> PixelSize:
        return (self.width, self.height)

    def source_pixels(self) -> Tensor:
        """The source as it is denoised, (1, 3, H, W) in −1…1."""
        assert self.source is not None
        return pixels_from_picture(self.laid_out(self.source))

    def masked_pixels(self) -> Tensor:
        """The source with gray where to paint, as inpainting checkpoints are trained, (1, 3, H, W) in −1…1."""
        return self.source_pixels() * (self.mask_pixels() < 0.5)

    def filled_pixels(self) -> Tensor:
        """The source `filled`, as it is denoised, (1, 3, H, W) in −1…1."""
        return pixels_from_picture(self.laid_out(self.filled()))

    def filled(self) -> Image.Image:
        """The source with the colours around the mask in its place, if there is one."""
        assert self.source is not None
        if self.mask is None:
            return self.source
        return filled(self.source, self.mask if self.soft else self.mask.point(_PAINTED))

    def mask_pixels(self) -> Tensor:
        """The mask at the denoised size, (1, 1, H, W): 1 where any of it is to be painted, else 0; if soft, between."""
        assert self.mask is not None
        laid_out = self.laid_out(self.mask if self.soft else self.mask.point(_PAINTED), Image.Resampling.BOX)
        values = torch.from_numpy(np.array(laid_out, np.float32))[None, None]
        return values / 255 if self.soft else (values > 0).float()

    def mask_latents(self, downscale: int) -> Tensor:
        """The mask per latent, (1, 1, h, w): 1 where any pixel is to be painted, of a soft one the most of any."""
        return torch.nn.functional.max_pool2d(self.mask_pixels(), downscale)

    def laid_out(self, picture: Image.Image, resample: Image.Resampling = LANCZOS) -> Image.Image:
        """A picture of the asked size at the denoised one: scaled to `inner`, its edges going on to `work`."""
        scaled = picture if picture.size == self.inner else self._resized(picture, self.inner, resample)
        return edge_padded(scaled, 0, 0, self.work[0] - self.inner[0], self.work[1] - self.inner[1])

    def finish(self, picture: Image.Image) -> Image.Image:
        """The denoised picture at the asked size, with the source's own pixels wherever the mask is not."""
        picture = picture.crop((0, 0, *self.inner))
        if picture.size != self.size:
            picture = self._resized(picture, self.size)
        return self.over_source(picture) if self.whole is None else self.whole.around(picture)

    def over_source(self, picture: Image.Image) -> Image.Image:
        """A picture of the asked size where the mask is, the source's own pixels elsewhere."""
        if self.mask is None or self.source is None:
            return picture
        return Image.composite(picture, self.source, feathered(self.mask, 1 if self.soft else HALF))

    def enlarged_sizes(self, scale: float, multiple: int) -> tuple[PixelSize, PixelSize]:
        """The sizes `scale` times as large: as it is asked for, and as it is denoised."""
        size = (round(self.width * scale), round(self.height * scale))
        return size, (rounded_up(size[0], multiple), rounded_up(size[1], multiple))

    def enlarged(self, scale: float, multiple: int) -> Canvas:
        """The same picture `scale` times as large, for a second pass denoised at full size."""
        size, work = self.enlarged_sizes(scale, multiple)
        source = self._resized(self.source, size) if self.source else None
        mask = self._resized(self.mask, size, Image.Resampling.BILINEAR) if self.mask else None
        return Canvas(*size, work if self.wraps else size, work, source, mask, self.soft, wraps=self.wraps)

    def _resized(self, picture: Image.Image, size: PixelSize, resample: Image.Resampling = LANCZOS) -> Image.Image:
        return resized_around(picture, size, resample) if self.wraps else picture.resize(size, resample)


def plan(
    width: int, height: int, *, fit: Fit, native: int, multiple: int, source: Image.Image | None = None,
    mask: Image.Image | None = None, resize: Resize = "crop", extend: Extend | None = None, padding: int | None = None,
    wraps: bool = False,
) -> Canvas:  # fmt: skip
    """The canvas of a request. With `extend`, `width` × `height` is the source's size before it grows; with `padding`,
    it is what is around the mask alone, as `part_around`. Where it `wraps`, the picture's edges meet."""
    soft, notes, whole = False, list[Message](), None
    if source is not None and mask is not None and padding is not None:
        whole = part_around(source, read := read_mask(mask), (width, height), padding)
        notes = notes_on(placement(source.size, source.size, "stretch"), source, read, read.values)
    if whole is not None:
        source, soft = whole.picture.crop(whole.box).resize((width, height), LANCZOS), whole.soft
        mask = whole.mask.resize((width, height), Image.Resampling.BILINEAR)
    elif source is not None:
        placed = placement(source.size, (width, height), resize)
        parsed = read_mask(mask) if mask is not None else None
        mask = placed.lay(parsed.values) if parsed is not None else None
        soft = parsed is not None and parsed.soft
        notes = notes_on(placed, source, parsed, mask)
        source = placed.lay(flattened(source))
        if extend is not None:
            source, mask = extended(source, mask, extend)
            width, height = source.size
    inner = denoised_size(width, height, native=native, near_native=fit == "scale" or source is not None)
    work = (rounded_up(inner[0], multiple), rounded_up(inner[1], multiple))
    inner = work if wraps else inner
    return Canvas(width, height, inner, work, source, mask, soft, tuple(notes), whole, wraps)


def part_around(source: Image.Image, mask: Mask, size: PixelSize, padding: int) -> Surroundings | None:
    """What of a source is around its mask, so many pixels more at each side, in the shape of `size` as far as the
    source reaches; None where the mask paints nothing. The shape as AUTOMATIC1111 has it:
    https://github.com/AUTOMATIC1111/stable-diffusion-webui/blob/v1.10.1/modules/masking.py, `expand_crop_region`.
    """
    values = (
        mask.values if mask.values.size == source.size else mask.values.resize(source.size, Image.Resampling.BILINEAR)
    )
    painted = values.point(lambda value: 255 * (value >= (1 if mask.soft else HALF))).getbbox()
    if painted is None:
        return None
    left, right = _grown(painted[0], painted[2], padding, source.width)
    top, bottom = _grown(painted[1], painted[3], padding, source.height)
    across, down = right - left, bottom - top
    if across * size[1] < down * size[0]:
        left, right = _widened(left, right, round(down * size[0] / size[1]), source.width)
    else:
        top, bottom = _widened(top, bottom, round(across * size[1] / size[0]), source.height)
    box = (left, top, right, bottom)
    return Surroundings(flattened(source), box, values.crop(box), mask.soft)


def _grown(first: int, last: int, padding: int, most: int) -> tuple[int, int]:
    return max(0, first - padding), min(most, last + padding)


def _widened(first: int, last: int, length: int, most: int) -> tuple[int, int]:
    """At least so long, about the same middle, moved where an edge is in the way; never beyond either."""
    length = min(max(length, last - first), most)
    first = min(max(0, first - (length - (last - first)) // 2), most - length)
    return first, first + length


def denoised_size(width: int, height: int, *, native: int, near_native: bool) -> PixelSize:
    """The size to denoise at: as asked, or (`near_native`) of the same shape and about native² pixels."""
    area, budget = width * height, native * native
    if not near_native or budget / SLACK**2 <= area <= budget * SLACK:
        return width, height
    scale = math.sqrt(budget / area)
    return max(1, round(width * scale)), max(1, round(height * scale))


def rounded_up(side: int, multiple: int) -> int:
    """The least multiple that is not smaller."""
    return -(-side // multiple) * multiple


def notes_on(placed: Placement, source: Image.Image, parsed: Mask | None, mask: Image.Image | None) -> list[Message]:
    """What whoever sent a source and its mask may not have meant; `mask` is what was `parsed`, as it is placed."""
    notes = list(parsed.notes) if parsed is not None else []
    if parsed is not None and mask is not None:
        least = 1 if parsed.soft else HALF
        if not any(parsed.values.histogram()[least:]):
            notes.append(message("mask.empty", "mask"))
        elif not any(mask.histogram()[least:]):
            notes.append(message("mask.cut", "mask"))
    if has_holes(source):
        holes = placed.lay(source.getchannel("A")).point(lambda value: 255 * (value < HALF))
        kept = mask.point(lambda value: 255 * (value < HALF)) if mask is not None else holes
        if ImageChops.multiply(holes, kept).getbbox():
            notes.append(message("img.transparent", "img"))
    return notes


def extended(source: Image.Image, mask: Image.Image | None, extend: Extend) -> tuple[Image.Image, Image.Image]:
    """Source and mask grown by `extend`: the new margins hold the source's edges, and are to be painted."""
    margins = (extend.left, extend.top, extend.right, extend.bottom)
    grown = edge_padded(source, *margins)
    paint = Image.new("L", grown.size, 255)
    whole = (extend.left, extend.top, extend.left + source.width, extend.top + source.height)
    paint.paste(mask if mask is not None else 0, whole)
    return grown, paint


def feathered(mask: Image.Image, least: int = HALF) -> Image.Image:
    """How much of the painted picture shows: 0 outside the mask, which is below `least`, rising from its edge to 255.

    A part of the mask that is narrower than the feather shows fully where it is widest.
    """
    inside = np.asarray(mask) >= least
    if inside.all():
        return Image.new("L", mask.size, 255)
    from scipy import ndimage  # takes a tenth of a second, and only masks need it

    reach = max(1, round(min(mask.size) * FEATHER))
    depth = ndimage.distance_transform_cdt(inside, metric="chessboard")
    parts, count = ndimage.label(inside, structure=np.ones((3, 3)))
    deepest = np.concatenate([[1], ndimage.maximum(depth, parts, np.arange(1, count + 1))])
    shown = depth / np.minimum(deepest, reach)[parts]
    return Image.fromarray((shown.clip(0, 1) * 255).round().astype(np.uint8))


def pixels_from_picture(picture: Image.Image) -> Tensor:
    """(1, 3, H, W) in −1…1, float32."""
    values = torch.from_numpy(np.asarray(picture.convert("RGB"), np.float32))
    return (values / 127.5 - 1).permute(2, 0, 1)[None].contiguous()


def picture_from_pixels(pixels: Tensor) -> Image.Image:
    """The picture of (1, 3, H, W) in −1…1."""
    values = pixels[0].clamp(-1, 1).add(1).mul(127.5).round().byte().permute(1, 2, 0).contiguous()
    return Image.fromarray(values.numpy())
