"""The checks of prompts that an owner asks for."""

from __future__ import annotations

from ..messages import Message, message
from ..words.errors import Blocked
from ..words.moderation import ModerationVerdict, Policy, TopicExamples, stricter_of
from .check import ModerationInput
from .lexicon import Lexicon
from .normalise import reading_of
from .policy import action_of
from .rules import Finding, findings_in


class PolicyRules:
    """What the owner's policy says about a prompt, or the stricter one that its request asks for."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def __call__(self, request: ModerationInput) -> list[ModerationVerdict]:
        """What the policy warns of. Raises Blocked for what it blocks."""
        policy, warned = stricter_of(self._policy, request.policy), dict[str, ModerationVerdict]()
        if policy == "none":
            return []
        for field, text in request.texts:
            for finding in findings_in(text, pictures=request.pictures):
                verdict = _verdict(finding, policy)
                if verdict.action == "block":
                    raise Blocked(refusal_of(field, finding, policy), verdict)
                if verdict.action == "warn":
                    warned[finding.rule] = verdict
        return list(warned.values())


class Topics:
    """What the owner doesn't want drawn besides: examples of it, whose words are found in a prompt."""

    def __init__(self, topics: TopicExamples) -> None:
        self.examples, self._topics = topics, tuple(topics)
        self._lexicon = Lexicon(topics)

    def __call__(self, request: ModerationInput) -> list[ModerationVerdict]:
        """Nothing to be warned of. Raises Blocked on the field that speaks of a topic."""
        for field, text in request.texts:
            if (topic := next((topic for topic, found in self.found_in(text).items() if found), None)) is not None:
                verdict = ModerationVerdict(action="block", categories={topic: 1.0}, stage="prompt", rule=topic)
                raise Blocked(message("blocked.topic", field, topic=topic), verdict)
        return []

    def found_in(self, text: str) -> dict[str, bool]:
        """Every topic, and whether the text speaks of it."""
        found = self._lexicon.found_in(reading_of(text)) if self._topics else set()
        return {topic: topic in found for topic in self._topics}


def _verdict(finding: Finding, policy: Policy) -> ModerationVerdict:
    action = action_of(policy, finding.category, finding.rule)
    seen = {finding.category: 1.0}
    return ModerationVerdict(action=action, categories=seen, stage="prompt", rule=finding.rule, policy=policy)


def refusal_of(field: str, finding: Finding, policy: Policy) -> Message:
    """What is told of what a policy blocks."""
    return message("blocked.policy", field, what=message(finding.told), policy=policy, change=message(finding.change))
