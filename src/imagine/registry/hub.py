"""The cache of Hugging Face's Hub: what its folders are called, and which revision of a repository is meant.

`models--ORGANISATION--NAME/snapshots/REVISION/…`, beside `refs/main`, a file with a revision.
https://huggingface.co/docs/huggingface_hub/guides/manage-cache
"""

from __future__ import annotations

from pathlib import Path

from ..words.errors import UnusableModel
from .reading import read_small

_BEGINNING = "models--"
_MOST = 200


def repository_of(folder: str) -> str:
    """The repository that a folder of such a name keeps, as `organisation/name`; "" for another folder."""
    return folder.removeprefix(_BEGINNING).replace("--", "/", 1) if folder.startswith(_BEGINNING) else ""


def main_file(folder: Path) -> Path:
    """The file that says which revision `main` means."""
    return folder / "refs" / "main"


def main_of(folder: Path) -> str:
    """The revision that `main` means; "" where nothing says so."""
    try:
        return read_small(main_file(folder), _MOST).decode("ascii", "replace").strip()
    except UnusableModel:
        return ""
