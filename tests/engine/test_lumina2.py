"""Lumina 2 is diffusers' own: same networks, same seed, float32, in every layout that its files come in."""

from functools import partial

import diffusers
import msgspec
import pytest
import torch

from imagine.engine.loading.assembly import empty
from imagine.words.errors import UnusableModel
from imagine.words.recipe import Hires
from tests.engine.adapters.low_rank import used, write_low_rank
from tests.engine.parity import MASK, PHOTO, STEPS, assert_same, plain_latents
from tests.engine.running import crowd_made_again, latents_of, model_at, wish
from tests.lumina2_files import lumina2_pipeline, tiny_lumina2, write_lumina2

pytestmark = pytest.mark.usefixtures("one_thread", "no_chance")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Where it lies as a folder, and its modules."""
    modules = tiny_lumina2()
    return write_lumina2(tmp_path_factory.mktemp("lumina2") / "one", modules), modules


def ours(path, img=None, **changes):
    return latents_of(wish(model_at(path), img=img, **{"num_steps": STEPS, "sampler": "euler", **changes}))


@pytest.mark.parametrize(("guidance", "neg"), [(1.0, ""), (4.0, "a blurry dog")])
def test_text_to_image(tiny, guidance, neg):
    """The prompt behind its instruction, what is against it alone, and lines as long as the prompt's own."""
    expected = plain_latents(lumina2_pipeline(tiny[1]), guidance_scale=guidance, negative_prompt=neg, height=96)
    asked = {"guidance": guidance, "neg": neg, "width": 64, "height": 96}
    other = "blue houses beside a lake of glass, and snow on all of their roofs"
    assert_same(ours(tiny[0], **asked), expected, ours(tiny[0], **asked, prompt=other))


def test_heads_in_which_no_place_can_be_told_are_refused():
    """Of fifteen numbers, a third of which aren't pairs: diffusers asserts that they are."""
    settings = {"hidden_size": 15, "num_layers": 1, "num_refiner_layers": 1, "axes_dim_rope": (5, 5, 5)}
    made = partial(diffusers.Lumina2Transformer2DModel, num_attention_heads=1, num_kv_heads=1, **settings)
    with pytest.raises(UnusableModel, match="its transformer has shapes that no network has"):
        empty("transformer", made)


@pytest.mark.parametrize("layout", ["all", "split"])
def test_every_layout_is_the_same(tiny, tmp_path, layout):
    path, modules = tiny
    file = write_lumina2(tmp_path, modules, layout)
    parts = {"text_encoder": "gemma_2_2b", "vae": "ae"} if layout == "split" else {}
    parts = {role: file.with_name(f"{name}.safetensors") for role, name in parts.items()}
    model = model_at(file, parts=parts, role="denoiser" if parts else "checkpoint")
    assert torch.equal(latents_of(wish(model, guidance=3.0, num_steps=STEPS)), ours(path, guidance=3.0))


def test_pictures_of_every_kind_share_batches_and_are_made_again(tiny, tmp_path):
    """By several samplers, of prompts of any length, painted over, masked, made larger, beside LoRAs."""
    write_low_rank(tmp_path / "low.safetensors", {"denoiser": tiny[1].transformer}, 4, only="layers")
    low = used(tmp_path / "low.safetensors", "low")
    model, hires = model_at(tiny[0]), Hires(scale=1.5, strength=0.6, upscaler="latent", steps=3)
    asked = {
        "plain": {"sampler": "heun"}, "over": {"img": PHOTO, "strength": 0.7, "sampler": "unipc"},
        "hole": {"img": PHOTO, "mask": MASK, "strength": 0.9, "prompt": "a red fox in the snow"},
        "large": {"hires": hires, "sampler": "dpm++ 2m"}, "low": {"every": 1},
    }  # fmt: skip
    wishes = [wish(model, name, guidance=2.0, num_steps=4, **each) for name, each in asked.items()]
    crowd_made_again([msgspec.structs.replace(one, adapters=(low,) if one.job == "low" else ()) for one in wishes])
