"""What `make` installs and says of torch, with a pip that only tells what it was asked for."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools/environment.sh"
TORCH = next(line for line in SCRIPT.read_text().splitlines() if line.startswith("TORCH=")).removeprefix("TORCH=")
PYTHON = """#!/bin/sh
case "$*" in
*pip*)
    echo "$*" >>asked
    case "$*" in {fails}) echo "ERROR: pip fails"; exit 1 ;; esac ;;
*) PYTHONPATH={modules} exec {python} -S "$@" ;;
esac
"""
BUILDS = {"cpu": ("+cpu", None, None), "cuda": ("", "13.0", None), "rocm": ("+rocm7.1", None, "7.1")}


class Place:
    """A folder with an environment that comes to have that build of torch; its pip refuses what matches `fails`."""

    def __init__(self, folder: Path, build: str, fails: str = "nothing") -> None:
        self.folder, modules = folder, folder / "modules"
        version, cuda, rocm = BUILDS[build]
        for name in ("imagine", "diffusers", "pytest"):
            (modules / name).mkdir(parents=True)
        (modules / "torch.py").write_text(
            f"from types import SimpleNamespace\n__version__ = '{TORCH}{version}'\n"
            f"version = SimpleNamespace(cuda={cuda!r}, hip={rocm!r})\n"
        )
        python = folder / ".venv/bin/python"
        python.parent.mkdir(parents=True)
        own, beside = shlex.quote(sys.executable), shlex.quote(str(modules))
        python.write_text(PYTHON.format(fails=fails, modules=beside, python=own))
        python.chmod(0o755)
        (folder / "nvidia-smi").write_text("#!/bin/sh\nexit 1\n")
        (folder / "nvidia-smi").chmod(0o755)

    def has_already(self, version: str) -> None:
        about = self.folder / f"modules/torch-{version}.dist-info/METADATA"
        about.parent.mkdir()
        about.write_text(f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n")

    def made(self, **more: str) -> subprocess.CompletedProcess[str]:
        seen = {"PATH": f"{self.folder}:{os.environ['PATH']}", "PYTHON": sys.executable, **more}
        return subprocess.run(["sh", SCRIPT], cwd=self.folder, env=seen, capture_output=True, text=True, timeout=240)

    @property
    def asked(self) -> list[str]:
        """The last word of each call of pip."""
        return [line.split()[-1] for line in (self.folder / "asked").read_text().splitlines()]


REST = ".[test,toybox]"


def test_without_a_gpu_it_takes_the_cpu_build(tmp_path: Path) -> None:
    place = Place(tmp_path, "cpu")
    done = place.made()
    assert (done.returncode, done.stderr) == (0, "")
    assert place.asked == [f"torch=={TORCH}+cpu", REST]
    assert done.stdout.splitlines()[-1] == f".venv has torch {TORCH}+cpu, built without CUDA or ROCm"


def test_where_there_is_no_cpu_build_it_says_so_and_which_one_came(tmp_path: Path) -> None:
    place = Place(tmp_path, "cuda", fails="*+cpu")
    done = place.made()
    assert done.returncode == 0
    assert place.asked == [f"torch=={TORCH}+cpu", f"torch=={TORCH}", REST]
    assert "ERROR: pip fails" in done.stderr
    assert f"pip found no CPU build of torch {TORCH}" in done.stderr
    assert done.stdout.splitlines()[-1] == f".venv has torch {TORCH}, built with CUDA 13.0"


def test_a_build_that_is_there_stays(tmp_path: Path) -> None:
    place = Place(tmp_path, "rocm")
    place.has_already(f"{TORCH}+rocm7.1")
    done = place.made()
    assert place.asked == [REST]
    assert done.stdout.splitlines()[-1] == f".venv has torch {TORCH}+rocm7.1, built with ROCm 7.1"


def test_an_environment_of_another_checkout_stays_as_it_is(tmp_path: Path) -> None:
    for name in ("mine", "other"):
        (tmp_path / name).mkdir()
    Place(tmp_path / "other", "cpu")
    place = Place(tmp_path / "mine", "cpu")
    (place.folder / ".venv").rename(place.folder / "unused")
    (place.folder / ".venv").symlink_to(tmp_path / "other/.venv")
    done = place.made()
    assert (done.returncode, done.stderr) == (0, "")
    assert not [path for path in tmp_path.rglob("*") if path.name in ("asked", "ready")]


@pytest.mark.parametrize(
    ("fails", "index"), [(f'*torch=="{TORCH}"*', ""), (f'*torch=="{TORCH}"*', "https://somewhere"), ("*test*", "")]
)
def test_what_pip_can_not_install_ends_it(tmp_path: Path, fails: str, index: str) -> None:
    done = Place(tmp_path, "cpu", fails).made(TORCH_INDEX=index)
    assert done.returncode == 1
    assert "ERROR: pip fails" in done.stderr + done.stdout
    assert not (tmp_path / ".venv/ready").exists()
