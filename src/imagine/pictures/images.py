"""Pictures: decode and check untrusted ones, encode ours with their recipe."""

from __future__ import annotations

import base64
import binascii
import io
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

from PIL import Image, ImageCms

from ..messages import message
from ..words.errors import BadPicture
from . import containers, metadata
from .exif import orientation

MediaType = Literal["image/png", "image/jpeg", "image/webp"]
MAX_SIDE = 4096
MAX_BYTES = 64 * 2**20
"""A file that holds 4096² incompressible RGB pixels fits."""
MAX_PROFILE = 2**20
MAX_SCANS = 64
"""Each scan of a progressive JPEG goes over every pixel and may take only bytes to say; real ones have about ten."""

_ALPHABET = bytes.maketrans(b"-_", b"+/")
"""What URLs and file names have in place of two letters of base64 (RFC 4648, section 5)."""

_ADDRESS = re.compile(r"\s*[a-z][a-z0-9+.-]*://", re.IGNORECASE)

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode(data: bytes, *, field: str, max_side: int = MAX_SIDE) -> Image.Image:
    """The first frame of an untrusted PNG, JPEG or WebP, told by content: upright, sRGB, RGB or (with alpha) RGBA.

    16-bit pictures keep their high bytes. Nothing else of the file (text, EXIF, profile) stays with the picture.
    Raises BadPicture on `field`, before decoding where the file is of another format, too long or too large.
    """
    with opened(data, field, lambda size: check_size(size, field, max_side)) as (image, turn):
        image.load()
        upright = as_plain(image)
        return upright if turn is None else upright.transpose(turn)


@contextmanager
def opened(
    data: bytes, field: str, check: Callable[[tuple[int, int]], None]
) -> Iterator[tuple[Image.Image, Image.Transpose | None]]:
    """An untrusted picture that isn't decoded yet, and what turns it upright.

    Raises BadPicture on `field`, also for what its decoder says of it within the block; `check` does for its size.
    """
    layout = outline(data, field)
    check((layout.width, layout.height))
    damaged = message("picture.damaged", field, kind={"webp": "WebP"}.get(layout.kind, layout.kind.upper()))
    if not layout.ended:
        raise BadPicture(damaged)
    if layout.kind == "jpeg" and data.count(b"\xff\xda") > MAX_SCANS:
        raise BadPicture(message("picture.scans", field, most=MAX_SCANS))
    try:
        with Image.open(io.BytesIO(layout.pixels), formats=[layout.kind]) as image:
            check(image.size)
            yield image, _TURNS.get(orientation(layout.exif))
    except (BadPicture, MemoryError):
        raise
    except Exception as error:  # a broken file makes Pillow raise nearly anything
        raise BadPicture(damaged) from error


def outline(data: bytes, field: str) -> containers.Outline:
    """What a file of one of the three formats tells before it is decoded. Raises BadPicture on `field`."""
    if containers.sniff(data) is None:
        raise BadPicture(message("picture.format", field))
    if len(data) > MAX_BYTES:
        raise BadPicture(message("picture.too_many_bytes", field, size=len(data), most=MAX_BYTES))
    try:
        layout = containers.outline(data)
    except containers.Fragmented as error:
        raise BadPicture(message("picture.fragmented", field, most=containers.MAX_PARTS)) from error
    assert layout is not None, "it begins as one of the three"
    return layout


def is_address(text: str) -> bool:
    """Does a text say where a picture is, in place of it?"""
    return _ADDRESS.match(text[:100]) is not None


def decode_base64(text: str, *, field: str) -> bytes:
    """The bytes of a picture sent as base64, in either alphabet, with its padding or without, or as a data URL.

    White space is allowed anywhere. Raises BadPicture on `field`; whether the bytes are a picture is for `decode` to
    say, whatever type a data URL gives them.
    """
    if text[:100].lstrip()[:5].lower() == "data:":
        header, _, text = text.partition(",")
        if not header.rstrip().lower().endswith(";base64"):
            raise BadPicture(message("picture.data_url", field))
    elif is_address(text):
        raise BadPicture(message("picture.address", field))
    if len(text) > MAX_BYTES * 3 // 2:
        raise BadPicture(message("picture.text_too_long", field, most=MAX_BYTES))
    try:
        plain = text.encode("ascii").translate(_ALPHABET, b" \t\r\n\v\f")
        if len(plain) % 4 or plain.endswith(b"==="):  # else it is as it should be, and need not be copied
            plain = plain.rstrip(b"=")
            plain += b"=" * (-len(plain) % 4)
        data = base64.b64decode(plain, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadPicture(message("picture.not_base64", field)) from error
    if not data:
        raise BadPicture(message("picture.empty", field))
    return data


def encode(
    picture: Image.Image, media_type: MediaType = "image/png", *, quality: int = 90, meta: dict[str, Any] | None = None
) -> bytes:
    """`picture` as a file that carries `meta`, its recipe; `quality` (1…100) is that of JPEG and WebP.

    The same pixels and an equal `meta` make the same bytes: nothing of the clock, nor of what else `picture` holds.
    JPEG has no alpha, and leaves out what of `meta` doesn't fit into its 64 kB blocks; PNG and WebP carry it all.
    """
    plain = picture.convert("RGB") if media_type == "image/jpeg" else picture.copy()
    plain.info.clear()
    file = io.BytesIO()
    if media_type == "image/png":
        # Behind PNG's filters what repeats lies side by side: run lengths alone take 16 ms for a photo of 512², zlib's
        # default search 29 ms for the same 595 KiB; for drawings with flat areas 33 ms against 131, and 3 % smaller.
        plain.save(file, "PNG", compress_type=zlib.Z_RLE, pnginfo=metadata.png_text(meta))
    elif media_type == "image/jpeg":
        # colours at full resolution from 90 up: red edges on blue fray without it
        subsampling = 0 if quality >= 90 else 2
        plain.save(file, "JPEG", quality=quality, subsampling=subsampling, **metadata.blocks(meta, limit=True))
    else:
        # method 2 takes a quarter of the default's time for less than 1 % of the size
        plain.save(file, "WEBP", quality=quality, method=2, **metadata.blocks(meta))
    return file.getvalue()


def check_size(size: tuple[int, int], field: str, max_side: int) -> None:
    """Raises BadPicture on `field` for no pixels, and for a side that is too long."""
    if not all(size):
        raise BadPicture(message("picture.no_size", field))
    if max(size) > max_side:
        raise BadPicture(message("picture.too_large", field, width=size[0], height=size[1], most=max_side))


def as_plain(image: Image.Image) -> Image.Image:
    """A loaded `image` as RGB or RGBA in sRGB, and nothing else."""
    alpha = "A" in image.getbands() or "transparency" in image.info
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I"):
        image = image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    plain = image.convert("RGBA" if alpha else "RGB")
    plain.info.clear()
    return _to_srgb(plain, profile) if profile and len(profile) <= MAX_PROFILE else plain


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """`image` with its RGB profile applied: phones take photos in Display P3, which looks dull when read as sRGB.

    Other colour models, and profiles that can't be read, are left as they are.
    """
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != "RGB" or "sRGB" in ImageCms.getProfileDescription(source):
            return image
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=image.mode)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    assert converted is not None
    converted.info.clear()
    return converted
