"""What a prompt means, held against descriptions of what isn't drawn: those of our data files, and the owner's topics.

Our descriptions are short and neutral, in English and Russian, a file a category, and one of what is innocent though
near: a piece of a prompt is of a meaning where it is nearer to one of its examples than to any innocent one, by a
margin, or near enough by itself, as the owner has it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

from ..messages import message
from ..words.errors import Blocked
from ..words.guarding import Meaning, Nearness
from ..words.moderation import Action, EmbeddingSettings, ModerationVerdict, Policy, TopicExamples, stricter_of
from .check import ModerationInput
from .lexicon import LANGUAGES, lines_of
from .policy import action_of
from .prompts import refusal_of
from .rules import EXPLICIT, MINORS, NUDITY, NUDITY_IN_ART, PLAIN, UNDRESSING, Finding, spoken_of

RULE = "embedding"
"""The rule that a verdict names."""
_BENIGN = "benign"
_FINDINGS: Mapping[str, Finding] = {
    "minors": MINORS, "undressing": UNDRESSING, "explicit": EXPLICIT, "nudity": NUDITY, **PLAIN,
}  # fmt: skip
"""By file, the gravest first, what it says of a prompt."""
_BARE = frozenset({"explicit", "nudity"})
_MARKS = re.compile(r"[*~]+")


class LookedFor(NamedTuple):
    """What isn't to be in a prompt."""

    policy: Policy
    topics: TopicExamples


PieceNearness = Sequence[Sequence[Nearness]]
"""Of each piece of a text, how near it is to each meaning."""
_HALF = 0.5


def meanings_of(topics: Sequence[TopicExamples]) -> tuple[Meaning, ...]:
    """All that texts are compared with: ours, and the owner's, of whatever key, each once."""
    named = {key_of(name, examples): (name, *examples) for each in topics for name, examples in each.items()}
    own = (Meaning(name=key, examples=as_said(said), against=(_BENIGN,), own=True) for key, said in named.items())
    return (*_shipped(), *own)


@cache
def _shipped() -> tuple[Meaning, ...]:
    ours = (
        Meaning(name=name, examples=_lines(name), against=(_BENIGN, *(_BARE if name == "minors" else ())))
        for name in _FINDINGS
    )
    return (Meaning(name=_BENIGN, examples=_lines(_BENIGN)), *ours)


def _lines(name: str) -> tuple[str, ...]:
    return tuple(line for language in LANGUAGES for line in lines_of(f"meanings/{name}", language))


def key_of(topic: str, examples: Sequence[str]) -> str:
    """What tells one topic from another of its name, under which it is embedded once."""
    return hashlib.sha256("\0".join((topic, *examples)).encode()).hexdigest()


def as_said(examples: Sequence[str]) -> tuple[str, ...]:
    """Examples as sentences: those of lists have signs in them, for how their words are looked for."""
    said = (" ".join(_MARKS.sub(" ", example).split()) for example in examples)
    return tuple(dict.fromkeys(filter(None, said)))


class MeaningReader:
    """Says what texts are of by how near their pieces are to meanings, as the owner sets it."""

    def __init__(self, settings: EmbeddingSettings, meanings: Sequence[Meaning]) -> None:
        self._rule, self._threshold = settings.rule, settings.least
        self._names = [meaning.name for meaning in meanings]

    def verdicts(
        self, asked: ModerationInput, wanted: LookedFor, near: Sequence[PieceNearness]
    ) -> list[ModerationVerdict]:
        """What a policy warns of; `near` are the pieces of each text. Raises Blocked."""
        policy, warned = stricter_of(wanted.policy, asked.policy), dict[str, ModerationVerdict]()
        for (field, text), pieces in zip(asked.texts, near, strict=True):
            seen = {name: score for name, score in self.scores(pieces).items() if score > _HALF}
            _refuse_topics(field, wanted.topics, seen)
            for finding, score in _findings(seen, text, pictures=asked.pictures):
                verdict = _verdict(action_of(policy, finding.category, finding.rule), finding.category, score, policy)
                if verdict.action == "block":
                    raise Blocked(refusal_of(field, finding, policy), verdict)
                if verdict.action == "warn":
                    warned[finding.rule] = verdict
        return list(warned.values())

    def scores(self, pieces: PieceNearness) -> dict[str, float]:
        """How much a text is of each meaning, by any of its pieces: a half at the owner's threshold, 0 to 1."""
        best: dict[str, float] = {}
        for piece in pieces:
            for name, near in zip(self._names, piece, strict=True):
                value = near.margin if self._rule == "margin" else near.similarity
                score = min(max(_HALF + value - self._threshold, 0.0), 1.0)
                best[name] = max(best.get(name, 0.0), score)
        best.pop(_BENIGN, None)
        return best


def _refuse_topics(field: str, topics: TopicExamples, seen: Mapping[str, float]) -> None:
    for topic in sorted(topics_in(seen, topics)):
        verdict = _verdict("block", topic, seen[key_of(topic, topics[topic])])
        raise Blocked(message("blocked.topic", field, topic=topic), verdict)


def topics_in(scores: Mapping[str, float], topics: TopicExamples) -> set[str]:
    """Those of the topics that a text is of."""
    return {topic for topic, examples in topics.items() if scores.get(key_of(topic, examples), 0.0) > _HALF}


def category_scores(scores: Mapping[str, float]) -> dict[str, float]:
    """By OpenAI's category, what a text asks for."""
    found: dict[str, float] = {}
    for name, finding in _FINDINGS.items():
        if name in scores and finding is not UNDRESSING:
            found[finding.category] = max(found.get(finding.category, 0.0), scores[name])
    return found


def _findings(seen: Mapping[str, float], text: str, *, pictures: bool) -> list[tuple[Finding, float]]:
    """What they say of the text, the gravest first, its words beside its meaning: a child that is named is one."""
    bare = max((seen[name] for name in _BARE if name in seen), default=0.0)
    words = spoken_of(text) if bare else frozenset[str]()
    found = dict[Finding, float]()
    for name, finding in _FINDINGS.items():
        score = seen.get(name, 0.0)
        if name == "minors" and "minors" in words:
            score = max(score, bare)
        if name == "undressing":
            score = max(score, bare) if pictures else 0.0
        if score:
            found[NUDITY_IN_ART if finding is NUDITY and "art" in words and "explicit" not in seen else finding] = score
    return list(found.items())


def _verdict(action: Action, category: str, score: float, policy: Policy | None = None) -> ModerationVerdict:
    seen = {category: round(score, 3)}
    return ModerationVerdict(action=action, categories=seen, stage="prompt", rule=RULE, policy=policy)
