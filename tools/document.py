"""Writes the tables in `docs/` and the READMEs from the code that they tell of: commands, settings, endpoints, fields.

    python -m tools.document [--check]

A page says where a table goes by a comment, `<!-- table: NAME -->`; what stands between it and `<!-- end -->` is made.
"""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from imagine.asking import json_body
from imagine.asking.aliases import SHIPPED
from imagine.asking.checking import allowed
from imagine.asking.presets import SPELLINGS, Preset
from imagine.asking.request import ALIASES, GenerateRequest
from imagine.asking.resolve import GUIDANCE, NUM_STEPS, Defaults
from imagine.cli.exits import EXITS
from imagine.cli.main import ALIASES as COMMAND_ALIASES
from imagine.cli.main import COMMANDS, cli
from imagine.cli.serve import command as serve_command
from imagine.cli.table import size_of
from imagine.fairness import allowance
from imagine.families.facts import Bounds, FamilyDefaults, FamilyFacts, Need
from imagine.families.table import FAMILIES
from imagine.files import shipped
from imagine.pictures import containers, images
from imagine.pictures.looking import process
from imagine.server.dialects import DIALECTS
from imagine.server.http import body, connections
from imagine.server.http.dialect import Dialect
from imagine.server.http.errors import STATUSES
from imagine.server.http.paths import plain
from imagine.server.native.dialect import NATIVE
from imagine.server.ollama import describe as ollama
from imagine.server.ollama import requests as ollama_requests
from imagine.server.openapi import DESCRIPTION, document
from imagine.server.orders.connection import PATIENCE
from imagine.settings.preset_files import read_presets
from imagine.settings.settings import OPTIONS, Option, Settings
from imagine.words.preprocessors import PREPROCESSORS, MapOption
from tools import (
    document_a1111,
    document_comfy,
    document_hugging_face,
    document_keys,
    document_mcp,
    document_memory,
    document_openai,
    document_replicate,
    document_russian,
    labelled_prompts,
)

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.glob("*.md")), *sorted(ROOT.glob("README*.md"))]
_PLACE = re.compile(r"(<!-- table: ([a-z -]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_ENDPOINT = ("endpoint", "what it is for")
_ANOTHER = "another machine (of IPv6: a network of 64 bits)"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(text: str) -> str:
    """The text with what would end a cell, or make words bold, escaped."""
    return text.replace("|", r"\|").replace("__", r"\_\_")


def commands(header: Sequence[str] = ("command", "what it does"), told: Mapping[str, str] | None = None) -> str:
    """What `imagine --help` lists, in its own words or those of `told`, by the command's name."""
    other = {name: alias for alias, name in COMMAND_ALIASES.items()}
    rows = [
        [f"`imagine {name}`" + (f", `{other[name]}`" if name in other else ""), told[name] if told else entry.help]
        for name, entry in COMMANDS.items()
    ]
    return table(header, rows)


def options_of(name: str) -> str:
    """The arguments and flags of one command."""
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    context = click.Context(
        command, info_name=f"imagine {name}", **{**cli.context_settings, **command.context_settings}
    )
    shown = [_option_row(parameter, context) for parameter in command.params if not getattr(parameter, "hidden", False)]
    rows = [row for row in shown if row]
    usage = command.get_usage(context).removeprefix("Usage: ")
    return f"`{' '.join(usage.split())}`\n" + ("\n" + table(["flag", "what it does"], rows) if rows else "")


def _option_row(parameter: click.Parameter, context: click.Context) -> list[str]:
    record = parameter.get_help_record(context)
    if record is None or not record[1]:
        return []
    return [f"`{record[0].strip()}`", _without_home(record[1])]


def settings(
    header: Sequence[str] = ("setting", "flag", "variable", "default", "what it is"),
    told: Mapping[str, str] | None = None,
) -> str:
    """Every setting: its flag, its variable, and its default; its name is its key in the YAML file."""
    flags = {parameter.name: parameter for parameter in serve_command.params}
    rows = [
        [
            f"`{option.name}`", _flag(flags.get(option.name)), _variable(option), _default(option),
            told[option.name] if told else option.help,
        ]
        for option in OPTIONS
    ]  # fmt: skip
    return table(header, rows)


def live_settings() -> str:
    """What `imagine serve` reads again on SIGHUP."""
    return table(["setting", "what it is"], [[f"`{option.name}`", option.help] for option in OPTIONS if option.live])


def _flag(parameter: click.Parameter | None) -> str:
    return "" if parameter is None else ", ".join(f"`{name}`" for name in parameter.opts)


def _variable(option: Option) -> str:
    return "" if option.file_only else f"`{option.variable}`"


def _default(option: Option) -> str:
    if option.default in (None, (), False) or option.file_only:
        return ""
    shown = f"{option.default:g}" if isinstance(option.default, float) else str(option.default)
    return f"`{_without_home(shown)}`"


def _without_home(text: str) -> str:
    return text.replace(str(Path.home()), "~")


def endpoints(header: Sequence[str] = _ENDPOINT, told: Mapping[str, str] | None = None) -> str:
    """The routes of our own dialect."""
    return _routes([dialect for dialect in DIALECTS if _is_ours(dialect)], header, told)


def dialects() -> str:
    """The routes of other programs' dialects."""
    return _routes([dialect for dialect in DIALECTS if not _is_ours(dialect)], _ENDPOINT)


def _is_ours(dialect: Dialect) -> bool:
    return dialect in (NATIVE, DESCRIPTION)


def _routes(dialects: Sequence[Dialect], header: Sequence[str], told: Mapping[str, str] | None = None) -> str:
    routes = [route for dialect in dialects for route in dialect.routes]
    summaries = {f"{route.method} {plain(route.path)}": route.summary for route in routes}
    return table(header, [[f"`{name}`", told[name] if told else text] for name, text in summaries.items()])


def fields() -> str:
    """What `/generate` takes."""
    spelled: dict[str, list[str]] = {}
    for alias, name in ALIASES.items():
        spelled.setdefault(name, []).append(f"`{alias}`")
    declared = document(DIALECTS, Settings())["components"]["schemas"]["GenerateRequest"]["properties"]
    info = msgspec.inspect.type_info(GenerateRequest)
    assert isinstance(info, msgspec.inspect.StructType)
    rows = [_field_row(field, declared[field.encode_name], spelled) for field in info.fields]
    return table(["field", "also as", "what it can be", "if not said", "what it is"], rows)


def _field_row(field: msgspec.inspect.Field, schema: dict[str, Any], spelled: dict[str, list[str]]) -> list[str]:
    name = field.encode_name
    default = schema.get("default")
    shown = "" if default is None else f"`{msgspec.json.encode(default).decode()}`"
    return [
        f"`{name}`",
        ", ".join(spelled.get(name, [])),
        str(allowed(field.type)),
        shown,
        schema.get("description", ""),
    ]


def statuses() -> str:
    """The status of each kind of error."""
    rows = sorted(
        [str(status), kind.__name__, (inspect.getdoc(kind) or "").splitlines()[0]] for kind, status in STATUSES.items()
    )
    return table(["status", "error", "what it means"], rows)


def preset_fields() -> str:
    """What a preset can say."""
    return _declared(Preset, SPELLINGS)


def shipped_presets() -> str:
    """The presets that come with Imagine."""
    rows = [[f"`{preset.name}`", preset.description or ""] for preset in read_presets(shipped.presets())]
    return table(["preset", "what it looks like"], rows)


def model_settings() -> str:
    """What `defaults` can say, and of one model `per_model`."""
    return _declared(Defaults, SPELLINGS)


def aliases() -> str:
    """The names of hosted models that are known."""
    return table(["name"], [[f"`{name}`"] for name in SHIPPED])


def ollama_fields() -> str:
    """What `/api/generate` says in its own way."""
    described = ollama.OWN | {
        name: {"description": f"Our `{field}`."} for name, field in ollama_requests.OWN_NAMES.items()
    }
    return table(["field", "what it is"], [[f"`{name}`", said["description"]] for name, said in described.items()])


def _declared(kind: type[msgspec.Struct], aliases: Mapping[str, str]) -> str:
    """The fields of a declaration, with their other names."""
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    _, parts = msgspec.json.schema_components([kind], ref_template="{name}")
    rows = []
    for field in info.fields:
        name = field.encode_name
        others = ", ".join(f"`{alias}`" for alias, meant in aliases.items() if meant == name)
        description = parts[kind.__name__]["properties"][name].get("description", "")
        rows.append([f"`{name}`", others, str(allowed(field.type)), description])
    return table(["field", "also as", "what it can be", "what it is"], rows)


def maps() -> str:
    """What makes maps, and what it can be told."""
    rows = [
        [f"`{name}`", row.what, "<br>".join(_told(key, option) for key, option in row.options.items())]
        for name, row in PREPROCESSORS.items()
    ]
    return table(["`preprocess`", "what it makes", "what it can be told"], rows)


def _told(name: str, option: MapOption) -> str:
    bounds = f"{option.default:g}, of {option.least:g} to {option.most:g}"
    return f"`{name}` ({bounds}): {option.what}"


def bounds() -> str:
    """What a server takes at most."""
    rows = [
        ["a body", f"{body.MAX_BODY >> 20} MiB, within {body.DEADLINE:g} s"],
        ["all bodies together", f"{allowance.MAX_TOTAL >> 20} MiB"],
        ["values in a body, and how deep", f"{json_body.MAX_PARTS:,}, {json_body.MAX_DEPTH}"],
        ["a picture", f"{images.MAX_SIDE} pixels a side, {images.MAX_BYTES >> 20} MiB, {containers.MAX_PARTS:,} parts"],
        ["reading a picture", f"{process.SECONDS} s of a processor, {process.MEMORY >> 20} MiB of memory"],
        ["the head of a request", f"8190 bytes a line, within {connections.HEAD_DEADLINE:g} s"],
        ["an answer", f"taken within {connections.ANSWER_DEADLINE:g} s; a line of a stream within {PATIENCE:g} s"],
        ["a connection without a request", f"{connections.IDLE:g} s"],
        ["connections", f"{connections.MOST}, of which {_ANOTHER} holds at most {connections.SHARE:.0%}"],
    ]
    return table(["what", "at most"], rows)


def families() -> str:
    """The families whose files are known part by part: what is made for each, what it wants, under which terms."""
    rows, usual = [], f"{NUM_STEPS}, {GUIDANCE:g}"
    for facts in FAMILIES.values():
        if not any(need.public for need in facts.needs):
            continue
        beside = _all_beside(facts)
        own = "; ".join(f"`{file.name}` ({size_of(file.size)})" for file in facts.published.values())
        wants = {"": facts.defaults} | dict(facts.variants) | dict(facts.distilled)
        steps = [" ".join(filter(None, [name, _steps(each)])) for name, each in wants.items() if each.num_steps]
        terms = [f"{name} [{each.name}]({each.url})".strip() for name, each in facts.licence.items()]
        files = "yes" if facts.single_file else "not yet"
        said = "; ".join(steps if facts.defaults.num_steps else [usual, *steps])
        memory = document_memory.needs(facts.name)
        rows.append([f"`{facts.name}`", files, own, "; ".join(beside), memory, said, "; ".join(terms)])
    header = ["family", "from single files", "its denoiser", "files that go beside it", "memory, least to comfortable",
              "steps, guidance", "licence"]  # fmt: skip
    return table(header, rows)


def suiting() -> str:
    """What makes sense to ask of models, where not all does: families of which the same is true in one row."""
    named: dict[tuple[str, Bounds], list[str]] = {}
    for facts in FAMILIES.values():
        for how, each in facts.bounds.items():
            named.setdefault((how, each), []).append(f"`{facts.name}`")
    rows = [
        [", ".join(names), how or "any other", _span(each.num_steps), _span(each.guidance)]
        for (how, each), names in named.items()
    ]
    return table(["family", "made as, or variant", "steps", "guidance"], rows)


def _span(limits: tuple[float, float] | None) -> str:
    if limits is None:
        return ""
    return f"{limits[0]:g} to {limits[1]:g}" if limits[0] < limits[1] else "none"


def _all_beside(facts: FamilyFacts) -> list[str]:
    """The files that go beside any model of the family, and behind them those of variants that want others."""
    told = {need.public: _beside(need) for need in facts.needs if need.public}
    for variant, needs in facts.variant_needs.items():
        for need in needs:
            if need.public:
                told.setdefault(need.public, f"{variant} {_beside(need)}")
    return list(told.values())


def _beside(need: Need) -> str:
    files = " or ".join(f"`{file.name}` ({size_of(file.size)})" for file in need.public)
    return files + (", if you like" if need.optional else "")


def _steps(wanted: FamilyDefaults) -> str:
    return f"{wanted.num_steps}, {wanted.guidance:g}" if wanted.guidance is not None else str(wanted.num_steps)


TABLES: dict[str, Callable[[], str]] = {
    "families": families,
    "suiting": suiting,
    "memory": lambda: table(document_memory.HEADER, document_memory.rows()),
    "preset fields": preset_fields,
    "shipped presets": shipped_presets,
    "model settings": model_settings,
    "aliases": aliases,
    "ollama fields": ollama_fields,
    "commands": commands,
    "exits": lambda: table(["exit status", "when"], [[str(status), when] for status, when in EXITS.items()]),
    "settings": settings,
    "live settings": live_settings,
    "endpoints": endpoints,
    "dialects": dialects,
    "fields": fields,
    "statuses": statuses,
    "bounds": bounds,
    "maps": maps,
    "commands in russian": lambda: commands(["команда", "что делает"], document_russian.COMMANDS),
    "settings in russian": lambda: settings(
        ["настройка", "ключ", "переменная", "по умолчанию", "что это"], document_russian.SETTINGS
    ),
    "endpoints in russian": lambda: endpoints(["адрес", "для чего"], document_russian.ENDPOINTS),
    "openai fields": lambda: table(*document_openai.fields()),
    "responses fields": lambda: table(*document_openai.responses()),
    "hugging face fields": lambda: table(*document_hugging_face.fields()),
    "hugging face schedulers": lambda: table(*document_hugging_face.schedulers()),
    "web ui shared": lambda: table(*document_a1111.shared()),
    "web ui fields": lambda: table(*document_a1111.fields()),
    "web ui unheeded": lambda: table(*document_a1111.unheeded()),
    "web ui samplers": lambda: table(*document_a1111.samplers()),
    "comfy nodes": lambda: table(*document_comfy.nodes()),
    "comfy unheeded": lambda: table(*document_comfy.unheeded()),
    "comfy samplers": lambda: table(*document_comfy.samplers()),
    "comfy schedulers": lambda: table(*document_comfy.schedulers()),
    "comfy paths": lambda: table(*document_comfy.paths()),
    "web ui schedules": lambda: table(*document_a1111.schedules()),
    "mcp tools": lambda: table(*document_mcp.tools()),
    "keys": lambda: table(*document_keys.keys()),
    "replicate fields": lambda: table(*document_replicate.fields()),
    "openai extensions": lambda: table(*document_openai.extensions()),
    "openai qualities": lambda: table(*document_openai.qualities()),
    "openai styles": lambda: table(*document_openai.styles()),
    "moderation quality": lambda: table(*labelled_prompts.table()),
    "openai refusals": lambda: table(*document_openai.refusals()),
} | {f"options of {name}": lambda name=name: options_of(name) for name in COMMANDS if name != "serve"}


def written(page: str) -> str:
    """`page` with its tables made anew. Raises KeyError for a table that nobody makes."""
    return _PLACE.sub(lambda place: f"{place[1]}{TABLES[place[2]]()}{place[3]}", page)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a page is not as it would be")
    check = parser.parse_args().check
    stale = [path for path in PAGES if written(path.read_text()) != path.read_text()]
    for path in stale:
        print(path)
        if not check:
            path.write_text(written(path.read_text()))
    raise SystemExit(int(check and bool(stale)))


if __name__ == "__main__":
    main()
