"""Qwen3, Qwen2.5, and what is said to them: the bits are transformers' own, under any name, however the file
keeps its weights."""

from copy import deepcopy
from functools import cache

import pytest
import torch
from safetensors.torch import save_file
from transformers import Qwen2_5_VLTextConfig, Qwen3Model
from transformers import Qwen3Config as TheirConfig
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLTextModel

from imagine.engine.loading.checkpoint_file import CheckpointFile
from imagine.engine.loading.networks import qwen_network
from imagine.engine.loading.part_file import open_weights
from imagine.engine.loading.qwen_names import qwen_settings
from imagine.engine.loading.qwen_tokenizer import QwenTokenizer
from imagine.engine.parts.chat_text import QWEN3, ChatTextPart, read_chat
from imagine.engine.quantised.tensor import Quantised
from imagine.formats.llama_names import with_transformers_names
from imagine.words.errors import UnusableModel
from tests.engine.test_loading_quantised import stored_as
from tests.quantised_files import write_gguf

CPU = torch.device("cpu")
LAYERS = (0, 1, 3, 4)


@cache
def their_qwen(theta=1e6):
    torch.manual_seed(3)
    config = TheirConfig(
        vocab_size=151_936, hidden_size=32, intermediate_size=64, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, head_dim=16, rope_parameters={"rope_type": "default", "rope_theta": theta},
    )  # fmt: skip
    return spread_out(Qwen3Model(config).eval())


@cache
def their_older_qwen():
    """The language half of Qwen2.5-VL."""
    torch.manual_seed(3)
    config = Qwen2_5_VLTextConfig(
        vocab_size=151_936, hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, rope_parameters={"rope_type": "default", "rope_theta": 1e6, "mrope_section": [1, 1, 2]},
    )  # fmt: skip
    return spread_out(Qwen2_5_VLTextModel(config).eval())


def spread_out(made):
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.2)
    return made


def opened(folder, tensors, dtype=torch.float32, settings=None):
    file = folder / "qwen.safetensors"
    save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, file)
    return qwen_network(CheckpointFile(str(file)), settings).fill(CPU, dtype)


def theirs(made, ids, seen=None):
    mask = None if seen is None else (torch.arange(ids.shape[1])[None] < seen).long()
    with torch.no_grad():
        return made(ids, attention_mask=mask, output_hidden_states=True).hidden_states


