"""Qwen-Image-Edit is diffusers' own, in each of its generations: one picture or several, heard and seen."""

import doctest
import json
import os
import shutil
from functools import cache, partial
from types import SimpleNamespace

import diffusers
import pytest
import torch
from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit as one_picture
from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus as several
from safetensors.torch import load_file

from imagine.engine.families.open import open_model
from imagine.engine.families.qwen_image import _INSTRUCTIONS
from imagine.engine.jobs.referring import Referring
from imagine.engine.loading.qwen_tokenizer import QwenTokenizer
from imagine.engine.parts import qwen
from imagine.engine.parts.seen_sizes import of_area
from imagine.engine.parts.slices import whole
from imagine.engine.references import beside_latents
from imagine.engine.references.looks import picture_of
from imagine.engine.references.opened import OpenReferences
from imagine.words.errors import Unsupported, UnusableModel
from tests.engine.parity import PHOTO, STEPS, assert_same, unpacked_latents
from tests.engine.references.referring import reference, referring
from tests.engine.running import crowd_made_again, engine_of, latents_of, model_at, wish
from tests.flux_files import save
from tests.qwen_image_files import qwen_image_pipeline, tiny_qwen_image, told_where_pictures_are, write_qwen_image

pytestmark = pytest.mark.usefixtures("one_thread", "no_chance")
WIDE = PHOTO.resize((96, 72)).rotate(90)
SEEN = {"strength": 1.0}
TIMED = "edit-2511"


@cache
def modules_of(variant):
    """Of which the last generation tells references that they are without noise."""
    modules = tiny_qwen_image()
    if variant != TIMED:
        return modules
    said = {name: value for name, value in modules.transformer.config.items() if not name.startswith("_")}
    made = diffusers.QwenImageTransformer2DModel(**{**said, "zero_cond_t": True})
    made.load_state_dict(modules.transformer.state_dict())
    return modules._replace(transformer=made.eval())


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Of each generation; all but what the last one's configuration says lies there once."""
    place = tmp_path_factory.mktemp("qwen-image-edit")
    first = write_qwen_image(place / "edit", tiny_qwen_image())
    last = shutil.copytree(first, place / TIMED, copy_function=os.link)
    config = last / "transformer" / "config.json"
    said = json.loads(config.read_text()) | {"zero_cond_t": True}
    config.unlink()
    config.write_text(json.dumps(said))
    return {"edit": first, "edit-2509": first, TIMED: last}


@pytest.fixture
def small(monkeypatch):
    """Their pipelines see pictures of as many pixels as ours, which are said to be trained on 64²."""
    monkeypatch.setattr(several, "VAE_IMAGE_SIZE", 64 * 64)
    own = one_picture.calculate_dimensions
    monkeypatch.setattr(one_picture, "calculate_dimensions", lambda _, shape: own(64 * 64, shape))


def plain(variant, pictures, guidance):
    kind = diffusers.QwenImageEditPipeline if variant == "edit" else diffusers.QwenImageEditPlusPipeline
    modules = modules_of(variant)
    pipe, image = qwen_image_pipeline(modules, kind), pictures[0] if variant == "edit" else pictures
    with told_where_pictures_are(modules.qwen):
        return unpacked_latents(pipe, image=image, height=96, true_cfg_scale=guidance, negative_prompt="")


def ours(path, variant, pictures, **changes):
    model = model_at(path, variant=variant)
    asked = wish(model, num_steps=STEPS, sampler="euler", width=64, height=96, **changes)
    return latents_of(referring(asked, *(reference(None, picture, **SEEN) for picture in pictures)))


@pytest.mark.parametrize(("variant", "pictures", "guidance"), [
    ("edit", [WIDE], 3.0), ("edit-2509", [PHOTO, WIDE], 3.0), ("edit-2511", [WIDE], 1.0),
])  # fmt: skip
def test_what_it_draws_of_pictures_is_diffusers(folders, small, variant, pictures, guidance):
    got = ours(folders[variant], variant, pictures, guidance=guidance)
    without = ours(folders[variant], variant, [], guidance=guidance)
    assert_same(got, plain(variant, pictures, guidance), without)


