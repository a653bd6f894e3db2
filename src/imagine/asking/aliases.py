"""Model names that mean another model: other services' names, which programs hold in their code, and the owner's own.

An alias is a name, or a pattern in which one `*` is any text. What it points to is a model's name, or None: the model
of a request that names none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..families.table import FAMILIES
from ..words.entry import Entry

SHIPPED: Mapping[str, str | None] = dict.fromkeys(
    ("dall-e-2", "dall-e-3", "gpt-image-1", "gpt-image-*", "chatgpt-image-latest", "yandexgpt/yandex-art")
)
"""Names of hosted models. `gpt-image-1` stands beside its pattern so that lists of models can show one."""


class Aliases:
    """The owner's aliases and the shipped ones. The most exact wins, and of two patterns the longer."""

    def __init__(self, own: Mapping[str, str | None] | None = None) -> None:
        self.own = dict(own or {})

    def __repr__(self) -> str:
        return ", ".join(f"{name}: {model or 'the default'}" for name, model in self.own.items()) or "none"

    def resolved(self, name: str, is_model: Callable[[str], bool]) -> str | None:
        """The model that `name` means, None for the default one; `name` itself where it is no alias.

        The owner's own name wins over a model of that name, that over the owner's patterns, those over what ships.
        """
        if name in self.own:
            return self.own[name]
        if is_model(name):
            return name
        for table in (self.own, SHIPPED):
            if name in table:
                return table[name]
            for alias in sorted(table, key=len, reverse=True):
                if _matches(alias, name):
                    return table[alias]
        return name

    def names(self) -> list[str]:
        """What lists can show: every alias but the patterns, the owner's first."""
        return [name for name in {**self.own, **SHIPPED} if "*" not in name]


def called_elsewhere(name: str, models: Sequence[Entry]) -> Entry | None:
    """The first of the models that Ollama would have called so, as programs do that hold its names in their code,
    whatever tag is behind a colon that tells nothing of it; None where none is."""
    known = {each for facts in FAMILIES.values() for each in facts.called}
    own = name.casefold() if name.casefold() in known else name.partition(":")[0].casefold()
    wanted = {facts.name: facts.called[own] for facts in FAMILIES.values() if own in facts.called}
    of_family = [model for model in models if model.family in wanted]
    told = [(model, {model.variant, model.distilled.partition(":")[0]}) for model in of_family]
    return next((model for model, how in told if how & set(wanted[model.family] or how)), None)


def _matches(pattern: str, name: str) -> bool:
    begin, star, end = pattern.partition("*")
    return bool(star) and len(name) >= len(begin + end) and name.startswith(begin) and name.endswith(end)
