"""A network in a file of its own, beside the first of a model: a text encoder, or a VAE."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from ...formats.shards import shard_from
from ...messages import message
from ...words.errors import UnusableModel
from ...words.model import Component
from ..device.errors import is_of_device
from .checkpoint_file import CheckpointFile
from .components import LoadReport
from .eight_bits import with_eight_bits_kept
from .family_config import FamilyConfig, TextEncoderConfig
from .four_bits import with_four_bits_kept
from .gguf_file import GGUF, GgufFile, gguf_lists
from .ldm_keys import in_its_place
from .networks import Network, qwen_network, sight_network, t5_network, text_network, vae_network
from .pieces import Pieced, PieceVocabulary, pieces_among
from .tekken import LISTS
from .tekken_tokenizer import TekkenTokenizer, tokenizer_among
from .weights import Shards, Weights


class PartFiles:
    """Reads such files for one `dtype`. Raises UnusableModel, naming the file, for what doesn't fit."""

    def __init__(self, dtype: torch.dtype | None, report: LoadReport) -> None:
        self._dtype, self._report = dtype, report

    def opened(self, component: Component) -> Weights:
        """The file of a component, mapped."""
        weights, nbytes = open_weights(component.path, self._dtype)
        self._report.bytes_mapped += nbytes
        return weights

    def text(self, component: Component, encoder: TextEncoderConfig) -> Network:
        """The text encoder in a file of its own."""
        with self._weights(component) as weights:
            return text_network(in_its_place(weights, encoder), encoder)

    def t5(self, component: Component) -> Network:
        """The T5 encoder in a file of its own."""
        with self._weights(component) as weights:
            return t5_network(weights)

    def qwen(self, component: Component) -> Network:
        """The language model in a file of its own."""
        with self._weights(component) as weights:
            return qwen_network(weights)

    def tokenizer(self, component: Component, size: int) -> TekkenTokenizer:
        """What a language model of so many ids brings along."""
        with self._weights(component) as weights:
            lists = gguf_lists(component.path, LISTS) if isinstance(weights, GgufFile) else {}
            return tokenizer_among(weights, size, lists)

    def pieces(self, component: Component, made: Callable[[PieceVocabulary, int], Pieced], size: int) -> Pieced:
        """What is `made` of the vocabulary that a text encoder of so many ids brings along."""
        with self._weights(component) as weights:
            return made(pieces_among(weights, component.path), size)

    def sight(self, component: Component) -> Network:
        """What sees of the Qwen in a file of its own."""
        with self._weights(component) as weights:
            return sight_network(weights)

    def vae(self, component: Component, family: FamilyConfig) -> Network:
        """The VAE in a file of its own."""
        with self._weights(component) as weights:
            if (network := vae_network(weights, family)) is None:
                raise UnusableModel(message("weights.vae_empty"))
            return network

    @contextmanager
    def _weights(self, component: Component) -> Iterator[Weights]:
        """Its weights; what is wrong with them is said with the file's name."""
        try:
            with refusing():
                yield self.opened(component)
        except UnusableModel as error:
            code = "weights.vae_file" if component.role == "vae" else "weights.text_file"
            raise UnusableModel(message(code, name=Path(component.path).name, why=error.note)) from error


def open_weights(path: str, dtype: torch.dtype | None = None) -> tuple[Weights, int]:
    """The weights of a file that networks are made of, mapped, and its size in bytes; quantised ones are kept, to be
    numbers of `dtype`, float16 for None. The first of several pieces stands for all. Raises UnusableModel."""
    if Path(path).suffix.lower() == GGUF:
        gguf = GgufFile(path, dtype or torch.float16)
        return gguf, gguf.nbytes
    piece = shard_from(Path(path).name)
    files = [CheckpointFile(str(Path(path).with_name(name))) for name in (piece.names if piece else [Path(path).name])]
    weights: Weights = Shards(files) if piece else files[0]
    for keeping in (with_four_bits_kept, with_eight_bits_kept):
        weights = keeping(weights, dtype or torch.float16)
    return weights, sum(file.nbytes for file in files)


@contextmanager
def refusing() -> Iterator[None]:
    """What a converter trips over in a file that isn't laid out as it should be, said as such."""
    try:
        yield
    except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RuntimeError, StopIteration) as error:
        if is_of_device(error):
            raise
        raise UnusableModel(message("weights.layout", why=str(error))) from error


def check_context(text: list[Network], unet: Network) -> None:
    """Raises UnusableModel where the U-Net takes other numbers a token than these text encoders make."""
    made = sum(int(network.module.config.hidden_size) for network in text)
    if made != unet.module.config.cross_attention_dim:
        raise UnusableModel(message("weights.context", made=made, taken=unet.module.config.cross_attention_dim))
