"""`imagine inspect FILE...`: where a picture comes from, as far as it says, and whether that holds."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from ..files.model_folders import home_from
from ..messages import Language, language_of, message, sentence
from ..words.errors import ImagineError
from .console import note, printable, warn, write, write_json
from .inputs import read_input

if TYPE_CHECKING:
    from ..pictures.looking.inspection import Inspection, SourcePicture

_MOST_ZEROS = 30
"""Of a chance that is told: what is rarer is so rare that it says no more."""

_SAYS: dict[str, str] = {"painted": "inspect.marked_painted", "edited": "inspect.marked_edited"}


@click.command("inspect")
@click.argument("files", nargs=-1, required=True, type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="As JSON, one object a line.")
def command(files: tuple[str, ...], as_json: bool) -> int:
    """Say where the pictures of FILES, PNG, JPEG or WebP, come from; - is stdin. Exits 1 if one can't be read."""
    import msgspec

    from ..pictures.looking.inspection import summary

    language = language_of(os.environ)
    failed = False
    for file, found in asyncio.run(_inspected(files)):
        if isinstance(found, ImagineError):
            why = sentence(found.note, language)
            note(why if file in why else f"{file}: {why}")
            failed = True
        elif as_json:
            write_json({"file": file, "summary": sentence(summary(found), language), **msgspec.to_builtins(found)})
        else:
            write("\n".join([f"{printable(file)}: {sentence(summary(found), language)}", *_lines(found, language)]))
    return int(failed)


async def _inspected(files: Sequence[str]) -> list[tuple[str, Inspection | ImagineError]]:
    """What each says, by a process of its own, as a server looks at them."""
    from ..pictures.looking.decoder import Decoder
    from ..provenance.identity import IdentityPlace, roots_or_none

    roots = roots_or_none(IdentityPlace(home_from(os.environ) / "provenance"), lambda error: warn(error.note))
    decoder, found = Decoder(), list[tuple[str, "Inspection | ImagineError"]]()
    try:
        for file in files:
            try:
                data = read_input(file, "file")
                found.append((file, await decoder.inspect(data, "file", "", roots)))
            except ImagineError as error:
                found.append((file, error))
    finally:
        await decoder.stop()
    return found


def _lines(found: Inspection, language: Language) -> Iterator[str]:
    """What there is to know, a line each."""
    sources = (_source(each, language) for each in found.sources)
    told = {
        "inspect.camera" if found.origin == "camera" else "inspect.program": found.program,
        "inspect.model": found.model, "inspect.signer": found.signer, "inspect.signature": found.signature,
        "inspect.actions": ", ".join(found.actions), "inspect.source_type": found.source_type,
        "inspect.made_of": "; ".join(sources), "inspect.watermark": _watermark(found, language),
        "inspect.read": ", ".join(found.read), "inspect.faults": ", ".join(found.faults),
    }  # fmt: skip
    for code, text in told.items():
        if text:
            yield f"    {sentence(message(code), language):<13}  {printable(text)}"


def _watermark(found: Inspection, language: Language) -> str:
    """What there is of it; that it wasn't looked for is said, too. Nothing where it was, and isn't there."""
    from ..pictures.images import MAX_SIDE

    if found.watermark is None:
        return "" if found.looked else sentence(message("inspect.unlooked", most=MAX_SIDE), language)
    seen = found.watermark
    pictures = f"10^{min(_MOST_ZEROS, int(-math.log10(max(seen.chance, 1e-300))))}"
    says = message(_SAYS[seen.says])
    return sentence(
        message("inspect.marked", says=says, percent=round(100 * seen.strength), pictures=pictures), language
    )


def _source(source: SourcePicture, language: Language) -> str:
    signed = sentence(message("inspect.signed" if source.signed else "inspect.not_signed"), language)
    return " ".join(filter(None, (source.title, source.program, source.source_type, signed)))
