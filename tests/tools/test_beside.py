"""What learns beside the finished Toybox: its lessons, its files, and that nothing else changes by them."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from PIL import Image
from torch import Tensor

from imagine.registry.registry import Registry
from imagine.training import loop
from imagine.training.state import keep
from tools.toybox.beside import edges, eyes, mapped, reference, shapes, train
from tools.toybox.beside.drawings import drawings
from tools.toybox.beside.judging import OVERLAP, follows, overlap
from tools.toybox.beside.map_learner import MapLearner
from tools.toybox.beside.stage import BesideStage
from tools.toybox.beside.studies import UNTOLD, Studies, studies, study
from tools.toybox.beside.views import PAD, Shown, along, cut, long, seen, standing, view
from tools.toybox.captions import Mention
from tools.toybox.models import UNET_CONFIG
from tools.toybox.training import run
from tools.toybox.world import BACKGROUNDS, COLOURS, PALETTE, SIDE, THINGS, Scene, combinations, draw

POOL = 6


def tiny_unet() -> UNet2DConditionModel:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        settings = UNET_CONFIG | {"block_out_channels": [16, 16, 32, 32], "norm_num_groups": 8, "layers_per_block": 1}
        return UNet2DConditionModel(**settings).requires_grad_(False).eval()


class Pretended:
    """A finished model whose denoiser is small, and whose words and pictures are made up."""

    def __init__(self) -> None:
        self.unet = tiny_unet()

    def another_unet(self, dtype: torch.dtype) -> UNet2DConditionModel:
        made = tiny_unet()
        made.load_state_dict(self.unet.state_dict())
        return made.to(dtype)

    def hear(self, captions: Sequence[str]) -> Tensor:
        return torch.stack([torch.full((77, 64), len(caption) / 50) for caption in captions])

    def encoded(self, scenes: Sequence[Scene], _: Path) -> Tensor:
        return torch.randn(len(scenes), 4, 16, 16, generator=torch.Generator().manual_seed(3))


class _Listless(BesideStage):
    def sample(self, folder: Path, index: int) -> None:
        """Nobody looks at it."""


class _Views:
    """A few views of each of the combinations that the lessons may have."""

    def __init__(self) -> None:
        self.shown = [Shown(*each) for each in combinations(unseen=False)]
        self.pixels = np.zeros((len(self.shown), 8, 8, 3), np.uint8)

    by = reference.Views.by


def learner_of(kind: str, finished: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    pool = drawings(finished, folder, POOL)
    if kind != "reference":
        made: type[MapLearner] = {"edges": edges.EdgesLearner, "shapes": shapes.ShapesLearner}[kind]
        monkeypatch.setattr(shapes, "UNET_CONFIG", {"block_out_channels": [16, 16, 32, 32]})
        return made(finished, pool, folder)  # type: ignore[call-arg, arg-type]
    monkeypatch.setattr(reference.seeing, "embeddings", lambda _, pixels: torch.randn(
        len(pixels), eyes.WIDTH, generator=torch.Generator().manual_seed(4)))  # fmt: skip
    monkeypatch.setattr(reference.ImagePrompts, "begin_as_words", lambda *_: None)
    return reference.ReferenceLearner(finished, pool, None, _Views())  # type: ignore[arg-type]


def trained(kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch, steps: Sequence[int] = (2,)) -> tuple[Any, Any]:
    """A learner after so many steps, stopped and begun anew after each number of them, and what it learned beside."""
    folder.mkdir(exist_ok=True)
    for until in steps:
        finished = Pretended()
        with torch.random.fork_rng():
            torch.manual_seed(5)
            learner = learner_of(kind, finished, folder, monkeypatch)
        stage = _Listless(learner, finished, steps=2, batch=3, compute=torch.float32)  # type: ignore[arg-type]
        stage.steps, whole = until, stage.steps
        run(stage, folder)
        stage.steps = whole
    stage.finish()
    return learner, finished


KINDS = ("edges", "shapes", "reference")


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_and_the_denoiser_stays_as_it_is(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = learner_of(kind, Pretended(), tmp_path, monkeypatch)
    learner, finished = trained(kind, tmp_path, monkeypatch)
    changed = sum(
        not torch.equal(a, b) for a, b in zip(before.module.parameters(), learner.module.parameters(), strict=True)
    )
    assert changed > 10
    assert all(torch.equal(a, b) for a, b in zip(finished.unet.parameters(), tiny_unet().parameters(), strict=True))


def hint() -> Tensor:
    return mapped.unpacked(np.packbits(mapped.edges(Scene("star", "red", "blue")), -1)[None]).expand(-1, 3, -1, -1)


def asked() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(6)
    return {
        "noisy": torch.randn(1, 4, 16, 16, generator=generator), "timesteps": torch.tensor([500]),
        "context": torch.randn(1, 77, 64, generator=generator),
    }  # fmt: skip


def test_a_control_lora_is_the_denoisers_way_down_with_halves_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edges, "RANK", 2)
    learner, finished = trained("edges", tmp_path, monkeypatch)
    module, tensors = learner.module, learner.module.tensors()
    whole_ones = {"lora_controlnet", "input_hint_block.0.weight", "zero_convs.0.0.weight", "middle_block_out.0.weight"}
    halves = {"input_blocks.1.1.transformer_blocks.0.ff.net.0.proj.up", "input_blocks.1.0.in_layers.2.down"}
    assert whole_ones | halves < set(tensors)
    whole = ControlNetModel.from_unet(finished.unet, conditioning_embedding_out_channels=edges.HINT)
    own = whole.state_dict()
    for name, theirs in edges.control_names(whole).items():
        if theirs in tensors:
            own[name] = tensors[theirs]
        else:
            up, down = (tensors[theirs.removesuffix("weight") + half] for half in ("up", "down"))
            own[name] = own[name] + (up.flatten(1) @ down.flatten(1)).view(own[name].shape)
    whole.load_state_dict(own)
    with torch.no_grad():
        made = module(*asked().values(), hint())
        expected = whole(*asked().values(), hint(), return_dict=False)
    torch.testing.assert_close([*made[0], made[1]], [*expected[0], expected[1]], rtol=1e-4, atol=1e-5)


def test_an_adapters_file_is_read_by_diffusers_and_gives_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner, _finished = trained("reference", tmp_path, monkeypatch)
    tensors = learner.module.tensors(eyes.build_eyes())
    parts: dict[str, dict[str, Tensor]] = {"image_proj": {}, "ip_adapter": {}}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        if part in parts:
            parts[part][rest] = tensor.detach()
    assert {n.partition(".")[0] for n in tensors} == {*parts, "image_encoder"}
    ours = reference.References(torch.randn(1, 2, eyes.WIDTH), strength=1.0)
    theirs = tiny_unet()
    theirs._load_ip_adapter_weights([parts])
    with torch.no_grad():
        made = learner.guess(**asked(), given=ours)
        given = {"image_embeds": [ours.embeddings]}
        noisy, timesteps, context = asked().values()
        expected = theirs(noisy, timesteps, context, added_cond_kwargs=given).sample
    torch.testing.assert_close(made, expected, rtol=1e-3, atol=1e-4)


def test_kinds_are_attended_to_by_layers_of_their_own() -> None:
    module = reference.ImagePrompts(UNet2DConditionModel(**UNET_CONFIG))
    by = {}
    for kind in reference.KINDS:
        module.attend(kind, 0.5)
        by[kind] = {name for name, layer in zip(module.names, module.layers.values(), strict=True) if layer.scale[0]}
    assert by["subject"] == {*module.names}
    assert by["style"]
    assert by["content"]
    assert not by["style"] & by["content"]


def test_a_stopped_training_goes_on_to_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = trained("shapes", tmp_path / "whole", monkeypatch)
    parts, _ = trained("shapes", tmp_path / "parts", monkeypatch, steps=(1, 2))
    for a, b in zip(whole.module.parameters(), parts.module.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_file_that_is_too_large_is_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"8000\d+ bytes"):
        train.write(tmp_path / f"{edges.NAME}.safetensors", {"a": torch.zeros(4_000_000)}, "2026-11-28")
    assert not [*tmp_path.iterdir()]


def test_maps_are_of_the_thing() -> None:
    scene = Scene("square", "red", "blue", x=50.0, y=70.0, radius=30.0)
    where, lines = mapped.silhouette(scene), mapped.edges(scene)
    rows, columns = np.flatnonzero(where.any(1)), np.flatnonzero(where.any(0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == pytest.approx((44, 95, 24, 75), abs=1)
    assert 4 * 40 < lines.sum() < 4 * 60
    assert not lines[where].all()
    assert where[50, 50]
    assert not lines[70, 50]


def test_captions_beside_maps_mostly_leave_it_to_them() -> None:
    rng = np.random.default_rng(7)
    scene = Scene("fish", "red", "blue", "small", "left")
    said = Counter(mapped.caption(rng, scene) for _ in range(400))
    names = ("fish", "рыб")
    told = sum(count for text, count in said.items() if any(name in text.lower() for name in names))
    assert 0.05 < said[""] / 400 < 0.2
    assert 0.1 < told / 400 < 0.4


def test_the_overlap_tells_shapes_apart() -> None:
    circle, square = (Scene(thing, "red", "blue", radius=36.0) for thing in ("circle", "square"))
    aside = Scene("circle", "red", "blue", x=80.0, radius=36.0)
    assert overlap(draw(circle), mapped.silhouette(circle)) > 0.95
    assert follows(draw(circle), mapped.silhouette(circle))
    assert overlap(draw(aside), mapped.silhouette(circle)) < OVERLAP
    assert not follows(draw(Scene("star", "red", "blue", radius=36.0)), mapped.silhouette(square))


def test_views_show_a_thing_anywhere_in_pictures_of_any_shape() -> None:
    red = Shown("circle", "red", "blue")
    wide, high = (np.asarray(long(red, 2.0, 0.0, 1.0, high=high)) for high in (False, True))
    assert tuple(wide[0, 64]) == PAD
    assert tuple(high[64, 0]) == PAD
    assert tuple(wide[64, 20]) == tuple(high[20, 64]) == (220, 38, 38)
    whole = (np.asarray(draw(Scene(*red, radius=30.0)))[..., 0] > 200).sum()
    left = [(np.asarray(cut(red, side, 30.0, 0.5))[..., 0] > 200).sum() / whole for side in range(4)]
    assert left == pytest.approx([0.5] * 4, abs=0.03)
    rng = np.random.default_rng(8)
    assert {view(rng, red).size for _ in range(20)} == {(SIDE, SIDE)}
    assert seen(np.full((1, 2, 2, 3), PAD, np.uint8), 4).abs().max() < 0.02


def test_what_is_said_beside_a_reference_leaves_the_rest_to_it() -> None:
    rng = np.random.default_rng(9)
    scene = Scene("fish", "red", "blue", "small", "left")

    def words(kind: str, *, elsewhere: bool = False) -> str:
        said = (reference.said_beside(rng, scene, kind, elsewhere=elsewhere) for _ in range(60))
        return " ".join(said).lower()

    assert "fish" in words("style")
    assert "red" not in words("style")
    assert "blue" in words("subject", elsewhere=True)
    prompt, wanted = reference.asked_beside(rng, Shown("fish", "red", "blue"), "style")
    assert "fish" not in prompt
    assert wanted == Mention(wanted.thing, "red", "blue")


def test_the_eyes_are_small_and_are_shown_what_they_were_taught_on() -> None:
    own = eyes.build_eyes()
    assert sum(p.numel() for p in own.parameters()) < 1_000_000
    picture = np.asarray(Image.new("RGB", (SIDE, SIDE), PAD))[None]
    assert eyes.embeddings(own, picture).shape == (1, eyes.WIDTH)


def some_studies(seed: int, count: int, ease: float = 0.0) -> Studies:
    return studies(np.random.default_rng(seed), count, side=eyes.LOOK, patch=eyes.PATCH, ease=ease)


def test_the_eyes_learn_things_by_their_shapes_alone_and_colours_by_their_names() -> None:
    """Where a thing's name is told its colours are any; where the colours' are, they are of what isn't kept unseen."""
    of = some_studies(10, 90)
    named = of.told[:, 0] == UNTOLD
    assert named.sum() == 30
    assert (of.told[named][:, 1:] >= 0).all()
    assert (of.told[~named][:, 1:] == UNTOLD).all()
    combos = {
        (THINGS[of.things[i].min()], COLOURS[of.told[i, 1]], BACKGROUNDS[of.told[i, 2]])
        for i in np.flatnonzero(named) if of.cells[i].any()
    }  # fmt: skip
    assert len(combos) > 20
    assert not combos & set(combinations(unseen=True))


