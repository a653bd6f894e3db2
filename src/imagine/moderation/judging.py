"""What a language model is asked of a prompt, and what its answer comes to, whoever asks it.

The prompt is content: it stands in one JSON string, in which the marks are escaped by which chat templates tell who
speaks, so that it can't pretend to stand beside it. The answer is held to what was asked: a verdict of two, a category
of those that aren't drawn here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from ..messages import Message, message
from ..words.errors import Blocked
from ..words.moderation import CATEGORIES, ModerationVerdict, Policy, TopicExamples
from .check import ModerationInput
from .meanings import as_said
from .policy import ACTIONS
from .rules import EXPLICIT, MINORS, NUDITY, PLAIN, UNDRESSING, Finding

RULE = "assistant"
"""The rule that a verdict names."""
MOST_QUESTIONS = 64
"""For one prompt; a longer one isn't judged."""
_PIECE, _OVERLAP = 2000, 100
"""Bytes of a text that are asked of at once, as they are sent, and characters that stand in two pieces."""
_ESCAPED = 6
_TOPICS = 4000
"""Characters of the owner's topics that are told."""
_EXAMPLES = 8
_DATA = Path(__file__).parent / "data"
_NONE = "none"
_SIGNS = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>[]"}
"""Of chat templates: `<|im_end|>`, `</s>`, `[INST]`. Some servers take them for what they mean wherever they stand."""
_MEANT: Mapping[str, str] = {
    "sexual/minors": "a minor, by age, words or looks, who is naked or in anything sexual or suggestive",
    "sexual": "sexual acts, or nudity; not nudity in works of art, in medicine, or breastfeeding",
    "violence/graphic": "gore: wounds, mutilation or corpses, in detail",
    "violence": "people or animals who are hurt, killed or threatened",
    "self-harm": "somebody who harms or kills themselves",
    "hate": "contempt for people for what they are: origin, belief, sex; the signs of those who preach it, approvingly",
    "illicit": "drugs that are made, sold or taken",
}
_STRICTLY = "sexual acts, or nudity, in art too"
_UNDRESSED = "somebody in the picture that was brought, undressed, naked, or in anything sexual"
_FINDINGS: Mapping[str, Finding] = {
    "sexual": EXPLICIT, MINORS.category: MINORS, **{finding.category: finding for finding in PLAIN.values()},
}  # fmt: skip


class JudgeQuestion(NamedTuple):
    """One question to a language model."""

    instruction: str
    text: str
    schema: Mapping[str, Any]
    names: tuple[str, ...]
    """What isn't drawn: categories, and the owner's topics."""

    def digest(self, model: str) -> bytes:
        """What tells it from every other, by which an answer is remembered: nothing of a prompt can be read in it."""
        return hashlib.sha256("\0".join((model, self.instruction, self.text)).encode("utf-8", "replace")).digest()

    def refused_by(self, said: Mapping[str, object]) -> str:
        """The category or topic for which an answer refuses; "" for none.

        A category of OpenAI's that is drawn here refuses nothing, whatever the model says: the policy is the owner's.
        Raises ValueError for what is no verdict, or one that names nothing that there is.
        """
        verdict, named = (str(said.get(name, "")).strip().casefold() for name in ("verdict", "category"))
        if verdict == "allow":
            return ""
        known = {name.casefold(): name for name in reversed(self.names)}
        if verdict == "block" and named in known:
            return known[named]
        if verdict != "block" or named not in CATEGORIES:
            raise ValueError(verdict)
        return known.get(named.partition("/")[0], "")


def questions_of(asked: ModerationInput, policy: Policy, topics: TopicExamples) -> list[JudgeQuestion]:
    """All that is to be asked of a prompt under a policy; nothing where everything is drawn."""
    refused, owners = refused_under(policy, pictures=asked.pictures), _told(topics)
    names = (*refused, *owners)
    if not names:
        return []
    listed = [f"- {name}: {meant}" for name, meant in {**refused, **owners}.items()]
    instruction = "\n".join((_text("judge"), *listed, "", _text("judge_answer")))
    fields: dict[str, Any] = {
        "why": {"type": "string"},
        "verdict": {"type": "string", "enum": ["allow", "block"]},
        "category": {"type": "string", "enum": list(dict.fromkeys((_NONE, *names)))},
    }
    schema = {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
    return [JudgeQuestion(instruction, text, schema, names) for text in _texts(asked)]


def refused_under(policy: Policy, *, pictures: bool) -> dict[str, str]:
    """By category that a policy refuses, what it means there; `pictures`: of a picture that is brought."""
    blocked = {name for name, action in ACTIONS[policy].items() if action == "block"}
    meant = {name: what for name, what in _MEANT.items() if name in blocked}
    if "nudity in art" in blocked:
        meant["sexual"] = _STRICTLY
    if pictures and "undressing" in blocked:
        meant["sexual"] = "; ".join((_UNDRESSED, *([meant["sexual"]] if "sexual" in meant else [])))
    return meant


def refusal_of_judge(category: str, policy: Policy, topics: TopicExamples, *, pictures: bool) -> Blocked:
    """What is told of a prompt that the model refuses, and how it is written down."""
    seen = {category: 1.0}
    if category in topics:
        verdict = ModerationVerdict(action="block", categories=seen, stage="prompt", rule=RULE)
        return Blocked(message("blocked.judged_topic", "prompt", topic=category), verdict)
    finding = UNDRESSING if pictures and category == "sexual" else _FINDINGS[category]
    change = NUDITY.change if finding is EXPLICIT else finding.change
    said: Message = message(
        "blocked.judged", "prompt", what=message(finding.told), policy=policy, change=message(change)
    )
    return Blocked(said, ModerationVerdict(action="block", categories=seen, stage="prompt", rule=RULE, policy=policy))


def _told(topics: TopicExamples) -> dict[str, str]:
    """By topic, some of its examples: as many topics as there is room for."""
    told, room = dict[str, str](), _TOPICS
    for name, examples in topics.items():
        said = json.dumps(as_said(examples)[:_EXAMPLES], ensure_ascii=False)
        room -= len(name) + len(said)
        if room < 0:
            break
        told[name] = f"such as {said}"
    return told


def _texts(asked: ModerationInput) -> Iterator[str]:
    """JSON objects that say together what is asked for; texts that are too long for one stand in several."""
    written = asked.prompt if asked.prompt != asked.final_prompt else ""
    names = ", ".join([*([asked.preset] if asked.preset else []), *(name for _, name in asked.names)])
    for prompt, before, used in zip_longest(*map(_pieces, (asked.final_prompt, written, names)), fillvalue=""):
        said = {"prompt": prompt, "written": before, "names": used}
        about = {name: text for name, text in said.items() if text} | {"edits": asked.pictures}
        yield _written(about)


def _pieces(text: str) -> list[str]:
    """The text in pieces that are sent in so many bytes, about."""
    pieces, begin, size = list[str](), 0, 0
    for at, sign in enumerate(text):
        size += _ESCAPED if sign < " " or ord(sign) in _SIGNS else 4 if sign > "\u07ff" else 2
        if size > _PIECE:
            pieces.append(text[begin:at])
            begin, size = at - _OVERLAP, _OVERLAP
    return [*pieces, text[begin:]]


def _written(said: object) -> str:
    """As JSON without signs of chat templates: `said` has no lists, whose brackets these are too."""
    return json.dumps(said, ensure_ascii=False).translate(_SIGNS)


@cache
def _text(name: str) -> str:
    return (_DATA / f"{name}.txt").read_text(encoding="utf-8").strip()
