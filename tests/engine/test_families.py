"""A picture made alone is plain diffusers' own: same components, same seed, float32."""

import diffusers
import pytest
import torch
from diffusers.image_processor import VaeImageProcessor
from PIL import Image
from transformers import CLIPTextModel

from imagine.words.errors import Unsupported
from imagine.words.frames import Submit
from tests.checkpoints import pipeline
from tests.engine.parity import PHOTO, STEPS, assert_same, comparable, options
from tests.engine.running import (
    Clock,
    Watching,
    engine_of,
    finished,
    latents_of,
    model_at,
    picture,
    recipe,
    run,
    wish,
)

pytestmark = pytest.mark.usefixtures("one_thread")
SCHEDULERS = {
    "euler": diffusers.EulerDiscreteScheduler,
    "dpm++ 2m": diffusers.DPMSolverMultistepScheduler,
}
PREDICTION = {"sd2": "v_prediction"}


def plain(modules, sampler, kind=None, **asked):
    """The latents that diffusers' own pipeline ends with."""
    made = pipeline(modules, prediction=PREDICTION.get(modules.family, "epsilon"))
    if kind is not None:
        modules.unet.register_to_config(sample_size=64)  # diffusers asks whether it is below 64
        made = kind(**made.components, **options(modules))
    made = comparable(made, SCHEDULERS[sampler])
    if modules.family == "sdxl_refiner":
        made.register_to_config(requires_aesthetics_score=True)
    asked = {"prompt": "a red fox", "num_inference_steps": STEPS, "output_type": "latent", **asked}
    return made(generator=torch.Generator("cpu").manual_seed(1), **asked).images


def ours(path, img=None, **changes):
    return latents_of(wish(model_at(path), img=img, num_steps=STEPS, **changes))


@pytest.mark.parametrize("guidance", [1.0, 5.0])
@pytest.mark.parametrize("sampler", SCHEDULERS)
@pytest.mark.parametrize("family", ["stable_diffusion", "sd2", "sdxl"])
def test_text_to_image(checkpoints, family, sampler, guidance):
    path, modules = checkpoints(family)
    got = ours(path, sampler=sampler, guidance=guidance, neg="a blurry dog", width=64, height=96)
    words = {"guidance_scale": guidance, "negative_prompt": "a blurry dog"}
    assert_same(got, plain(modules, sampler, width=64, height=96, **words))


def test_nothing_to_avoid_is_zeros_for_sdxl(checkpoints):
    path, modules = checkpoints("sdxl")
    assert_same(ours(path), plain(modules, "euler", guidance_scale=5.0, width=64, height=64))


@pytest.mark.parametrize("family", ["stable_diffusion", "sdxl"])
def test_clip_skip(checkpoints, family, monkeypatch):
    # diffusers 0.42 looks for the norm where transformers had it before 5.6.
    monkeypatch.setattr(CLIPTextModel, "text_model", property(lambda self: self), raising=False)
    path, modules = checkpoints(family)
    skipped = ours(path, clip=2, guidance=1.0)
    assert_same(skipped, plain(modules, "euler", guidance_scale=1.0, clip_skip=1, width=64, height=64))
    assert not torch.allclose(skipped, ours(path, guidance=1.0), atol=1e-3)


@pytest.mark.parametrize("sampler", SCHEDULERS)
@pytest.mark.parametrize("family", ["stable_diffusion", "sdxl"])
@pytest.mark.usefixtures("no_chance")
def test_image_to_image(checkpoints, family, sampler):
    path, modules = checkpoints(family)
    kinds = {
        "stable_diffusion": diffusers.StableDiffusionImg2ImgPipeline,
        "sdxl": diffusers.StableDiffusionXLImg2ImgPipeline,
    }
    got = ours(path, img=PHOTO, strength=0.6, sampler=sampler)
    # The last bit of the source's pixels, which diffusers scales otherwise, counts for more behind a random VAE.
    expected = plain(modules, sampler, kinds[family], image=PHOTO, strength=0.6, guidance_scale=5.0)
    assert_same(got, expected, within=1e-4)


def test_a_refiner_goes_on_as_diffusers_does(checkpoints):
    base, modules = checkpoints("sdxl")
    refiner, its_modules = checkpoints("sdxl_refiner")
    model, fine = model_at(base), model_at(refiner, "fine")
    words = {"negative_prompt": "a blurry dog", "guidance_scale": 5.0}
    begun = plain(modules, "euler", width=64, height=64, denoising_end=0.6, **words)
    expected = plain(its_modules, "euler", image=begun, denoising_start=0.6, **words)
    got = latents_of(wish(model, num_steps=STEPS, neg="a blurry dog", refined_by=fine, refiner_at=0.6))
    assert_same(got, expected)


