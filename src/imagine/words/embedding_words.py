"""Where a prompt says an embedding: by `embedding:name`, by `<name>`, or by its name as a word of its own.

The first is ComfyUI's way, the second diffusers', the last AUTOMATIC1111's. Case doesn't matter, and the longest name
counts. A name with brackets in it, which mean something else in a prompt, is said as `<name>`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from .model_names import without_suffix

_TOKEN = re.compile(
    r"(?<!\w)embedding:(?P<said>[\w.\-/\\]{0,199}\w)|<(?P<marked>[^<>:\s][^<>:\n]{0,199})>|\w+|[^\w\s]", re.IGNORECASE
)
_MARKS = 0xF0000
"""Where the private characters begin that nobody writes: one for each embedding of a picture."""


class Mention(NamedTuple):
    """A place in a prompt, what it says, and the one of the known names that it is, None where it is none of them."""

    start: int
    end: int
    said: str
    name: str | None
    by: str
    """`embedding:`, `<>`, or nothing for a name alone."""


def mentions(text: str, names: Iterable[str]) -> Iterator[Mention]:
    """All of them, in order; what stands between `<` and `>` may be none."""
    known = sorted(dict.fromkeys(names), key=len, reverse=True)
    folded = {name.casefold(): name for name in known}
    found: str | None
    begun = defaultdict[str, list[str]](list)
    for name in known:
        if match := re.match(r"\w+|\W", name):
            begun[match[0].casefold()].append(name)
    end = 0
    for match in _TOKEN.finditer(text):
        if match.start() < end:
            continue
        if said := match["said"] or match["marked"]:
            by = "embedding:" if match["said"] else "<>"
            said = said.strip().replace("\\", "/")
            found = folded.get(said.casefold()) or folded.get(without_suffix(said).casefold())
            yield Mention(match.start(), match.end(), said, found, by)
            end = match.end()
        elif found := _alone(text, match.start(), begun.get(match[0].casefold(), ())):
            end = match.start() + len(found)
            yield Mention(match.start(), end, text[match.start() : end], found, "")


def _alone(text: str, start: int, names: Sequence[str]) -> str | None:
    """The first of these names that stands there as a word of its own."""
    if start and text[start - 1] == "-":
        return None
    for name in names:
        end = start + len(name)
        if text[start:end].casefold() == name.casefold() and not re.match(r"[\w\-]|\.\w", text[end : end + 2]):
            return name
    return None


def marked(text: str, names: Sequence[str]) -> str:
    """`text` with one private character for each embedding, whose number among `names` it says (`number_of`).

    So it is one thing to everything that reads a prompt's syntax. Such characters that were written go.
    """
    if not names:
        return text
    text = re.sub(f"[{chr(_MARKS)}-{chr(_MARKS + len(names) - 1)}]", "", text)
    pieces, end = [], 0
    for each in mentions(text, names):
        if each.name is not None:
            pieces += [text[end : each.start], chr(_MARKS + names.index(each.name))]
            end = each.end
    return "".join([*pieces, text[end:]])


def number_of(character: str, count: int) -> int | None:
    """Which of `count` embeddings a character stands for, None for any other."""
    number = ord(character) - _MARKS
    return number if 0 <= number < count else None
