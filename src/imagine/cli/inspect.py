"""`imagine inspect FILE...`: where a picture comes from, as far as it says, and whether that holds."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from ..files.model_folders import home_from
from ..words.errors import ImagineError
from .console import note, printable, warn, write, write_json
from .inputs import read_input

if TYPE_CHECKING:
    from ..pictures.looking.inspection import Inspection, SourcePicture


@click.command("inspect")
@click.argument("files", nargs=-1, required=True, type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="As JSON, one object a line.")
def command(files: tuple[str, ...], as_json: bool) -> int:
    """Say where the pictures of FILES, PNG, JPEG or WebP, come from; - is stdin. Exits 1 if one can't be read."""
    import msgspec

    from ..messages import sentence
    from ..pictures.looking.inspection import summary

    failed = False
    for file, found in asyncio.run(_inspected(files)):
        if isinstance(found, ImagineError):
            note(str(found) if file in str(found) else f"{file}: {found}")
            failed = True
        elif as_json:
            write_json({"file": file, "summary": sentence(summary(found)), **msgspec.to_builtins(found)})
        else:
            write("\n".join([f"{printable(file)}: {sentence(summary(found))}", *_lines(found)]))
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


def _lines(found: Inspection) -> Iterator[str]:
    """What there is to know, a line each."""
    sources = (_source(each) for each in found.sources)
    told = {
        "program": found.program, "model": found.model, "signer": found.signer, "signature": found.signature,
        "actions": ", ".join(found.actions), "source type": found.source_type, "made of": "; ".join(sources),
        "read": ", ".join(found.read), "faults": ", ".join(found.faults),
    }  # fmt: skip
    for name, text in told.items():
        if text:
            yield f"    {name:<11}    {printable(text)}"


def _source(source: SourcePicture) -> str:
    words = (source.title, source.program, source.source_type, "signed" if source.signed else "not signed")
    return " ".join(filter(None, words))