def test_the_eyes_are_told_of_each_patch_what_lies_in_it_and_where() -> None:
    shown, at = Shown("square", "red", "blue"), along(2.0, 0.0, 1.0)
    pixels, where = study("square", (PALETTE["red"], PALETTE["blue"]), at, eyes.LOOK, 32)
    engines = np.asarray(standing(shown, at).resize((eyes.LOOK, eyes.LOOK), Image.Resampling.BICUBIC))
    assert np.abs(pixels.astype(int) - engines).mean() < 2
    red = (pixels.astype(int) - PALETTE["red"]).__abs__().sum(-1) < 60
    assert (red[::2, ::2] == where).mean() > 0.97
    of = some_studies(11, 12, ease=1.0)
    assert ((of.things < len(THINGS)) == of.cells.any(-1)).all()
    assert of.cells.reshape(12, 8, 8, 16).any(-1)[:, 3:5, 3:5].any((1, 2)).all()  # things in the middle, at first


def test_stopped_eyes_go_on_to_the_same_weights(tmp_path: Path) -> None:
    def taught(folder: Path, *until: int) -> torch.nn.Module:
        folder.mkdir()
        for steps in until:
            stage = eyes.EyesStage(steps=2, batch=3, compute=torch.float32)
            done = loop.resume(stage, folder / "eyes", of="eyes")
            for index in range(done, steps):
                stage.step(index)
            keep(folder / "eyes", stage.state(), {"of": "eyes", "done": steps})
        return stage.finish()

    whole, parts = taught(tmp_path / "whole", 2), taught(tmp_path / "parts", 1, 2)
    begun = eyes.build_eyes()
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), parts.parameters(), strict=True))
    assert not all(torch.equal(a, c) for a, c in zip(whole.parameters(), begun.parameters(), strict=True))


