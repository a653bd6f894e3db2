"""Mistral Small, as FLUX.2 [dev] hears by it: transformers' own numbers and ids, in whichever form a file has them."""

import base64
import json

import pytest
import torch
from safetensors.torch import save_file

from imagine.engine.loading.components import LoadReport
from imagine.engine.loading.networks import qwen_network
from imagine.engine.loading.part_file import PartFiles, open_weights
from imagine.engine.loading.tekken import from_tekken
from imagine.engine.loading.tekken_tokenizer import TekkenTokenizer, tokenizer_in
from imagine.engine.quantised.tensor import Quantised
from imagine.words.errors import UnusableModel
from imagine.words.model import Component
from tests.engine.test_loading_quantised import stored_as
from tests.mistral_files import PIECES, mistral_tensors, mistral_tokenizer, tekken, tekken_tensor, tiny_mistral
from tests.quantised_files import write_gguf
from tests.scripts import prompts

CPU, WIDTH, HEADS = torch.device("cpu"), 16, {"q_proj": 2, "k_proj": 1}
LAYERS = (10, 20, 30)
LLAMAS = {
    "embed_tokens": "token_embd", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
    "input_layernorm": "attn_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    "model.layers.": "blk.", "model.": "",
}  # fmt: skip
SIZE = 24 + 256 + len(PIECES)


def some(count):
    return torch.randint(24, SIZE, (1, count), generator=torch.Generator().manual_seed(count))


def theirs(ids, padded=0):
    mask = (torch.arange(ids.shape[1])[None] >= padded).long()
    with torch.no_grad():
        states = tiny_mistral(WIDTH)(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
    return [states[layer] for layer in LAYERS]


def asked(made, ids, padded=0):
    with torch.no_grad():
        return made(ids, LAYERS, ids.shape[1] - padded, padded)


def opened(file):
    return qwen_network(open_weights(str(file), torch.float32)[0]).fill(CPU, torch.float32)


def test_thirty_layers_of_it_have_the_bits_of_transformers_and_padding_may_stand_before(tmp_path):
    """Whole as in a folder: what is behind them, and what sees, isn't read."""
    state = {f"language_model.{name}": tensor for name, tensor in whole().items()}
    save_file(state | {"vision_tower.ln_pre.weight": torch.ones(2)}, tmp_path / "whole.safetensors")
    made = opened(tmp_path / "whole.safetensors")
    assert len(made.layers) == 30
    assert all(map(torch.equal, asked(made, some(40)), theirs(some(40))))
    for answer, expected in zip(asked(made, some(40), 23), theirs(some(40), 23), strict=True):
        torch.testing.assert_close(answer, expected)


def whole():
    state = tiny_mistral(WIDTH).model.language_model.state_dict()
    return {f"model.{name}": tensor.contiguous().clone() for name, tensor in state.items()}


@pytest.mark.parametrize("layout", ["scaled_fp8", "int8", "gguf"])
def test_few_bits_stay_as_the_file_keeps_them(tmp_path, layout):
    """Any brings its vocabulary along."""
    state, file = mistral_tensors(tiny_mistral(WIDTH)), tmp_path / "mistral.safetensors"
    if layout == "gguf":
        file = in_gguf(tmp_path, "Q8_0")
    else:
        kept = tekken_tensor()
        for name, one in state.items():
            kept |= stored_as(layout, name, one) if name.endswith("_proj.weight") else {name: one}
        save_file({name: one.contiguous() for name, one in kept.items()}, file)
    made = opened(file)
    assert isinstance(made.layers[0].self_attn.o_proj.weight, Quantised)
    for answer, expected in zip(asked(made, some(9)), theirs(some(9)), strict=True):
        assert (answer - expected).norm() < 0.1 * expected.norm()
    part = Component(role="text_encoder", path=str(file), digest="", format=file.suffix[1:])
    assert says_the_same(PartFiles(torch.float32, LoadReport()).tokenizer(part, SIZE))


def test_llamas_queries_and_keys_are_turned_as_they_lie(tmp_path):
    for answer, expected in zip(asked(opened(in_gguf(tmp_path, "F32")), some(30)), theirs(some(30)), strict=True):
        torch.testing.assert_close(answer, expected)


def in_gguf(folder, kind):
    """Under llama.cpp's names, with queries and keys laid out as it has them."""
    file = folder / "mistral.gguf"
    state = mistral_tensors(tiny_mistral(WIDTH))
    tensors = {llamas(name): laid_out(name, one) for name, one in state.items()}
    write_gguf(file, tensors, kind, architecture="llama", say=say_tokens)
    return file


def llamas(name):
    for ours, said in LLAMAS.items():
        name = name.replace(ours, said)
    return name


def laid_out(name, tensor):
    """What llama.cpp's converter does to queries and keys: of each head, the halves in turn."""
    heads = HEADS.get(name.split(".")[-2])
    if heads is None:
        return tensor
    return tensor.view(heads, 2, -1, tensor.shape[1]).transpose(1, 2).reshape(tensor.shape)


def say_tokens(writer):
    made = from_tekken(json.dumps(tekken()).encode())
    by_id = {place: name for name, place in (*made.tokens.items(), *made.marks.items())}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("tekken")
    writer.add_token_list([by_id[place] for place in range(SIZE)])
    writer.add_token_types([3 if place < 24 else 1 for place in range(SIZE)])
    writer.add_token_merges([" ".join(pair) for pair in made.merges])


TEXTS = [*prompts()[::6], "the red fox in the snow", "[INST]aaaa[/INST] <SPECIAL_21>", "<s>[SYSTEM_PROMPT]красный"]


def says_the_same(tokenizer):
    expected = mistral_tokenizer()
    made = [[each for each, _ in tokenizer.encode_with_ends(text)] for text in TEXTS]
    return made == [expected.encode(text, add_special_tokens=False) for text in TEXTS]


def test_a_folder_says_how_text_is_told(tmp_path):
    """By either file; a regular expression that it brings along is never run."""
    (tmp_path / "tekken.json").write_text(json.dumps(tekken(special_tokens=None)))
    first = tokenizer_in(tmp_path, SIZE)
    mistral_tokenizer().save_pretrained(tmp_path)
    second = tokenizer_in(tmp_path, SIZE)
    assert says_the_same(second)
    assert first.encode_with_ends("a [INST]red fox") == second.encode_with_ends("a [INST]red fox")
    assert (second.pad_token_id, second.padding_side) == (11, "left")
    assert [end for _, end in second.encode_with_ends("the fox й")] == [3, 7, 8, 9, 9]


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"vocab": tekken()["vocab"][1:]}, "vocab"),
        ({"special_tokens": [{"rank": 0, "token_str": "<unk>"}]}, "<s>"),
        ({"special_tokens": [{"rank": 24, "token_str": "<unk>"}]}, "default_num_special_tokens"),
        ({"config": {**tekken()["config"], "default_vocab_size": SIZE + 1}}, "id ≥"),
        ({"config": {"default_vocab_size": 2**21, "default_num_special_tokens": 2**21}}, "default_num_special_tokens"),
        ({"special_tokens": [*tekken()["special_tokens"], {"rank": 20, "token_str": ""}]}, '""'),
        ({"vocab": [{"rank": 0, "token_bytes": "no base64!"}]}, "base64"),
        ({"vocab": [{"rank": 0, "token_bytes": base64.b64encode(b"a" * 1025).decode()}]}, "token_bytes"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_refused(changed, what):
    with pytest.raises(UnusableModel, match=what):
        TekkenTokenizer(from_tekken(json.dumps(tekken(**changed)).encode()), SIZE)
