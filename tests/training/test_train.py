"""A LoRA from pictures to file: what is learned, written, kept and told."""

import json
from pathlib import Path

import msgspec
import pytest
import torch
from PIL import Image
from safetensors import safe_open

from imagine.registry.describe import describe
from imagine.registry.scan import scan_one
from imagine.training import loop, trainer
from imagine.training.learners import attached, beside
from imagine.training.pictures import fitted, size_for
from imagine.training.place import alone_in
from imagine.training.state import keep, kept
from imagine.training.trainable import TRAINABLE
from imagine.training.trainer import train
from imagine.words.errors import ImagineError, Unsupported
from imagine.words.training import (
    PicturesEncoded,
    SampleDrawn,
    StepTaken,
    StepTried,
    TrainingDone,
    TrainingPaused,
    TrainingPicture,
    line,
    said,
)
from tests.checkpoints import tiny_modules, write_checkpoint
from tests.engine.adapters.low_rank import used
from tests.engine.running import engine_of, made, picture, wish
from tests.models import model_at

FAMILIES = ("stable_diffusion", *(pytest.param(name, marks=pytest.mark.slow) for name in ("sd2", "sdxl")))
FLOWS = ("chroma", *(pytest.param(name, marks=pytest.mark.slow) for name in ("flux", "sd3.5", "z-image")))


def trained(given, stop_after=None):
    """All that the trainer says."""
    told = []

    def stopping():
        return stop_after is not None and sum(isinstance(each, StepTaken) for each in told) >= stop_after

    train(given, told.append, stopping)
    return told


def losses(told):
    return [each.loss for each in told if isinstance(each, StepTaken)]


def read(path):
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118


def check_names(tensors, family):
    """As kohya's scripts mean them: up·down, times alpha over rank, is added to the weights of the layer so named."""
    network = tiny_modules(family).unet
    modules = {f"lora_unet_{name.replace('.', '_')}": module for name, module in network.named_modules()}
    names = {name.removesuffix(".alpha") for name in tensors if name.endswith(".alpha")}
    assert names <= modules.keys()
    assert {type(modules[name]).__name__ for name in names} <= {"Linear", "Conv2d"}
    for name in names:
        up, down = (tensors[f"{name}.lora_{part}.weight"].float() for part in ("up", "down"))
        assert (up.flatten(1) @ down.flatten(1)).shape == modules[name].weight.flatten(1).shape
        assert tensors[f"{name}.alpha"] == len(down)


@pytest.mark.parametrize("family", FAMILIES, indirect=True)
def test_what_is_written_is_told_as_a_lora_of_the_family(assign, family):
    given = assign(samples=2)
    told = trained(given)
    kinds = [type(each) for each in told]
    assert kinds.count(PicturesEncoded) == 3
    assert kinds.count(StepTaken) == 4
    assert [Path(each.path).name for each in told if isinstance(each, SampleDrawn)] == ["00002.png", "00004.png"]
    with Image.open(Path(given.folder) / "00004.png") as sample:
        assert sample.size == (64, 64)
    tried = next(each for each in told if isinstance(each, StepTried))
    assert tried.batch == 2
    tensors, metadata = read(given.target)
    learned = {name: value for name, value in tensors.items() if not name.endswith("alpha")}
    assert tried.parameters == sum(value.numel() for value in learned.values())
    assert all(value.any() for value in learned.values())
    check_names(tensors, family)
    assert metadata["modelspec.trigger_phrase"] == "slope"
    assert json.loads(metadata["ss_tag_frequency"]) == {"slope": {"slope": 3}}
    entry = describe(scan_one(Path(given.target)))
    assert (entry.kind, entry.family, entry.problem) == ("lora", family, None)
    assert told[-1] == TrainingDone(size=Path(given.target).stat().st_size)
    assert not (Path(given.folder) / "state.safetensors").exists()


