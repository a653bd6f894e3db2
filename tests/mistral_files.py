"""A tiny Mistral with the published one's names, and a vocabulary as its own lists it, in the forms that files have."""

from __future__ import annotations

import base64
import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor
from transformers import (
    Mistral3Config,
    Mistral3ForConditionalGeneration,
    MistralConfig,
    PixtralVisionConfig,
    PreTrainedTokenizerFast,
)
from transformers.integrations.mistral.tokenizer import MistralConverter

from tests.flux_files import spread

LAYERS = 31
"""One more than are asked, and a norm behind."""
MARKS = (
    "<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]", "[SUFFIX]",
    "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]",
)  # fmt: skip
FILLED = 24
"""Marks in all, of which the last have no name."""
PIECES = (
    "th", "the", " a", " re", "red", " red", "ed", "fo", "fox", " fo", " fox", "in", " in", " the", "sn", "ow", "snow",
    " snow", "кр", "ра", "крас", "aa", "aaa", " attribution", "obj", "object", "tion", "image",
)  # fmt: skip
"""What is longer than a byte."""
TEMPLATE = (
    "{{ bos_token }}{% for said in messages %}{% if said.role == 'system' %}[SYSTEM_PROMPT]{{ said.content[0].text }}"
    "[/SYSTEM_PROMPT]{% else %}[INST]{{ said.content[0].text }}[/INST]{% endif %}{% endfor %}"
)
"""What Mistral's own makes of a system's message and a user's."""


def tekken(**changed: Any) -> dict[str, Any]:
    """Mistral's own JSON: more pieces than are used, as the published one has."""
    pieces = [*(bytes([each]) for each in range(256)), *(piece.encode() for piece in PIECES), b"unused"]
    made = {
        "config": {
            "pattern": _pattern(), "num_vocab_tokens": len(pieces), "default_num_special_tokens": FILLED,
            "default_vocab_size": FILLED + len(pieces) - 1, "version": "v7",
        },
        "vocab": [
            {"rank": rank, "token_bytes": base64.b64encode(piece).decode(), "token_str": None}
            for rank, piece in enumerate(pieces)
        ],
        "special_tokens": [{"rank": at, "token_str": mark, "is_control": True} for at, mark in enumerate(MARKS)],
    }  # fmt: skip
    return made | changed


def _pattern() -> str:
    return (
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?"
        r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|"
        r"\s+(?!\S)|\s+"
    )


def tekken_tensor() -> dict[str, Tensor]:
    """The same among the weights."""
    return {"tekken_model": torch.tensor(list(json.dumps(tekken()).encode()), dtype=torch.uint8)}


@cache
def mistral_tokenizer() -> Any:
    """transformers' own of it, which says what Mistral's processor says."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "tekken.json"
        file.write_text(json.dumps(tekken()))
        made = MistralConverter(str(file)).converted()
    return PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<s>", pad_token="<pad>", padding_side="left", chat_template=TEMPLATE
    )


@cache
def tiny_mistral(width: int) -> Any:
    """With the half that sees, as in FLUX.2's folder."""
    text = MistralConfig(
        vocab_size=FILLED + 256 + len(PIECES), hidden_size=width, intermediate_size=24, num_hidden_layers=LAYERS,
        num_attention_heads=2, num_key_value_heads=1, head_dim=128, rms_norm_eps=1e-5, sliding_window=None,
        initializer_range=0.2,
        rope_parameters={"rope_type": "default", "rope_theta": 1e9},
    )  # fmt: skip
    sees = PixtralVisionConfig(
        hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, image_size=16, patch_size=8
    )
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return spread(Mistral3ForConditionalGeneration(Mistral3Config(text_config=text, vision_config=sees))).eval()


def mistral_tensors(made: Any, layers: int = 30) -> dict[str, Tensor]:
    """As Comfy-Org's files have them: so many layers of the half that reads, and nothing behind."""
    whole = made.model.language_model.state_dict()
    cut = {name: tensor for name, tensor in whole.items() if name != "norm.weight"}
    return {
        f"model.{name}": tensor
        for name, tensor in cut.items()
        if not name.startswith("layers.") or int(name.split(".")[1]) < layers
    }
