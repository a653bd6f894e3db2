"""Flux is diffusers' own: same networks, same seed, float32, in every layout that its files come in."""

import json
import math
import shutil
from pathlib import Path

import diffusers
import msgspec
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from imagine.engine.execution.packing import packed, places, unpacked
from imagine.engine.families.open import open_model
from imagine.messages import sentences
from imagine.words.errors import BadRequest, Unsupported
from imagine.words.model import ControlUse
from imagine.words.recipe import Control, Hires
from tests.control_files import under
from tests.engine.adapters.low_rank import used
from tests.engine.parity import MASK, PHOTO, STEPS, assert_same, unpacked_latents
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
    png,
    run,
    wish,
)
from tests.flux_files import flux_pipeline, map_lora, original_map_lora, save, tiny_flux, with_map, write_flux

pytestmark = pytest.mark.usefixtures("one_thread", "no_chance")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """(where it lies, its modules) of each kind, as a folder."""
    kinds = {"dev": {}, "schnell": {"told": False}, "fill": {"taken": 384}, "canny": {"taken": 128}}
    folder, there = tmp_path_factory.mktemp("flux"), {}

    def get(kind="dev"):
        if kind not in there:
            modules = tiny_flux(**kinds[kind])
            pipelines = {"fill": diffusers.FluxFillPipeline, "canny": diffusers.FluxControlPipeline}
            pipeline = pipelines.get(kind, diffusers.FluxPipeline)
            there[kind] = write_flux(folder / kind, modules, kind=pipeline), modules
        return there[kind]

    return get


@pytest.fixture
def plain(models, tmp_path):
    """The latents that diffusers' own pipeline ends with."""

    def latents(of="dev", kind=diffusers.FluxPipeline, **asked):
        return unpacked_latents(flux_pipeline(models(of)[1], tmp_path, kind), **asked)

    return latents


def ours(path, img=None, **changes):
    asked = {"guidance": 3.5, "num_steps": STEPS, "sampler": "euler", "img": img, **changes}
    return latents_of(wish(model_at(path), **asked))


def test_latents_are_tokens_and_tokens_latents():
    latents = torch.randn(2, 16, 6, 4)
    tokens = packed(latents)
    assert torch.equal(tokens, diffusers.FluxPipeline._pack_latents(latents, 2, 16, 6, 4))
    assert torch.equal(unpacked(tokens, 6, 4), latents)
    told = diffusers.FluxPipeline._prepare_latent_image_ids(1, 3, 2, torch.device("cpu"), torch.float32)
    assert torch.equal(places(6, 4, torch.device("cpu")), told)


@pytest.mark.parametrize(("kind", "guidance"), [("dev", 3.5), ("dev", 1.0), ("schnell", 0.0)])
def test_text_to_image(models, plain, kind, guidance):
    length = 512 if kind == "dev" else 256
    got = ours(models(kind)[0], guidance=guidance, width=64, height=96)
    expected = plain(kind, guidance_scale=guidance, height=96, max_sequence_length=length)
    without = ours(models(kind)[0], guidance=guidance, width=64, height=96, prompt="")
    assert_same(got, expected)
    assert not torch.allclose(without, expected, atol=1e-3), "it heeds its prompt"


def test_its_two_guidances(models, plain):
    words = {"neg": "a blurry dog", "true_cfg": 3.0}
    got = ours(models()[0], guidance=2.0, **words)
    expected = plain(guidance_scale=2.0, negative_prompt="a blurry dog", true_cfg_scale=3.0)
    assert_same(got, expected, ours(models()[0], guidance=2.0))


@pytest.mark.parametrize("strength", [0.3, 0.6, 0.95])
def test_image_to_image(models, plain, strength):
    got = ours(models()[0], PHOTO, strength=strength)
    expected = plain(kind=diffusers.FluxImg2ImgPipeline, image=PHOTO, strength=strength, guidance_scale=3.5)
    assert_same(got, expected)


