"""A small folder of pictures, and a checkpoint of each family to learn them with."""

from pathlib import Path

import pytest
from PIL import Image

from imagine.words.training import Assignment, Training, TrainingPicture
from tests.checkpoints import write_checkpoint
from tests.models import model_at


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
    path = tmp_path_factory.mktemp(family) / "tiny.safetensors"
    write_checkpoint(path, family)
    return model_at(path, family=family, options={"resolution": 64})


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
