"""Jobs that were planned by another process: their files may be the same under other stamps, as after a remount."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import msgspec

from ...identity.stamp import FileStamp, unchanged
from ...words.entry import Entry
from ...words.errors import ImagineError
from ...words.frames import Submit
from ...words.model import Component
from ..gateway.gateway import Gateway


async def restamped(gateway: Gateway, jobs: list[Submit]) -> list[Submit]:
    """The jobs, where a file whose content is what it was has other stamps with those; what has changed stays, and is
    refused by whoever reads it."""
    parts = {part.path: part for job in jobs for part in _components(job)}
    stale = await asyncio.to_thread(
        lambda: {path: part for path, part in parts.items() if part.files and not unchanged(part.files)}
    )
    if not stale:
        return jobs
    here = {entry.path: entry for entry in await gateway.entries()}
    files = {path: await _files(gateway, here[path], part) for path, part in stale.items() if path in here}
    return [_with_files(job, files) for job in jobs]


def _components(job: Submit) -> list[Component]:
    return [*(part for model in job.models for part in model.components), *job.beside]


async def _files(gateway: Gateway, entry: Entry, part: Component) -> tuple[FileStamp, ...]:
    with contextlib.suppress(ImagineError):
        known = await gateway.digests.known(entry)
        if part.digest and known.digest == part.digest:
            return known.files
    return part.files


def _with_files(job: Submit, files: dict[str, tuple[FileStamp, ...]]) -> Submit:
    """The job, with these stamps wherever one of their paths stands."""

    def walked(value: Any) -> Any:
        match value:
            case Component() if value.path in files:
                return msgspec.structs.replace(value, files=files[value.path])
            case msgspec.Struct() if not isinstance(value, Component):
                changed = {name: walked(getattr(value, name)) for name in value.__struct_fields__}
                return msgspec.structs.replace(value, **changed)
            case tuple():
                return tuple(walked(each) for each in value)
        return value

    return walked(job)  # type: ignore[no-any-return]