def test_inpainting_is_blended(models, plain):
    got = ours(models()[0], PHOTO, mask=MASK, strength=0.8)
    asked = {"image": PHOTO, "mask_image": MASK, "strength": 0.8, "guidance_scale": 3.5}
    assert_same(got, plain(kind=diffusers.FluxInpaintPipeline, **asked))


def test_fill_sees_the_mask(models, plain):
    path = models("fill")[0]
    everything = Image.new("L", (64, 64), 255)
    got = ours(path, PHOTO, mask=everything, strength=1.0, guidance=30.0)
    asked = {"image": PHOTO, "kind": diffusers.FluxFillPipeline, "guidance_scale": 30.0}
    assert_same(got, plain("fill", mask_image=everything, **asked))
    watching = Watching()
    run(engine_of(open_model=watching), wish(model_at(path), img=PHOTO, mask=MASK, strength=1.0, guidance=30.0))
    seen = watching.families["tiny"].heard("denoise")[0][2]["inpainting"]
    painted = torch.from_numpy(np.array(MASK, np.float32) / 255)
    assert seen.shape == (1, 16 + 64, 8, 8)
    assert torch.equal(torch.nn.functional.pixel_shuffle(seen[:, 16:], 8)[0, 0], painted)


def mapped(one, picture, **said):
    """What is asked for, of a model that sees a map itself."""
    use = ControlUse(kind="", component=None, image=png(picture))
    return under(one, (use, Control(model="own", image="0" * 64, **said)))


@pytest.mark.parametrize("painted", [False, True])
def test_canny_and_depth_see_a_map(models, plain, painted):
    """And a hole beside it, which is blended. What two VAEs make of a map differs by a rounding, of which such networks
    make ten."""
    asked, said = {"control_image": PHOTO, "guidance_scale": 5.0}, {"guidance": 5.0, "num_steps": STEPS}
    kind = diffusers.FluxControlPipeline
    if painted:
        kind = diffusers.FluxControlInpaintPipeline
        asked |= {"image": PHOTO, "mask_image": MASK, "strength": 0.8}
        said |= {"img": PHOTO, "mask": MASK, "strength": 0.8}
    one = wish(model_at(models("canny")[0]), sampler="euler", **said)
    got, without = (latents_of(mapped(one, picture)) for picture in (PHOTO, PHOTO.rotate(180)))
    assert_same(got, plain("canny", kind, **asked), without, within=3e-5)


def test_pictures_of_several_maps_are_made_again_bit_for_bit(models):
    """One away from a negative prompt, one in two passes, of edges that are made of its picture."""
    path = models("canny")[0]
    model, few = model_at(path), {"num_steps": 2, "guidance": 10.0}
    crowd_made_again([
        mapped(wish(model, "first", **few), PHOTO), mapped(wish(model, "second", **few), PHOTO.rotate(90)),
        mapped(wish(model, "sided", neg="a dog", true_cfg=2.0, **few), PHOTO),
        mapped(wish(model, "edges", hires=Hires(scale=1.5, strength=0.5), **few), PHOTO, preprocess="canny"),
    ])  # fmt: skip


def with_lora(one, file, weight=1.0):
    return msgspec.structs.replace(one, adapters=(used(file, "canny", weight),))


def test_canny_and_depth_are_loras_too(models, tmp_path):
    """Beside a model that sees no map: as diffusers' pipeline with what the LoRA makes of that."""
    path, modules = models()
    tensors, file = map_lora(modules.transformer), tmp_path / "canny.safetensors"
    save(file, original_map_lora(tensors))
    one = with_lora(wish(model_at(path), sampler="euler", guidance=5.0, num_steps=STEPS), file)
    got, without = (latents_of(mapped(one, picture)) for picture in (PHOTO, PHOTO.rotate(180)))
    pipe = flux_pipeline(with_map(modules, tensors), tmp_path, diffusers.FluxControlPipeline)
    assert_same(got, unpacked_latents(pipe, control_image=PHOTO, guidance_scale=5.0), without, within=3e-5)


