"""T5 and what is told beside it: the bits are transformers' and diffusers' own; nothing of a prompt is lost unsaid."""

from __future__ import annotations

import gzip
from copy import deepcopy
from functools import cache
from pathlib import Path

import pytest
import torch
from diffusers import ChromaPipeline, FluxPipeline, SD3Transformer2DModel, StableDiffusion3Pipeline
from safetensors.torch import save_file
from transformers import CLIPTextModelWithProjection, T5Config, T5EncoderModel
from transformers import T5Tokenizer as TheirTokenizer

from imagine.engine.adapters.embedding import Embedding
from imagine.engine.loading.checkpoint_file import CheckpointFile
from imagine.engine.loading.networks import t5_network
from imagine.engine.loading.t5_tokenizer import FILE, T5Tokenizer
from imagine.engine.parts.chunks import Chunk
from imagine.engine.parts.clip import ClipTextModel, clip_config
from imagine.engine.parts.joint_text import FluxText, MaskedText, SD3Text
from imagine.engine.parts.long_text import LongTextPart, read_long
from imagine.engine.parts.t5 import T5Encoder
from imagine.engine.parts.text_part import TextPart
from imagine.words.errors import Unsupported
from tests.engine.test_prompts import ours, theirs, tokenizer

LENGTH = 32
LONG = "a red house, " * 20
PROMPTS = ["", "a red fox, in the snow", "красный круг 🦊", LONG]


@cache
def their_t5() -> T5EncoderModel:
    torch.manual_seed(2)
    config = T5Config(
        d_model=96,
        d_kv=16,
        d_ff=96,
        num_layers=3,
        num_heads=4,
        feed_forward_proj="gated-gelu",
        vocab_size=32128,
    )
    made = T5EncoderModel(config).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(0.5).add_(torch.randn_like(parameter) * 0.05)
    return made


def opened(folder: Path, tensors: dict[str, torch.Tensor], dtype: torch.dtype = torch.float32) -> T5Encoder:
    save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, folder / "t5.safetensors")
    return t5_network(CheckpointFile(str(folder / "t5.safetensors"))).fill(torch.device("cpu"), dtype)


