"""Embeddings: read from files of every trainer, placed whole, and the bits of a text model that has them as words."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
import torch
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from imagine.engine.adapters.embedding import Embedding, OpenEmbeddings
from imagine.engine.loading.embedding_file import MOST_VECTORS, read_embedding
from imagine.engine.parts.chunks import WeightedToken, split
from imagine.engine.parts.prompts import TextEncoder
from imagine.engine.parts.text_part import TextPart
from imagine.identity.stamp import stamp_of
from imagine.words.embedding_words import marked
from imagine.words.errors import ModelChanged, Unsupported, UnusableModel
from imagine.words.model import Component, EmbeddingUse
from tests.checkpoints import write_checkpoint
from tests.engine.running import engine_of, finished, made, model_at, run, wish
from tests.engine.test_prompts import ours, theirs, tokenizer


def use_of(path, word="sks", digest="1" * 64):
    return EmbeddingUse(
        word=word, component=Component(role="adapter", path=str(path), digest=digest, files=(stamp_of(path),))
    )


def file_of(folder, tensors, name="sks"):
    save_file(tensors, folder / f"{name}.safetensors")
    return use_of(folder / f"{name}.safetensors", name, hashlib.sha256(name.encode()).hexdigest())


def rows(count, width, seed=0):
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed)) * 0.1


@pytest.mark.parametrize(
    ("tensors", "expected"),
    [
        ({"emb_params": rows(3, 32)}, {32: rows(3, 32)}),
        ({"string_to_param.*": rows(2, 32).half()}, {32: rows(2, 32).half().float()}),
        ({"<sks>": rows(1, 32)[0]}, {32: rows(1, 32)}),
        ({f"<s>_{i}": rows(1, 32, i)[0] for i in (10, 2, 1)}, {32: torch.cat([rows(1, 32, i) for i in (1, 2, 10)])}),
        ({"clip_g": rows(2, 48), "clip_l": rows(2, 32)}, {32: rows(2, 32), 48: rows(2, 48)}),
        ({"text_encoders_0": rows(2, 32), "text_encoders_1": rows(2, 48)}, {32: rows(2, 32), 48: rows(2, 48)}),
    ],
)
def test_a_file_of_any_trainer_has_vectors_by_their_width(tmp_path, tensors, expected):
    read = read_embedding(file_of(tmp_path, tensors))
    assert read.vectors.keys() == expected.keys()
    for width, vectors in expected.items():
        assert torch.equal(read.vectors[width], vectors)


def test_of_a_loras_file_each_word_is_another(tmp_path):
    use = file_of(
        tmp_path,
        {
            "bundle_emb.one.string_to_param.*": rows(2, 32), "bundle_emb.two.clip_l": rows(1, 32, 1),
            "lora_unet_x.lora_up.weight": torch.zeros(4, 4),
        },
    )  # fmt: skip
    one, two = (read_embedding(msgspec.structs.replace(use, bundled=word)) for word in ("one", "two"))
    assert torch.equal(one.vectors[32], rows(2, 32))
    assert torch.equal(two.vectors[32], rows(1, 32, 1))
    assert one != two


@pytest.mark.parametrize(
    ("tensors", "why"),
    [
        ({"a": torch.zeros(1, 2, 3)}, "has a, which is no list of vectors"),
        ({"a": torch.zeros(2, 32, dtype=torch.int64)}, "has a, which is no list of vectors"),
        ({"a": torch.zeros(0, 32)}, "has a, which is no list of vectors"),
        ({"clip_l": rows(2, 32), "clip_g": rows(3, 48)}, "has not as many vectors for each text encoder: 2, 3"),
        ({"a": torch.full((1, 32), float("nan"))}, "has numbers that aren't finite"),
        ({"a": rows(MOST_VECTORS + 1, 32)}, "has 76 vectors; at most 75 can stand together"),
        ({f"{i}": rows(1, 8) for i in range(300)}, "has 300 tensors, where 256 are the most"),
    ],
)
def test_what_is_no_embedding_is_refused(tmp_path, tensors, why):
    with pytest.raises(UnusableModel) as caught:
        read_embedding(file_of(tmp_path, tensors))
    assert str(caught.value).startswith("the embedding 'sks' has ")
    assert str(caught.value).endswith(why)


def test_it_is_read_once_while_anybody_has_it_and_not_where_it_changed(tmp_path):
    use, read = file_of(tmp_path, {"emb_params": rows(1, 32)}), []
    embeddings = OpenEmbeddings(lambda one: (read.append(one), read_embedding(one))[1])
    first = embeddings.of([use])
    assert embeddings.of([use])[0] is first[0]
    del first
    embeddings.of([use])
    assert len(read) == 2
    stale = use_of(tmp_path / "sks.safetensors")
    save_file({"emb_params": rows(2, 32)}, tmp_path / "sks.safetensors")
    with pytest.raises(ModelChanged):
        OpenEmbeddings(read_embedding).of([stale])


@pytest.mark.parametrize("kind", [CLIPTextModel, CLIPTextModelWithProjection])
def test_the_bits_are_those_of_a_model_that_has_them_as_words(kind):
    """transformers' own, its vocabulary grown by as many words."""
    their, ids = theirs(kind), tokenizer()
    vectors = rows(3, 32)
    embedding = Embedding("1" * 64, "sks", {32: vectors})
    text = TextEncoder(TextPart(ours(their), ids), penultimate=kind is CLIPTextModelWithProjection)
    encoded = text.encode(marked("a fox, sks word", ["sks"]), words=[embedding])
    grown, first = theirs(kind), len(ids)
    grown.resize_token_embeddings(first + 3, mean_resizing=False)
    with torch.no_grad():
        grown.get_input_embeddings().weight[first:] = vectors
        plain = [*ids.encode("a fox, ", add_special_tokens=False), first, first + 1, first + 2]
        plain = [ids.bos_token_id, *plain, *ids.encode("word", add_special_tokens=False), ids.eos_token_id]
        plain += [ids.pad_token_id] * (77 - len(plain))
        output = grown(torch.tensor([plain]), output_hidden_states=True)
        if kind is CLIPTextModel:
            assert torch.equal(encoded.embeddings, output.last_hidden_state)
        else:
            assert torch.equal(encoded.embeddings, output.hidden_states[-2])
            assert torch.equal(encoded.pooled, output.text_embeds)


