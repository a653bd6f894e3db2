"""Networks that enlarge or restore pictures, by architecture.

The names are those by which spandrel 0.4.2 tells them (MIT, https://github.com/chaiNNer-org/spandrel).
"""

from __future__ import annotations

from collections.abc import Mapping

from .header import TensorInfo
from .signatures import Detected, TensorView, rows

_SWIN = "layers.0.residual_group.blocks.0"
_UPSCALERS = rows(
    ("mm-realsr", "", "conv_first.weight", "body.0.rdb1.conv1.weight", "dd_embed.0.weight"),
    ("esrgan", "", "conv_first.weight", "body.0.rdb1.conv1.weight"),
    ("esrgan", "", "conv_first.weight", "RRDB_trunk.0.RDB1.conv1.weight"),
    ("esrgan", "", "model.0.weight", "model.1.sub.0.RDB1.conv1.0.weight"),
    ("esrgan", "plus", "model.0.weight", "model.1.sub.0.RDB1.conv1x1.weight"),
    ("atd", "", "conv_first.weight", "layers.0.residual_group.td"),
    ("hat", "", "conv_first.weight", "layers.0.residual_group.overlap_attn.relative_position_bias_table"),
    ("srformer", "", "conv_first.weight", f"{_SWIN}.attn.aligned_relative_position_index"),
    ("swin2sr", "", "conv_first.weight", f"{_SWIN}.attn.logit_scale"),
    ("swinir", "", "conv_first.weight", f"{_SWIN}.attn.relative_position_bias_table"),
    ("swinir", "", "conv_first.1.weight", f"{_SWIN}.attn.relative_position_bias_table"),
    ("drct", "", "conv_first.weight", "layers.0.swin1.attn.relative_position_bias_table"),
    ("rgt", "", "conv_first.weight", "before_RG.1.weight", "layers.0.blocks.0.gamma"),
    ("dat", "", "conv_first.weight", "layers.0.blocks.0.attn.qkv.weight"),
    ("grl", "", "conv_first.weight", "norm_start.weight"),
    ("craft", "", "conv_first.weight", "layers.0.residual_group.hf_blocks.0.attn.temperature"),
    ("fdat", "", "groups.0.blocks.0.attn.bias", "groups.0.blocks.0.inter.cg.1.weight"),
    ("span", "", "conv_1.sk.weight", "block_1.c1_r.sk.weight"),
    ("span", "", "conv_1.eval_conv.weight", "block_1.c1_r.eval_conv.weight"),
    ("spanplus", "", "feats.0.eval_conv.weight", "feats.1.block_1.c1_r.eval_conv.weight"),
    ("plksr", "", "feats.0.weight", "feats.1.refine.weight"),
    ("rcan", "", "tail.1.weight", "body.0.body.0.body.0.weight", "body.0.body.0.body.3.conv_du.0.weight"),
    ("edsr", "", "head.0.weight", "body.0.body.0.weight", "tail.1.weight"),
    ("real-cugan", "", "unet1.conv1.conv.0.weight", "unet2.conv1.conv.0.weight"),
    ("omnisr", "", "input.weight", "residual_layer.0.residual_layer.0.layer.0.fn.0.weight"),
    ("safmn", "", "to_feat.weight", "feats.0.safm.aggr.weight"),
    ("mosr", "", "gblocks.0.weight", "gblocks.1.fc1.weight"),
    ("moesr", "", "in_to_dim.weight", "blocks.0.blocks.0.gamma"),
    ("seemore", "", "conv_1.weight", "body.0.local_block.norm_1.weight"),
    ("ditn", "", "sft.weight", "UFONE.0.ITLs.0.attn.temperature"),
    ("dctlsa", "", "fea_conv.weight", "B1.body.0.transformer_body.0.blocks.0.attn.qkv.weight"),
    ("ipt", "", "sub_mean.weight", "body.encoder.layers.0.self_attn.in_proj_weight"),
    ("scunet", "", "m_head.0.weight", "m_tail.0.weight"),
    ("swift-srgan", "", "initial.cnn.depthwise.weight", "final_conv.pointwise.weight"),
    ("aura-sr", "", "mid_attn.layers.0.0.to_out.weight", "final_res_block.block1.proj.weights"),
    ("nafnet", "", "intro.weight", "ending.weight", "middle_blks.0.beta"),
    ("codeformer", "", "position_emb", "idx_pred_layer.1.weight", "quantize.embedding.weight"),
    ("gfpgan", "", "toRGB.0.weight", "stylegan_decoder.style_mlp.1.weight"),
    ("compact", "", ("body.0.weight", 4), "body.1.weight", ("body.2.weight", 4)),
)  # fmt: skip


def find_upscaler(tensors: Mapping[str, TensorInfo]) -> Detected | None:
    """A network that enlarges pictures, its architecture told as its family, else None."""
    for prefix in ("", "params_ema.", "params.", "module.", "model."):
        if row := TensorView(tensors, prefix).first(_UPSCALERS):
            return Detected("upscaler", row.family, row.variant)
    return None
