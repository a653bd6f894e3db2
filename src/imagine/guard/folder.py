"""What lies beside an encoder's weights: its configuration, how its tokens become one vector, its tokenizer.

The layout is sentence-transformers' (`modules.json`, `1_Pooling/config.json`, `config_sentence_transformers.json`), or
transformers' alone. Nothing is read that lies elsewhere, links included, but for the Hub's cache, whose revisions are
links to its blobs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import msgspec
from tokenizers import Tokenizer

from ..files.reading import read_file
from ..messages import message
from ..words.errors import ImagineError, UnusableModel

PoolingMode = Literal["mean", "cls", "max"]
_MAX_JSON = 2**20
MAX_TOKENIZER = 64 * 2**20
"""Bytes of a tokenizer: those of a quarter of a million words take 17 MB."""
_COUNTED = frozenset({"roberta", "xlm-roberta", "camembert", "mpnet"})
"""Kinds of models whose positions begin behind the padding's number."""
_MODULES = ("Transformer", "Pooling", "Normalize", "StaticEmbedding")
"""What an encoder may be made of: another, such as a dense layer behind it, would be left out."""
_MODE = "pooling_mode_"
_E5 = re.compile(r"(?:^|[-_/])e5(?:[-_/]|$)")


class EncoderConfig(NamedTuple):
    """What the weights don't say."""

    heads: int = 0
    eps: float = 1e-12
    activation: str = "gelu"
    position_offset: int = 0
    pooling: PoolingMode = "mean"
    longest: int = 512
    """Tokens."""
    prefix: str = ""
    """What stands before every text, where the encoder was taught so."""


def config_from(folder: Path, metadata: Mapping[str, str]) -> EncoderConfig:
    """Of the encoder in `folder`, whose weights carry `metadata`. Raises UnusableModel."""
    said = _json(folder, "config.json")
    _check_modules(folder)
    pad = _whole(said.get("pad_token_id"), 1)
    counted = str(said.get("model_type", "")) in _COUNTED
    longest = _whole(_json(folder, "sentence_bert_config.json").get("max_seq_length"), 512)
    eps = said.get("layer_norm_eps", 1e-12)
    return EncoderConfig(
        heads=_whole(said.get("num_attention_heads"), 0),
        eps=float(eps) if isinstance(eps, float | int) and 0 < eps < 1 else 1e-12,
        activation=str(said.get("hidden_act", "gelu")),
        position_offset=pad + 1 if counted else 0,
        pooling=_pooling(folder, metadata),
        longest=max(1, min(longest, 512)),
        prefix=_prefix(folder, said, metadata),
    )


class _TokenizerModel(msgspec.Struct):
    unk_token: Any = None
    unk_id: Any = None


class _TokenizerText(msgspec.Struct):
    model: _TokenizerModel


def tokenizer_of(folder: Path) -> tuple[Tokenizer, int | None]:
    """Its tokenizer, without its own ideas of lengths, and the number of what is no word of it, if it has one.

    Raises UnusableModel.
    """
    text = _read(folder, "tokenizer.json", MAX_TOKENIZER)
    try:
        made, model = Tokenizer.from_buffer(text), msgspec.json.decode(text, type=_TokenizerText).model
    except Exception as error:  # tokenizers raises a bare one for what it can't read
        raise UnusableModel(message("guard.tokenizer", why=str(error)[:200])) from error
    made.no_padding()
    made.no_truncation()
    token, number = model.unk_token, model.unk_id
    unknown = made.token_to_id(token) if isinstance(token, str) else number if isinstance(number, int) else None
    return made, unknown


def is_there(folder: Path, name: str) -> bool:
    return (folder / name).exists()


def _check_modules(folder: Path) -> None:
    modules = _json(folder, "modules.json", list) if is_there(folder, "modules.json") else []
    for module in modules:
        kind = str(module.get("type", "")).rpartition(".")[2] if isinstance(module, dict) else ""
        if kind not in _MODULES:
            raise UnusableModel(message("guard.module", name=kind[:100]))


def _pooling(folder: Path, metadata: Mapping[str, str]) -> PoolingMode:
    said = _json(folder, "1_Pooling/config.json")
    named = str(said.get("pooling_mode") or metadata.get("pooling") or "mean")
    modes = {"mean_tokens": "mean", "cls_token": "cls", "max_tokens": "max"}
    on = [name.removeprefix(_MODE) for name, is_on in said.items() if name.startswith(_MODE) and is_on is True]
    chosen = [modes.get(name, name) for name in on] or [named]
    pooling: PoolingMode | None = next((mode for mode in get_args(PoolingMode) if [mode] == chosen), None)
    if pooling is None:
        raise UnusableModel(message("guard.pooling", name=", ".join(chosen)[:100]))
    return pooling


def _prefix(folder: Path, config: Mapping[str, Any], metadata: Mapping[str, str]) -> str:
    """What the weights or the folder say; the E5 family says it in its description alone."""
    said = _json(folder, "config_sentence_transformers.json")
    prompts = said.get("prompts")
    named = prompts.get(said.get("default_prompt_name") or "query") if isinstance(prompts, dict) else None
    prefix = metadata.get("prefix", named)
    if prefix is None and _E5.search(f"{config.get('_name_or_path', '')}/{folder.name}".lower()):
        prefix = "query: "
    return str(prefix or "")[:200]


def _json(folder: Path, name: str, kind: type = dict) -> Any:
    """An object of a file, or a `kind` of other values; empty where there is no such file."""
    if not is_there(folder, name):
        return kind()
    try:
        return msgspec.json.decode(_read(folder, name, _MAX_JSON), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnusableModel(message("folder.object", name=name)) from error


def _read(folder: Path, name: str, most: int) -> bytes:
    path = folder / name
    if not path.resolve().is_relative_to(home_of(folder)):
        raise UnusableModel(message("guard.elsewhere", name=name))
    try:
        return read_file(path, most)
    except ImagineError as error:
        raise UnusableModel(message("folder.part", name=name, why=error.note)) from error


def home_of(folder: Path) -> Path:
    """The folder that all of it has to lie in: its own, or that of its repository in a Hub cache."""
    real = folder.resolve()
    return real.parent.parent if real.parent.name == "snapshots" else real


def _whole(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 2**20 else otherwise
