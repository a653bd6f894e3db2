"""How fast a checkpoint is ready to denoise, and in how much memory: ours against plain diffusers, side by side.

    python bench/load.py [--rounds 3] [--folder /tmp/…] [--cold]

Makes an SD1.5-shaped file (860 M in the U-Net, float16, random weights) and the local configuration folder that plain
diffusers needs, then runs every arm in a process of its own, arms interleaved. `--cold` compares ways of reading a file
that isn't in the page cache instead. Prints a Markdown report.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

SIDE = 32
"""Of the latents of the first step."""
PROMPT = "a photo of a cat"
BLOCK = 2**24
Loaded = tuple[Any, Any, Callable[[str], list[int]]]
"""A U-Net, its text encoder, and what makes token ids of a prompt."""
ARMS = (
    ("ours", "float16"), ("plain", "float16"), ("ours", "bfloat16"), ("plain", "bfloat16"),
    ("ours", "float32"), ("plain", "float32"),
)  # fmt: skip


def sd15_on_meta() -> Any:
    """SD1.5's networks at full width, without memory."""
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    from tests.checkpoints import Modules

    vae = {"down_block_types": ["DownEncoderBlock2D"] * 4, "up_block_types": ["UpDecoderBlock2D"] * 4}
    text = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
    with torch.device("meta"):
        return Modules(
            "stable_diffusion",
            UNet2DConditionModel(sample_size=64, cross_attention_dim=768),
            AutoencoderKL(block_out_channels=[128, 256, 512, 512], layers_per_block=2, latent_channels=4, **vae),
            [CLIPTextModel(CLIPTextConfig(projection_dim=768, **text))],
        )


