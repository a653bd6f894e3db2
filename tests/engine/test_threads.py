"""Torch's threads beside the engine's: none for previews and files, and as many as ever for whoever opens and draws."""

import subprocess
import sys

import pytest
import torch

PROGRAM = """
import threading
from types import SimpleNamespace

import numpy as np
import psutil
import torch

from imagine.engine.engine import Engine
from imagine.engine.whole.run import Run
from tests.engine.plain_family import PlainFamily, plain_model
from tests.engine.running import SETTINGS, made, wish

def started():
    "Torch's threads, and whoever else is none of Python's, once this thread has worked on a large product."
    torch.ones(512, 512) @ torch.ones(512, 512)
    return psutil.Process().num_threads() - threading.active_count()

STEPS = 3
had, seen, painted = [], [], threading.Event()

class Watched(PlainFamily):
    waits = False

    def denoise(self, latents, timesteps, rows):
        # A preview that wasn't begun is left out when the next is due, or the picture is done.
        if self.waits and self.calls.count("denoise") == STEPS:
            assert painted.wait(240)
        return super().denoise(latents, timesteps, rows)

    def decode(self, latents, *, tiled=False, wraps=False):
        if threading.current_thread().name.startswith("pictures"):
            before = psutil.Process().num_threads() - threading.active_count()
            seen.append((torch.get_num_threads(), started() - before))
            painted.set()
        return super().decode(latents, tiled=tiled)

def opened(*_):
    had.append(torch.get_num_threads())
    return watched

class Pipeline:
    components, dtype, scheduler = {}, torch.float32, None

    def __call__(self, output_type):
        had.append(torch.get_num_threads())
        return SimpleNamespace(images=[np.zeros((8, 8, 3))])

watched = Watched()
engine = Engine(SETTINGS, open_model=opened, measure=lambda _: 0)
assert made(engine, wish(plain_model(), num_steps=1))  # some libraries come with the first picture, and their threads
before = started()
watched.waits = True
assert made(engine, wish(plain_model(), every=1, kind="vae", num_steps=STEPS))
watched.waits = False
assert started() == before, "previews have left threads"
assert made(engine, wish(plain_model("other"), num_steps=1))
Run(Pipeline(), {}).advance()
print(torch.get_num_threads(), had, sorted(set(seen)))
"""


def test_only_who_makes_pictures_beside_the_steps_has_none():
    number = torch.get_num_threads()
    if number == 1:
        pytest.skip("one processor: torch starts no threads for anybody")
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.stdout.strip() == f"{number} {[number] * 3} [(1, 0)]", done.stderr
