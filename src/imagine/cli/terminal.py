"""Pictures within a terminal: by kitty's protocol, iTerm2's or Sixel, elsewhere by half blocks of two colours."""

from __future__ import annotations

import base64
import os
import shutil
import sys
from collections.abc import Mapping
from io import BytesIO
from typing import Literal, TextIO

from .console import warn

Protocol = Literal["kitty", "iterm2", "sixel", "blocks", "blocks256"]
ROWS = 20
"""Lines of text that a picture takes."""
_CHUNK = 4096
_SIXEL_SIDE = 320
_SIXEL_TERMINALS = ("foot", "mlterm", "contour", "yaft")


def protocol_of(environ: Mapping[str, str]) -> Protocol | None:
    """What the terminal that `environ` tells of understands; None for one that knows no colours at all."""
    term, program = environ.get("TERM", ""), environ.get("TERM_PROGRAM", "")
    if "KITTY_WINDOW_ID" in environ or term in ("xterm-kitty", "xterm-ghostty") or program == "ghostty":
        return "kitty"
    if program in ("iTerm.app", "WezTerm") or environ.get("LC_TERMINAL") == "iTerm2":
        return "iterm2"
    if "sixel" in term or term.split("-")[0] in _SIXEL_TERMINALS:
        return "sixel"
    if term in ("", "dumb"):
        return None
    exact = environ.get("COLORTERM", "") in ("truecolor", "24bit") or term.endswith("-direct")
    return "blocks" if exact else "blocks256"


def screen_for_show() -> Screen | None:
    """Where `--show` shows pictures; None, and a warning, where that can't be."""
    protocol = protocol_of(os.environ) if sys.stderr.isatty() else None
    if protocol is None:
        warn("--show has no effect: stderr is no terminal that could show a picture")
        return None
    return Screen(protocol, sys.stderr)


class Screen:
    """A place in the terminal that holds one picture, and then the next in its stead."""

    def __init__(self, protocol: Protocol, out: TextIO, size: os.terminal_size | None = None) -> None:
        self._protocol = protocol
        self._out = out
        self._size = size
        self._drawn = False

    def draw(self, png: bytes) -> None:
        """Draw over what was drawn before."""
        size = self._size or shutil.get_terminal_size()
        rows = max(1, min(ROWS, size.lines - 1))
        start = f"\x1b[{rows}A" if self._drawn else "\n" * rows + f"\x1b[{rows}A"
        self._out.write(f"{start}\x1b7{sequence(self._protocol, png, size.columns, rows)}\x1b8\x1b[{rows}B\r")
        self._out.flush()
        self._drawn = True

    def next(self) -> None:
        """The next picture goes below."""
        self._drawn = False


def sequence(protocol: Protocol, png: bytes, columns: int = 80, rows: int = ROWS) -> str:
    """What makes the terminal draw `png` where the cursor is, in at most so many columns and rows."""
    match protocol:
        case "kitty":
            return _kitty(base64.b64encode(png).decode("ascii"), rows)
        case "iterm2":
            text = base64.b64encode(png).decode("ascii")
            return f"\x1b]1337;File=inline=1;height={rows};size={len(png)}:{text}\a"
        case "sixel":
            return _sixel(png)
        case "blocks" | "blocks256":
            return _blocks(png, columns, rows, exact=protocol == "blocks")


def _kitty(text: str, rows: int) -> str:
    """https://sw.kovidgoyal.net/kitty/graphics-protocol/: one picture, number 1, in pieces of 4096 characters."""
    pieces = [text[at : at + _CHUNK] for at in range(0, len(text), _CHUNK)]
    first = f"a=T,f=100,q=2,i=1,p=1,C=1,r={rows},"
    more = [f"m={int(number < len(pieces) - 1)};{piece}" for number, piece in enumerate(pieces)]
    return "".join(f"\x1b_G{first if number == 0 else ''}{piece}\x1b\\" for number, piece in enumerate(more))


def _blocks(png: bytes, columns: int, rows: int, *, exact: bool) -> str:
    """Upper half blocks: a cell is two pixels, its character's colour above and its ground below."""
    from PIL import Image

    picture = Image.open(BytesIO(png)).convert("RGB")
    picture.thumbnail((columns, 2 * rows), Image.Resampling.BOX)
    width, height = picture.size
    data = picture.tobytes()
    pixels = [(data[at], data[at + 1], data[at + 2]) for at in range(0, len(data), 3)]
    lines = []
    for top in range(0, height, 2):
        cells, last = [], ""
        for x in range(width):
            colours = _colour(38, pixels[top * width + x], exact=exact)
            below = _colour(48, pixels[(top + 1) * width + x], exact=exact) if top + 1 < height else "49"
            style = f"\x1b[{colours};{below}m"
            cells.append("▀" if style == last else f"{style}▀")
            last = style
        lines.append("".join(cells) + "\x1b[0m")
    return "\r\n".join(lines)


def _colour(role: int, rgb: tuple[int, int, int], *, exact: bool) -> str:
    """One colour's code: 24 bits, or the nearest of the cube of 6³ and the 24 greys that 256 colours have."""
    if exact:
        return f"{role};2;{rgb[0]};{rgb[1]};{rgb[2]}"
    if max(rgb) - min(rgb) < 10:
        grey = round((sum(rgb) / 3 - 8) / 10)
        return f"{role};5;{16 if grey < 0 else 231 if grey > 23 else 232 + grey}"
    cube = [max(0, round((value - 35) / 40)) for value in rgb]  # its levels are 0, 95, 135, 175, 215, 255
    return f"{role};5;{16 + 36 * cube[0] + 6 * cube[1] + cube[2]}"


def _sixel(png: bytes) -> str:
    """DEC's Sixel: 64 colours, bands of six lines, each colour's run of a band in turn."""
    from PIL import Image

    picture = Image.open(BytesIO(png)).convert("RGB")
    picture.thumbnail((_SIXEL_SIDE, _SIXEL_SIDE))
    picture = picture.quantize(64)
    width, height = picture.size
    pixels = picture.tobytes()
    palette = (picture.getpalette() or [])[: 64 * 3]
    colours = [palette[at : at + 3] for at in range(0, len(palette), 3)]
    parts = [f'\x1bPq"1;1;{width};{height}']
    parts += [f"#{n};2;{';'.join(str(round(value / 2.55)) for value in rgb)}" for n, rgb in enumerate(colours)]
    for top in range(0, height, 6):
        rows = [pixels[y * width : (y + 1) * width] for y in range(top, min(top + 6, height))]
        parts += [f"#{colour}{_band(rows, colour, width)}$" for colour in sorted(set(b"".join(rows)))]
        parts.append("-")
    return "".join([*parts, "\x1b\\"])


def _band(rows: list[bytes], colour: int, width: int) -> str:
    """One colour's six lines, run-length encoded."""
    cells = [chr(63 + sum((row[x] == colour) << y for y, row in enumerate(rows))) for x in range(width)]
    pieces, at = [], 0
    while at < width:
        end = at
        while end < width and cells[end] == cells[at]:
            end += 1
        pieces.append(f"!{end - at}{cells[at]}" if end - at > 3 else cells[at] * (end - at))
        at = end
    return "".join(pieces)
