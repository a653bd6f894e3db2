"""The VAE of Qwen-Image and Wan makes of one frame what diffusers' own does, in every layout, with a slice of its
kernels."""

import json

import pytest
import torch
from safetensors.torch import save_file

from imagine.engine.loading.components import LoadReport
from imagine.engine.loading.diffusers_folder import folder_vae
from imagine.engine.loading.family_config import family_config
from imagine.engine.loading.frame_vae_names import frame_statistics
from imagine.engine.loading.part_file import PartFiles
from imagine.engine.parts.slices import whole
from imagine.engine.parts.standardised import StandardAutoencoder
from imagine.words.errors import UnusableModel
from imagine.words.model import Component
from tests.qwen_image_files import original_frame_vae, tiny_frame_vae

CPU = torch.device("cpu")
PIXELS = torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1


def from_file(folder, tensors):
    save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, folder / "vae.safetensors")
    component = Component(role="vae", path=str(folder / "vae.safetensors"), digest="0" * 64)
    return PartFiles(torch.float32, LoadReport()).vae(component, family_config("qwen-image"))


def from_folder(folder, vae, **changes):
    vae.save_pretrained(folder)
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    return folder_vae(folder, LoadReport())


LAYOUTS = {
    "Wan's": lambda folder, vae: from_file(folder, original_frame_vae(vae)),
    "diffusers'": lambda folder, vae: from_file(folder, dict(vae.state_dict())),
    "in a checkpoint": lambda folder, vae: from_file(
        folder, {f"vae.{n}": t for n, t in original_frame_vae(vae).items()}
    ),
    "folder": from_folder,
}


def opened(network, dtype=torch.float32):
    module = network.fill(CPU, dtype)
    return StandardAutoencoder(module, None, frame_statistics(module.config))


def statistics(vae):
    return (torch.tensor(each).view(1, -1, 1, 1, 1) for each in (vae.config.latents_mean, vae.config.latents_std))


@torch.no_grad()
def standardised(vae, pixels):
    """What diffusers' pipeline makes of pixels."""
    mean, deviation = statistics(vae)
    return ((vae.encode(pixels[:, :, None]).latent_dist.mode() - mean) / deviation)[:, :, 0]


@torch.no_grad()
def shown(vae, latents):
    """What it makes of latents, as the end of its call does."""
    mean, deviation = statistics(vae)
    return vae.decode(latents[:, :, None] * deviation + mean).sample[:, :, 0]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_codes_as_diffusers_does(tmp_path, layout):
    vae = tiny_frame_vae()
    ours = opened(LAYOUTS[layout](tmp_path, vae))
    coded = whole(ours.encoding(PIXELS)).values
    assert coded.shape == (1, ours.channels, 6, 8)
    assert torch.allclose(coded, standardised(vae, PIXELS), atol=1e-5)
    assert torch.allclose(whole(ours.decoding(coded)).values.clamp(-1, 1), shown(vae, coded), atol=1e-5)


def test_half_precision_is_near_diffusers_own(tmp_path):
    vae = tiny_frame_vae()
    ours = opened(from_folder(tmp_path, vae), torch.bfloat16)
    coded = whole(ours.encoding(PIXELS)).values
    assert ours.dtype == torch.bfloat16
    assert torch.allclose(coded, standardised(vae, PIXELS), atol=0.05)


def test_tiles_are_coded_layer_by_layer(tmp_path):
    ours = opened(from_folder(tmp_path, tiny_frame_vae()))
    whole_latents = whole(ours.encoding(torch.nn.functional.interpolate(PIXELS, (128, 128)))).values
    latents = whole(ours.encoding(torch.nn.functional.interpolate(PIXELS, (128, 128)), tiled=True)).values
    assert latents.shape == whole_latents.shape == (1, 16, 16, 16)
    assert whole(ours.decoding(latents, tiled=True)).values.shape == (1, 3, 128, 128)
    assert sum(1 for _ in ours.decoding(latents, tiled=True)) > 100, "tile by tile, layer by layer"


def test_a_folder_says_what_its_latents_are_like(tmp_path):
    ours = opened(from_folder(tmp_path, tiny_frame_vae(), latents_mean=[1.0] * 16, latents_std=[2.0] * 16))
    assert (set(ours._mean.flatten().tolist()), set(ours._deviation.flatten().tolist())) == ({1.0}, {2.0})
    with pytest.raises(UnusableModel, match="16 channels"):
        from_folder(tmp_path, tiny_frame_vae(), latents_mean=[1.0])
