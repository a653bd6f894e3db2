"""What enlarging takes: memory of worker and gateway for a large picture, and the time of Toybox's first one.

    python -m bench.upscale [--side 2048] [--scale 4] [--rounds 7] [--busy]

A server of its own process draws one picture of Toybox, so that its worker holds what it holds in use; then a photo of
`--side`² pixels is enlarged, and its PNG read as it comes and thrown away. A peak is the most of resident memory, files
included, since just before. Then Toybox's picture at its own size and as it comes by default go in turn. `--busy`
has another process take a processor meanwhile. Prints Markdown, and exits 1 where a peak is above its bound.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import io
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image, ImageChops, ImageFilter

from bench.memory import Held
from bench.neighbour import neighbour
from tests.daemon import REAL, Daemon

ABOVE = 1500.0
"""MB that the worker may take above what it held, for 2048² to 8192²."""
GATEWAY = 90.0
"""MB that the gateway may hold."""
PROMPT = "a large red house on a green background"


def photo(side: int) -> bytes:
    """A PNG with what a photo has: soft shapes, edges, and some grain."""
    few = (side // 64, side // 64)
    soft = [Image.effect_noise(few, 90).resize((side, side), Image.Resampling.BICUBIC) for _ in "RGB"]
    edges = Image.effect_noise((side // 8, side // 8), 120).filter(ImageFilter.MedianFilter(5)).resize((side, side))
    bands = [Image.blend(one, edges, 0.3) for one in soft]
    grain = Image.effect_noise((side, side), 6)
    file = io.BytesIO()
    Image.merge("RGB", [ImageChops.add(band, grain, 1, -128) for band in bands]).save(file, "PNG")
    return file.getvalue()


def asked(daemon: Daemon, path: str, body: dict[str, Any], accept: str) -> tuple[float, int, bytes]:
    """Seconds, bytes, and the first of them; the answer is read in pieces, as a file would be written."""
    place = urlsplit(daemon.url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port)
    begun = time.perf_counter()
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json", "Accept": accept})
    answer = connection.getresponse()
    first, size = b"", 0
    while piece := answer.read(2**16):
        first, size = (first + piece if len(first) < 2**20 else first), size + len(piece)
    connection.close()
    if answer.status != 200:
        raise RuntimeError(first.decode())
    return time.perf_counter() - begun, size, first


def processes(daemon: Daemon) -> dict[str, int]:
    (worker,) = [each for each in daemon.workers if "imagine.worker" in each.cmdline()]
    return {"gateway": daemon.process.pid, "worker": worker.pid}


def large(daemon: Daemon, side: int, scale: float) -> list[str]:
    """Prints what it takes to enlarge a photo; which bounds it broke."""
    data = photo(side)
    body = {"img": base64.b64encode(data).decode(), "scale": scale}
    before = {name: Held.by(pid) for name, pid in processes(daemon).items()}
    seconds, size, _ = asked(daemon, "/upscale", body, "image/png")
    after = {name: Held.by(pid) for name, pid in processes(daemon).items()}
    made = round(side * scale)
    print(f"{side}² ({len(data) / 1e6:.1f} MB) → {made}² ({size / 1e6:.0f} MB) in {seconds:.1f} s\n")
    print("| process | held before, MB | peak, MB | above |\n|---|---|---|---|")
    for name, held in before.items():
        holds, peak = held.anon + held.file, after[name].peak
        print(f"| {name} | {holds:.0f} | {peak:.0f} | {peak - holds:.0f} |")
    broken = ["worker"] if after["worker"].peak - before["worker"].anon - before["worker"].file > ABOVE else []
    return broken + (["gateway"] if after["gateway"].peak > GATEWAY else [])


def first_picture(daemon: Daemon, rounds: int) -> None:
    """Prints the seconds of Toybox's picture, as it comes and at its own size, in turn."""
    arms: dict[str, dict[str, Any]] = {"128², its own": {"width": 128, "height": 128}, "512², by default": {}}
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    spent: list[float] = []
    for number in range(rounds + 1):  # the first is to warm up
        for name, more in arms.items():
            body = {"prompt": PROMPT, "model": "toybox", "seed": number} | more
            took, _, answer = asked(daemon, "/generate", body, "")
            if number:
                seconds[name].append(took)
                spent += [json.loads(answer)["timings"]["upscaling"]] if not more else []
    print("\n| Toybox's picture | s, median (least to most) |\n|---|---|")
    for name, values in seconds.items():
        print(f"| {name} | {statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f}) |")
    print(f"| of that, enlarging | {statistics.median(spent):.2f} ({min(spent):.2f} to {max(spent):.2f}) |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--scale", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--models", type=Path, default=Path("models.example"))
    parser.add_argument("--busy", action="store_true")
    options = parser.parse_args()
    os.environ.pop("OMP_WAIT_POLICY", None)  # nobody's server has it
    started = (REAL, "-m", str(options.models.resolve()), "-d", "cpu")
    with tempfile.TemporaryDirectory() as home, Daemon(Path(home), *started) as daemon:
        asked(daemon, "/generate", {"prompt": PROMPT, "model": "toybox", "width": 128, "height": 128}, "")
        with neighbour(options.busy):
            broken = large(daemon, options.side, options.scale) if options.side else []
            if options.rounds:
                first_picture(daemon, options.rounds)
    if broken:
        raise SystemExit(f"above the bound: {', '.join(broken)}")


if __name__ == "__main__":
    main()
