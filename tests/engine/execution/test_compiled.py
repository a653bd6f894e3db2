"""Models that torch compiles: honoured where it can be, else refused by what is missing, and said in recipes."""

import shutil
import sys

import msgspec
import pytest
import torch

from imagine.engine.device.device import Device
from imagine.engine.execution import compiled
from imagine.words.errors import BadRequest, Unsupported
from imagine.words.frames import WorkerSettings
from tests.checkpoints import tiny_modules
from tests.engine.adapters.low_rank import used, write_low_rank
from tests.engine.running import engine_of, made, model_at, picture, wish
from tests.engine.test_accelerator import alike


@pytest.fixture
def by_eager(monkeypatch):
    """All of torch's compiler but its last part, which takes minutes: what it has traced runs as it is."""
    compile_ = torch.compile
    monkeypatch.setattr(torch, "compile", lambda network, **options: compile_(network, backend="eager", **options))


@pytest.mark.slow  # torch's compiler
def test_it_is_asked_for_of_all_models_or_of_one_and_stands_in_the_recipe(checkpoints, by_eager):
    path = checkpoints()[0]
    engine = engine_of()
    plain = made(engine, wish(model_at(path), num_steps=2))
    assert "compiled" not in plain.meta["environment"]
    drawn = made(engine, wish(model_at(path, compile=True), num_steps=2))
    assert {"compiled": "inductor", "layout": "channels_last"}.items() <= drawn.meta["environment"].items()
    assert alike(picture(drawn), picture(plain)) < 1
    assert made(engine, wish(model_at(path), num_steps=2)).data == plain.data, "another model, which shares nothing"


@pytest.mark.parametrize(
    ("lacks", "code"),
    [("compiler", "compile.compiler"), ("source", "compile.binary"), ("device", "compile.device")],
)
def test_what_is_missing_is_named(monkeypatch, lacks, code):
    device = torch.device("mps" if lacks == "device" else "cpu")
    if lacks == "compiler":
        monkeypatch.setattr(shutil, "which", lambda name: None)
    if lacks == "source":
        monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(Unsupported) as refused:
        compiled.check_compiles(device)
    assert (refused.value.note.code, refused.value.field) == (code, "compile")


def test_adapters_are_refused_rather_than_left_out(checkpoints, by_eager, tmp_path):
    write_low_rank(tmp_path / "a.safetensors", {"denoiser": tiny_modules().unet}, 1)
    asked = wish(model_at(checkpoints()[0], compile=True), num_steps=2)
    with pytest.raises(Unsupported, match="loras"):
        made(engine_of(), msgspec.structs.replace(asked, adapters=(used(tmp_path / "a.safetensors", "a", 0.7),)))


def test_sums_in_half_precision_are_asked_for_and_only_on_cuda(accelerator, monkeypatch):
    products = torch.backends.cuda.matmul
    with pytest.raises(BadRequest, match="fp16_accumulation"):
        Device(WorkerSettings(device="cpu", fp16_accumulation=True))
    accelerator()
    for asked, told in ((False, "float32"), (True, "float16"), (False, "float32")):
        device = Device(WorkerSettings(device="cuda", fp16_accumulation=asked))
        assert device.environment("float16", spared=False)["accumulation"] == told
        assert products.allow_fp16_reduced_precision_reduction is asked
