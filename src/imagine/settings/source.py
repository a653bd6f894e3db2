"""What says a setting: the flag, the variable or the key to change, where a user has to."""

from __future__ import annotations

from collections.abc import Mapping

from .config_file import read_config
from .settings import OPTIONS, PREFIX
from .values import host_and_port


def source_of(name: str, flags: Mapping[str, object], environ: Mapping[str, str], config: str | None) -> str:
    """Where the setting `name` comes from, as `settings_from` puts the layers; its flag where nobody says it."""
    options = [option.name for option in OPTIONS]
    variables = {each: environ.get(PREFIX + each.upper(), "").strip(" '\"") for each in options}
    file = {} if config is None else read_config(config, options)[0]
    layers: list[tuple[Mapping[str, object], str]] = [
        (flags, "--{}"), (variables, PREFIX + "{}"), (file, "{} in the configuration file"),
    ]  # fmt: skip
    for layer, named in layers:
        saying = name if layer.get(name) not in (None, "", ()) else _host_for(name, layer)
        if saying is not None:
            return named.format(saying.upper() if named.startswith(PREFIX) else saying)
    return f"--{name}"


def _host_for(name: str, layer: Mapping[str, object]) -> str | None:
    """The setting that brings a port along."""
    host = layer.get("host")
    return "host" if name == "port" and isinstance(host, str) and host_and_port(host)[1] else None
