"""The one-file binary against what PyInstaller makes by itself of the same stack: size, starts, first picture.

`python -m bench.binary naive` builds the latter into build/naive (minutes); `python -m bench.binary MODEL` measures
both in turn and writes bench/results/binary.md.
"""

from __future__ import annotations

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
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bench.arms import interleaved

ROOT = Path(__file__).parents[1]
OURS = ROOT / "dist/imagine"
NAIVE = ROOT / "build/naive/dist/imagine"
RESULTS = ROOT / "bench/results/binary.md"
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
LIGHT_ROUNDS, HEAVY_ROUNDS = 3, 2


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
        """As if the binary had never been started."""
        shutil.rmtree(self.folder / "runtime", ignore_errors=True)

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


def measure(model: Path) -> str:
    """The tables."""
    with tempfile.TemporaryDirectory(prefix="imagine-bench-") as name:
        place = Place(Path(name), model)
        tables = [_head(), _sizes(), _light(place)]
        print("\n".join(tables), flush=True)
        return "\n".join([*tables, _heavy(place)])


def _light(place: Place) -> str:
    def first(*arguments: str) -> Callable[[], None]:
        act = place.command(OURS, *arguments)

        def again() -> None:
            place.forget()
            act()

        return again

    lines = [
        "## Seconds of light commands",
        "",
        "| command | naive | one file, first start | one file, later |",
        "|---|---|---|---|",
    ]
    for argument in ("--version", "list"):
        arms = {
            "naive": place.command(NAIVE, argument),
            "first": first(argument),
            "later": place.command(OURS, argument),
        }
        taken = interleaved(arms, LIGHT_ROUNDS)
        lines.append(f"| `imagine {argument}` | " + " | ".join(_spread(taken[arm]) for arm in arms) + " |")
    return "\n".join([*lines, "", f"Median of {LIGHT_ROUNDS} rounds in turn (least to most).", ""])


def _heavy(place: Place) -> str:
    rows: dict[str, list[tuple[float, float, float]]] = {"naive": [], "first": [], "later": []}
    for _ in range(HEAVY_ROUNDS):
        rows["naive"].append(place.serve(NAIVE))
        place.forget()
        rows["first"].append(place.serve(OURS))
        rows["later"].append(place.serve(OURS))
    size = sum(path.lstat().st_size for path in (place.folder / "runtime").rglob("*") if path.is_file())
    lines = [
        "## Seconds of `imagine serve`",
        "",
        "| until | naive | one file, first start | one file, later |",
        "|---|---|---|---|",
    ]
    for at, what in enumerate(("it answers", "its worker is ready", "the first picture")):
        lines.append(f"| {what} | " + " | ".join(_spread([one[at] for one in rows[arm]]) for arm in rows) + " |")
    note = f"Median of {HEAVY_ROUNDS} rounds in turn (least to most). Unpacked it takes {size / 1e6:.0f} MB, once."
    return "\n".join([*lines, "", note, ""])


def _head() -> str:
    described = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in described if line.startswith("model name")), "")
    machine = f"{os.cpu_count()} cores of {model or platform.machine()}, {platform.system()}"
    return f"# The one-file binary\n\n{datetime.now(UTC):%Y-%m-%d}, {machine}. `python -m bench.binary`\n"


def _sizes() -> str:
    ours, naive = OURS.stat().st_size / 1e6, NAIVE.stat().st_size / 1e6
    return f"## Size\n\n| naive | one file |\n|---|---|\n| {naive:.1f} MB | {ours:.1f} MB |\n"


def _spread(values: list[float]) -> str:
    if any(math.isnan(value) for value in values):
        return "never: its worker can't be started"
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    if sys.argv[1:] == ["naive"]:
        build_naive()
    else:
        RESULTS.parent.mkdir(exist_ok=True)
        found = measure(Path(sys.argv[1] if len(sys.argv) > 1 else "models.example/toybox.safetensors"))
        RESULTS.write_text(found)
        print(found)
