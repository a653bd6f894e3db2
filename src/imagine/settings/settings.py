"""Every option of the server, declared once: its flag, its IMAGINE_* variable, its place in the YAML file, its default.

What the command line says wins over the environment, that over the file, that over the defaults.
"""

# ruff: noqa: RUF009 - option() only makes a field

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..asking.aliases import Aliases
from ..asking.checking import half_character, shown
from ..asking.presets import Preset
from ..asking.resolve import NO_DEFAULTS, Defaults
from ..files import model_folders
from ..messages import in_english
from ..words.assistant import AssistantSettings
from ..words.errors import ImagineError
from ..words.moderation import ModerationSettings
from . import values as values
from .assistant import assistant
from .config_file import read_config
from .in_words import NOTHING, in_words
from .keys import NamedKey, digest_of, key, key_in, keys
from .moderation import moderation
from .values import IPNetwork, ListenAddress, LogFormat, ModelSettings

if TYPE_CHECKING:
    from ..words.peers import PeerSettings
    from .webhooks import WebhookSettings

PORT = 5000
PREFIX = "IMAGINE_"
CREDENTIAL = "imagine-api-key"
"""The name of the systemd credential (`LoadCredential=`) that holds the API key."""
_KEY = frozenset(["api_key", "api_key_file"])
_HOLD_KEYS = ("api_key", "keys", "webhooks", "workers")
"""What isn't shown, right or wrong."""
_NOTHING = (NOTHING, "False")
_OTHERS = tuple(PREFIX + name for name in ("CONFIG", "RUNTIME", "NOHISTORY", "BINARY", "CHROMIUM", "TEST_"))
"""Variables that something else reads: the command line, the one-file binary, the tests."""
_FLAGS = {"origins": "origin", "workers": "worker", "trusted_proxies": "trusted-proxy", "preset_files": "presets"}
"""What flags are called that can be said several times, each time with one of the setting's values."""


def option(
    default: Any,
    read: Callable[[object], Any],
    text: str,
    *,
    secret: bool = False,
    file_only: bool = False,
    live: bool = False,
) -> Any:
    """A setting: its default, what reads it from a flag, a variable or YAML (raising ValueError), what it is for.

    `file_only`: too much for a flag or a variable. `live`: it can change while the server runs.
    """
    metadata = {"read": read, "help": text, "secret": secret, "file_only": file_only, "live": live}
    return field(default=default, metadata=metadata)


def _peers(value: object) -> tuple[PeerSettings, ...]:
    from .peers import peers  # likewise

    return peers(value)


