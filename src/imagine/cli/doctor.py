"""`imagine doctor`: what is wrong here, with folders, device, memory and versions, and which models fit."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..words.errors import ImagineError
from . import doctor_checks as checks
from . import reach
from .console import printable, write, write_json
from .doctor_checks import Diagnosis, FittingModel
from .exits import DONE, FAILED
from .list import in_folders

if TYPE_CHECKING:
    from ..client.client import Client
    from ..dispatch.process import ProcessWorker
    from ..settings.settings import Settings
    from ..words.frames import Ready, Room

_MARKS = {"ok": "ok", "note": "note", "wrong": "WRONG"}
_WIDE = max(map(len, _MARKS.values())) + 2
_AREA = 12


@click.command("doctor")
@click.option(
    "--config", envvar="IMAGINE_CONFIG", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path),
    help="The YAML file that the server gets. [IMAGINE_CONFIG]",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each finding.")
def command(config: Path | None, as_json: bool) -> int:
    """Say what is wrong with folders, device, memory and versions, what to do about it, and which models fit.

    Where no server runs, a worker is started to see which device it finds. Exit status 1 where something is wrong.
    """
    wrong = False
    for found in _findings(config):
        wrong = wrong or found.state == "wrong"
        if as_json:
            write_json(found._asdict())
        else:
            write(_line(found))
    return FAILED if wrong else DONE


def _line(found: Diagnosis) -> str:
    line = f"{_MARKS[found.state]:<{_WIDE}}{found.about:<{_AREA}}{printable(found.what)}"
    return f"{line}\n{'':<{_WIDE + _AREA}}→ {printable(found.advice)}" if found.advice else line


def _findings(config: Path | None) -> Iterator[Diagnosis]:
    from ..processes import main_memory

    installed = checks.installed_versions()
    yield from checks.versions(checks.requirements(), installed)
    settings, found = _settings(config)
    yield from found
    if settings is None:
        return
    yield from checks.folders(settings.home, settings.roots)
    listed = in_folders(settings.roots, everything=True)
    yield from checks.models(listed, settings.roots[0])
    yield from checks.proxies(os.environ)
    yield checks.main_memory(main_memory.total(), main_memory.available())
    client = reach.running()
    yield from checks.server(None if client is None else client.health())
    torch = installed.get("torch", "")
    yield from _of_server(client, torch) if client is not None else _of_worker(settings, torch)


def _settings(config: Path | None) -> tuple[Settings | None, list[Diagnosis]]:
    """What a server would be started with; None where it can't be."""
    from ..files.reading import read_text
    from ..settings.settings import settings_from

    try:
        text = None if config is None else read_text(config, 2**20, field="config")
        settings, warnings = settings_from({}, os.environ, text)
    except ImagineError as error:
        return None, [
            Diagnosis("settings", "wrong", str(error), "change it there; docs/configuration.md lists all settings")
        ]
    return settings, [Diagnosis("settings", "note", text, "take it out") for text in warnings]


def _of_server(client: Client, torch: str) -> Iterator[Diagnosis]:
    """Of the device of a server that runs, and what fits there."""
    devices = client.health()["devices"]
    yield from _devices([(d["device"], d["name"], str(d.get("problem") or "")) for d in devices], torch, "")
    models = [client.model(each["name"]) for each in client.models()["details"]]
    yield from checks.fits([*_fitting((each["name"], each.get("memory")) for each in models)], None)


def _of_worker(settings: Settings, torch: str) -> Iterator[Diagnosis]:
    """Of the device that a server would draw on."""
    from ..files.shipped import models
    from ..registry.memory_needed import memory_on
    from ..registry.registry import Registry

    found = asyncio.run(_found_devices(settings))
    yield from _devices(
        [(place, ready.name if ready else "", why) for place, ready, why in found], torch, settings.device
    )
    rooms = [ready.room for _, ready, _ in found if ready is not None and ready.room is not None]
    if rooms:
        registry = Registry(settings.roots, shipped=models())
        registry.refresh()
        known = ((entry.name, memory_on(entry, rooms)) for entry in registry.models())
        widest = max(rooms, key=lambda room: room.memory)
        yield from checks.fits([*_fitting(known)], widest.memory)
        yield from checks.would_fit([*_published(widest)])


def _devices(found: Sequence[tuple[str, str, str]], torch: str, asked: str) -> Iterator[Diagnosis]:
    """Of each device what it calls itself, or why it can't be had; a CPU on purpose beside others is no mistake."""
    gpus = {} if any(not device.startswith("cpu") for device, _, why in found if not why) else checks.gpus_there()
    now = f" (it is {asked} now)" if asked else ""
    for device, name, why in found:
        if why:
            advice = f"imagine serve --debug says more; --device cpu does without it{now}"
            yield Diagnosis("device", "wrong", why, advice)
        else:
            yield checks.device(device, name, torch, gpus)


async def _found_devices(settings: Settings) -> list[tuple[str, Ready | None, str]]:
    """As `_found_device` of each worker that a server would have, one after the other."""
    from ..server.gateway.own_worker import others_of, own_workers

    logging.getLogger("imagine").addHandler(logging.NullHandler())  # what it says of its end is told below
    found = [await _found_device(worker) for worker in own_workers(settings)]
    _, first, _ = found[0]
    others = [] if first is None else others_of(settings, first)
    return [*found, *[await _found_device(worker) for worker in others]]


async def _found_device(worker: ProcessWorker) -> tuple[str, Ready | None, str]:
    """Which device a worker takes, what it says of it, or why it takes none."""
    changed = asyncio.Event()
    worker.watch(changed.set)
    await worker.start()
    try:
        while worker.ready is None and worker.broken is None:
            await changed.wait()
            changed.clear()
        if worker.ready is None:
            return worker.place, None, str(worker.broken)
        return worker.place, worker.ready, ""
    finally:
        await worker.stop(0)


def _fitting(known: Any) -> Iterator[FittingModel]:
    """Of models and what each needs, how one picture of its own size is made there."""
    for name, memory in known:
        if memory and "way" in memory["works"][0]:
            yield FittingModel(name, memory["works"][0]["way"], memory["works"][0]["minimum"])


def _published(room: Room) -> Iterator[FittingModel]:
    """Of published models in the files that people have, how one picture of their own size would be made."""
    from ..families.memory import Workload, verdict
    from ..families.published_sizes import PUBLISHED
    from ..families.table import facts_of

    for files in PUBLISHED:
        facts = facts_of(files.family)
        side = facts.side(variant=files.variant)
        guidance = facts.variants.get(files.variant, facts.defaults).guidance
        needs = verdict(
            facts, files.sizes, Workload(side, side), room.memory, variant=files.variant, guidance=guidance,
            width=room.width, left=room.left, stages=room.stages,
        )  # fmt: skip
        yield FittingModel(files.called, needs.way, needs.minimum)
