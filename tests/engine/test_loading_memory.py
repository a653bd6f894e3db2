"""Loading takes no memory beside the file, gives back what it casts from, and reads a cold file ahead."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest
import torch

from imagine.engine.loading import read_ahead
from imagine.engine.loading.checkpoint_file import CheckpointFile
from imagine.engine.loading.placing import place
from imagine.engine.loading.read_ahead import ReadAhead, is_cold
from imagine.engine.loading.single_file import load_single_file
from tests.checkpoints import save, write_checkpoint
from tests.models import model_at

CPU = torch.device("cpu")
linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")


def resident(kind: str) -> int:
    """Bytes of this process in memory: `RssAnon` or `RssFile`."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(kind))


def is_mapped(path: Path) -> bool:
    return str(path) in Path("/proc/self/maps").read_text()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("memory") / "sdxl.safetensors"
    write_checkpoint(path, "sdxl")
    load_single_file(model_at(path), device=CPU)  # what is only ever loaded once is no part of the measurement
    return path


@linux
def test_no_weight_is_copied(checkpoint: Path) -> None:
    gc.collect()
    before = resident("RssAnon")
    loaded = load_single_file(model_at(checkpoint), device=CPU)
    grown = resident("RssAnon") - before
    assert grown < 0.2 * checkpoint.stat().st_size
    assert is_mapped(checkpoint)
    del loaded
    gc.collect()
    assert not is_mapped(checkpoint)


@linux
def test_after_a_cast_the_file_is_let_go(checkpoint: Path) -> None:
    loaded = load_single_file(model_at(checkpoint), device=CPU, dtype=torch.bfloat16)
    assert loaded.report.casts
    assert not is_mapped(checkpoint)


@linux
def test_a_cast_gives_back_what_it_read(tmp_path: Path) -> None:
    path = tmp_path / "big.safetensors"
    save(path, {"big": torch.ones(16 * 2**20, dtype=torch.float16)})
    tensor = CheckpointFile(str(path)).read("big")
    before = resident("RssFile")
    copy = place(tensor, CPU, torch.bfloat16)
    assert resident("RssFile") - before < tensor.nbytes / 2
    assert torch.equal(copy.float(), torch.ones_like(copy).float())
    assert bool((tensor == 1).all()), "reading again what was given back reads the file"


def test_the_cast_in_pieces_is_torchs(tmp_path: Path) -> None:
    values = torch.randn(5, 30_011, generator=torch.Generator().manual_seed(0)).half()
    values[0, :4] = torch.tensor([float("inf"), -float("inf"), 65504.0, 6e-8])
    save(tmp_path / "half.safetensors", {"values": values})
    tensor = CheckpointFile(str(tmp_path / "half.safetensors")).read("values")
    for view in (tensor, tensor[1:3], tensor[:, 0]):
        assert torch.equal(place(view, CPU, torch.bfloat16), view.to(torch.bfloat16))
    assert place(tensor, CPU, torch.float16) is tensor


def test_all_of_a_cold_file_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(1000))
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(read_ahead, "PIECE", 300)
    monkeypatch.setattr(read_ahead, "is_cold", lambda *_: True)
    monkeypatch.setattr(read_ahead.os, "posix_fadvise", lambda _, start, size, advice: asked.append((start, size)))
    with ReadAhead(str(path)) as ahead:
        assert ahead.wait(120.0)
        assert (ahead.cold, ahead.fraction) == (True, 1.0)
    assert asked == [(0, 300), (300, 300), (600, 300), (900, 300)]
    asked.clear()
    monkeypatch.setattr(read_ahead, "is_cold", lambda *_: False)
    with ReadAhead(str(path)) as warm:
        assert warm.wait(0.0)
        assert (warm.cold, warm.fraction) == (False, 1.0)
    assert not asked


def drop(path: Path) -> None:
    """Drops a file from the cache, unless the system keeps it there."""
    file = os.open(path, os.O_RDWR)
    os.fsync(file)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(file)


@pytest.mark.skipif(not hasattr(os, "RWF_NOWAIT"), reason="the system can't tell")
def test_a_file_dropped_from_the_cache_is_cold(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(2**20))
    assert not is_cold(str(path), 2**20)
    drop(path)
    if not is_cold(str(path), 2**20):
        pytest.skip("this file system keeps its pages")
    checkpoint = tmp_path / "cold.safetensors"
    write_checkpoint(checkpoint)
    for _ in range(5):  # a system at work keeps a file now and then
        drop(checkpoint)
        heard: list[float] = []
        loaded = load_single_file(model_at(checkpoint), device=CPU, progress=heard.append)
        if loaded.report.cold:
            break
    assert loaded.report.cold
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
