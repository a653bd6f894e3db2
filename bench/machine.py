"""A server in a network namespace of its own, as on a machine of its own: to start, to ask, to lose."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from bench.fixed_worker import made_at
from tests.daemon import ROOT, environment

KEY = "b7c1f0d2e4a64c0f9d5e8a3b6c2d1e0f"
PORT = 5000
_PATIENCE = 120.0
_LOOK = 0.02
"""Seconds between two looks at `/health`."""


@dataclass
class SeenOrder:
    """What a client saw of one picture."""

    finals: int = 0
    errors: list[str] = field(default_factory=list)
    previews: list[tuple[float, float]] = field(default_factory=list)
    """Of each when it came, by the clock of `time.monotonic`, and for how many seconds it was on its way."""
    begun: float = 0.0
    """When its first step was seen, of its last life."""
    is_again: bool = False
    """Had it more lives than one?"""


class Machine:
    """The namespace `m{number}`, with the address 10.77.0.{number + 1}."""

    def __init__(self, number: int, folder: Path, session: aiohttp.ClientSession) -> None:
        self.space, self.place = f"m{number}", f"10.77.0.{number + 1}:{PORT}"
        self._folder, self._session = folder, session

    async def serve(self, *arguments: str, workers: Sequence[Machine] = ()) -> None:
        """Starts its server, for which those work, and waits until that answers."""
        home = self._folder / self.space
        seen = environment(home, IMAGINE_API_KEY=KEY)
        said = {"workers": [{"url": f"http://{worker.place}", "key": KEY} for worker in workers]}
        settings = home / "imagine.yaml"
        settings.write_text(json.dumps(said), encoding="utf-8")
        settings.chmod(0o600)
        command = [sys.executable, str(ROOT / "bench/fixed_serve.py"), *arguments, "--config", str(settings)]
        command += ["--host", "0.0.0.0", "--port", str(PORT), "-m", str(ROOT / "models.example")]
        with (self._folder / f"{self.space}.log").open("ab") as log:
            subprocess.Popen(
                ["ip", "netns", "exec", self.space, *command], stdout=log, stderr=log, start_new_session=True,
                env=seen, cwd=home,
            )  # fmt: skip
        async with asyncio.timeout(_PATIENCE):
            while await self.health() is None:
                await asyncio.sleep(_LOOK)

    async def health(self) -> dict[str, Any] | None:
        """What it says of itself; None: nobody answers."""
        try:
            async with self._session.get(f"http://{self.place}/health") as answer:
                told: dict[str, Any] = await answer.json()
                return told
        except (aiohttp.ClientError, TimeoutError):
            return None

    async def device(self, place: str) -> dict[str, Any]:
        """What it says of one of its devices."""
        told = await self.health()
        assert told is not None, f"{self.place} answers"
        [device] = [each for each in told["devices"] if each["device"] == place]
        return device | {"waiting": told["waiting"]}

    async def finished(self) -> int:
        """How many pictures it has finished since its start."""
        async with self._session.get(f"http://{self.place}/metrics") as answer:
            text = await answer.text()
        [line] = [line for line in text.splitlines() if line.startswith("imagine_pictures_total")]
        return int(float(line.split()[1]))

    async def draw(self, steps: int, seed: int) -> SeenOrder:
        """Has it make one picture, with a preview a step."""
        asked = {"model": "toybox", "prompt": "a house", "width": 64, "height": 64, "num_steps": steps, "seed": seed}
        seen, last = SeenOrder(), 0
        async with self._session.post(f"http://{self.place}/generate", json=asked | {"stream": 1}) as answer:
            async for text in answer.content:
                now, line = time.time(), json.loads(text)
                if "error" in line:
                    seen.errors.append(line["error"])
                elif line["status"] == "final":
                    seen.finals += 1
                elif line["status"] == "intermediate":
                    seen.previews.append((time.monotonic(), now - made_at(base64.b64decode(line["img"][-16:]))))
                    if line["step"] <= last or not last:
                        seen.begun, seen.is_again = time.monotonic(), last > 0
                    last = line["step"]
        return seen

    async def until(self, place: str, *, ready: bool) -> float:
        """Seconds until it says that a device of its is ready, or isn't."""
        begun = time.monotonic()
        async with asyncio.timeout(_PATIENCE):
            while ((await self.device(place))["state"] == "ready") is not ready:
                await asyncio.sleep(_LOOK)
        return time.monotonic() - begun

    def kill(self) -> None:
        """Every process of it at once."""
        listed = subprocess.run(["ip", "netns", "pids", self.space], capture_output=True, text=True, check=True)
        for process in listed.stdout.split():
            os.kill(int(process), signal.SIGKILL)

    def cable(self, *, plugged: bool) -> None:
        """Pulls it, or plugs it in again."""
        state = "up" if plugged else "down"
        subprocess.run(["ip", "-n", self.space, "link", "set", "eth0", state], check=True)
