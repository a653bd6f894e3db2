"""Our T5 tokenizer gives the ids of transformers', whatever a prompt is written in."""

from __future__ import annotations

import gzip
import json

import pytest
from transformers import T5Tokenizer as Theirs

from imagine.engine.loading.t5_tokenizer import FILE, T5Tokenizer
from tests.scripts import prompts
from tools.make_t5_tokenizer import packed


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Theirs:
    folder = tmp_path_factory.mktemp("t5")
    (folder / "tokenizer.json").write_bytes(gzip.decompress(FILE.read_bytes()))
    return Theirs.from_pretrained(folder, local_files_only=True)


def test_a_cat_on_a_mat() -> None:
    """The ids that Google's model was taught with."""
    assert T5Tokenizer().encode("a cat sitting on a mat") == [3, 9, 1712, 3823, 30, 3, 9, 6928, 1]
    assert T5Tokenizer().encode("") == [1]
    assert T5Tokenizer().encode("translate English to German", add_special_tokens=False) == [13959, 1566, 12, 2968]


def test_the_ids_are_those_of_transformers(theirs: Theirs) -> None:
    ours, texts = T5Tokenizer(), prompts()
    assert len(texts) > 1200
    for text in texts:
        assert ours.encode(text) == theirs.encode(text), repr(text)
        assert ours.encode(text, add_special_tokens=False) == theirs.encode(text, add_special_tokens=False), repr(text)
    assert (ours.eos_token_id, ours.pad_token_id) == (theirs.eos_token_id, theirs.pad_token_id)


def test_the_shipped_file_is_what_the_tool_makes_and_small() -> None:
    text = gzip.decompress(FILE.read_bytes()).decode()
    assert packed(json.loads(text)) == text
    assert FILE.stat().st_size <= 2**20
    assert len(json.loads(text)["model"]["vocab"]) == 32_100
