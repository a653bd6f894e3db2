"""Rules over word lists: what a prompt asks for, by name. A conjunction says more than either of its lists."""

from __future__ import annotations

from collections.abc import Set
from typing import NamedTuple

from ..words.moderation import ModerationVerdict
from .ages import says_minor
from .apart import without_apart
from .lexicon import shipped, without_benign
from .normalise import Reading, reading_of


class Finding(NamedTuple):
    """What was seen."""

    rule: str
    category: str
    told: str
    """The code of the words that say it."""
    change: str = "blocked.change.leave"
    """The code of those that say what to do about it."""


MINORS = Finding("minors", "sexual/minors", "blocked.what.minors", "blocked.change.minors")
UNDRESSING = Finding("undressing", "sexual", "blocked.what.undressing", "blocked.change.undressing")
EXPLICIT = Finding("sexual acts", "sexual", "blocked.what.sexual acts")
NUDITY = Finding("nudity", "sexual", "blocked.what.nudity", "blocked.change.nudity")
NUDITY_IN_ART = Finding("nudity in art", "sexual", "blocked.what.nudity in art")
PLAIN = {
    "gore": Finding("gore", "violence/graphic", "blocked.what.gore"),
    "violence": Finding("violence", "violence", "blocked.what.violence"),
    "self_harm": Finding("self-harm", "self-harm", "blocked.what.self-harm"),
    "hate": Finding("hate", "hate", "blocked.what.hate"),
    "illicit": Finding("drugs", "illicit", "blocked.what.drugs"),
}
"""Lists that need no other beside them."""
_ALL = (MINORS, UNDRESSING, EXPLICIT, NUDITY, NUDITY_IN_ART, *PLAIN.values())
_TOLD = {finding.rule: finding.told for finding in _ALL}
"""By rule: the code of the words that say what it sees."""


def told_of(warned: ModerationVerdict) -> str:
    """The code of the words for what a verdict warns of, which by its meaning alone can only be art."""
    return _TOLD.get(warned.rule, NUDITY_IN_ART.told)


_NOT_WITH_MINORS = {"explicit", "nudity", "suggestive"}
"""Lists of which nothing may stand beside a minor."""
_IN_ART = 0.3
"""The score of nudity that may be art."""
_WITHIN = {"sexual/minors": "sexual", "violence/graphic": "violence"}
"""By category: the wider one that it is of."""
SCORED = {finding.category for finding in _ALL}
"""The categories that there are lists for."""


def findings_in(prompt: str, *, pictures: bool = False) -> list[Finding]:
    """What the prompt asks for, the gravest first; `pictures`: of a picture that is brought."""
    plain = without_benign(prompt)
    reading = reading_of(plain)
    lists = shipped().found_in(reading)
    bare, found = lists & {"explicit", "nudity"}, list[Finding]()
    if "sexual_minors" in lists or _with_minors(plain, reading, lists):
        found.append(MINORS)
    if pictures and (bare or "undressing" in lists):
        found.append(UNDRESSING)
    if "explicit" in lists:
        found.append(EXPLICIT)
    if "nudity" in lists:
        found.append(NUDITY_IN_ART if "art" in lists and "explicit" not in lists else NUDITY)
    return found + [finding for name, finding in PLAIN.items() if name in lists]


def spoken_of(prompt: str) -> frozenset[str]:
    """The lists that its words stand in, a minor's among them where an age is said."""
    reading = reading_of(without_benign(prompt))
    young = {"minors"} if says_minor(reading.text) else set[str]()
    return frozenset(shipped().found_in(reading) | young)


def _with_minors(plain: str, reading: Reading, lists: Set[str]) -> bool:
    """Is something sexual or bare there beside a minor, also without what is plainly another's?"""
    if not (("minors" in lists or says_minor(reading.text)) and lists & _NOT_WITH_MINORS):
        return False
    rest = without_apart(plain)
    return rest is None or bool(shipped().found_in(reading_of(rest)) & _NOT_WITH_MINORS)


def scores_of(text: str) -> dict[str, float]:
    """What a text asks for, by category, 0 to 1: the words of lists say little of how much."""
    scores: dict[str, float] = {}
    for finding in findings_in(text):
        seen = _IN_ART if finding == NUDITY_IN_ART else 1.0
        for category in (finding.category, _WITHIN.get(finding.category, finding.category)):
            scores[category] = max(scores.get(category, 0.0), seen)
    return scores
