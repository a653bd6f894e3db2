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
from ..messages import Message, in_english, message
from ..pictures.looking.look import LookRequest, look
from ..settings.settings import settings_from
from ..words.errors import BadPicture, BadRequest, ImagineError
from .console import note, warn

_LARGEST = 64 * 2**20
"""Bytes of a picture's file."""


def write_captions(missing: Sequence[Path], pictures: int, url: str | None) -> None:
    """Writes the words of those that have none, of so many. The assistant is at `url`, else where the environment says.

    Raises BadRequest where there is none, ImagineError where it is away or a file can't be written.
    """
    settings = settings_from({"assistant": url})[0]
    if not settings.assistant:
        raise BadRequest(in_english("an assistant has to be named, by --assistant or IMAGINE_ASSISTANT", "caption_by"))
    there = pictures - len(missing)
    note(f"{there} of {pictures} pictures have their words; the assistant is asked for the rest")
    if missing:
        asyncio.run(_written(missing, Assistant(settings.assistant, settings.home / "state", turn=_at_once)))


def beside(picture: Path) -> Path:
    """Where a picture's words are."""
    return picture.with_suffix(".txt")


async def _written(pictures: Sequence[Path], assistant: Assistant) -> None:
    try:
        for path in pictures:
            if beside(path).exists():  # of another picture of the same name
                continue
            if (words := await _caption(path, assistant)) and _keep(beside(path), words):
                note(f"{path.name}: {words}")
        if assistant.is_here():
            await assistant.make_room()  # training wants their memory
    finally:
        await assistant.close()


async def _caption(path: Path, assistant: Assistant) -> str:
    """A picture's words; "" where it gets none, which is said. Raises ImagineError where the assistant is away."""
    why: Exception | Message = message("assist.nothing_seen")
    try:
        if words := (await assistant.describe(_shown(path))).as_caption():
            return words
    except BadPicture as error:
        why = error
    except AssistantTrouble as trouble:
        if trouble.away:
            raise ImagineError(in_english(f"{trouble}; the same command goes on with the rest")) from trouble
        why = trouble
    warn(f"{path.name} gets no words: {why}")
    return ""


def _shown(path: Path) -> WishedPicture:
    """Raises BadPicture, ImagineError."""
    data = read_file(path, _LARGEST, field="from")
    about, copy = look(LookRequest(size=len(data), field=path.name, copy="shown", largest=SIDE), data)
    if about.refused is not None:
        raise BadPicture(about.refused)
    return WishedPicture(copy, about.width, about.height, about.colours)


def _keep(path: Path, words: str) -> bool:
    """Is it there now? Who wrote some meanwhile, by hand, keeps them. Raises ImagineError."""
    if path.exists():
        return False
    try:
        write_atomically(path, f"{words}\n".encode())
    except OSError as error:
        raise ImagineError(in_english(f"{path} can't be written: {error.strerror or error}")) from error
    return True


@contextlib.asynccontextmanager
async def _at_once(_: str) -> AsyncGenerator[None]:
    """Nobody else waits for a turn."""
    yield
