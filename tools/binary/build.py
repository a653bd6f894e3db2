"""Builds `dist/imagine` of this environment: both halves, packed into one file. `python -m tools.binary.build`"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from imagine.binary.index import Archive

from . import collect, compress, glibc, needed, pack, reached, strip

ROOT = Path(__file__).parents[2]
GLIBC = "glibc"
"""The file in the folder of work that says which glibc the built file needs."""


def build(output: Path, work: Path, level: int) -> None:
    """Makes the file anew in `work`; of the heavy half only what has changed."""
    begun = time.monotonic()
    light, heavy, signing, stored = work / "light", work / "heavy", work / "signing", work / "worker.zst"
    _run_pyinstaller(work)
    strip.strip(light)
    _collect(heavy, work / "heavy.key")
    collect.collect_signing(signing)
    strip.strip(signing)
    index = compress.compress(heavy, needed.rest_of(heavy), signing, stored, level=level)
    pack.pack(light, index, stored, output)
    print(f"{output}: {output.stat().st_size / 1e6:.1f} MB, in {time.monotonic() - begun:.0f} s")
    print(f"the heavy half: {_told(index.needed)} to draw, {_told(index.rest)} besides; {_told(index.signing)} to sign")
    major, minor, name = glibc.oldest(
        [work / "launcher", *light.rglob("*"), *heavy.rglob("*.so*"), *signing.rglob("*.so*")]
    )
    (work / GLIBC).write_text(f"{major}.{minor}")
    print(f"it runs on glibc {major}.{minor} and newer, for the sake of {name}")


def _told(archive: Archive) -> str:
    return f"{archive.stored / 1e6:.1f} MB ({len(archive.entries)} files, {archive.size / 1e6:.0f} MB)"


def _collect(heavy: Path, remembered: Path) -> None:
    key = _key()
    if not remembered.is_file() or remembered.read_text() != key:
        remembered.unlink(missing_ok=True)
        collect.collect(heavy)
        print(f"removed {len(reached.remove_unreached(heavy))} files that no model can reach")
        strip.strip(heavy)
        collect.link_alike(heavy)
        remembered.write_text(key)


def _run_pyinstaller(work: Path) -> None:
    """The light half, its modules uncompressed: the whole is compressed better."""
    environment = os.environ | {"PYINSTALLER_ZLIB_COMPRESSION_LEVEL": "0"}
    options = ["--noconfirm", "--log-level", "ERROR", "--distpath", str(work), "--workpath", str(work / "pyinstaller")]
    command = [sys.executable, "-m", "PyInstaller", *options, str(ROOT / "imagine.spec")]
    shutil.rmtree(work / "light", ignore_errors=True)
    subprocess.run(command, check=True, env=environment)


def _key() -> str:
    """What decides which files the heavy half has."""
    found = collect.closure(collect.ENGINE, frozenset(collect.WITHOUT))
    words = [sys.version, *(f"{name} {distribution.version}" for name, distribution in found.items())]
    words += [Path(module.__file__ or "").read_text(encoding="utf-8") for module in (collect, reached, strip)]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "dist/imagine")
    parser.add_argument("--work", type=Path, default=ROOT / "build/binary")
    parser.add_argument("--level", type=int, default=compress.LEVEL, help="zstd's; a low one for a build to try out")
    options = parser.parse_args()
    build(options.output.absolute(), options.work.absolute(), options.level)
