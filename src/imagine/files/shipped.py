"""Where the models and the page that come with Imagine lie."""

from __future__ import annotations

from pathlib import Path

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
