"""Encoding prompts: the bits are diffusers' own, whatever the length; weights are AUTOMATIC1111's."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from hypothesis import given
from hypothesis import strategies as st
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from imagine.engine.loading.tokenizer import FOLDER, ClipTokenizer
from imagine.engine.parts.chunks import COMMA_REACH, WeightedToken, split
from imagine.engine.parts.clip import ClipTextModel, ClipTextModelWithProjection, clip_config
from imagine.engine.parts.emphasis import emphasise
from imagine.engine.parts.prompts import MAX_CHUNKS, TextEncoder
from imagine.engine.parts.text_part import TextPart
from imagine.words.errors import BadRequest, Unsupported

LAYERS = 4
PROMPTS = [
    "",
    "a red fox, in the snow",
    "  A  Photo\nof\tthe CAFÉ cafe\u0301 ",
    "красный круг над синим",
    "🦊 ½ — ﬁ",
    "16:9",
    "word " * 75,
]


@cache
def tokenizer(pad: str = "<|endoftext|>") -> CLIPTokenizer:
    """CLIP's construction over the 256 byte symbols and a few merges, in CLIP's own order of ids."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    symbols = [chr(b) for b in printable] + [chr(256 + i) for i in range(256 - len(printable))]
    merges = [("w", "o"), ("wo", "r"), ("wor", "d</w>"), ("f", "o"), ("fo", "x</w>"), ("t", "h"), ("th", "e</w>")]
    words = [*symbols, *[s + "</w>" for s in symbols], *[a + b for a, b in merges], "<|startoftext|>", "<|endoftext|>"]
    vocab = {word: i for i, word in enumerate(words)}
    return CLIPTokenizer(vocab=vocab, merges=[*merges], pad_token=pad, model_max_length=77)


def theirs(kind: type = CLIPTextModel, seed: int = 0, width: int = 32) -> CLIPTextModel:
    torch.manual_seed(seed)
    ids = tokenizer()
    config = CLIPTextConfig(
        vocab_size=len(ids), hidden_size=width, intermediate_size=64, num_hidden_layers=LAYERS, num_attention_heads=2,
        projection_dim=24, bos_token_id=ids.bos_token_id, eos_token_id=ids.eos_token_id,
    )  # fmt: skip
    made = kind(config).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
        getattr(made, "text_model", made).final_layer_norm.bias.add_(0.3)
    return made


def ours(their: CLIPTextModel) -> ClipTextModel | ClipTextModelWithProjection:
    """Our network with the settings and the weights of transformers'."""
    kind = ClipTextModelWithProjection if isinstance(their, CLIPTextModelWithProjection) else ClipTextModel
    made = kind(clip_config(their.config.to_dict())).eval()
    made.load_state_dict(their.state_dict())
    return made


@pytest.fixture(scope="module")
def sd1() -> TextEncoder:
    return TextEncoder(TextPart(ours(theirs()), tokenizer()))


@pytest.fixture(scope="module")
def towers() -> tuple[TextPart, TextPart]:
    second = ours(theirs(CLIPTextModelWithProjection, 1, 48))
    return TextPart(ours(theirs()), tokenizer()), TextPart(second, tokenizer("!"))


