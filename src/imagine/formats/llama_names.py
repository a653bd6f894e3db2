"""The names of a text encoder's tensors in llama.cpp's files, in transformers' words, which everybody else has.

`enc.blk.3.attn_q.weight` is `encoder.block.3.layer.0.SelfAttention.q.weight`. https://github.com/ggml-org/llama.cpp,
`gguf-py/gguf/tensor_mapping.py` (MIT) has T5's, Qwen's and Mistral's; CLIP's are of https://github.com/monatis/clip.cpp,
`models/convert_hf_to_gguf.py` (MIT).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

from ..messages import message
from ..words.errors import UnusableModel

T = TypeVar("T")
_T5 = {"token_embd": "shared", "enc.output_norm": "encoder.final_layer_norm"}
_T5_BLOCK = {
    "attn_q": "layer.0.SelfAttention.q", "attn_k": "layer.0.SelfAttention.k", "attn_v": "layer.0.SelfAttention.v",
    "attn_o": "layer.0.SelfAttention.o", "attn_norm": "layer.0.layer_norm",
    "attn_rel_b": "layer.0.SelfAttention.relative_attention_bias", "ffn_norm": "layer.1.layer_norm",
    "ffn_gate": "layer.1.DenseReluDense.wi_0", "ffn_up": "layer.1.DenseReluDense.wi_1",
    "ffn_down": "layer.1.DenseReluDense.wo",
}  # fmt: skip
_CLIP = {
    "t.token_embd": "text_model.embeddings.token_embedding",
    "t.position_embd": "text_model.embeddings.position_embedding",
    "t.post_ln": "text_model.final_layer_norm",
}  # fmt: skip
_CLIP_BLOCK = {
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_out": "self_attn.out_proj", "ln1": "layer_norm1", "ln2": "layer_norm2",
    "ffn_down": "mlp.fc1", "ffn_up": "mlp.fc2",  # that way round, whatever they are called
}  # fmt: skip
_QWEN = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
_QWEN_BLOCK = {
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}  # fmt: skip
_NAMES = {
    "t5": ("enc.blk.", "encoder.block.", _T5, _T5_BLOCK),
    "clip": ("t.blk.", "text_model.encoder.layers.", _CLIP, _CLIP_BLOCK),
    "qwen3": ("blk.", "model.layers.", _QWEN, _QWEN_BLOCK),
}
_NAMES |= {"t5encoder": _NAMES["t5"], **dict.fromkeys(("qwen2vl", "llama", "mistral3"), _NAMES["qwen3"])}
"""By architecture: what blocks begin with there and here, and the names beside and in them."""
PAIRED = frozenset({"llama", "mistral3"})
"""Architectures whose queries and keys are laid out anew: numbers that are turned together are neighbours."""
_IN_BLOCK = re.compile(r"(\d{1,4})\.(\w+)")


def with_transformers_names(architecture: str, tensors: Mapping[str, T]) -> dict[str, T]:
    """The same tensors; those whose names aren't llama.cpp's keep them. Raises UnusableModel where two come to one."""
    named = {_named(architecture, name): tensor for name, tensor in tensors.items()}
    if len(named) != len(tensors):
        raise UnusableModel(message("unfit.tensor_twice"))
    return named


def _named(architecture: str, name: str) -> str:
    if architecture not in _NAMES:
        return name
    theirs, ours, beside, inside = _NAMES[architecture]
    layer, dot, parameter = name.rpartition(".")
    if layer in beside:
        return beside[layer] + dot + parameter
    block = _IN_BLOCK.fullmatch(layer.removeprefix(theirs)) if layer.startswith(theirs) else None
    if block is None or block[2] not in inside:
        return name
    return f"{ours}{block[1]}.{inside[block[2]]}{dot}{parameter}"
