"""Derives CLIP's `vocab.json` and `merges.txt` from the byte-pair merges that the package open_clip_torch carries.

    python tools/make_tokenizers.py [PATH-OF-bpe_simple_vocab_16e6.txt.gz]

The vocabulary, in the order of its ids: 256 symbols that stand for bytes, the same 256 ending a word, one symbol for
each of the first 48,894 merges, and the two marks around a text. Source of the merges and of their order:
https://github.com/openai/CLIP (MIT), as carried by https://github.com/mlfoundations/open_clip (MIT).
"""

from __future__ import annotations

import argparse
import gzip
import importlib.metadata
import json
from pathlib import Path

MERGES = 48_894
END_OF_WORD = "</w>"
MARKS = ("<|startoftext|>", "<|endoftext|>")
FOLDER = Path(__file__).parents[1] / "src/imagine/engine/loading/tokenizers/clip"
PACKAGE = "open_clip_torch"
BPE_FILE = "bpe_simple_vocab_16e6.txt.gz"


def byte_symbols() -> list[str]:
    """The 256 characters that stand for bytes: first the printable bytes of Latin-1, as themselves, then the others,
    as the characters from U+0100 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    return [chr(byte) for byte in printable] + [chr(0x100 + n) for n in range(256 - len(printable))]


def read_merges(path: Path) -> list[str]:
    """The merges that CLIP uses, best first, each `left right`."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        lines = file.read().split("\n")
    return lines[1 : MERGES + 1]


def vocabulary(merges: list[str]) -> dict[str, int]:
    """Every token's id."""
    symbols = byte_symbols()
    merged = ["".join(merge.split()) for merge in merges]
    tokens = [*symbols, *(symbol + END_OF_WORD for symbol in symbols), *merged, *MARKS]
    return {token: number for number, token in enumerate(tokens)}


def write(merges: list[str], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    compact = json.dumps(vocabulary(merges), ensure_ascii=False, separators=(",", ":"))
    (folder / "vocab.json").write_text(compact + "\n", encoding="utf-8")
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n", encoding="utf-8")


def shipped_with_open_clip() -> Path:
    """Where the installed open_clip_torch keeps the merges; found without importing it."""
    files = importlib.metadata.files(PACKAGE) or []
    return next(Path(str(file.locate())) for file in files if file.name == BPE_FILE)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", nargs="?", type=Path)
    write(read_merges(parser.parse_args().path or shipped_with_open_clip()), FOLDER)
