"""SANA is diffusers' own: same networks, same seed, float32, in every layout that its files come in."""

import msgspec
import pytest
import torch

from imagine.engine.families.open import open_model
from imagine.words.errors import UnusableModel
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
from tests.sana_files import sana_pipeline, tiny_sana, write_sana

pytestmark = pytest.mark.usefixtures("one_thread", "no_chance")

PROMPT = " Red Fox\n"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Where it lies as a folder, and its modules."""
    modules = tiny_sana()
    return write_sana(tmp_path_factory.mktemp("sana") / "one", modules), modules


def ours(path, img=None, **changes):
    asked = {"num_steps": STEPS, "sampler": "dpm++ 2m", "prompt": PROMPT, **changes}
    return latents_of(wish(model_at(path), img=img, **asked))


def theirs(modules, **asked):
    return plain_latents(
        sana_pipeline(modules), prompt=PROMPT, use_resolution_binning=False, clean_caption=False, **asked
    )


@pytest.mark.parametrize(("guidance", "neg"), [(1.0, ""), (4.5, "a blurry Dog")])
def test_text_to_image(tiny, guidance, neg):
    """By its own solver, behind an instruction of which the last token alone is told, in small letters without what is
    around them."""
    asked = {"guidance": guidance, "neg": neg, "width": 64, "height": 96}
    expected = theirs(tiny[1], guidance_scale=guidance, negative_prompt=neg, height=96)
    other = "blue houses beside a lake of glass, and snow on all of their roofs"
    assert_same(ours(tiny[0], **asked), expected, ours(tiny[0], **asked, prompt=other))


def test_places_and_norms_of_the_larger_ones(tmp_path):
    """Those for 2048² and 4096² have places, 1.5's queries and keys are normed."""
    modules = tiny_sana(interpolation_scale=2.0, qk_norm="rms_norm_across_heads")
    path = write_sana(tmp_path, modules)
    assert_same(ours(path, guidance=1.0, width=96), theirs(modules, guidance_scale=1.0, width=96))


@pytest.mark.parametrize("layout", ["all", "renamed"])
def test_every_layout_is_the_same(tiny, tmp_path, layout):
    path, modules = tiny
    file = write_sana(tmp_path, modules, layout)
    parts = {} if layout == "all" else {"text_encoder": "gemma_2_2b", "vae": "sana_vae"}
    parts = {role: file.with_name(f"{name}.safetensors") for role, name in parts.items()}
    model = model_at(file, parts=parts, role="denoiser" if parts else "checkpoint")
    got = latents_of(wish(model, img=PHOTO, strength=0.7, guidance=3.0, num_steps=STEPS, sampler="dpm++ 2m"))
    assert torch.equal(got, ours(path, PHOTO, strength=0.7, guidance=3.0, prompt="a red fox"))


def test_pictures_of_every_kind_share_batches_and_are_made_again(tiny, tmp_path):
    """By several samplers, of prompts of any length, painted over, masked, made larger, beside LoRAs."""
    write_low_rank(tmp_path / "low.safetensors", {"denoiser": tiny[1].transformer}, 4, only="transformer_blocks")
    low = used(tmp_path / "low.safetensors", "low")
    model, hires = model_at(tiny[0]), Hires(scale=1.5, strength=0.6, upscaler="latent", steps=3)
    asked = {
        "plain": {"sampler": "heun"}, "over": {"img": PHOTO, "strength": 0.7, "sampler": "unipc"},
        "hole": {"img": PHOTO, "mask": MASK, "strength": 0.9, "prompt": "a red fox in the snow"},
        "large": {"hires": hires, "sampler": "dpm++ 2m"}, "low": {"sampler": "dpm++ 2m"},
    }  # fmt: skip
    wishes = [wish(model, name, guidance=2.0, num_steps=4, **each) for name, each in asked.items()]
    crowd_made_again([msgspec.structs.replace(one, adapters=(low,) if one.job == "low" else ()) for one in wishes])


def test_one_that_answers_other_channels_than_it_takes_is_refused(tmp_path):
    """Before a step, as one that tells its noise's variance is."""
    model = model_at(write_sana(tmp_path, tiny_sana(out_channels=64)))
    with pytest.raises(UnusableModel, match="32 channels"):
        open_model(model, engine_of()._device, lambda _: None, {})


def test_previews_show_what_comes(tiny):
    said = run(engine_of(), wish(model_at(tiny[0]), every=1, guidance=2.0, num_steps=3))
    assert picture(finished(said)["a"]).size == (64, 64)
    assert len(previews(said)) == 2
