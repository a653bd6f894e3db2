"""Prompts with what each policy should do about them: innocent ones written out, others by templates from the lists.

python -m tools.labelled_prompts          every prompt that the policies take for something else than its label
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from imagine.moderation.lexicon import LANGUAGES, lines_of
from imagine.moderation.policy import action_of
from imagine.moderation.rules import findings_in
from imagine.words.moderation import POLICIES, Policy

FOLDER = Path(__file__).parent / "labelled"
_TEMPLATES = {
    "en": ("{}", "a picture of {}", "{}, oil painting, highly detailed", "photo of {}, 35mm"),
    "ru": ("{}", "картинка: {}", "{}, масло, высокая детализация", "фото: {}, 35 мм"),
}
_MINORS = 14
_OTHERS = 8
_BLOCKS_AT: dict[str, Policy] = {
    "explicit": "standard", "nudity": "standard", "gore": "standard", "self_harm": "standard", "hate": "standard",
    "violence": "strict", "illicit": "strict",
}  # fmt: skip
"""By list: the first policy that blocks what it speaks of."""


class Labelled(NamedTuple):
    """A prompt, and what is right."""

    prompt: str
    language: str
    blocked_from: Policy | None
    """The first policy that is to block it; None: none is."""
    pictures: bool = False
    """It comes with a picture."""
    source: str = "template"

    def is_blocked(self, policy: Policy) -> bool:
        """What is right under that policy."""
        return self.blocked_from is not None and POLICIES.index(self.blocked_from) <= POLICIES.index(policy)


def labelled() -> Iterator[Labelled]:
    """All of them."""
    for language in LANGUAGES:
        for prompt in _lines(f"{language}/benign.txt"):
            yield Labelled(prompt, language, _strictly(prompt), source="benign")
        for prompt in _lines(f"{language}/benign_edits.txt"):
            yield Labelled(prompt, language, None, pictures=True, source="benign")
        for source, file in (("hard", "hard"), ("unseen", "unseen"), ("unseen", "unseen_edits")):
            for line in _lines(f"{language}/{file}.txt"):
                policy, _, prompt = line.rpartition("\t")
                yield Labelled(prompt, language, _policy(policy) if policy else None, "edits" in file, source)
        for line in _lines(f"{language}/held_out.txt"):
            policy, _, prompt = line.partition("\t")
            yield Labelled(prompt, language, _policy(policy), source="held out")
        yield from _made(language)


def paraphrases() -> Iterator[Labelled]:
    """Prompts that use no listed word, by which a sentence encoder is measured (`bench/meanings.py`)."""
    for language in LANGUAGES:
        for line in _lines(f"{language}/paraphrases.txt"):
            policy, _, prompt = line.partition("\t")
            yield Labelled(prompt, language, _policy(policy), source="paraphrase")


def judged(one: Labelled, policy: Policy) -> bool:
    """Is it blocked under that policy?"""
    findings = findings_in(one.prompt, pictures=one.pictures)
    return any(action_of(policy, finding.category, finding.rule) == "block" for finding in findings)


def _made(language: str) -> Iterator[Labelled]:
    minors, bare = _spread(lines_of("minors", language), _MINORS), lines_of("nudity", language)
    grave = [*bare, *lines_of("explicit", language), *lines_of("suggestive", language)]
    for at, (minor, second) in enumerate(zip(minors * 4, _spread(grave, 4 * _MINORS), strict=False)):
        yield Labelled(_put(language, at, f"{_word(minor)}, {_word(second)}"), language, "minors-only")
    for at, line in enumerate(lines_of("sexual_minors", language)):
        yield Labelled(_put(language, at, _word(line)), language, "minors-only")
    for at, line in enumerate([*_spread(lines_of("undressing", language), _OTHERS), *_spread(bare, _OTHERS)]):
        yield Labelled(_put(language, at, _word(line)), language, "minors-only", pictures=True)
    for name, policy in _BLOCKS_AT.items():
        for at, line in enumerate(_spread(lines_of(name, language), 2 * _OTHERS)):
            yield Labelled(_TEMPLATES[language][at % 2].format(_word(line)), language, policy)
    for at, (art, line) in enumerate(zip(lines_of("art", language), _spread(bare, 12), strict=False)):
        yield Labelled(_TEMPLATES[language][at % 2].format(f"{_word(art)}, {_word(line)}"), language, "strict")


def _strictly(prompt: str) -> Policy | None:
    """Innocent prompts are marked where a family's policy blocks them all the same."""
    return "strict" if prompt.endswith(_STRICT) else None


_STRICT = ("blood on his lips", "сдай кровь")


def _lines(name: str) -> list[str]:
    lines = (FOLDER / name).read_text("utf-8").splitlines()
    return [line for line in lines if line.strip()]


def _spread(lines: Sequence[str], most: int) -> list[str]:
    """So many of them, from all over the list."""
    return [lines[at * len(lines) // most] for at in range(most)] if len(lines) > most else [*lines]


def _word(line: str) -> str:
    return line.replace("~", "the").replace("*", "")


def _put(language: str, at: int, words: str) -> str:
    templates = _TEMPLATES[language]
    return templates[at % len(templates)].format(words)


def _policy(text: str) -> Policy:
    return next(policy for policy in POLICIES if policy == text)


def table() -> tuple[list[str], list[list[str]]]:
    """Precision and recall by policy and language."""
    every, rows = [*labelled()], list[list[str]]()
    for policy in POLICIES[1:]:
        for language in LANGUAGES:
            asked = [one for one in every if one.language == language]
            rows.append([f"`{policy}`", language, str(len(asked)), *_figures(asked, policy)])
    header = ["policy", "language", "prompts", "to be blocked", "precision", "recall", "recall, held out"]
    return [*header, "innocent, held out, refused"], rows


def _figures(asked: Sequence[Labelled], policy: Policy) -> list[str]:
    wanted = [one for one in asked if one.is_blocked(policy)]
    blocked = [one for one in asked if judged(one, policy)]
    right = [one for one in blocked if one.is_blocked(policy)]
    held = [one for one in wanted if one.source == "held out"]
    found = sum(judged(one, policy) for one in held)
    unseen = [one for one in asked if one.source == "unseen" and not one.is_blocked(policy)]
    wrong = sum(judged(one, policy) for one in unseen)
    shares = f"{len(right) / len(blocked):.3f}", f"{len(right) / len(wanted):.3f}", f"{found} of {len(held)}"
    return [str(len(wanted)), *shares, f"{wrong} of {len(unseen)}"]


def main() -> None:
    """Prints what goes wrong."""
    for one in labelled():
        for policy in POLICIES:
            if judged(one, policy) != one.is_blocked(policy):
                print(f"{policy:12} {'missed ' if one.is_blocked(policy) else 'blocked'} {one.source:9} {one.prompt}")
    for row in table()[1]:
        print(*row, sep="\t")


if __name__ == "__main__":
    main()
