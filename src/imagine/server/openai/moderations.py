"""`POST /v1/moderations`: what a text asks for and a picture shows, by OpenAI's categories, without one being made."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from ...asking.checking import refusal
from ...asking.json_body import read_json
from ...asking.request import MAX_PROMPT, unknown_fields
from ...messages import Message, message, sentences
from ...moderation.guarding import NoAnswer
from ...moderation.prompts import Topics
from ...moderation.rules import SCORED, scores_of
from ...words.errors import Unsupported
from ...words.moderation import CATEGORIES
from ..gateway.gateway import Gateway
from ..gateway.keys import GATEWAY
from ..http.body import read_body
from ..http.encoding import body_from
from ..http.security import client_of
from ..orders.connection import asked_as
from .moderated import pictures_in, seen_in

MODEL = "imagine-word-lists"
MOST_TEXTS = 64
OF_TOPICS = "topics/"
"""What the names of the owner's topics begin with."""
NOTHING: Mapping[str, float] = {}
FLAGGED = 0.5
"""From which score on a category is true."""


async def moderations(request: web.Request) -> web.Response:
    """What there is to say of each text, or of all parts of one."""
    gateway = request.app[GATEWAY]
    with gateway.allowance.holding() as holding:
        body = read_json(await read_body(request, holding))
        texts = texts_in(body)
        rules = gateway.rulebook.of(asked_as(request))
        pictures, client = pictures_in(objects_in(body)), client_of(request)
        seen = await seen_in(gateway, pictures, rules.pictures.settings.model, client) if pictures else NOTHING
        results, notes = await _results(gateway, texts, rules.topics, seen, client)
    unknown = [name for name in body if name not in ("input", "model")]
    left = ", ".join(name for name in CATEGORIES if name not in SCORED)
    notes += [message("moderation.unscored", categories=left), *([unknown_fields(unknown)] if unknown else [])]
    reply = {"id": f"modr-{secrets.token_hex(12)}", "model": MODEL, "results": results, "warnings": sentences(notes)}
    return web.Response(body=body_from(reply), content_type="application/json")


async def _results(
    gateway: Gateway, texts: Sequence[str], topics: Topics, seen: Mapping[str, float], client: str
) -> tuple[list[dict[str, Any]], list[Message]]:
    """What words say of each text, and where there is an encoder its meaning, beside what is `seen`; and that meaning
    couldn't be told."""
    said = await gateway.apart(lambda: [(scores_of(text), topics.found_in(text)) for text in texts], client)
    try:
        meant = await gateway.meanings.scores(texts, topics.examples, client)
    except NoAnswer:
        return [result_from(*each, seen) for each in said], [message("moderation.words_alone")]
    results = []
    for (scores, found), (others, also) in zip(said, meant, strict=True):
        both = {name: max(scores.get(name, 0.0), others.get(name, 0.0)) for name in {*scores, *others}}
        results.append(result_from(both, {name: by_words or name in also for name, by_words in found.items()}, seen))
    return results, []


def texts_in(body: Mapping[str, object]) -> list[str]:
    """What is to be read: a text, several, or the parts of one, beside its pictures. Raises BadRequest."""
    given = body.get("input")
    if given is None:
        raise refusal("input", None, message("allowed.moderated", most=MOST_TEXTS), "missing")
    parts = given if isinstance(given, list) else [given]
    if not 0 < len(parts) <= MOST_TEXTS:
        raise refusal("input", given, message("allowed.moderated", most=MOST_TEXTS))
    objects = objects_in(body)
    if len(objects) == len(parts):
        told = [part for part in objects if part.get("type") != "image_url"]
        return ["\n".join(_text(part.get("text"), part.get("type", "text")) for part in told)]
    return [_text(part) for part in parts]


def objects_in(body: Mapping[str, object]) -> list[dict[str, object]]:
    """The parts of the input that say of which type they are."""
    given = body.get("input")
    return [part for part in (given if isinstance(given, list) else [given]) if isinstance(part, dict)]


def result_from(
    said: Mapping[str, float], topics: Mapping[str, bool], seen: Mapping[str, float] = NOTHING
) -> dict[str, Any]:
    """A result as OpenAI's clients read it, of what a text says and what is seen in pictures beside it: a category that
    isn't scored applies to no type of input.

    Topics of the owner's stand behind OpenAI's categories, under names that none of those can get.
    """
    own = {OF_TOPICS + name: float(found) for name, found in topics.items()}
    shown = {name: score for name, score in seen.items() if name in CATEGORIES}
    shown |= {OF_TOPICS + name: seen[name] for name in topics if name in seen}
    every = {name: max(said.get(name, 0.0), shown.get(name, 0.0)) for name in CATEGORIES}
    every |= {name: max(score, shown.get(name, 0.0)) for name, score in own.items()}
    flags = {name: score >= FLAGGED for name, score in every.items()}
    read = SCORED | own.keys()
    return {
        "flagged": any(flags.values()),
        "categories": flags,
        "category_scores": every,
        "category_applied_input_types": {
            name: [kind for kind, told in (("text", read), ("image", shown)) if name in told] for name in every
        },
    }


def _text(value: object, kind: object = "text") -> str:
    if kind != "text":
        raise Unsupported(message("moderation.kinds", "input"))
    if not isinstance(value, str):
        raise refusal("input", value, message("allowed.moderated", most=MOST_TEXTS), "type")
    if len(value) > MAX_PROMPT:
        raise refusal("input", value, message("allowed.moderated_length", most=MAX_PROMPT), "too long")
    return value


def _schema_of(kind: dict[str, Any], names: Sequence[str] = CATEGORIES) -> dict[str, Any]:
    own = {f"^{OF_TOPICS}": kind}
    return {
        "type": "object", "properties": dict.fromkeys(names, kind), "patternProperties": own, "required": list(names),
    }  # fmt: skip


BODY: dict[str, Any] = {
    "type": "object",
    "properties": {
        "input": {
            "oneOf": [
                {"type": "string", "maxLength": MAX_PROMPT},
                {
                    "type": "array",
                    "items": {"type": "string", "maxLength": MAX_PROMPT},
                    "minItems": 1,
                    "maxItems": MOST_TEXTS,
                },
                {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "type": {"type": "string", "enum": ["text", "image_url"]},
                            "text": {"type": "string", "maxLength": MAX_PROMPT},
                            "image_url": {
                                "type": "object",
                                "properties": {"url": {"type": "string", "pattern": "^data:image/[a-z]+;base64,"}},
                                "required": ["url"],
                            },
                        },
                        "required": ["type"],
                    },
                    "minItems": 1,
                    "maxItems": MOST_TEXTS,
                },
            ]
        },
        "model": {"type": ["string", "null"], "description": "Taken, and of no effect."},
    },
    "required": ["input"],
}
"""What is taken."""
REPLY: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "model": {"type": "string"},
        "results": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "flagged": {"type": "boolean"},
                    "categories": _schema_of({"type": "boolean"}),
                    "category_scores": _schema_of({"type": "number"}),
                    "category_applied_input_types": _schema_of({"type": "array", "items": {"type": "string"}}),
                },
                "required": ["flagged", "categories", "category_scores", "category_applied_input_types"],
            },
        },
        "warnings": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["id", "model", "results", "warnings"],
}
"""What is answered."""
