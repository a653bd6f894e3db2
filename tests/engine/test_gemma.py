"""Gemma 2, as Lumina 2 hears by it: transformers' own numbers and ids, in whichever form a file has its vocabulary."""

import json

import pytest
import torch

from imagine.engine.loading.gemma_tokenizer import GemmaTokenizer
from imagine.engine.loading.networks import qwen_network
from imagine.engine.loading.part_file import open_weights
from imagine.engine.loading.pieces import from_json, from_sentencepiece, pieces_among, pieces_in
from imagine.words.errors import UnusableModel
from tests.flux_files import save
from tests.gemma_files import OWN, SIZE, gemma_tensors, gemma_tokenizer, sentencepiece, tiny_gemma

PROMPTS = [
    "", "a red fox", "The  red\n\nfox, in snow.", "красный 狐 🦊", "<table> of <bos> foxes", "\n\n\nred▁red ",
    "  the red", "a\tfox", "    a",
]  # fmt: skip


def test_its_layers_make_what_transformers_make_of_as_many_tokens(tmp_path):
    """Of a prompt without padding what they make of it with padding behind."""
    model = tiny_gemma()
    save(tmp_path / "gemma.safetensors", gemma_tensors(model))
    weights, _ = open_weights(str(tmp_path / "gemma.safetensors"), torch.float32)
    made = qwen_network(weights).fill(torch.device("cpu"), torch.float32)
    ids = torch.randint(0, SIZE, (1, 40), generator=torch.Generator().manual_seed(1))
    padded, seen = torch.cat([ids, torch.zeros(1, 24, dtype=torch.long)], 1), (torch.arange(64) < 40).long()[None]
    with torch.no_grad():
        states = model(input_ids=padded, attention_mask=seen, output_hidden_states=True).hidden_states
        answers = made(ids, (1, 2, 3))
    for answer, expected in zip(answers, states[1:], strict=True):
        torch.testing.assert_close(answer, expected[:, :40])


@pytest.mark.parametrize("form", ["tokenizer.json", "spiece_model"])
def test_its_ids_are_transformers(tmp_path, form):
    theirs = gemma_tokenizer()
    theirs.save_pretrained(tmp_path)
    ours = GemmaTokenizer(
        pieces_in(tmp_path) if form == "tokenizer.json" else from_sentencepiece(sentencepiece()), SIZE
    )
    for prompt in PROMPTS:
        assert [each for each, _ in ours.encode_with_ends(f"<bos>{prompt}")] == theirs(prompt).input_ids, prompt
    assert "<bos>" in ours.marks
    assert not set(OWN) & set(ours.marks), "they are words"


def _said(**changed):
    raw = json.loads(gemma_tokenizer().backend_tokenizer.to_str())
    raw["model"] |= changed
    return json.dumps(raw).encode()


@pytest.mark.parametrize(
    ("read", "raw", "named"),
    [
        (from_json, b"{", "weights.pieces"),
        (from_json, _said(vocab={"<pad>": 0, "<bos>": 2, "<unk>": 3, "far": SIZE}), "weights.pieces"),
        (from_json, _said(merges=["re x"]), "weights.pieces"),
        (from_json, _said(merges=["rex"]), "weights.pieces"),
        (from_sentencepiece, sentencepiece()[:-20], "weights.pieces"),
        (from_sentencepiece, b"\xff" * 40, "weights.pieces"),
        (from_sentencepiece, b"", "weights.pieces"),
    ],
)
def test_a_broken_vocabulary_is_refused(read, raw, named):
    with pytest.raises(UnusableModel) as refused:
        GemmaTokenizer(read(raw), SIZE)
    assert refused.value.note.code == named


def test_pieces_of_more_characters_than_any_model_has_are_not_taken_apart():
    long = (f"{number:0256}".encode() for number in range(2**14 + 1))
    with pytest.raises(UnusableModel):
        from_sentencepiece(b"".join(b"\x0a\x83\x02\x0a\x80\x02" + text for text in long))


def test_a_file_without_its_vocabulary_takes_what_lies_beside_it(tmp_path):
    tensors = {name: each for name, each in gemma_tensors(tiny_gemma()).items() if name != "spiece_model"}
    save(tmp_path / "gemma.safetensors", tensors)
    weights, _ = open_weights(path := str(tmp_path / "gemma.safetensors"), torch.float32)
    with pytest.raises(UnusableModel, match=r"beside it, called gemma\.tokenizer\.json"):
        pieces_among(weights, path)
    (tmp_path / "gemma.tokenizer.json").write_bytes(_said())
    assert pieces_among(weights, path) == from_json(_said())
