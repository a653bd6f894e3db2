"""`imagine pull NAME`: bring a model here, from the Hub, from Civitai or from another folder of this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from ..messages import sentence
from . import reach
from .console import note, warn, write, write_json
from .own_models import offers_file, registry_here
from .table import size_of, table

if TYPE_CHECKING:
    from ..client.client import Client
    from ..library.plan import PlannedFile, PullPlan
    from ..library.pull import PullNews
    from .pull_bars import Bars

_KINDS = {"diffusion-model": "denoiser", "": "file"}


@click.command("pull")
@click.argument("name", default="")
@click.option("-y", "--yes", is_flag=True, help="Don't ask: licence and size are agreed to.")
@click.option("--copy", "way", flag_value="copy", help="Of a file of this machine: copy it, rather than link to it.")
@click.option("--move", "way", flag_value="move", help="Of a file of this machine: move it.")
@click.option("--offline", is_flag=True, help="Ask no site: what is here is enough, or it fails.")
@click.option("--update-catalogue", is_flag=True, help="Ask anew what the catalogue's names are.")
@click.option("-a", "--address", help="Have the server at HOST:PORT pull it, into its own folder.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each event.")
def command(
    name: str, yes: bool, way: Literal["copy", "move"] | None, offline: bool, update_catalogue: bool,
    address: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Bring the model NAME here, with what it lacks: a name of the catalogue (without NAME it is shown),
    OWNER/REPO[@REVISION][/FILE] of Hugging Face's Hub, civitai:ID[@VERSION], the address of a page of theirs, or a
    file of this machine. What was begun goes on where it stopped."""
    from ..library.catalogue import KeptOffers

    if update_catalogue:
        count = KeptOffers(offers_file()).forget()
        note(f"what was kept of {count} files is forgotten: the next pulls ask anew")
    if not name:
        _show_catalogue(as_json=as_json)
        return
    client = reach.named(address)
    if client is not None:
        _by_server(client, name, as_json=as_json)
        return
    from ..library.source import LocalSource, source_from

    source = source_from(name)
    if isinstance(source, LocalSource):
        _take_in(_at_home(source.path), way or "link", as_json=as_json)
    else:
        _pull_here(name, yes=yes, offline=offline, as_json=as_json)


def _show_catalogue(*, as_json: bool) -> None:
    from ..library.catalogue import CATALOGUE

    if as_json:
        for name, row in CATALOGUE.items():
            write_json({"name": name, "source": str(row.source), "licence": row.licence.name, "url": row.licence.url})
        return
    rows = [[name, row.repository, row.licence.name] for name, row in CATALOGUE.items()]
    write(table(["NAME", "REPOSITORY", "LICENCE"], rows))


def _by_server(client: Client, name: str, *, as_json: bool) -> None:
    from .pull_bars import Bars

    with Bars(hidden=as_json) as bars:
        for line in client.pull(name):
            if as_json:
                write_json(line)
            elif "total" in line:
                bars.move(line["status"], line.get("completed", 0), line["total"])
    if not as_json:
        note(f"{client.address} has {name} now")


def _take_in(path: Path, way: Literal["link", "copy", "move"], *, as_json: bool) -> None:
    from ..library.local import take_in

    registry = registry_here()
    target = take_in(path, registry.roots[0], way)
    registry.refresh()
    called = next((entry.name for entry in registry.files() if entry.path == str(target)), target.stem)
    if as_json:
        write_json({"status": "done", "model": called})
    else:
        note({"link": "linked to", "copy": "copied", "move": "moved"}[way] + f" {path}")
        write(called)


def _pull_here(name: str, *, yes: bool, offline: bool, as_json: bool) -> None:
    import asyncio

    from ..library.catalogue import KeptOffers
    from ..library.connection import SiteConnection
    from ..library.pull import Library, pull
    from ..library.sites import sites_from
    from .pull_bars import Bars

    registry = registry_here()
    library = Library(registry.roots[0], registry, KeptOffers(offers_file()))
    bars = Bars(hidden=as_json)

    async def agree(plan: PullPlan) -> bool:
        return _agreed(plan, library.free(_there(library.root)), yes=yes, as_json=as_json, bars=bars)

    async def go() -> str:
        async with SiteConnection(sites_from(os.environ, offline=offline)) as connection:
            return await pull(name, library, connection, lambda news: _tell(news, bars, as_json=as_json), agree)

    with bars:
        called = asyncio.run(go())
    if not called:
        raise click.Abort
    if not as_json:
        write(called)


def _agreed(plan: PullPlan, free: int, *, yes: bool, as_json: bool, bars: Bars) -> bool:
    """Shows what it comes to, and asks. Raises UsageError where nobody can be asked."""
    if as_json:
        for line in map(_planned_line, plan.files):
            write_json({"status": "file", **line})
    else:
        _show(plan, free)
    if yes:
        return True
    if not sys.stdin.isatty():
        raise click.UsageError("nobody is there to be asked: --yes agrees to the licence and the size")
    with bars.away():
        return click.confirm("Fetch it?", default=True, err=True)


def _show(plan: PullPlan, free: int) -> None:
    note(f"{plan.source}, {plan.files[0].offer.page}")
    note(f"licence: {plan.licence or 'not told; see its page'}")
    rows = [[each.file.last, size_of(each.size), _what(each), "here already" if each.there else ""]
            for each in plan.files]  # fmt: skip
    note(table(["FILE", "SIZE", "WHAT", ""], rows), lines=True)
    note(f"{size_of(plan.size)} to fetch, {size_of(free)} free")


def _what(planned: PlannedFile) -> str:
    return _KINDS.get(planned.role, planned.role.replace("_", " "))


def _planned_line(planned: PlannedFile) -> dict[str, object]:
    return {
        "file": planned.file.last, "source": planned.offer.source, "revision": planned.offer.revision,
        "size": planned.size, "sha256": planned.file.sha256, "licence": planned.offer.licence,
        "here": planned.there is not None,
    }  # fmt: skip


def _tell(news: PullNews, bars: Bars, *, as_json: bool) -> None:
    for each in news.warnings:
        warn(sentence(each))
    if as_json:
        if bars.is_due(news.status, news.file, news.completed, news.total):
            line = {"status": news.status, "model": news.model, "file": news.file, "digest": news.digest}
            sizes = {"completed": news.completed, "total": news.total} if news.total else {}
            write_json({name: value for name, value in line.items() if value} | sizes)
    elif news.file:
        what = "checking " if news.status == "verifying" else ""
        bars.move(what + news.file, news.completed, news.total)
        if news.status == "placed" and not bars.moves:
            note(f"{news.file}: {size_of(news.total)}, checked")


def _at_home(path: Path) -> Path:
    """The path, of which `~` is a user's folder. Raises UsageError for one of nobody."""
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise click.UsageError(f"{path} is in the home of a user that there isn't") from error


def _there(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    return next(each for each in (folder, *folder.parents) if each.exists())
