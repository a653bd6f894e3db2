"""`POST /v1/moderations`: what a text asks for, by OpenAI's categories, without a picture being made."""

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

MODEL = "imagine-word-lists"
MOST_TEXTS = 64
OF_TOPICS = "topics/"
"""What the names of the owner's topics begin with."""
FLAGGED = 0.5
"""From which score on a category is true."""


async def moderations(request: web.Request) -> web.Response:
    """What there is to say of each text, or of all parts of one."""
    gateway = request.app[GATEWAY]
    with gateway.allowance.holding() as holding:
        body = read_json(await read_body(request, holding))
        texts = texts_in(body)
        topics = gateway.rulebook.of(asked_as(request)).topics
        results, notes = await _results(gateway, texts, topics, client_of(request))
    unknown = [name for name in body if name not in ("input", "model")]
    left = ", ".join(name for name in CATEGORIES if name not in SCORED)
    notes += [message("moderation.unscored", categories=left), *([unknown_fields(unknown)] if unknown else [])]
    reply = {"id": f"modr-{secrets.token_hex(12)}", "model": MODEL, "results": results, "warnings": sentences(notes)}
    return web.Response(body=body_from(reply), content_type="application/json")


async def _results(
    gateway: Gateway, texts: Sequence[str], topics: Topics, client: str
) -> tuple[list[dict[str, Any]], list[Message]]:
    """What words say of each text, and where there is an encoder its meaning; and that this couldn't be told."""
    said = await gateway.apart(lambda: [(scores_of(text), topics.found_in(text)) for text in texts], client)
    try:
        meant = await gateway.meanings.scores(texts, topics.examples, client)
    except NoAnswer:
        return [result_from(*each) for each in said], [message("moderation.words_alone")]
    results = []
    for (scores, found), (others, also) in zip(said, meant, strict=True):
        both = {name: max(scores.get(name, 0.0), others.get(name, 0.0)) for name in {*scores, *others}}
        results.append(result_from(both, {name: by_words or name in also for name, by_words in found.items()}))
    return results, []


def texts_in(body: Mapping[str, object]) -> list[str]:
    """What is to be looked at: a text, several, or the parts of one. Raises BadRequest, Unsupported for a picture."""
    given = body.get("input")
    if given is None:
        raise refusal("input", None, message("allowed.moderated", most=MOST_TEXTS), "missing")
    parts = given if isinstance(given, list) else [given]
    if not 0 < len(parts) <= MOST_TEXTS:
        raise refusal("input", given, message("allowed.moderated", most=MOST_TEXTS))
    objects = [part for part in parts if isinstance(part, dict)]
    if len(objects) == len(parts):
        return ["\n".join(_text(part.get("text"), part.get("type", "text")) for part in objects)]
    return [_text(part) for part in parts]


def result_from(scores: Mapping[str, float], topics: Mapping[str, bool]) -> dict[str, Any]:
    """A result as OpenAI's clients read it: a category that isn't scored applies to no type of input.

    Topics of the owner's stand behind OpenAI's categories, under names that none of those can get.
    """
    own = {OF_TOPICS + name: float(found) for name, found in topics.items()}
    every = {name: scores.get(name, 0.0) for name in CATEGORIES} | own
    flags = {name: score >= FLAGGED for name, score in every.items()}
    return {
        "flagged": any(flags.values()),
        "categories": flags,
        "category_scores": every,
        "category_applied_input_types": {name: ["text"] if name in SCORED or name in own else [] for name in every},
    }


def _text(value: object, kind: object = "text") -> str:
    if kind != "text":
        raise Unsupported(message("moderation.pictures", "input"))
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
                            "type": {"type": "string", "enum": ["text"]},
                            "text": {"type": "string", "maxLength": MAX_PROMPT},
                        },
                        "required": ["type", "text"],
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
