"""What a pull comes to, before the first gigabyte: which files, how large, under which terms, and what is here already.

The main file's header says what it is; what it lacks beside it is fetched with it, unless something that fits is here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from ..families.facts import Need
from ..families.table import facts_of
from ..messages import Message, message
from ..registry.composition import composed, published_for
from ..registry.registry import Registry
from ..registry.scan import INDEX
from ..words.entry import Entry
from ..words.errors import BadRequest, ImagineError
from ..words.model_names import similar
from .asking_sites import Beginning, object_at
from .catalogue import CATALOGUE, KeptOffers
from .checked import check_file, sha256_of
from .choice import chosen, of_folder, place_of
from .civitai import civitai_offer
from .connection import SiteConnection
from .download import Telling, finished
from .hub import offer_of
from .offer import Offer, RemoteFile
from .peek import peeked
from .record import record_of
from .source import CivitaiSource, HubSource, LocalSource, source_from
from .trouble import DownloadFailed

_MOST_COMPONENTS = 64
_LATEST = ":latest"
"""What clients of Ollama's put behind a name."""


class PlannedFile(NamedTuple):
    """One file of it."""

    file: RemoteFile
    offer: Offer
    target: Path
    there: Path | None = None
    """Where the very same lies already."""
    role: str = ""
    """What it is to the model: its kind as the registry has it, or a component that the model lacks."""
    beginning: Beginning | None = None

    @property
    def size(self) -> int:
        """In bytes."""
        return self.beginning.size if self.beginning else self.file.size


class PullPlan(NamedTuple):
    """All of it."""

    source: str
    licence: str
    files: tuple[PlannedFile, ...]
    result: Path
    """The file or folder that is the model."""
    entry: Entry | None = None
    """What the model will be listed as, where that can be told."""
    warnings: tuple[Message, ...] = ()
    folder: bool = False

    @property
    def left(self) -> list[PlannedFile]:
        """What is still to be fetched."""
        return [each for each in self.files if each.there is None]

    @property
    def size(self) -> int:
        """Bytes that are still to be fetched."""
        return sum(each.size for each in self.left)


