"""What the owner doesn't want drawn: a policy by its name, or a mapping that says more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..asking.checking import shown
from ..files import model_folders
from ..words.moderation import (
    CATEGORIES,
    DEFAULT_POLICY,
    DIALECTS,
    POLICIES,
    STAGES,
    KeyRules,
    ModerationSettings,
    ModerationStage,
    Policy,
    TopicExamples,
)
from . import values
from .judging import judge
from .looking import pictures, said_of_pictures
from .meaning import SHORTHANDS, embeddings, with_shorthands

MOST_TOPICS, MOST_EXAMPLES, LONGEST = 64, 64, 200
_PLAIN = dict.fromkeys(("off", "no", "false"), "none") | dict.fromkeys(("on", "yes", "true"), DEFAULT_POLICY)
"""What YAML makes of a bare word, or what people write instead."""
_ALLOWED = (
    f"{', '.join(POLICIES)}, or a mapping of policy, dialects, topics, stages, embeddings, assistant, pictures and log"
)
_ALLOWED_FOR_KEY = f"{', '.join(POLICIES)}, or a mapping of policy, topics, stages and pictures"


def moderation(value: object) -> ModerationSettings:
    """A policy's name, a mapping, or the same as JSON text."""
    value = values.unfolded_json(value, _ALLOWED)
    if not isinstance(value, Mapping):
        return ModerationSettings(policy=_policy(value))
    if unknown := [name for name in value if name not in (*_READ, *SHORTHANDS)]:
        raise ValueError(f"{_ALLOWED}, without {shown(unknown[0])}")
    said = {**value, "embeddings": with_shorthands(value)}
    read = {name: _READ[name](part) for name, part in said.items() if part is not None and name not in SHORTHANDS}
    return ModerationSettings(**read)


def key_rules(value: object) -> KeyRules:
    """What holds for who has one key: a policy's name, or a mapping of what is otherwise than for everybody."""
    if not isinstance(value, Mapping):
        return KeyRules(policy=_policy(value))
    if unknown := [name for name in value if name not in _READ_FOR_KEY]:
        raise ValueError(f"{_ALLOWED_FOR_KEY}, without {shown(unknown[0])}")
    return KeyRules(**{name: _READ_FOR_KEY[name](part) for name, part in value.items() if part is not None})


def _policy(value: object) -> Policy:
    text = str(value).strip().lower()
    found = next((policy for policy in POLICIES if policy == _PLAIN.get(text, text)), None)
    if found is None:
        raise ValueError(_ALLOWED)
    return found


def _dialects(value: object) -> dict[str, Policy]:
    if not isinstance(value, Mapping) or not {str(name).lower() for name in value} <= set(DIALECTS):
        raise ValueError(f"such that dialects is a mapping of {', '.join(DIALECTS)} to policies")
    return {str(name).lower(): _policy(policy) for name, policy in value.items()}


def _topics(value: object) -> TopicExamples:
    if not isinstance(value, Mapping) or len(value) > MOST_TOPICS:
        raise ValueError(f"such that topics is a mapping of at most {MOST_TOPICS} names to examples")
    return {_topic(name): _examples(str(name), examples) for name, examples in value.items()}


def _topic(name: object) -> str:
    text = str(name).strip()
    if not 0 < len(text) <= LONGEST or text in CATEGORIES:
        raise ValueError(f"such that a topic has a name of its own, and not {shown(text)}")
    return text


def _examples(name: str, value: object) -> tuple[str, ...]:
    given = [value] if isinstance(value, str) else value
    examples = [part.strip() for part in given if isinstance(part, str)] if isinstance(given, list | tuple) else []
    said = [each for each in examples if any(map(str.isalnum, each)) and len(each) <= LONGEST]
    if not isinstance(given, list | tuple) or not 0 < len(said) == len(given) <= MOST_EXAMPLES:
        raise ValueError(
            f"such that the topic {shown(name)} has 1 to {MOST_EXAMPLES} examples, texts of up to {LONGEST} characters"
        )
    return tuple(said)


def _stages(value: object) -> tuple[ModerationStage, ...]:
    given = value.split(",") if isinstance(value, str) else value if isinstance(value, list | tuple) else [value]
    named = {str(part).strip() for part in given}
    if not named <= set(STAGES):
        raise ValueError(f"such that stages are among {', '.join(STAGES)}")
    return tuple(stage for stage in STAGES if stage in named)


_READ_FOR_KEY: dict[str, Any] = {
    "policy": _policy, "topics": _topics, "stages": _stages, "pictures": said_of_pictures,
}  # fmt: skip
_READ: dict[str, Any] = {
    **_READ_FOR_KEY, "pictures": pictures, "dialects": _dialects, "embeddings": embeddings, "assistant": judge,
    "log": model_folders.path,
}  # fmt: skip
