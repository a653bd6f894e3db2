"""Qwen-Image is diffusers' own: same networks, same seed, float32, in every layout, in a crowd too."""

import os
import shutil

import diffusers
import pytest
import torch

from imagine.engine.families.open import open_model
from imagine.engine.families.qwen_image import _INSTRUCTIONS
from imagine.engine.loading.layer_names import LayerNames
from imagine.engine.loading.qwen_tokenizer import QwenTokenizer
from imagine.engine.sampling.noise import Noise
from imagine.engine.sampling.schedules import scheduler_for
from imagine.families.table import is_stepped
from imagine.words.adapter_names import layer_tensor
from imagine.words.samplers import SAMPLERS
from tests.engine.adapters.test_lora_files import under
from tests.engine.parity import MASK, PHOTO, STEPS, assert_same, unpacked_latents
from tests.engine.running import crowd_made_again, engine_of, latents_of, model_at, wish
from tests.qwen_image_files import qwen_image_pipeline, tiny_qwen_image, write_qwen_image

pytestmark = pytest.mark.usefixtures("one_thread", "no_chance")
LONG = "a red house beside a lake, in the evening, " * 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_qwen_image(tmp_path_factory.mktemp("qwen-image") / "one", tiny_qwen_image())


def plain(kind=diffusers.QwenImagePipeline, guidance=1.0, neg=None, **asked):
    """The latents that diffusers' own pipeline ends with."""
    pipe = qwen_image_pipeline(tiny_qwen_image(), kind)
    return unpacked_latents(pipe, true_cfg_scale=guidance, negative_prompt=neg, **asked)


def ours(path, img=None, **changes):
    return latents_of(wish(model_at(path), num_steps=STEPS, sampler="euler", img=img, **changes))


@pytest.mark.parametrize(("guidance", "neg"), [(1.0, ""), (4.0, ""), (3.0, LONG)])
def test_text_to_image(folder, guidance, neg):
    """Each token of what is guided is as long as the prompt's own; levels end at 0.02."""
    got = ours(folder, guidance=guidance, neg=neg, width=64, height=96)
    other = ours(folder, guidance=guidance, neg=neg, width=64, height=96, prompt="a blue house beside a lake")
    assert_same(got, plain(guidance=guidance, neg=neg if guidance > 1 else None, height=96), other)


def test_image_to_image(folder):
    got = ours(folder, PHOTO, guidance=3.0, strength=0.8)
    assert_same(got, plain(diffusers.QwenImageImg2ImgPipeline, guidance=3.0, neg="", image=PHOTO, strength=0.8))


def test_inpainting_is_blended(folder):
    got = ours(folder, PHOTO, guidance=3.0, mask=MASK, strength=0.8)
    asked = {"image": PHOTO, "mask_image": MASK, "strength": 0.8, "guidance": 3.0, "neg": ""}
    assert_same(got, plain(diffusers.QwenImageInpaintPipeline, **asked))


@pytest.mark.parametrize("layout", ["all", "split"])
def test_every_layout_is_the_same(folder, tmp_path, layout):
    """Whose levels are moved as the published scheduler says, though no file of theirs does."""
    file = write_qwen_image(tmp_path, tiny_qwen_image(), layout)
    parts = {"text_encoder": "qwen_2.5_vl_7b", "vae": "qwen_image_vae"} if layout == "split" else {}
    parts = {role: file.with_name(f"{name}.safetensors") for role, name in parts.items()}
    role = "denoiser" if parts else "checkpoint"
    model, fast = (model_at(file, parts=parts, role=role, **told) for told in ({}, {"distilled": "lightning"}))
    got = latents_of(wish(model, guidance=3.0, num_steps=STEPS, sampler="euler"))
    assert torch.equal(got, ours(folder, guidance=3.0))
    noise = open_model(fast, engine_of()._device, lambda _: None, {}).noise((1024, 768), 8)
    assert (noise.shift, noise.terminal) == (3.0, 0.0), "as Lightning was distilled"


