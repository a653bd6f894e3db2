"""Training is repeatable, resumable, and leaves untaught words neutral."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL

from imagine.training.loop import random_numbers
from imagine.training.optimizer import warm_then_decay
from tools.toybox import models, training
from tools.toybox.autoencoder import PALETTE_CODES, PALETTE_NORM, AutoencoderStage, palette_loss
from tools.toybox.denoiser import THING_WEIGHT, Pool, thing_weights
from tools.toybox.muon import MuonOptimizer, orthogonalized
from tools.toybox.straighten import StraighteningStage
from tools.toybox.training import Optimizer, run
from tools.toybox.world import SIDE, Scene, combinations, draw, random_scene


class Counting:
    """A stage whose losses depend on all the steps before."""

    name = "counting"

    def __init__(self, steps: int, stop_at: int | None = None) -> None:
        self.steps, self.stop_at, self.total = steps, stop_at, 0.0

    def step(self, index: int) -> dict[str, float]:
        if index == self.stop_at:
            raise KeyboardInterrupt
        self.total += float(random_numbers(1, self.name, index).random())
        return {"loss": self.total}

    def state(self) -> dict[str, torch.Tensor]:
        return {"total": torch.tensor(self.total, dtype=torch.float64)}

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        self.total = state["total"].item()

    def sample(self, folder: Path, index: int) -> None:
        (folder / f"{index}.txt").write_text(str(self.total))


def test_a_stopped_run_goes_on_to_the_same_losses(tmp_path: Path) -> None:
    """Where it was kept; the losses of steps that are taken again are written anew."""
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    run(Counting(10), tmp_path / "whole", sample_every=5)
    run(Counting(4), tmp_path / "parts")
    with pytest.raises(KeyboardInterrupt):
        run(Counting(10, stop_at=6), tmp_path / "parts")
    run(Counting(10), tmp_path / "parts")
    losses = [(tmp_path / part / "counting.losses.jsonl").read_text() for part in ("whole", "parts")]
    assert losses[0] == losses[1]
    assert [json.loads(line)["step"] for line in losses[0].splitlines()] == [*range(10)]
    assert {p.name for p in (tmp_path / "whole").glob("*.txt")} == {"5.txt", "10.txt"}


def autoencoder(decoder_only: bool = False) -> tuple[AutoencoderStage, AutoencoderKL]:
    torch.manual_seed(0)
    vae = AutoencoderKL(
        block_out_channels=[8, 8], down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2,
        layers_per_block=1, latent_channels=4, norm_num_groups=4,
    )  # fmt: skip
    stage = AutoencoderStage(
        "vae", vae, seed=1, steps=40, batch=2, side=32, rate=3e-3, compute=torch.float32, device=torch.device("cpu"),
        decoder_only=decoder_only,
    )  # fmt: skip
    return stage, vae


def test_the_same_seed_gives_the_same_losses_and_they_fall() -> None:
    first, second = autoencoder()[0], autoencoder()[0]
    losses = [first.step(i)["loss"] for i in range(25)]
    assert losses[:4] == [second.step(i)["loss"] for i in range(4)]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


def test_the_decoder_alone_leaves_the_latents_as_they_are() -> None:
    stage, vae = autoencoder(decoder_only=True)
    before = {name: value.clone() for name, value in vae.state_dict().items()}
    stage.step(0)
    vae = stage.finish()
    changed = {name for name, value in vae.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert not any(name.startswith(("encoder", "quant_conv")) for name in changed)


def test_crops_near_the_thing_show_some_of_it() -> None:
    torch.manual_seed(0)
    stage = AutoencoderStage(
        "vae", autoencoder()[1], seed=1, steps=1, batch=60, side=64, rate=1e-3, compute=torch.float32,
        device=torch.device("cpu"), near=True,
    )  # fmt: skip
    pictures = stage._pictures(random_numbers(1, "near", 0))
    assert pictures.shape == (60, 3, 64, 64)
    assert all(len(picture.flatten(1).unique(dim=1)[0]) > 2 for picture in pictures)


@pytest.mark.slow
def test_straightening_teaches_the_decoder_alone_to_draw_the_scene_from_other_latents() -> None:
    torch.manual_seed(0)
    vae = AutoencoderKL(
        block_out_channels=[8] * 4, down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4, layers_per_block=1, latent_channels=4, norm_num_groups=4,
    )  # fmt: skip
    scenes = [random_scene(random_numbers(1, "scenes", i), combinations(unseen=False)) for i in range(4)]
    latents = torch.randn(4, 4, SIDE // 8, SIDE // 8)
    nothing, one = torch.zeros(1, 4, 1, 1), torch.ones(1, 4, 1, 1)
    stage = StraighteningStage(
        "straight", vae, Pool(scenes, latents, nothing, one), latents + 0.3, seed=1, steps=40, batch=2, rate=3e-3,
        device=torch.device("cpu"), decay=0.5,
    )  # fmt: skip
    before = {name: value.clone() for name, value in vae.state_dict().items()}
    losses = [stage.step(i)["loss"] for i in range(25)]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    changed = {name for name, value in stage.finish().state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert not any(name.startswith(("encoder", "quant_conv")) for name in changed)


def _adam(model: torch.nn.Module) -> Optimizer:
    return Optimizer(model, 1e-2, compute=torch.bfloat16, average=0.9)


def _muon(model: torch.nn.Module) -> Optimizer:
    return MuonOptimizer(model, 1e-2, average=0.9, chosen=lambda _, weights: weights.ndim == 2)


@pytest.mark.parametrize("made", [_adam, _muon])
def test_an_optimizer_resumes_to_the_same_weights(made: Callable[[torch.nn.Module], Optimizer]) -> None:
    def layer() -> torch.nn.Linear:
        torch.manual_seed(0)
        return torch.nn.Linear(4, 4)

    def step(model: torch.nn.Linear, optimizer: Optimizer, index: int) -> None:
        torch.manual_seed(index)
        model(torch.randn(3, 4, dtype=model.weight.dtype)).square().sum().backward()
        optimizer.step(1.0)

    through, resumed = layer(), layer()
    whole = made(through)
    for i in range(4):
        step(through, whole, i)
    first = made(layer())
    for i in range(2):
        step(first.model, first, i)  # type: ignore[arg-type]
    second = made(resumed)
    second.load(first.state())
    for i in range(2, 4):
        step(resumed, second, i)
    assert torch.equal(through.weight, resumed.weight)
    assert all(torch.equal(a, b) for a, b in zip(whole.mean, second.mean, strict=True))


@pytest.mark.parametrize("shape", [(3, 24, 24), (2, 24, 96), (2, 96, 24)])
def test_muon_moves_matrices_by_what_has_even_singular_values(shape: tuple[int, ...]) -> None:
    drawn = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    left, values, right = torch.linalg.svd(drawn, full_matrices=False)
    uneven = left * torch.linspace(1, 30, values.shape[-1]) @ right
    made = torch.linalg.svdvals(orthogonalized(uneven))
    assert made.min() > 0.6
    assert made.max() < 1.3
    assert torch.nn.functional.cosine_similarity(orthogonalized(uneven), left @ right, dim=-1).min() > 0.9


def test_the_rate_warms_up_stays_and_decays() -> None:
    factors = [warm_then_decay(i, 1000, warm=100, decay=0.3) for i in range(1000)]
    assert factors[0] == pytest.approx(0.01)
    assert factors[100:700] == [1.0] * 600
    assert factors[-1] == pytest.approx(1 / 300)


def test_latents_under_the_thing_weigh_more_and_the_mean_is_one() -> None:
    weights = thing_weights([Scene("car", "red", "blue", x=x, y=64, radius=20) for x in (64, 30)])
    assert weights.shape == (2, 1, 16, 16)
    assert torch.allclose(weights.mean((1, 2, 3)), torch.ones(2))
    assert weights[0, 0, 8, 8] / weights[0, 0, 0, 0] == pytest.approx(THING_WEIGHT)
    assert weights[1, 0, 8, 3] > weights[1, 0, 8, 12]


def test_untaught_words_start_neutral() -> None:
    assert not models.build_text_encoder().get_input_embeddings().weight.any()


def test_plain_patches_are_drawn_to_their_colours_codes() -> None:
    picture = training.to_tensor([draw(Scene("circle", "red", "blue", x=64, y=64, radius=40))])
    codes = {name: PALETTE_NORM * torch.tensor(code) for name, code in PALETTE_CODES.items()}
    right = codes["blue"].view(1, 4, 1, 1).expand(1, 4, 16, 16)
    wrong = codes["green"].view(1, 4, 1, 1).expand(1, 4, 16, 16)
    assert palette_loss(wrong, picture) > 5
    picture[:, :, 16:112, 16:112] = torch.rand(1, 3, 96, 96)  # only the plain rim is held to a code
    assert palette_loss(right, picture) < 1e-6


def test_the_codes_are_far_apart_and_their_mean_is_the_origin() -> None:
    codes = torch.tensor(list(PALETTE_CODES.values()))
    codes = codes / codes.norm(dim=1, keepdim=True)
    cosines = codes @ codes.T - 2 * torch.eye(len(codes))
    assert cosines.max() < 0.18
    assert codes.mean(0).abs().max() < 0.01
