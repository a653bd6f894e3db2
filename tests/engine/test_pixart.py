"""PixArt-Sigma is diffusers' own: same networks, same seed, float32, in every layout that its files come in."""

import msgspec
import pytest
import torch

from imagine.words.recipe import Hires
from tests.engine.adapters.low_rank import used, write_low_rank
from tests.engine.parity import MASK, PHOTO, STEPS, assert_same, plain_latents
from tests.engine.running import (
    crowd_made_again,
    engine_of,
    finished,
    latents_of,
    model_at,
    picture,
    previews,
    run,
    wish,
)
from tests.pixart_files import pixart_pipeline, tiny_pixart, write_pixart

pytestmark = pytest.mark.usefixtures("one_thread", "no_chance")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Where it lies as a folder, and its modules."""
    modules = tiny_pixart()
    return write_pixart(tmp_path_factory.mktemp("pixart") / "one", modules), modules


def ours(path, img=None, **changes):
    asked = {"num_steps": STEPS, "sampler": "dpm++ 2m", "prompt": "A red Fox", **changes}
    return latents_of(wish(model_at(path), img=img, **asked))


@pytest.mark.parametrize(("guidance", "neg", "size"), [(1.0, "", (64, 64)), (4.5, "a blurry Dog", (64, 96))])
def test_text_to_image(tiny, tmp_path, guidance, neg, size):
    """By its own solver, in small letters, and of a shape with other places than the native one."""
    width, height = size
    asked = {"guidance": guidance, "neg": neg, "width": width, "height": height}
    pipe = pixart_pipeline(tiny[1], tmp_path)
    expected = plain_latents(
        pipe, prompt="A red Fox", guidance_scale=guidance, negative_prompt=neg, width=width, height=height,
        use_resolution_binning=False, clean_caption=False,
    )  # fmt: skip
    assert_same(ours(tiny[0], **asked), expected, ours(tiny[0], **asked | {"prompt": "a blue house"}))


@pytest.mark.parametrize("layout", ["all", "renamed"])
def test_every_layout_is_the_same(tiny, tmp_path, layout):
    path, modules = tiny
    file = write_pixart(tmp_path, modules, layout)
    parts = {} if layout == "all" else {"text_encoder": "t5xxl", "vae": "sdxl_vae"}
    parts = {role: file.with_name(f"{name}.safetensors") for role, name in parts.items()}
    model = model_at(file, parts=parts, role="denoiser" if parts else "checkpoint")
    got = latents_of(wish(model, guidance=3.0, num_steps=STEPS, sampler="dpm++ 2m", prompt="a red fox"))
    assert torch.equal(got, ours(path, guidance=3.0))


def test_pictures_of_every_kind_share_batches_and_are_made_again(tiny, tmp_path):
    """By several samplers, of prompts of any length, painted over, masked, made larger, beside LoRAs."""
    write_low_rank(tmp_path / "low.safetensors", {"denoiser": tiny[1].transformer}, 4, only="transformer_blocks")
    low = used(tmp_path / "low.safetensors", "low")
    model, hires = model_at(tiny[0]), Hires(scale=1.5, strength=0.6, upscaler="latent", steps=3)
    asked = {
        "plain": {"sampler": "dpm++ sde"}, "over": {"img": PHOTO, "strength": 0.7, "sampler": "lcm"},
        "hole": {"img": PHOTO, "mask": MASK, "strength": 0.9, "prompt": "a red house beside a lake " * 30},
        "large": {"hires": hires, "sampler": "unipc"}, "low": {"sampler": "dpm++ 2m"},
    }  # fmt: skip
    wishes = [wish(model, name, guidance=2.0, num_steps=4, **each) for name, each in asked.items()]
    crowd_made_again([msgspec.structs.replace(one, adapters=(low,) if one.job == "low" else ()) for one in wishes])


def test_previews_show_what_comes(tiny):
    said = run(engine_of(), wish(model_at(tiny[0]), every=1, guidance=2.0, num_steps=3))
    assert picture(finished(said)["a"]).size == (64, 64)
    assert len(previews(said)) == 2
