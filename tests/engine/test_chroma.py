"""Chroma is diffusers' own, but for a mask that hides what it is to hide: same networks, same seed, float32."""

import warnings

import diffusers
import pytest
import torch

from imagine.engine.families.family import EncodeRequest
from imagine.engine.families.open import open_model
from tests.chroma_files import chroma_pipeline, tiny_chroma, write_chroma
from tests.engine.parity import MASK, PHOTO, STEPS, assert_same, unpacked_latents
from tests.engine.running import engine_of, finished, latents_of, made, model_at, run, wish

pytestmark = pytest.mark.usefixtures("one_thread", "no_chance")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Where it lies as a folder, and its modules."""
    modules = tiny_chroma()
    return write_chroma(tmp_path_factory.mktemp("chroma") / "one", modules), modules


@pytest.fixture
def plain(tiny, tmp_path):
    """The latents that diffusers' own pipeline ends with, once its mask hides."""

    def latents(kind=diffusers.ChromaPipeline, **asked):
        pipe = chroma_pipeline(tiny[1], tmp_path, kind)
        pipe.transformer.register_to_config(guidance_embeds=False)  # its own pipeline that inpaints asks for it
        prepare = pipe._prepare_attention_mask
        pipe._prepare_attention_mask = lambda **told: None if (mask := prepare(**told)) is None else mask.bool()
        return unpacked_latents(pipe, **asked)

    return latents


def ours(path, img=None, **changes):
    return latents_of(wish(model_at(path), num_steps=STEPS, sampler="euler", img=img, **changes))


@pytest.mark.parametrize(("guidance", "neg"), [(1.0, ""), (5.0, ""), (3.0, "a blurry dog " * 40)])
def test_text_to_image(tiny, plain, guidance, neg):
    got = ours(tiny[0], guidance=guidance, neg=neg, width=64, height=96)
    expected = plain(guidance_scale=guidance, negative_prompt=neg, height=96)
    other = ours(tiny[0], guidance=guidance, neg=neg, width=64, height=96, prompt="a blue house")
    assert_same(got, expected, other)


@pytest.mark.parametrize(("neg", "tokens"), [("", 64), ("a blurry dog " * 40, 256), ("a blurry dog " * 400, 512)])
def test_no_more_of_the_padding_is_computed_than_what_prompts_share_batches_by(tiny, neg, tokens):
    model = model_at(tiny[0])
    opened = open_model(model, engine_of()._device, lambda _: None, {})
    told = opened.encode(EncodeRequest("a red fox", neg, 1, 3.0, (64, 64)))
    for rows in (told.positive, told.negative):
        assert rows["context"].shape[:2] == rows["seen"].shape == (1, tokens)
    assert int(told.positive["seen"].sum()) < 64


@pytest.mark.parametrize("strength", [0.3, 0.8])
def test_image_to_image(tiny, plain, strength):
    got = ours(tiny[0], PHOTO, guidance=3.0, strength=strength)
    expected = plain(kind=diffusers.ChromaImg2ImgPipeline, image=PHOTO, strength=strength, guidance_scale=3.0)
    assert_same(got, expected)


def test_inpainting_is_blended(tiny, plain):
    got = ours(tiny[0], PHOTO, guidance=3.0, mask=MASK, strength=0.8)
    asked = {"image": PHOTO, "mask_image": MASK, "strength": 0.8, "guidance_scale": 3.0}
    assert_same(got, plain(kind=diffusers.ChromaInpaintPipeline, **asked))


def test_opening_it_warns_of_nothing_that_concerns_nobody(tiny):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        open_model(model_at(tiny[0]), engine_of()._device, lambda _: None, {})


@pytest.mark.parametrize("layout", ["all", "split"])
def test_every_layout_is_the_same(tiny, tmp_path, layout):
    path, modules = tiny
    file = write_chroma(tmp_path, modules, layout)
    parts = {"text_encoder": "t5xxl", "vae": "ae"} if layout == "split" else {}
    parts = {role: file.with_name(f"{name}.safetensors") for role, name in parts.items()}
    model = model_at(file, parts=parts, role="denoiser" if parts else "checkpoint")
    assert torch.equal(latents_of(wish(model, guidance=3.0, num_steps=STEPS)), ours(path, guidance=3.0))


@pytest.mark.slow
def test_a_crowd_of_prompts_of_any_length_is_made_again_bit_for_bit(tiny):
    model = model_at(tiny[0])
    prompts = {"a": "a fox", "b": "", "c": "a red house beside a lake " * 40, "d": "a cat " * 300}
    wishes = [wish(model, job, guidance=3.0, num_steps=3, prompt=prompt) for job, prompt in prompts.items()]
    crowd = finished(run(engine_of(), *wishes))
    for one in wishes:
        again = wish(
            model, one.job, guidance=3.0, num_steps=3, prompt=prompts[one.job], buckets=crowd[one.job].meta["buckets"]
        )
        assert made(engine_of(), again).data == crowd[one.job].data, one.job
    assert max(len(picture.meta["buckets"]) for picture in crowd.values()) >= 1
    assert [job for job, picture in crowd.items() if picture.warnings] == ["d"], "of what was cut"
