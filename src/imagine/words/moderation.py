"""What an owner can say of what isn't to be drawn, and what was decided of a prompt or a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import msgspec

from .assistant import AUTO
from .keys import USUAL, Priority
from .model import Model

Policy = Literal["none", "minors-only", "standard", "strict"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
"""From the laxest to the strictest."""
DEFAULT_POLICY: Policy = "minors-only"
Action = Literal["allow", "warn", "block"]
ModerationStage = Literal["prompt", "preview", "picture"]
STAGES: tuple[ModerationStage, ...] = get_args(ModerationStage)
Failing = Literal["open", "closed"]
"""What becomes of what can't be looked at: it is let through with a warning, or not."""
CATEGORIES = (
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
    "self-harm/intent", "self-harm/instructions", "sexual", "sexual/minors", "violence", "violence/graphic",
)  # fmt: skip
"""The names that OpenAI's moderation has; the owner's topics stand beside them by their own."""
OWN_DIALECT = "imagine"
DIALECTS = (OWN_DIALECT, "ollama", "openai", "huggingface", "replicate", "mcp", "a1111", "comfy")
"""Those that pictures can be asked for in, by the names that owners say; `imagine` is our own, and the page's."""

TopicExamples = Mapping[str, tuple[str, ...]]
"""What else isn't to be drawn: names of the owner's own, each with examples of what it means."""


MeaningRule = Literal["margin", "similarity"]
THRESHOLDS: Mapping[MeaningRule, float] = {"margin": 0.2, "similarity": 0.7}
"""By rule: measured, of which docs/moderation.md tells."""


class AskedAs(NamedTuple):
    """In which standing a request comes: with whose key, in which dialect, and how urgent."""

    key: str | None = None
    """The name of one of `keys`; None for `api_key`, or none at all."""
    dialect: str | None = None
    priority: Priority = USUAL


class EmbeddingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How prompts are compared by what they mean, where a file of a sentence encoder is there."""

    model: str | None = None
    """Which file; None: whichever there is; "" is none."""
    rule: MeaningRule = "margin"
    """By how much nearer to what isn't drawn than to what is innocent, or how near at all."""
    threshold: float | None = None
    """A cosine, or a difference of two; None is the rule's own."""
    fail: Failing = "open"
    """What becomes of prompts that nothing could be told of."""

    @property
    def least(self) -> float:
        """From which on a prompt is of what isn't drawn."""
        return THRESHOLDS[self.rule] if self.threshold is None else self.threshold

    def __str__(self) -> str:
        if self.model == "":
            return "embeddings none"
        model = [self.model] if self.model else []
        return f"embeddings {', '.join([*model, f'{self.rule} > {self.least:g}', f'fail {self.fail}'])}"


class JudgeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the assistant is asked whether a prompt may be drawn."""

    model: str = AUTO
    """A name that its server lists; `auto`: what understands wishes."""
    timeout: float = 30.0
    """Seconds for a prompt, its wait counted."""
    fail: Failing = "open"
    """What becomes of prompts that it says nothing of."""

    def __str__(self) -> str:
        return f"assistant {self.model}, {self.timeout:g} s, fail {self.fail}"


class PictureSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How pictures are looked at, once they are painted and before."""

    model: str | None = None
    """A file of kind `safety`; None: the one that ships, where the policy looks at pictures."""
    threshold: float | None = None
    """Above which score, 0 to 1, a category is refused; None: what the policy has for it."""
    thresholds: Mapping[str, float] = {}
    """The same of single categories, labels of the model's own among them."""
    fail: Failing = "closed"

    def __str__(self) -> str:
        single = [f"{name} {least:g}" for name, least in self.thresholds.items()]
        above = single if self.threshold is None else [f"{self.threshold:g}", *single]
        said = [
            *([self.model] if self.model else []),
            *([f"above {', '.join(above)}"] if above else []),
            *([f"fail {self.fail}"] if self.fail != "closed" else []),
        ]
        return f"pictures {', '.join(said)}"


class KeyRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the owner says of one key; None is what holds for everybody."""

    policy: Policy | None = None
    topics: TopicExamples | None = None
    stages: tuple[ModerationStage, ...] | None = None
    pictures: Mapping[str, Any] = {}
    """The fields of PictureSettings that it has a word of its own for, over everybody's."""

    def __str__(self) -> str:
        topics = [] if self.topics is None else [f"topics {', '.join(self.topics) or 'none'}"]
        stages = [] if self.stages is None else [f"stages {', '.join(self.stages) or 'none'}"]
        pictures = [str(PictureSettings(**self.pictures))] if self.pictures else []
        return "; ".join([*([self.policy] if self.policy else []), *topics, *stages, *pictures])


class ModerationSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for, where, and where it is written down."""

    policy: Policy = DEFAULT_POLICY
    topics: TopicExamples = {}
    dialects: Mapping[str, Policy] = {}
    """The policy of a dialect, where it has one of its own."""
    stages: tuple[ModerationStage, ...] = STAGES
    """Where is looked."""
    embeddings: EmbeddingSettings = EmbeddingSettings()
    assistant: JudgeSettings | None = None
    """How the assistant is asked, too; None: it isn't."""
    pictures: PictureSettings = PictureSettings()
    log: Path | None = None
    """The file that each verdict other than "allow" is written to, as a line of JSON."""

    def __str__(self) -> str:
        topics = [f"topics {', '.join(self.topics)}"] if self.topics else []
        stages = [f"stages {', '.join(self.stages)}"] if self.stages != STAGES else []
        pictures = [str(self.pictures)] if self.pictures != PictureSettings() else []
        dialects = [f"{name} {policy}" for name, policy in self.dialects.items()]
        means = [str(self.embeddings)] if self.embeddings != EmbeddingSettings() else []
        judge = [str(self.assistant)] if self.assistant is not None else []
        log = [f"log {self.log}"] if self.log else []
        return "; ".join([self.policy, *dialects, *topics, *stages, *means, *judge, *pictures, *log])


class PictureCheck(msgspec.Struct, frozen=True, kw_only=True):
    """How the pictures of a job are looked at before they leave whoever makes them."""

    checker: Model
    """What looks, by whose name verdicts tell it."""
    refused: Mapping[str, float]
    """By category: above which score, 0 to 1, a picture isn't shown."""
    stages: tuple[ModerationStage, ...] = ("preview", "picture")
    fail: Failing = "closed"
    policy: Policy | None = None
    """The policy that says so, where one does."""

    def seen_in(self, scores: Mapping[str, float]) -> dict[str, float]:
        """What of these scores isn't to be shown, the highest first."""
        seen = {name: score for name, score in scores.items() if score > self.refused.get(name, 1.0)}
        return dict(sorted(seen.items(), key=lambda one: (-one[1], one[0])))


class ModerationVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done with a prompt or a picture, and why."""

    action: Action
    categories: dict[str, float]
    """What was seen, 0 to 1: of CATEGORIES, and the owner's topics."""
    stage: ModerationStage
    rule: str
    """Which of the rules saw it: the name of a list, of a topic, of a checker."""
    policy: Policy | None = None
    """The policy that says so; None where the owner's own terms or topics do."""


def stricter_of(owner: Policy, asked: Policy | None) -> Policy:
    """What holds for a request: the policy that the owner has for it, unless it asks for a stricter one."""
    return owner if asked is None else max(owner, asked, key=POLICIES.index)
