"""What a user means by a model's name that isn't written quite as the model is called."""

from __future__ import annotations

from collections.abc import Iterable

OWN = "own"
"""Said for the model's own VAE or text encoders, whatever else goes with that model."""
_SUFFIXES = (".safetensors", ".gguf", ".sft", ".ckpt", ".pt", ".pth", ".bin")
_ALIKE = 0.6
_SHOWN = 3
_LONGEST = 200
"""Characters of a name that are compared with others."""


def matching(name: str, names: Iterable[str], *, any_case: bool = True) -> str | None:
    """The one of `names` that `name` is: itself, else as a file's name or path, else in another case; None for none.

    What two of them could be is none of both. A path that leads upwards is no name of a model.
    """
    candidates, spellings = list(names), (name, without_suffix(name), _file_in(name))
    exact = next((each for each in spellings if each in candidates), None)
    if exact is not None or not any_case:
        return exact
    for wanted in spellings:
        alike = [each for each in candidates if each.casefold() == wanted.casefold()]
        if len(alike) == 1:
            return alike[0]
    return None


def similar(name: str, names: Iterable[str]) -> list[str]:
    """At most three of `names` that `name` may have been meant to be, the likeliest first."""
    from difflib import get_close_matches

    wanted = stem_of(name[-_LONGEST:]).casefold()
    by_folded = {each.casefold(): each for each in names}
    close = get_close_matches(wanted, by_folded, _SHOWN, _ALIKE)
    begun = [each for each in by_folded if len(wanted) > 2 and each.startswith(wanted)]
    return [by_folded[each] for each in dict.fromkeys([*begun, *close])][:_SHOWN]


def without_suffix(name: str) -> str:
    """The name without what a model's file ends in."""
    for suffix in _SUFFIXES:
        if len(name) > len(suffix) and name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def stem_of(name: str) -> str:
    """What a file is called, of its path or name: `models/flux-dev-1.1.gguf` is `flux-dev-1.1`."""
    return without_suffix(name.replace("\\", "/").rstrip("/").rpartition("/")[2])


def _file_in(name: str) -> str:
    """The stem of the file that a path leads to; `name` itself where it is none, as a hub's `org/name` is."""
    is_file = without_suffix(name) != name and ".." not in name.replace("\\", "/").split("/")
    return stem_of(name) if is_file else name
