"""What a set remembers of each picture and answer, and the set itself on disk.

A record is `{"pixels", "file", "size", "meta", "warnings"}` of a picture, `{"answer"}` of anything else that was asked,
`{"refused"}` where there was none.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
from pathlib import Path
from typing import Any

from PIL import Image

from imagine.pictures.canonical import canonical

Record = dict[str, Any]
Records = dict[str, Record]

_MANIFEST = "set.json"


class Pictures:
    """A set that is being made: records by name, and the pictures themselves for whoever wants to look."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records: Records = {}

    def drawn(self, name: str, data: bytes | str, warnings: list[str] | None = None) -> Record:
        """Keeps a picture's file, given as bytes or in base64."""
        data = canonical(base64.b64decode(data) if isinstance(data, str) else data)
        path = self.folder / "pictures" / f"{name.replace('/', '-')}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self.records[name] = record_of(data) | {"warnings": warnings or []}
        return self.records[name]

    def answered(self, name: str, answer: object) -> None:
        self.records[name] = {"answer": answer}

    def refused(self, name: str, sentence: str) -> None:
        self.records[name] = {"refused": sentence}

    def save(self) -> None:
        (self.folder / _MANIFEST).write_text(json.dumps(self.records, indent=1, ensure_ascii=False))


def record_of(data: bytes) -> Record:
    """A picture's pixels and whole file, each as a SHA-256, and the recipe in it."""
    with Image.open(io.BytesIO(data)) as picture:
        meta = json.loads(picture.info.get("meta", "{}"))
        decoded = picture.convert("RGBA")
    pixels = hashlib.sha256(decoded.tobytes()).hexdigest()
    return {"pixels": pixels, "file": hashlib.sha256(data).hexdigest(), "size": decoded.size, "meta": meta}


def load(folder: Path) -> Records:
    """The records of a set that was made before. Raises OSError or ValueError where there is none."""
    records: Records = json.loads((folder / _MANIFEST).read_text())
    return records
