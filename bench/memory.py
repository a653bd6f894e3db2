"""What the gateway and its worker hold, of two source trees: idle, loaded, over a few hundred mixed pictures, unloaded.

    python -m bench.memory BEFORE AFTER [--rounds 2] [--pictures 300] [--model FILE] [--json FILE]

Each tree is a folder that holds `src/`; both are copied first, and go in turn. They draw the same pictures by the
shipped model. `--model` is a large checkpoint (`python -m bench.load --folder` leaves one of SD1.5's shape), drawn with
at its native size. A peak is the most since the look before it. Prints Markdown, and exits 1 where a peak grew by more
than 3 %.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from random import Random
from typing import Any

from bench.arms import PROMPT
from bench.trees import Side, commit_of, in_turn, until_ready
from tests.faults.soak import photo
from tools.same_pictures.tree import Server

LIMIT = 1.03
"""How many times the peak of before may be reached."""
REST = 8.0
"""Seconds after which a worker without work has given back what it freed."""
PICTURES = "{} mixed pictures"
UNLOADED = "unloaded"
SAMPLERS = ("euler", "euler a", "dpm++ 2m", "dpm++ 2m sde", "lms", "unipc")
SIZES = ((128, 128), (64, 64), (192, 88), (72, 200), (256, 256), (96, 160))
KINDS: tuple[dict[str, Any], ...] = (
    {}, {"num_steps": 8}, {"count": 3}, {"neg": "a blue tree", "guidance": 9}, {"reproducible": True},
    {"img": True, "strength": 0.6}, {"img": True, "extend": {"right": 24}}, {"hires": 1.5},
    {"hires": {"scale": 1.5, "upscaler": "latent"}}, {"preview": "linear", "stream": 1},
    {"preview": "vae", "stream": 1},
    {"sampler": "heun", "num_steps": 9}, {"buckets": "4x4", "sampler": "euler", "num_steps": 4},
    {"buckets": "16x2", "sampler": "euler", "num_steps": 2},
    {"prompt": "a [red|blue] star " + "on a white background, " * 30}, {"clip": 2},
)  # fmt: skip
"""Kinds of pictures; `img` stands for one that is given."""


@dataclass(frozen=True)
class Held:
    """What a process holds at a moment, in MB: of its own, of files, its share, and the most since the last look."""

    anon: float
    file: float
    pss: float
    peak: float

    @classmethod
    def by(cls, pid: int) -> Held:
        """Looks at a process, and begins its peak anew."""
        status = Path(f"/proc/{pid}/status").read_text() + Path(f"/proc/{pid}/smaps_rollup").read_text()
        seen = {name: int(kib) * 1024 / 1e6 for name, kib in re.findall(r"^(\w+):\s+(\d+) kB", status, re.MULTILINE)}
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # proc(5): resets VmHWM
        return cls(seen["RssAnon"], seen["RssFile"], seen["Pss"], seen["VmHWM"])


Figures = dict[tuple[str, str], dict[str, list[Held]]]
"""By moment and process, and then by tree: one a round."""


def both(server: Server) -> Iterator[tuple[str, Held]]:
    # Beside it may be a process that makes a file's SHA-256.
    (worker,) = [each for each in server.daemon.workers if "imagine.worker" in each.cmdline()]
    yield "gateway", Held.by(server.daemon.process.pid)
    yield "worker", Held.by(worker.pid)


def requests(count: int) -> Iterator[dict[str, Any]]:
    """So many bodies, the same ones every time."""
    random = Random(13)
    for number in range(count):
        width, height = random.choice(SIZES)
        body: dict[str, Any] = {
            "prompt": PROMPT, "model": "toybox", "seed": number, "width": width, "height": height,
            "num_steps": random.randint(3, 6), "sampler": random.choice(SAMPLERS),
        } | KINDS[number % len(KINDS)]  # fmt: skip
        if body.pop("img", False):
            body["img"] = photo(random)
        yield body


def draw(server: Server, body: dict[str, Any]) -> None:
    if not server.lines(body):
        raise RuntimeError("no picture came")


def unload(server: Server, model: str) -> None:
    """Let it go, and wait until the memory of it had its time to go back."""
    url = f"{server.daemon.url}/models/{model}/loaded"
    with urllib.request.urlopen(urllib.request.Request(url, method="DELETE")) as answer:
        answer.read()
    time.sleep(REST)


def small(server: Server, pictures: int) -> Iterator[tuple[str, str, Held]]:
    """The shipped model's moments: which, whose, what."""
    yield from (("idle", *held) for held in both(server))
    draw(server, {"prompt": PROMPT, "model": "toybox", "num_steps": 2, "width": 128, "height": 128})
    yield from (("Toybox, first picture", *held) for held in both(server))
    for body in requests(pictures):
        draw(server, body)
    yield from ((f"Toybox, {PICTURES.format(pictures)}", *held) for held in both(server))
    unload(server, "toybox")
    yield from ((f"Toybox, {UNLOADED}", *held) for held in both(server))


