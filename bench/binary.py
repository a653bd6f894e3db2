"""The one-file binary against an earlier one, and what PyInstaller makes by itself of the same stack.

`python -m bench.binary naive` builds the latter into build/naive; `python -m bench.binary MODEL --before FILE`
measures those that there are in turn, on an idle machine and beside a busy process (`--only idle`, `--only busy`).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from bench.arms import interleaved
from bench.neighbour import neighbour

ROOT = Path(__file__).parents[1]
OURS = ROOT / "dist/imagine"
NAIVE = ROOT / "build/naive/dist/imagine"
ENTRY = """import sys
from imagine.processes.runtime import WORKER_ARGUMENT
if sys.argv[1:2] == [WORKER_ARGUMENT]:
    from imagine.worker.main import main
    sys.exit(main(sys.argv[2:]))
from imagine.cli.main import main
main()
"""
WHOLE = ("imagine", "diffusers", "transformers", "scipy", "torchsde", "tokenizers", "safetensors", "accelerate")
"""What a naive build collects whole, since it is imported lazily."""
REQUEST = {"prompt": "a red house on a blue background", "num_steps": 10, "seed": "4"}
LIGHT_ROUNDS = 3


def build_naive() -> None:
    """`pyinstaller --onefile`, with everything that is imported lazily, and its default compression."""
    work = NAIVE.parents[1]
    work.mkdir(parents=True, exist_ok=True)
    (work / "entry.py").write_text(ENTRY)
    collected = [word for name in WHOLE for word in ("--collect-all", name)]
    collected += [word for name in WHOLE for word in ("--recursive-copy-metadata", name)]
    data = [f"{ROOT / 'ui'}:imagine/ui", f"{ROOT / 'models.example'}:imagine/data/models"]
    options = [word for one in data for word in ("--add-data", one)]
    command = [
        sys.executable,
        "-m",
        "PyInstaller",
        "--onefile",
        "--name",
        "imagine",
        "--noconfirm",
        "--log-level",
        "ERROR",
    ]
    subprocess.run([*command, *collected, *options, "entry.py"], cwd=work, check=True)


class Place:
    """A home of its own for every arm; the model lies in it."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.folder = folder
        (folder / ".imagine/models").mkdir(parents=True)
        (folder / ".imagine/models/model.safetensors").symlink_to(model.resolve())
        kept = {name: os.environ[name] for name in ("PATH",)}
        self.environment = kept | {"HOME": str(folder), "IMAGINE_RUNTIME": str(folder / "runtime")}

    def forget(self) -> None:
        """As if the binary had never been started, nor anything else had filled the disk's queue just before."""
        shutil.rmtree(self.folder / "runtime", ignore_errors=True)
        os.sync()

    def command(self, binary: Path, *arguments: str) -> Callable[[], None]:
        def act() -> None:
            subprocess.run([str(binary), *arguments], env=self.environment, check=True, capture_output=True)

        return act

    def serve(self, binary: Path) -> tuple[float, float, float]:
        """Seconds from the start to the first answer, to a worker that is ready, and to the first picture."""
        begun = time.perf_counter()
        command = [str(binary), "serve", "--host", "127.0.0.1", "--port", "0", "-d", "cpu"]
        process = subprocess.Popen(command, env=self.environment, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        with process:
            url = next(line.split()[-1] for line in process.stderr if line.startswith("Listening on "))
            while not _health(url):
                time.sleep(0.01)
            answered = time.perf_counter() - begun
            said: list[str] = []
            threading.Thread(target=lambda: said.extend(process.stderr or ()), daemon=True).start()
            while (status := _health(url)["status"]) == "starting":
                time.sleep(0.02)
            ready = time.perf_counter() - begun
            if status != "ready":
                process.kill()
                print(f"{binary} can't start its worker: {said[-1] if said else status}")
                return answered, float("nan"), float("nan")
            request = urllib.request.Request(f"{url}/generate", json.dumps(REQUEST).encode(), {"Accept": "image/png"})
            with urllib.request.urlopen(request) as answer:
                assert answer.read(4) == b"\x89PNG"
            painted = time.perf_counter() - begun
            process.terminate()
            process.wait()
        return answered, ready, painted


def _health(url: str) -> dict[str, object]:
    try:
        with urllib.request.urlopen(f"{url}/health") as answer:
            found = json.loads(answer.read())
    except OSError:
        return {}
    assert isinstance(found, dict)
    return found


def light(place: Place, binaries: Mapping[str, Path]) -> str:
    """A table of what needs no worker."""

    def first(binary: Path, *arguments: str) -> Callable[[], None]:
        def act() -> None:
            place.forget()
            place.command(binary, *arguments)()

        return act

    lines = [f"| seconds of | {' | '.join(arms_of(binaries))} |", "|---" * (1 + len(arms_of(binaries))) + "|"]
    for argument in ("--version", "list"):
        taken: dict[str, list[float]] = {}
        for name, binary in binaries.items():
            arms = {f"{name}, first start": first(binary, argument), f"{name}, later": place.command(binary, argument)}
            taken |= interleaved(arms, LIGHT_ROUNDS)
        lines.append(f"| `imagine {argument}` | " + " | ".join(_spread(values) for values in taken.values()) + " |")
    return "\n".join(lines)


def arms_of(binaries: Mapping[str, Path]) -> list[str]:
    """Their first start, when nothing is unpacked, and a later one."""
    return [f"{name}, {turn}" for name in binaries for turn in ("first start", "later")]


def heavy(place: Place, binaries: Mapping[str, Path], rounds: int) -> str:
    """A table of `imagine serve`."""
    rows: dict[str, list[tuple[float, float, float]]] = {name: [] for name in arms_of(binaries)}
    sizes = {}
    for _ in range(rounds):
        for name, binary in binaries.items():
            place.forget()
            rows[f"{name}, first start"].append(place.serve(binary))
            rows[f"{name}, later"].append(place.serve(binary))
            runtime = place.folder / "runtime"
            sizes[name] = sum(path.lstat().st_size for path in runtime.rglob("*") if path.is_file()) / 1e6
    lines = [f"| seconds until | {' | '.join(rows)} |", "|---" * (1 + len(rows)) + "|"]
    for at, what in enumerate(("it answers", "its worker is ready", "the first picture")):
        lines.append(f"| {what} | " + " | ".join(_spread([one[at] for one in rows[arm]]) for arm in rows) + " |")
    unpacked = ", ".join(f"{name} {size:.0f} MB" for name, size in sizes.items())
    return "\n".join([*lines, "", f"Median of {rounds} rounds in turn (least to most). Unpacked by then: {unpacked}."])


def _head() -> str:
    described = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in described if line.startswith("model name")), "")
    machine = f"{os.cpu_count()} cores of {model or platform.machine()}, {platform.system()}"
    return f"{datetime.now(UTC):%Y-%m-%d}, {machine}. `python -m bench.binary`"


def _spread(values: list[float]) -> str:
    if any(math.isnan(value) for value in values):
        return "never: its worker can't be started"
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, nargs="?", default=ROOT / "models.example/toybox.safetensors")
    parser.add_argument("--before", type=Path, help="an earlier one file")
    parser.add_argument("--only", choices=("light", "idle", "busy"))
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    binaries = {"one file": OURS, "before": options.before, "naive": NAIVE}
    binaries = {name: path.resolve() for name, path in binaries.items() if path is not None and path.exists()}
    print(_head(), *(f"{name}: {path.stat().st_size / 1e6:.1f} MB" for name, path in binaries.items()), sep="\n")
    with tempfile.TemporaryDirectory(prefix="imagine-bench-") as name:
        place = Place(Path(name), options.model)
        if options.only in (None, "light"):
            print("", light(place, binaries), sep="\n", flush=True)
        if options.only in (None, "idle"):
            print("\nIdle:\n", heavy(place, binaries, options.rounds), sep="\n", flush=True)
        if options.only in (None, "busy"):
            with neighbour():
                print("\nBeside a busy process:\n", heavy(place, binaries, options.rounds), sep="\n", flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["naive"]:
        build_naive()
    else:
        _main()
