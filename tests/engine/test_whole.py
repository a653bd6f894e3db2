"""diffusers folders through the engine: Stable Diffusion's step like files, other pipelines run whole."""

import json
from types import SimpleNamespace

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image

from imagine.engine.jobs.whole import _arguments
from imagine.engine.whole.pipeline import Whole
from imagine.engine.whole.run import Run
from imagine.families.table import facts_of
from imagine.messages import sentences
from imagine.words.errors import OutOfMemory, Unsupported
from imagine.words.recipe import Hires
from tests.checkpoints import tiny_modules, write_checkpoint, write_folder
from tests.engine.plain_family import OUT_OF_MEMORY
from tests.engine.running import engine_of, made, model_at, picture, previews, progress, run, wish
from tests.registry.listing import listed
from tests.whole_files import WHOLE, write_whole

PHOTO = Image.effect_mandelbrot((64, 64), (-2, -1.5, 1, 1.5), 30).convert("RGB")


@pytest.fixture(scope="module")
def plain(sd3):
    """diffusers' own picture of the same request."""
    pipeline = diffusers.StableDiffusion3Pipeline.from_pretrained(sd3.main.path, text_encoder_3=None, tokenizer_3=None)
    pipeline.set_progress_bar_config(disable=True)

    def draw(seed, tiled=False):
        pipeline.vae.use_tiling = tiled
        made = pipeline(
            "a red fox", width=64, height=64, num_inference_steps=3, guidance_scale=5.0,
            generator=torch.Generator().manual_seed(seed),
        )  # fmt: skip
        return made.images[0]

    return draw


def ask(model, job="a", **changes):
    """A wish that says nothing of samplers."""
    return wish(model, job, **{"sampler": "dpm++ 2m", **changes})


def same(a, b):
    return np.array_equal(np.asarray(a), np.asarray(b))


def test_a_folder_of_stable_diffusion_makes_the_picture_of_its_file(tmp_path):
    modules = tiny_modules()
    write_folder(tmp_path / "folder", modules)
    write_checkpoint(tmp_path / "file.safetensors", modules)
    pictures = [
        picture(made(engine_of(), wish(model_at(path), sampler="ddim", num_steps=4)))
        for path in (tmp_path / "folder", tmp_path / "file.safetensors")
    ]
    assert same(*pictures)


def test_a_whole_pipeline_makes_what_diffusers_makes(sd3, plain):
    result = made(engine_of(), ask(sd3, num_steps=3, seed=4))
    assert same(picture(result), plain(4))
    assert not result.warnings


def test_it_is_made_one_step_at_a_time_with_progress_and_previews(sd3):
    said = run(engine_of(), ask(sd3, num_steps=4, every=1))
    assert progress(said) == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    shown = previews(said)
    assert [one.step for one in shown] == [1, 2, 3]
    assert all(picture(one).size == (64, 64) for one in shown)


def test_previews_approach_the_picture(sd3):
    """The clean latents that are shown are predicted: the last preview is nearer to the result than the noise is."""
    said = run(engine_of(), ask(sd3, num_steps=8, every=1, kind="vae"))
    final = np.asarray(picture(next(one for one in said if type(one).__name__ == "Finished")), float)
    away = [np.abs(np.asarray(picture(one), float) - final).mean() for one in previews(said)]
    assert away[-1] < away[0] / 2


@pytest.mark.parametrize("family", WHOLE)
def test_a_pipeline_of_each_family_is_drawn_from_its_folder(tmp_path, family):
    """As it is published: with numbers in its configuration that JSON has none of, settings that are lists, a VAE of
    another kind, text encoders of other libraries' classes."""
    write_whole(tmp_path / family, family)
    (entry,) = (each for each in listed(tmp_path).models() if each.name == family)
    assert (entry.family, entry.problem) == (family, None)
    assert None not in (facts_of(family).defaults.num_steps, facts_of(family).defaults.guidance)
    said = run(engine_of(), ask(model_at(tmp_path / family), every=1, num_steps=2, neg="snow"))
    (result,) = (one for one in said if type(one).__name__ == "Finished")
    assert len(set(picture(result).get_flattened_data())) > 50
    assert not result.warnings
    assert progress(said)[-1] == (2, 2)
    assert len(previews(said)) == (0 if family == "krea2" else 1), "whose latents are tokens"


