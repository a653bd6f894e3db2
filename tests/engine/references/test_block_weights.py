"""Which layers have a picture's style, and which its composition, in Stable Diffusion's own networks."""

import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.modeling_utils import no_init_weights

from imagine.engine.adapters.attending import attentions
from imagine.engine.adapters.block_weights import factors
from tests.checkpoints import tiny_modules

SDXL = {
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "block_out_channels": (64, 64, 64), "transformer_layers_per_block": (1, 2, 10), "attention_head_dim": 8,
}  # fmt: skip
"""Its blocks; not its width."""


def names(**settings):
    with torch.device("meta"), no_init_weights():
        unet = UNet2DConditionModel(**settings)
    return [name for name, _ in attentions(unet) if name.endswith("attn2")]


def weighed(named, weights, *, sdxl):
    """The factors other than 0, by a layer's block."""
    each = zip(named, factors(named, weights, sdxl=sdxl), strict=True)
    return {name.partition(".transformer_blocks")[0]: factor for name, factor in each if factor}


def test_files_number_attention_down_up_and_the_middle_last():
    paths = [name for name, _ in attentions(tiny_modules().unet)]
    assert [paths[i].split(".")[0] for i in (0, 11, 12, 29, 30, 31)] == [
        "down_blocks", "down_blocks", "up_blocks", "up_blocks", "mid_block", "mid_block"
    ]  # fmt: skip
    assert paths[1::2] == [name for name in paths if name.endswith("attn2")]


def test_all_of_them_are_linear():
    named = names(block_out_channels=(32, 32, 32, 32))
    assert len(named) == 16
    assert factors(named, "linear", sdxl=False) == [1.0] * 16


def test_in_sdxl_it_is_one_block_each():
    named = names(**SDXL)
    assert len(named) == 70
    assert weighed(named, "style", sdxl=True) == {"up_blocks.0.attentions.1": 1.0}
    assert weighed(named, "composition", sdxl=True) == {"down_blocks.2.attentions.1": 1.0}


def test_in_stable_diffusion_they_are_as_comfyui_has_them():
    """Counted as they run, the middle one being the 7th: {0…3, 9…15} and {4: ¼, 5: 1}."""
    named = names(block_out_channels=(32, 32, 32, 32))
    run = [*named[:6], named[15], *named[6:15]]
    for weights, expected in (
        ("style", dict.fromkeys((0, 1, 2, 3, *range(9, 16)), 1.0)), ("composition", {4: 0.25, 5: 1.0})
    ):  # fmt: skip
        by_name = dict(zip(named, factors(named, weights, sdxl=False), strict=True))
        assert {number: by_name[name] for number, name in enumerate(run) if by_name[name]} == expected


@pytest.mark.parametrize("weights", ["style", "composition"])
def test_in_a_network_of_fewer_levels_some_have_each(weights):
    named = names(
        block_out_channels=(32, 32), down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
    )  # fmt: skip
    assert any(factors(named, weights, sdxl=False))
    both = zip(factors(named, "style", sdxl=False), factors(named, "composition", sdxl=False), strict=True)
    assert not any(style and composition for style, composition in both)
