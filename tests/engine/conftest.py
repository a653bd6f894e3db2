"""Tiny checkpoints, written once for all tests."""

import diffusers
import pytest
import torch
from transformers import CLIPTextConfig, CLIPTextModelWithProjection, CLIPTokenizer

from imagine.engine.loading.tokenizer import FOLDER as TOKENIZER
from tests.checkpoints import tiny_modules, write_checkpoint
from tests.engine.running import source_of


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    """Gives the file of a family's tiny checkpoint and the modules in it."""
    folder, known = tmp_path_factory.mktemp("checkpoints"), {}

    def get(family="stable_diffusion", in_channels=4):
        key = (family, in_channels)
        if key not in known:
            modules = tiny_modules(family, in_channels=in_channels)
            path = folder / f"{family}-{in_channels}.safetensors"
            write_checkpoint(path, modules)
            known[key] = path, modules
        return known[key]

    return get


@pytest.fixture(scope="session")
def sd1(checkpoints):
    return source_of(checkpoints()[0])


@pytest.fixture(scope="session")
def sd3(tmp_path_factory):
    """A tiny Stable Diffusion 3 folder, which has no family of its own here."""
    torch.manual_seed(0)
    text = CLIPTextConfig(
        hidden_size=32, intermediate_size=37, num_hidden_layers=2, num_attention_heads=4, projection_dim=32
    )
    tokenizer = CLIPTokenizer(str(TOKENIZER / "vocab.json"), str(TOKENIZER / "merges.txt"), model_max_length=77)
    pipeline = diffusers.StableDiffusion3Pipeline(
        transformer=diffusers.SD3Transformer2DModel(
            sample_size=8, patch_size=1, in_channels=16, num_layers=1, attention_head_dim=8, num_attention_heads=4,
            joint_attention_dim=32, caption_projection_dim=32, pooled_projection_dim=64, out_channels=16,
        ),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=diffusers.AutoencoderKL(
            latent_channels=16, block_out_channels=(8, 8, 8, 8), norm_num_groups=4, layers_per_block=1,
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
            scaling_factor=1.5, shift_factor=0.06,
        ),
        text_encoder=CLIPTextModelWithProjection(text), tokenizer=tokenizer,
        text_encoder_2=CLIPTextModelWithProjection(text), tokenizer_2=tokenizer,
        text_encoder_3=None, tokenizer_3=None,
    )  # fmt: skip
    path = tmp_path_factory.mktemp("whole") / "sd3"
    pipeline.save_pretrained(path)
    return source_of(path, "sd3")
