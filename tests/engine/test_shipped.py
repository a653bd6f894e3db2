"""The shipped model through the engine, judged by its pixels: every sampler, many at once, and no network at all."""

import collections
import json
import shutil
import subprocess

import pytest
from PIL import Image

from imagine.asking.request import GenerateRequest
from imagine.asking.resolve import resolve, stated_by
from imagine.files import shipped
from imagine.registry.registry import Registry
from imagine.server.gateway.gateway import model_from
from imagine.words.frames import WorkerSettings
from imagine.words.samplers import SAMPLERS
from tests.daemon import CLI, PATIENCE, environment
from tests.engine.running import Engine, finished, picture, run, wish
from tools.toybox.judge import judge
from tools.toybox.world import Scene

MODEL = shipped.folder() / "toybox.safetensors"
if not MODEL.exists():
    pytest.skip("models.example/toybox.safetensors has not been trained yet: make toybox", allow_module_level=True)
SCENES = (
    Scene("house", "red", "blue"), Scene("star", "yellow", "purple"), Scene("fish", "orange", "green"),
    Scene("heart", "pink", "white"), Scene("tree", "green", "gray"),
)  # fmt: skip


EACH = 2
"""Pictures by each sampler, of scenes by turns: what each makes of which number of steps `tools/toybox` has judged."""


@pytest.fixture(scope="module")
def entry():
    registry = Registry([MODEL.parent])
    registry.refresh()
    return registry.with_digest(registry.find("toybox"))


def recipe(entry, scene, **said):
    """What a request that says only this becomes."""
    request = GenerateRequest(prompt=f"a {scene.colour} {scene.thing} on a {scene.background} background", **said)
    return resolve(request, model=entry, defaults=stated_by(entry), random_seed=lambda: 0).params[0]


@pytest.mark.slow
def test_every_sampler_draws_the_colours_that_were_asked_for(entry):
    engine, model = Engine(WorkerSettings(device="cpu", keep_alive=-1)), model_from(entry)
    jobs, asked = [], {}
    for number, (sampler, row) in enumerate(SAMPLERS.items()):
        steps = max(12, row.min_steps("default", "ordinary"))
        for seed, scene in enumerate(SCENES[(number + i) % len(SCENES)] for i in range(EACH)):
            job = f"{sampler} {seed}"
            params = recipe(entry, scene, sampler=sampler, num_steps=steps, seed=seed)
            jobs.append(wish(model, job, **{name: getattr(params, name) for name in params.__struct_fields__}))
            asked[job] = sampler, scene
    right = collections.defaultdict(list)
    for job, report in finished(run(engine, *jobs, most=100_000)).items():
        sampler, scene = asked[job]
        seen = judge(picture(report))
        right[sampler].append((seen.colour, seen.background) == (scene.colour, scene.background))
    rates = {sampler: sum(hits) / len(hits) for sampler, hits in right.items()}
    assert set(rates) == set(SAMPLERS)
    assert min(rates.values()) >= 0.5, rates
    assert sum(rates.values()) / len(rates) >= 0.95, rates


@pytest.mark.slow
def test_a_picture_without_any_network(tmp_path):
    """From an empty home, in a namespace that has not even a loopback interface."""
    unshare = ["unshare", "--user", "--map-root-user", "--net"]
    if not shutil.which("unshare") or subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine allows no network namespaces")
    here = environment(tmp_path, IMAGINE_KEEP_ALIVE="0")
    interfaces = subprocess.run([*unshare, "cat", "/proc/net/dev"], capture_output=True, text=True, check=True).stdout
    assert "eth" not in interfaces
    command = [*unshare, *CLI, "run", "a red house on a blue background", "--seed", "4", "-o", "house", "--json"]
    done = subprocess.run(
        command, env=here, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    seen = judge(Image.open(tmp_path / "house.png").convert("RGB"))
    assert (seen.thing, seen.colour, seen.background) == ("house", "red", "blue")
    assert json.loads((tmp_path / "house.json").read_text())["meta"]["model"] == "toybox"
