"""Where the models and the page that come with Imagine lie, and since when."""

from __future__ import annotations

import os
from pathlib import Path

UNPACKED = 946_684_800
"""The time of change of every file that the one-file binary has unpacked, 2000-01-01: one that was written to has
another."""
FIRST = "toybox"
"""The model that a machine without any other draws with."""
_PACKAGE = Path(__file__).parents[1]


def folder() -> Path:
    """The folder of shipped models: the package's own data, or in a source checkout `models.example`."""
    packed = _PACKAGE / "data" / "models"
    return packed if packed.is_dir() else _PACKAGE.parents[1] / "models.example"


def models() -> list[Path]:
    """Its files, those in its folders behind its own."""
    return [*sorted(folder().glob("*.safetensors")), *sorted(folder().glob("*/*.safetensors"))]


def presets() -> Path:
    """The file of shipped style presets."""
    return folder() / "presets.yaml"


def page_folder() -> Path:
    """The folder of the page: the package's own, or in a source checkout `ui`."""
    packed = _PACKAGE / "ui"
    return packed if packed.is_dir() else _PACKAGE.parents[1] / "ui"


def since(status: os.stat_result) -> float:
    """Since when a file is what it is, in Unix seconds: one of the binary's own since it was unpacked."""
    return status.st_ctime if status.st_mtime == UNPACKED else status.st_mtime
