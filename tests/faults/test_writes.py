"""A full disk or no memory at every call that writes a file of ours: the old one stays whole, nothing lies about."""

import errno
import io
import os
from pathlib import Path

import pytest

from imagine.files.writing import write_atomically, write_together
from imagine.registry.cache import load_records, save_records
from imagine.server.gateway.storage import PictureStore
from imagine.words.errors import ImagineError

OLD, NEW = b"old" * 1000, b"new" * 1000
CALLS = ["open", "write", "fsync", "replace"]
SIGNS = {"disk": lambda: OSError(errno.ENOSPC, "No space left on device"), "memory": MemoryError}


def one(folder: Path) -> None:
    write_atomically(folder / "a", NEW)


def several(folder: Path) -> None:
    write_together({folder / "a": NEW, folder / "b": NEW})


def stored(folder: Path) -> None:
    PictureStore(folder, keep=60, most=10**9).write(NEW, "png")


def cached(folder: Path) -> None:
    save_records(folder / "a", {})
    assert load_records(folder / "a") == {}


def failing(monkeypatch: pytest.MonkeyPatch, call: str, error: Exception) -> None:
    """From now on that call fails."""

    def fail(*_: object, **__: object) -> None:
        raise error

    class Full(io.FileIO):
        write = fail

    if call == "write":
        monkeypatch.setattr(os, "fdopen", lambda descriptor, *_, **__: Full(descriptor, "wb"))
    elif call == "replace":
        monkeypatch.setattr(Path, "replace", fail)
    else:
        monkeypatch.setattr(os, call, fail)


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("write", [one, several, stored, cached], ids=lambda write: write.__name__)
def test_what_was_there_stays_whole(tmp_path, monkeypatch, write, call, sign):
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(OLD)
    with monkeypatch.context() as broken:
        failing(broken, call, SIGNS[sign]())
        if write is cached and sign == "disk":
            write(tmp_path)  # a cache that can't be kept is no error
        else:
            with pytest.raises((OSError, MemoryError, ImagineError)):
                write(tmp_path)
    left = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(left) == {"a", "b"}, "nothing was left behind"
    assert left["b"] == OLD
    assert left["a"] == OLD or write is cached
    write(tmp_path)
    assert len(list(tmp_path.iterdir())) == (3 if write is stored else 2)
