"""The one file: the launcher, the light half, its index, the heavy half, and a footer that says where each is.

Of two folders: what PyInstaller made, and what `collect` made.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path

import lz4.block
import zstandard

from imagine import __version__
from imagine.binary.attached import INDEX, MAGIC
from imagine.binary.index import Entry, Index, lines_of, text_of

LEVEL = 22
WINDOW = 27
"""The base-two logarithm of the window: `imagine.binary.unpack` allows no more."""
COMPRESSED = "worker.zst"
_PIECE = 2**20
_LAUNCHER = Path(__file__).with_name("launcher.c")


def entries_of(folder: Path) -> list[Entry]:
    """What lies in `folder`: folders, then files, alike ones beside each other since they compress best so."""
    found: list[Entry] = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found.append(Entry("l", name, target=str(path.readlink())))
        elif path.is_dir():
            found.append(Entry("d", name))
        else:
            found.append(Entry("x" if os.access(path, os.X_OK) else "f", name, path.stat().st_size))
    return sorted(found, key=_order)


def _order(entry: Entry) -> tuple[int, str, str]:
    if entry.kind in "dl":
        return "dl".index(entry.kind), "", entry.path
    return 2, Path(entry.path).suffix, entry.path


def compress(folder: Path, work: Path) -> None:
    """Puts the files of `folder`, one after the other, into `work` as one compressed stream."""
    work.mkdir(parents=True, exist_ok=True)
    settings = zstandard.ZstdCompressionParameters.from_level(
        LEVEL, window_log=WINDOW, enable_ldm=True, threads=os.cpu_count() or 1
    )
    compressor = zstandard.ZstdCompressor(compression_params=settings)
    part = work / f"{COMPRESSED}.part"
    with part.open("wb") as file, compressor.stream_writer(file) as stream:
        for piece in _pieces(folder, entries_of(folder)):
            stream.write(piece)
    part.replace(work / COMPRESSED)


def pack(light: Path, heavy: Path, work: Path, output: Path) -> None:
    """Writes `output`; `work` holds what it is made of, the heavy half compressed among it."""
    entries = entries_of(heavy)
    stored = work / COMPRESSED
    index = Index(_name(light, stored), stored.stat().st_size, _sha256(stored), entries)
    (light / INDEX).write_text(text_of(index), encoding="utf-8")
    light_entries = [Entry("d", "light"), *(_under("light", entry) for entry in entries_of(light))]
    raw = b"".join(_content(light, entry) for entry in entries_of(light))
    block = lz4.block.compress(raw, mode="high_compression", compression=12, store_size=False)
    lines = "".join(f"{line}\n" for line in [index.name, *lines_of(light_entries)]).encode()
    launcher = _compiled(work)
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


def _content(folder: Path, entry: Entry) -> bytes:
    return (folder / entry.path).read_bytes() if entry.kind in "fx" else b""


def _under(folder: str, entry: Entry) -> Entry:
    return entry._replace(path=f"{folder}/{entry.path}")


def _compiled(work: Path) -> Path:
    program = work / "launcher"
    compiler = shlex.split(os.environ.get("CC", "cc"))
    try:
        subprocess.run([*compiler, "-O2", "-Wall", "-Wextra", "-s", "-o", str(program), str(_LAUNCHER)], check=True)
    except FileNotFoundError:
        raise SystemExit(f"{compiler[0]} is missing: install a C compiler, or name one in CC") from None
    return program


def _pieces(folder: Path, entries: list[Entry]) -> Iterator[bytes]:
    for entry in entries:
        if entry.kind in "fx":
            with (folder / entry.path).open("rb") as file:
                while piece := file.read(_PIECE):
                    yield piece


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
