"""What a control group of Linux leaves of main memory, as of a container or a service with a limit: whoever takes more
is ended, however much the machine has.

Files of the kernel's documentation: `Documentation/admin-guide/cgroup-v2.rst`, and `cgroup-v1/memory.rst`.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

_OWN, _ROOT = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


class GroupMemory(NamedTuple):
    """In bytes."""

    total: int
    available: int
    """What isn't taken yet, or is kept of files."""


class _GroupVersion(NamedTuple):
    """How a version of them is told: its line in `/proc/self/cgroup`, its folder, and its files."""

    controllers: str
    folder: str
    limit: str
    usage: str
    kept: tuple[str, ...]


_VERSIONS = (
    _GroupVersion("", "", "memory.max", "memory.current", ("inactive_file", "active_file")),
    _GroupVersion(
        "memory", "memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
        ("total_inactive_file", "total_active_file"),
    ),
)  # fmt: skip


def group_memory(own: Path = _OWN, root: Path = _ROOT) -> GroupMemory | None:
    """The least that any allows, and that any leaves, of those that this process is in; None where none has a limit."""
    try:
        lines = [line.split(":", 2) for line in own.read_text().splitlines()]
    except OSError:
        return None
    found = []
    for _, controllers, path in (line for line in lines if len(line) == 3):
        for version in _VERSIONS:
            if version.controllers == controllers:
                within = root / version.folder
                parts = Path(path.lstrip("/"))
                # In a container the path may be the host's, and its own group lies at the root.
                found += [_of(within / each, version) for each in (parts, *parts.parents)]
    limited = [each for each in found if each is not None]
    return GroupMemory(*map(min, zip(*limited, strict=True))) if limited else None


def _of(folder: Path, version: _GroupVersion) -> GroupMemory | None:
    """What one leaves; None where it isn't there, or has no limit."""
    try:
        limit, usage = int((folder / version.limit).read_text()), int((folder / version.usage).read_text())
        lines = (line.split() for line in (folder / "memory.stat").read_text().splitlines())
        kept = sum(int(count) for name, count in lines if name in version.kept)
    except (OSError, ValueError):  # "max" is no number
        return None
    return GroupMemory(limit, max(0, limit - usage + kept))
