"""Where models lie: the two settings that a command may need before all others, without what those take to import."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

HOME = Path("~/.imagine").expanduser()
"""Of models and of what is remembered, where nobody says otherwise."""


def path(value: object) -> Path:
    """The path that a setting says. Raises ValueError for none."""
    if not str(value):
        raise ValueError("text")
    return Path(str(value)).expanduser()


def paths(value: object) -> tuple[Path, ...]:
    """Several, as in `PATH`; of flags each may be, and a file's list names one each. Raises ValueError."""
    if isinstance(value, str):
        return tuple(path(part.strip()) for part in value.split(os.pathsep) if part.strip())
    if isinstance(value, tuple):
        return tuple(part for flag in value for part in paths(flag))
    return tuple(map(path, value)) if isinstance(value, list) else (path(value),)


def roots_of(models: tuple[Path, ...], home: Path) -> tuple[Path, ...]:
    """The folders that models are looked for in."""
    return models or (home / "models",)


def unquoted(variable: str) -> str:
    """A variable's value as it was meant: files of them keep the quotes."""
    return variable.strip(" '\"")


def home_from(environ: Mapping[str, str]) -> Path:
    """The home that the environment says."""
    variable = unquoted(environ.get("IMAGINE_HOME", ""))
    return path(variable) if variable else HOME


def roots_from(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The folders that the environment says, as a server without flags and configuration would take them."""
    return roots_of(paths(unquoted(environ.get("IMAGINE_MODELS", ""))), home_from(environ))
