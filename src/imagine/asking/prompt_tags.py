"""What prompts written for other programs ask for in tags, and what isn't here: taken out or left as words, and named.

`<lora:name:0.8>`, `<lyco:…>` and `<hypernet:…>` are AUTOMATIC1111's, `embedding:name` is ComfyUI's: they would be
noise as words, so they are taken out. `AND` stays a word.
"""

from __future__ import annotations

import re

from ..messages import Message, message

_TAG = re.compile(r"<\s*(lora|lyco|hypernet)\s*:\s*([^<>:]{0,200})(?::[^<>]{0,200})?>", re.IGNORECASE)
_EMBEDDING = re.compile(r"\bembedding:([\w.\-/\\]{1,200})", re.IGNORECASE)
_AND = re.compile(r"\S\s+AND\s+\S")
_SHOWN = 40


def without_tags(prompt: str, field: str) -> tuple[str, list[Message]]:
    """`prompt` without the tags, and a message for each thing that it asks for and doesn't get."""
    named: list[Message] = []

    def taken_out(match: re.Match[str]) -> str:
        kind = match[1].lower() if match.re is _TAG else "embedding"
        name = (match[2] if match.re is _TAG else match[1]).strip()
        named.append(message("prompt.tag", field, kind=kind, name=name[:_SHOWN]))
        return ""

    text = _EMBEDDING.sub(taken_out, _TAG.sub(taken_out, prompt))
    if _AND.search(text):
        named.append(message("prompt.and", field))
    return text, named
