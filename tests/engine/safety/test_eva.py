"""EVA-02, held to timm's own answers, which are kept here since timm isn't among what tests need."""

import json

import pytest
from safetensors.torch import save_file

from imagine.words.errors import UnusableModel
from imagine.words.safety import EVA, LEVELS
from tests.classifiers import checker_at
from tests.engine.safety.eva_files import eva_picture, eva_tensors

MEAN, DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
TIMMS = {
    False: (
        (0.48787206411361694, 0.23230206966400146, 0.07607708126306534, 0.20374879240989685),
        (0.2496456354856491, 0.2254810333251953, 0.05098716542124748, 0.4738861918449402),
    ),
    True: (
        (0.1710030734539032, 0.11355782300233841, 0.6206144690513611, 0.09482467174530029),
        (0.2583903670310974, 0.18727107346057892, 0.4629620313644409, 0.09137656539678574),
    ),
}
"""What timm 1.0.22's `Eva(img_size=40, patch_size=8, embed_dim=32, depth=2, num_heads=2, qkv_fused=False,
mlp_ratio=8 / 3, swiglu_mlp=True, scale_mlp=True, scale_attn_inner=…, use_rot_pos_emb=True, ref_feat_shape=(16, 16),
num_classes=4)` says of the first two pictures with these weights, by a norm within attention."""


def written(folder, tensors, labels):
    """A folder as timm writes it; gives the file."""
    config = {
        "architecture": "eva02_base_patch14_448", "num_classes": len(labels), "label_names": labels,
        "num_attention_heads": 2, "pretrained_cfg": {"mean": MEAN, "std": DEVIATION, "interpolation": "bicubic"},
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    save_file(tensors, folder / "model.safetensors")
    return folder / "model.safetensors"


@pytest.mark.parametrize(("inner", "prefix"), [(False, ""), (True, "timm_model.")])
def test_it_says_what_timm_says(tmp_path, inner, prefix):
    named = {prefix + name: tensor for name, tensor in eva_tensors(attention_normed=inner).items()}
    ours = checker_at(written(tmp_path, named, list("abcd")), EVA)
    for seed, expected in enumerate(TIMMS[inner]):
        assert ours.score(eva_picture(seed)) == pytest.approx(dict(zip("abcd", expected, strict=True)), abs=2e-6)


def test_levels_are_what_their_four_names_mean_together(tmp_path):
    ours = checker_at(written(tmp_path, eva_tensors(attention_normed=False), list(LEVELS)), EVA)
    _, low, medium, high = TIMMS[False][0]
    assert ours.score(eva_picture(0)) == pytest.approx({"suggestive": low, "sexual": medium + high}, abs=2e-6)


def test_a_file_that_lacks_a_part_or_is_cut_otherwise_is_refused(tmp_path):
    tensors = eva_tensors(attention_normed=False)
    del tensors["blocks.1.mlp.fc1_x.weight"]
    with pytest.raises(UnusableModel, match=r"lacks blocks.1.mlp.fc1_x.weight"):
        checker_at(written(tmp_path, tensors, list(LEVELS)), EVA)
    tensors = eva_tensors(attention_normed=False) | {"blocks.0.attn.q_bias": tensors["fc_norm.bias"].clone()}
    with pytest.raises(UnusableModel, match=r"that the network hasn't: blocks.0.attn.q_bias"):
        checker_at(written(tmp_path, tensors, list(LEVELS)), EVA)
