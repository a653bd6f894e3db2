"""Files that an agent may name: those in the folders that its user gave it, and none beside."""

from __future__ import annotations

import itertools
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ..files.reading import read_file
from ..messages import in_english
from ..words.errors import ImagineError
from .naming import safe

_KINDS = (".png", ".jpg", ".jpeg", ".webp")
"""What a picture's file is called; base64 has no dot."""
_MOST = 32 * 2**20
_EXTENSIONS = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}


class AgentFolders:
    """The folders, the first of which takes what is drawn."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = [folder.resolve(strict=True) for folder in folders]

    def __bool__(self) -> bool:
        return bool(self._folders)

    def __str__(self) -> str:
        return ", ".join(map(str, self._folders))

    def with_pictures(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """A tool's arguments, with the pictures that they name by their paths. Raises ImagineError."""
        named = {name: said[name] for name in ("image", "mask") if _is_path(said.get(name))}
        return {**said, **{name: b64encode(self._read(path)).decode("ascii") for name, path in named.items()}}

    def save(self, data: bytes, media_type: str, prompt: str, seed: str) -> Path:
        """Where the picture is saved: under a name that none had. Raises ImagineError."""
        stem = f"{safe(prompt)[:60]}_{safe(seed)}"
        for number in itertools.count(1):
            name = stem if number == 1 else f"{stem}-{number}"
            path = self._folders[0] / f"{name}{_EXTENSIONS.get(media_type, '.png')}"
            try:
                with path.open("xb") as file:
                    file.write(data)
            except FileExistsError:
                continue
            except OSError as error:
                raise ImagineError(in_english(f"{path} can't be written: {error.strerror or error}")) from error
            return path
        raise AssertionError("there are always further numbers")

    def _read(self, text: str) -> bytes:
        path = self._resolved(unquote(urlsplit(text).path) if text.startswith("file://") else text)
        within = next((folder for folder in self._folders if path is not None and folder in path.parents), None)
        if path is None or within is None:
            allowed = f"only files in {self} may be named" if self else "no files may be named: there is no --folder"
            raise ImagineError(in_english(f"{text[:200]} can't be read: {allowed}"))
        return read_file(path, _MOST, within=within)

    def _resolved(self, text: str) -> Path | None:
        """Where a path leads, links followed; None for what is none."""
        try:
            path = Path(text).expanduser()
            return (path if path.is_absolute() or not self._folders else self._folders[0] / path).resolve()
        except (OSError, RuntimeError, ValueError):
            return None


def _is_path(value: object) -> bool:
    return isinstance(value, str) and "://" not in value.removeprefix("file://") and value.lower().endswith(_KINDS)
