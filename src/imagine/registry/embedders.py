"""Sentence encoders, by which prompts are compared: BERT and what is built like it, and static embeddings.

The names are transformers' (Apache-2.0), with or without what sentence-transformers puts before them, and model2vec's
(MIT, https://github.com/MinishLab/model2vec).
"""

from __future__ import annotations

from collections.abc import Mapping

from ..words.embedders import EMBEDDER
from .header import TensorInfo
from .signatures import Detected, TensorView, rows

PREFIXES = ("", "bert.", "roberta.", "mpnet.", "model.", "0.auto_model.")
"""What stands before the tensors' names, by who wrote them."""
_WORDS, _TYPES = "embeddings.word_embeddings.weight", "embeddings.token_type_embeddings.weight"
_QUERY = "encoder.layer.0.attention.self.query.weight"
_NEITHER = ("!encoder.layer.0.crossattention.self.query.weight", "!embeddings.patch_embeddings.projection.weight")
_SENTENCES = rows(
    ("mpnet", "", _WORDS, "encoder.layer.0.attention.attn.q.weight", "encoder.relative_attention_bias.weight"),
    ("bert", "", _WORDS, _QUERY, (_TYPES, 0, 2), *_NEITHER),
    ("roberta", "", _WORDS, _QUERY, (_TYPES, 0, 1), *_NEITHER),
)
_STATIC = frozenset({"embeddings", "weights", "mapping"})
_ANSWERS = ("classifier.", "qa_outputs.", "score.")
"""Names of what a network has that was taught to answer something else than what a sentence means."""


def find_embedder(tensors: Mapping[str, TensorInfo]) -> Detected | None:
    """A sentence encoder, else None."""
    if _is_static(tensors):
        return Detected(EMBEDDER, "static")
    if any(name.startswith(_ANSWERS) for name in tensors):
        return None
    found = (TensorView(tensors, prefix).first(_SENTENCES) for prefix in PREFIXES)
    row = next(filter(None, found), None)
    return None if row is None else Detected(EMBEDDER, row.family)


def _is_static(tensors: Mapping[str, TensorInfo]) -> bool:
    """A vector for each word, and nothing else but their weights and which words share one."""
    own = tensors.get("embeddings") if tensors.keys() <= _STATIC else None
    own = own or (tensors.get("embedding.weight") if len(tensors) == 1 else None)
    return own is not None and len(own.shape) == 2
