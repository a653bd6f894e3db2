"""Z-Image is diffusers' own: same networks, same seed, float32, in every layout, in a crowd too."""

import diffusers
import pytest
import torch

from imagine.words.errors import Unsupported
from tests.engine.parity import MASK, PHOTO, STEPS, assert_same, plain_latents
from tests.engine.running import engine_of, finished, latents_of, made, model_at, run, wish
from tests.z_image_files import tiny_z_image, write_z_image, z_image_pipeline

pytestmark = pytest.mark.usefixtures("one_thread", "no_chance")
LONG = "a red house beside a lake, in the evening, " * 5


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Where it lies as a folder, and its modules."""
    modules = tiny_z_image()
    return write_z_image(tmp_path_factory.mktemp("z-image") / "one", modules), modules


@pytest.fixture
def plain(tiny):
    """The latents that diffusers' own pipeline ends with. Its guidance counts from the prompt's own answer."""

    def latents(kind=diffusers.ZImagePipeline, guidance=1.0, neg="", **asked):
        pipe = z_image_pipeline(tiny[1], kind)
        return plain_latents(pipe, guidance_scale=max(0.0, guidance - 1), negative_prompt=neg, **asked)

    return latents


def ours(path, img=None, **changes):
    return latents_of(wish(model_at(path), num_steps=STEPS, sampler="euler", img=img, **changes))


@pytest.mark.parametrize(("guidance", "neg"), [(0.0, ""), (4.0, ""), (3.0, LONG), (3.0, "a blurry dog")])
def test_text_to_image(tiny, plain, guidance, neg):
    """Its 4 × 6 tokens are filled up to 32; a long negative prompt has more tokens than the prompt."""
    got = ours(tiny[0], guidance=guidance, neg=neg, width=64, height=96)
    other = ours(tiny[0], guidance=guidance, neg=neg, width=64, height=96, prompt="a blue house")
    assert_same(got, plain(guidance=guidance, neg=neg, height=96), other if guidance else None)


@pytest.mark.parametrize("strength", [0.3, 0.8])
def test_image_to_image(tiny, plain, strength):
    got = ours(tiny[0], PHOTO, guidance=3.0, strength=strength)
    assert_same(got, plain(diffusers.ZImageImg2ImgPipeline, guidance=3.0, image=PHOTO, strength=strength))


def test_inpainting_is_blended(tiny, plain):
    got = ours(tiny[0], PHOTO, guidance=3.0, mask=MASK, strength=0.8)
    asked = {"image": PHOTO, "mask_image": MASK, "strength": 0.8, "guidance": 3.0}
    assert_same(got, plain(diffusers.ZImageInpaintPipeline, **asked))


@pytest.mark.parametrize("layout", ["all", "split"])
def test_every_layout_is_the_same(tiny, tmp_path, layout):
    path, modules = tiny
    file = write_z_image(tmp_path, modules, layout)
    parts = {"text_encoder": "qwen_3_4b", "vae": "ae"} if layout == "split" else {}
    parts = {role: file.with_name(f"{name}.safetensors") for role, name in parts.items()}
    model = model_at(file, parts=parts, role="denoiser" if parts else "checkpoint")
    assert torch.equal(latents_of(wish(model, guidance=3.0, num_steps=STEPS)), ours(path, guidance=3.0))


def test_a_crowd_of_prompts_of_any_length_is_made_again_bit_for_bit(tiny):
    model = model_at(tiny[0])
    prompts = {"a": "a fox", "b": "", "c": LONG, "d": "a cat " * 600, "e": "a (red:1.3) fox"}
    wishes = [wish(model, job, guidance=3.0, num_steps=3, prompt=prompt) for job, prompt in prompts.items()]
    crowd = finished(run(engine_of(), *wishes))
    for one in wishes:
        again = wish(
            model, one.job, guidance=3.0, num_steps=3, prompt=prompts[one.job], buckets=crowd[one.job].meta["buckets"]
        )
        assert made(engine_of(), again).data == crowd[one.job].data, one.job
    assert any("4x" in bucket or "2x" in bucket for bucket in crowd["a"].meta["buckets"].split(",")), (
        "some were together"
    )
    assert sorted(job for job, picture in crowd.items() if picture.warnings) == ["d", "e"], (
        "of what was cut, and of weights"
    )


def test_a_picture_that_it_has_no_places_for_is_refused(tiny):
    engine = engine_of()
    engine.submit(wish(model_at(tiny[0]), num_steps=1, width=8208))
    with pytest.raises(Unsupported, match="places for at most 8192"):
        run(engine)
