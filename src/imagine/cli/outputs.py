"""The files of a run: their names, that no other run takes; replaced only whole; the JSON beside; the contact sheet."""

from __future__ import annotations

import base64
import contextlib
import json
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from ..files.folders import sweep
from ..files.writing import TEMPORARY, write_atomically
from ..messages import in_english
from ..words.errors import BadRequest, ImagineError
from .destination import WRITTEN, Destination
from .draft import Draft
from .exits import reason
from .naming import TELLING, fields_of, filled
from .signals import shielded


class Outputs(Protocol):
    """Where the pictures of one run go. Leaving it as a context takes back what was not finished."""

    def __enter__(self) -> Outputs: ...

    def __exit__(self, *_: object) -> None: ...

    def preview(self, index: int, data: bytes, media_type: str, seed: str) -> Path | None:
        """Put a picture as it is so far; where, or None where nothing can be put before it is done."""

    def finish(self, index: int, data: bytes, meta: dict[str, Any], saved: dict[str, Any]) -> list[Path]:
        """Put a finished PNG, whose recipe is `meta`, and the JSON that makes it again, which says `saved`; where."""

    def sheet(self) -> Path | None:
        """All finished pictures on one; None for fewer than two."""


class Stream:
    """One picture into stdout, a pipe or a device: its bytes, and nothing beside them."""

    def __init__(self, place: str) -> None:
        self._place = place

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None: ...

    def preview(self, index: int, data: bytes, media_type: str, seed: str) -> None:
        """Nothing: what was sent can't be taken back."""

    def finish(self, index: int, data: bytes, meta: dict[str, Any], saved: dict[str, Any]) -> list[Path]:  # noqa: ARG002 - the protocol's
        """Send the PNG."""
        with _explained(Path(self._place)):
            if self._place == "-":
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
            else:
                Path(self._place).write_bytes(data)
        return []

    def sheet(self) -> None:
        """None: one picture has no sheet."""


