"""CLIP's tokenizer, from the vocabulary that the package carries, without importing transformers.

The same ids as transformers' `CLIPTokenizer`, whose normalizer and splitter these are, at a fraction of its cost: that
import alone takes seconds.
"""

from __future__ import annotations

from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import BPE

FOLDER = Path(__file__).parent / "tokenizers" / "clip"
"""Holds `vocab.json` and `merges.txt`."""
START = "<|startoftext|>"
END = "<|endoftext|>"
PADS = {END: 49407, "!": 0}
"""The tokens that texts are padded with, and their ids."""
_WORDS = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def _read() -> Tokenizer:
    model = BPE.from_file(
        str(FOLDER / "vocab.json"), str(FOLDER / "merges.txt"), unk_token=END, end_of_word_suffix="</w>"
    )
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    words = pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.add_special_tokens([AddedToken(mark, normalized=False, special=True) for mark in (START, END)])
    return tokenizer


# Read with the module, 0.06 s: a worker imports at its start, when nobody waits for a model. It keeps no state.
_TOKENIZER = _read()


class ClipTokenizer:
    """Text to token ids, 49,408 different ones, with the calls that prompts need.

    `pad_token` is the end mark for OpenAI's CLIP-L and `!` for OpenCLIP-H and -bigG.
    """

    bos_token_id = 49406
    eos_token_id = 49407

    def __init__(self, pad_token: str = END) -> None:
        self.pad_token_id = PADS[pad_token]

    def encode(self, text: str, *, add_special_tokens: bool = True, verbose: bool = True) -> list[int]:  # noqa: ARG002
        """`text` as ids of any number; between the start and the end mark with `add_special_tokens`.

        `verbose` is there because transformers' tokenizers have it.
        """
        ids = _TOKENIZER.encode(text, add_special_tokens=False).ids
        return [self.bos_token_id, *ids, self.eos_token_id] if add_special_tokens else ids

    def encode_with_ends(self, text: str) -> list[tuple[int, int]]:
        """The ids alone, and behind how many characters of `text` each ends."""
        made = _TOKENIZER.encode(text, add_special_tokens=False)
        return [(each, end) for each, (_, end) in zip(made.ids, made.offsets, strict=True)]