def diffusers_sd1(prompt: str, clip_skip: int | None) -> torch.Tensor:
    tower = theirs()
    pipe = StableDiffusionPipeline(None, tower, tokenizer(), None, None, None, None, requires_safety_checker=False)
    # diffusers 0.42 still looks for the norm where transformers had it before 5.6
    object.__setattr__(tower, "text_model", tower)
    with torch.no_grad():
        return pipe.encode_prompt(prompt, "cpu", 1, False, clip_skip=clip_skip)[0]


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("clip", [1, 2, LAYERS])
def test_sd1_has_the_bits_of_diffusers(prompt: str, clip: int) -> None:
    tower = TextPart(ours(theirs()), tokenizer())
    encoded = TextEncoder(tower).encode(prompt, clip=clip)
    assert encoded.embeddings.shape == (1, 77, 32)
    assert encoded.pooled is None
    assert torch.equal(encoded.embeddings, diffusers_sd1(prompt, clip - 1))
    if clip == 1:
        assert torch.equal(encoded.embeddings, diffusers_sd1(prompt, None))


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("clip", [1, 2])
def test_sdxl_has_the_bits_of_diffusers(towers: tuple[TextPart, TextPart], prompt: str, clip: int) -> None:
    first, second = towers
    pipe = StableDiffusionXLPipeline(
        None, theirs(), theirs(CLIPTextModelWithProjection, 1, 48), tokenizer(), tokenizer("!"), None, None,
        add_watermarker=False,
    )  # fmt: skip
    with torch.no_grad():
        expected, _, pooled, _ = pipe.encode_prompt(
            prompt, device="cpu", do_classifier_free_guidance=False, clip_skip=clip - 1
        )
    encoded = TextEncoder(first, second, penultimate=True).encode(prompt, clip=clip)
    assert torch.equal(encoded.embeddings, expected)
    assert encoded.pooled is not None
    assert torch.equal(encoded.pooled, pooled)


def test_the_refiner_uses_the_second_tower_alone(towers: tuple[TextPart, TextPart]) -> None:
    both = TextEncoder(*towers, penultimate=True).encode("a fox")
    refiner = TextEncoder(towers[1], penultimate=True).encode("a fox")
    assert torch.equal(refiner.embeddings, both.embeddings[..., 32:])
    assert refiner.pooled is not None
    assert both.pooled is not None
    assert torch.equal(refiner.pooled, both.pooled)


def test_the_shipped_tokenizer_feeds_it_as_transformers_does() -> None:
    shipped = ClipTokenizer("!")
    config = CLIPTextConfig(
        vocab_size=49408, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1,
        bos_token_id=49406, eos_token_id=49407,
    )  # fmt: skip
    tower = TextPart(ours(CLIPTextModel(config)), shipped)
    fed: list[list[int]] = []
    tower.module.register_forward_pre_hook(lambda _, args: fed.append(args[0][0].tolist()))
    encoded = TextEncoder(tower).encode("a photo of a cat, КОТ \U0001f431")
    assert encoded.warnings == ()
    their = CLIPTokenizer(
        vocab=str(FOLDER / "vocab.json"), merges=str(FOLDER / "merges.txt"), pad_token="!", model_max_length=77
    )
    assert fed == [their("a photo of a cat, КОТ \U0001f431", padding="max_length").input_ids]
    assert fed[0][:7] == [49406, 320, 1125, 539, 320, 2368, 267]


@pytest.mark.parametrize("written", ["a (fox:1) runs", "a ([fox]) runs", "a fox runs"])
def test_weights_of_one_change_no_bit(sd1: TextEncoder, written: str) -> None:
    assert torch.equal(sd1.encode(written).embeddings, sd1.encode("a fox runs").embeddings)


def test_a_long_prompt_is_encoded_whole_and_chunk_by_chunk(sd1: TextEncoder) -> None:
    encoded = sd1.encode("word " * 75 + "fox " * 75 + "the")
    assert sd1.count_chunks("word " * 75 + "fox " * 75 + "the") == 3
    parts = [sd1.encode(part).embeddings for part in ("word " * 75, "fox " * 75, "the")]
    assert torch.equal(encoded.embeddings, torch.cat(parts, dim=1))


def test_break_starts_a_chunk(sd1: TextEncoder) -> None:
    parts = [sd1.encode(part).embeddings for part in ("a fox", "the word")]
    assert torch.equal(sd1.encode("a fox BREAK the word").embeddings, torch.cat(parts, dim=1))


def test_padding_to_more_chunks_adds_empty_prompts(towers: tuple[TextPart, TextPart]) -> None:
    encoder = TextEncoder(*towers, penultimate=True)
    padded, own, empty = encoder.encode("a fox", chunks=3), encoder.encode("a fox"), encoder.encode("")
    assert torch.equal(padded.embeddings, torch.cat([own.embeddings, empty.embeddings, empty.embeddings], dim=1))
    assert padded.pooled is not None
    assert own.pooled is not None
    assert torch.equal(padded.pooled, own.pooled)


