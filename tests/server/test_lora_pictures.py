"""LoRAs all the way: a server, a real worker, and the pictures that come of it."""

import asyncio

import pytest

from tests.checkpoints import write_checkpoint
from tests.daemon import REAL, Daemon
from tests.flux2_files import tiny_flux2, write_flux2
from tests.flux_files import tiny_flux, write_flux
from tests.lora_crowd import NAMES, answers, buckets_of, made_again, mixed, pixels, write_loras
from tests.server.beside import png
from tests.z_image_files import tiny_z_image, write_z_image

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # a worker imports torch

SMALL = {"model": "tiny", "width": 64, "height": 64, "num_steps": 4, "seed": "1"}
LORAS = {"flux": ("dusk", "dawn", "noon"), "z-image": ("rain", "hail", "snow"), "flux2": ("moss", "reed", "fern")}
"""Of each family but Stable Diffusion."""
STATED = {"flux": "flux1", "z-image": "zimage", "flux2": "flux2"}
"""What trainers call them."""
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
    for family, path in {
        "flux": write_flux(models, tiny_flux(), "all"), "z-image": write_z_image(models, tiny_z_image(), "all"),
        "flux2": write_flux2(models, tiny_flux2(), "all"),
    }.items():  # fmt: skip
        write_loras(models / "loras", path, LORAS[family], STATED[family])
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
    crowd, other = made_again(daemon.url, mixed(16, model="tiny", width=64, height=64), together=16)
    assert other == []
    together = [answer for answer in crowd if max(buckets_of(answer)) > 1]
    assert any(answer["meta"].get("loras") for answer in together), "they shared batches"
    assert any(not answer["meta"].get("loras") for answer in together)


def test_in_a_crowd_of_four_families_each_is_made_again_from_its_own_recipe(daemon):
    """With LoRAs of each, and pictures that klein is shown."""
    flows = ("euler", "heun", "dpm++ 2m", "dpm++ 2m sde", "unipc")
    seen = {"references": [{"img": png(size=(64, 48))}]}
    families = {"tiny": (NAMES, {}), "flux": (LORAS["flux"], {"samplers": flows, "true_cfg": 2, "neg": "fog"}),
                "z_image_turbo": (LORAS["z-image"], {"samplers": flows}),
                "flux-2-klein-4b": (LORAS["flux2"], {"samplers": flows} | seen)}  # fmt: skip
    kinds = [
        mixed(4, seed, names=names, model=model, width=64, height=64, **more)
        for seed, (model, (names, more)) in enumerate(families.items())
    ]
    crowd, other = made_again(daemon.url, [body for turn in zip(*kinds, strict=True) for body in turn], together=16)
    assert other == []
    assert len({pixels(answer) for answer in crowd}) == len(crowd)
    assert any(max(buckets_of(answer)) > 1 for answer in crowd), "some shared batches"
    for model, (names, _) in families.items():
        own = [answer["meta"] for answer in crowd if answer["meta"]["model"] == model]
        assert {lora["name"] for meta in own for lora in meta.get("loras") or ()} <= {*names}
        assert sum(bool(meta.get("loras")) for meta in own) == 2
        assert all(bool(meta.get("references")) == (model == "flux-2-klein-4b") for meta in own)
