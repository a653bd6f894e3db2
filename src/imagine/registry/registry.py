"""Every model there is under the owner's roots, by name, and what changed since one last looked."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from ..identity.stamp import unchanged
from ..messages import message
from ..words.entry import Entry
from ..words.errors import ModelNotFound, UnusableModel
from ..words.model_names import matching, similar
from .cache import MAX_RECORDS, Record, load_records, save_records
from .composition import TEXT_ENCODER, VAE, composed, kind_for_names
from .content import body_digest, content_digest, is_whole
from .describe import describe
from .identify import CHECKPOINT, DIFFUSION_MODEL, LORA, MODEL_KINDS
from .names import also_called, name_all, normal
from .pairing import paired
from .scan import ScannedFile, scan, scan_one
from .standing import standing, uses
from .visited import Visited


class Changes(msgspec.Struct, frozen=True):
    """What one refresh found to differ from the one before; of what changed, as it is now. Empty is false."""

    added: tuple[Entry, ...] = ()
    changed: tuple[Entry, ...] = ()
    removed: tuple[Entry, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


class Registry:
    """The models under `roots`, and the `shipped` ones, that are there unless a root has one of that name and kind.

    It knows what the last `refresh` saw; before the first it is empty. Reading it is cheap and safe from any thread.
    `cache` is a file that it may keep what it learned in.
    """

    def __init__(self, roots: Sequence[Path], *, cache: Path | None = None, shipped: Sequence[Path] = ()) -> None:
        self.roots = tuple(Path(root).absolute() for root in roots)
        self.shipped = tuple(Path(path).absolute() for path in shipped)
        self._cache = cache
        self._records: dict[str, Record] | None = None
        self._entries: tuple[Entry, ...] = ()
        self._by_name: dict[tuple[str, str], Entry] = {}
        self._visited: Visited | None = None
        self._unread: tuple[Entry, ...] = ()
        self._elsewhere: dict[str, tuple[Entry, ...]] = {}
        self._far: dict[tuple[str, str], Entry] = {}
        """What is elsewhere alone, by kind and name."""
        self._lock = threading.Lock()

    def refresh(self) -> Changes:
        """Look again at every root. Opens only what is new, or has another size or time than it had."""
        with self._lock:
            known = self._known_records()
            current = dict(known) if len(known) <= MAX_RECORDS else {}
            visited = Visited()
            scanned = scan(self.roots, visited)
            named = [self._describe(file, known, current) for file in scanned if file.is_named]
            scanned = [file for file in scanned if not file.is_named]
            entries = [self._describe(file, known, current) for file in scanned]
            names = name_all([(file, kind_for_names(entry)) for file, entry in zip(scanned, entries, strict=True)])
            listed = composed(paired([_renamed(entry, name) for entry, name in zip(entries, names, strict=True)]))
            listed += self._shipped_entries(listed, known, current)
            listed += standing(_once_each(named), listed)
            changes = _compare(self._entries, listed)
            self._list(listed)
            self._unread = tuple(entry for entry in listed if entry.problem and entry.kind == "unknown")
            self._visited = visited  # last: until then what is listed counts as old
            if current != known:
                self._records = current
                self._save()
            return changes

    def is_current(self) -> bool:
        """Would another look see what is listed? Asks for every file's status, and opens none."""
        return self._as_visited(*self._entries)

    def still(self, entry: Entry) -> bool:
        """Would another look list this entry as it is? Asks for the status of its own files and parts, of what couldn't
        be read and may be being written, and of the folders.
        """
        if entry.place:
            return self._far.get((entry.kind, entry.name)) is entry
        if self._by_name.get((entry.kind, entry.name)) is not entry:
            return False
        beside = [(VAE, entry.vae), *((TEXT_ENCODER, name) for name in entry.encoders)]
        parts = [part for part in map(self._by_name.get, beside) if part]
        parts += [self.base_of(entry)] if entry.is_named else []
        return self._as_visited(entry, *parts, *self._unread)

    def _as_visited(self, *entries: Entry) -> bool:
        visited = self._visited
        return visited is not None and all(unchanged(entry.files) for entry in entries) and visited.unchanged()

    def models(self) -> list[Entry]:
        """What can generate, by name, here and then elsewhere."""
        return [entry for entry in (*self._entries, *self.elsewhere()) if entry.generates]

    def files(self) -> list[Entry]:
        """Everything that looked like a model, by kind and name, the unusable with its `problem`."""
        return list(self._entries)

    def elsewhere(self) -> list[Entry]:
        """What other servers have and this one has not: neither of that name nor of that content. As long as nobody
        asked for a digest here, the same header and size are taken for the same."""
        known = {entry.digest or (entry.header_digest, entry.size) for entry in self._entries}
        return [
            far
            for key, far in self._far.items()
            if key not in self._by_name and not known & {far.digest, (far.header_digest, far.size)}
        ]

    def list_elsewhere(self, place: str, entries: Sequence[Entry]) -> None:
        """From now on that other server has these, each with its place and digest. Of a name the first has it."""
        told = self._elsewhere | {place: tuple(entries)}  # which stays where it was among the others
        self._elsewhere = {where: those for where, those in told.items() if those}
        far = [entry for those in self._elsewhere.values() for entry in those]
        self._far = {(entry.kind, entry.name): entry for entry in reversed(far)}

    def find(self, name: str, kind: str = CHECKPOINT) -> Entry:
        """The entry of that name as it is listed; `name` is never taken for a path.

        Raises ModelNotFound; UnusableModel where a file has the name and can't be used, saying why.
        """
        wanted = normal(name)
        entry = self._by_name.get((kind, wanted))
        if entry and not entry.problem:
            return entry
        part = self._by_name.get((DIFFUSION_MODEL, wanted)) if kind == CHECKPOINT else None
        if part and part.composes:
            return part
        if not entry and (far := self._found_elsewhere(wanted, kind)):
            return far
        broken = entry or self._by_name.get(("unknown", wanted)) or part
        if broken and broken.problem and broken.unusable:
            raise UnusableModel(message("model.unreadable", "model", name=name, why=broken.unusable))
        if part:
            family = part.family or message("model.no_family")
            raise UnusableModel(message("model.denoiser", "model", name=name, family=family))
        raise ModelNotFound(name)

    def _found_elsewhere(self, wanted: str, kind: str) -> Entry | None:
        part = self._far.get((DIFFUSION_MODEL, wanted)) if kind == CHECKPOINT else None
        return self._far.get((kind, wanted)) or (part if part and part.composes else None)

    def find_alike(self, name: str, kind: str = CHECKPOINT) -> Entry:
        """As `find`; where no entry has that name, the one whose file's it is, that only its case tells from it, whose
        place it is (`styles/ink`), or which its trainer called so."""
        kinds = (kind, "unknown", DIFFUSION_MODEL) if kind == CHECKPOINT else (kind, "unknown")
        wanted = normal(name)
        if not any((each, wanted) in self._by_name for each in kinds):
            wanted = _alike(wanted, self._entries, kinds) or _alike(wanted, self._far.values(), kinds) or name
        return self.find(wanted, kind)

    def base_of(self, entry: Entry) -> Entry:
        """What a named model is drawn with; any other is itself. Raises ModelNotFound, UnusableModel."""
        while entry.is_named:
            entry = self.find_alike(entry.made.base)
        return entry

    def named_of(self, file: Entry) -> list[Entry]:
        """The named models, and files with a sidecar, that are made of this file."""
        return [entry for entry in self._entries if entry.path != file.path and uses(entry, file)]

    def of_another_kind(self, name: str) -> Entry | None:
        """A file of that name that is no model, where there is one."""
        wanted = normal(name)
        return next((entry for entry in self._entries if entry.name == wanted and not entry.generates), None)

    def similar(self, name: str, kind: str = CHECKPOINT) -> list[str]:
        """Names of that kind that may have been meant by one that isn't there, the likeliest first."""
        return similar(
            normal(name), [entry.name for entry in self._entries if kind in (entry.kind, kind_for_names(entry))]
        )

    def with_digest(self, entry: Entry) -> Entry:
        """The entry with the digest of its content, which is made now unless it is known. For a thread: it reads.

        Raises UnusableModel where the content can't be read, ModelChanged where it isn't the entry's any more.
        """
        if entry.is_named:
            return msgspec.structs.replace(entry, digest=self.with_digest(self.base_of(entry)).digest)
        record = (self._records or {}).get(entry.path)  # an entry from before it was made may be asked about
        digest = entry.digest or (record.entry.digest if record and record.entry.files == entry.files else "")
        if digest:
            autov3 = entry.autov3 or (record.entry.autov3 if record else "")
            return msgspec.structs.replace(entry, digest=digest, autov3=autov3)
        digest = content_digest(entry)
        digests = {"digest": digest} | ({"file_digest": digest} if is_whole(entry) else {})
        if entry.kind == LORA and not entry.autov3 and is_whole(entry):
            digests["autov3"] = body_digest(entry)
        self._learn(entry, **digests)
        return msgspec.structs.replace(entry, **digests)

    def learn_file_digest(self, entry: Entry, file_digest: str, behind: str = "") -> None:
        """Keep the SHA-256 of a whole file, and of what is behind a LoRA's header, unless its trainer said that or the
        file is another by now than this entry's."""
        self._learn(entry, file_digest=file_digest, **({"autov3": behind} if behind and not entry.autov3 else {}))

    def of_digest(self, digest: str) -> list[Entry]:
        """Every file that is known by this digest: of its content, of the header, of the whole file or its beginning; a
        LoRA by that of what is behind the header, or its beginning, too.

        For a thread: it makes the digests of content that nobody asked for yet.
        """
        matches = []
        for entry in (each for each in self.files() if not each.is_named):
            with contextlib.suppress(UnusableModel):
                complete = entry if entry.problem else self.with_digest(entry)
                wholes = (complete.file_digest, complete.autov3)
                if digest in (complete.digest, complete.header_digest) or any(d.startswith(digest) for d in wholes):
                    matches.append(complete)
        return matches

    def _known_records(self) -> dict[str, Record]:
        if self._records is None:
            self._records = load_records(self._cache) if self._cache else {}
        return self._records

    def _save(self) -> None:
        if self._cache and self._records is not None:
            # Whether a pipeline can be opened is diffusers' affair too, which may be another the next time.
            kept = {p: r for p, r in self._records.items() if r.entry.format != "diffusers" or not r.entry.problem}
            save_records(self._cache, kept)

    def _describe(self, file: ScannedFile, known: dict[str, Record], current: dict[str, Record]) -> Entry:
        """The entry of a candidate: the one kept for this state of the file, else a new one, kept for the next time."""
        record = known.get(str(file.path))
        if record is None or record.stamp != file.stamp or file.problem:
            entry = describe(file)
            if file.problem or entry.path != str(file.path):
                return entry
            record = Record(file.stamp, entry)
        elif record.entry.files != file.files:  # on another device by name, since the machine was started again
            record = Record(file.stamp, msgspec.structs.replace(record.entry, files=file.files))
        current[str(file.path)] = record
        return record.entry

    def _shipped_entries(
        self, listed: list[Entry], known: dict[str, Record], current: dict[str, Record]
    ) -> list[Entry]:
        taken = {(kind_for_names(entry), entry.name) for entry in listed if entry.generates or not _is_model(entry)}
        entries = []
        for path in self.shipped:
            if (file := scan_one(path)) is None:
                continue
            entry = self._describe(file, known, current)
            if (kind_for_names(entry), entry.name) not in taken:
                taken.add((kind_for_names(entry), entry.name))
                entries.append(msgspec.structs.replace(entry, shipped=True))
        return entries

    def _list(self, entries: Sequence[Entry]) -> None:
        self._entries = tuple(sorted(entries, key=lambda entry: (entry.kind, entry.name.casefold(), entry.name)))
        self._by_name = {(entry.kind, entry.name): entry for entry in self._entries}

    def _learn(self, entry: Entry, **facts: str) -> None:
        """Write what was found out into the record and the entries of the same file, unless that is another by now."""
        with self._lock:
            records = self._known_records()
            record = records.get(entry.path)
            if record is None or record.entry.files != entry.files:
                return
            updated = msgspec.structs.replace(record.entry, **facts)
            self._records = {**records, entry.path: Record(record.stamp, updated)}
            self._save()
            self._list([msgspec.structs.replace(e, **facts) if e.path == entry.path else e for e in self._entries])


def _is_model(entry: Entry) -> bool:
    return entry.kind in (*MODEL_KINDS, "unknown")


def _alike(wanted: str, known: Iterable[Entry], kinds: Sequence[str]) -> str | None:
    """The name of the entry of these kinds that is meant by another; None where there is none."""
    entries = [entry for entry in known if entry.kind in kinds]
    return matching(wanted, [entry.name for entry in entries]) or also_called(wanted, entries)


def _once_each(named: Sequence[Entry]) -> list[Entry]:
    """Of two of a name the first: two folders may hold one each."""
    return list({entry.name: entry for entry in reversed(named)}.values())[::-1]


def _renamed(entry: Entry, name: str) -> Entry:
    return entry if entry.name == name else msgspec.structs.replace(entry, name=name)


def _compare(before: Sequence[Entry], after: Sequence[Entry]) -> Changes:
    """What is another between two lists, by path."""
    old = {entry.path: entry for entry in before}
    new = {entry.path: entry for entry in after}
    return Changes(
        added=tuple(entry for path, entry in new.items() if path not in old),
        changed=tuple(entry for path, entry in new.items() if path in old and old[path] != entry),
        removed=tuple(entry for path, entry in old.items() if path not in new),
    )