@pytest.mark.parametrize("family", FLOWS, indirect=True)
def test_what_a_transformer_learned_is_told_and_drawn_with(assign, model, family):
    given = assign(samples=1, rate=1.0)
    told = trained(given)
    assert [Path(each.path).name for each in told if isinstance(each, SampleDrawn)] == ["00004.png"]
    tensors, metadata = read(given.target)
    idle = [
        name for name, value in tensors.items() if not value.any()
    ]  # what the last block makes of words, nobody hears
    assert all("add_q" in name or "to_add_out" in name for name in idle)
    assert not any("norm" in name or "adaLN" in name for name in tensors)
    assert metadata["modelspec.trigger_phrase"] == "slope"
    entry = describe(scan_one(Path(given.target)))
    assert (entry.kind, entry.family, entry.problem) == ("lora", family, None)
    one = wish(model, num_steps=1, guidance=1.0)
    with_it = msgspec.structs.replace(one, adapters=(used(Path(given.target), "slope"),))
    plain, changed = (made(engine_of(), each) for each in (one, with_it))
    assert picture(changed).tobytes() != picture(plain).tobytes()
    assert not changed.warnings


@pytest.mark.parametrize("family", ["stable_diffusion", *FLOWS], indirect=True)
def test_where_memory_is_short_the_same_is_learned(assign, monkeypatch):
    remembered, computed = assign("remembered", steps=2), assign("computed", steps=2)
    told = trained(remembered)
    monkeypatch.setattr(trainer, "LARGE", 0)
    monkeypatch.setattr(trainer, "available", lambda: 0)
    again = trained(computed)
    assert losses(again) == pytest.approx(losses(told), rel=1e-4)
    (one, _), (other, _) = read(remembered.target), read(computed.target)
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, rtol=1e-3, atol=1e-5)


def test_what_scales_a_blocks_norms_does_not_learn():
    learns = TRAINABLE["z-image"].layers.search
    assert learns("layers.0.attention.to_q")
    assert not learns("layers.0.adaLN_modulation.0")


def test_a_path_adds_what_the_merged_weights_would():
    network = tiny_modules("stable_diffusion").unet
    paths = beside(network, 2, torch.Generator().manual_seed(0), TRAINABLE["stable_diffusion"].layers)
    for path in paths.values():
        torch.nn.init.normal_(path.up, generator=torch.Generator().manual_seed(1))
    for kind in ("Linear", "Conv2d"):
        name = next(n for n in paths if type(network.get_submodule(n)).__name__ == kind)
        layer, path = network.get_submodule(name), paths[name]
        shape = (3, layer.in_features) if kind == "Linear" else (3, layer.in_channels, 8, 8)
        given = torch.randn(shape, generator=torch.Generator().manual_seed(2))
        with torch.no_grad(), attached(network, paths):
            answer = layer(given)
        delta = (path.up.flatten(1) @ path.down.flatten(1)).view(layer.weight.shape)
        with torch.no_grad():
            before = layer(given)
            layer.weight += delta
            merged = layer(given)
        torch.testing.assert_close(answer, merged, rtol=1e-4, atol=1e-5)
        assert not torch.equal(answer, before)


@pytest.mark.slow
def test_it_goes_on_where_it_was_stopped_with_the_same_bytes(assign):
    whole, halved = assign("whole"), assign("halved")
    trained(whole)
    told = trained(halved, stop_after=2)
    assert told[-1] == TrainingPaused(step=2)
    assert not Path(halved.target).exists()
    told = trained(halved)
    assert [each.step for each in told if isinstance(each, StepTaken)] == [3, 4]
    assert next(each.done for each in told if isinstance(each, StepTried)) == 2
    (one, _), (other, _) = read(whole.target), read(halved.target)
    assert one.keys() == other.keys()
    assert all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.slow
