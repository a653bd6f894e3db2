"""Z-Image as it is used: by every sampler of flows, in two passes, with previews, beside LoRAs of every form."""

import io

import msgspec
import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file

from imagine.words.recipe import Hires
from imagine.words.samplers import SAMPLERS
from tests.engine.adapters.low_rank import spelled, used, write_low_rank
from tests.engine.adapters.test_transformer_loras import decomposed, kroneckers
from tests.engine.running import (
    Watching,
    crowd_made_again,
    engine_of,
    finished,
    model_at,
    picture,
    previews,
    run,
    wish,
)
from tests.z_image_files import tiny_z_image, write_z_image

pytestmark = pytest.mark.usefixtures("one_thread", "no_chance")
FLOWS = [row.name for row in SAMPLERS.values() if row.flow is not None]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return model_at(write_z_image(tmp_path_factory.mktemp("z-image") / "one", tiny_z_image()))


def test_every_sampler_of_flows_shares_a_batch_and_is_made_again(model):
    assert len(FLOWS) >= 8
    crowd_made_again([wish(model, name, guidance=2.0, num_steps=3, sampler=name, prompt="a fox") for name in FLOWS])


def test_a_second_pass_is_as_large_as_asked_and_previews_show_what_comes(model):
    watching, hires = Watching(), Hires(scale=1.5, strength=0.6, upscaler="latent", steps=5)
    said = run(engine_of(open_model=watching), wish(model, every=1, guidance=2.0, num_steps=3, hires=hires))
    end = picture(finished(said)["a"])
    assert end.size == (96, 96)
    assert {(size, steps) for size, steps in watching.families["tiny"].heard("noise")} == {((64, 64), 3), ((96, 96), 5)}
    shown = [
        np.asarray(Image.open(io.BytesIO(each.data)).convert("RGB").resize(end.size), float) for each in previews(said)
    ]
    away = [float(np.abs(each - np.asarray(end)).mean()) for each in shown]
    assert len(shown) == 5
    assert max(away[-2:]) < 0.95 * min(away[:-2]), "later ones are nearer to what it became"


def test_rows_have_loras_of_their_own_in_every_form_and_are_made_again(model, tmp_path):
    """Low rank, Kronecker products and DoRA, in the trainers' names of fused layers, each beside its own row."""
    network = tiny_z_image().transformer
    write_low_rank(tmp_path / "low.safetensors", {"denoiser": network}, 4, only="layers")
    for name, made in (("kron", kroneckers), ("dora", decomposed)):
        save_file(made(spelled("denoiser", "layers.1.attention.qkv"), 144, 48), tmp_path / f"{name}.safetensors")
    low, kron, dora = (used(tmp_path / f"{each}.safetensors", each) for each in ("low", "kron", "dora"))
    held = {"plain": (), "low": (low,), "kron": (kron,), "dora": (dora,), "both": (low, dora)}
    asked = [wish(model, name, guidance=2.0, num_steps=3) for name in held]
    crowd_made_again([msgspec.structs.replace(one, adapters=held[one.job]) for one in asked])