def test_pictures_that_see_maps_by_loras_share_batches_and_are_made_again(models, tmp_path):
    """With one that sees none, and one that sees it by half, beside a reference; and none is without its map."""
    path, modules = models()
    named = {f"transformer.{name}": each for name, each in map_lora(modules.transformer).items()}
    save(file := tmp_path / "canny.safetensors", named)
    model, few = model_at(path), {"num_steps": 2, "guidance": 10.0}
    half = with_lora(wish(model, "half", neg="a dog", true_cfg=2.0, **few), file, 0.5)
    crowd_made_again([
        wish(model, "plain", **few), mapped(with_lora(wish(model, "whole", **few), file), PHOTO), mapped(half, PHOTO),
        mapped(with_lora(wish(model, "large", hires=Hires(scale=1.5, strength=0.5), **few), file), PHOTO.rotate(90)),
        referring(mapped(with_lora(wish(model, "sees", **few), file), PHOTO), reference(None, PHOTO, strength=1.0)),
    ])  # fmt: skip
    with pytest.raises(BadRequest) as refused:
        run(engine_of(), with_lora(wish(model, **few), file))
    assert refused.value.note.code == "control.own"


def test_a_map_is_for_what_sees_one_which_needs_it(models):
    for one, refusal, code in (
        (wish(model_at(models("canny")[0])), BadRequest, "control.own"),
        (mapped(wish(model_at(models()[0])), PHOTO), Unsupported, "control.family"),
    ):
        with pytest.raises(refusal) as refused:
            run(engine_of(), one)
        assert refused.value.note.code == code


@pytest.mark.parametrize("true_cfg", [1.0, 3.0])
def test_kontext_sees_a_picture(models, plain, true_cfg):
    model, words = model_at(models()[0]), {"guidance": 2.5, "num_steps": STEPS, "neg": "a dog", "true_cfg": true_cfg}
    got = latents_of(referring(wish(model, **words), reference(None, PHOTO, strength=1.0)))
    asked = {"image": PHOTO, "guidance_scale": 2.5, "max_area": 64**2, "_auto_resize": False}
    if true_cfg > 1:
        asked |= {"negative_prompt": "a dog", "true_cfg_scale": true_cfg}
    assert_same(got, plain(kind=diffusers.FluxKontextPipeline, **asked), latents_of(wish(model, **words)))


def test_levels_that_our_steps_do_not_go_are_gone_by_diffusers(models, tmp_path):
    folder = Path(shutil.copytree(models("schnell")[0], tmp_path / "flux"))
    said = folder / "scheduler" / "scheduler_config.json"
    said.write_text(json.dumps(json.loads(said.read_text()) | {"use_beta_sigmas": True}))
    got = picture(made(engine_of(), wish(model_at(folder), guidance=0.0, num_steps=2)))
    pipe = diffusers.FluxPipeline.from_pretrained(folder)
    pipe.set_progress_bar_config(disable=True)
    seeded = torch.Generator().manual_seed(1)
    expected = pipe("a red fox", num_inference_steps=2, guidance_scale=0.0, width=64, height=64, generator=seeded)
    assert np.array_equal(np.asarray(got), np.asarray(expected.images[0]))