class Files:
    """Files of `count` pictures. `known` are the values of a name's fields that are known before; `done` pictures of
    the same run were made before these."""

    def __init__(
        self, place: Destination, count: int = 1, known: Mapping[str, str] | None = None,
        now: time.struct_time | None = None, done: int = 0,
    ) -> None:  # fmt: skip
        moment = now or time.localtime()
        self._place = place
        self._count = count
        self._done = done
        self._known = {"date": time.strftime("%Y%m%d", moment), "time": time.strftime("%H%M%S", moment)} | dict(
            known or {}
        )
        self._drafts: dict[int, Draft] = {}
        self._finished: dict[int, bytes] = {}
        self._stems: dict[int, Path] = {}
        self._claims: list[Path] = []
        self._made: Path | None = None
        fields = fields_of(place.name)
        self._told_apart = bool(fields & TELLING) or count == 1
        with _explained(place.folder):
            if place.makes_folder and not place.folder.is_dir():
                place.folder.mkdir()
                self._made = place.folder
            sweep(place.folder, time.time())
        if fields <= self._known.keys():
            self._take_all()

    def __enter__(self) -> Files:
        return self

    def __exit__(self, *_: object) -> None:
        """Take back the pictures that were never finished, and the claims to their names."""
        with shielded():
            for draft in self._drafts.values():
                draft.abandon()
            self._drafts.clear()
            for claim in self._claims:
                claim.unlink(missing_ok=True)
            self._claims.clear()
            if self._made is not None:
                with contextlib.suppress(OSError):  # something is in it
                    self._made.rmdir()

    def path(self, index: int) -> Path:
        """The picture `index`, whose name is known."""
        return _with(self._stems[index], self._place.suffix)

    def preview(self, index: int, data: bytes, media_type: str, seed: str) -> Path | None:
        """Put a picture as it is so far; None where its name needs what only the finished one tells."""
        if not self._take(index, {"seed": seed}):
            return None
        path = self.path(index)
        draft = self._drafts.setdefault(index, Draft(path))
        with _explained(path):
            draft.show(self._written(data, media_type))
        return path

    def finish(self, index: int, data: bytes, meta: dict[str, Any], saved: dict[str, Any]) -> list[Path]:
        """Put a finished PNG in its place, in the format of its name, and the JSON that makes it again beside it."""
        taken = self._take(index, {"seed": str(meta.get("seed", "")), "model": str(meta.get("model", ""))})
        assert taken, "a finished picture's recipe tells its seed and model"
        path, beside = self.path(index), _with(self._stems[index], ".json")
        held = {"meta": saved, "out": base64.b64encode(data).decode("ascii")}
        text = json.dumps(held, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        with _explained(path):
            self._drafts.pop(index, Draft(path)).finish(self._written(data, "image/png", meta), {beside: text})
        self._finished[index] = data
        return [path, beside]

    def sheet(self) -> Path | None:
        """All finished pictures on one; None for fewer than two."""
        if len(self._finished) < 2:
            return None
        first = self._stems[min(self._stems)]
        from ..pictures.images import encode  # PIL takes longer than all else here, and a PNG needs none
        from ..provenance.manifest import Provenance
        from .sheet import contact_sheet
        from .signed_copy import signed_copy

        base = first if self._told_apart else first.with_name(first.name.removesuffix(f"-{min(self._stems) + 1}"))
        path = _with(base, f"-sheet{self._place.suffix}")
        pictures = [self._finished[index] for index in sorted(self._finished)]
        sheet = encode(contact_sheet(pictures), WRITTEN[self._place.suffix.lower()])
        with _explained(path):
            write_atomically(path, signed_copy(sheet, pictures, Provenance(how="composed"), "componentOf"))
        return path

    def _written(self, data: bytes, media_type: str, meta: dict[str, Any] | None = None) -> bytes:
        """The picture in the format that its name tells; a PNG of the server as it is."""
        wanted = WRITTEN[self._place.suffix.lower()]
        if media_type == wanted:
            return data
        from ..pictures.images import decode, encode

        made = encode(decode(data, field="img"), wanted, meta=meta)
        if meta is None:  # a preview, which nobody signs
            return made
        from ..provenance.manifest import Provenance
        from .signed_copy import signed_copy

        return signed_copy(made, [data], Provenance(how="transcoded", model=str(meta.get("model", ""))))

    def _take_all(self) -> None:
        """One base for all pictures of the run: the name, or with the first of -2, -3… that nobody has."""
        base = self._place.folder / filled(self._place.name, self._known | {"seed": "", "index": ""})
        number = 1
        while True:
            stem = base if number == 1 else _with(base, f"-{number}")
            stems = {i: _with(stem, f"-{i + 1}" if self._count > 1 else "") for i in range(self._count)}
            taken = [*stems.values(), _with(stem, "-sheet")]
            if self._place.overwrites:
                self._check_none_is_a_folder(taken)
            if self._place.overwrites or self._claimed(taken, stem):
                self._stems = stems
                return
            number += 1

    def _check_none_is_a_folder(self, stems: list[Path]) -> None:
        for path in (_with(stem, suffix) for stem in stems for suffix in (self._place.suffix, ".json")):
            if path.is_dir():
                raise BadRequest(in_english(f"{path} is a folder", "output"))

    def _take(self, index: int, values: dict[str, str]) -> bool:
        """Is the name of this picture known? With `values` it may be."""
        if index in self._stems:
            return True
        values = self._known | {"index": str(self._done + index + 1)} | values
        if not fields_of(self._place.name) <= values.keys():
            return False
        base = self._place.folder / filled(self._place.name, values)
        if not self._told_apart:
            base = _with(base, f"-{index + 1}")
        number = 1
        while not self._claimed([stem := base if number == 1 else _with(base, f"-{number}")], stem):
            number += 1
        self._stems[index] = stem
        return True

    def _claimed(self, stems: list[Path], claim: Path) -> bool:
        """Are no files there, and is the name this run's from now on? Another may have begun in the same second."""
        if any(_with(stem, suffix).exists() for stem in stems for suffix in (self._place.suffix, ".json")):
            return False
        path = claim.with_name(f"{TEMPORARY}{claim.name}.tmp")
        with _explained(path.parent):
            try:
                path.touch(exist_ok=False)
            except FileExistsError:
                return False
        self._claims.append(path)
        return True


def outputs_of(place: Destination, count: int, known: Mapping[str, str], done: int = 0) -> Outputs:
    """Where `place` says."""
    return Stream(place.stream) if place.stream is not None else Files(place, count, known, done=done)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """What the system refuses, as a sentence that names the file. A reader of a pipe that has gone is no error."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ImagineError(in_english(f"{path} can't be written: {reason(error)}", "output")) from error


def _with(base: Path, ending: str) -> Path:
    return base.with_name(base.name + ending)
