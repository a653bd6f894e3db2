"""What people download, into dist/release: a file for CPUs, one with CUDA, checksums, and an installer. `make release`

Each file is built in an environment of its own below build/release, with the torch that its flavour asks for: it
doesn't matter what the checkout's own environment has.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import platform
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from imagine import __version__

from .build import GLIBC
from .compress import LEVEL

ROOT = Path(__file__).parents[2]
OUTPUT = ROOT / "dist/release"
WORK = ROOT / "build/release"
LARGEST = 2**31 - 1
"""Bytes of a file that GitHub takes as part of a release."""
DRIVERS = {"12": 525, "13": 580}
"""The oldest of NVIDIA's drivers on Linux for programs of a CUDA version, by its first number: "CUDA Compatibility",
docs.nvidia.com/deploy/cuda-compatibility, table "Minor Version Compatibility"."""
_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
_PIECE = 2**20


def release(flavours: Iterable[str], torch: str, level: int) -> None:
    """Makes everything anew; of what `flavours` doesn't name, what an earlier call made stays."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    for flavour in flavours:
        python = _environment(flavour, torch)
        name = f"imagine-{__version__}-linux-{platform.machine()}{'' if flavour == 'cpu' else f'-{flavour}'}"
        _forget(name)
        command: list[str | Path] = [python, "-m", "tools.binary.build", "--work", WORK / flavour]
        command += ["--output", OUTPUT / name]
        subprocess.run([*command, "--level", str(level)], cwd=ROOT, check=True)
        split(OUTPUT / name)
    script = OUTPUT / "install.sh"
    script.write_text(_installer(), encoding="utf-8")
    script.chmod(0o755)
    sums = [f"{_sha256(path)}  {path.name}\n" for path in sorted(OUTPUT.glob("imagine-*"))]
    (OUTPUT / "SHA256SUMS").write_text("".join(sums))
    for path in sorted(OUTPUT.iterdir()):
        print(f"{path.stat().st_size / 1e6:10.1f} MB  {path.relative_to(ROOT)}")


def _environment(flavour: str, torch: str) -> Path:
    """The interpreter of an environment with the flavour's torch, and with what builds."""
    folder = WORK / flavour / "venv"
    python = folder / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip: list[str | Path] = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        index = ["--retries", "0", "--extra-index-url", _CPU_INDEX] if flavour == "cpu" else []
        subprocess.run([*pip, *index, torch], check=True)
        subprocess.run([*pip, "-e", f"{ROOT}[binary]"], check=True)
    cuda = _cuda(python)
    if (cuda is None) is not (flavour == "cpu"):
        has = f"CUDA {cuda}" if cuda else "no CUDA"
        raise SystemExit(
            f"{folder} has a torch with {has}, not one for {flavour}: remove it, and name another by --torch"
        )
    return python


def _cuda(python: Path) -> str | None:
    """The CUDA version of an environment's torch."""
    script = "from torch.version import cuda; print(cuda or '')"
    return subprocess.run([python, "-c", script], check=True, capture_output=True, text=True).stdout.strip() or None


def _forget(name: str) -> None:
    for path in [OUTPUT / name, *OUTPUT.glob(f"{name}.part*")]:
        path.unlink(missing_ok=True)


def split(path: Path, most: int = LARGEST) -> None:
    """Into parts, which the installer joins, where it is larger than a file of a release may be."""
    left = path.stat().st_size
    if left <= most:
        return
    with path.open("rb") as whole:
        for number in itertools.count(1):
            if left <= 0:
                break
            with path.with_name(f"{path.name}.part{number}").open("wb") as part:
                for piece in _pieces(whole, min(most, left)):
                    part.write(piece)
            left -= most
    path.unlink()


def _pieces(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size:
        piece = file.read(min(_PIECE, size))
        size -= len(piece)
        yield piece


def installer(glibc: str, driver: int) -> str:
    """The script that installs this version, which needs that glibc, and for CUDA that driver of NVIDIA's."""
    text = Path(__file__).with_name("install.sh").read_text(encoding="utf-8")
    unit = (ROOT / "systemd/user/imagine.service").read_text(encoding="utf-8").rstrip("\n")
    for word, value in {"VERSION": __version__, "GLIBC": glibc, "DRIVER": str(driver), "UNIT": unit}.items():
        text = text.replace(f"@{word}@", value)
    return text


def _installer() -> str:
    """As `installer`, for what has been built so far."""
    needed = [path.read_text().split(".") for path in WORK.glob(f"*/{GLIBC}")]
    major, minor = max((int(major), int(minor)) for major, minor in needed)
    python = WORK / "cuda/venv/bin/python"
    cuda = _cuda(python) if python.exists() else None
    return installer(f"{major}.{minor}", DRIVERS[cuda.split(".")[0]] if cuda else 0)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("flavours", nargs="*", default=["cpu", "cuda"], help="cpu, cuda")
    parser.add_argument("--torch", default="torch", help="what to have pip install, such as torch==2.13.0")
    parser.add_argument("--level", type=int, default=LEVEL, help="zstd's; a low one for a release to try out")
    options = parser.parse_args()
    release(options.flavours, options.torch, options.level)
