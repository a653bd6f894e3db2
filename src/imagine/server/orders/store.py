"""A picture kept under a name of its own, where its client asked for an address."""

from __future__ import annotations

from ...messages import message
from ...words.errors import ImagineError
from ..gateway.gateway import Gateway
from ..gateway.storage import MEDIA_TYPES
from .output import Output
from .painted import Painted

EXTENSIONS = {media_type: extension for extension, media_type in MEDIA_TYPES.items()}


async def store(gateway: Gateway, painted: Painted, output: Output) -> Painted:
    """The picture, kept where that is asked for.

    Raises ImagineError where it can't be and would be nowhere; where it is in the answer too, that is only a note.
    """
    if output.store == "no":
        return painted
    finished = painted.finished
    try:
        name = await gateway.stored.keep(finished.data, EXTENSIONS[finished.media_type], output.name)
    except ImagineError as error:
        if output.store == "only":
            raise
        return painted._replace(notes=(*painted.notes, message("url.not_kept", "url", why=error.note)))
    return painted._replace(stored=name)
