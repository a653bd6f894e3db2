"""What the shell offers behind Tab for an argument or a flag's value. It can't be told why there is nothing.

zsh and fish quote what they insert; bash doesn't, so for it spaces are escaped. Of `canny=photo.jpg` bash completes the
file by itself (see `bash_words.py`), the others whole values. Samplers and schedules are offered in
the spelling that has `_` for them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from ..words.errors import ImagineError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Completer = Callable[[click.Context, click.Parameter, str], "list[str] | list[CompletionItem]"]


def _completer(names: Callable[[], Iterable[str]]) -> Completer:
    def complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
        with contextlib.suppress(ImagineError, OSError):
            # twice, since click's function for bash reads each line once more
            space = "\\\\ " if _for_bash() else " "
            return [name.replace(" ", space) for name in names() if name.startswith(incomplete)]
        return []

    return complete


def _for_bash() -> bool:
    return os.environ.get("_IMAGINE_COMPLETE") == "bash_complete"


def files(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The shell's own files."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


def controls(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str] | list[CompletionItem]:
    """Names of controls, and behind `=` files."""
    name, equals, begun = incomplete.partition("=")
    if not equals:
        return _completer(_controls)(ctx, param, incomplete)
    return files(ctx, param, begun) if _for_bash() else [f"{name}={path}" for path in _paths(begun)]


def _paths(begun: str) -> Iterable[str]:
    """What lies where a path begins, folders with a slash; of hidden files those whose dot is typed."""
    folder, slash, name = begun.rpartition("/")
    with contextlib.suppress(OSError, RuntimeError):  # as of `~nobody`
        for entry in sorted(Path(folder + slash or ".").expanduser().iterdir()):
            if entry.name.startswith(name) and entry.name.startswith(".") <= name.startswith("."):
                yield f"{folder}{slash}{entry.name}{'/' * entry.is_dir()}"


def _models() -> Iterable[str]:
    from .list import in_folders

    return [entry["name"] for entry in in_folders()]


def _vaes() -> Iterable[str]:
    from .list import in_folders

    return ["own", *(entry["name"] for entry in in_folders(everything=True) if entry["kind"] == "vae")]


def _text_encoders() -> Iterable[str]:
    from .list import in_folders

    return ["own", *(entry["name"] for entry in in_folders(everything=True) if entry["kind"] == "text-encoder")]


def _upscalers() -> Iterable[str]:
    from .list import in_folders

    own = [entry["name"] for entry in in_folders(everything=True) if entry["kind"] == "upscaler"]
    return [*own, "lanczos", "bicubic"]


def _loras() -> Iterable[str]:
    from .list import in_folders

    return [entry["name"] for entry in in_folders(everything=True) if entry["kind"] == "lora"]


def _controls() -> Iterable[str]:
    from .list import in_folders

    return [f"{entry['name']}=" for entry in in_folders(everything=True) if entry["kind"] == "controlnet"]


def _orders() -> Iterable[str]:
    from . import reach

    client = reach.running()
    return [] if client is None else [order["id"] for order in client.detached()]


def _loaded() -> Iterable[str]:
    from . import reach

    client = reach.running()
    return [entry["name"] for entry in client.loaded()] if client else []


def _samplers() -> Iterable[str]:
    from ..words.samplers import SAMPLERS

    return [name.replace(" ", "_") for name in SAMPLERS]


def _schedules() -> Iterable[str]:
    from ..words.samplers import SCHEDULES

    return [name.replace(" ", "_") for name in SCHEDULES]


def _presets() -> Iterable[str]:
    from .presets import in_files

    return [preset["name"] for preset in in_files()]


def _resize() -> Iterable[str]:
    from ..words.recipe import Resize

    return get_args(Resize)


def _preprocessors() -> Iterable[str]:
    from ..words.preprocessors import PREPROCESSORS

    return PREPROCESSORS


def _policies() -> Iterable[str]:
    from ..words.moderation import POLICIES

    return POLICIES


def _commands() -> Iterable[str]:
    from .main import COMMANDS

    return COMMANDS


models, vaes, loaded = _completer(_models), _completer(_vaes), _completer(_loaded)
text_encoders, upscalers, loras = _completer(_text_encoders), _completer(_upscalers), _completer(_loras)
samplers, schedules = _completer(_samplers), _completer(_schedules)
presets, resize, commands = _completer(_presets), _completer(_resize), _completer(_commands)
preprocessors, policies = _completer(_preprocessors), _completer(_policies)
orders = _completer(_orders)
devices = _completer(lambda: ("auto", "all", "cpu", "cuda", "mps"))
log_formats = _completer(lambda: ("text", "json"))