@cache
def their_tokenizer(folder: Path) -> TheirTokenizer:
    (folder / "tokenizer.json").write_bytes(gzip.decompress(FILE.read_bytes()))
    return TheirTokenizer.from_pretrained(folder, local_files_only=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("t5")


@pytest.fixture(scope="module")
def long(folder: Path) -> LongTextPart:
    return LongTextPart(opened(folder, their_t5().state_dict()), T5Tokenizer())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("length", [7, 300])
def test_t5_has_the_bits_of_transformers(folder: Path, dtype: torch.dtype, masked: bool, length: int) -> None:
    made, expected = opened(folder, their_t5().state_dict(), dtype), deepcopy(their_t5()).to(dtype)
    ids = torch.randint(0, 32128, (1, length), generator=torch.Generator().manual_seed(length))
    mask = torch.arange(length)[None] < length // 2 if masked else None
    with torch.no_grad():
        theirs = expected(ids, attention_mask=None if mask is None else mask.long())[0]
        assert torch.equal(made(ids, mask), theirs)


@pytest.mark.parametrize(
    ("prefix", "words", "extra"),
    [
        ("", "shared.weight", {}),
        ("text_encoders.t5xxl.transformer.", "shared.weight", {"text_encoders.t5xxl.logit_scale": torch.ones(1)}),
        ("", "encoder.embed_tokens.weight", {"scaled_fp8": torch.zeros(2), "decoder.x.weight": torch.ones(2)}),
    ],
)  # fmt: skip
def test_it_is_found_under_any_prefix(folder: Path, prefix: str, words: str, extra: dict[str, torch.Tensor]) -> None:
    state = {name: tensor for name, tensor in their_t5().state_dict().items() if "embed_tokens" not in name}
    state[words] = state.pop("shared.weight")
    made = opened(folder, {prefix + name: tensor for name, tensor in state.items()} | extra)
    assert torch.equal(made.shared.weight, state[words])
    assert made.config.num_layers == 3


def clips() -> tuple[TextPart, TextPart]:
    second = ours(theirs(CLIPTextModelWithProjection, 1, 48))
    return TextPart(ours(theirs()), tokenizer()), TextPart(second, tokenizer("!"))


@pytest.mark.parametrize("prompt", PROMPTS)
def test_flux_is_told_what_diffusers_tells_it(folder: Path, long: LongTextPart, prompt: str) -> None:
    pipe = FluxPipeline(None, None, theirs(), tokenizer(), their_t5(), their_tokenizer(folder), None)
    pipe.tokenizer_max_length = 77
    with torch.no_grad():
        embeddings, pooled, _ = pipe.encode_prompt(prompt, device="cpu", max_sequence_length=LENGTH)
    encoded = FluxText(clips()[0], long, length=LENGTH).encode(prompt)
    assert encoded.pooled is not None
    assert torch.equal(encoded.embeddings, embeddings)
    assert torch.equal(encoded.pooled, pooled)


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("clip", [1, 2])
@pytest.mark.parametrize("with_t5", [True, False])
def test_stable_diffusion_3_is_told_what_diffusers_tells_it(
    folder: Path, long: LongTextPart, prompt: str, clip: int, with_t5: bool
) -> None:
    first = theirs(CLIPTextModelWithProjection)
    first.text_projection = torch.nn.Linear(32, 32, bias=False)  # as diffusers reads files that have none
    first.text_projection.weight = torch.nn.Parameter(torch.eye(32))
    second = theirs(CLIPTextModelWithProjection, 1, 48)
    t5 = (their_t5(), their_tokenizer(folder)) if with_t5 else (None, None)
    pipe = StableDiffusion3Pipeline(their_sd3(), None, None, first, tokenizer(), second, tokenizer("!"), *t5)
    with torch.no_grad():
        embeddings, _, pooled, _ = pipe.encode_prompt(
            prompt, None, None, "cpu", do_classifier_free_guidance=False, clip_skip=clip - 1, max_sequence_length=LENGTH
        )
    plain = ClipTextModel(clip_config(first.config.to_dict())).eval()
    plain.load_state_dict(
        {
            name.removeprefix("text_model."): tensor
            for name, tensor in first.state_dict().items()
            if name.startswith("text_model.")
        }
    )
    parts = TextPart(plain, tokenizer()), clips()[1]
    encoded = SD3Text(*parts, long if with_t5 else None, length=LENGTH, width=96).encode(prompt, clip=clip)
    assert encoded.pooled is not None
    assert torch.equal(encoded.embeddings, embeddings)
    assert torch.equal(encoded.pooled, pooled)


@cache
def their_sd3() -> SD3Transformer2DModel:
    return SD3Transformer2DModel(
        num_layers=1, attention_head_dim=8, num_attention_heads=1, joint_attention_dim=96, caption_projection_dim=8,
        pooled_projection_dim=80,
    )  # fmt: skip


@pytest.mark.parametrize("prompt", PROMPTS)
def test_chroma_is_told_what_diffusers_tells_it(folder: Path, long: LongTextPart, prompt: str) -> None:
    pipe = ChromaPipeline(None, None, their_t5(), their_tokenizer(folder), None)
    with torch.no_grad():
        embeddings, mask = pipe._get_t5_prompt_embeds(prompt, device="cpu", max_sequence_length=LENGTH)
    encoded = MaskedText(long, length=LENGTH, seen=1).encode(prompt)
    assert torch.equal(encoded.embeddings, embeddings)
    assert torch.equal(encoded.mask, mask.bool())


def ids(text: str) -> list[int]:
    return T5Tokenizer().encode(text, add_special_tokens=False)


def test_weights_multiply_and_breaks_are_spaces(long: LongTextPart) -> None:
    text = FluxText(clips()[0], long, length=LENGTH)
    plain, weighted = text.encode("a red fox"), text.encode("a (red:2) fox")
    red = len(ids("a"))
    assert ids("a red fox") == [*ids("a"), *ids("red"), *ids("fox")]
    assert len(ids("red")) == 1
    assert not weighted.warnings
    ratio = weighted.embeddings / plain.embeddings
    assert torch.allclose(ratio[0, red], 2 * ratio[0, 0], rtol=1e-4)
    assert torch.allclose(ratio[0, red + 1 :], ratio[0, :1], rtol=1e-4)
    assert torch.equal(plain.pooled, weighted.pooled)
    broken = text.encode("a red BREAK fox")
    assert torch.equal(broken.embeddings, plain.embeddings)
    assert [note.code for note in broken.warnings] == ["prompt.no_break"]


def test_what_is_cut_or_unknown_is_said(long: LongTextPart) -> None:
    tokens, most = ids(LONG), LENGTH - 1
    read = read_long(long.tokenizer, LONG, LENGTH, field="neg")
    assert read.text.ids == tuple(tokens[:most])
    assert [(note.code, note.field, note.values) for note in read.warnings] == [
        ("prompt.cut", "neg", {"count": len(tokens) - most, "most": most})
    ]
    assert not read_long(long.tokenizer, LONG, len(tokens) + 1).warnings
    strange = read_long(long.tokenizer, "a \ud800 猫\x00", LENGTH)
    assert [(note.code, note.values["names"]) for note in strange.warnings] == [
        ("prompt.unknown", "U+0000, U+D800"), ("prompt.strange", "猫")
    ]  # fmt: skip
    without = SD3Text(*clips(), None, length=LENGTH, width=96).encode("fox " * 80)
    assert [(note.code, note.values) for note in without.warnings] == [("prompt.cut", {"count": 5, "most": 75})]
    assert [note.code for note in FluxText(clips()[0], long, length=LENGTH).encode("a fox", clip=2).warnings] == [
        "clip.no_layers"
    ]


def test_embeddings_take_their_places_or_are_refused(long: LongTextPart) -> None:
    vectors = torch.randn(2, 96, generator=torch.Generator().manual_seed(0))
    word, narrow = (Embedding("1" * 64, "sks", {each.shape[1]: each}) for each in (vectors, vectors[:, :32]))
    read = read_long(long.tokenizer, "a \U000f0000 fox", LENGTH, words=[word])
    first = len(ids("a"))
    tokens = (*ids("a"), 0, 0, *ids("fox"))
    assert read.text == Chunk(tokens, (1.0,) * len(tokens), ((first, word),))
    placed = long.encode(read.text, length=LENGTH)
    with torch.no_grad():
        embedded = long.module.shared(torch.tensor([[*tokens, 1, *[0] * (LENGTH - 1 - len(tokens))]]))
        embedded[0, first : first + 2] = vectors
        assert torch.equal(placed, their_t5()(inputs_embeds=embedded)[0])
    cut = read_long(long.tokenizer, "a \U000f0000 fox", first + 2, words=[word])
    assert cut.text.ids == tuple(ids("a"))
    with pytest.raises(Unsupported, match="without vectors of 96 numbers"):
        long.encode(read_long(long.tokenizer, "\U000f0000", LENGTH, words=[narrow]).text, length=LENGTH)


def test_what_was_encoded_is_remembered_by_all_that_decides_it(long: LongTextPart) -> None:
    calls = []
    handle = long.module.register_forward_hook(lambda *_: calls.append(1))
    text = Chunk((5, 6), (1.0, 1.0))
    first = long.encode(text, length=9)
    assert long.encode(text, length=9) is first
    for asked in ({"length": 10}, {"length": 9, "masked": True}):
        long.encode(text, **asked)
    handle.remove()
    assert len(calls) == 3
