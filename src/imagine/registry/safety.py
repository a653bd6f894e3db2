"""Networks that tell what is to be seen in pictures, for moderation, by the names and shapes of their tensors.

MobileNetV2 under torchvision's names (BSD-3-Clause); the safety checker of diffusers (Apache-2.0); vision transformers
under transformers' names or timm's (Apache-2.0), EVA's under timm's.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..words.safety import CONCEPTS, EVA, MOBILENET, SAFETY, VIT
from .header import TensorInfo
from .signatures import Detected, TensorView, rows

_SAFETY = rows(
    (CONCEPTS, "", ("concept_embeds", 2), ("special_care_embeds", 2), "visual_projection.weight"),
    (MOBILENET, "", ("features.0.0.weight", 4), ("features.1.conv.0.0.weight", 4), ("classifier.1.weight", 2)),
    (VIT, "", ("vit.embeddings.cls_token", 3), "vit.encoder.layer.0.output.dense.weight", ("classifier.weight", 2)),
)
_TIMMS = rows(
    (EVA, "", ("cls_token", 3), ("head.weight", 2), "blocks.0.attn.q_proj.weight", "blocks.0.mlp.fc1_g.weight"),
    ("eva", "", ("cls_token", 3), ("head.weight", 2), "blocks.0.attn.q_proj.weight"),
    ("eva", "", ("cls_token", 3), ("head.weight", 2), "blocks.0.attn.q_bias"),
    (VIT, "timm", ("cls_token", 3), ("head.weight", 2), "blocks.0.attn.qkv.weight", "patch_embed.proj.weight"),
)


def find_safety(tensors: Mapping[str, TensorInfo]) -> Detected | None:
    """A network that classifies pictures, what it is told as its family, else None."""
    row = TensorView(tensors).first((*_SAFETY, *_TIMMS)) or TensorView(tensors, "timm_model.").first(_TIMMS)
    return None if row is None else Detected(SAFETY, row.family, row.variant)
