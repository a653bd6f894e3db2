"""Classifiers of pictures, as files: which kinds are opened, and which of our categories their labels are of."""

from __future__ import annotations

from collections.abc import Mapping

from .model import Role

SAFETY: Role = "safety"
"""What a registry calls them as a kind, and a worker as a role."""
MOBILENET, CONCEPTS, VIT, EVA = "mobilenet-v2", "safety-checker", "vit", "eva-02"
"""Families: MobileNetV2; CLIP's image model with concepts, as diffusers has it; vision transformers; EVA-02."""
CLASSIFIERS = frozenset({MOBILENET, CONCEPTS, VIT, EVA})
"""The families that are opened; a registry tells others, too."""
SUGGESTIVE = "suggestive"
"""Little clothing and poses: no category of OpenAI's, and no more than a picture is told by."""

_CATEGORIES: Mapping[str, str] = {
    "porn": "sexual",
    "hentai": "sexual",
    "nsfw": "sexual",
    "explicit": "sexual",
    "nude": "sexual",
    "nudity": "sexual",
    "sexy": SUGGESTIVE,
    "gore": "violence/graphic",
    **dict.fromkeys(("neutral", "normal", "sfw", "safe", "other", "drawing", "drawings"), ""),
}
"""By a label in small letters: what a picture of it is of, "" for nothing."""
LEVELS: Mapping[str, str] = {"neutral": "", "low": SUGGESTIVE, "medium": "sexual", "high": "sexual"}
"""What these four mean as all the labels there are, as of Freepik/nsfw_image_detector: none of them says it alone."""


def category_of(label: str) -> str:
    """Which category a classifier's label is of, "" for none. One that nobody knows here is a category by itself: the
    owner may have it among the topics."""
    name = label.strip().casefold()
    return _CATEGORIES.get(name, name)