def _webhooks(value: object) -> WebhookSettings | None:
    from .webhooks import webhooks  # most owners have none

    return webhooks(value)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a server is told. Durations are in seconds, negative for ever."""

    host: str = option("0.0.0.0", values.host, "The address to listen on; HOST:PORT sets the port too.")  # noqa: S104 - answers only this machine, see http/security.py
    port: int = option(PORT, values.whole(0, 65535), "The port to listen on.")
    listen: tuple[ListenAddress, ...] = option(
        (), values.places, "Further addresses, such as 127.0.0.1:11434, Ollama's, or a1111://:7861, for its programs."
    )
    socket: Path | None = option(None, model_folders.path, "Listen on this Unix socket only, for this user alone.")
    device: str = option(
        "auto",
        values.device,
        "auto, cpu, mps, or a GPU of NVIDIA's or (by ROCm) AMD's: cuda, cuda:N. Several, with commas, or all.",
    )
    cluster: str | None = option(
        None, values.cluster, "Draw on a Ray cluster's devices too: auto, which is this machine's, or ray://HEAD:PORT."
    )
    workers: tuple[PeerSettings, ...] = option(
        (), _peers, "Other servers that work for this one: their URLs; the file can say more, as JSON does here."
    )
    full_prec: bool = option(False, values.yes_or_no, "Compute in 32 bits.")
    compile: bool = option(
        False, values.yes_or_no, "Have torch compile models: may speed up large ones, after minutes for each size."
    )
    fp16_accumulation: bool = option(
        False, values.yes_or_no, "On CUDA, have float16 products summed in float16: faster and less exact."
    )
    cuda_graphs: bool = option(True, values.yes_or_no, "On CUDA, replay recorded steps; their bits are the same.")
    memory: int | None = option(
        None, values.memory, "What models' weights may take of the device, such as 8GB; otherwise what is free."
    )
    home: Path = option(model_folders.HOME, model_folders.path, "The folder of models and of what is remembered.")
    models: tuple[Path, ...] = option(
        (), model_folders.paths, "Folders of models, instead of HOME/models; several as in PATH."
    )
    model: str | None = option(None, values.text, "The model of a request that names none.", live=True)
    preload: str | None = option(None, values.text, "A model to load at the start.")
    keep_alive: float = option(300.0, values.seconds, "How long a model stays loaded after its last use: 5m, 300, -1.")
    max_queue: int = option(512, values.whole(1, 100_000), "How many pictures may wait.")
    max_batch: int | None = option(None, values.whole(1, 64), "How many pictures are denoised together at most.")
    api_key: str | None = option(None, key, "The key that clients must send.", secret=True, live=True)
    api_key_file: Path | None = option(None, model_folders.path, "A file that holds the key.", live=True)
    keys: tuple[NamedKey, ...] = option(
        (),
        keys,
        "Further keys, by names: each with its key, what it is for (scopes), and what holds for it.",
        file_only=True,
        live=True,
    )
    allow_remote: tuple[IPNetwork, ...] = option(
        (), values.networks, "Answer others without a key: all, or networks.", live=True
    )
    origins: tuple[str, ...] = option((), values.origins, "Origins of pages that may use this server.", live=True)
    trusted_proxies: tuple[IPNetwork, ...] = option(
        (), values.proxies, "Proxies whose X-Forwarded-* headers count: addresses or networks.", live=True
    )
    public_url: str | None = option(None, values.url, "Where clients reach this server, behind a proxy.", live=True)
    pictures: Path | None = option(
        None, model_folders.path, "The folder of pictures asked for by URL; otherwise the user's."
    )
    keep_pictures: float = option(3600.0, values.seconds, "How long a picture asked for by URL is kept.")
    max_pictures: int = option(1024, values.whole(1, 10_000_000), "How many MB of them are kept; the oldest go first.")
    keep_orders: float = option(86400.0, values.seconds, "How long results of detached orders are kept.", live=True)
    max_orders: int = option(10_000, values.whole(1, 1_000_000), "How many detached orders may wait.", live=True)
    max_orders_size: int = option(
        4096, values.whole(1, 10_000_000), "How many MB of their results are kept, and of pictures that they bring."
    )
    webhooks: WebhookSettings | None = option(
        None,
        _webhooks,
        "Where detached orders may have their end told: allowed, the beginnings of URLs, and the secret that signs.",
        file_only=True,
        live=True,
    )
    provenance: bool = option(
        True, values.yes_or_no, "Sign pictures: made by a model (C2PA). Without it, marking them is yours.", live=True
    )
    provenance_certificates: Path | None = option(
        None, model_folders.path, "Your own certificates to sign with, as PEM, the root last."
    )
    provenance_key: Path | None = option(None, model_folders.path, "The key that goes with them, as PEM.")
    watermark: bool = option(
        False, values.yes_or_no, "Mark the pixels of every picture, invisibly: made by Imagine.", live=True
    )
    blocked_terms: tuple[str, ...] = option((), values.terms, "Words and phrases that are not to be drawn.", live=True)
    moderation: ModerationSettings = option(
        ModerationSettings(),
        moderation,
        "What isn't drawn: none, minors-only, standard or strict; the file can say more, as JSON does here.",
        live=True,
    )
    assistant: AssistantSettings = option(
        AssistantSettings(),
        assistant,
        "A server of language models (Ollama, llama.cpp, LM Studio, vLLM) that turns wishes into prompts and settings: "
        "its URL; the file can say more, as JSON does here.",
    )
    offline: bool = option(False, values.yes_or_no, "Connect to no other machine, whatever a library would like.")
    log_format: LogFormat = option("text", values.log_format, "text or json.", live=True)
    debug: bool = option(False, values.yes_or_no, "Log prompts and every setting of each picture.", live=True)
    aliases: Aliases = option(
        Aliases(),
        values.aliases,
        "Names that stand for another model; without one: the default.",
        file_only=True,
        live=True,
    )
    dialects: tuple[values.DialectChoice, ...] = option(
        (),
        values.dialects,
        "Other programs' APIs that are spoken: ollama, openai, huggingface, replicate, mcp, a1111, comfy, each true or "
        "false.",
        file_only=True,
    )
    defaults: Defaults = option(
        NO_DEFAULTS, values.general, "What a request that doesn't say it gets.", file_only=True, live=True
    )
    per_model: tuple[ModelSettings, ...] = option(
        (),
        values.per_model,
        "By model: what such a request gets, its vae and text_encoders, max_batch and compile.",
        file_only=True,
        live=True,
    )
    ref_image_max_size: int | None = option(
        None,
        values.whole(64, 4096),
        "The longest side of reference pictures; larger ones are scaled down first.",
        live=True,
    )
    presets: tuple[Preset, ...] = option((), values.presets, "Style presets, by name.", file_only=True, live=True)
    wildcards: Path | None = option(
        None,
        model_folders.path,
        "A folder of lists, so that {a|b} and __list__ in prompts become one of their words.",
        live=True,
    )
    preset_files: tuple[Path, ...] = option(
        (), model_folders.paths, "Files of style presets, YAML or JSON, beside HOME/presets.yaml.", live=True
    )

    def reloaded(self, wanted: Settings) -> tuple[Settings, list[str]]:
        """These settings with what of `wanted` can change while a server runs, and the names of others that differ."""
        taken = dataclasses.replace(self, **{o.name: getattr(wanted, o.name) for o in OPTIONS if o.live})
        return taken, [o.name for o in OPTIONS if getattr(taken, o.name) != getattr(wanted, o.name)]

    @property
    def has_key(self) -> bool:
        """Is a key needed to be answered?"""
        return bool(self.api_key or self.keys)

    def key_named(self, name: str | None) -> NamedKey | None:
        """The key of that name."""
        return next((each for each in self.keys if each.name == name), None)

    @property
    def roots(self) -> tuple[Path, ...]:
        """The folders that models are looked for in."""
        return model_folders.roots_of(self.models, self.home)

    def in_words(self) -> dict[str, str]:
        """Every setting in words for a log; of a secret, only whether there is one."""
        return {o.name: ("set" if value else NOTHING) if o.secret else in_words(value) for o, value in self._pairs()}

    def __str__(self) -> str:
        """What is set, for a log."""
        return ", ".join(f"{name} {text}" for name, text in self.in_words().items() if text not in _NOTHING)

    def __repr__(self) -> str:
        return f"Settings({self.in_words()})"

    def _pairs(self) -> list[tuple[Option, Any]]:
        return [(o, getattr(self, o.name)) for o in OPTIONS]


class Option(NamedTuple):
    """One setting as help texts and tables show it."""

    name: str
    variable: str
    default: Any
    help: str
    secret: bool
    file_only: bool
    """It stands in the configuration file, and is no flag or variable."""
    live: bool
    """It can change while the server runs: `imagine serve` reads it again on SIGHUP."""


OPTIONS = [
    Option(
        f.name,
        PREFIX + f.name.upper(),
        f.default,
        f.metadata["help"],
        f.metadata["secret"],
        f.metadata["file_only"],
        f.metadata["live"],
    )
    for f in dataclasses.fields(Settings)
]
"""Every setting, in the order of its declaration."""

_READ: dict[str, Callable[[object], Any]] = {f.name: f.metadata["read"] for f in dataclasses.fields(Settings)}


def settings_from(
    flags: Mapping[str, object] | None = None, environ: Mapping[str, str] | None = None, config: str | None = None
) -> tuple[Settings, list[str]]:
    """The settings, and sentences on what the file says that has no effect.

    `flags` are by the names in `Settings`, None where not given; `config` is the text of a YAML file.
    Raises ImagineError, naming the flag, variable or key and what it can be.
    """
    environ = os.environ if environ is None else environ
    warnings: list[str] = []
    merged: dict[str, Any] = {}
    if config is not None:
        from_file, warnings = read_config(config, _READ)
        merged = _layer(from_file, "{} in the configuration file")
    if (key := _credential(environ)) is not None:
        merged = _over(merged, {"api_key_file": key})
    warnings += _unknown_variables(environ)
    merged = _over(merged, _layer(_variables(environ), PREFIX + "{}"))
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    merged = _over(merged, _layer(given, "--{}"))
    if merged.get("api_key_file") is not None:
        merged["api_key"] = key_in(merged["api_key_file"], "api_key_file")
    settings = Settings(**merged)
    if (settings.provenance_key is None) != (settings.provenance_certificates is None):
        raise ImagineError(in_english("provenance_key and provenance_certificates go together", "provenance_key"))
    if settings.moderation.assistant is not None and not settings.assistant:
        why = "moderation.assistant asks the assistant, and there is none: say where it is (assistant), or leave it out"
        raise ImagineError(in_english(why, "moderation"))
    if settings.cluster and settings.offline:
        raise ImagineError(
            in_english("cluster means other machines, and offline none: leave one of them out", "cluster")
        )
    if settings.api_key and digest_of(settings.api_key) in [each.digest for each in settings.keys]:
        raise ImagineError(in_english("api_key is one of the keys in the configuration file: say it once", "keys"))
    return settings, [*warnings, *_open_to_pages(settings)]


def _open_to_pages(settings: Settings) -> list[str]:
    """What an owner should know who lets in pages that anybody can make."""
    anybodys = [origin for origin in settings.origins if origin in (values.ANY_ORIGIN, values.OPAQUE_ORIGIN)]
    if not anybodys or settings.has_key:
        return []
    return [f"the origin {anybodys[0]} lets any page that is open in a browser here use this server: set an API key"]


def _unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """A sentence on each variable that looks like a setting's and is none: a letter is easily missed."""
    known = [o.variable for o in OPTIONS if not o.file_only]
    unknown = sorted(n for n in environ if n.startswith(PREFIX) and n not in known and not n.startswith(_OTHERS))
    warnings = []
    for name in unknown:
        near = get_close_matches(name, known, 1, 0.8)
        warnings.append(f"the variable {name} has no effect" + (f"; did you mean {near[0]}?" if near else ""))
    return warnings