def test_an_adapter_for_shapes_has_tencents_names() -> None:
    names = set(shapes.tensors(shapes.build_adapter()))
    blocks = {f"body.{i}.block{j}.{part}" for i in range(8) for j in (1, 2) for part in ("weight", "bias")}
    widened = {f"body.{i}.in_conv.{part}" for i in (2, 4, 6) for part in ("weight", "bias")}
    assert names == blocks | widened | {"conv_in.weight", "conv_in.bias"}


def test_files_are_listed_as_what_they_are(tmp_path: Path) -> None:
    unet = UNet2DConditionModel(**UNET_CONFIG)
    made = {
        edges.NAME: edges.LowRankControl(unet, edges.RANK).tensors(),
        shapes.NAME: shapes.tensors(shapes.build_adapter()),
        reference.NAME: reference.ImagePrompts(unet).tensors(eyes.build_eyes()),
    }
    for name, tensors in made.items():
        train.write(tmp_path / f"{name}.safetensors", tensors, "2026-11-28")
    registry = Registry([tmp_path])
    registry.refresh()
    listed = {entry.name: (entry.kind, entry.variant, entry.family, entry.problem) for entry in registry.files()}
    assert listed == {
        edges.NAME: ("controlnet", "control-lora", "stable_diffusion", None),
        shapes.NAME: ("controlnet", "t2i-adapter", "stable_diffusion", None),
        reference.NAME: ("ip-adapter", "", "stable_diffusion", None),
    }