def test_it_takes_its_places_together_and_weighs_as_words_do():
    embedding = Embedding("1" * 64, "sks", {32: rows(10, 32)})
    place = WeightedToken(0, 1.2, embedding)
    chunks = split([*[WeightedToken(5, 1.0)] * 70, place, *[WeightedToken(6, 1.0)] * 3], 75, [7])
    assert [len(chunk.ids) for chunk in chunks] == [70, 13]
    assert chunks[1].placed == ((0, embedding),)
    assert chunks[1].weights == (*[1.2] * 10, 1.0, 1.0, 1.0)
    full = split([WeightedToken(7, 1.0), *[WeightedToken(5, 1.0)] * 64, place, WeightedToken(5, 1.0)], 75, [7])
    assert [len(chunk.ids) for chunk in full] == [75, 1]
    near = split([*[WeightedToken(5, 1.0)] * 60, WeightedToken(7, 1.0), place, *[WeightedToken(5, 1.0)] * 5], 75, [7])
    assert [len(chunk.ids) for chunk in near] == [61, 15]
    assert near[1].placed == ((0, embedding),)


def test_another_content_is_another_prompt_and_a_misfit_is_refused():
    text = TextEncoder(TextPart(ours(theirs()), tokenizer()))
    one, other = (Embedding(str(i) * 64, "sks", {32: rows(1, 32, i)}) for i in (1, 2))
    prompt = marked("sks", ["sks"])
    first = text.encode(prompt, words=[one]).embeddings
    assert not torch.equal(text.encode(prompt, words=[other]).embeddings, first)
    assert text.encode(prompt, words=[one]).embeddings is first
    assert not torch.equal(text.encode("!").embeddings, first), "the place that it takes is no word"
    with pytest.raises(Unsupported, match="without vectors of 32 numbers"):
        text.encode(prompt, words=[Embedding("3" * 64, "sks", {48: rows(1, 48)})])


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "tiny.safetensors"
    modules = write_checkpoint(path)
    return model_at(path), modules.text_encoders[0].config.hidden_size


def test_pictures_have_them_in_both_prompts_in_a_crowd_as_alone(tiny, tmp_path):
    model, width = tiny
    ink, bad = (file_of(tmp_path, {"emb_params": rows(2, width, i)}, name) for i, name in enumerate(["ink", "bad"]))

    def asked(job, **changes):
        digests = {use.word: use.component.digest for use in (ink, bad)}
        one = wish(model, job, num_steps=4, embeddings=digests, **changes)
        return msgspec.structs.replace(one, embeddings=(ink, bad))

    crowd = [
        asked("a", prompt="a (INK:1.2) fox AND [x:embedding:ink:2]", neg="<bad>"), asked("b", prompt="ink", seed=2),
        wish(model, "c", prompt="ink", seed=2, num_steps=4),
    ]  # fmt: skip
    first = finished(run(engine_of(), *crowd))
    assert first["b"].data != first["c"].data
    for one in crowd:
        alone = msgspec.structs.replace(one.params, buckets=first[one.job].meta["buckets"])
        again = made(engine_of(), msgspec.structs.replace(one, params=alone))
        assert again.data == first[one.job].data
