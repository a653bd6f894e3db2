"""FLUX.2's VAE is diffusers' own, with what its pipeline does around it, in every layout."""

import pytest
import torch
from diffusers import Flux2KleinPipeline
from safetensors.torch import save_file

from imagine.engine.loading.components import LoadReport
from imagine.engine.loading.diffusers_folder import folder_vae
from imagine.engine.loading.family_config import family_config
from imagine.engine.loading.part_file import PartFiles
from imagine.engine.loading.token_vae import statistics_with
from imagine.engine.parts.slices import whole
from imagine.engine.parts.token_autoencoder import TokenAutoencoder
from imagine.words.errors import UnusableModel
from imagine.words.model import Component
from tests.flux2_files import original_vae_tensors, tiny_vae

CPU = torch.device("cpu")
PIXELS = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(1)) * 2 - 1


def from_file(folder, tensors):
    save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, folder / "vae.safetensors")
    component = Component(role="vae", path=str(folder / "vae.safetensors"), digest="0" * 64)
    return PartFiles(torch.float32, LoadReport()).vae(component, family_config("flux2"))


def from_folder(folder, vae):
    vae.save_pretrained(folder)
    return folder_vae(folder, LoadReport())


LAYOUTS = {
    "Black Forest Labs'": lambda folder, vae: from_file(folder, original_vae_tensors(vae)),
    "diffusers'": lambda folder, vae: from_file(folder, dict(vae.state_dict())),
    "in a checkpoint": lambda folder, vae: from_file(folder, {f"vae.{n}": t for n, t in vae.state_dict().items()}),
    "folder": from_folder,
}


def opened(network, dtype=torch.float32):
    module = network.fill(CPU, dtype)
    return TokenAutoencoder(module, None, statistics_with(module))


def normalised(vae, pixels):
    """What diffusers' pipeline makes of pixels."""
    pipe = object.__new__(Flux2KleinPipeline)
    object.__setattr__(pipe, "vae", vae)
    with torch.no_grad():
        return pipe._encode_vae_image(pixels, None)


def shown(vae, latents):
    """What it makes of latents, as the end of its call does."""
    deviation = torch.sqrt(vae.bn.running_var + vae.config.batch_norm_eps)
    plain = latents * deviation[:, None, None] + vae.bn.running_mean[:, None, None]
    with torch.no_grad():
        return vae.decode(Flux2KleinPipeline._unpatchify_latents(plain)).sample


@pytest.mark.parametrize("decoder", [None, (32, 32, 32, 64)], ids=["as wide", "narrower decoder"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_codes_as_diffusers_does(tmp_path, layout, decoder):
    vae = tiny_vae(decoder=decoder)
    ours = opened(LAYOUTS[layout](tmp_path, vae))
    coded = whole(ours.encoding(PIXELS)).values
    assert coded.shape == (1, ours.channels, 4, 6)
    assert torch.allclose(coded, normalised(vae, PIXELS), atol=1e-5)
    assert torch.allclose(whole(ours.decoding(coded)).values, shown(vae, coded), atol=5e-5)


def test_statistics_are_exact_in_half_precision(tmp_path):
    vae = tiny_vae()
    ours = opened(from_folder(tmp_path, vae), torch.bfloat16)
    assert torch.equal(ours._mean.flatten(), vae.bn.running_mean)
    assert ours.dtype == torch.bfloat16


def test_tiles_need_no_more_than_their_own(tmp_path):
    ours = opened(from_folder(tmp_path, tiny_vae()))
    latents = whole(ours.encoding(torch.nn.functional.interpolate(PIXELS, (256, 256)), tiled=True)).values
    assert latents.shape == (1, 128, 16, 16)
    assert whole(ours.decoding(latents, tiled=True)).values.shape == (1, 3, 256, 256)
    assert sum(1 for _ in ours.decoding(latents, tiled=True)) > 100, "tile by tile, layer by layer"


@pytest.mark.parametrize(("name", "shape"), [("bn.running_mean", (128, 1)), ("bn.running_var", (64,))])
def test_statistics_of_another_shape_than_the_latents_are_a_broken_file(tmp_path, name, shape):
    tensors = dict(tiny_vae().state_dict()) | {name: torch.ones(shape)}
    with pytest.raises(UnusableModel, match=rf"{name} of shape \[{', '.join(map(str, shape))}\], not \[128\]"):
        from_file(tmp_path, tensors)


def test_half_of_the_statistics_is_a_broken_file(tmp_path):
    tensors = dict(tiny_vae().state_dict())
    del tensors["bn.running_var"]
    with pytest.raises(UnusableModel, match=r"bn\.running_var"):
        from_file(tmp_path, tensors)
