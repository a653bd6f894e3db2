"""LoRAs all the way: a server, a real worker, and the pictures that come of it."""

import asyncio

import pytest

from tests.checkpoints import write_checkpoint
from tests.daemon import REAL, Daemon
from tests.flux_files import tiny_flux, write_flux
from tests.lora_crowd import NAMES, answers, buckets_of, made_again, mixed, pixels, write_loras

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # a worker imports torch

SMALL = {"model": "tiny", "width": 64, "height": 64, "num_steps": 4, "seed": "1"}
OF_FLUX = ("dusk", "dawn", "noon")
FORMS = [
    {"prompt": "a fox", "loras": {"ink": 0.8}},
    {"prompt": "a fox", "loras": [{"name": "ink", "weight": 0.8}]},
    {"prompt": "a fox<lora:ink:0.8>"},
    {"prompt": "a fox", "loras": [{"name": "ink", "weight": 0.4}, {"name": "ink", "weight": 0.4}]},
]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    models = home / ".imagine/models"
    models.mkdir(parents=True)
    write_checkpoint(models / "tiny.safetensors")
    write_loras(models / "loras", models / "tiny.safetensors")
    flux = write_flux(models, tiny_flux(), "all")
    write_loras(models / "loras", flux, OF_FLUX, "flux1")
    with Daemon(home, REAL, "-d", "cpu") as running:
        yield running


def made(daemon, *bodies):
    return asyncio.run(answers(daemon.url, [SMALL | body for body in bodies], 1))


def test_it_changes_the_picture_by_its_weights_whichever_way_it_is_asked_for(daemon):
    plain, *same = made(daemon, {"prompt": "a fox"}, *FORMS)
    assert len({pixels(one) for one in same}) == 1
    others = [
        {"prompt": "a fox<lora:ink:0.8>", "loras": {"chalk": 1}}, {"prompt": "a fox<lora:ink:0.8:0>"},
        {"prompt": "a fox<lora:ink:0:0.8>"}, {"prompt": "a fox<lora:ink:-0.8>"},
    ]  # fmt: skip
    different = [plain, same[0], *made(daemon, *others)]
    assert len({pixels(one) for one in different}) == len(different)


def test_at_weight_0_it_is_as_if_there_were_none(daemon):
    plain, nothing, opposites = made(
        daemon, {"prompt": "a fox"}, {"prompt": "a fox<lora:ink:0>"},
        {"prompt": "a fox", "loras": [{"name": "ink", "weight": 0.5}, {"name": "ink", "weight": -0.5}]},
    )  # fmt: skip
    assert pixels(plain) == pixels(nothing) == pixels(opposites)


def test_in_a_crowd_of_other_mixes_each_is_made_again_from_its_own_recipe(daemon):
    """`python -m bench.lora_crowd` does it with a hundred."""
    crowd, other = made_again(daemon.url, mixed(24, model="tiny", width=64, height=64), together=24)
    assert other == []
    together = [answer for answer in crowd if max(buckets_of(answer)) > 1]
    assert any(answer["meta"].get("loras") for answer in together), "they shared batches"
    assert any(not answer["meta"].get("loras") for answer in together)


def test_in_a_crowd_of_two_families_each_is_made_again_from_its_own_recipe(daemon):
    of_flows = ("euler", "heun", "dpm++ 2m", "dpm++ 2m sde", "unipc")
    kinds = (
        mixed(6, model="tiny", width=64, height=64),
        mixed(6, seed=1, names=OF_FLUX, samplers=of_flows, model="flux", width=64, height=64, true_cfg=2, neg="fog"),
    )
    crowd, other = made_again(daemon.url, [body for pair in zip(*kinds, strict=True) for body in pair], together=12)
    assert other == []
    assert len({pixels(answer) for answer in crowd}) == len(crowd)
    for model, names in (("tiny", NAMES), ("flux", OF_FLUX)):
        own = [answer for answer in crowd if answer["meta"]["model"] == model and answer["meta"].get("loras")]
        assert {lora["name"] for answer in own for lora in answer["meta"]["loras"]} <= {*names}
        assert any(max(buckets_of(answer)) > 1 for answer in own), "they shared batches"
