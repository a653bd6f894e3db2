"""Which of the owner's rules hold for a request: for its key, for its dialect, for everybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..words.moderation import AskedAs, KeyRules, ModerationSettings, Policy, TopicExamples
from .check import Check
from .meanings import LookedFor
from .pictures import PictureRules, pictures_looked_at
from .prompts import PolicyRules, Topics
from .terms import BlockedTerms

_NO_KEYS: Mapping[str, KeyRules] = {}


class Rules(NamedTuple):
    """What holds for a request, unless it asks for a stricter policy itself."""

    policy: Policy
    checks: tuple[Check, ...]
    """Of its prompt, in the order in which they look."""
    pictures: PictureRules
    topics: Topics
    """The owner's own, for whoever asks what a text speaks of."""
    looked_for: LookedFor = LookedFor("none", {})
    """What its prompt isn't to mean."""


class Rulebook:
    """All that an owner has said. The most particular holds: a key's own word, else a dialect's, else the server's."""

    def __init__(
        self, blocked_terms: Sequence[str], moderation: ModerationSettings, keys: Mapping[str, KeyRules] = _NO_KEYS
    ) -> None:
        self._looks = "prompt" in moderation.stages
        self._for_all: list[Check] = [BlockedTerms(blocked_terms)] if blocked_terms else []
        self._policies = moderation.dialects, moderation.policy
        self._keys = keys
        self._pictures = PictureRules(moderation.pictures, pictures_looked_at(moderation.stages))
        self._named: dict[str | None, tuple[str, ...]] = {None: tuple(moderation.topics)}
        self._named |= {name: tuple(rules.topics) for name, rules in keys.items() if rules.topics is not None}
        self._topics: dict[str | None, Topics] = {None: Topics(moderation.topics)}
        self._topics |= {name: Topics(rules.topics) for name, rules in keys.items() if rules.topics is not None}

    def of(self, asked_as: AskedAs) -> Rules:
        """What holds for who asks so. Where nothing is looked for in prompts, a request may ask for a policy still."""
        dialects, policy = self._policies
        own = self._keys.get(asked_as.key or "", KeyRules()).policy
        policy = own or dialects.get(asked_as.dialect or "", policy)
        topics = self._topics.get(asked_as.key, self._topics[None])
        besides = [topics] if self._looks else []
        in_prompts: Policy = policy if self._looks else "none"
        checks = (*self._for_all, *besides, PolicyRules(in_prompts))
        pictures = self._pictures._replace(topics=self._named.get(asked_as.key, self._named[None]))
        looked_for = LookedFor(in_prompts, topics.examples if self._looks else {})
        return Rules(policy, checks, pictures, topics, looked_for)

    @property
    def looks_at_pictures(self) -> bool:
        """Does what anybody's rules say need something that looks at pictures?"""
        dialects, policy = self._policies
        keys = [rules.policy for rules in self._keys.values() if rules.policy is not None]
        return any(map(self._pictures.look, [policy, *dialects.values(), *keys]))

    @property
    def topics(self) -> list[TopicExamples]:
        """All that are looked for in anybody's prompts."""
        return [each.examples for each in self._topics.values()] if self._looks else []

    @property
    def is_looking(self) -> bool:
        """Is anything looked for in anybody's prompts, unless they ask for it themselves?"""
        dialects, policy = self._policies
        policies = {policy, *dialects.values(), *(rules.policy for rules in self._keys.values())} - {None, "none"}
        return self._looks and bool(policies or any(self.topics))
