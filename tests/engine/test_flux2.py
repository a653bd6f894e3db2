"""FLUX.2 [klein] is diffusers' own: same networks, same seed, float32, in every layout that its files come in."""

import json
import shutil
from pathlib import Path

import diffusers
import msgspec
import pytest
import torch
from PIL import Image

from imagine.engine.families.flux2 import empirical_mu
from imagine.engine.families.open import open_model
from imagine.engine.loading.components import LoadReport
from imagine.engine.loading.model_files import ModelFiles
from imagine.engine.parts.seen_sizes import within_area
from imagine.words.recipe import Hires
from tests.engine.parity import PHOTO, STEPS, assert_same, distance, plain_latents
from tests.engine.references.referring import reference, referring
from tests.engine.running import (
    Watching,
    crowd_made_again,
    engine_of,
    finished,
    latents_of,
    made,
    model_at,
    picture,
    run,
    wish,
)
from tests.flux2_files import flux2_pipeline, tiny_flux2, tokens_of, write_flux2

pytestmark = pytest.mark.usefixtures("one_thread", "no_chance")
SEEABLE = 1e-3
"""What pictures beside the one in the making change at least: a hundred times what rounding does."""
SEEN = {"strength": 1.0}
OTHER = "a blue house beside a lake " * 60
"""What leaves little of the padding, which is most of any other prompt."""


@pytest.fixture(scope="module")
def klein(tmp_path_factory):
    """Where it lies as a folder."""
    return write_flux2(tmp_path_factory.mktemp("klein") / "one", tiny_flux2())


def plain(kind=diffusers.Flux2KleinPipeline, neg="", **asked):
    """The latents that diffusers' own pipeline ends with, as the denoiser has them: it knows no negative prompt but an
    empty one, unless that comes encoded."""
    pipe = flux2_pipeline(tiny_flux2(), kind)
    if neg:
        asked["negative_prompt_embeds"] = pipe.encode_prompt(neg)[0]
    return tokens_of(pipe, plain_latents(pipe, **asked))


def ours(path, img=None, **changes):
    asked = {"guidance": 1.0, "num_steps": STEPS, "sampler": "euler", "img": img, **changes}
    return latents_of(wish(model_at(path), **asked))


@pytest.mark.parametrize(("tokens", "steps"), [(16, 4), (4096, 4), (4096, 50), (4301, 4), (16384, 50)])
def test_its_levels_are_moved_by_size_and_steps(tokens, steps):
    theirs = diffusers.pipelines.flux2.pipeline_flux2_klein.compute_empirical_mu
    assert empirical_mu(tokens, steps) == theirs(tokens, steps)


@pytest.mark.parametrize(("guidance", "neg"), [(1.0, ""), (4.0, ""), (3.0, "a blurry dog")])
def test_text_to_image(klein, guidance, neg):
    got = ours(klein, guidance=guidance, neg=neg, width=64, height=96)
    expected = plain(guidance_scale=guidance, neg=neg, height=96)
    assert_same(got, expected, ours(klein, guidance=guidance, neg=neg, width=64, height=96, prompt=OTHER))


def test_image_to_image_and_inpainting(klein):
    """Whose pipeline shows the denoiser what it starts from as well."""
    kind, beside = diffusers.Flux2KleinInpaintPipeline, reference(None, PHOTO, **SEEN)
    everything, part = Image.new("L", (64, 64), 255), Image.new("L", (64, 64), 0)
    part.paste(255, (16, 16, 48, 48))
    for mask in (everything, part):
        one = wish(model_at(klein), guidance=1.0, num_steps=STEPS, img=PHOTO, mask=mask, strength=0.8)
        expected = plain(kind, image=PHOTO, mask_image=mask, strength=0.8, guidance_scale=1.0)
        assert_same(latents_of(referring(one, beside)), expected)
        assert distance(latents_of(one), expected) > SEEABLE


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_it_sees_several_pictures_of_any_shape(klein, guidance):
    model, words = model_at(klein, resolution=128), {"guidance": guidance, "num_steps": STEPS}
    wide = PHOTO.resize((96, 72))
    got = latents_of(referring(wish(model, **words), reference(None, PHOTO, **SEEN), reference(None, wide, **SEEN)))
    expected = plain(image=[PHOTO, wide], width=64, height=64, guidance_scale=guidance)
    assert_same(got, expected)
    assert distance(latents_of(wish(model, **words)), expected) > SEEABLE


