"""What a worker imports until it is ready and while it draws, to the package; and that all of the rest still comes."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from imagine.engine.sampling.noise import Noise
from imagine.engine.sampling.schedules import scheduler_for
from imagine.files import shipped
from imagine.registry.registry import Registry
from imagine.server.gateway.gateway import model_from
from imagine.words.frames import PreviewSettings, Submit, encode
from imagine.words.recipe import GenerationParams
from imagine.words.samplers import SAMPLERS

PACKAGES = {
    "PIL", "diffusers", "filelock", "huggingface_hub", "msgspec", "numpy", "packaging", "psutil", "safetensors",
    "tokenizers", "torch", "torchgen", "tqdm", "typing_extensions", "yaml",
}  # fmt: skip
"""All that a worker imports from outside, beside Python's own: torch, what its engine uses, and what those bring."""
BROUGHT = {"_distutils_hack", "anyio", "gguf", "h11", "httpcore2", "httpx2", "idna", "sniffio", "truststore"}
"""What of them speaks HTTP for huggingface_hub, which depends on what is installed; setuptools' own hook; and the GGUF
reader that tests compare ours with, which diffusers takes along where it is installed."""
NETWORKS = {
    "diffusers.models.transformers.dual_transformer_2d", "diffusers.models.transformers.transformer_2d",
}  # fmt: skip
"""Of the many networks that diffusers has."""

WORKER = """
import json, sys
from imagine.engine.engine import Engine
from imagine.words.events import Failed, Finished
from imagine.words.frames import Assembler, WorkerSettings, command_from_bytes

def imported():
    loaded = {name: module for name, module in sys.modules.items() if module is not None}
    outside = [name for name, module in loaded.items() if "site-packages" in (getattr(module, "__file__", None) or "")]
    return {
        "packages": sorted({name.partition(".")[0] for name in outside}),
        "networks": sorted(name for name in loaded if name.startswith("diffusers.models.transformers.")),
        "compiler": sorted(name for name in loaded if name in ("torch._dynamo", "torch._inductor")),
    }

engine = Engine(WorkerSettings(device="cpu"))
said = {"ready": imported()}
for body in Assembler().feed(sys.stdin.buffer.read()):
    engine.submit(command_from_bytes(body))
reports = []
while engine.busy:
    reports += engine.step()
said["ended"] = [type(report).__name__ for report in reports if isinstance(report, Finished | Failed)]
said["drawn"] = imported()
print(json.dumps(said))
"""
SCHEDULES = """
import json
from imagine.engine.sampling.noise import Noise
from imagine.engine.sampling.schedules import scheduler_for
from imagine.words.samplers import SAMPLERS
made = {f"{row.name}, {schedule}": scheduler_for(row, schedule, Noise(), 7).timesteps.tolist()
    for row in SAMPLERS.values() for schedule in row.schedules}
print(json.dumps(made))
"""
LATER = """
import json, sys
from imagine.engine.libraries.light import diffusers
import torch
said = {"before": [name for name in ("torch._dynamo", "transformers", "scipy") if name in sys.modules]}
said["pipeline"] = diffusers.StableDiffusion3Pipeline.__module__.rpartition(".")[2]
from transformers import CLIPTextModel
import diffusers.loaders.lora_base, diffusers.hooks
said["same"] = issubclass(CLIPTextModel, diffusers.loaders.lora_base.PreTrainedModel)
said["flux"] = diffusers.models.transformers.FluxTransformer2DModel is diffusers.FluxTransformer2DModel
said["hooks"] = diffusers.hooks.HookRegistry.__module__
said["compiled"] = torch.compile(lambda value: value + 1, backend="eager")(torch.ones(1)).tolist()
print(json.dumps(said))
"""


def told(code: str, given: bytes = b"") -> Any:
    """What a fresh process says, in JSON."""
    done = subprocess.run([sys.executable, "-c", code], input=given, capture_output=True, timeout=600)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout.splitlines()[-1])


def asked(sampler: str) -> Submit:
    registry = Registry([shipped.folder()])
    registry.refresh()
    model = model_from(registry.with_digest(registry.find("toybox")))
    params = GenerationParams(
        model=model.name, digest=model.digest, prompt="a red house", width=64, height=64, num_steps=10, guidance=2.0,
        sampler=sampler, seed=1,
    )  # fmt: skip
    return Submit(job=sampler, client="test", params=params, model=model, preview=PreviewSettings(every=1))


def test_a_worker_imports_what_it_needs_and_nothing_else() -> None:
    usual = ("euler", "euler a", "dpm++ 2m", "unipc", "heun", "lms")
    said = told(WORKER, b"".join(encode(asked(sampler)) for sampler in usual))
    assert said["ended"] == ["Finished"] * len(usual)
    for when in ("ready", "drawn"):
        assert set(said[when]["packages"]) - BROUGHT == PACKAGES, when
        assert set(said[when]["networks"]) == NETWORKS, when
        assert said[when]["compiler"] == [], when


@pytest.mark.slow  # every schedule twice, once in a process of its own
def test_schedules_are_the_same_where_libraries_came_late() -> None:
    made = {
        f"{row.name}, {schedule}": scheduler_for(row, schedule, Noise(), 7).timesteps.tolist()
        for row in SAMPLERS.values()
        for schedule in row.schedules
    }
    assert told(SCHEDULES) == made


@pytest.mark.slow  # imports transformers and torch's compiler
def test_what_waits_comes_when_it_is_used() -> None:
    assert told(LATER) == {
        "before": [],
        "pipeline": "pipeline_stable_diffusion_3",
        "same": True,
        "flux": True,
        "hooks": "diffusers.hooks.hooks",
        "compiled": [2.0],
    }
