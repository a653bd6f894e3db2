"""What a setting can be: a reader for each, of flags, variables and YAML, whose ValueError says what it must be."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, TypeVar, cast, get_args
from urllib.parse import urlsplit

import msgspec

from ..asking.aliases import Aliases
from ..asking.checking import checked, shown
from ..asking.duration import seconds_from_duration
from ..asking.presets import SPELLINGS, Preset, presets_from, unfolded
from ..asking.request import one_spelling
from ..asking.resolve import NO_DEFAULTS, Defaults
from ..words.errors import BadRequest
from ..words.moderation import DIALECTS, OWN_DIALECT, Failing

T = TypeVar("T")
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
LogFormat = Literal["text", "json"]
EVERYONE: tuple[IPNetwork, ...] = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
_DEVICE = re.compile(r"cpu|mps|cuda(?::[0-9]{1,2})?")
_ANY_DEVICE = ("auto", "all")
MOST_DEVICES = 32
_MEMORY = re.compile(r"(?P<count>[0-9]{1,5}(?:\.[0-9]{1,3})?)\s*(?P<unit>[MG])B?", re.IGNORECASE)
_UNITS = {"M": 10**6, "G": 10**9}
LEAST_MEMORY, MOST_MEMORY = 64 * 10**6, 16_000 * 10**9
_PROXIES = "addresses or networks of your proxies, such as 127.0.0.1 or 172.18.0.0/16, and not everybody"
_APPLICATION = re.compile(r"(?!https?:|file:)[a-z][a-z0-9+.-]*://\*")
_FILES = re.compile(r"file:/+\*?")
_ADDRESS = re.compile(r"(?P<host>\[[^\]]+\]|[^:\[\]]*)(?::(?P<port>[0-9]+))?")
_HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})")


def text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("text")
    return value


def yes_or_no(value: object) -> bool:
    text = str(value).strip().lower()
    if text in _YES or text in _NO:
        return text in _YES
    raise ValueError("true or false")


def whole(least: int, most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        text = str(value).strip()
        if not re.fullmatch("[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(text)

    return read


def seconds(value: object) -> float:
    text = str(value).strip()
    try:
        number = float(text) if re.fullmatch(r"-?[0-9]{1,9}(?:\.[0-9]{1,9})?", text) else seconds_from_duration(text)
    except ValueError as error:
        raise ValueError("a number of seconds, or a duration such as 5m; negative is for ever") from error
    return max(-1.0, number)


def unfolded_json(value: object, allowed: str) -> object:
    """A mapping that was said as JSON text, anything else as it is; `allowed` says what it must be."""
    if not isinstance(value, str) or not value.lstrip().startswith("{"):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise ValueError(allowed) from error


def failing(name: str, value: object) -> Failing:
    """What happens where somebody who is to judge, called `name`, can't."""
    if value not in get_args(Failing):
        raise ValueError(f"such that {name}.fail is open or closed")
    return cast(Failing, value)


def memory(value: object) -> int:
    """Bytes: of units of 1,000, as every other size is told here."""
    match = _MEMORY.fullmatch(str(value).strip())
    count = round(float(match["count"]) * _UNITS[match["unit"].upper()]) if match else 0
    if not LEAST_MEMORY <= count <= MOST_MEMORY:
        raise ValueError("a size from 64 MB to 16000 GB, such as 8GB or 750MB")
    return count


AUTO = "auto"


def device(value: object) -> str:
    """One or several, with commas between them; each accelerator once. YAML may have a list."""
    named = [str(each).strip() for each in (value if isinstance(value, list) else str(value).split(","))]
    if len(named) > MOST_DEVICES:
        raise ValueError(f"at most {MOST_DEVICES} devices, and these are {len(named)}")
    if named in ([each] for each in _ANY_DEVICE):
        return named[0]
    if not named or not all(map(_DEVICE.fullmatch, named)):
        raise ValueError(
            "auto, all, or devices with commas between them: cpu, mps, and cuda or cuda:N, which AMD's GPUs are too"
        )
    cards = ["cuda:0" if each == "cuda" else each for each in named if each != "cpu"]
    if twice := next((each for each in cards if cards.count(each) > 1), None):
        raise ValueError(f"devices of which none stands there twice, as {twice} does; only cpu may")
    return ",".join(named)


