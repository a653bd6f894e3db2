"""What a worker on a CPU takes of main memory where a model's weights may take less of it than they are.

    python -m bench.budgets MODEL [MODEL ...] [--shares 1.2 0.6 0.35 0.15] [--side 256] [--steps 2]
    python -m bench.budgets --write FOLDER

Each MODEL is drawn from by a server of its own for each share of its weights, as `--memory`; its worker is looked at
from outside, 50 times a second: what it has of its own, in memory or swapped out (RssAnon and VmSwap of proc(5)),
beyond what it had once it drew with the shipped model and let go of that. `peak` is the most of it, all that is
computed included; `held` what is left once freed memory went back. Of the peak, `steps` are what the planner counts
for what is computed: the rest may be 1.1 of the budget. Prints Markdown, and exits 1 where it is more.

`--write` makes a model of FLUX.1's shapes with random weights in a folder, its denoiser of half a thousand million
numbers in bfloat16 and in fp8.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import os
import re
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from bench.arms import PROMPT
from bench.memory import REST, unload
from bench.trees import until_ready
from imagine.families.memory import Workload, decoding, denoising
from imagine.families.table import facts_of
from tools.same_pictures.tree import Server, Tree

ROOT = Path(__file__).parents[1]
LIMIT = 1.1
_EVERY = 0.02


def own_bytes(pid: int) -> int:
    """What a process has of its own: in memory, and swapped out."""
    status = Path(f"/proc/{pid}/status").read_text()
    return sum(1024 * int(kib) for kib in re.findall(r"^(?:RssAnon|VmSwap):\s+(\d+) kB", status, re.MULTILINE))


class Watching:
    """The most that a process has of its own, in a thread, for the length of a block."""

    def __init__(self, pid: int) -> None:
        self._pid, self._ended = pid, threading.Event()
        self.most = own_bytes(pid)
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Watching:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(_EVERY):
            self.most = max(self.most, own_bytes(self._pid))


@dataclass(frozen=True)
class Seen:
    """Of one model by one budget, in bytes."""

    share: float
    budget: int
    held: int
    peak: int
    pixels: str
    """Which picture came out."""
    environment: dict[str, Any]
    told: str
    seconds: float


def draw(server: Server, asked: dict[str, Any]) -> tuple[str, dict[str, Any], str]:
    """Which picture it is, what decided its bits, and what was said of how the model is held."""
    last = server.lines(asked)[-1]
    pixels = Image.open(io.BytesIO(base64.b64decode(last["img"]))).tobytes()
    told = "; ".join(map(str, last.get("warnings", [])))
    return hashlib.sha256(pixels).hexdigest()[:8], last["meta"]["environment"], told


class Bench:
    """Draws with one model by several budgets; each in a server of its own."""

    def __init__(self, model: Path, folder: Path, asked: dict[str, Any]) -> None:
        self._tree, self._home, self._models = Tree(ROOT), folder / "home", folder / "models"
        self._name, self._asked = model.stem, asked | {"model": model.stem}
        self._models.mkdir()
        (self._models / model.name).symlink_to(model.resolve())
        with self._tree.server(self._home, "-m", str(self._models)) as server:
            about = server.ask(f"/models/{self._name}")
        self._weights = sum(about["memory"]["weights"].values())
        facts, work = facts_of(about["family"]), Workload(asked["width"], asked["height"])
        self.steps = max(denoising(facts, work), decoding(facts, work))
        """Bytes that the planner counts for what is computed."""

    def by(self, share: float) -> Seen:
        budget = round(self._weights * share)
        memory = f"{budget / 1e6:.3f}MB"
        with self._tree.server(self._home, "-m", str(self._models), "--memory", memory) as server:
            until_ready(server)
            (worker,) = [each for each in server.daemon.workers if "imagine.worker" in each.cmdline()]
            draw(server, self._asked | {"model": "toybox", "num_steps": 1, "width": 64, "height": 64})
            unload(server, "toybox")
            before, begun = own_bytes(worker.pid), time.perf_counter()
            with Watching(worker.pid) as watching:
                picture = draw(server, self._asked)
            seconds = time.perf_counter() - begun
            time.sleep(REST)
            held = own_bytes(worker.pid)
        return Seen(share, budget, held - before, watching.most - before, *picture, seconds)


def differing(environment: dict[str, Any], first: dict[str, Any]) -> str:
    names = sorted(name for name in environment.keys() | first.keys() if environment.get(name) != first.get(name))
    return ", ".join(f"{name}: {environment.get(name)}" for name in names)


def table(model: str, steps: int, seen: Sequence[Seen]) -> str:
    lines = [f"{model}: {steps / 1e6:.0f} MB for what is computed. MB.", "",
             "| share | budget | held | peak | peak less steps, of the budget | pixels | recipe says | seconds |",
             "|---" * 8 + "|"]  # fmt: skip
    for each in seen:
        cells = [f"{value / 1e6:.0f}" for value in (each.budget, each.held, each.peak)]
        part, differs = (each.peak - steps) / each.budget, differing(each.environment, seen[0].environment)
        row = [f"{each.share}", *cells, f"{part:.2f}", each.pixels, differs, f"{each.seconds:.0f}"]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join([*lines, "", *{each.told for each in seen if each.told}, ""])


def write(folder: Path) -> None:
    """A model of FLUX.1's shapes, half a thousand million numbers in its denoiser, each in one file."""
    import diffusers
    import torch
    from safetensors.torch import load_file

    from tests.flux_files import save, tiny_flux, write_flux

    with torch.device("meta"):
        large = diffusers.FluxTransformer2DModel(
            in_channels=64, num_layers=4, num_single_layers=6, attention_head_dim=64, num_attention_heads=24,
            joint_attention_dim=32, pooled_projection_dim=32, guidance_embeds=True, axes_dims_rope=(8, 28, 28),
        )  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    for name, tensor in list(large.state_dict().items()):
        made = torch.randn(tensor.shape, generator=generator, dtype=torch.bfloat16) * tensor.shape[-1] ** -0.5
        parent, _, last = name.rpartition(".")
        large.get_submodule(parent)._parameters[last] = torch.nn.Parameter(made, requires_grad=False)
    file = write_flux(folder, tiny_flux()._replace(transformer=large), "all").rename(folder / "flux-bf16.safetensors")
    tensors = load_file(file)
    for name, tensor in tensors.items():
        if name.startswith("model.diffusion_model.") and tensor.dim() > 1:
            tensors[name] = tensor.to(torch.float8_e4m3fn)
    save(folder / "flux-fp8.safetensors", tensors)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="*")
    parser.add_argument("--shares", type=float, nargs="+", default=[1.2, 0.6, 0.35, 0.15])
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    os.environ.pop("OMP_WAIT_POLICY", None)  # nobody's server has it
    if options.write:
        options.write.mkdir(parents=True, exist_ok=True)
        write(options.write)
    asked = {"prompt": PROMPT, "seed": 1, "width": options.side, "height": options.side, "num_steps": options.steps}
    above = []
    for model in options.models:
        with tempfile.TemporaryDirectory() as folder:
            bench, seen = Bench(model, Path(folder), asked), list[Seen]()
            for share in options.shares:
                seen.append(bench.by(share))
                print(json.dumps(vars(seen[-1])), flush=True)
        print(table(model.stem, bench.steps, seen), flush=True)
        most = [(each, LIMIT * each.budget + bench.steps) for each in seen if each.share < 1]
        above += [f"{model.stem} at {each.share}" for each, allowed in most if each.peak > allowed]
    if above:
        raise SystemExit(f"weights take more than {LIMIT} of the budget: {'; '.join(above)}")


if __name__ == "__main__":
    main()
