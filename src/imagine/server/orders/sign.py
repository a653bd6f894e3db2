"""A picture signed, as the very last thing that is done to it: its manifest says that a model made it, and of what."""

from __future__ import annotations

import asyncio
import mmap
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ...messages import Message, message
from ...pictures.canonical import Cut, canonical, joined
from ...pictures.containers import sniff
from ...pictures.looking.origins import ingredient
from ...provenance.manifest import Ingredient, Provenance
from ...words.errors import ImagineError
from ...words.frames import Submit
from ..gateway.gateway import Gateway
from .output import Output
from .painted import Painted

_MOST_SIGNED = 64 * 2**20
"""Bytes of a file that is signed: the library holds it whole, several times."""
_MOST_NAMED = 8
"""Pictures that a manifest names: each adds some 4 kB to the file, twice as many where it has a manifest itself."""
_PIECE = 2**20


async def sign(gateway: Gateway, painted: Painted, output: Output) -> Painted:  # noqa: ARG001 - a stage's signature
    """The picture with its manifest, or with a note why it has none.

    A map is none: nobody takes it for a picture of something, and other pictures follow it.
    """
    job, finished = painted.job, painted.finished
    if job is None or job.mapping is not None or not gateway.settings.provenance or sniff(finished.data) is None:
        return painted
    plain = canonical(finished.data)
    try:
        cuts = await gateway.signing.cuts(plain, making_of(job), job.client, made_of(job))
    except ImagineError as error:
        return painted._replace(notes=(*painted.notes, message("provenance.unsigned", why=error.note)))
    return painted._replace(finished=msgspec.structs.replace(finished, data=joined(plain, cuts)))


async def sign_file(gateway: Gateway, path: Path, job: Submit) -> list[Message]:
    """Signs a PNG that was written to the disk, where that is wanted; what is to be said of it."""
    if not gateway.settings.provenance or job.img is None:
        return []
    try:
        size = (await asyncio.to_thread(path.stat)).st_size
        if not size:  # nothing can be mapped of it
            return []
        if size > _MOST_SIGNED:
            return [message("provenance.unsigned", why=message("provenance.too_large", most=_MOST_SIGNED >> 20))]
        cuts = await _cuts_of(gateway, _mapped(path), job)
        await asyncio.to_thread(_put_in, path, cuts)
    except OSError as error:
        why = message("provenance.failed", why=error.strerror or type(error).__name__)
        return [message("provenance.unsigned", why=why)]
    except ImagineError as error:
        return [message("provenance.unsigned", why=error.note)]
    return []


async def _cuts_of(gateway: Gateway, plain: memoryview, job: Submit) -> tuple[Cut, ...]:
    """What signs a file; nothing of one that is no picture."""
    if sniff(bytes(plain[:16])) is None:
        return ()
    return await gateway.signing.cuts(plain, making_of(job), job.client, made_of(job))


def _mapped(path: Path) -> memoryview:
    """The file's bytes, without memory of their own, for as long as somebody has them. Raises OSError."""
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _put_in(path: Path, cuts: Sequence[Cut]) -> None:
    """Makes the file of a PNG that of the signed one. Raises OSError."""
    if not cuts:
        return
    signed = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with path.open("rb") as plain, signed.open("xb") as file:
            signed.chmod(0o600)
            for cut in cuts:
                file.write(plain.read(cut.at - plain.tell()))
                file.write(cut.data)
            shutil.copyfileobj(plain, file, _PIECE)
        signed.replace(path)
    finally:
        signed.unlink(missing_ok=True)


def making_of(job: Submit) -> Provenance:
    """How the picture of a job came about."""
    if job.enlargement is not None:
        return Provenance(how="enlarged", model=job.model.name)
    return Provenance(how="created" if _source_of(job) is None else "edited", model=job.model.name)


def made_of(job: Submit) -> list[Ingredient]:
    """The picture that it is made of, then what its model was shown beside: pictures to be like, maps or what these
    were made of. No more of them than a manifest has room for."""
    source = _source_of(job)
    shown = [("reference", each.img) for each in job.references if each.img is not None and each.img is not source]
    shown += [("control", each.image) for each in job.controls]
    named = [] if source is None else [ingredient(source)]
    room = _MOST_SIGNED - len(source or b"")
    for title, data in dict.fromkeys(shown):
        if len(named) < _MOST_NAMED and (room := room - len(data)) >= 0:
            named.append(ingredient(data, title, "inputTo"))
    return named


def _source_of(job: Submit) -> bytes | None:
    """What a picture starts from, else the first that its model is to change, as Kontext does."""
    seen = (each.img for each in job.references if each.component is None and each.encoder is None)
    return job.img if job.img is not None else next((img for img in seen if img is not None), None)
