"""The EXIF tags that matter here: which way up a photo is, what took it, and the comment that holds a picture's
parameters.

Read from untrusted bytes, with bounds checked; a block that makes no sense has no tags. EXIF is a TIFF:
https://www.cipa.jp/std/documents/download_e.html?DC-008-Translation-2019-E
"""

from __future__ import annotations

import struct

ORIENTATION, EXIF_FOLDER, USER_COMMENT = 0x0112, 0x8769, 0x9286
_MAKE, _MODEL = 0x010F, 0x0110
_LONGEST_NAME = 60
_LONG, _UNDEFINED = 4, 7
_MAX_ENTRIES = 1000


def with_comment(comment: str) -> bytes:
    """An EXIF block whose UserComment is `comment`, as AUTOMATIC1111 writes it: big-endian UTF-16."""
    value = b"UNICODE\0" + comment.encode("utf-16-be", "replace")
    first = struct.pack(">2sHIHHHIII", b"MM", 42, 8, 1, EXIF_FOLDER, _LONG, 1, 26, 0)
    return first + struct.pack(">HHHIII", 1, USER_COMMENT, _UNDEFINED, len(value), 44, 0) + value


def orientation(exif: bytes) -> int:
    """How the picture is turned, 1 (upright) to 8; 1 where nothing sensible says otherwise."""
    order = _byte_order(exif)
    at = _entry(exif, order, _first_folder(exif, order), ORIENTATION)
    value = _number(exif, order + "H", at + 8) if at else 1
    return value if 1 <= value <= 8 else 1


def comment(exif: bytes) -> str | None:
    """The UserComment, or None."""
    order = _byte_order(exif)
    folder = _entry(exif, order, _first_folder(exif, order), EXIF_FOLDER)
    at = _entry(exif, order, _number(exif, order + "I", folder + 8), USER_COMMENT) if folder else 0
    if not at:
        return None
    start, length = _number(exif, order + "I", at + 8), _number(exif, order + "I", at + 4)
    charset, value = exif[start : start + 8], exif[start + 8 : start + length]
    if charset != b"UNICODE\0":
        return value.decode("utf-8", "replace").rstrip("\0")
    # the standard says the block's own byte order, AUTOMATIC1111 writes big-endian always: the right one has the zeros
    # of Latin letters in its high bytes
    return value.decode("utf-16-be" if value[::2].count(0) >= value[1::2].count(0) else "utf-16-le", "replace")


def camera(exif: bytes) -> str:
    """What took the picture: its maker and its model, which may begin with him already; empty where that isn't said."""
    order = _byte_order(exif)
    words = [_name(exif, order, _entry(exif, order, _first_folder(exif, order), tag)) for tag in (_MAKE, _MODEL)]
    maker, model = words
    if model.split(" ")[0].casefold() == maker.split(" ")[0].casefold():
        return model
    return " ".join(word for word in words if word)


def _name(exif: bytes, order: str, at: int) -> str:
    """The text of an entry: beside it where it is longer than four bytes."""
    length = min(_number(exif, order + "I", at + 4), _LONGEST_NAME) if at else 0
    start = _number(exif, order + "I", at + 8) if length > 4 else at + 8
    return exif[start : start + length].partition(b"\0")[0].decode("ascii", "replace").strip()


def _byte_order(exif: bytes) -> str:
    return "<" if exif.startswith(b"II") else ">"


def _first_folder(exif: bytes, order: str) -> int:
    return _number(exif, order + "I", 4) if exif[:2] in (b"II", b"MM") else 0


def _entry(exif: bytes, order: str, folder: int, tag: int) -> int:
    """Where the 12 bytes of `tag` begin in the folder at `folder`; 0 where there are none."""
    if not folder:
        return 0
    count = min(_number(exif, order + "H", folder), _MAX_ENTRIES)
    places = range(folder + 2, folder + 2 + 12 * count, 12)
    return next((at for at in places if _number(exif, order + "H", at) == tag), 0)


def _number(exif: bytes, form: str, at: int) -> int:
    """The number at `at`, 0 beyond the end."""
    if at + struct.calcsize(form) > len(exif):
        return 0
    return int(struct.unpack_from(form, exif, at)[0])