def test_what_another_training_learned_is_not_lost_unasked(assign):
    trained(assign(), stop_after=2)
    another = assign(rank=1)
    with pytest.raises(Unsupported, match="slope was stopped after 2 steps with other pictures, words or settings"):
        trained(another)
    assert next(each.done for each in trained(assign(), stop_after=0) if isinstance(each, StepTried)) == 2
    told = trained(msgspec.structs.replace(another, anew=True), stop_after=1)
    assert [each.step for each in told if isinstance(each, StepTaken)] == [1]
    assert next(each.done for each in trained(another, stop_after=0) if isinstance(each, StepTried)) == 1


def test_two_do_not_train_the_same_at_once(assign):
    given = assign()
    Path(given.folder).mkdir()
    with alone_in(Path(given.folder), "slope"), pytest.raises(Unsupported, match="slope is being trained already"):
        trained(given)


def test_a_damaged_picture_is_named(assign, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(ImagineError, match=r"broken\.png"):
        trained(assign(pictures=(TrainingPicture(str(tmp_path / "broken.png"), "x"),)))


def test_models_that_cannot_be_trained_are_refused(assign, tmp_path):
    path = tmp_path / "inpainting.safetensors"
    write_checkpoint(path, tiny_modules("stable_diffusion", in_channels=9))
    with pytest.raises(Unsupported, match="inpainting model"):
        trained(assign(model=model_at(path, options={"resolution": 64})))
    with pytest.raises(Unsupported, match=r"trained for stable_diffusion, .*; tiny is qwen-image"):
        trained(assign(model=model_at(path, family="qwen-image")))


def test_a_state_that_cannot_be_read_is_none(assign):
    given = assign()
    Path(given.folder).mkdir()
    (Path(given.folder) / "state.safetensors").write_bytes(b"\x80\x04nonsense")
    told = trained(given, stop_after=1)
    assert next(each.done for each in told if isinstance(each, StepTried)) == 0


def test_a_step_that_was_tried_changes_nothing(assign):
    """Were it not so, who is stopped often would learn otherwise."""
    given = assign()
    trained(given, stop_after=0)
    assert not (Path(given.folder) / "state.safetensors").exists()


def test_the_state_is_kept_every_so_often(tmp_path):
    class Counting:
        name, steps = "counting", 5

        def step(self, index):
            clock.now += loop.SAVE_EVERY * 0.6
            return {"loss": 0.0}

        def state(self):
            return {"x": torch.zeros(1)}

        def load(self, state): ...

    class Watching:
        def stepped(self, done, losses):
            seen.append((done, (kept(tmp_path / "s") or ({}, {"done": 0}))[1]["done"]))

        def stopping(self):
            return False

    class Clock:
        now = 0.0

        def __call__(self):
            return self.now

    seen, clock = [], Clock()
    assert loop.run(Counting(), 0, tmp_path / "s", "of", Watching(), clock) == 5
    assert seen == [(1, 0), (2, 2), (3, 2), (4, 4), (5, 4)]
    assert kept(tmp_path / "s")[1] == {"of": "of", "done": 5}


def test_what_was_kept_is_read_again_and_only_by_us(tmp_path):
    path = tmp_path / "state"
    keep(path, {"a": torch.arange(3)}, {"done": 7})
    tensors, about = kept(path)
    assert about == {"done": 7}
    assert tensors["a"].tolist() == [0, 1, 2]
    assert path.stat().st_mode & 0o077 == 0
    path.write_bytes(path.read_bytes()[:-4])
    assert kept(path) is None


@pytest.mark.parametrize(
    ("picture", "native", "size"),
    [
        ((100, 100), 512, (512, 512)), ((300, 200), 512, (640, 448)), ((100, 900), 512, (384, 704)),
        ((64, 64), 128, (128, 128)),
    ],
)  # fmt: skip
def test_pictures_keep_their_shape_and_area(picture, native, size):
    assert size_for(*picture, native, 8) == size
    assert fitted(Image.new("RGBA", picture), size).getpixel((0, 0)) == (255, 255, 255)


def test_lines_say_what_they_were_made_of(assign, pictures):
    assert said(line(StepTaken(step=3, loss=0.5))) == StepTaken(step=3, loss=0.5)
