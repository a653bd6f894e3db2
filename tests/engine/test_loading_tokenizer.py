"""Our tokenizer gives the ids of transformers', and its vocabulary is what the published merges make."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from transformers import CLIPTokenizer

from imagine.engine.loading.tokenizer import END, FOLDER, ClipTokenizer
from tools.make_tokenizers import BPE_FILE, PACKAGE, read_merges, shipped_with_open_clip, write

PIECES = [
    "a photo of a cat", "<|endoftext|>", "<|startoftext|>", "<|ENDOFTEXT|>", " ", "\t\n", "it's", "THEY'LL", "Кот",
    "ёж", "é", "e\u0301", "日本", "🙂", "\x00", "\ud7ff", "123", "!?", "&amp;", "_", "²", "ǅ", "ﬁ", "\u200b", "\u00a0",
]  # fmt: skip


@pytest.fixture(scope="module")
def theirs() -> CLIPTokenizer:
    return CLIPTokenizer.from_pretrained(FOLDER, local_files_only=True)


def test_a_photo_of_a_cat() -> None:
    assert ClipTokenizer().encode("a photo of a cat") == [49406, 320, 1125, 539, 320, 2368, 49407]


def test_the_ids_are_those_of_transformers(theirs: CLIPTokenizer) -> None:
    ours, rng = ClipTokenizer(), random.Random(0)
    texts = ["", "кот на крыше", *PIECES, *("".join(rng.choices(PIECES, k=rng.randint(2, 9))) for _ in range(1000))]
    texts += ["".join(chr(rng.choice([rng.randint(1, 0xD7FF), rng.randint(0xE000, 0x1FFFF)])) for _ in range(9))
              for _ in range(1000)]  # fmt: skip
    for text in texts:
        assert ours.encode(text) == theirs.encode(text), repr(text)
        assert ours.encode(text, add_special_tokens=False) == theirs.encode(text, add_special_tokens=False), repr(text)


@pytest.mark.parametrize("pad", [END, "!"])
def test_the_marks_are_those_of_transformers(pad: str, theirs: CLIPTokenizer) -> None:
    theirs.pad_token = pad
    ours = ClipTokenizer(pad)
    assert (ours.bos_token_id, ours.eos_token_id) == (theirs.bos_token_id, theirs.eos_token_id)
    assert ours.pad_token_id == theirs.pad_token_id


def test_the_shipped_files_are_what_the_tool_makes(tmp_path: Path) -> None:
    try:
        merges = shipped_with_open_clip()
    except (ImportError, StopIteration):
        pytest.skip(f"{PACKAGE}, which carries {BPE_FILE}, is not installed")
    write(read_merges(merges), tmp_path)
    for name in ("vocab.json", "merges.txt"):
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()