def _over(base: dict[str, Any], layer: dict[str, Any]) -> dict[str, Any]:
    """Both, where `layer` wins; a key that it says in one way replaces one that was said in the other."""
    replaced = _KEY if _KEY & layer.keys() else frozenset()
    return {name: value for name, value in base.items() if name not in replaced} | layer


def _credential(environ: Mapping[str, str]) -> Path | None:
    """The key's file that systemd has handed over; None where it hasn't. Raises ImagineError where nobody can tell."""
    folder = environ.get("CREDENTIALS_DIRECTORY", "")
    try:
        return next((file for file in Path(folder).iterdir() if file.name == CREDENTIAL), None) if folder else None
    except OSError as error:
        raise ImagineError(
            in_english(f"the credentials in {folder} can't be read: {error.strerror}", "api_key")
        ) from error


def _variables(environ: Mapping[str, str]) -> dict[str, str]:
    """What the environment says, without quotes around it; an empty variable says nothing, a blank key is a mistake."""
    written = {o.name: (o.secret, environ.get(o.variable, "")) for o in OPTIONS if not o.file_only}
    bare = {name: text.strip(" '\"") or (text if secret else "") for name, (secret, text) in written.items()}
    return {name: text for name, text in bare.items() if text}


def _layer(given: Mapping[str, object], named: str) -> dict[str, Any]:
    """One source's values, read; a host may bring its port."""
    layer = dict(given)
    host = layer.get("host")
    if isinstance(host, str):
        layer["host"], port = values.host_and_port(host)
        if port:
            layer.setdefault("port", port)
    return {name: _value(name, value, named) for name, value in layer.items()}


def _value(name: str, value: object, named: str) -> Any:
    flag = _FLAGS.get(name, name.replace("_", "-"))
    where = named.format(name.upper() if named.startswith(PREFIX) else flag)
    if named.startswith("{}"):
        where = named.format(name)
    read = _READ[name]
    is_text = read not in (model_folders.path, model_folders.paths, key)
    if isinstance(value, str) and is_text and half_character(value):
        raise ImagineError(in_english(f"{where} is not text in UTF-8", name))
    try:
        return read(value)
    except ValueError as error:
        parts = value if isinstance(value, list | tuple) else []
        several = ", ".join(part for part in parts if isinstance(part, str))
        written = ("set" if value else "empty") if name in _HOLD_KEYS else shown(several or value)
        raise ImagineError(in_english(f"{where} is {written}; it must be {error}", name)) from error