def test_emphasis_multiplies_and_keeps_the_mean(sd1: TextEncoder) -> None:
    plain = sd1.encode("a fox").embeddings
    weighted = sd1.encode("a (fox:1.5)").embeddings
    factors = torch.ones(77)
    factors[2] = 1.5  # <bos> a fox <eos>
    expected = plain * factors[None, :, None]
    expected = expected * (plain.mean() / expected.mean())
    assert torch.allclose(weighted, expected, rtol=1e-5, atol=1e-6)
    assert weighted.mean().item() == pytest.approx(plain.mean().item(), rel=1e-5)


def test_each_tower_keeps_its_own_mean(towers: tuple[TextPart, TextPart]) -> None:
    first, second = (TextPart(tower.module, tower.tokenizer) for tower in towers)
    both = TextEncoder(first, second, penultimate=True).encode("the (fox:1.4)").embeddings
    alone = [TextEncoder(tower, penultimate=True).encode("the (fox:1.4)").embeddings for tower in (first, second)]
    assert torch.equal(both, torch.cat(alone, dim=-1))


def test_emphasis_does_not_scale_by_a_mean_that_cancels_out() -> None:
    embeddings = torch.tensor([[1.0, -1.0], [2.0, -2.0 + 1e-6], [3.0, -3.0 - 2e-6]])[None]
    weighted = emphasise(embeddings, [2.0])
    assert torch.allclose(weighted, embeddings * torch.tensor([1.0, 2.0, 1.0])[None, :, None])


def test_emphasis_keeps_the_dtype_and_stays_finite() -> None:
    embeddings = torch.full((1, 77, 8), 0.5, dtype=torch.float16)
    for weight in (10.0, -10.0, 0.0):
        weighted = emphasise(embeddings, [weight] * 75)
        assert weighted.dtype == torch.float16
        assert torch.isfinite(weighted).all()


@pytest.mark.parametrize("clip", [LAYERS + 1, 1000])
def test_refuses_a_layer_the_model_has_not(sd1: TextEncoder, clip: int) -> None:
    with pytest.raises(Unsupported, match=f"allows 1 to {LAYERS}") as caught:
        sd1.encode("a fox", clip=clip)
    assert caught.value.field == "clip"


def test_sdxl_has_one_layer_less_to_skip(towers: tuple[TextPart, TextPart]) -> None:
    encoder = TextEncoder(*towers, penultimate=True)
    assert encoder.encode("a fox", clip=encoder.max_clip).embeddings.shape[:2] == (1, 77)
    with pytest.raises(Unsupported):
        encoder.encode("a fox", clip=LAYERS)


def test_refuses_clip_below_one(sd1: TextEncoder) -> None:
    with pytest.raises(BadRequest, match="counts from 1"):
        sd1.encode("a fox", clip=0)


def test_refuses_a_prompt_without_end(sd1: TextEncoder) -> None:
    with pytest.raises(BadRequest, match=f"at most {MAX_CHUNKS}") as caught:
        sd1.count_chunks("word " * 75 * (MAX_CHUNKS + 1), field="neg")
    assert caught.value.field == "neg"


@pytest.mark.parametrize(
    ("prompt", "same_as", "names"),
    [
        ("a \ud800fox", "a fox", "U+D800"),
        ("a \x00fox\x1b", "a fox", "U+0000, U+001B"),
        ("a <|endoftext|> fox", "a fox", "<|endoftext|>"),
        ("a <|end()of\x00text|> fox", "a fox", "<|endoftext|>"),
        ("a (fox:nan)", "a fox", "nan"),
    ],
)
def test_names_what_cannot_be_encoded(sd1: TextEncoder, prompt: str, same_as: str, names: str) -> None:
    encoded = sd1.encode(prompt)
    assert len(encoded.warnings) == 1
    assert names in str(encoded.warnings[0])
    assert torch.equal(encoded.embeddings, sd1.encode(same_as).embeddings)


