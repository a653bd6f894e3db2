"""What `pip install` brings: everything that runs needs, from the wheel and from the source archive alike."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from imagine import __version__

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src/imagine"


def wheel_of(root: Path, folder: Path) -> zipfile.ZipFile:
    (built,) = WheelBuilder(str(root)).build(directory=str(folder), versions=["standard"])
    return zipfile.ZipFile(built)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    with wheel_of(ROOT, tmp_path_factory.mktemp("wheel")) as wheel:
        yield wheel


@pytest.fixture(scope="module")
def unpacked(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    wheel.extractall(folder)
    return folder


def tracked(folder: str) -> dict[str, bytes]:
    """The files of the repository's folder, by their names in it."""
    root = ROOT / folder
    paths = (path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def test_every_file_of_the_package_is_in_the_wheel(wheel):
    expected = {f"imagine/{name}" for name in tracked("src/imagine")}
    assert len(expected) > 150
    assert expected <= set(wheel.namelist())


@pytest.mark.parametrize(
    ("folder", "inside"),
    [("models.example", "imagine/data/models"), ("systemd", f"imagine-{__version__}.data/data/share/imagine/systemd")],
)
def test_what_lies_beside_the_package_is_in_it(wheel, folder, inside):
    files = tracked(folder)
    assert files
    for name, data in files.items():
        assert wheel.read(f"{inside}/{name}") == data, name


def test_the_page_is_in_it_in_every_language(wheel):
    parts = [f"{each}/{path.name}" for each in ("drawers", "app") for path in (ROOT / "ui" / each).iterdir()]
    assert {"drawers/queue.js", "app/worker.js"} <= set(parts)
    for name in ("imagine-ui.html", "imagine-ui.ru.html", *parts):
        assert wheel.read(f"imagine/ui/{name}") == (ROOT / "ui" / name).read_bytes()


def test_nothing_else_is(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert tops == {"imagine", f"imagine-{__version__}.data", f"imagine-{__version__}.dist-info"}
    assert wheel.read(f"imagine-{__version__}.dist-info/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()


def test_what_is_installed_finds_its_own(unpacked, tmp_path):
    environ = {name: value for name, value in os.environ.items() if not name.startswith("IMAGINE_")}
    environ |= {"PYTHONPATH": str(unpacked), "HOME": str(tmp_path)}

    def run(*arguments: str) -> str:
        command = [sys.executable, *arguments]
        return subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    where = run(
        "-c", "import imagine, imagine.files.shipped as s; print(imagine.__file__, s.folder(), s.page_folder())"
    ).split()
    assert [Path(path).is_relative_to(unpacked) for path in where] == [True] * 3
    assert run("-m", "imagine", "--version") == f"imagine {__version__}\n"
    listed = run("-m", "imagine", "list")
    assert [path.stem for path in (ROOT / "models.example").glob("*.safetensors") if path.stem not in listed] == []


@pytest.mark.slow
def test_the_source_archive_makes_the_same_wheel(wheel, tmp_path):
    (built,) = SdistBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with tarfile.open(built) as archive:
        archive.extractall(tmp_path, filter="data")
    again = wheel_of(tmp_path / f"imagine-{__version__}", tmp_path / "again")
    with again:
        assert sorted(again.namelist()) == sorted(wheel.namelist())
    inside = tmp_path / f"imagine-{__version__}"
    assert all((inside / name).exists() for name in ("tests/test_wheel.py", "tools/build_page.py", "Makefile", "docs"))
    assert sum(path.stat().st_size for path in inside.rglob("*")) < 100e6
