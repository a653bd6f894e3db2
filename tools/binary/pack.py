"""The one file: the launcher, the light half, its index, the heavy half, and a footer that says where each is.

Of what PyInstaller made, and what `compress` made.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import zlib
from pathlib import Path

import lz4.block

from imagine import __version__
from imagine.binary.attached import INDEX, MAGIC
from imagine.binary.index import BundledFile, Index, lines_of, text_of

from .compress import entries_of

_PIECE = 2**20
_LAUNCHER = Path(__file__).with_name("launcher.c")


def pack(light: Path, heavy: Index, stored: Path, output: Path) -> None:
    """Writes `output`; `stored` is the heavy half compressed, `heavy` its index. The launcher is built beside it."""
    index = heavy._replace(name=_name(light, stored))
    (light / INDEX).write_text(text_of(index), encoding="utf-8")
    light_entries = [BundledFile("d", "light"), *(_under("light", entry) for entry in entries_of(light))]
    raw = b"".join(_content(light, entry) for entry in entries_of(light))
    block = lz4.block.compress(raw, mode="high_compression", compression=12, store_size=False)
    lines = "".join(f"{line}\n" for line in [index.name, *lines_of(light_entries)]).encode()
    launcher = _compiled(stored.parent)
    part = output.with_name(f"{output.name}.part")
    output.parent.mkdir(parents=True, exist_ok=True)
    with part.open("wb") as file:
        file.write(launcher.read_bytes())
        begin = file.tell()
        file.write(block)
        listed = file.tell()
        file.write(lines)
        worker = file.tell()
        with stored.open("rb") as source:
            shutil.copyfileobj(source, file, _PIECE)
        numbers = (listed, len(lines), begin, len(block), len(raw), zlib.crc32(block), worker)
        file.write(MAGIC + b"".join(number.to_bytes(8, "little") for number in numbers))
    part.chmod(0o755)
    part.replace(output)


def _content(folder: Path, entry: BundledFile) -> bytes:
    return (folder / entry.path).read_bytes() if entry.kind in "fx" else b""


def _under(folder: str, entry: BundledFile) -> BundledFile:
    return entry._replace(path=f"{folder}/{entry.path}")


def _compiled(work: Path) -> Path:
    program = work / "launcher"
    compiler = shlex.split(os.environ.get("CC", "cc"))
    try:
        subprocess.run([*compiler, "-O2", "-Wall", "-Wextra", "-s", "-o", str(program), str(_LAUNCHER)], check=True)
    except FileNotFoundError:
        raise SystemExit(f"{compiler[0]} is missing: install a C compiler, or name one in CC") from None
    return program


def _name(light: Path, stored: Path) -> str:
    """The version's folder in the cache: another one for every build that differs."""
    digest = hashlib.sha256(_sha256(stored).encode())
    for entry in entries_of(light):
        if entry.path != INDEX:
            digest.update(f"{entry}".encode())
            digest.update(_content(light, entry))
    return f"{__version__}-{digest.hexdigest()[:12]}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