def test_a_size_that_its_places_do_not_reach_is_refused(sd3):
    with pytest.raises(Unsupported, match="StableDiffusion3Pipeline can't make this"):
        run(engine_of(), ask(sd3, height=1024))


def test_two_at_once_do_not_mix(sd3, plain):
    said = run(engine_of(), ask(sd3, "a", num_steps=3, seed=1), ask(sd3, "b", num_steps=3, seed=2))
    results = {one.job: picture(one) for one in said if type(one).__name__ == "Finished"}
    assert same(results["a"], plain(1))
    assert same(results["b"], plain(2))


def test_others_have_the_device_within_a_step_of_it(sd3, plain):
    """Its text encoders, its denoiser and its VAE pause at every layer, and it makes the same picture."""
    engine = engine_of(turn=0.0)
    for one in (ask(sd3, "a", num_steps=3, seed=1), ask(sd3, "b", num_steps=3, seed=2)):
        engine.submit(one)
    said, turns = [], 0
    while engine.busy:
        said += engine.step()
        turns += 1
    results = {one.job: picture(one) for one in said if type(one).__name__ == "Finished"}
    assert same(results["a"], plain(1))
    assert same(results["b"], plain(2))
    assert progress(said, "a") == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert turns > 60, "beside six steps"
    assert engine.stats().steps == 6
    assert not [hook for part in engine_parts(engine) for hook in part._forward_pre_hooks]


def engine_parts(engine):
    """Every network of the loaded pipelines, and every part of one."""
    residency = engine._models.residency
    pipelines = [residency.find(key).family._pipeline for key in residency.idle]
    parts = [part for pipeline in pipelines for part in pipeline.components.values()]
    return [each for part in parts if isinstance(part, torch.nn.Module) for each in part.modules()]


def test_a_picture_to_begin_with_and_a_mask(sd3):
    begun = picture(made(engine_of(), ask(sd3, img=PHOTO, strength=0.3, num_steps=4)))
    assert not same(begun, PHOTO)
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (32, 0, 64, 64))
    painted = np.asarray(picture(made(engine_of(), ask(sd3, img=PHOTO, mask=mask, strength=0.9, num_steps=4))))
    assert (painted[:, :32] == np.asarray(PHOTO)[:, :32]).all()
    assert (painted[:, 32:] != np.asarray(PHOTO)[:, 32:]).any()


def test_a_size_that_is_no_multiple_comes_back_as_asked(sd3):
    assert picture(made(engine_of(), ask(sd3, width=72, height=68))).size == (72, 68)


def test_cancelling_ends_its_thread(sd3):
    engine, begun = engine_of(), []
    job = ask(sd3, num_steps=50)
    engine.submit(job)
    while len(begun) < 3:
        begun += [one for one in engine.step() if type(one).__name__ == "Progress"]
    work = engine._jobs["a"]._run
    engine.cancel("a")
    assert not engine.busy
    work._thread.join(timeout=120)
    assert not work._thread.is_alive()


def test_what_it_can_not_do_is_refused_or_named(sd3):
    with pytest.raises(Unsupported, match="hires"):
        run(engine_of(), ask(sd3, hires=Hires(scale=2)))
    said = made(engine_of(), ask(sd3, sampler="euler a", num_steps=1)).warnings
    assert sentences(said) == ["sampler and schedule have no effect: a StableDiffusion3Pipeline brings its own"]
    assert made(engine_of(), ask(sd3, sampler="euler", num_steps=1)).warnings == [], "which is what it steps by"
    said = made(engine_of(), ask(sd3, true_cfg=2.0, num_steps=1)).warnings
    assert sentences(said) == ["true_cfg has no effect on a StableDiffusion3Pipeline"]


@pytest.mark.parametrize(
    ("family", "asked", "told"),
    [
        ("flux", {"guidance": 3.5}, {"guidance_scale": 3.5, "true_cfg_scale": 1.0}),
        ("flux", {"guidance": 3.5, "true_cfg": 2.0},
         {"guidance_scale": 3.5, "true_cfg_scale": 2.0, "negative_prompt": " "}),
        ("flux", {"guidance": 3.5, "true_cfg": 2.0, "neg": "fog"},
         {"guidance_scale": 3.5, "true_cfg_scale": 2.0, "negative_prompt": "fog"}),
        ("qwen-image", {"guidance": 4.0}, {"guidance_scale": 4.0, "true_cfg_scale": 4.0, "negative_prompt": " "}),
        ("qwen-image", {"guidance": 1.0}, {"guidance_scale": 1.0, "true_cfg_scale": 1.0}),
    ],
)  # fmt: skip
def test_a_pipeline_with_two_guidances_is_told_each_as_its_family_has_it(sd3, family, asked, told):
    params = ask(sd3, **asked).params
    canvas = SimpleNamespace(work=(64, 64), source=None, mask=None)
    given = _arguments(params, canvas, SimpleNamespace(accepts=lambda name: True), family)
    assert {name: given[name] for name in given if "cfg" in name or "guid" in name or "neg" in name} == told