class Planner:
    """Makes plans for the folder `root` and what the `registry` lists. Of one event loop."""

    def __init__(
        self, connection: SiteConnection, root: Path, registry: Registry, kept: KeptOffers, told: Telling
    ) -> None:
        self._connection = connection
        self._root = root
        self._registry = registry
        self._kept = kept
        self._told = told

    async def plan(self, name: str) -> PullPlan:
        """What pulling `name` comes to. Raises BadRequest, DownloadFailed, OSError."""
        name = name.removesuffix(_LATEST)
        source = source_from(name, self._connection.sites.hub.endpoint)
        if isinstance(source, LocalSource):
            raise BadRequest(message("pull.local", "model", value=name[:200]))
        called, licence = "", ""
        if source is None:
            row = CATALOGUE.get(name.lower())
            if row is None:
                raise unknown(name)
            source, called, licence = row.source, name.lower(), row.licence.name
        offer = await self._offer(source, keeps=bool(called))
        files = chosen(offer, source.file) if isinstance(source, HubSource) else list(_only(offer))
        if called:
            await finished(lambda: self._kept.keep(str(source), offer, [file.name for file in files]))
        if files[0].name == INDEX:
            return await self._folder(offer, files[0])
        return await self._files(offer, files, called, licence or offer.licence)

    async def _offer(self, source: HubSource | CivitaiSource, *, keeps: bool = False) -> Offer:
        """What a source has; of what is kept, as it was at the first pull."""
        site = self._connection.sites.hub
        if keeps and (kept := self._kept.of(str(source))) and all(site.is_own(file.url) for file in kept.files):
            return kept
        if isinstance(source, HubSource):
            return await offer_of(self._connection, source)
        return await civitai_offer(self._connection, source)

    async def _files(self, offer: Offer, files: Sequence[RemoteFile], called: str, licence: str) -> PullPlan:
        """The plan for a file, or the pieces of one, and for what it lacks."""
        called = called if len(files) == 1 else ""
        targets = [self._root / place_of(offer, file, called=called) for file in files]
        begun, entry = None, None
        if len(files) == 1:  # a piece says nothing of the whole
            begun, entry = await peeked(self._connection, files[0], "/".join(targets[0].parts[-2:]))
        there = [await self._there(file, target) for file, target in zip(files, targets, strict=True)]
        kind = entry.kind if entry else ""
        main = [PlannedFile(*each, role=kind) for each in zip(files, [offer] * len(files), targets, there, strict=True)]
        main[0] = main[0]._replace(beginning=begun)
        warnings: list[Message] = []
        parts = await self._parts(entry, targets[0], warnings) if entry else []
        return PullPlan(offer.source, licence, (*main, *parts), targets[0], entry, tuple(warnings))

    async def _folder(self, offer: Offer, index: RemoteFile) -> PullPlan:
        """The plan for a diffusers folder: its index says what it is made of."""
        told = await object_at(self._connection, "hub", index.url)
        components = [
            name for name, value in told.items() if isinstance(value, list) and len(value) == 2 and all(value)
        ]
        files = []
        for file in of_folder(offer, components[:_MOST_COMPONENTS]):
            target = self._root / place_of(offer, file, folder=True)
            files.append(PlannedFile(file, offer, target, await self._there(file, target, among=False)))
        result = self._root / place_of(offer, index, folder=True).parent
        return PullPlan(offer.source, offer.licence, tuple(files), result, folder=True)

    async def _parts(self, entry: Entry, target: Path, warnings: list[Message]) -> list[PlannedFile]:
        """The published files for what the model lacks, where nothing that is here fits."""
        moved = msgspec.structs.replace(entry, path=str(target))
        others = [each for each in self._registry.files() if each.path != str(target)]
        model = composed([moved, *others])[0]
        needs = [need for need in facts_of(model.family).needed(model.variant) if need.role in model.missing]
        found = [await self._part(need, model, warnings) for need in needs if not need.optional]
        return [part for part in found if part is not None]

    async def _part(self, need: Need, model: Entry, warnings: list[Message]) -> PlannedFile | None:
        """The first of the published files that can be had."""
        why: Message | None = None
        for public in published_for(need, model):
            source = HubSource(public.source, "", public.name)
            try:
                offer = await self._offer(source, keeps=True)
                (file,) = chosen(offer, public.name)
            except ImagineError as error:
                why = error.note
                continue
            await finished(lambda at=str(source), told=offer, name=file.name: self._kept.keep(at, told, [name]))  # type: ignore[misc]
            target = self._root / place_of(offer, file)
            return PlannedFile(file, offer, target, await self._there(file, target), need.role)
        role = need.role.replace("_", " ")
        warnings.append(message("pull.no_part", name=role, why=why or message("pull.unpublished")))
        return None

    async def _there(self, file: RemoteFile, target: Path, *, among: bool = True) -> Path | None:
        """Where the very same file lies: at its place, or anywhere among the models. Raises DownloadFailed where
        another has its place."""
        if target.exists():
            record = record_of(target)
            noted = None if record is None else (record.sha256, record.size)
            if file.sha256 and noted == (file.sha256, target.stat().st_size):
                return target
            try:
                await finished(lambda: check_file(target, file, lambda done: self._told("verifying", done, file.size)))
            except DownloadFailed as error:
                raise DownloadFailed(message("pull.in_the_way", name=target.name)) from error
            return target
        if not (among and file.sha256):
            return None
        files = [each for each in self._registry.files() if each.format != "diffusers" and not each.is_named]
        alike = [each for each in files if each.size == file.size]
        for entry in alike:
            digest = entry.file_digest or await finished(lambda path=Path(entry.path): sha256_of(path))  # type: ignore[misc]
            if digest == file.sha256:
                return Path(entry.path)
        return None


def unknown(name: str) -> BadRequest:
    """Why a short name means nothing."""
    near = ", ".join(similar(name.lower(), CATALOGUE) or CATALOGUE)
    return BadRequest(message("pull.unknown", "model", value=name[:200], names=near))


def _only(offer: Offer) -> Sequence[RemoteFile]:
    """Civitai's file. Raises BadRequest where there is none, or one that could run code."""
    return chosen(offer, offer.files[0].name if offer.files else "")
