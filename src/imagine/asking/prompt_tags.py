"""What prompts written for other programs ask for in tags: LoRAs, and what isn't here, taken out or left as words, and
named.

`<lora:name:0.8>`, `<lyco:…>` and `<hypernet:…>` are AUTOMATIC1111's: they would be noise as words, so they are taken
out. In a negative prompt `AND` stays a word.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..messages import Message, message
from ..words.errors import BadRequest
from ..words.lora_tags import LoraTag, tags_in
from ..words.recipe import Lora
from .loras import MAX_LORA_WEIGHT

_HYPERNET = re.compile(r"<\s*hypernet\s*:\s*([^<>:]{0,200})(?::[^<>]{0,200})?>", re.IGNORECASE)
_AND = re.compile(r"\S\s+AND\s+\S")
_SHOWN = 40


class Untagged(NamedTuple):
    """A prompt without its tags, what they ask for, and a message for each thing that is asked for in vain."""

    text: str
    loras: tuple[Lora, ...]
    notes: list[Message]


def without_tags(prompt: str, field: str) -> Untagged:
    """`prompt` without the tags; LoRAs are for the whole picture, and have no effect where they stand in `neg`.

    Raises BadRequest on the field for a tag whose weight is none.
    """
    text, tags = tags_in(prompt)
    notes: list[Message] = []
    loras = tuple(_asked(tag, field, notes) for tag in tags)
    if field == "neg":
        notes = [in_vain(lora, field) for lora in loras]
        loras = ()
    names = [name.strip()[:_SHOWN] for name in _HYPERNET.findall(text)]
    notes += [message("prompt.tag", field, kind="hypernet", name=name) for name in names]
    text = _HYPERNET.sub("", text)
    if field == "neg" and _AND.search(text):
        notes.append(message("prompt.and", field))
    return Untagged(text.strip() if text != prompt else text, loras, notes)


def in_vain(lora: Lora, field: str) -> Message:
    """A warning of one whose tag stands where none is heeded."""
    return message("tag.neg", field, name=lora.name[:_SHOWN])


def _asked(tag: LoraTag, field: str, notes: list[Message]) -> Lora:
    """What a tag asks for, and what it asks for in vain."""
    lora, most = tag.lora, MAX_LORA_WEIGHT
    wrong = tag.wrong or next((f"{weight:g}" for weight in (lora.weight, lora.clip) if abs(weight) > most), "")
    if wrong:
        raise BadRequest(message("tag.weight", field, value=wrong[:_SHOWN], most=most))
    if tag.others:
        parts = ", ".join(part[:_SHOWN] for part in tag.others[:5])
        notes.append(message("tag.others", field, name=lora.name[:_SHOWN], parts=parts))
    return lora
