"""Small networks' batches in shares: the same ones on any machine, told in recipes, and made again as they tell."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from imagine.engine.adapters.adapter import Adapter, Bound
from imagine.engine.adapters.mix import Mix, MixRows, Strengths
from imagine.engine.execution.execution import Inputs
from imagine.engine.execution.shares import Shared, in_shares, rows_of_share
from imagine.engine.parts.denoiser import DenoiserPart
from imagine.engine.threads import alone as threads
from imagine.engine.threads.alone import dealt
from tests.engine.running import engine_of, finished, made, run, wish

TOYBOX, SD1 = 10_347_348, 859_520_964


@pytest.fixture(params=[0, 1, 3])
def beside(request, monkeypatch):
    """So many threads beside this one."""
    monkeypatch.setattr(threads, "_BESIDE", request.param)
    with ThreadPoolExecutor(max(1, request.param), initializer=threads.stay_alone) as pool:
        monkeypatch.setattr(threads, "_threads", pool)
        yield request.param


class Network(nn.Module):
    """Of convolutions, whose kernels differ by the number of rows and threads; notes how many rows it was given."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(4, 64, 3, padding=1), nn.GroupNorm(8, 64), nn.SiLU(), nn.Conv2d(64, 4, 3))
        self.seen = []

    def run(self, given):
        self.seen.append((len(given.latents), torch.get_num_threads()))
        more = given.timesteps + given.context.sum((1, 2)) + given.added["sizes"].sum(1)
        return self.layers(given.latents) + more[:, None, None, None]


def inputs(rows):
    generator = torch.Generator().manual_seed(rows)
    latents, context = (torch.randn(rows, *shape, generator=generator) for shape in ((4, 16, 16), (3, 8)))
    return Inputs(latents, torch.arange(float(rows)), context, {"sizes": torch.arange(rows * 2.0).reshape(rows, 2)})


def part(given, first, rows):
    cut = [value[first : first + rows].clone() for value in given[:3]]
    return Inputs(*cut, {name: value[first : first + rows].clone() for name, value in given.added.items()})


@pytest.mark.parametrize(
    ("weights", "places", "rows"),
    [
        (TOYBOX, 16 * 16, 8), (TOYBOX, 8 * 8, 32), (TOYBOX, 24 * 24, 4), (TOYBOX, 32 * 32, 2), (TOYBOX, 48 * 48, 1),
        (TOYBOX, 64 * 64, 0), (SD1, 8 * 8, 0), (SD1, 64 * 64, 0), (1000, 64, 32),
    ],
)  # fmt: skip
def test_what_a_share_has_follows_from_weights_and_places_alone(weights, places, rows):
    assert rows_of_share(weights, places) == rows


@torch.inference_mode()
def test_a_share_has_the_bits_of_so_many_rows_on_one_thread_however_many_threads_there_are(beside):
    network, given, number = Network(), inputs(16), torch.get_num_threads()
    with in_shares(4):
        made_in_shares = Shared(network).run(given)
    assert network.seen == [(4, 1)] * 4
    assert torch.get_num_threads() == number
    with threads.alone():
        assert torch.equal(made_in_shares, torch.cat([network.run(part(given, first, 4)) for first in (0, 4, 8, 12)]))
    network.seen.clear()
    Shared(network).run(given)
    assert network.seen == [(16, number)], "nobody asked for shares"


def test_works_are_dealt_out_once_each_and_the_asking_thread_takes_part(beside):
    met, took = threading.Barrier(beside + 1), set()

    def work(number):
        if number <= beside:  # the first ones wait for each other: each is with another thread
            met.wait(timeout=120)
        took.add(threading.get_ident())
        return number

    count = 3 * beside + 2
    assert dealt([lambda number=number: work(number) for number in range(count)]) == list(range(count))
    assert threading.get_ident() in took
    assert len(took) == beside + 1


def test_a_share_that_fails_fails_the_forward_once_no_other_is_at_work(beside):
    working = set()

    def run(given):
        first = float(given.timesteps[0])
        working.add(first)
        try:
            if first == 2:
                raise RuntimeError("out of memory")
            return given.latents
        finally:
            working.remove(first)

    network = Network()
    network.run = run
    with in_shares(2), pytest.raises(RuntimeError, match="memory"):
        Shared(network).run(inputs(8))
    assert not working