def large(server: Server, model: str) -> Iterator[tuple[str, str, Held]]:
    """A large checkpoint's moments."""
    list(both(server))
    for words, asked in (("first picture", {}), ("later", {"num_steps": 1}), ("halved", {"width": 256, "height": 256})):
        draw(server, {"prompt": PROMPT, "model": model, "num_steps": 2, "seed": 1} | asked)
        yield from ((f"{model}, {words}", *held) for held in both(server))
    unload(server, model)
    yield from ((f"{model}, {UNLOADED}", *held) for held in both(server))


def measure(sources: dict[str, Path], rounds: int, pictures: int, checkpoint: Path | None) -> Figures:
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / "models"
        models.mkdir()
        if checkpoint is not None:
            (models / checkpoint.name).hardlink_to(checkpoint)
        sides = {name: Side(source, Path(folder) / name, models) for name, source in sources.items()}
        for number in range(rounds):
            for name in in_turn(("before", "after"), number):
                for moment, process, held in one(sides[name], models, pictures, checkpoint):
                    figures.setdefault((moment, process), {}).setdefault(name, []).append(held)
                    print(f"{name}: {process}, {moment}: {held}", flush=True)
                print(f"round {number + 1} of {rounds}, {name}", flush=True)
    return figures


def one(side: Side, models: Path, pictures: int, checkpoint: Path | None) -> Iterator[tuple[str, str, Held]]:
    """A round of one tree; each model in a server of its own."""
    home = models.parent / "homes" / side.tree.source.name
    if pictures:
        with side.tree.server(home, "-m", str(side.tree.source / "models.example")) as server:
            until_ready(server)
            yield from small(server, pictures)
    if checkpoint is not None:
        with side.tree.server(home, "-m", str(models)) as server:
            until_ready(server)
            yield from large(server, checkpoint.stem)


def middle(seen: Sequence[Held], name: str) -> float:
    return statistics.median(getattr(held, name) for held in seen)


def grown(figures: Figures) -> list[str]:
    """Which peaks are above the limit."""
    peaks = {where: [middle(seen[name], "peak") for name in ("before", "after")] for where, seen in figures.items()}
    return [f"{moment}, {process}" for (moment, process), (old, new) in peaks.items() if new > LIMIT * old]


def table(figures: Figures) -> str:
    """Before → after in each column, and the ratio of the peaks with its least and most."""
    names = [field.name for field in fields(Held)]
    lines = [f"| process | moment | {' | '.join(names)} | peak, after / before |", "|---" * (len(names) + 3) + "|"]
    for moment, process in sorted(figures, key=lambda where: where[1]):
        seen = figures[moment, process]
        cells = [f"{middle(seen['before'], name):.0f} → {middle(seen['after'], name):.0f}" for name in names]
        ratios = [new.peak / old.peak for old, new in zip(seen["before"], seen["after"], strict=True)]
        cells.append(f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")
        lines.append(f"| {process} | {moment} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--pictures", type=int, default=300, help="by the shipped model; 0 leaves it out")
    parser.add_argument("--model", type=Path, help="a large checkpoint")
    parser.add_argument("--json", type=Path, help="where to write every value")
    options = parser.parse_args()
    os.environ.pop("OMP_WAIT_POLICY", None)  # nobody's server has it
    sources = {"before": options.before.resolve(), "after": options.after.resolve()}
    figures = measure(sources, options.rounds, options.pictures, options.model)
    print(f"{ {name: commit_of(source) for name, source in sources.items()} }, MB, median of {options.rounds}\n")
    print(table(figures))
    if options.json:
        found = {f"{process}, {moment}": {name: [asdict(held) for held in seen[name]] for name in seen}
                 for (moment, process), seen in figures.items()}  # fmt: skip
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    if above := grown(figures):
        raise SystemExit(f"more than {LIMIT} times the peak of before: {'; '.join(above)}")


if __name__ == "__main__":
    main()
