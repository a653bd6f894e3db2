"""How long the registry takes for a hundred SDXL-sized checkpoints: cold (every header read) and with its cache.

Run: `python bench/registry.py [--files 100] [--repeats 5]`. The files are sparse, their headers are real ones' size.
"Cold" means an empty cache of ours; the files' headers are in the page cache. Then what a model's first use costs
beside loading it: the digest of its content, of a file that is really written, in the page cache and out of it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from imagine.registry.content import content_digest
from imagine.registry.registry import Registry


def sdxl_like_tensors() -> dict[str, list[int]]:
    """Names and shapes in the manner of an SDXL checkpoint: what identifies one, then blocks up to 2,600 tensors."""
    shapes = {
        "model.diffusion_model.input_blocks.0.0.weight": [320, 4, 3, 3],
        "model.diffusion_model.out.2.weight": [4, 320, 3, 3],
        "model.diffusion_model.label_emb.0.0.weight": [1280, 2816],
        "first_stage_model.decoder.conv_in.weight": [512, 4, 3, 3],
        "conditioner.embedders.0.transformer.text_model.embeddings.position_embedding.weight": [77, 768],
        "conditioner.embedders.1.model.positional_embedding": [77, 1280],
    }
    for block in range(10):
        shapes[f"model.diffusion_model.input_blocks.7.1.transformer_blocks.{block}.norm1.weight"] = [1280]
    for i in range(2600 - len(shapes)):
        name = f"model.diffusion_model.output_blocks.{i % 9}.1.transformer_blocks.{i // 9}.attn2.to_out.0.weight"
        shapes[name] = [640, 640]
    return shapes


def write_sparse(path: Path, shapes: dict[str, list[int]], serial: int) -> int:
    """Write a float16 safetensors file whose data is one hole; returns its header's bytes."""
    header: dict[str, object] = {"__metadata__": {"modelspec.title": f"benchmark {serial}"}}
    offset = 0
    for name, shape in shapes.items():
        size = 2
        for side in shape:
            size *= side
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + offset)
    return len(text)


class Clock:
    """Wall and CPU seconds of the runs of one thing."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []

    def time(self, work: Callable[[], object]) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)

    def line(self, label: str) -> str:
        wall, cpu = (1000 * statistics.median(seconds) for seconds in (self.wall, self.cpu))
        return f"{label:>28}: wall {wall:7.1f} (worst {1000 * max(self.wall):.1f}), CPU {cpu:7.1f}"


def refreshed(root: Path, cache: Path) -> Registry:
    registry = Registry([root], cache=cache)
    registry.refresh()
    assert all(entry.family == "sdxl" for entry in registry.models())
    return registry


def fill(path: Path) -> None:
    """Write data where the file has holes."""
    data = os.urandom(2**20)
    with path.open("r+b") as file:
        size, start = path.stat().st_size, 2**20
        file.seek(start)
        for at in range(start, size, len(data)):
            file.write(data[: size - at])
        file.flush()
        os.fsync(file.fileno())


def forget(path: Path) -> None:
    """Take the file out of the page cache."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def digest_clocks(folder: Path, repeats: int) -> tuple[Clock, Clock]:
    """The digest of one file's content, in the page cache and out of it."""
    folder.mkdir()
    path = folder / "model.safetensors"
    write_sparse(path, sdxl_like_tensors(), 0)
    fill(path)
    entry = refreshed(folder, folder / "cache").models()[0]
    warm, cold = Clock(), Clock()
    for _ in range(repeats):
        warm.time(lambda: content_digest(entry))
        forget(path)
        cold.time(lambda: content_digest(entry))
    return warm, cold


def import_clock(repeats: int) -> Clock:
    """The import of the registry in fresh interpreters, msgspec included."""
    code = (
        "import time; w, c = time.perf_counter(), time.process_time(); import imagine.registry.registry; "
        "print(time.perf_counter() - w, time.process_time() - c)"
    )
    clock = Clock()
    for _ in range(repeats):
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        wall, cpu = map(float, done.stdout.split())
        clock.wall.append(wall)
        clock.cpu.append(cpu)
    return clock


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    cold, warm, again = Clock(), Clock(), Clock()
    here = Path(__file__).parent
    with tempfile.TemporaryDirectory(dir=here) as folder:
        digest, read = digest_clocks(Path(folder) / "one", options.repeats)
    with tempfile.TemporaryDirectory() as folder:
        root, cache = Path(folder) / "models", Path(folder) / "cache" / "registry.msgpack"
        root.mkdir()
        shapes = sdxl_like_tensors()
        header = max(write_sparse(root / f"model-{i:03}.safetensors", shapes, i) for i in range(options.files))
        for _ in range(options.repeats):
            cache.unlink(missing_ok=True)
            cold.time(lambda: refreshed(root, cache))
            warm.time(lambda: refreshed(root, cache))
            again.time(refreshed(root, cache).refresh)
    print(f"{options.files} files, {len(shapes)} tensors and {header / 1000:.0f} kB of header each; median ms")
    print(cold.line("cold"))
    print(warm.line("new process, cache kept"))
    print(again.line("refresh, nothing changed"))
    print(digest.line("digest of content, cached"))
    print(read.line("digest of content, not cached"))
    print(import_clock(options.repeats).line("import"))


if __name__ == "__main__":
    main()