def cluster(value: object) -> str:
    """`auto`, or the address of a cluster's head as Ray has it: HOST:PORT."""
    if value == AUTO:
        return AUTO
    scheme, _, rest = str(value).partition("://")
    found, port = host_and_port(rest)
    if scheme != "ray" or not rest or "/" in rest or not port.isdecimal():
        raise ValueError("auto, or ray://HEAD:PORT, such as ray://10.0.0.1:6379, by which its machines know it")
    return f"{host(found)}:{port}"


def host(value: object) -> str:
    host = str(value).strip("[] ")
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        if _HOST_NAME.fullmatch(host):
            return host
    raise ValueError("an address or a name to listen on, such as 0.0.0.0 or localhost:5000")


def host_and_port(text: str) -> tuple[str, str]:
    """The parts of what a user wrote for a host, "" for a port that isn't there; both unchecked."""
    rest = text.strip().split("://", 1)[-1].rstrip("/")
    parts = _ADDRESS.fullmatch(rest)
    return (parts["host"] or "0.0.0.0", parts["port"]) if parts and parts["port"] else (rest, "")  # noqa: S104 - as the default


class ListenAddress(NamedTuple):
    """Where to listen; `dialect` is whose programs look for it there, "" where the port tells."""

    host: str
    port: int
    dialect: str = ""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def places(value: object) -> tuple[ListenAddress, ...]:
    return tuple(_place(str(part)) for part in _list(value))


def _place(text: str) -> ListenAddress:
    scheme, _, rest = text.strip().rpartition("://")
    name, colon, port = rest.rstrip("/").rpartition(":")
    if scheme.lower() not in ("", "http", *DIALECTS):
        raise ValueError(f"such that what stands before :// is one of {', '.join(DIALECTS)}")
    if not colon or not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 65536 or (":" in name) != ("[" in name):
        raise ValueError("addresses with a port, such as 127.0.0.1:11434")
    dialect = "" if scheme.lower() == "http" else scheme.lower()
    return ListenAddress(host(name or "0.0.0.0"), int(port), dialect)  # noqa: S104 - answers only this machine, see http/security.py


def terms(value: object) -> tuple[str, ...]:
    parsed = tuple(str(part).strip() for part in _list(value))
    if not all(any(map(str.isalnum, term)) for term in parsed):
        raise ValueError("words, or phrases of them")
    return parsed


def _list(value: object) -> list[object]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return list(value) if isinstance(value, list | tuple) else [value]


def networks(value: object) -> tuple[IPNetwork, ...]:
    """Whom to answer: true is everyone, false nobody but this machine."""
    if str(value).strip().lower() in (*_NO, "[]", "()"):
        return ()
    if str(value).strip().lower() in (*_YES, "all"):
        return EVERYONE
    try:
        return tuple(ipaddress.ip_network(str(part), strict=False) for part in _list(value))
    except ValueError as error:
        raise ValueError("all, or networks such as 192.168.1.0/24") from error


def proxies(value: object) -> tuple[IPNetwork, ...]:
    """Networks of proxies; everybody is none, since then everybody could say to be anybody."""
    try:
        parsed = networks(value)
    except ValueError as error:
        raise ValueError(_PROXIES) from error
    if any(network.prefixlen == 0 for network in parsed):
        raise ValueError(_PROXIES)
    return parsed


def origins(value: object) -> tuple[str, ...]:
    return tuple(origin_of(OPAQUE_ORIGIN if part is None else str(part)) for part in _list(value))


ANY_ORIGIN = "*"
OPAQUE_ORIGIN = "null"
"""Of pages that a browser gives no origin: files, sandboxed frames. Any site can make such a frame."""


def origin_of(text: str) -> str:
    """An origin as browsers write it, or `*` for any; of an application's own scheme, `app://*` is any of its pages.

    Raises ValueError for what is none.
    """
    origin = text.strip().lower()
    if origin in (ANY_ORIGIN, OPAQUE_ORIGIN) or _APPLICATION.fullmatch(origin):
        return origin
    if _FILES.fullmatch(origin):
        return "file://"
    parts = urlsplit(origin)
    if not parts.scheme or not parts.netloc or "*" in origin or parts.path.strip("/") or parts.query or parts.username:
        raise ValueError("origins such as https://example.org, app://obsidian.md, app://*, file://, null or *")
    return f"{parts.scheme}://{parts.netloc}"


def url(value: object) -> str:
    parts = urlsplit(str(value))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("a URL such as https://pictures.example.org")
    return str(value).rstrip("/")


