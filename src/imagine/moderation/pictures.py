"""What isn't to be shown of pictures: by policy, by the owner's topics, by thresholds of the owner's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ..words.moderation import CATEGORIES, ModerationStage, PictureSettings, Policy
from ..words.safety import SUGGESTIVE
from .policy import ACTIONS

_ABOVE: Mapping[Policy, float] = {"standard": 0.7, "strict": 0.5}
"""By policy that looks at pictures by itself: above which score it refuses a category that isn't drawn under it."""
_OWN: Policy = "standard"
"""Whose categories are refused where the owner names what looks, and a policy that doesn't."""


class PictureRules(NamedTuple):
    """What holds for the pictures of a request."""

    settings: PictureSettings = PictureSettings()
    stages: tuple[ModerationStage, ...] = ()
    """Where pictures are looked at: "preview", "picture"."""
    topics: tuple[str, ...] = ()
    """The owner's: of what looks, labels of its own."""

    def look(self, policy: Policy) -> bool:
        """Are pictures looked at under this policy?"""
        return bool(self.stages) and (self.settings.model is not None or policy in _ABOVE)

    def refused(self, policy: Policy) -> dict[str, float]:
        """By category: above which score a picture isn't shown, under a policy under which pictures are looked at."""
        held = policy if policy in _ABOVE else _OWN
        above = _ABOVE[held] if self.settings.threshold is None else self.settings.threshold
        blocked = [name for name, action in ACTIONS[held].items() if action == "block" and name in CATEGORIES]
        blocked += [SUGGESTIVE] if held == "strict" else []
        return dict.fromkeys([*blocked, *self.topics], above) | dict(self.settings.thresholds)


def pictures_looked_at(stages: tuple[ModerationStage, ...]) -> tuple[ModerationStage, ...]:
    """Of the stages, those of pictures."""
    return tuple(stage for stage in stages if stage != "prompt")
