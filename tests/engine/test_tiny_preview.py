"""Previews by a tiny VAE: the network is diffusers' own, its file any that people have; without it they are linear."""

import io

import numpy as np
import pytest
import torch
from diffusers import AutoencoderTiny
from PIL import Image
from safetensors.torch import save_file

from imagine.engine.loading.tiny_vae_file import read_tiny_decoder
from imagine.messages import sentences
from imagine.words.errors import UnusableModel
from imagine.words.frames import PreviewSettings
from imagine.words.model import Component
from tests.checkpoints import write_checkpoint
from tests.engine.running import engine_of, finished, model_at, previews, run, wish

LATENTS = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0)) * 3


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(0)
    widths = {f"{side}_block_out_channels": (8, 8, 8, 8) for side in ("encoder", "decoder")}
    return AutoencoderTiny(**widths).eval()


def component_of(path, tensors):
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    return Component(role="vae", path=str(path), digest="5" * 64)


def original(tensors, prefix=""):
    """As TAESD's own files name them."""
    made = {}
    for name, tensor in tensors.items():
        if name.startswith("decoder.layers."):
            number, _, rest = name.removeprefix("decoder.layers.").partition(".")
            made[f"{prefix}{int(number) + 1}.{rest}"] = tensor
    return made


@pytest.mark.parametrize("form", ["diffusers", "original", "with a prefix", "half"])
def test_it_decodes_as_diffusers_does(tmp_path, tiny, form):
    own = tiny.state_dict()
    tensors = {
        "diffusers": own, "original": original(own), "with a prefix": original(own, "taesd_decoder."),
        "half": {name: tensor.half() for name, tensor in own.items()},
    }[form]  # fmt: skip
    decoder = read_tiny_decoder(component_of(tmp_path / "tiny.safetensors", tensors))
    assert (decoder.channels, decoder.scale) == (4, 8)
    with torch.no_grad():
        theirs = tiny.decode(LATENTS).sample.clamp(-1, 1)
    assert torch.allclose(decoder(LATENTS), theirs, atol=1e-5 if form != "half" else 1e-2)


@pytest.mark.parametrize(
    ("tensors", "why"),
    [
        ({"1.weight": torch.zeros(8, 4, 3, 3)}, "it ends with no picture"),
        ({"1.weight": torch.zeros(8, 4, 2, 2)}, "weight is no convolution's"),
        ({"2.weight": torch.zeros(3, 4, 3, 3)}, "it begins with no convolution"),
        ({"1.weight": torch.zeros(3, 4, 3, 3), "1.more": torch.zeros(1)}, "Error"),
        ({"x": torch.zeros(1)}, "no layers"),
    ],
)
def test_what_is_none_is_refused(tmp_path, tensors, why):
    with pytest.raises(UnusableModel, match=why):
        read_tiny_decoder(component_of(tmp_path / "tiny.safetensors", tensors))


def asked(model, component, **changes):
    import msgspec

    one = wish(model, every=1, num_steps=3, **changes)
    return msgspec.structs.replace(one, preview=PreviewSettings(kind="tiny", every=1, tiny=component))


def test_previews_are_made_by_it_and_are_linear_where_it_cannot_be_used(tmp_path, tiny):
    write_checkpoint(tmp_path / "tiny.safetensors")
    model = model_at(tmp_path / "tiny.safetensors")
    good = component_of(tmp_path / "taesd.safetensors", tiny.state_dict())
    bad = component_of(tmp_path / "bad.safetensors", {"1.weight": torch.zeros(3, 16, 3, 3)})
    shown = []
    for component, notes in ((good, []), (bad, ["preview can't be tiny and is linear, since the VAE 'bad'"])):
        said = run(engine_of(), asked(model, component))
        warnings = sentences(finished(said)["a"].warnings)
        assert len(warnings) == len(notes)
        assert all(text.startswith(note) for text, note in zip(warnings, notes, strict=True))
        shown.append([np.asarray(Image.open(io.BytesIO(each.data))).astype(int) for each in previews(said)])
    linear = run(engine_of(), wish(model, every=1, num_steps=3))
    assert np.array_equal(shown[1][0], np.asarray(Image.open(io.BytesIO(previews(linear)[0].data))))
    assert np.abs(shown[0][0] - shown[1][0]).max() > 10
    assert shown[0][0].shape == shown[1][0].shape
