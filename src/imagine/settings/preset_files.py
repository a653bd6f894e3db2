"""Every preset there is: what ships, the owner's files, read again when one changes, and the configuration's own."""

from __future__ import annotations

import difflib
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ..asking.presets import Preset, presets_from
from ..files import shipped
from ..files.reading import read_file
from ..files.yaml_text import read_yaml
from ..messages import in_english, message
from ..words.errors import BadRequest, ImagineError
from .settings import Settings

_log = logging.getLogger(__name__)
MAX_SIZE = 2**20
_LISTED = 20
_FileVersion = tuple[int, int] | None
"""A file's time and size; None where there is none."""


class _Read(NamedTuple):
    stamp: _FileVersion
    presets: list[Preset]


class Presets:
    """Presets by name; of two of a name the later source's counts: shipped, HOME's, further files, the settings'.

    Reading costs only where a file changed. May be used from any thread.
    """

    def __init__(self, files: Sequence[Path], own: Sequence[Preset] = (), shipped: Path | None = None) -> None:
        """`files` are the owner's; those that aren't there are taken for empty."""
        self._files = tuple(files)
        self._own = tuple(own)
        self._shipped = shipped
        self._read: dict[Path, _Read] = {}

    def check(self) -> None:
        """Reads the owner's files now. Raises ImagineError for one that can't be used."""
        for path in self._files:
            self._read[path] = _Read(_stamp(path), read_presets(path))

    def shipped(self) -> list[Preset]:
        """Those that come with Imagine."""
        return self._of(self._shipped) if self._shipped else []

    def all(self) -> dict[str, Preset]:
        """By name: the owner's first, in their order, then those that ship."""
        own = {preset.name: preset for path in self._files for preset in self._of(path)}
        own |= {preset.name: preset for preset in self._own}
        return own | {preset.name: preset for preset in self.shipped() if preset.name not in own}

    def listed(self) -> list[dict[str, Any]]:
        """All of them as clients see them: what a preset doesn't set isn't there."""
        shipped = self.shipped()
        return [msgspec.to_builtins(preset) | {"shipped": preset in shipped} for preset in self.all().values()]

    def find(self, name: str) -> Preset:
        """The preset of that name. Raises BadRequest on `preset`, with the names that are near."""
        presets = self.all()
        if name in presets:
            return presets[name]
        near = difflib.get_close_matches(name[:200], presets, n=3)
        if near:
            raise BadRequest(message("preset.missing_near", "preset", value=name[:40], names=", ".join(near)))
        if not presets:
            raise BadRequest(message("preset.none", "preset", value=name[:40]))
        names, more = ", ".join([*presets][:_LISTED]), max(0, len(presets) - _LISTED)
        if more:
            raise BadRequest(message("preset.missing_many", "preset", value=name[:40], names=names, more=more))
        raise BadRequest(message("preset.missing_among", "preset", value=name[:40], names=names))

    def _of(self, path: Path) -> list[Preset]:
        """What the file holds now; where that can't be used any more, what it held before."""
        stamp, before = _stamp(path), self._read.get(path)
        if before is not None and before.stamp == stamp:
            return before.presets
        try:
            presets = read_presets(path)
        except ImagineError as error:
            _log.warning("%s; its presets stay as they were", error)
            presets = before.presets if before else []
        self._read[path] = _Read(stamp, presets)
        return presets


def presets_of(settings: Settings) -> Presets:
    """The presets of a server of these settings. Raises ImagineError for a file that is named and isn't there."""
    for path in settings.preset_files:
        if not path.exists():
            raise ImagineError(in_english(f"there is no preset file {path}", "preset_files"))
    at_home = [settings.home / f"presets.{suffix}" for suffix in ("yaml", "yml", "json")]
    return Presets([*at_home, *settings.preset_files], settings.presets, shipped.presets())


def read_presets(path: Path) -> list[Preset]:
    """The presets in a YAML or JSON file, none for no file. Raises ImagineError for one that can't be used."""
    try:
        data = read_file(path, MAX_SIZE, field="preset_files")
    except ImagineError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return []
        raise
    try:
        value = _value(data.decode("utf-8-sig"), path.suffix.lower())
        return presets_from({} if value is None else value)
    except BadRequest as error:
        raise ImagineError(in_english(f"the preset file {path} can't be used: {error}", error.field)) from error
    except (ValueError, RecursionError) as error:
        kind = "JSON" if path.suffix.lower() == ".json" else "YAML"
        why = " ".join(str(error).split())[:200]
        raise ImagineError(in_english(f"the preset file {path} is not {kind} in UTF-8: {why}")) from error


def _value(text: str, suffix: str) -> object:
    """Raises ValueError for what can't be read."""
    if suffix == ".json":
        return json.loads(text) if text.strip() else None
    return read_yaml(text)


def _stamp(path: Path) -> _FileVersion:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size