def test_a_file_alone_is_the_same(folders, tmp_path):
    """Whose references are told by its name, or by a mark, that they are without noise; of whose text encoder the half
    that sees may be missing."""
    file = write_qwen_image(tmp_path, tiny_qwen_image(), "all")
    asked = {"variant": TIMED, "pictures": [PHOTO], "guidance": 1.0}
    assert torch.equal(ours(file, **asked), ours(folders[TIMED], **asked))
    tensors = {name: each for name, each in load_file(file).items() if "visual." not in name}
    save(tmp_path / "blind.safetensors", tensors)
    with pytest.raises(UnusableModel, match="only the half that reads"):
        open_model(model_at(tmp_path / "blind.safetensors", variant=TIMED), engine_of()._device, lambda _: None, {})


@pytest.mark.parametrize(("part", "lie", "why"), [
    ("vision_config", {"num_heads": 0}, "attention heads"), ("vision_config", {"window_size": 4}, "window_size 4"),
    ("rope_parameters", {"mrope_section": [16, 24]}, "mrope_section"),
])  # fmt: skip
def test_settings_by_which_nothing_could_be_seen_are_refused(folders, tmp_path, part, lie, why):
    """While it is opened, not once somebody shows it a picture."""
    folder = shutil.copytree(folders["edit"], tmp_path / "edit", copy_function=os.link)
    config = folder / "text_encoder" / "config.json"
    said = json.loads(config.read_text())
    (said if part in said else said["text_config"])[part] |= lie
    config.unlink()
    config.write_text(json.dumps(said))
    with pytest.raises(UnusableModel, match=why):
        open_model(model_at(folder, variant="edit"), engine_of()._device, lambda _: None, {})


def test_pictures_are_decoded_one_after_the_other_and_kept_as_they_are_heard(monkeypatch):
    decoded = []
    monkeypatch.setattr(
        beside_latents, "picture_of", lambda use, said, field: decoded.append(field) or picture_of(use, said, field)
    )
    shown = [reference(None, picture, **SEEN) for picture in (PHOTO, WIDE)]
    family = SimpleNamespace(heard_as=partial(of_area, area=32 * 32, multiple=32))
    heard = Referring(referring(wish(model_at("nowhere")), *shown), OpenReferences(None, None)).heard(family)
    next(heard)
    assert decoded == ["references.0"]
    assert [picture.size for picture in whole(heard)] == [(32, 32), (32, 32)]
    assert decoded == ["references.0", "references.1"]


def test_a_crowd_with_pictures_and_without_is_made_again_bit_for_bit(folders):
    model = model_at(folders[TIMED], variant=TIMED)
    one, turned, wide = (reference(None, picture, **SEEN) for picture in (PHOTO, PHOTO.rotate(90), WIDE))
    asked = {"guidance": 3.0, "num_steps": 2}
    wishes = [
        referring(wish(model, "a", **asked), one), referring(wish(model, "b", **asked, prompt="a dog"), turned),
        referring(wish(model, "c", **asked), one, wide), wish(model, "d", **asked, neg="a cat " * 30),
    ]  # fmt: skip
    crowd_made_again(wishes)


def test_the_first_sees_one_picture_alone(folders):
    with pytest.raises(Unsupported, match="at most 1 picture"):
        ours(folders["edit"], "edit", [PHOTO, WIDE])


def test_of_its_template_only_what_stands_behind_the_beginning_is_told():
    tokenizer = QwenTokenizer()
    for variant, kind in (
        ("edit", diffusers.QwenImageEditPipeline),
        ("edit-2511", diffusers.QwenImageEditPlusPipeline),
    ):
        instruction, theirs = _INSTRUCTIONS[variant], qwen_image_pipeline(tiny_qwen_image(), kind)
        assert len(tokenizer.encode(instruction.template.before)) == instruction.before
        shown = theirs.prompt_template_encode.replace("<|vision_start|><|image_pad|><|vision_end|>", "")
        assert shown == "{}".join(instruction.template)


@pytest.mark.parametrize("size", [(64, 64), (70, 100), (3000, 1000), (1500, 1501)])
def test_a_picture_is_seen_at_the_area_that_it_was_trained_on(size):
    theirs = several.calculate_dimensions(1024**2, size[0] / size[1])
    assert of_area(PHOTO.resize(size), 1024**2, 32).size == theirs


def test_the_examples_hold():
    assert doctest.testmod(qwen).failed == 0
