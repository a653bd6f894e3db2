"""Builds `dist/imagine` of this environment: both halves, packed into one file. `python -m tools.binary.build`"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from . import collect, compress, glibc, pack, strip

ROOT = Path(__file__).parents[2]
WORK = ROOT / "build/binary"
OUTPUT = ROOT / "dist/imagine"


def build() -> None:
    """Makes the file anew; the heavy half only where what is installed, or how it is collected, has changed."""
    begun = time.monotonic()
    light, heavy, stored = WORK / "light", WORK / "heavy", WORK / "worker.zst"
    _run_pyinstaller()
    strip.strip(light)
    key = _key()
    remembered = WORK / "heavy.key"
    if not remembered.is_file() or remembered.read_text() != key:
        remembered.unlink(missing_ok=True)
        collect.collect(heavy)
        strip.strip(heavy)
        compress.compress(heavy, stored)
        remembered.write_text(key)
    pack.pack(light, heavy, stored, OUTPUT)
    print(f"{OUTPUT}: {OUTPUT.stat().st_size / 1e6:.1f} MB, in {time.monotonic() - begun:.0f} s")
    major, minor, name = glibc.oldest([WORK / "launcher", *light.rglob("*"), *heavy.rglob("*.so*")])
    print(f"it runs on glibc {major}.{minor} and newer, for the sake of {name}")


def _run_pyinstaller() -> None:
    """The light half, its modules uncompressed: the whole is compressed better."""
    environment = os.environ | {"PYINSTALLER_ZLIB_COMPRESSION_LEVEL": "0"}
    options = ["--noconfirm", "--log-level", "ERROR", "--distpath", str(WORK), "--workpath", str(WORK / "pyinstaller")]
    command = [sys.executable, "-m", "PyInstaller", *options, str(ROOT / "imagine.spec")]
    shutil.rmtree(WORK / "light", ignore_errors=True)
    subprocess.run(command, check=True, env=environment)


def _key() -> str:
    """What decides the heavy half's bytes."""
    found = collect.closure(collect.ENGINE, frozenset(collect.WITHOUT))
    words = [sys.version, *(f"{name} {distribution.version}" for name, distribution in found.items())]
    words += [Path(module.__file__ or "").read_text(encoding="utf-8") for module in (collect, strip, compress)]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()


if __name__ == "__main__":
    build()
