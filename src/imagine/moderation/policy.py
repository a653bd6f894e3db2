"""Policies as tables: what is done with what was seen, by its category, or by the rule that saw it."""

from __future__ import annotations

from collections.abc import Mapping

from ..words.moderation import Action, Policy

_MINORS_ONLY: Mapping[str, Action] = {"sexual/minors": "block", "undressing": "block"}
_STANDARD: Mapping[str, Action] = {
    **_MINORS_ONLY,
    "sexual": "block",
    "nudity in art": "warn",
    "violence/graphic": "block",
    "self-harm": "block",
    "hate": "block",
}
_STRICT: Mapping[str, Action] = {**_STANDARD, "nudity in art": "block", "violence": "block", "illicit": "block"}
ACTIONS: Mapping[Policy, Mapping[str, Action]] = {
    "none": {},
    "minors-only": _MINORS_ONLY,
    "standard": _STANDARD,
    "strict": _STRICT,
}
"""By policy: what is done about a category or, where it stands there too, a rule. What isn't there is allowed."""


def action_of(policy: Policy, category: str, rule: str) -> Action:
    """What the policy does about what `rule` saw: the rule's own line wins over that of its category."""
    table = ACTIONS[policy]
    return table.get(rule) or table.get(category) or "allow"
