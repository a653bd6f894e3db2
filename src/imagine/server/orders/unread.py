"""Prompts that a model's text encoders can't read, since they were never taught such letters: said, with what helps."""

from __future__ import annotations

from ...families.scripts import scripts_in
from ...messages import Message, message
from ...registry.told_languages import scripts_of
from ...words.entry import Entry
from ...words.recipe import GenerationParams

_NAMED = {
    "CYRILLIC": message("script.cyrillic"),
    "CJK": message("script.chinese"),
    "HIRAGANA": message("script.japanese"),
    "KATAKANA": message("script.japanese"),
    "HANGUL": message("script.korean"),
    "ARABIC": message("script.arabic"),
    "HEBREW": message("script.hebrew"),
    "GREEK": message("script.greek"),
    "DEVANAGARI": message("script.devanagari"),
    "THAI": message("script.thai"),
}


def unread_of(params: GenerationParams, model: Entry, *, assistant: bool) -> list[Message]:
    """What of a recipe's texts this model can't read; what it has examples of it can. Is an assistant here to ask?"""
    if params.prompt.isascii() and params.neg.isascii():
        return []
    taught = scripts_of(model)
    if taught is None:
        return []
    code = "prompt.untaught_assist" if assistant else "prompt.untaught"
    unread = {
        name: sorted(scripts_in(text) - taught) for name, text in (("prompt", params.prompt), ("neg", params.neg))
    }
    return [
        message(code, name, name=model.name, script=_NAMED.get(scripts[0], message("script.other")))
        for name, scripts in unread.items()
        if scripts
    ]
