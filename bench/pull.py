"""How fast models are pulled: beside a site that sends 125 MB/s and not more, and beside `curl` then `sha256sum`.

    python -m bench.pull [--size 1000] [--rounds 3]

A hub of this machine, in a process of its own, has one file of `--size` MB. First it sends 125 MB/s, all connections
together: which part of that are the bytes that come in, from the first to the last, and those of `curl`? Then as fast
as it can: the whole command, from its start to the file under its name, checked, is held against `curl` to a file
and `sha256sum` of it, in turn, within one round. What counts is the ratio, since machines have moods; seconds of a
processor, which each takes besides, tell how much of one is left to wait with.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from aiohttp import web

from imagine.cli.table import size_of
from tests.registry import declared

RATE = 125_000_000
"""Bytes a second: a line of a gigabit."""
PIECE = 2**18
NAME, COMMIT = "owner/fox", "ab" * 20


class Spent(NamedTuple):
    """What something took: seconds, and seconds of a processor."""

    whole: float
    computing: float


def _computed() -> float:
    """Seconds of a processor of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class PacedHub:
    """A hub with one file, sent at `rate` bytes a second by all connections together; 0 is as fast as it goes."""

    def __init__(self, path: Path, rate: int) -> None:
        self._path, self._rate, self._free = path, rate, 0.0
        self._digest = hashlib.sha256(path.read_bytes()).hexdigest()

    def app(self) -> web.Application:
        """What answers."""
        app = web.Application()
        app.router.add_get(f"/api/models/{NAME}/revision/{{revision}}", self._about)
        app.router.add_get(f"/{NAME}/resolve/{{commit}}/{{path}}", self._file)
        return app

    async def _about(self, _: web.Request) -> web.Response:
        size = self._path.stat().st_size
        file = {"rfilename": self._path.name, "size": size, "lfs": {"sha256": self._digest, "size": size}}
        return web.json_response({"id": NAME, "sha": COMMIT, "siblings": [file], "cardData": {}, "gated": False})

    async def _file(self, request: web.Request) -> web.StreamResponse:
        if not self._rate:
            return web.FileResponse(self._path)
        size = self._path.stat().st_size
        asked = request.http_range
        start, end = asked.start or 0, min(size if asked.stop is None else asked.stop, size)
        answer = web.StreamResponse(status=206, headers={"Content-Range": f"bytes {start}-{end - 1}/{size}"})
        answer.content_length = end - start
        await answer.prepare(request)
        with self._path.open("rb") as file:
            file.seek(start)
            while start < end:
                piece = file.read(min(PIECE, end - start))
                start += len(piece)
                await self._turn(len(piece))
                await answer.write(piece)
        return answer

    async def _turn(self, count: int) -> None:
        """Until `count` more bytes may be sent."""
        now = time.monotonic()
        self._free = max(self._free, now - 0.05) + count / self._rate
        if self._free > now:
            await asyncio.sleep(self._free - now)


async def _serve(path: Path, rate: int) -> None:
    runner = web.AppRunner(PacedHub(path, rate).app())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


@contextlib.contextmanager
def hub(path: Path, rate: int) -> Iterator[str]:
    """Where a hub of its own process is."""
    command = [sys.executable, "-m", "bench.pull", "--serve", str(path), "--rate", str(rate)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def pulled(at: str, path: Path, folder: Path) -> tuple[Spent, float]:
    """What the whole command took, and bytes a second while they came."""
    environ = os.environ | {"IMAGINE_HOME": str(folder), "HF_ENDPOINT": at, "HF_HUB_OFFLINE": "0"}
    command = [sys.executable, "-m", "imagine", "pull", f"{NAME}/{path.name}", "--yes", "--json"]
    came: list[tuple[float, int]] = []
    began, before = time.perf_counter(), _computed()
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said = json.loads(line)
            if said["status"] == "pulling" and said.get("completed") is not None:
                came.append((time.perf_counter(), said["completed"]))
        assert process.wait() == 0
    spent = Spent(time.perf_counter() - began, _computed() - before)
    (first, had), (last, has) = came[0], came[-1]
    shutil.rmtree(folder)
    return spent, (has - had) / (last - first)


def fetched(at: str, path: Path, folder: Path) -> tuple[Spent, float]:
    """What is taken by `curl` to a file, and then `sha256sum` of it; and bytes a second of the first."""
    folder.mkdir()
    file = folder / path.name
    began, before = time.perf_counter(), _computed()
    subprocess.run(["curl", "-sfo", str(file), f"{at}/{NAME}/resolve/{COMMIT}/{path.name}"], check=True)
    came = time.perf_counter() - began
    subprocess.run(["sha256sum", str(file)], check=True, capture_output=True)
    spent = Spent(time.perf_counter() - began, _computed() - before)
    shutil.rmtree(folder)
    return spent, path.stat().st_size / came


def main() -> None:
    """Prints the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1000, help="megabytes of the file")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", type=Path)
    parser.add_argument("--rate", type=int, default=0)
    asked = parser.parse_args()
    if asked.serve:
        asyncio.run(_serve(asked.serve, asked.rate))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "fox.safetensors"
        header, size = declared.header_json({"blob": (asked.size * 500_000,)})
        with path.open("wb") as file:
            file.write(len(header).to_bytes(8, "little") + header)
            for done in range(0, size, 2**20):
                file.write(os.urandom(min(2**20, size - done)))
        print(f"a file of {size_of(path.stat().st_size)}")
        with hub(path, RATE) as at:
            for _ in range(asked.rounds):
                spent, rate = pulled(at, path, folder / "home")
                _, theirs = fetched(at, path, folder / "curl")
                said = f"{rate / RATE:.3f} of it come in, {theirs / RATE:.3f} by curl: {rate / theirs:.2f}"
                print(f"125 MB/s: {said}; {_said(spent)} in all")
        ratios = []
        with hub(path, 0) as at:
            for turn in range(asked.rounds):
                arms = [lambda: pulled(at, path, folder / "home")[0], lambda: fetched(at, path, folder / "curl")[0]]
                ours, other = (arm() for arm in arms) if turn % 2 == 0 else reversed([arm() for arm in arms[::-1]])
                ratios.append(other.whole / ours.whole)
                said = f"imagine pull {_said(ours)}, curl and sha256sum {_said(other)}: {ratios[-1]:.2f}"
                print(f"as fast as it goes: {said}")
        print(f"of the speed of curl and sha256sum: {statistics.median(ratios):.2f}")


def _said(spent: Spent) -> str:
    return f"{spent.whole:.2f} s ({spent.computing:.2f} s of a processor)"


if __name__ == "__main__":
    main()