def test_a_folders_scheduler_says_its_levels_but_of_what_was_distilled(folder, tmp_path):
    other = shutil.copytree(folder, tmp_path / "other", copy_function=os.link)
    said = other / "scheduler" / "scheduler_config.json"
    said.unlink()
    said.write_text('{"shift": 2.5}')
    for told, shift in (({}, 2.5), ({"distilled": "lightning"}, 3.0)):
        family = open_model(model_at(other, **told), engine_of()._device, lambda _: None, {})
        assert family.noise((1024, 768), 8).shift == shift


def test_a_crowd_of_prompts_of_any_length_is_made_again_bit_for_bit(folder):
    model = model_at(folder)
    prompts = ("a fox", "", LONG, "a cat " * 40, "a dog in a field")
    crowd_made_again([wish(model, str(n), guidance=3.0, num_steps=2, prompt=each) for n, each in enumerate(prompts)])


def test_of_its_template_only_what_stands_behind_a_prompt_is_told():
    tokenizer = QwenTokenizer()
    instruction = _INSTRUCTIONS[""]
    assert len(tokenizer.encode(instruction.template.before)) == instruction.before
    assert qwen_image_pipeline(tiny_qwen_image()).prompt_template_encode == "{}".join(instruction.template)


def test_folders_of_those_that_are_told_more_run_whole():
    pipe = qwen_image_pipeline(tiny_qwen_image())
    denoiser, scheduler = dict(pipe.transformer.config), dict(pipe.scheduler.config)
    assert is_stepped("QwenImagePipeline", denoiser, scheduler)
    for more in ("use_additional_t_cond", "guidance_embeds"):
        assert not is_stepped("QwenImagePipeline", denoiser | {more: True}, scheduler), more
    assert is_stepped("QwenImageEditPlusPipeline", denoiser | {"zero_cond_t": True}, scheduler)
    assert not is_stepped("QwenImageLayeredPipeline", denoiser, scheduler)


@pytest.mark.parametrize("name", [row.name for row in SAMPLERS.values() if row.flow is not None])
def test_every_sampler_of_flows_ends_at_the_last_level(name):
    shifted = Noise(prediction="flow", spacing="trailing", shift=2.0)
    ending = Noise(prediction="flow", spacing="trailing", shift=2.0, terminal=0.02)
    plain, made = (scheduler_for(SAMPLERS[name], "default", noise, 8) for noise in (shifted, ending))
    levels = made.sigmas[made.sigmas > 0]
    assert float(levels[-1]) == pytest.approx(0.02, abs=1e-5)
    assert float(levels[0]) == pytest.approx(float(plain.sigmas[0]), abs=2e-3)
    assert bool((levels.diff() <= 0).all())
    assert len(made.timesteps) == len(plain.timesteps)
    assert float(made.timesteps[-1]) == pytest.approx(20, abs=1)
    (single,) = scheduler_for(SAMPLERS["euler"], "default", ending, 1).sigmas[:-1].tolist()
    assert single == 1.0


SPELLED = (
    lambda name: f"{name}.lora_down.weight", lambda name: f"transformer.{name}.lora_A.weight",
    lambda name: f"diffusion_model.{name}.lora_B.weight", lambda name: f"lora_unet_{under(name)}.lora_up.weight",
    lambda name: f"lycoris_{under(name)}.lokr_w1", lambda name: f"base_model.model.{name}.lora_A.default.weight",
)  # fmt: skip


def test_every_trainers_name_finds_the_layer_that_it_means():
    """The first as in Lightning's files."""
    modules = tiny_qwen_image()
    language = modules.qwen.model.language_model
    names = LayerNames({"denoiser": modules.transformer, "text_encoder": language})
    weighty = [each.removesuffix(".weight") for each in modules.transformer.state_dict() if each.endswith(".weight")]
    for spelled in SPELLED:
        for ours_ in weighty:
            assert [each.name for each in names.find(layer_tensor(spelled(ours_)).layer)] == [ours_], spelled(ours_)
    for beginning in ("lora_te_", "text_encoders_qwen25_7b_model_"):
        (found,) = names.find(layer_tensor(f"{beginning}layers_0_mlp_up_proj.lora_down.weight").layer)
        assert (found.role, found.name) == ("text_encoder", "layers.0.mlp.up_proj")
