"""`imagine serve`: the server, from the command line's words to its end."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..client.address import Address
from ..client.client import Client
from ..files.folders import make_own
from ..files.reading import read_text
from ..settings.config_file import MAX_SIZE
from ..settings.settings import OPTIONS, Settings, settings_from
from ..words.errors import ImagineError
from . import complete, reach
from .console import note
from .early import heard
from .exits import MISTYPED, reason
from .list import in_folders
from .model_first import MODEL_KINDS, no_model

if TYPE_CHECKING:
    from ..dispatch.worker import Worker

_SPELLED = {
    "host": ("--host",),
    "port": ("-p", "--port"),
    "device": ("-d", "--device"),
    "full_prec": ("-f", "--full_prec", "--full-prec"),
    "models": ("-m", "--models"),
    "origins": ("--origin",),
    "trusted_proxies": ("--trusted-proxy",),
    "workers": ("--worker",),
    "preset_files": ("--presets", "--preset-files"),
    "provenance": ("--provenance/--no-provenance",),
}
_SWITCHES = ("full_prec", "compile", "fp16_accumulation", "offline", "debug", "provenance")
_ON = ("provenance",)
"""Switches that are on: their flags turn them off, too."""
_REPEATED = ("models", "workers", "origins", "trusted_proxies", "preset_files", "listen")
_COMPLETED = {
    "device": complete.devices, "log_format": complete.log_formats, "model": complete.models,
    "moderation": complete.policies, "preload": complete.models,
}  # fmt: skip
_IDLE_LOOK = 10.0
"""Seconds between two looks of a private server at whether anybody still needs it."""


class WrongSettings(click.ClickException):
    """A flag, a variable or a file says what can't be: another start would not help, and the exit status says so."""

    exit_code = MISTYPED


def _options(function: Callable[..., None]) -> Callable[..., None]:
    """Every setting as an option, from its one declaration."""
    for setting in reversed([setting for setting in OPTIONS if not setting.file_only]):
        name = setting.name
        default = "" if setting.default in (None, (), False) else f" Default: {setting.default}."
        text = f"{setting.help}{default} [{setting.variable}]"
        if name in _ON:
            text = f"{setting.help} [{setting.variable}]"
        names = (*_SPELLED.get(name, ("--" + name.replace("_", "-"),)), name)
        kind: dict[str, Any] = {"is_flag": True} if name in _SWITCHES else {"metavar": name.upper()}
        kind["shell_complete"] = _COMPLETED.get(name)
        if name in _REPEATED:
            kind["multiple"] = True
        if name == "allow_remote":
            kind |= {"is_flag": False, "flag_value": "all", "metavar": "[CIDR,...]"}
        function = click.option(*names, default=None, help=text, **kind)(function)
    return function


@click.command("serve")
@click.option(
    "--config", envvar="IMAGINE_CONFIG", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path),
    help="A YAML file of these settings. [IMAGINE_CONFIG]",
)  # fmt: skip
@click.option("--private", is_flag=True, hidden=True, help="For this user alone; ends itself when it is idle.")
@_options
def command(config: Path | None, private: bool, **flags: Any) -> None:
    """Start the server.

    Flags win over IMAGINE_* variables, those over the configuration file, that over the defaults.
    """
    from ..processes.offline import go_offline
    from ..server.logs import configure

    said = {name: value for name, value in flags.items() if value not in (None, ())}
    given = {name: value for name, value in said.items() if value is not False or name in _ON}
    if private:
        reach.private_folder()
        given["socket"] = str(reach.private_socket())
    try:
        settings, warnings = _read(given, config)
    except ImagineError as error:
        raise WrongSettings(str(error)) from error
    configure(settings)
    _warn(warnings)
    if settings.offline:
        go_offline([settings.host, *(address.host for address in settings.listen)])
    heard()
    if sys.__stderr__ is not None:
        faulthandler.enable(sys.__stderr__)  # systemd's watchdog ends a server that hangs by SIGABRT
    if private:
        asyncio.run(_serve_private(settings))
    else:
        asyncio.run(_serve(settings, partial(_reread, given, config), partial(_source, given, config)))


def _read(given: dict[str, Any], config: Path | None) -> tuple[Settings, list[str]]:
    """The settings, and what in the file has no effect. Raises ImagineError for what can't be used."""
    from ..settings.preset_files import presets_of

    settings, warnings = settings_from(given, config=_text_of(config))
    presets_of(settings).check()
    if settings.provenance_certificates is not None:
        from ..provenance.identity import stored
        from ..server.gateway.signing import place_of

        stored(place_of(settings))  # they are to be there when the server starts
    return settings, [*warnings, *_missing_folders(settings), *_lost_pictures(settings)]


