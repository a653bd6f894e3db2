"""Packs T5's vocabulary, which single files of its text encoder lack, from another program's `tokenizer.json`.

    python -m tools.make_t5_tokenizer PATH-OF-tokenizer.json

Out come the pieces with their scores and the table of normalised characters, unchanged, in a file that the library
`tokenizers` reads; how texts are split and ended is as transformers' `T5Tokenizer` has it. Source of both: Google's
T5 (https://github.com/google-research/text-to-text-transfer-transformer, Apache-2.0), as InvokeAI and ComfyUI carry it.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import json
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import Unigram

FILE = Path(__file__).parents[1] / "src/imagine/engine/loading/tokenizers/t5/tokenizer.json.gz"
UNKNOWN = 2


def packed(public: dict[str, Any]) -> str:
    """The JSON of our tokenizer, made of another program's."""
    vocabulary = [(str(piece), float(score)) for piece, score in public["model"]["vocab"]]
    tokenizer = Tokenizer(Unigram(vocabulary, unk_id=UNKNOWN, byte_fallback=False))
    tokenizer.normalizer = normalizers.Precompiled(_characters(public["normalizer"]))
    pieces = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pieces])
    marks = sorted((int(mark["id"]), str(mark["content"])) for mark in public["added_tokens"])
    tokenizer.add_special_tokens([AddedToken(mark, normalized=False, special=True) for _, mark in marks])
    return str(tokenizer.to_str(pretty=False))


def _characters(normalizer: dict[str, Any]) -> bytes:
    """SentencePiece's table of what is written in its place for each character, which a sequence may begin with."""
    first = normalizer.get("normalizers", [normalizer])[0]
    return base64.b64decode(first["precompiled_charsmap"])


def write(public: Path, file: Path) -> None:
    text = packed(json.loads(public.read_text(encoding="utf-8")))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    write(parser.parse_args().path, FILE)
