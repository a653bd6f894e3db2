"""What the heavy half is made of: what the engine requires, and what that requires, extras too; each library once."""

import sys
from pathlib import Path

import pytest

from tools.binary.collect import closure, link_alike

REQUIRES = {
    "engine": ["Toolkit[blas, fft]==1", "plain", 'elsewhere; sys_platform == "none"', "unwanted"],
    "toolkit": ['lib-blas; extra == "blas"', 'lib-fft; extra == "fft"', 'lib-other; extra == "other"'],
    **{name: [] for name in ("plain", "unwanted", "elsewhere", "lib-blas", "lib-fft", "lib-other")},
}


def test_extras_come_along_where_they_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As torch's CUDA build asks for NVIDIA's libraries."""
    for name, required in REQUIRES.items():
        folder = tmp_path / f"{name.replace('-', '_')}-1.dist-info"
        folder.mkdir()
        lines = [
            "Metadata-Version: 2.1",
            f"Name: {name}",
            "Version: 1",
            *(f"Requires-Dist: {line}" for line in required),
        ]
        (folder / "METADATA").write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert list(closure(("engine",), frozenset(["unwanted"]))) == ["engine", "lib-blas", "lib-fft", "plain", "toolkit"]


def test_a_library_that_two_packages_bring_is_there_once(tmp_path: Path) -> None:
    content = bytes(2**16)
    for name, data in {
        "a.libs/libf.so.5": content,
        "b.libs/libf.so.5": content,
        "c.libs/libf.so.5": content + b"x",
    }.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(data)
    link_alike(tmp_path)
    links = {path.parent.name: str(path.readlink()) for path in tmp_path.rglob("*.so.5") if path.is_symlink()}
    assert links == {"b.libs": "../a.libs/libf.so.5"}
    assert (tmp_path / "b.libs/libf.so.5").read_bytes() == content