def test_both_models_of_a_refined_picture_are_asked_in_turn(checkpoints):
    base, refiner = checkpoints("sdxl")[0], checkpoints("sdxl_refiner")[0]
    watching = Watching()
    engine = engine_of(open_model=watching)
    model, fine = model_at(base), model_at(refiner, "fine")
    one = wish(model, num_steps=10, refined_by=fine, refiner_at=0.7)
    other = wish(model, "b", num_steps=10)
    said = run(engine, one, other)
    steps = [float(t[0]) for _, t, _ in watching.families["fine"].heard("denoise")]
    assert steps == sorted(steps, reverse=True)
    assert max(steps) < 300
    assert len(steps) == 3
    own = [float(at) for _, t, _ in watching.families["tiny"].heard("denoise") for at in t]
    assert min(own) < 300, "the other job stays with its model to the end"
    assert {model.name for model in engine.stats().models} == {"tiny", "fine"}
    assert finished(said)["a"].meta["refiner"] == "fine"
    assert finished(said)["a"].meta["parts"] == {"refiner": fine.digest}
    assert "parts" not in finished(said)["b"].meta
    assert finished(said)["a"].data != finished(said)["b"].data


def test_refined_jobs_share_batches_on_both_models(checkpoints):
    base, refiner = checkpoints("sdxl")[0], checkpoints("sdxl_refiner")[0]
    watching = Watching()
    model, fine = model_at(base), model_at(refiner, "fine")
    wishes = [wish(model, str(i), num_steps=10, refined_by=fine) for i in range(4)]
    run(engine_of(open_model=watching, clock=Clock()), *wishes)
    rows = {name: max(len(t) for _, t, _ in f.heard("denoise")) for name, f in watching.families.items()}
    assert rows["fine"] > 2
    assert rows["tiny"] > 2


def test_a_refiner_must_understand_the_latents(checkpoints):
    model, fine = model_at(checkpoints()[0]), model_at(checkpoints("sdxl_refiner")[0], "fine")
    engine = engine_of()
    engine.submit(wish(model, refined_by=fine))
    with pytest.raises(Unsupported, match="can't go on") as refused:
        run(engine)
    assert refused.value.field == "refiner"
    assert engine.drop_step() == ["a"]
    assert not engine.busy


@pytest.mark.parametrize(("at", "field"), [(1.5, "refiner_at"), (0.8, "refiner")])
def test_a_refiner_that_is_not_there_is_refused_at_once(sd1, at, field):
    with pytest.raises(Exception, match="refiner") as refused:
        engine_of().submit(wish(sd1, refiner="fine", refiner_at=at))
    assert refused.value.field == field


def test_an_inpainting_checkpoint_takes_mask_and_masked_picture(checkpoints):
    """As diffusers' inpainting pipeline feeds its denoiser; there a part outside the mask isn't put back."""
    path, modules = checkpoints(in_channels=9)
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (16, 8, 48, 40))
    watching = Watching()
    run(engine_of(open_model=watching), wish(model_at(path), img=PHOTO, mask=mask, strength=1.0))
    rows = watching.families["tiny"].heard("denoise")[0][2]
    channels = rows["inpainting"][0]
    pixels = VaeImageProcessor().preprocess(PHOTO)
    holes = VaeImageProcessor(do_normalize=False, do_binarize=True, do_convert_grayscale=True).preprocess(mask)
    with torch.no_grad():
        masked = modules.vae.encode(pixels * (holes < 0.5)).latent_dist.mode()[0] * modules.vae.config.scaling_factor
    expected = torch.nn.functional.interpolate(holes, size=(8, 8))[0]
    assert torch.equal(channels[:1], expected)
    assert torch.allclose(channels[1:], masked, atol=1e-5)


@pytest.mark.parametrize("img", [None, PHOTO])
def test_an_inpainting_checkpoint_paints_everything_where_there_is_no_mask(checkpoints, img):
    watching = Watching()
    engine = engine_of(open_model=watching)
    made = finished(run(engine, wish(model_at(checkpoints(in_channels=9)[0]), img=img, strength=0.7)))["a"]
    rows = watching.families["tiny"].heard("denoise")[0][2]
    assert rows["inpainting"].shape == (2, 5, 8, 8)
    assert rows["inpainting"][:, 0].min() == 1
    assert picture(made).size == (64, 64)


def test_sizes_condition_sdxl(checkpoints):
    watching = Watching()
    run(engine_of(open_model=watching), wish(model_at(checkpoints("sdxl")[0]), width=96, height=64))
    (first, *_) = watching.families["tiny"].heard("denoise")
    assert first[2]["sizes"].tolist() == [[64, 96, 0, 0, 64, 96]] * 2


def test_long_prompts_of_a_pair_are_joined_with_short_negatives(sd1):
    made = finished(run(engine_of(), wish(sd1, prompt="fox, " * 60, neg="dog")))["a"]
    assert made.warnings == []


def test_a_layer_that_the_encoder_has_not_is_refused(sd1):
    engine = engine_of()
    engine.submit(wish(sd1, clip=9))
    with pytest.raises(Unsupported) as refused:
        run(engine)
    assert refused.value.field == "clip"
    assert isinstance(wish(sd1), Submit)
    assert recipe().clip == 1