def test_memory_that_runs_short_begins_it_again_and_gives_the_same_picture(sd3, plain, monkeypatch):
    advance, fails = Run.advance, [None, OUT_OF_MEMORY]

    def short(self, turn):
        if fails and (error := fails.pop(0)):
            self.stop()
            raise error
        advance(self, turn)

    monkeypatch.setattr(Run, "advance", short)
    result = made(engine_of(), ask(sd3, num_steps=3, seed=4))
    assert sentences(result.warnings) == ["memory ran short: the VAE worked in tiles"]
    assert result.meta["environment"]["spared"] is True
    assert same(picture(result), plain(4, tiled=True))


def test_memory_that_never_suffices_is_an_error(sd3, monkeypatch):
    def never(self, _turn):
        self.stop()
        raise OUT_OF_MEMORY

    monkeypatch.setattr(Run, "advance", never)
    with pytest.raises(OutOfMemory):
        run(engine_of(), ask(sd3))


def test_a_pipeline_without_words_or_steps_to_hold_works_too(tmp_path):
    unet = diffusers.UNet2DModel(
        sample_size=64, block_out_channels=(32,), layers_per_block=1, norm_num_groups=8,
        down_block_types=("DownBlock2D",), up_block_types=("UpBlock2D",),
    )  # fmt: skip
    diffusers.DDPMPipeline(unet, diffusers.DDPMScheduler()).save_pretrained(tmp_path)
    model = model_at(tmp_path)
    result = made(engine_of(), ask(model, every=1))
    assert picture(result).size == (64, 64)
    assert "prompt has no effect on a DDPMPipeline" in sentences(result.warnings)
    with pytest.raises(Unsupported, match="img has no place in a DDPMPipeline"):
        run(engine_of(), ask(model, img=PHOTO))


def renamed(path, pipeline, scheduler=None, **options):
    """The folder of a tiny Stable Diffusion, as one of another pipeline and, perhaps, scheduler."""
    write_folder(path, tiny_modules(**options))
    if scheduler:
        getattr(diffusers, scheduler)().save_pretrained(path / "scheduler")
    index = json.loads((path / "model_index.json").read_text())
    (path / "model_index.json").write_text(
        json.dumps({**index, "_class_name": pipeline} | ({"scheduler": ["diffusers", scheduler]} if scheduler else {}))
    )
    return model_at(path)


@pytest.mark.slow
def test_what_a_pipeline_does_not_take_is_its_refusal_and_not_a_crash(tmp_path):
    model = renamed(tmp_path, "StableDiffusionInstructPix2PixPipeline", in_channels=8)
    with pytest.raises(Unsupported, match="a StableDiffusionInstructPix2PixPipeline can't make this: "):
        run(engine_of(), ask(model))
    assert picture(made(engine_of(), ask(model, img=PHOTO))).size == (64, 64)


@pytest.mark.parametrize(
    ("pipeline", "scheduler", "unet"),
    [
        ("StableDiffusionSAGPipeline", None, {}),
        ("LatentConsistencyModelPipeline", "LCMScheduler", {"time_cond_proj_dim": 32}),
    ],
)
def test_a_tokenizer_that_names_no_longest_text_is_told_its_encoders(tmp_path, pipeline, scheduler, unet):
    model = renamed(tmp_path, pipeline, scheduler, unet=unet)
    assert picture(made(engine_of(), ask(model))).size == (64, 64)


def test_its_size_is_known(sd3):
    folder = sd3.main.path
    model = Whole(diffusers.StableDiffusion3Pipeline.from_pretrained(folder, text_encoder_3=None, tokenizer_3=None))
    weights = sum(
        p.nbytes for part in ("transformer", "vae", "text_encoder", "text_encoder_2")
        for p in getattr(model._pipeline, part).parameters()
    )  # fmt: skip
    assert model.nbytes == weights
    assert (model.native, model.multiple, model.dtype) == (64, 16, "float32")
