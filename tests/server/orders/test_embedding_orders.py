"""Embeddings of a request: found by name before the queue, recorded by digest, and again what they were."""

from __future__ import annotations

import hashlib

import pytest
import torch
from safetensors.torch import save_file

from tests.registry import declared
from tests.server.served import ask

SDXL = {"clip_l": (2, 768), "clip_g": (2, 1280)}


def add(folder, name, shapes, fill=0.5):
    path = folder / "models" / f"{name}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({part: torch.full(shape, fill) for part, shape in shapes.items()}, path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def answers(folder, *bodies, between=None, **said):
    async def act(client):
        told = []
        for body in bodies:
            if callable(body):
                body = body(told)
            async with client.post("/generate", json=body) as answer:
                told.append((answer.status, await answer.json()))
        return told, list(client.worker.seen)

    return ask(folder, act, models=(), **said)


@pytest.fixture
def folder(tmp_path):
    declared.write(tmp_path / "models" / "fox.safetensors", declared.sd1())
    return tmp_path


@pytest.mark.parametrize(
    ("prompt", "neg", "words"),
    [
        ("a fox", "easynegative", ["easynegative"]),
        ("(ink:1.2) fox", "", ["ink"]),
        ("a fox, embedding:ink", "<EasyNegative>, ink", ["ink", "EasyNegative"]),
        ("a fox, inky", "", []),
        ("embedding:ink.safetensors", "", ["ink.safetensors"]),
    ],
)
def test_words_are_found_among_the_files(folder, prompt, neg, words):
    ink, easy = add(folder, "ink", {"emb_params": (1, 768)}), add(folder, "EasyNegative", {"x": (8, 768)})
    ((status, told),), (job,) = answers(folder, {"prompt": prompt, "neg": neg})
    assert (status, told["warnings"]) == (200, [])
    digests = {word: ink if word.startswith("ink") else easy for word in words}
    assert told["meta"].get("embeddings", {}) == digests
    assert {use.word: use.component.digest for use in job.embeddings} == digests
    assert (job.params.prompt, job.params.neg) == (prompt, neg), "they stay where they are"


def test_a_name_of_two_families_is_the_one_that_fits(folder):
    own = add(folder, "sd1/ink", {"emb_params": (1, 768)})
    add(folder, "xl/ink", SDXL)
    (told,), _ = answers(folder, {"prompt": "ink"})
    assert told[1]["meta"]["embeddings"] == {"ink": own}


@pytest.mark.parametrize(
    ("prompt", "status", "why"),
    [
        ("embedding:inkk", 404, "did you mean: ink?"),
        ("embedding:xl", 400, "prompt has the embedding 'xl', which is for sdxl; model 'fox' is stable_diffusion"),
        ("<xl>", 400, "prompt has the embedding 'xl', which is for sdxl; model 'fox' is stable_diffusion"),
    ],
)
def test_what_is_said_to_be_one_and_cannot_be_is_refused(folder, prompt, status, why):
    add(folder, "ink", {"emb_params": (1, 768)})
    add(folder, "xl", SDXL)
    ((said, told),), jobs = answers(folder, {"prompt": prompt})
    assert (said, jobs) == (status, [])
    assert why in told["error"]


@pytest.mark.parametrize(
    ("prompt", "why"),
    [
        (
            "a xl fox",
            "prompt has the name of an embedding that doesn't fit, and it was read as words: ",
        ),
        ("<inkk>", "prompt has '<inkk>', and there is no such embedding; did you mean ink?"),
        ("<b>", "prompt has '<b>', and there is no such embedding; it was read as words"),
    ],
)
def test_what_may_be_words_is_read_so_and_named(folder, prompt, why):
    add(folder, "ink", {"emb_params": (1, 768)})
    add(folder, "xl", SDXL)
    ((status, told),), (job,) = answers(folder, {"prompt": prompt})
    assert (status, job.embeddings) == (200, ())
    assert any(warning.startswith(why) for warning in told["warnings"])


def test_a_recipe_has_what_it_had_by_its_content(folder):
    ink = add(folder, "ink", {"emb_params": (1, 768)})

    def renamed(told):
        (folder / "models/ink.safetensors").rename(folder / "models/pen.safetensors")
        add(folder, "fox-like", {"emb_params": (1, 768)})
        return told[0][1]["meta"] | {"environment": {}}

    def another(told):
        add(folder, "ink", {"emb_params": (1, 768)}, fill=0.25)
        return told[0][1]["meta"]

    told, jobs = answers(folder, {"prompt": "a fox-like ink", "seed": 1}, renamed, another)
    assert [status for status, _ in told] == [200, 200, 200]
    assert jobs[1].params == jobs[0].params
    assert [use.component.digest for use in jobs[1].embeddings] == [ink]
    assert any("'ink' is another" in warning or "another" in warning for warning in told[2][1]["warnings"])


def test_a_recipe_without_any_has_none_whatever_came_since(folder):
    def since(told):
        add(folder, "red", {"emb_params": (1, 768)})
        return told[0][1]["meta"] | {"environment": {"device": "cpu"}}

    told, jobs = answers(folder, {"prompt": "a red fox", "seed": 1}, since, {"prompt": "a red fox"})
    assert jobs[1].params == jobs[0].params
    assert list(told[2][1]["meta"]["embeddings"]) == ["red"]


def test_they_are_listed(folder):
    add(folder, "ink", {"emb_params": (4, 768)})

    async def act(client):
        async with client.get("/models") as answer:
            return await answer.json()

    (other,) = [each for each in ask(folder, act, models=())["others"] if each["kind"] == "embedding"]
    assert (other["name"], other["kind"], other["family"]) == ("ink", "embedding", "stable_diffusion")
    assert other["use"] == "by its name, as a word of a prompt"


def test_those_in_a_loras_file_are_there_for_its_pictures(folder):
    """`bundle_emb.WORD.…`, as AUTOMATIC1111 has it; a recipe says them by the digest of the LoRA's file."""
    layer = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    halves = {f"{layer}.lora_down.weight": (2, 768), f"{layer}.lora_up.weight": (320, 2)}
    words = {"bundle_emb.Sks.string_to_param.*": (1, 768), "bundle_emb.bad.string_to_param.*": (3, 768)}
    pen = add(folder, "pen", halves | words)
    asked = {"prompt": "a sks fox", "neg": "bad", "loras": ["pen"], "seed": 1}

    def again(told):
        add(folder, "bad", {"emb_params": (1, 768)})
        return told[0][1]["meta"]

    told, jobs = answers(folder, asked, {**asked, "loras": []}, {**asked, "prompt": "a fox", "neg": ""}, again)
    assert [status for status, _ in told] == [200] * 4
    assert [one["meta"].get("embeddings") for _, one in told] == [
        {"sks": pen, "bad": pen},
        None,
        None,
        {"sks": pen, "bad": pen},
    ]
    assert [(use.word, use.bundled) for use in jobs[0].embeddings] == [("sks", "Sks"), ("bad", "bad")]
    assert jobs[3].embeddings == jobs[0].embeddings
    assert [one["warnings"] for _, one in told][:2] == [[], []]
    (warning,) = told[2][1]["warnings"]
    assert warning == "LoRA 'pen' brings embeddings along, which work where prompts say them: Sks, bad"