def test_pictures_may_be_seen_apart(klein):
    """As one that looks like klein 9B was distilled to: their keys and values are the same at each step."""
    apart, wide = model_at(klein, resolution=128, variant="klein-9b-kv"), PHOTO.resize((96, 80))
    beside = [reference(None, PHOTO, **SEEN), reference(None, wide, **SEEN)]
    words = {"guidance": 1.0, "num_steps": STEPS}
    expected = plain(diffusers.Flux2KleinKVPipeline, image=[PHOTO, wide])
    assert_same(latents_of(referring(wish(apart, **words), *beside)), expected)
    together = latents_of(referring(wish(model_at(klein, resolution=128), **words), *beside))
    assert distance(together, expected) > SEEABLE
    assert_same(latents_of(wish(apart, **words)), plain(diffusers.Flux2KleinKVPipeline))


def test_links_to_one_file_are_two_denoisers_where_one_sees_apart(klein):
    """Which a name tells, and nothing in the file."""
    models = [model_at(klein, variant=variant) for variant in ("klein-9b", "klein-9b-kv")]
    keys = [ModelFiles(model, None, LoadReport()).denoiser_key("Flux2", compiled=False) for model in models]
    assert keys[0].files == keys[1].files
    assert keys[0] != keys[1]


def test_a_picture_is_seen_in_its_own_shape_no_larger_than_what_it_was_trained_on():
    processor = diffusers.pipelines.flux2.image_processor.Flux2ImageProcessor()
    for size in ((64, 64), (70, 100), (3000, 1000), (1500, 1501)):
        photo = PHOTO.resize(size)
        theirs = processor._resize_if_exceeds_area(photo)
        theirs = processor._resize_and_crop(theirs, *(side // 16 * 16 for side in theirs.size))
        seen = within_area(photo, 1024**2, 16)
        assert seen.size == theirs.size
        assert seen.tobytes() == theirs.tobytes()
    assert within_area(PHOTO.resize((5, 400)), 1024**2, 16).size == (16, 400), "nothing is too narrow"


def test_pictures_that_see_others_share_a_batch_and_are_made_again(klein):
    model, words = model_at(klein), {"guidance": 1.0, "num_steps": 3}
    seen = [reference(None, picture, **SEEN) for picture in (PHOTO, PHOTO.rotate(90))]
    wishes = [
        referring(wish(model, "a", **words), seen[0]), referring(wish(model, "b", **words, seed=5), seen[1]),
        referring(wish(model, "c", **words), *seen), wish(model, "d", **words, prompt="a dog"),
        wish(model, "e", **words, prompt="a cat " * 40),
    ]  # fmt: skip
    crowd_made_again(wishes)


def test_a_second_pass_has_noise_levels_of_its_own_size_and_steps(klein):
    watching = Watching()
    hires = Hires(scale=1.5, strength=0.6, upscaler="latent", steps=6)
    one = wish(model_at(klein), guidance=1.0, num_steps=STEPS, hires=hires)
    assert picture(made(engine_of(open_model=watching), one)).size == (96, 96)
    asked = {(size, steps) for size, steps in watching.families["tiny"].heard("noise")}
    assert asked == {((64, 64), STEPS), ((96, 96), 6)}


def test_a_folders_scheduler_may_move_all_levels_alike(klein, tmp_path):
    folder = Path(shutil.copytree(klein, tmp_path / "klein"))
    said = folder / "scheduler" / "scheduler_config.json"
    said.write_text(json.dumps(json.loads(said.read_text()) | {"use_dynamic_shifting": False, "shift": 3.0}))
    opened = open_model(model_at(folder), engine_of()._device, lambda _: None, {})
    assert opened.noise((64, 64), 4).shift == 3.0


@pytest.mark.parametrize("layout", ["all", "split"])
def test_every_layout_is_the_same(klein, tmp_path, layout):
    file = write_flux2(tmp_path, tiny_flux2(), layout)
    parts = {"text_encoder": "qwen_3_4b", "vae": "flux2-vae"} if layout == "split" else {}
    parts = {role: file.with_name(f"{name}.safetensors") for role, name in parts.items()}
    model = model_at(file, parts=parts, role="denoiser" if parts else "checkpoint")
    assert torch.equal(latents_of(wish(model, guidance=1.0, num_steps=STEPS)), ours(klein))


def test_a_crowd_in_every_sampler_of_flows_is_made_again(klein):
    model = model_at(klein)
    samplers = ("heun", "dpm++ 2m sde", "unipc")
    wishes = [
        wish(model, name, guidance=1.0, num_steps=3, sampler=name, prompt=f"a {name}", seed=seed)
        for seed, name in enumerate(samplers)
    ]
    results = finished(run(engine_of(), *wishes))
    for one in wishes:
        params = msgspec.structs.replace(one.params, buckets=results[one.job].meta["buckets"])
        assert made(engine_of(), msgspec.structs.replace(one, params=params)).data == results[one.job].data, one.job