def write_big_file(path: Path, configs: Path) -> None:
    """The file, written block by block, and its configuration folder."""
    import torch

    from tests.checkpoints import write_config_folder
    from tools.ldm_layout import ldm_from_diffusers

    modules = sd15_on_meta()
    write_config_folder(configs, modules)
    header, offset = {}, 0
    for name, tensor in ldm_from_diffusers(modules.unet, modules.vae, modules.text_encoders).items():
        end = offset + 2 * tensor.numel()
        header[name] = {"dtype": "F16", "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    block = (0.02 * torch.randn(BLOCK // 2, generator=torch.Generator().manual_seed(0))).half().numpy().tobytes()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for start in range(0, offset, BLOCK):
            file.write(block[: min(BLOCK, offset - start)])
        file.flush()
        os.fsync(file.fileno())


def memory() -> dict[str, float]:
    """This process' memory in MB: anonymous, of files, and the most that both were together."""
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {name: int(fields[name].split()[0]) / 1000 for name in ("RssAnon", "RssFile", "VmHWM")}


def run_arm(arm: str, dtype_name: str, path: str, configs: str) -> dict[str, Any]:
    """Seconds of importing, of loading, to the start of the first step, and of that step; and the memory then."""
    started = time.perf_counter()
    import torch

    dtype = getattr(torch, dtype_name)
    load = _import_ours() if arm == "ours" else _import_plain()
    base = memory()
    imported, busy = time.perf_counter(), time.process_time()
    unet, text_encoder, tokenize = load(path, configs, dtype)
    loaded, busy, after_load = time.perf_counter(), time.process_time() - busy, memory()
    with torch.inference_mode():
        hidden = text_encoder(torch.tensor([tokenize(PROMPT)]))[0]
        latents = torch.randn(1, 4, SIDE, SIDE, generator=torch.Generator().manual_seed(0)).to(dtype)
        encoded = time.perf_counter()
        if dtype == torch.float16:
            # A CPU's half precision takes minutes a step: read every weight instead, as the step would.
            for weight in unet.parameters():
                weight.view(torch.int16).reshape(-1)[::2048].sum()
        else:
            unet(latents, 500, encoder_hidden_states=hidden)
    stepped = time.perf_counter()
    return {
        "import": imported - started, "load": loaded - imported, "busy": busy,
        "encode": encoded - loaded, "step": stepped - encoded,
        "base": base, "after load": after_load, "after step": memory(),
    }  # fmt: skip


def _import_ours() -> Callable[..., Any]:
    import torch

    from imagine.engine.loading.single_file import load_single_file
    from imagine.words.model import Component, Model

    def load(path: str, _: str, dtype: torch.dtype) -> Loaded:
        model = Model(name="bench", family="stable_diffusion", components=(Component(role="checkpoint", path=path),))
        made = load_single_file(model, device=torch.device("cpu"), dtype=dtype)
        tokenizer = made.tokenizers[0]

        def tokenize(text: str) -> list[int]:
            ids = tokenizer.encode(text)
            return ids + [tokenizer.pad_token_id] * (77 - len(ids))

        text = made.text_encoders[0]
        return made.unet, lambda ids: (text.final_layer_norm(text(ids).hidden_states[-1]),), tokenize

    return load


def _import_plain() -> Callable[..., Any]:
    import torch
    from diffusers import StableDiffusionPipeline

    def load(path: str, configs: str, dtype: torch.dtype) -> Loaded:
        made = StableDiffusionPipeline.from_single_file(path, config=configs, torch_dtype=dtype, local_files_only=True)
        return (
            made.unet,
            made.text_encoder,
            lambda text: made.tokenizer(text, padding="max_length", max_length=77).input_ids,
        )

    return load


def compare(path: Path, configs: Path, rounds: int) -> list[str]:
    """A Markdown table: medians over the rounds."""
    results: dict[tuple[str, str], list[dict[str, Any]]] = {arm: [] for arm in ARMS}
    for number in range(rounds):
        for arm, dtype in ARMS if number % 2 == 0 else ARMS[::-1]:
            command = [sys.executable, __file__, "--arm", arm, dtype, str(path), str(configs)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            results[arm, dtype].append(json.loads(done.stdout.splitlines()[-1]))
    size = path.stat().st_size / 1e6
    lines = [
        f"File: {size:.0f} MB, in the page cache. Median of {rounds} rounds; seconds, MB.",
        "",
        "| dtype | arm | import | load | CPU in it | to the first step | with it | with imports | RssAnon + RssFile "
        "| peak | ÷ file |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for dtype in ("float16", "bfloat16", "float32"):
        lines += [_row(dtype, arm, results[arm, dtype], size) for arm in ("ours", "plain")]
        lines.append(_ratio(dtype, results["ours", dtype], results["plain", dtype]))
    return lines


def _median(runs: list[dict[str, Any]], *stages: str) -> float:
    return statistics.median(sum(run[stage] for stage in stages) for run in runs)


STAGES = (
    ("import",), ("load",), ("busy",), ("load", "encode"), ("load", "encode", "step"),
    ("import", "load", "encode", "step"),
)  # fmt: skip
"""What the columns of seconds add up."""


def _row(dtype: str, arm: str, runs: list[dict[str, Any]], size: float) -> str:
    last = runs[-1]
    now, peak = last["after load"], last["after step"]["VmHWM"]
    seconds = [f"{_median(runs, *stages):.2f}" for stages in STAGES]
    memory = [f"{now['RssAnon']:.0f} + {now['RssFile']:.0f}", f"{peak:.0f}", f"{peak / size:.2f}"]
    return f"| {' | '.join([dtype, arm, *seconds, *memory])} |"


def _ratio(dtype: str, ours: list[dict[str, Any]], plain: list[dict[str, Any]]) -> str:
    times = [f"{_median(plain, *stages) / _median(ours, *stages):.1f}×" for stages in STAGES]
    return f"| {' | '.join([dtype, '**plain ÷ ours**', *times, '', '', ''])} |"


def compare_reads(path: Path, rounds: int) -> list[str]:
    """A Markdown table: gigabytes a second at which ways of reading bring a cold file into memory."""
    ways: dict[str, Callable[[Path], None]] = {
        "mapped, touched page by page": _touch,
        "mapped, MADV_SEQUENTIAL, touched": lambda p: _touch(p, mmap.MADV_SEQUENTIAL),
        "mapped, MADV_WILLNEED, touched": lambda p: _touch(p, mmap.MADV_WILLNEED),
        "POSIX_FADV_WILLNEED of 32 MiB at a time, touched": lambda p: _advise(p, 2**25),
        "POSIX_FADV_WILLNEED of the whole, touched": lambda p: _advise(p, p.stat().st_size),
        "pread, 1 thread, touched": lambda p: _pread(p, 1),
        "pread, 2 threads, touched": lambda p: _pread(p, 2),
        "pread, 4 threads, touched": lambda p: _pread(p, 4),
    }
    found: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(rounds):
        for way in list(ways) if number % 2 == 0 else list(ways)[::-1]:
            drop(path)
            started = time.perf_counter()
            ways[way](path)
            found[way].append(path.stat().st_size / 1e9 / (time.perf_counter() - started))
    started = time.perf_counter()
    _touch(path)
    warm = path.stat().st_size / 1e9 / (time.perf_counter() - started)
    rows = [f"| {way} | {statistics.median(v):.2f} | {min(v):.2f}–{max(v):.2f} |" for way, v in found.items()]
    header = [f"Cold reads, median of {rounds} rounds.", "", "| way | GB/s | range |", "|---|---|---|"]
    return [*header, *rows, f"| (in the page cache already, touched) | {warm:.2f} | |"]


def drop(path: Path) -> None:
    """Take the file out of the page cache."""
    file = os.open(path, os.O_RDONLY)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(file)


def _touch(path: Path, advice: int | None = None) -> None:
    import numpy as np

    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        if advice is not None:
            mapped.madvise(advice)
        pages = np.frombuffer(mapped, np.uint8)[:: mmap.PAGESIZE]
        int(pages.sum())
        del pages


def _advise(path: Path, piece: int) -> None:
    size = path.stat().st_size
    file = os.open(path, os.O_RDONLY)
    for start in range(0, size, piece):
        os.posix_fadvise(file, start, piece, os.POSIX_FADV_WILLNEED)
    os.close(file)
    _touch(path)


def _pread(path: Path, threads: int, piece: int = 2**23) -> None:
    """Into scratch memory, to fill the page cache."""
    size = path.stat().st_size
    file = os.open(path, os.O_RDONLY)

    def read(first: int) -> None:
        scratch = bytearray(piece)
        for start in range(first * piece, size, threads * piece):
            os.preadv(file, [scratch], start)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(read, range(threads)))
    os.close(file)
    _touch(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the file is made, or is from an earlier run")
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--arm", nargs=4, metavar=("ARM", "DTYPE", "FILE", "CONFIGS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.arm:
        print(json.dumps(run_arm(*options.arm)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        path, configs = folder / "sd15.safetensors", folder / "configs"
        if not path.exists():
            write_big_file(path, configs)
        lines = compare_reads(path, options.rounds) if options.cold else compare(path, configs, options.rounds)
    print("\n".join(lines))


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1])]
    main()