def _missing_folders(settings: Settings) -> list[str]:
    """A sentence on each folder of models that was named and isn't there; it may still come."""
    return [f"there is no folder of models {root.absolute()}" for root in settings.models if not root.is_dir()]


def _lost_pictures(settings: Settings) -> list[str]:
    """Why none can be kept in the folder of pictures that was named, which is made where it isn't there."""
    if settings.pictures is None:
        return []
    try:
        if os.access(make_own(settings.pictures), os.W_OK | os.X_OK) and settings.pictures.is_dir():
            return []
        why = "nothing can be written there"
    except OSError as error:
        why = reason(error)
    return [f"pictures asked for by URL can't be kept in {settings.pictures.absolute()}: {why}"]


def _reread(given: dict[str, Any], config: Path | None) -> Settings:
    from ..server.logs import configure

    settings, warnings = _read(given, config)
    configure(settings)
    _warn(warnings)
    return settings


def _source(given: dict[str, Any], config: Path | None, name: str) -> str:
    from ..settings.source import source_of

    return source_of(name, given, os.environ, _text_of(config))


def _warn(warnings: list[str]) -> None:
    for warning in warnings:
        logging.getLogger("imagine").warning("%s", warning)


def _text_of(config: Path | None) -> str | None:
    return None if config is None else read_text(config, MAX_SIZE, field="config")


@contextlib.asynccontextmanager
async def _worker_first(settings: Settings) -> AsyncIterator[list[Worker]]:
    """The server's workers, which import torch while the server is imported itself, here too."""
    from ..server.gateway.own_worker import own_workers
    from ..server.http.half import import_serving_half

    workers = own_workers(settings)
    try:
        for worker in workers:
            await worker.start()
        import_serving_half()
        yield [*workers]
    finally:
        for worker in workers:
            await worker.stop(0)  # unless the server has done so


async def _serve(settings: Settings, reread: Callable[[], Settings], source: Callable[[str], str]) -> None:
    def ready(urls: list[str]) -> None:
        _say_where(urls, settings)
        asyncio.get_running_loop().run_in_executor(None, _say_shipped, settings)

    follow = None
    if settings.cluster:
        from ..machines.ray.follow import follow_cluster
        from ..server.gateway.own_worker import worker_settings

        follow = follow_cluster(settings.cluster, worker_settings(settings, "auto"))
    async with _worker_first(settings) as workers:
        from ..server.serve import serve

        await serve(settings, workers=workers, ready=ready, reread=reread, source=source, follow=follow)


def _say_shipped(settings: Settings) -> None:
    """Where no model is installed that can be used, says what is used instead, and where models go."""
    models = [entry for entry in in_folders(settings.roots, everything=True) if entry["kind"] in MODEL_KINDS]
    usable, unusable = ([each for each in models if bool(each["problem"]) is broken] for broken in (False, True))
    if all(entry["shipped"] for entry in usable):
        instead = f"using {usable[0]['name']}, which is small; " if usable else ""
        note(f"{no_model(unusable)}: {instead}models go into {settings.roots[0].absolute()}")


async def _serve_private(settings: Settings) -> None:
    """Serves until no job waits or runs and no model is loaded any more: the models' keep-alive decides."""
    stop = asyncio.Event()
    watching = asyncio.create_task(_stop_when_idle(settings, stop))
    try:
        async with _worker_first(settings) as workers:
            from ..server.serve import serve

            await serve(settings, workers=workers, stop=stop)
        reach.forget_log()
    finally:
        watching.cancel()


async def _stop_when_idle(settings: Settings, stop: asyncio.Event) -> None:
    client = Client(Address(socket=str(settings.socket)))
    quiet = 0
    while quiet < 3:  # the first looks may come before the first request does
        await asyncio.sleep(_IDLE_LOOK)
        quiet = 0 if await asyncio.to_thread(_busy, client) else quiet + 1
    stop.set()


def _busy(client: Client) -> bool:
    """Is anything done or kept? A look that fails proves nothing, so the server stays."""
    try:
        return _in_use(client)
    except ImagineError as error:
        logging.getLogger("imagine").warning("can't tell whether anybody needs this server: %s", error)
        return True


def _in_use(client: Client) -> bool:
    health = client.health()
    if health["status"] == "starting" or health["waiting"] or health["running"]:
        return True
    return bool(client.loaded())


def _say_where(urls: list[str], settings: Settings) -> None:
    """Addresses to paste, never the key; and where models go."""
    for url in urls:
        note(f"Listening on {url}")
        if url.startswith("http"):
            base = url.replace("//0.0.0.0:", "//localhost:").replace("//[::]:", "//localhost:")
            for name, path in (("native", "/generate"), ("openai", "/v1"), ("ollama", ""), ("page", "/")):
                note(f"  {name:<8}{base}{path}")
    note(f"  models  {', '.join(str(root.absolute()) for root in settings.roots)}")