@pytest.mark.parametrize("bucket", [1, 2, 4])
@pytest.mark.parametrize("rows", [1, 2, 8])
def test_an_adapter_is_beside_its_own_rows_in_whatever_share_they_are(bucket, rows):
    layer = nn.Linear(16, 16).requires_grad_(False)
    network = nn.Sequential(layer)
    bound = Bound({"denoiser": {"0": lambda given, weight: given * 3 * weight}})
    adapter = Adapter("ab", bound, {"denoiser": network})
    slot, given, inner = bucket - 1, inputs(2 * bucket), Network()
    inner.run = lambda cut: network(cut.latents)
    plain = inner.run(given)
    with MixRows(bucket, {slot: Mix(((adapter, Strengths(1.0, 0.0)),))}).beside(network), in_shares(rows):
        mixed = Shared(inner).run(given)
    for row in range(2 * bucket):
        added = given.latents[row] * 3 if row % bucket == slot else 0
        assert torch.allclose(mixed[row], plain[row] + added, atol=1e-5)


@pytest.fixture
def pairs(sd1, monkeypatch):
    """An engine of which a share is what one picture of the tiny checkpoint has, and the rows of its forwards."""
    seen = []

    def share(self, places, told=None):
        return 2 if told is None else told

    def shared(self, inputs, first, rows):
        seen.append(rows)
        return plain(self, inputs, first, rows)

    plain = Shared._share
    monkeypatch.setattr(DenoiserPart, "share", share)
    monkeypatch.setattr(Shared, "_share", shared)
    return seen


@pytest.mark.slow
def test_a_picture_of_a_crowd_is_made_again_from_the_shares_of_its_recipe(sd1, pairs, monkeypatch):
    crowd = finished(run(engine_of(), *(wish(sd1, str(i), seed=i, num_steps=6) for i in range(4))))
    assert set(pairs) == {2}, "one kind of shape, whatever the bucket"
    monkeypatch.undo()
    engine = engine_of()
    for report in crowd.values():
        told = report.meta["buckets"]
        assert all("/2x" in run for run in told.split(","))
        assert report.meta["environment"]["threads"] == 1
        again = made(engine, wish(sd1, seed=int(report.meta["seed"]), num_steps=6, buckets=told))
        assert again.meta == report.meta
        assert again.data == report.data


def test_a_small_network_is_made_in_shares_and_a_recipe_of_before_by_torchs_threads(sd1):
    now = made(engine_of(), wish(sd1, num_steps=2))
    assert (now.meta["buckets"], now.meta["environment"]["threads"]) == ("1/32x2", 1)
    before = made(engine_of(), wish(sd1, num_steps=2, buckets="1x2"))
    assert (before.meta["buckets"], before.meta["environment"]["threads"]) == ("1x2", torch.get_num_threads())


COUNT = """
import sys, threading
from imagine.processes.environment import prepare_libraries
prepare_libraries()
import psutil, torch
from tests.engine.running import SETTINGS, made, model_at, wish
from imagine.engine.engine import Engine

def others():
    return psutil.Process().num_threads() - threading.active_count()

for number in (1, torch.get_num_threads()):  # to be told a number starts threads as well, once
    torch.set_num_threads(number)
torch.ones(512, 512) @ torch.ones(512, 512)
before = others()
engine = Engine(SETTINGS)
model = model_at(sys.argv[1])
for seed in range(2):
    made(engine, wish(model, every=1, kind="vae", seed=seed))
print(others() - before, sorted(thread.name.rpartition("_")[0] for thread in threading.enumerate()))
"""


def test_pictures_leave_no_threads_of_torchs_but_the_engines_own(checkpoints):
    """Nor one that has opened a model."""
    command = [sys.executable, "-c", COUNT, str(checkpoints()[0])]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == f"0 {['', *['dealt'] * threads._BESIDE, 'pictures', 'pictures']}"
