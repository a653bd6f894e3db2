"""Every text that a request may hold is held against the rules, or is listed here with the reason why not."""

import re
from collections.abc import Iterator

import msgspec
import pytest
from msgspec import inspect

from imagine.asking.preprocess import PreprocessRequest
from imagine.asking.request import GenerateRequest
from imagine.asking.upscale import UpscaleRequest
from imagine.server.openai.fields import Fields
from imagine.words.moderation import ModerationSettings
from tests.server.served import add_model, ask

CHECKED = {"prompt", "preset", "loras", "loras.name", "embeddings", "hires.prompt"}
"""Fields that say what is painted; what they hold is refused, as a test below shows."""
HARMLESS = {
    "neg": "what isn't to be painted", "hires.neg": "likewise",
    "template": "kept in the recipe; what is painted is the prompt",
    "neg_template": "likewise",
    "model": "one of the owner's own models", "refiner": "likewise",
    "vae": "the owner's files, which paint nothing by themselves", "text_encoders": "likewise",
    "control.model": "likewise", "control.type": "likewise", "references.adapter": "likewise",
    "hires.upscaler": "likewise", "upscaler": "likewise",
    "control.options": "names of numbers", "options": "likewise", "preprocessor": "one of the owner's files",
    "sampler": "one of a list", "schedule": "one of a list",
    "hires.sampler": "one of a list", "hires.schedule": "one of a list",
    "img": "a picture", "mask": "a picture", "control.image": "a picture", "references.img": "a picture",
    "references.mask": "a picture", "image": "a picture", "images": "a picture", "reference_images": "a picture",
    "description": "for an assistant, of whose plan the prompt is held against the rules",
    "assisted.wish": "told of a plan that was made, and painted by nobody", "assisted.change": "likewise",
    "assisted.keep": "likewise", "assisted.why": "likewise",
    "environment": "of the device that made a picture, told of and painted by nobody",
    "size": "two numbers", "user": "never read", "safety_identifier": "only given back",
}  # fmt: skip
PROSE = "a naked child"


def texts_of(kind, path="") -> Iterator[str]:
    """Where a value of that type may hold prose."""
    match kind:
        case inspect.StrType():
            if kind.pattern is None or re.search(kind.pattern, PROSE):
                yield path
        case inspect.AnyType():
            yield path
        case inspect.StructType():
            for field in kind.fields:
                yield from texts_of(field.type, f"{path}.{field.name}".lstrip("."))
        case _:
            for part in ("type", "types", "item_type", "item_types", "key_type", "value_type"):
                inner = getattr(kind, part, ())
                for each in inner if isinstance(inner, tuple) else (inner,):
                    yield from texts_of(each, path)


def test_every_text_that_is_declared_is_checked_or_said_to_be_harmless():
    """What Ollama's clients say are fields of `GenerateRequest`, too."""
    declared = (GenerateRequest, Fields, UpscaleRequest, PreprocessRequest)
    assert {path for asked in declared for path in texts_of(inspect.type_info(asked))} == {*HARMLESS} | CHECKED


def test_a_new_text_would_be_found():
    class Newer(GenerateRequest, frozen=True, kw_only=True):
        """With a field for a second text encoder, and one within another."""

        prompt_2: str | None = None
        regions: tuple[dict[str, str | None], ...] = ()

    found = {*texts_of(inspect.type_info(Newer))}
    assert found - {*texts_of(inspect.type_info(GenerateRequest))} == {"prompt_2", "regions"}


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"prompt": "a naked child"}, "prompt"), ({"preset": "NakedChild"}, "preset"),
        ({"loras": ["naked_child_v2"]}, "loras"), ({"loras": {"nakedChild": 0.4}}, "loras"),
        ({"loras": [{"name": "naked-child.v1"}]}, "loras"), ({"prompt": "a fox <lora:naked_child:1>"}, "prompt"),
        ({"prompt": "a child", "loras": ["naked_v3"]}, "loras"), ({"prompt": "a child <lora:n4ked:0.5>"}, "prompt"),
        ({"prompt": "naked", "loras": [{"name": "child"}]}, "loras"),
        ({"embeddings": {"naked-child": "0" * 64}}, "embeddings"),
        ({"preset": "bare", "prompt": "a child"}, "preset"),
        ({"hires": {"scale": 2, "prompt": "a naked child"}}, "hires.prompt"),
        ({"prompt": "a child", "hires": {"scale": 2, "prompt": "naked"}}, "hires.prompt"),
        ({"prompt": "a child", "loras": [{"name": "ink", "digest": "DIGEST"}]}, "loras"),
    ],
)  # fmt: skip
def test_what_is_asked_for_by_name_counts_as_words_of_the_prompt(tmp_path, said, field):
    (tmp_path / "presets.yaml").write_text("bare: {prompt: '{prompt}, naked'}\nNakedChild: {prompt: '{prompt}'}")
    add_model(tmp_path, "naked_helper")

    async def act(client):
        (helper,) = [entry for entry in await client.gateway.entries() if entry.name == "naked_helper"]
        digest = (await client.gateway.digests.known(helper)).digest
        body = msgspec.json.decode(msgspec.json.encode(said).replace(b"DIGEST", digest.encode()))
        async with client.post("/generate", json={"prompt": "a fox", "model": "fox", **body}) as answer:
            refused = await answer.json()
        assert (answer.status, refused["code"], refused["rule"], refused["field"]) == (
            400, "content_policy_violation", "minors", field,
        )  # fmt: skip
        assert client.worker.seen == []

    ask(tmp_path, act, preset_files=(tmp_path / "presets.yaml",), moderation=ModerationSettings())
