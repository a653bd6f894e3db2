"""Sentence encoders by numpy, held to transformers' networks and to model2vec's formula; broken ones are refused."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from imagine.guard import weights
from imagine.guard.encoder import SentenceEncoder
from imagine.guard.folder import MAX_TOKENIZER
from imagine.words.errors import UnusableModel
from tests.guard.encoders import WORDS, network, static, tokenizer

TEXTS = ["a fox", "a fox in the snow", "the spider", "an unknown word", "a picture of a spider in the snow " * 2]


def theirs(model, texts, pooling="mean_tokens"):
    """Transformers' vectors, one text at a time, of length one."""
    made = []
    for text in texts:
        ids = torch.tensor([tokenizer().encode(text).ids])
        with torch.no_grad():
            states = model(input_ids=ids).last_hidden_state[0].numpy()
        made.append({"cls_token": states[0], "max_tokens": states.max(0)}.get(pooling, states.mean(0)))
    return np.array([vector / np.linalg.norm(vector) for vector in made])


@pytest.mark.parametrize(
    ("kind", "pooling", "config"),
    [
        ("bert", None, {}), ("bert", "cls_token", {"hidden_act": "gelu_new", "layer_norm_eps": 1e-5}),
        ("bert", "max_tokens", {"hidden_act": "relu"}), ("xlm-roberta", "cls_token", {}),
        ("xlm-roberta", "mean_tokens", {}), ("mpnet", "mean_tokens", {}),
    ],
)  # fmt: skip
def test_networks_are_those_of_transformers(tmp_path, kind, pooling, config):
    path, model = network(tmp_path, kind, pooling=pooling, **config)
    made = SentenceEncoder(path).embed(TEXTS)
    assert np.abs(made - theirs(model, TEXTS, pooling)).max() < 1e-5


def test_distances_are_in_the_buckets_that_mpnet_has(tmp_path):
    path, model = network(tmp_path, "mpnet", max_position_embeddings=202)
    text = [" ".join(WORDS) * 18]
    assert np.abs(SentenceEncoder(path).embed(text) - theirs(model, text)).max() < 1e-5


def test_half_precision_is_read_as_it_is_stored(tmp_path):
    path, model = network(tmp_path / "a", "bert", dtype=np.float16)
    halved = {name: torch.from_numpy(weight).float() for name, weight in load_file(path).items()}
    model.load_state_dict(halved, strict=False)
    assert np.abs(SentenceEncoder(path).embed(TEXTS) - theirs(model, TEXTS)).max() < 1e-5


def test_a_text_has_the_same_vector_among_others_and_long_ones_are_cut(tmp_path):
    path, _ = network(tmp_path, "bert")
    encoder = SentenceEncoder(path)
    together = encoder.embed([*TEXTS, "a fox " * 500])
    assert np.abs(together[:-1] - np.concatenate([encoder.embed([text]) for text in TEXTS])).max() < 1e-6
    assert np.abs(together[-1] - encoder.embed(["a fox " * 19])[0]).max() < 1e-6, "40 tokens, two marks among them"
    assert np.abs(SentenceEncoder(path, 20).embed(["a fox " * 500]) - encoder.embed(["a fox " * 9])).max() < 1e-6


def test_a_prefix_is_put_before_every_text_where_the_folder_says_one(tmp_path):
    path, _ = network(tmp_path / "plain", "bert")
    plain = SentenceEncoder(path).embed(["a fox in the snow"])
    said = json.dumps({"prompts": {"query": "a fox ", "passage": "the "}, "default_prompt_name": None})
    (path.parent / "config_sentence_transformers.json").write_text(said)
    assert np.array_equal(SentenceEncoder(path).embed(["in the snow"]), plain)
    e5, _ = network(tmp_path / "multilingual-e5-tiny", "bert")
    assert SentenceEncoder(e5).digest.endswith("-query: ")


def test_static_embeddings_are_the_mean_by_weights_of_mapped_rows(tmp_path):
    chance = np.random.default_rng(0)
    rows, shares = chance.normal(size=(6, 5)).astype(np.float32), chance.random(4 + len(WORDS))
    mapping = chance.integers(0, 6, 4 + len(WORDS))
    path = static(tmp_path, dict.fromkeys(WORDS, np.zeros(5)), embeddings=rows, weights=shares, mapping=mapping)
    made = SentenceEncoder(path).embed(["a fox in nowhere", "nowhere"])
    ids = [4 + WORDS.index(word) for word in ("a", "fox", "in")]  # what is no word counts for nothing
    mean = (rows[mapping[ids]] * shares[ids][:, None]).mean(0)
    assert np.abs(made[0] - mean / np.linalg.norm(mean)).max() < 1e-6
    assert not made[1].any()


