"""`imagine train --caption-by assistant`: a text file beside each picture that has none, by a model that sees.

Each is kept as soon as it is there, so whoever stops goes on where that was; what is there already is never changed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from ..assistant.assistant import SIDE, Assistant, WishedPicture
from ..assistant.trouble import AssistantTrouble
from ..files.reading import read_file
from ..files.writing import write_atomically
from ..messages import in_english
from ..pictures.looking.look import LookRequest, look
from ..settings.settings import settings_from
from ..words.errors import BadPicture, BadRequest, ImagineError
from .console import note, warn

_LARGEST = 64 * 2**20
"""Bytes of a picture's file."""


def write_captions(pictures: Sequence[Path], url: str | None) -> None:
    """Writes what is missing. The assistant is at `url`, else where the environment says.

    Raises BadRequest where there is none, ImagineError where it is away or a file can't be written.
    """
    settings = settings_from({"assistant": url})[0]
    if not settings.assistant:
        raise BadRequest(in_english("an assistant has to be named, by --assistant or IMAGINE_ASSISTANT", "caption_by"))
    missing = [path for path in pictures if not beside(path).exists()]
    there = len(pictures) - len(missing)
    note(f"{there} of {len(pictures)} pictures have their words; the assistant is asked for the rest")
    if missing:
        asyncio.run(_written(missing, Assistant(settings.assistant, settings.home / "state", turn=_at_once)))


def beside(picture: Path) -> Path:
    """Where a picture's words are."""
    return picture.with_suffix(".txt")


async def _written(pictures: Sequence[Path], assistant: Assistant) -> None:
    try:
        for path in pictures:
            try:
                words = (await assistant.describe(_shown(path))).as_caption()
            except BadPicture as error:
                warn(f"{path.name} gets no words: {error}")
                continue
            except AssistantTrouble as trouble:
                if trouble.away:
                    raise ImagineError(in_english(f"{trouble}; the same command goes on with the rest")) from trouble
                warn(f"{path.name} gets no words: {trouble}")
                continue
            _keep(beside(path), words)
            note(f"{path.name}: {words}")
        if assistant.is_here():
            await assistant.make_room()  # training wants their memory
    finally:
        await assistant.close()


def _shown(path: Path) -> WishedPicture:
    """Raises BadPicture, ImagineError."""
    data = read_file(path, _LARGEST, field="from")
    about, copy = look(LookRequest(size=len(data), field=path.name, copy="shown", largest=SIDE), data)
    if about.refused is not None:
        raise BadPicture(about.refused)
    return WishedPicture(copy, about.width, about.height, about.colours)


def _keep(path: Path, words: str) -> None:
    try:
        if not path.exists():  # of another picture of the same name
            write_atomically(path, f"{words}\n".encode())
    except OSError as error:
        raise ImagineError(in_english(f"{path} can't be written: {error.strerror or error}")) from error


@contextlib.asynccontextmanager
async def _at_once(_: str) -> AsyncGenerator[None]:
    """Nobody else waits for a turn."""
    yield
