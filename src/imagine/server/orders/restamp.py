"""Jobs that were planned by another process: their files may be the same under other stamps, as after a remount."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec

from ...identity.stamp import FileStamp, unchanged
from ...words.component_walk import with_components
from ...words.entry import Entry
from ...words.errors import ImagineError
from ...words.frames import Submit
from ...words.model import Component
from ..gateway.gateway import Gateway


async def restamped(gateway: Gateway, jobs: list[Submit]) -> list[Submit]:
    """The jobs, where a file whose content is what it was has other stamps with those; what has changed stays, and is
    refused by whoever reads it."""
    parts = {part.path: part for job in jobs for part in job.components}
    stale = await asyncio.to_thread(
        lambda: {path: part for path, part in parts.items() if part.files and not unchanged(part.files)}
    )
    if not stale:
        return jobs
    here = {entry.path: entry for entry in await gateway.entries()}
    files = {path: await _files(gateway, here[path], part) for path, part in stale.items() if path in here}
    return [with_components(job, lambda part: _of_files(part, files)) for job in jobs]


def _of_files(part: Component, files: dict[str, tuple[FileStamp, ...]]) -> Component:
    return msgspec.structs.replace(part, files=files[part.path]) if part.path in files else part


async def _files(gateway: Gateway, entry: Entry, part: Component) -> tuple[FileStamp, ...]:
    with contextlib.suppress(ImagineError):
        known = await gateway.digests.known(entry)
        if part.digest and known.digest == part.digest:
            return known.files
    return part.files