@pytest.mark.parametrize(
    ("said", "shift"),
    [
        ({"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 2.0}, 2.0),
        ({"_class_name": "UniPCMultistepScheduler", "use_flow_sigmas": True, "flow_shift": 2.5}, 2.5),
        ({"_class_name": "DPMSolverMultistepScheduler", "use_flow_sigmas": True}, 1.0),
        (
            {"_class_name": "FlowMatchEulerDiscreteScheduler", "use_dynamic_shifting": True, "max_shift": 0.5},
            math.e**0.5,
        ),
    ],
)
def test_a_folders_own_scheduler_says_how_far_its_levels_are_moved(models, tmp_path, said, shift):
    folder = Path(shutil.copytree(models("schnell")[0], tmp_path / "flux"))
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(said))
    opened = open_model(model_at(folder), engine_of()._device, lambda _: None, {})
    assert opened.noise((64, 64), 4).shift == pytest.approx(shift)


def test_pictures_that_see_others_share_a_batch_and_are_made_again(models):
    model, words = model_at(models()[0]), {"guidance": 2.5, "num_steps": 3}
    seen = [reference(None, picture, strength=1.0) for picture in (PHOTO, PHOTO.rotate(90))]
    wishes = [
        referring(wish(model, "a", **words), seen[0]), referring(wish(model, "b", **words, seed=5), seen[1]),
        referring(wish(model, "c", **words), *seen),
        referring(wish(model, "d", **words), reference(None, PHOTO.resize((96, 48)), strength=0.4, end=0.5, noise=0.3)),
        wish(model, "e", **words),
    ]  # fmt: skip
    crowd = finished(run(engine_of(), *wishes))
    assert len({report.data for report in crowd.values()}) == len(wishes)
    assert "2/" in crowd["a"].meta["buckets"]
    assert [len(crowd[job].warnings) for job in "abcd"] == [0, 0, 0, 1]
    for one in wishes:
        params = msgspec.structs.replace(one.params, buckets=crowd[one.job].meta["buckets"])
        assert made(engine_of(), msgspec.structs.replace(one, params=params)).data == crowd[one.job].data, one.job


def test_a_second_pass_has_noise_levels_of_its_own_size(models):
    watching = Watching()
    hires = Hires(scale=1.5, strength=0.6, upscaler="latent")
    twice = made(
        engine_of(open_model=watching), wish(model_at(models()[0]), guidance=3.5, num_steps=STEPS, hires=hires)
    )
    assert picture(twice).size == (96, 96)
    flux = watching.families["tiny"]
    assert {size for size, _ in flux.heard("noise")} == {(64, 64), (96, 96)}
    shifts = [flux.noise((side, side), STEPS).shift for side in (256, 1024)]
    assert shifts == pytest.approx([math.exp(0.5), math.exp(1.15)])


@pytest.mark.parametrize("layout", ["all", "split"])
def test_every_layout_is_the_same(models, tmp_path, layout):
    path, modules = models()
    file = write_flux(tmp_path, modules, layout)
    parts = {"text_encoder": "clip_l", "text_encoder_2": "t5xxl", "vae": "ae"} if layout == "split" else {}
    parts = {role: file.with_name(f"{name}.safetensors") for role, name in parts.items()}
    model = model_at(file, parts=parts, role="denoiser" if parts else "checkpoint")
    got = latents_of(wish(model, guidance=3.5, num_steps=STEPS))
    assert torch.equal(got, ours(path))


def test_a_tensor_that_no_layout_knows_is_left_out_with_a_word(models, tmp_path):
    file = write_flux(tmp_path, models()[1], "all")
    names = ["model.diffusion_model.double_blocks.0.img_attn.gate.weight", "somebodys.weight"]
    save_file(load_file(file) | {name: torch.zeros(2, 2) for name in names}, file)
    said = made(engine_of(), wish(model_at(file), guidance=3.5, num_steps=1)).warnings
    assert sentences(said) == [f"2 tensors were left out of the model as unknown, such as {names[0]}"]


def test_a_crowd_is_made_again_bit_for_bit(models):
    model = model_at(models()[0])
    wishes = [
        wish(model, "a", guidance=3.5, num_steps=3), wish(model, "b", guidance=1.5, num_steps=3, prompt="a dog"),
        wish(model, "c", guidance=3.5, num_steps=3, prompt="", seed=7, img=PHOTO, strength=0.7),
        wish(model, "d", guidance=3.5, num_steps=3, prompt="a cat " * 200),
    ]  # fmt: skip
    crowd = finished(run(engine_of(), *wishes))
    for one in wishes:
        again = wish(model, one.job, buckets=crowd[one.job].meta["buckets"], **_said(one))
        assert made(engine_of(), again).data == crowd[one.job].data, one.job
    assert crowd["d"].warnings, "of what was cut"


def _said(one):
    params = one.params
    said = {name: getattr(params, name) for name in ("guidance", "num_steps", "prompt", "seed", "strength")}
    return {**said, "img": PHOTO if one.img else None}