def some(count):
    return torch.randint(0, 151_643, (1, count), generator=torch.Generator().manual_seed(count))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_it_has_the_bits_of_transformers(tmp_path, dtype):
    made, expected, ids = opened(tmp_path, their_qwen().state_dict(), dtype), deepcopy(their_qwen()).to(dtype), some(40)
    expected.rotary_emb.inv_freq = their_qwen().rotary_emb.inv_freq  # as it is where a file is read
    with torch.no_grad():
        answers, padded = made(ids, LAYERS), made(ids, LAYERS, 17)
    for layer, whole, seen in zip(LAYERS, answers, padded, strict=True):
        assert torch.equal(whole, theirs(expected, ids)[layer]), layer
        torch.testing.assert_close(seen, theirs(expected, ids, 17)[layer])
        torch.testing.assert_close(seen[:, :17], whole[:, :17])
    assert not torch.equal(answers[-1], padded[-1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_the_language_half_of_qwen25_has_them_too(tmp_path, dtype):
    """Whose folder says how wide a head is, by how many there are; what sees is left where it is."""
    state = {f"model.language_model.{name}": tensor for name, tensor in their_older_qwen().state_dict().items()}
    seeing = {"model.visual.blocks.0.attn.qkv.bias": torch.ones(2), "lm_head.weight": torch.ones(2)}
    turned = {"type": "mrope", "mrope_section": [1, 1, 2]}
    said = {"hidden_size": 32, "num_attention_heads": 4, "rms_norm_eps": 1e-5, "rope_scaling": turned}
    made, ids = opened(tmp_path, state | seeing, dtype, qwen_settings({"text_config": said})), some(40)
    expected = deepcopy(their_older_qwen()).to(dtype)
    expected.rotary_emb.inv_freq = their_older_qwen().rotary_emb.inv_freq
    with torch.no_grad():
        for layer, answer in zip((1, 3), made(ids, (1, 3)), strict=True):
            assert torch.equal(answer, theirs(expected, ids)[layer]), layer
    assert with_transformers_names("qwen2vl", {"blk.3.attn_k.bias": 0}) == {"model.layers.3.self_attn.k_proj.bias": 0}


def test_layers_behind_the_last_that_is_asked_are_not_run(tmp_path):
    made = opened(tmp_path, their_qwen().state_dict())
    ran = []
    for number, layer in enumerate((*made.layers, made.norm), 1):
        layer.register_forward_hook(lambda *_, number=number: ran.append(number))
    made(some(5), (1, 2))
    assert ran == [1, 2]


@pytest.mark.parametrize(
    ("prefix", "extra"),
    [
        ("model.", {"lm_head.weight": torch.ones(2)}),
        ("text_encoders.qwen3_4b.transformer.model.", {"text_encoders.qwen3_4b.logit_scale": torch.ones(1)}),
    ],
)  # fmt: skip
def test_it_is_found_under_any_prefix(tmp_path, prefix, extra):
    state = {prefix + name: tensor for name, tensor in their_qwen().state_dict().items()}
    made = opened(tmp_path, state | extra)
    assert torch.equal(made.embed_tokens.weight, their_qwen().embed_tokens.weight)
    assert (made.config.num_attention_heads, made.config.num_key_value_heads, made.config.head_dim) == (4, 2, 16)
    with pytest.raises(UnusableModel, match="Qwen"):
        opened(tmp_path, {"model.norm.weight": torch.ones(2)})


def test_a_folders_settings_are_heard(tmp_path):
    for stated in ({"rope_theta": 5e3}, {"rope_parameters": {"rope_type": "default", "rope_theta": 5e3}}):
        made = opened(tmp_path, their_qwen().state_dict(), settings=qwen_settings(stated))
        assert torch.equal(made(some(9), (3,))[0], theirs(their_qwen(5e3), some(9))[3])
    with pytest.raises(ValueError, match="yarn"):
        qwen_settings({"rope_scaling": {"type": "yarn"}})


@pytest.mark.parametrize("layout", ["gguf", "scaled_fp8", "int8"])
def test_few_bits_stay_as_the_file_keeps_them(tmp_path, layout):
    """Under llama.cpp's names in GGUF."""
    state = their_qwen().state_dict()
    if layout == "gguf":
        file = tmp_path / "qwen.gguf"
        write_gguf(file, {_llamas(name): tensor for name, tensor in state.items()}, architecture="qwen3")
    else:
        file, kept = tmp_path / "qwen.safetensors", dict[str, torch.Tensor]()
        for name, tensor in state.items():
            quantised = name.endswith("_proj.weight")
            kept |= stored_as(layout, name, tensor) if quantised else {name: tensor}
        save_file({f"model.{name}": tensor.contiguous() for name, tensor in kept.items()}, file)
    made = qwen_network(open_weights(str(file), torch.float32)[0]).fill(CPU, torch.float32)
    assert isinstance(made.layers[0].mlp.up_proj.weight, Quantised)
    answer, exact = made(some(9), (3,))[0], theirs(their_qwen(), some(9))[3]
    assert (answer - exact).norm() < 0.1 * exact.norm()


def _llamas(name):
    said = {
        "embed_tokens": "token_embd", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm",
        "self_attn.k_norm": "attn_k_norm", "post_attention_layernorm": "ffn_norm", "input_layernorm": "attn_norm",
        "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "layers.": "blk.",
    }  # fmt: skip
    for ours, llamas in said.items():
        name = name.replace(ours, llamas)
    return "output_norm.weight" if name == "norm.weight" else name


@pytest.fixture(scope="module")
def part(tmp_path_factory):
    return ChatTextPart(opened(tmp_path_factory.mktemp("qwen"), their_qwen().state_dict()), QwenTokenizer())


@pytest.mark.parametrize("prompt", ["", "a red fox, in the snow", "красный круг 🦊", "\n\n  a fox "])
def test_layers_stand_side_by_side_and_padding_behind(part, prompt):
    """As FLUX.2 klein's pipeline joins them; Z-Image's takes one, of what is seen."""
    text, _ = read_chat(part.tokenizer, prompt, QWEN3, 64)
    assert list(text.ids) == part.tokenizer.encode(f"{QWEN3.before}{prompt}{QWEN3.behind}")
    ids = torch.tensor([[*text.ids, *[151_643] * (64 - len(text.ids))]])
    states = theirs(their_qwen(), ids, len(text.ids))
    joined = torch.stack([states[layer] for layer in (1, 2, 3)], 1).permute(0, 2, 1, 3).reshape(1, 64, 96)
    torch.testing.assert_close(part.encode(text, layers=(1, 2, 3), length=64), joined)
    torch.testing.assert_close(part.encode(text, layers=(3,)), states[3][:, : len(text.ids)])


def test_weights_change_no_token_and_what_is_lost_is_said(part):
    plain, _ = read_chat(part.tokenizer, "a red fox in the snow", QWEN3, 64)
    weighted, notes = read_chat(part.tokenizer, "a (red:1.3) fox in [the] snow", QWEN3, 64)
    assert weighted.ids == plain.ids
    assert notes == ()
    assert [weight for weight in weighted.weights if weight != 1] == [1.3, 1 / 1.1]
    assert weighted.weights[4] == 1.3
    cut, notes = read_chat(part.tokenizer, "a cat " * 300 + "<|im_end|>\ud800", QWEN3, 64, field="neg")
    assert len(cut.ids) == 64
    assert list(cut.ids[-5:]) == part.tokenizer.encode(QWEN3.behind)
    assert [(note.code, note.field) for note in notes] == [("prompt.unknown", "neg"), ("prompt.cut", "neg")]
    broken, notes = read_chat(part.tokenizer, "a fox BREAK a house", QWEN3, 64)
    assert [note.code for note in notes] == ["prompt.no_break"]
    assert broken.ids[3:5] == (*plain.ids[3:4], 38835)


@pytest.mark.parametrize("prompt", ["a (<|im_:1.1)end|> fox", "a <|im_[end|>] fox", "a <|im_end|> fox"])
def test_no_prompt_holds_a_mark_even_one_of_several_weights(part, prompt):
    text, notes = read_chat(part.tokenizer, prompt, QWEN3, 64)
    assert list(text.ids) == part.tokenizer.encode(f"{QWEN3.before}a   fox{QWEN3.behind}")
    assert [(note.code, note.values["names"]) for note in notes] == [("prompt.unknown", "<|im_end|>")]
