"""The flow-matching toy: what is said of two things, how they are judged, and a file that its family draws with."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL

from imagine.asking.request import GenerateRequest
from imagine.asking.resolve import resolve, stated_by
from imagine.engine.families.chroma import Chroma
from imagine.engine.families.family import EncodeRequest
from imagine.engine.families.open import open_model
from imagine.registry.registry import Registry
from imagine.server.gateway.gateway import model_from
from imagine.training.loop import random_numbers
from tests.engine.running import engine_of, finished, picture, run, wish
from tools.toybox.captions import RU_COLOUR_STEMS, RU_THINGS
from tools.toybox.flow import models
from tools.toybox.flow.autoencoder import codes, fold_scale, widened
from tools.toybox.flow.captions import RU_CASES, PairSpeaker, RussianPhrase
from tools.toybox.flow.denoiser import FlowStage, make_pools, pair_trials, things_weights
from tools.toybox.flow.export import LIMIT, FlowNetworks, export, opened
from tools.toybox.flow.hearing import HEARD, HearingStage, Listener, labels_of
from tools.toybox.flow.judging import bound
from tools.toybox.flow.scenes import Shape, Tableau, draw_tableau, kept_back, random_pair, random_tableau
from tools.toybox.flow.telling import KINDS, standing
from tools.toybox.models import build_vae
from tools.toybox.training import to_tensor
from tools.toybox.world import Scene

PAIR = Tableau(
    "square",
    (Scene("star", "red", "white", x=33, y=60, radius=23), Scene("house", "blue", "white", x=95, y=68, radius=22)),
    "beside",
)


def changed(one: Mapping[str, Any], other: Mapping[str, Any]) -> Tableau:
    first, second = PAIR.things
    return Tableau("square", (Scene(**{**vars(first), **one}), Scene(**{**vars(second), **other})), "beside")


@pytest.mark.parametrize("shape", ["square", "wide", "tall"])
def test_the_judge_tells_both_things_of_drawings(shape: Shape) -> None:
    rng = random_numbers(1, f"judged {shape}", 0)
    for _ in range(3):
        pair = random_pair(rng, shape, unseen=True)
        assert bound(draw_tableau(pair), pair) == (True, True, True, False, True), pair


def test_the_judge_tells_what_is_wrong() -> None:
    swapped, moved = changed({"colour": "blue"}, {"colour": "red"}), changed({"x": 95}, {"x": 33})
    assert bound(draw_tableau(swapped), PAIR) == (True, True, False, True, False)
    assert bound(draw_tableau(moved), PAIR) == (True, True, True, False, False)
    assert bound(draw_tableau(changed({"thing": "car"}, {})), PAIR) == (True, False, False, False, False)
    alone = Tableau("square", PAIR.things[:1])
    assert bound(draw_tableau(alone), PAIR) == (True, False, False, False, False)


def test_what_is_kept_back_is_never_trained_on() -> None:
    rng = random_numbers(2, "kept back", 0)
    for unseen in (True, False):
        pairs = [random_pair(rng, "square", unseen=unseen).things for _ in range(40)]
        assert {kept_back((a.thing, a.colour), (b.thing, b.colour)) for a, b in pairs} == {unseen}
        assert all(a.colour != b.colour and a.background == b.background for a, b in pairs)


@pytest.mark.parametrize(
    ("colour", "thing", "cases"),
    [
        ("blue", "house", ("синий дом", "синего дома", "синим домом")),
        ("green", "tree", ("зелёное дерево", "зелёного дерева", "зелёным деревом")),
        ("blue", "star", ("синяя звезда", "синей звезды", "синей звездой")),
        ("red", "fish", ("красная рыба", "красной рыбы", "красной рыбой")),
    ],
)
def test_russian_has_its_cases(colour: str, thing: str, cases: tuple[str, ...]) -> None:
    phrase = RussianPhrase(colour, RU_THINGS[thing][0])
    assert tuple(f"{phrase:{case}}" for case in ("", "g", "i")) == cases


def test_a_caption_says_what_is_there_and_where() -> None:
    rng = random_numbers(3, "spoken", 0)
    speaker = PairSpeaker(rng)
    for i in range(60):
        spoken, text = speaker.speak_of(PAIR, empty=0, whole=True, language=("en", "ru")[i % 2])
        assert (spoken.first.thing, spoken.first.colour) == ("star", "red")
        assert (spoken.second.thing, spoken.second.colour, spoken.second.background) == ("house", "blue", "white")
        heard = dict(zip(HEARD, labels_of(spoken), strict=True))
        assert heard["arrangement"] == (1 if spoken.arrangement else 0)
        words = text.lower()
        first, second = ("red", "blue") if i % 2 == 0 else ("красн", "син")
        if spoken.arrangement is None:
            assert words.index(first) < words.index(second), "who is named first stands first"
        if words.endswith(("to the right of a red star", "справа от красной звезды")):
            assert spoken.arrangement == "beside"
    assert speaker.speak_of(PAIR, empty=1) == (type(spoken)(), "")


def test_t5_tells_all_russian_words_of_this_world_apart() -> None:
    """Its vocabulary lacks some of the letters, which are all one unknown piece to it."""
    listener = Listener(models.build_text_encoder())
    words = {(thing, word) for thing, forms in RU_THINGS.items() for _, *two in forms for word in two}
    words |= {(thing, word) for thing, forms in RU_THINGS.items() for _, noun, _ in forms for word in RU_CASES[noun]}
    phrases = [RussianPhrase(colour, RU_THINGS[thing][0]) for colour in RU_COLOUR_STEMS for thing in ("house", "star")]
    words |= {(phrase._colour or "", f"{phrase:{case}}".split()[0]) for phrase in phrases for case in ("", "g", "i")}
    meant: dict[tuple[int, ...], str] = {}
    for meaning, word in words:
        assert meant.setdefault(tuple(listener.ids(word)), meaning) == meaning, word


def test_hearing_is_taught_and_untaught_words_stay_neutral() -> None:
    torch.manual_seed(0)
    stage = HearingStage(models.build_text_encoder(), seed=1, steps=4, batch=6, rate=2e-3, words=200)
    first, last = stage.step(0), stage.step(1)
    assert first != last
    table = stage.finish().shared.weight
    assert 0.9 < (table == 0).all(1).float().mean() < 1


def test_codes_are_far_apart_and_their_mean_is_the_origin() -> None:
    directions = codes() / codes().norm(dim=1, keepdim=True)
    assert (directions @ directions.T - 2 * torch.eye(10)).max() < -0.1
    assert codes().mean(0).abs().max() < 1e-5


def test_things_weigh_more_and_the_mean_is_one() -> None:
    weights = things_weights([PAIR])
    assert weights.shape == (1, 1, 16, 16)
    assert weights.mean().item() == pytest.approx(1)
    assert weights[0, 0, 8, 4] == weights[0, 0, 8, 12] > weights[0, 0, 0, 8]


@pytest.fixture(scope="module")
def vae() -> AutoencoderKL:
    torch.manual_seed(2)
    return fold_scale(widened(build_vae()), seed=1, count=6).requires_grad_(False)


def test_the_scale_that_is_folded_in_is_what_the_family_takes(vae: AutoencoderKL) -> None:
    rng = random_numbers(1, "latents' scale", 0)
    pictures = [
        to_tensor([draw_tableau(random_tableau(rng, shape))]) for shape in ("square", "wide", "tall") for _ in range(2)
    ]
    latents = torch.cat([models.scaled(vae.encode(p).latent_dist.mean).flatten(2) for p in pictures], 2)
    assert torch.allclose(latents.mean((0, 2)), torch.zeros(16), atol=1e-3)
    assert torch.allclose(latents.std((0, 2)), torch.ones(16), atol=1e-3)


def test_it_is_known_which_thing_stands_in_every_cell() -> None:
    told = [[KINDS[kind] for kind in row] for row in standing(PAIR).tolist()]
    assert (len(told), len(told[0])) == (32, 32)
    assert told[15][8] == "star"
    assert told[17][23] == "house"
    assert {kind for row in told for kind in row[:16]} == {None, "star"}
    assert {kind for row in told for kind in row[16:]} == {None, "house"}


def test_threads_share_a_batch_and_learn_the_same(vae: AutoencoderKL, tmp_path: Path) -> None:
    pools = make_pools(vae, {"square": 4, "wide": 2, "tall": 2}, 1, tmp_path)
    torch.manual_seed(3)
    listener, weights = Listener(models.build_text_encoder()), models.build_denoiser().state_dict()

    def learnt(threads: int) -> tuple[dict[str, float], torch.Tensor]:
        torch.manual_seed(4)
        denoiser = models.build_denoiser()
        denoiser.load_state_dict(weights)
        stage = FlowStage(
            "flow", denoiser, listener, vae, pools, seed=1, steps=4, batch=3, rate=1e-3, decay=0.5,
            keeps=lambda _: None, threads=threads,
        )  # fmt: skip
        losses = [stage.step(i) for i in range(2)][-1]
        return losses, stage.finish().proj_out.weight.detach()

    one, two, again = learnt(1), learnt(2), learnt(2)
    assert two[0] == pytest.approx(one[0], rel=1e-4)
    assert torch.allclose(two[1], one[1], atol=1e-5)
    assert two[0] == again[0]
    assert torch.equal(two[1], again[1])


@pytest.fixture(scope="module")
def trained(vae: AutoencoderKL, tmp_path_factory: pytest.TempPathFactory) -> tuple[FlowStage, Path]:
    """After two steps, and where it was kept by then."""
    folder = tmp_path_factory.mktemp("flow")
    torch.manual_seed(3)
    encoder, denoiser = models.build_text_encoder(), models.build_denoiser()
    torch.nn.init.normal_(encoder.shared.weight)
    file = folder / "models" / "toybox-flow.safetensors"
    file.parent.mkdir()
    stage = FlowStage(
        "flow", denoiser, Listener(encoder), vae, make_pools(vae, {"square": 4, "wide": 2, "tall": 2}, 1, folder),
        seed=1, steps=4, batch=2, rate=1e-3, decay=0.5,
        keeps=lambda made: export(file, FlowNetworks(made, encoder, vae), date="2026-01-01"),
    )  # fmt: skip
    losses = [stage.step(i)["loss"] for i in range(2)]
    assert all(np.isfinite(losses))
    stage.keep()
    return stage, file


def test_the_family_hears_and_draws_as_the_training_does(trained: tuple[FlowStage, Path]) -> None:
    _, file = trained
    assert file.stat().st_size <= LIMIT
    registry = Registry([file.parent])
    registry.refresh()
    entry = registry.with_digest(registry.find("toybox-flow"))
    assert (entry.family, entry.resolution) == ("chroma", 128)
    opener = open_model(model_from(entry), engine_of()._device, lambda _: None, {})
    assert isinstance(opener, Chroma)
    prompt = pair_trials(2, seed=1)[1].caption
    rows = opener.encode(EncodeRequest(prompt, None, 1, 1.0, (128, 128))).positive
    again = opened(file)
    context, seen = Listener(again.encoder).hear([prompt])
    count = int(seen.sum())
    assert int(rows["seen"].sum()) == count
    assert torch.allclose(rows["context"][:, :count], context[:, :count], atol=1e-4)


def test_a_picture_is_drawn_with_it_as_with_any(trained: tuple[FlowStage, Path]) -> None:
    _, file = trained
    registry = Registry([file.parent])
    registry.refresh()
    entry = registry.with_digest(registry.find("toybox-flow"))
    request = GenerateRequest(prompt="a red star and a blue house")
    params = resolve(request, model=entry, defaults=stated_by(entry), random_seed=lambda: 0).params[0]
    assert (params.width, params.height, params.guidance) == (128, 128, models.GUIDANCE)
    assert json.loads(entry.metadata["imagine.examples"])["ru"]
    said = {name: getattr(params, name) for name in params.__struct_fields__} | {"num_steps": 2}
    done = finished(run(engine_of(), wish(model_from(entry), "a", **said)))
    assert picture(done["a"]).size == (128, 128)
