"""A model pulled: planned, agreed to, fetched file by file, each noted beside itself."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from ..messages import Message, message
from ..registry.registry import Registry
from .catalogue import KeptOffers
from .connection import SiteConnection
from .download import download, finished
from .partial import done_of
from .plan import PlannedFile, Planner, PullPlan
from .record import PullRecord, note_record, record_of
from .trouble import DownloadFailed

_SPARE = 10**9
_SHARE = 0.05
"""Of what is fetched, which is left free on the disk besides."""

Status = Literal["planning", "planned", "here", "pulling", "verifying", "placed", "done"]


class PullNews(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far it is. `completed` and `total` are bytes of `file`, whose SHA-256 is `digest` where the site says it."""

    status: Status
    file: str = ""
    digest: str = ""
    completed: int = 0
    total: int = 0
    model: str = ""
    warnings: tuple[Message, ...] = ()


class Library(NamedTuple):
    """Where models are kept, and what is known of them."""

    root: Path
    """The folder that new ones go to."""
    registry: Registry
    offers: KeptOffers
    free: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free


async def pull(
    name: str, library: Library, connection: SiteConnection, tell: Callable[[PullNews], None],
    agree: Callable[[PullPlan], Awaitable[bool]],
) -> str:  # fmt: skip
    """Brings the model that `name` means, and what it lacks; what it is called among the models, "" where `agree` says
    no. Raises BadRequest, DownloadFailed, OSError.
    """
    tell(PullNews("planning", model=name))
    await finished(library.registry.refresh)
    planner = Planner(
        connection, library.root, library.registry, library.offers,
        lambda _, done, size: tell(PullNews("verifying", name, completed=done, total=size)),
    )  # fmt: skip
    plan = await planner.plan(name)
    tell(PullNews("planned", model=name, total=plan.size, warnings=plan.warnings))
    if plan.left:
        if not await agree(plan):
            return ""
        check_room(plan, library)
    for planned in plan.files:
        if planned.there is None:
            await _fetch(planned, plan, connection, tell)
        else:
            tell(_news("here", planned, planned.size))
    await finished(lambda: _note(plan))
    await finished(lambda: _learn(plan, library.registry))
    called = _called(plan, library.registry)
    tell(PullNews("done", model=called))
    return called


def check_room(plan: PullPlan, library: Library) -> None:
    """Raises DownloadFailed where the disk hasn't room for it and some to spare."""
    library.root.mkdir(parents=True, exist_ok=True)
    left = plan.size - sum(done_of(each.target)[0] for each in plan.left)
    free, needed = library.free(library.root), int(left * (1 + _SHARE)) + _SPARE
    if free < needed:
        raise DownloadFailed(message("pull.no_room", size=_giga(needed), free=_giga(free)))


def _giga(count: int) -> Message:
    return message("size.gb", count=round(count / 10**9, 1))


async def _fetch(
    planned: PlannedFile, plan: PullPlan, connection: SiteConnection, tell: Callable[[PullNews], None]
) -> None:
    def told(what: str, done: int, _: int) -> None:
        tell(_news("verifying" if what == "verifying" else "pulling", planned, done))

    digest = await download(connection, planned.file, planned.target, told, planned.beginning)
    if digest and not plan.folder:
        await finished(lambda: note_record(planned.target, _record(planned, digest, plan)))
    tell(_news("placed", planned, planned.size))


def _record(planned: PlannedFile, digest: str, plan: PullPlan) -> PullRecord:
    offer = planned.offer
    licence = plan.licence if offer.source == plan.source else offer.licence
    source = f"{offer.source}/{planned.file.name}" if planned.file.site == "hub" else offer.source
    return PullRecord(source, planned.file.url, offer.revision, digest, planned.size, licence, offer.page)


def _note(plan: PullPlan) -> None:
    """Notes of a folder, and of files that were here without any."""
    if plan.folder:
        offer = plan.files[0].offer
        digests = {each.file.name: each.file.sha256 or each.file.blob for each in plan.files}
        size = sum(each.size for each in plan.files)
        record = PullRecord(
            offer.source, offer.page, offer.revision, size=size, licence=offer.licence, page=offer.page, files=digests
        )
        note_record(plan.result, record)
        return
    for each in plan.files:
        if each.there == each.target and each.file.sha256 and record_of(each.target) is None:
            note_record(each.target, _record(each, each.file.sha256, plan))


def _learn(plan: PullPlan, registry: Registry) -> None:
    """What was read whole needn't be again."""
    registry.refresh()
    entries = {entry.path: entry for entry in registry.files()}
    for each in plan.files:
        if each.file.sha256 and not plan.folder and (entry := entries.get(str(each.there or each.target))):
            registry.learn_file_digest(entry, each.file.sha256)


def _called(plan: PullPlan, registry: Registry) -> str:
    """The name by which the registry lists the model."""
    where = str(next((each.there for each in plan.files[:1] if each.there and not plan.folder), plan.result))
    return next((entry.name for entry in registry.files() if entry.path == where), plan.result.name)


def _news(status: Status, planned: PlannedFile, done: int) -> PullNews:
    return PullNews(status, planned.file.last, planned.file.sha256, done, planned.size)
