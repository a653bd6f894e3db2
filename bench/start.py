"""How soon something is there: a worker, a server, the first picture, a command; two source trees beside bare Python.

    python -m bench.start BEFORE AFTER [--rounds 3] [--busy] [--light]

All from outside, on real processes, in turn: `python -c pass` and `import torch`, then before, after, after, before, …
What counts is the ratio within a round, since machines have moods. `--busy` has one more process use a core meanwhile;
`--light` leaves out what needs a worker to start.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

from bench.arms import PROMPT
from bench.trees import PARTS, commit_of, in_turn
from imagine.words.frames import Assembler, Ready, report_from_bytes
from tests.daemon import environment
from tools.same_pictures.tree import Server, Tree

ASKED = {"prompt": PROMPT, "model": "toybox", "width": 128, "height": 128, "num_steps": 4, "seed": 1}
TYPED = ("run", "-m", "toybox", "-w", "128", "-h", "128", "-n", "4", "--seed", "1", "-o", "out.png", PROMPT)
COMMANDS = {"imagine --version": ("--version",), "imagine --help": ("--help",), "imagine list": ("list",)}
FLOOR = "import click, msgspec, http.client, json"
"""Without which no command is that parses options and asks a server."""
_START = """
import sys
from imagine.words.frames import Start, WorkerSettings, encode
sys.stdout.buffer.write(encode(Start(settings=WorkerSettings(device="cpu"))))
"""

Figures = dict[str, dict[str, list[float]]]
"""By figure and by arm: a value a round, in seconds or megabytes."""


class Side:
    """One of the two trees: a copy of it, with a home of its own."""

    def __init__(self, source: Path, folder: Path) -> None:
        self.folder = folder
        for part in PARTS:
            if (source / part).exists():
                shutil.copytree(source / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        self.tree = Tree(folder)
        self._python = ["/usr/bin/env", f"PYTHONPATH={folder / 'src'}", sys.executable]
        self._start = subprocess.run([*self._python, "-c", _START], capture_output=True, check=True).stdout

    def command(self, *arguments: str, **more: str) -> float:
        """Seconds of `imagine ARGUMENTS`."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        seen = environment(home, **more)
        begun = time.perf_counter()
        subprocess.run(self.tree.imagine(*arguments), env=seen, cwd=home, check=True, capture_output=True)
        return time.perf_counter() - begun

    def worker(self) -> float:
        """Seconds from a worker's start to its word that it is ready."""
        begun = time.perf_counter()
        command = [*self._python, "-P", "-m", "imagine.worker"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as worker:
            assert worker.stdin is not None
            assert worker.stdout is not None
            worker.stdin.write(self._start)
            worker.stdin.flush()
            frames = Assembler()
            while piece := os.read(worker.stdout.fileno(), 2**16):
                if any(isinstance(report_from_bytes(body), Ready) for body in frames.feed(piece)):
                    seconds = time.perf_counter() - begun
                    worker.kill()
                    return seconds
            raise RuntimeError(f"the worker ended: {worker.communicate()[1].decode()}")

    def alone(self) -> float:
        """Seconds of `imagine run` where no server is, which starts a private one, to the picture in its file."""
        before = set(psutil.pids())
        seconds = self.command(*TYPED)
        for process in psutil.process_iter():
            if process.pid not in before and "--private" in _words(process):
                process.kill()
                process.wait()
        return seconds

    def serve(self) -> Iterator[tuple[str, float]]:
        """Of one server: until it answers, its memory, the first picture; then what a command adds to a request."""
        begun = time.perf_counter()
        with self.tree.server(self.folder / "served", "-m", str(self.folder / "models.example")) as server:
            server.ask("/health")
            yield "imagine serve answers", time.perf_counter() - begun
            draw(server)
            yield "imagine serve, to the first picture", time.perf_counter() - begun
            yield "gateway, MB", psutil.Process(server.daemon.process.pid).memory_info().rss / 1e6
            draw(server)
            for _ in range(3):
                asked, typed = timed(lambda: draw(server)), self.command(*TYPED, IMAGINE_HOST=server.daemon.url)
                yield "imagine run, over its request", typed - asked


def _words(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []


def draw(server: Server) -> None:
    body = json.dumps(ASKED).encode()
    request = urllib.request.Request(server.daemon.url + "/generate", body, {"Accept": "image/png"})
    with urllib.request.urlopen(request) as answer:
        assert answer.read(4) == b"\x89PNG"
        answer.read()


def timed(work: object) -> float:
    begun = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - begun


def bare(code: str) -> float:
    """Seconds of a Python that only does this, to its end."""
    return timed(lambda: subprocess.run([sys.executable, "-c", code], check=True))


def imported(module: str) -> float:
    """Seconds until a Python has imported a module: ending takes torch a quarter as long again, and no worker ends."""
    begun = time.perf_counter()
    command = [sys.executable, "-c", f"import {module}; print(flush=True)"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        seconds = time.perf_counter() - begun
        process.kill()
    return seconds


def one_round(sides: Mapping[str, Side], number: int, light: bool) -> Iterator[tuple[str, str, float]]:
    """Every figure of both trees, and of bare Python: its name, whose, and the value."""
    order = in_turn(tuple(sides), number)  # type: ignore[arg-type]
    for _ in range(5):
        yield "python -c pass", "bare", bare("pass")
        yield FLOOR, "bare", bare(FLOOR)
        for name in order:
            for figure, arguments in COMMANDS.items():
                yield figure, name, sides[name].command(*arguments)
    if light:
        return
    yield "import torch", "bare", imported("torch")
    for name in order:
        yield "worker ready", name, sides[name].worker()
    for name in order:
        for figure, value in sides[name].serve():
            yield figure, name, value
    for name in order:
        yield "imagine run without a server", name, sides[name].alone()


@contextlib.contextmanager
def neighbour(busy: bool) -> Iterator[None]:
    """A process that uses a core as long as the block lasts, where there is to be one."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if busy else None
    try:
        yield
    finally:
        if process is not None:
            process.kill()
            process.wait()


def table(figures: Figures) -> str:
    """A line a figure: both arms, their ratio, and that of the latter to what it should be compared with."""
    middle = {name: {arm: statistics.median(values) for arm, values in arms.items()} for name, arms in figures.items()}
    passed = middle["python -c pass"]["bare"]
    torch = middle.get("import torch", {}).get("bare")
    lines = ["| what | before | after | after / before | after beside |", "|---|---|---|---|---|"]
    for name, arms in middle.items():
        if "bare" in arms:
            continue
        beside = f"{arms['after'] / passed:.2f} × `python -c pass`" if "imagine" in name else ""
        if torch and ("worker" in name or "first" in name or "without" in name):
            beside = f"{arms['after'] / torch:.2f} × `import torch`"
        ratio = arms["after"] / arms["before"]
        lines.append(f"| {name} | {arms['before']:.3f} | {arms['after']:.3f} | {ratio:.2f} | {beside} |")
    bare_lines = [f"{name}: {arms['bare']:.3f} s" for name, arms in middle.items() if "bare" in arms]
    return "\n".join([*lines, "", ", ".join(bare_lines)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("--light", action="store_true")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a warm start has its bytecode
    sources = {"before": options.before.resolve(), "after": options.after.resolve()}
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        sides = {name: Side(source, Path(folder) / name) for name, source in sources.items()}
        for side in sides.values():  # their bytecode
            side.command("list")
            if not options.light:
                side.worker()
        with neighbour(options.busy):
            for number in range(options.rounds):
                for figure, arm, value in one_round(sides, number, options.light):
                    figures.setdefault(figure, {}).setdefault(arm, []).append(value)
    commits = {name: commit_of(source) for name, source in sources.items()}
    print(f"{commits}, {'beside a busy process' if options.busy else 'idle'}, {options.rounds} rounds\n")
    print(table(figures))


if __name__ == "__main__":
    main()
