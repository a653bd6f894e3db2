"""A small folder of pictures, and a checkpoint of each family to learn them with."""

from pathlib import Path

import pytest
from PIL import Image

from imagine.words.training import Assignment, Training, TrainingPicture
from tests.checkpoints import write_checkpoint
from tests.chroma_files import tiny_chroma, write_chroma
from tests.flux_files import tiny_flux, write_flux
from tests.models import model_at
from tests.sd3_files import tiny_sd3, write_sd3
from tests.z_image_files import tiny_z_image, write_z_image

TRANSFORMERS = {
    "chroma": lambda folder: write_chroma(folder, tiny_chroma(), "all"),
    "flux": lambda folder: write_flux(folder, tiny_flux(), "all"),
    "sd3.5": lambda folder: write_sd3(folder, tiny_sd3(), "all"),
    "z-image": lambda folder: write_z_image(folder, tiny_z_image(), "all"),
}
"""How a checkpoint of a family is written."""


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> Path:
    """Three pictures, one of them high, and the words for one."""
    folder = tmp_path_factory.mktemp("pictures")
    for name, size in (("a", (40, 40)), ("b", (50, 50)), ("high", (40, 90))):
        Image.linear_gradient("L").resize(size).convert("RGB").save(folder / f"{name}.png")
    (folder / "a.txt").write_text("a slope\n")
    return folder


@pytest.fixture(scope="session")
def family(request):
    """Of the checkpoint, where a test names one."""
    return getattr(request, "param", "stable_diffusion")


@pytest.fixture(scope="session")
def model(family, tmp_path_factory):
    folder = tmp_path_factory.mktemp(family)
    if (write := TRANSFORMERS.get(family)) is not None:
        return model_at(write(folder), family=family, options={"resolution": 64})
    write_checkpoint(folder / "tiny.safetensors", family)
    return model_at(folder / "tiny.safetensors", family=family, options={"resolution": 64})


@pytest.fixture
def assign(model, pictures, tmp_path):
    """What a trainer is told, with changes to the training."""

    def assigned(place="one", *, samples=0, **changes):
        said = {"name": "slope", "word": "slope", "steps": 4, "rank": 2, "batch": 2, "model": model} | changes
        named = [pictures / name for name in ("a.png", "b.png", "high.png")]
        listed = tuple(TrainingPicture(str(path), "a slope") for path in named)
        folder = tmp_path / place
        return Assignment(
            training=Training(**{"pictures": listed, **said}), folder=str(folder), samples=samples,
            target=str(folder / "loras" / "slope.safetensors"), device="cpu", state=str(tmp_path / "state"),
        )  # fmt: skip

    return assigned