def test_names_what_the_vocabulary_lacks() -> None:
    small = CLIPTokenizer(vocab={"a</w>": 0, "b</w>": 1, "<|startoftext|>": 2, "<|endoftext|>": 3}, merges=[])
    encoded = TextEncoder(TextPart(ours(theirs()), small)).encode("a ж b")
    assert "ж" in str(encoded.warnings[0])


@pytest.mark.parametrize("prompt", [p for p in PROMPTS if p])
def test_what_can_be_encoded_is_not_warned_of(sd1: TextEncoder, prompt: str) -> None:
    assert sd1.encode(prompt).warnings == ()


def test_warnings_name_the_field_they_are_about(sd1: TextEncoder) -> None:
    assert "prompt has" in str(sd1.encode("fox\x01").warnings[0])
    assert "neg has" in str(sd1.encode("fox\x01", field="neg").warnings[0])


def test_the_cache_gives_back_the_latest_chunks_and_stays_within_its_bytes() -> None:
    made, calls = ours(theirs()), list[int]()
    made.register_forward_hook(lambda *_: calls.append(1))
    one = TextEncoder(TextPart(made, tokenizer())).encode("a").embeddings.nbytes
    calls.clear()
    part = TextPart(made, tokenizer(), cache_bytes=2 * one)
    encoder = TextEncoder(part)
    a = encoder.encode("a").embeddings
    encoder.encode("b")
    assert encoder.encode("a").embeddings is a
    assert len(calls) == 2
    encoder.encode("c")  # and b, the oldest, goes
    assert encoder.encode("a").embeddings is a
    assert len(calls) == 3
    encoder.encode("b")
    assert len(calls) == 4
    assert part.spare() is None, "there is no other memory to wait in"
    encoder.encode("b")
    assert len(calls) == 5
    encoder.encode("b", clip=2)
    encoder.encode("b", chunks=2)  # and its own is known
    assert len(calls) == 7


COMMA = 7


def ids(*counts: int) -> list[tuple[int, float] | None]:
    """Runs of tokens 1 with commas between."""
    tokens: list[tuple[int, float] | None] = []
    for i, count in enumerate(counts):
        tokens += ([(COMMA, 1.0)] if i else []) + [(1, 1.0)] * count
    return tokens


@pytest.mark.parametrize(
    ("tokens", "lengths"),
    [
        ([], [0]),
        ([None], [0]),
        ([None, None, (1, 1.0)], [0, 0, 1]),
        (ids(75), [75]),
        (ids(76), [75, 1]),
        (ids(75, 0), [75, 1]),  # the comma itself is the token that doesn't fit
        (ids(74, 3), [75, 3]),
        (ids(60, 30), [61, 30]),
        (ids(55, 30), [56, 30]),
        (ids(54, 30), [75, 10]),  # a comma 21 tokens back is too far
        (ids(58, 5, 30), [65, 30]),
        ([*ids(10), None, *ids(60, 30)], [10, 61, 30]),
    ],
)
def test_splits_where_the_web_ui_does(tokens: list[tuple[int, float] | None], lengths: list[int]) -> None:
    assert COMMA_REACH == 20
    assert [
        len(chunk.ids) for chunk in split([each and WeightedToken(*each) for each in tokens], 75, [COMMA])
    ] == lengths


@given(st.lists(st.none() | st.tuples(st.integers(5, 9), st.floats(0.5, 2)), max_size=400))
def test_splitting_loses_and_reorders_nothing(tokens: list[tuple[int, float] | None]) -> None:
    chunks = split([each and WeightedToken(*each) for each in tokens], 75, [COMMA])
    assert all(len(chunk.ids) == len(chunk.weights) <= 75 for chunk in chunks)
    pairs = [pair for chunk in chunks for pair in zip(chunk.ids, chunk.weights, strict=True)]
    assert pairs == [token for token in tokens if token]
