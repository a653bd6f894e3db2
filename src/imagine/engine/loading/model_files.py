"""Where each of a model's networks lies: in a file of its own, in the first one beside the others, or in a folder.

For models of transformers. Those of U-Nets have loaders of their own (`single_file`, `diffusers_folder`), whose files
say more of how they were trained.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from ...messages import message
from ...words.errors import UnusableModel
from ...words.model import Model, Role
from ..parts.part_key import PartKey, files_of
from .components import LoadReport
from .diffusers_folder import checked_folder, folder_text_encoder, folder_vae
from .family_config import FamilyConfig, TextEncoderConfig
from .folder_file import INDEX, read_json, read_weights
from .held import folder_key, qwen_key, t5_key, text_key, vae_key
from .networks import Network, qwen_network, sight_network, t5_network, text_network, vae_network
from .part_file import PartFiles, refusing
from .pieces import Pieced, PieceVocabulary, pieces_in
from .qwen_names import qwen_settings, sight_settings
from .t5_names import has_t5
from .tekken_tokenizer import TekkenTokenizer, tokenizer_in
from .weights import Shards, Weights

_DENOISER, _SCHEDULER, _SIGHT = "transformer", "scheduler", "sight"
Configuration = Mapping[str, Any]
BuildDenoiser = Callable[[Weights, Configuration | None], Network]
"""Of a file's weights, under whatever names, or of a folder's with their settings."""


class ModelFiles:
    """Of one model, whose networks are to compute in `dtype`: None is as each is stored. Networks are built empty.

    Raises UnusableModel for what doesn't fit, naming the file where it isn't the first.
    """

    def __init__(self, model: Model, dtype: torch.dtype | None, report: LoadReport) -> None:
        self._model, self._dtype, self._report = model, dtype, report
        self._parts = PartFiles(dtype, report)
        self._folder = Path(model.main.path) if model.main.format == "diffusers" else None

    @contextmanager
    def checked(self) -> Iterator[None]:
        """For the length of a block networks may be built: of a folder that would have nothing foreign run, and what
        fails is said of its files."""
        with refusing() if self._folder is None else checked_folder(self._folder):
            yield

    @property
    def scheduler(self) -> Configuration | None:
        """What a folder says of its noise; None of single files, and where it says nothing."""
        path = None if self._folder is None else self._folder / _SCHEDULER / "scheduler_config.json"
        return None if path is None or not path.is_file() else read_json(path)

    def denoiser_key(self, what: str, *, compiled: bool) -> PartKey:
        """Of a class of networks, as it is built: a variant that only a file's name tells may be built otherwise."""
        variant = self._model.main.options.get("variant", "")
        what = " ".join(filter(None, (what, str(variant), "compiled" if compiled else "")))
        if self._folder is not None:
            return folder_key(self._model.main, (_DENOISER,), self._dtype, what)
        return PartKey(files_of(self._model.main), f"transformer {what}", str(self._dtype))

    def denoiser(self, build: BuildDenoiser) -> Network:
        if self._folder is None:
            return build(self._main, None)
        folder = self._folder / _DENOISER
        return build(self._shards(folder), read_json(folder / "config.json"))

    def clip_key(self, encoder: TextEncoderConfig) -> PartKey:
        if self._in_folder(encoder.role):
            return folder_key(self._model.main, (encoder.role,), self._dtype, self._class_of(encoder.role))
        return text_key(self._model, encoder, self._dtype)

    def clip(self, encoder: TextEncoderConfig) -> Network:
        if (part := self._model.parts.get(encoder.role)) is not None:
            return self._parts.text(part, encoder)
        if self._folder is not None:
            return folder_text_encoder(self._class_of(encoder.role), self._folder / encoder.role, self._report)
        return text_network(self._main, encoder)

    def t5_key(self, role: Role) -> PartKey:
        if self._in_folder(role):
            return folder_key(self._model.main, (role,), self._dtype, "t5")
        return t5_key(self._model, role, self._dtype)

    def has_t5(self, role: Role) -> bool:
        """Is one there at all?"""
        if role in self._model.parts:
            return True
        return has_t5(self._main) if self._folder is None else (self._folder / role).is_dir()

    def t5(self, role: Role) -> Network:
        if (part := self._model.parts.get(role)) is not None:
            return self._parts.t5(part)
        return t5_network(self._main if self._folder is None else self._shards(self._folder / role))

    def qwen_key(self, role: Role) -> PartKey:
        if self._in_folder(role):
            return folder_key(self._model.main, (role,), self._dtype, "qwen")
        return qwen_key(self._model, role, self._dtype)

    def qwen(self, role: Role) -> Network:
        if (part := self._model.parts.get(role)) is not None:
            return self._parts.qwen(part)
        if self._folder is None:
            return qwen_network(self._main)
        return qwen_network(
            self._shards(self._folder / role), qwen_settings(read_json(self._folder / role / "config.json"))
        )

    def pieces(self, role: Role, made: Callable[[PieceVocabulary, int], Pieced], size: int) -> Pieced:
        """What is `made` of the vocabulary that a text encoder of so many ids brings along."""
        part = self._model.parts.get(role)
        if part is None and self._folder is not None:
            return made(pieces_in(self._folder / role.replace("text_encoder", "tokenizer")), size)
        return self._parts.pieces(part or self._model.main, made, size)

    def tokenizer(self, role: Role, size: int) -> TekkenTokenizer:
        """What a language model of so many ids brings along."""
        part = self._model.parts.get(role)
        if part is None and self._folder is not None:
            return tokenizer_in(self._folder / role.replace("text_encoder", "tokenizer"), size)
        return self._parts.tokenizer(part or self._model.main, size)

    def sight_key(self, role: Role) -> PartKey:
        """Of what sees in the Qwen of that role."""
        if self._in_folder(role):
            return folder_key(self._model.main, (role,), self._dtype, _SIGHT)
        return PartKey(files_of(self._model.component(role)), _SIGHT, str(self._dtype))

    def sight(self, role: Role) -> Network:
        if (part := self._model.parts.get(role)) is not None:
            return self._parts.sight(part)
        if self._folder is None:
            return sight_network(self._main)
        folder = self._folder / role
        return sight_network(self._shards(folder), sight_settings(read_json(folder / "config.json")))

    def vae_key(self, family: FamilyConfig) -> PartKey:
        if self._in_folder("vae"):
            return folder_key(self._model.main, ("vae",), self._dtype)
        return vae_key(self._model, family, self._dtype)

    def vae(self, family: FamilyConfig) -> Network:
        if (part := self._model.parts.get("vae")) is not None:
            return self._parts.vae(part, family)
        if self._folder is not None:
            return folder_vae(self._folder / "vae", self._report)
        if (network := vae_network(self._main, family)) is None:
            raise UnusableModel(message("weights.no_vae"))
        return network

    @cached_property
    def _main(self) -> Weights:
        return self._parts.opened(self._model.main)

    @cached_property
    def _index(self) -> Configuration:
        assert self._folder is not None
        return read_json(self._folder / INDEX)

    def _in_folder(self, role: Role) -> bool:
        return self._folder is not None and role not in self._model.parts

    def _class_of(self, role: Role) -> str:
        """What the folder's index says that a component is."""
        named = self._index.get(role)
        return str(named[1]) if isinstance(named, list) and len(named) == 2 else ""

    def _shards(self, folder: Path) -> Weights:
        files = read_weights(folder)
        self._report.bytes_mapped += sum(file.nbytes for file in files)
        return Shards(files)
