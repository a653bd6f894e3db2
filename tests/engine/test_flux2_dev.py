"""FLUX.2 [dev] is diffusers' own: same networks, same seed, float32, in every layout that its files come in."""

import diffusers
import pytest
import torch
from PIL import Image

from imagine.engine.families.open import open_model
from imagine.words.errors import UnusableModel
from tests.engine.parity import PHOTO, assert_same, distance, plain_latents
from tests.engine.references.referring import reference, referring
from tests.engine.running import engine_of, latents_of, model_at, wish
from tests.flux2_files import flux2_pipeline, tiny_flux2, tokens_of, write_flux2
from tests.flux_files import save
from tests.mistral_files import mistral_tensors

pytestmark = pytest.mark.usefixtures("one_thread", "no_chance")
STEPS = 3
SEEABLE = 1e-3
"""What is heard otherwise changes at least: a hundred times what rounding does."""
GUIDED = {"guidance": 4.0, "num_steps": STEPS, "sampler": "euler"}
SEEN = {"strength": 1.0}
PARTS = {"text_encoder": "mistral_3_small_flux2_bf16", "vae": "flux2-vae"}


@pytest.fixture(scope="module")
def dev(tmp_path_factory):
    """Where it lies as a folder."""
    return write_flux2(tmp_path_factory.mktemp("dev") / "one", tiny_flux2(dev=True))


@pytest.fixture(scope="module")
def drawn(dev):
    """By that."""
    return ours(dev)


def plain(**asked):
    """The latents that diffusers' own pipeline ends with, as the denoiser has them."""
    size = {"width": 64, "height": 64} | {side: asked[side] for side in ("width", "height") if side in asked}
    tokens = plain_latents(flux2_pipeline(tiny_flux2(dev=True)), num_inference_steps=STEPS, **asked)
    return tokens.transpose(1, 2).reshape(1, -1, size["height"] // 16, size["width"] // 16)


def ours(path, **changes):
    return latents_of(wish(model_at(path), **GUIDED | changes))


def test_text_to_image(dev):
    got, expected = ours(dev, width=64, height=96), plain(guidance_scale=4.0, height=96)
    assert_same(got, expected)
    for other in ({"guidance": 6.0}, {"true_cfg": 9.0, "neg": "a dog"}):
        assert distance(ours(dev, width=64, height=96, **other), expected) > SEEABLE, other


def test_inpainting(dev, monkeypatch):
    """As klein's pipeline has it, whose denoiser is told no guidance, and is shown what it starts from as well."""
    modules, mask = tiny_flux2(dev=True), Image.new("L", (64, 64), 0)
    mask.paste(255, (16, 16, 48, 48))
    pipe = flux2_pipeline(modules, diffusers.Flux2KleinInpaintPipeline)
    heard = flux2_pipeline(modules).encode_prompt("a red fox")[0]
    untold, number = modules.transformer.forward, {"guidance": torch.tensor([4.0])}
    monkeypatch.setattr(modules.transformer, "forward", lambda **asked: untold(**asked | number))
    asked = {"prompt": None, "prompt_embeds": heard, "image": PHOTO, "mask_image": mask, "strength": 0.8}
    expected = tokens_of(pipe, plain_latents(pipe, guidance_scale=1.0, num_inference_steps=STEPS, **asked))
    one = wish(model_at(dev), img=PHOTO, mask=mask, strength=0.8, **GUIDED)
    assert_same(latents_of(referring(one, reference(None, PHOTO, **SEEN))), expected)


def test_it_sees_several_pictures(dev, drawn):
    wide, model = PHOTO.resize((96, 80)), model_at(dev, resolution=128)
    beside = [reference(None, PHOTO, **SEEN), reference(None, wide, **SEEN)]
    expected = plain(image=[PHOTO, wide], width=64, height=64, guidance_scale=4.0)
    assert_same(latents_of(referring(wish(model, **GUIDED), *beside)), expected)
    assert distance(drawn, expected) > SEEABLE


@pytest.mark.parametrize("layout", ["all", "split"])
def test_every_layout_is_the_same(drawn, tmp_path, layout):
    """Of a text encoder that was cut behind its thirtieth layer, with its vocabulary among the weights."""
    file = write_flux2(tmp_path, tiny_flux2(dev=True), layout)
    parts = {role: file.with_name(f"{name}.safetensors") for role, name in PARTS.items()} if layout == "split" else {}
    model = model_at(file, parts=parts, role="denoiser" if parts else "checkpoint")
    assert torch.equal(latents_of(wish(model, **GUIDED)), drawn)


def test_a_text_encoder_without_its_vocabulary_is_refused(tmp_path):
    file = write_flux2(tmp_path, tiny_flux2(dev=True), "split")
    bare = tmp_path / "mistral.safetensors"
    save(bare, mistral_tensors(tiny_flux2(dev=True).text))
    model = model_at(file, parts={"text_encoder": bare, "vae": tmp_path / "flux2-vae.safetensors"}, role="denoiser")
    with pytest.raises(UnusableModel, match=r"mistral\.safetensors.*tekken_model"):
        open_model(model, engine_of()._device, lambda _: None, {})
