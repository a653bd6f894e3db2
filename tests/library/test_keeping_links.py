"""What was taken in by a link is the owner's own, and stays where it lies when the link goes."""

import json

import pytest

from imagine.library.keeping import find, removal_of, remove
from imagine.library.local import take_in
from imagine.registry.registry import Registry
from tests.registry import declared


def a_folder(path):
    """A diffusers folder, by its headers."""
    parts = {"unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"]}
    for component in parts:
        (path / component).mkdir(parents=True)
        (path / component / "config.json").write_text("{}")
        declared.write(path / component / "diffusion_pytorch_model.safetensors", {"a.weight": (2, 2)})
    (path / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"} | parts))
    return path


@pytest.mark.parametrize("is_folder", [True, False])
def test_removing_what_was_linked_leaves_the_original(tmp_path, is_folder):
    own = tmp_path / "own"
    original = a_folder(own / "fox") if is_folder else declared.write(own / "fox.safetensors", declared.tiny())
    before = sorted(path for path in own.rglob("*") if path.is_file())
    root = tmp_path / "models"
    link = take_in(original, root, "link")
    registry = Registry([root])
    registry.refresh()
    remove(removal_of(find(registry, "fox"), registry), [root])
    assert not link.is_symlink()
    assert sorted(path for path in own.rglob("*") if path.is_file()) == before
