"""Symbols that only a debugger reads, taken out of libraries: a fifth of torch's bytes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def strip(folder: Path) -> int:
    """Strips every library under `folder` but NVIDIA's and what auditwheel has rewritten (`*.libs`); bytes saved."""
    tool = shutil.which("strip")
    if tool is None:
        raise SystemExit("strip is missing: install binutils")
    saved = 0
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or ".so" not in path.suffixes or any(map(_is_left, path.relative_to(folder).parts)):
            continue
        before = path.stat().st_size
        subprocess.run([tool, str(path)], check=True)
        saved += before - path.stat().st_size
    return saved


def _is_left(folder: str) -> bool:
    return folder == "nvidia" or folder.endswith(".libs")
