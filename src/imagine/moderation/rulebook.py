"""Which of the owner's rules hold for a request: for its key, for its dialect, for everybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

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

    @property
    def has_own(self) -> bool:
        """Is a prompt held to terms or topics of the owner's, too?"""
        return bool(self.looked_for.topics) or any(isinstance(check, BlockedTerms) for check in self.checks)


class _Standing:
    """What holds for one key, or for who has none: the key's own word, else everybody's."""

    def __init__(self, own: KeyRules, moderation: ModerationSettings, topics: Topics) -> None:
        """`topics` are everybody's."""
        stages = moderation.stages if own.stages is None else own.stages
        self.policy = own.policy
        """None is the dialect's, or the server's."""
        self.reads = "prompt" in stages
        self.topics = topics if own.topics is None else Topics(own.topics)
        looked_at = msgspec.structs.replace(moderation.pictures, **own.pictures)
        self.pictures = PictureRules(looked_at, pictures_looked_at(stages), tuple(self.topics.examples))


class Rulebook:
    """All that an owner has said. The most particular holds: a key's own word, else a dialect's, else the server's."""

    def __init__(
        self, blocked_terms: Sequence[str], moderation: ModerationSettings, keys: Mapping[str, KeyRules] = _NO_KEYS
    ) -> None:
        self._for_all: list[Check] = [BlockedTerms(blocked_terms)] if blocked_terms else []
        self._dialects, self._policy = moderation.dialects, moderation.policy
        topics = Topics(moderation.topics)
        self._everybody = _Standing(KeyRules(), moderation, topics)
        self._own = {name: _Standing(rules, moderation, topics) for name, rules in keys.items()}

    def of(self, asked_as: AskedAs) -> Rules:
        """What holds for who asks so. Where nothing is looked for in prompts, a request may ask for a policy still."""
        standing = self._own.get(asked_as.key or "", self._everybody)
        policy = standing.policy or self._dialects.get(asked_as.dialect or "", self._policy)
        in_prompts: Policy = policy if standing.reads else "none"
        besides = [standing.topics] if standing.reads else []
        checks = (*self._for_all, *besides, PolicyRules(in_prompts))
        looked_for = LookedFor(in_prompts, standing.topics.examples if standing.reads else {})
        return Rules(policy, checks, standing.pictures, standing.topics, looked_for)

    @property
    def checkers(self) -> list[str | None]:
        """What anybody's rules need that looks at pictures, by name, None for what ships; each once."""
        needed = [
            standing.pictures.settings.model for standing in self._standings
            if any(map(standing.pictures.look, self._policies_of(standing)))
        ]  # fmt: skip
        return list(dict.fromkeys(needed))

    @property
    def topics(self) -> list[TopicExamples]:
        """All that are looked for in anybody's prompts."""
        return list({id(each.topics): each.topics.examples for each in self._standings if each.reads}.values())

    @property
    def is_looking(self) -> bool:
        """Is anything looked for in anybody's prompts, unless they ask for it themselves?"""
        return any(
            standing.reads and (standing.topics.examples or {*self._policies_of(standing)} != {"none"})
            for standing in self._standings
        )

    @property
    def _standings(self) -> list[_Standing]:
        return [self._everybody, *self._own.values()]

    def _policies_of(self, standing: _Standing) -> list[Policy]:
        """Those that may hold for one: its own, or any dialect's."""
        return [standing.policy] if standing.policy else [self._policy, *self._dialects.values()]