def log_format(value: object) -> str:
    if value not in get_args(LogFormat):
        raise ValueError("text or json")
    return str(value)


def aliases(value: object) -> Aliases:
    """Names, or patterns with one `*`, each with the model it stands for; no value is the default model."""
    if not isinstance(value, Mapping):
        raise ValueError("a mapping of names to models")  # noqa: TRY004 - told as the others are
    for alias, model in value.items():
        if not isinstance(alias, str) or not alias or alias.count("*") > 1:
            raise ValueError(f"a mapping whose keys are names, or patterns with one *, and not {shown(alias)}")
        if model is not None and (not isinstance(model, str) or not model):
            raise ValueError(f"a mapping of names to models; {shown(alias)} can't be {shown(model)}")
    return Aliases(value)


class DialectChoice(msgspec.Struct, frozen=True):
    """Whether another program's dialect is spoken."""

    name: str
    spoken: bool

    def __str__(self) -> str:
        return f"{self.name} {'on' if self.spoken else 'off'}"


OTHERS_DIALECTS = tuple(name for name in DIALECTS if name != OWN_DIALECT)


def dialects(value: object) -> tuple[DialectChoice, ...]:
    """Those that are said to be spoken or not."""
    if not isinstance(value, Mapping) or not {str(name).lower() for name in value} <= set(OTHERS_DIALECTS):
        raise ValueError(f"a mapping of {', '.join(OTHERS_DIALECTS)} to true or false")
    return tuple(DialectChoice(str(name).lower(), yes_or_no(spoken)) for name, spoken in value.items())


class ModelSettings(msgspec.Struct, frozen=True, repr_omit_defaults=True):
    """What the configuration says of one model."""

    name: str
    defaults: Defaults = NO_DEFAULTS
    max_batch: int | None = None
    """How many of its pictures are denoised together at most; more are split."""
    compile: bool | None = None
    """Whether torch compiles it; None: as all others."""


def defaults(value: object) -> Defaults:
    if not isinstance(value, Mapping):
        raise ValueError("a mapping of " + ", ".join(Defaults.__struct_fields__))  # noqa: TRY004 - told as the others are
    try:
        plain, spelled = one_spelling(unfolded(value), SPELLINGS)
        parsed, unknown = checked(plain, Defaults, spelled=spelled)
    except BadRequest as error:
        raise ValueError(f"a mapping of fields that can be asked for; {error}") from error
    if unknown:
        raise ValueError(f"a mapping of {', '.join(Defaults.__struct_fields__)}, without {shown(unknown[0])}")
    return parsed


def general(value: object) -> Defaults:
    """Those of all models: a VAE fits one family only, and so do text encoders and LoRAs."""
    parsed = defaults(value)
    for name in ("vae", "text_encoders", "loras"):
        if getattr(parsed, name) is not None:
            raise ValueError(f"such that {name} stands under a model's name in per_model")
    return parsed


def per_model(value: object) -> tuple[ModelSettings, ...]:
    if not isinstance(value, Mapping):
        raise ValueError("a mapping of models' names to what they get")  # noqa: TRY004 - told as the others are
    return tuple(_model_settings(str(name), fields) for name, fields in value.items())


def _model_settings(name: str, fields: object) -> ModelSettings:
    if not isinstance(fields, Mapping):
        raise ValueError(f"a mapping of models' names to mappings; {shown(name)} is {shown(fields)}")  # noqa: TRY004
    rest = dict(fields)
    most = _stated("max_batch", name, rest, whole(1, 64))
    compiled = _stated("compile", name, rest, yes_or_no)
    try:
        return ModelSettings(name, defaults(rest), most, compiled)
    except ValueError as error:
        raise ValueError(f"such that {shown(name)} is {error}") from error


def _stated(field: str, name: str, fields: dict[Any, Any], read: Callable[[object], T]) -> T | None:
    """Take a field out of what is said of the model of that name, and read it; None where it isn't there."""
    value = fields.pop(field, None)
    try:
        return None if value is None else read(value)
    except ValueError as error:
        raise ValueError(f"such that {field} of {shown(name)} is {error}, and not {shown(value)}") from error


def presets(value: object) -> tuple[Preset, ...]:
    try:
        return tuple(presets_from(value))
    except BadRequest as error:
        raise ValueError(f"a mapping of names to presets; {error}") from error