def test_a_language_that_is_only_spelled_is_like_nothing(tmp_path):
    """An English tokenizer knows Russian by its letters: all of it would be alike."""
    letters = dict.fromkeys("обнажёалис狐雪", np.ones(3))
    path = static(tmp_path, letters | {"лиса": np.ones(3)})
    made = SentenceEncoder(path).embed(["о б н а ж ё н а", "лиса", "狐 雪 " * 5, "л"])
    assert [bool(vector.any()) for vector in made] == [False, True, True, True]


def test_its_process_imports_no_more_than_it_needs():
    code = "import sys, imagine.guard.serving; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=600)
    loaded = set(done.stdout.split())
    assert {"numpy", "tokenizers"} <= loaded
    heavy = {"torch", "transformers", "scipy", "diffusers", "accelerate", "PIL", "aiohttp", "asyncio", "safetensors"}
    assert not heavy & loaded


def _changed(path, **tensors):
    save_file({name: value for name, value in (load_file(path) | tensors).items() if value is not None}, path)


def _sparse(path, size):
    with path.open("r+b" if path.exists() else "wb") as file:
        file.truncate(size)


def _huge(path):
    """Rows without end, in a file that takes no room."""
    rows = weights.MAX_BYTES // 16 + 1
    header = json.dumps({"embeddings": {"dtype": "F32", "shape": [rows, 4], "data_offsets": [0, rows * 16]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    _sparse(path, 8 + len(header) + rows * 16)


def _elsewhere(path):
    path.with_name("tokenizer.json").rename(path.parent.parent / "other.json")
    path.with_name("tokenizer.json").symlink_to(path.parent.parent / "other.json")


def _text(name, text):
    def write(path):
        (path.parent / name).parent.mkdir(exist_ok=True)
        (path.parent / name).write_text(text)

    return write


BROKEN = {
    "nan": lambda path: _changed(path, **{"embeddings.LayerNorm.bias": np.full(24, np.nan, np.float32)}),
    "a tensor too few": lambda path: _changed(path, **{"encoder.layer.1.output.dense.weight": None}),
    "another shape": lambda path: _changed(path, **{"encoder.layer.0.output.dense.bias": np.zeros(7, np.float32)}),
    "few words": lambda path: _changed(path, **{"embeddings.word_embeddings.weight": np.zeros((5, 24), np.float32)}),
    "numbers of no kind": lambda path: _changed(path, **{"embeddings.LayerNorm.bias": np.zeros(24, np.uint16)}),
    "huge": _huge,
    "no heads": _text("config.json", "{}"),
    "no object": _text("config.json", "[1, 2"),
    "odd heads": _text("config.json", '{"num_attention_heads": 7}'),
    "activation": _text("config.json", '{"num_attention_heads": 3, "hidden_act": "swish"}'),
    "a dense layer behind": _text("modules.json", '[{"type": "sentence_transformers.models.Dense"}]'),
    "pooling": _text("1_Pooling/config.json", '{"pooling_mode_lasttoken": true}'),
    "no tokenizer": lambda path: path.with_name("tokenizer.json").unlink(),
    "a huge tokenizer": lambda path: _sparse(path.with_name("tokenizer.json"), 100 * 2**20),
    "no tokenizer at all": _text("tokenizer.json", '{"model": {}}'),
    "elsewhere": _elsewhere,
    "a pipe": lambda path: (path.with_name("config.json").unlink(), os.mkfifo(path.with_name("config.json"))),
}
WHY = {
    "nan": "don't make numbers", "a tensor too few": "is missing", "another shape": "another shape",
    "few words": "no vectors for", "numbers of no kind": "unknown dtype", "huge": "larger than",
    "no heads": "0 attention", "no object": "config.json", "odd heads": "7 attention heads", "activation": "'swish'",
    "a dense layer behind": "module 'Dense'", "pooling": "its pooling", "no tokenizer": "tokenizer.json",
    "a huge tokenizer": "larger than 64 MiB", "no tokenizer at all": "tokenizer.json can't be read",
    "elsewhere": "leads out of its folder", "a pipe": "is a pipe",
}  # fmt: skip


@pytest.mark.parametrize("fault", BROKEN)
def test_what_is_broken_is_refused_and_says_why(tmp_path, fault):
    path, _ = network(tmp_path / "encoder", "bert")
    assert MAX_TOKENIZER < 100 * 2**20
    BROKEN[fault](path)
    with pytest.raises(UnusableModel, match=WHY[fault]):
        SentenceEncoder(path)


def test_a_hubs_cache_may_lead_to_its_blobs(tmp_path):
    made, _ = network(tmp_path / "made", "bert")
    snapshot, blobs = tmp_path / "models--a--b/snapshots/abc", tmp_path / "models--a--b/blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for file in made.parent.iterdir():
        file.rename(blobs / file.name)
        (snapshot / file.name).symlink_to(f"../../blobs/{file.name}")
    assert SentenceEncoder(snapshot / made.name).width == 24
