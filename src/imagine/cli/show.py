"""`imagine show MODEL`: what is known of a model, asked of the server or read from the folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from ..words.errors import ModelNotFound
from ..words.model_names import matching, similar
from . import complete, reach
from .console import write, write_json
from .list import every_file
from .table import WAYS, ago, counted, moment, size_of, span, table

_FOR_PROGRAMS = ("header_digest", "autov3", "embedding_families", "context")
_ALONE = "One device holds all of a model; those beside it are for servers of their own (--device cuda:1)."
_WORDS: dict[str, Callable[[Any], str]] = {
    "size": size_of,
    "modified": lambda seconds: f"{moment(seconds)} ({ago(seconds)})",
    "shipped": lambda shipped: "yes" if shipped else "no",
    "examples": lambda by_language: "; ".join(next(iter(by_language.values()))),
    "bounds": lambda bounds: ", ".join(f"{name} {_span(*limits)}" for name, limits in bounds.items()),
    "missing": lambda needs: "; ".join(map(_missing, needs)),
    "expires_in": lambda seconds: f"for {span(seconds)}" if seconds >= 0 else "for ever",
}


@click.command("show")
@click.argument("model", shell_complete=complete.models)
@click.option("-a", "--address", help="The server to ask, HOST:PORT.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--imagefile", "as_imagefile", is_flag=True, help="As the Imagefile that makes it.")
def command(model: str, address: str | None, as_json: bool, as_imagefile: bool) -> None:
    """Show what is known of MODEL, or of any other file that `imagine list --all` lists."""
    client = reach.running(address)
    entries = every_file(client, memory=True, exact=True)
    names = dict.fromkeys(entry["name"] for entry in entries)
    name = matching(model, names)
    if name is None:
        raise ModelNotFound(model, similar=similar(model, names))
    entries = [entry for entry in entries if entry["name"] == name]
    if as_imagefile:
        write(_imagefile(entries[0]))
        return
    if client and "defaults" in entries[0]:  # a model, of which the server makes out more where it is asked for one
        entries[0] = client.model(name)
    if as_json:
        for entry in entries:
            write_json(entry)
        return
    write("\n\n".join(map(_lines, entries)))


def _imagefile(entry: dict[str, Any]) -> str:
    import msgspec

    from ..asking.imagefile import text_of
    from ..words.named_model import NamedModel

    made = msgspec.convert(entry.get("made", {}), NamedModel)
    return text_of(entry["name"], made).removesuffix("\n")


def _lines(entry: dict[str, Any]) -> str:
    values = {field: value for field, value in entry.items() if value and field not in _FOR_PROGRAMS}
    memory, made = values.pop("memory", None), values.pop("made", None)
    if "problem" in values and str(values["problem"]) in str(values.get("use")):  # a person reads it once
        del values["problem"]
    width = max(map(len, values)) + 4
    lines = [f"{field:<{width}}{_words(field, value)}" for field, value in values.items()]
    lines += [] if made is None else ["", *_imagefile(entry).splitlines()]
    return "\n".join([*lines, *([] if memory is None else _memory(memory))])


def _memory(memory: dict[str, Any]) -> list[str]:
    """What it needs of a device's memory, a line for each work."""
    weights = ", ".join(f"{part.replace('_', ' ')} {size_of(size)}" for part, size in memory["weights"].items() if size)
    header, rows = ["MEMORY FOR", "MINIMUM", "COMFORTABLE", "HERE"], []
    for work in memory["works"]:
        pictures = f"{counted(work['pictures'], 'picture')} of {work['width']} × {work['height']}"
        what = ", with ".join(filter(None, (pictures, work["beside"])))
        rows.append([what, size_of(work["minimum"]), size_of(work["comfortable"]), _here(work)])
    told = table(header, rows) if "way" in memory["works"][0] else table(header[:3], [row[:3] for row in rows])
    lines = ["", f"weights: {weights}; the largest layer {size_of(memory['layer'])}", "", *told.splitlines()]
    return [*lines, "", _ALONE] if memory.get("other_devices") else lines


def _here(work: dict[str, Any]) -> str:
    return "doesn't fit" if work.get("way") is None else WAYS[work["way"]]


def _span(least: float, most: float) -> str:
    return f"{least:g} to {most:g}" if least < most else "none"


def _missing(need: dict[str, Any]) -> str:
    """A component that isn't there, and the files that people have for it."""
    files = [f"{file['name']}, {size_of(file['size'])}, of {file['source']}" for file in need["files"]]
    kind = f"{need['component']} ({need['kinds'][0] or 'kl'}{', which it can do without' if need['optional'] else ''})"
    return ": ".join([kind, *[" or ".join(files)] * bool(files)])


def _count(count: int) -> str:
    for unit, name in ((10**9, "billion"), (10**6, "million"), (10**3, "thousand")):
        if count >= unit:
            return f"{count / unit:.3g} {name}"
    return str(count)


def _words(field: str, value: Any) -> str:
    if field == "parameters":
        return _count(value)
    if field in _WORDS:
        return _WORDS[field](value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(name, part)}" for name, part in value.items() if part is not None)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
