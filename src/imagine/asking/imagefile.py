"""An Imagefile: what a named model is made of, a line each, as text; read, and written so that it reads as the same.

    FROM toybox
    LORA ink 0.8
    PARAMETER steps 8
    NEGATIVE blurry

Commands are in any case, `#` begins a comment line. Text of several lines, or with spaces at its ends, stands in three
quotes, as in Ollama's Modelfile; a name with spaces in one pair.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from ..messages import Message, message
from ..words.errors import BadRequest
from ..words.named_model import NamedLora, NamedModel, Parameter
from .named_models import made_from, parameters_from

MOST = 2**18
"""Bytes of one."""
_LONGEST = 1000
_MOST_WORDS = 4
"""One more than a line has; each is cut from all that is left of it."""
_QUOTES = '"""'
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,20})?(e[+-]?[0-9]{1,3})?", re.IGNORECASE)
_TEXTS = {
    "NEGATIVE": "negative", "PROMPT_PREFIX": "prompt_prefix", "PROMPT_SUFFIX": "prompt_suffix", "LICENSE": "license",
    "DESCRIPTION": "description",
}  # fmt: skip
_ONE_NAME = {"FROM": "base", "VAE": "vae", "PRESET": "preset"}
_NAMES = {"TEXT_ENCODER": "text_encoders", "EMBEDDING": "embeddings"}
_COMMANDS = (*_ONE_NAME, "LORA", *_NAMES, "PARAMETER", *_TEXTS, "SAMPLE")
_SPELLINGS = {"ADAPTER": "LORA", "LICENCE": "LICENSE"}
_FIELD = {**_ONE_NAME, **_NAMES, **_TEXTS, "FROM": "from", "LORA": "loras", "PARAMETER": "parameters"}
_HINTS = {"SYSTEM": "PROMPT_PREFIX", "TEMPLATE": "PROMPT_PREFIX", "MESSAGE": "SAMPLE"}
"""What language models have, and what there is here in its place."""


class ImagefileError(BadRequest):
    """It can't be meant; the sentence names the line and the field."""

    def __init__(self, line: int, why: Message) -> None:
        super().__init__(message("imagefile.line", why.field, line=line, why=why))
        self.line = line


class Imagefile(NamedTuple):
    """What one says, and in which line each thing was said first, by its field."""

    made: NamedModel
    lines: Mapping[str, int]

    def refused(self, error: BadRequest) -> ImagefileError:
        """What is wrong with a field, laid to the line that says it."""
        field = error.note.field or ""
        named = error.note.values.get("name") or error.note.values.get("value")
        line = next((self.lines[key] for key in (f"{field}:{named}", field) if key in self.lines), 1)
        return ImagefileError(line, error.note)


class _ImagefileLine(NamedTuple):
    number: int
    command: str
    text: str


SampleReader = Callable[[str], Mapping[str, Any]]
"""The recipe that a path of a `SAMPLE` leads to. Raises BadRequest."""


def no_paths(path: str) -> Mapping[str, Any]:
    """Of an Imagefile that comes by HTTP: no path of it leads anywhere."""
    raise BadRequest(message("imagefile.no_paths", "sample", value=path[:80]))


def parse(text: str, sample: SampleReader = no_paths) -> Imagefile:
    """What an Imagefile says, checked but for whether its files are there. Raises ImagefileError, and nothing else."""
    if len(text) > MOST:
        raise ImagefileError(1, message("imagefile.large", most=MOST))
    said: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for line in _lines(text):
        try:
            for field, value in _meant(line, sample):
                _keep(said, lines, line, field, value)
        except BadRequest as error:
            raise error if isinstance(error, ImagefileError) else ImagefileError(line.number, error.note) from error
    if "base" not in said:
        raise ImagefileError(1, message("imagefile.no_from", "from"))
    lines["from"] = lines["base"]
    parsed = Imagefile(NamedModel(**{name: _frozen(value) for name, value in said.items()}), lines)
    try:
        return parsed._replace(made=made_from(parsed.made))
    except BadRequest as error:
        raise parsed.refused(error) from error


def text_of(name: str, made: NamedModel) -> str:
    """The Imagefile of a model; of what is made of nothing, one that makes another name of it."""
    written = [f"FROM {_name(made.base or name)}"]
    for lora in made.loras:
        weights = [weight for weight in (lora.weight, lora.clip_weight) if weight is not None]
        written.append(" ".join(["LORA", _name(lora.name), *map(_said, weights)]))
    written += [f"VAE {_name(made.vae)}"] * bool(made.vae)
    written += [f"TEXT_ENCODER {_name(each)}" for each in made.text_encoders]
    written += [f"EMBEDDING {_name(each)}" for each in made.embeddings]
    written += [f"PARAMETER {key} {_quoted(_said(value))}" for key, value in made.parameters.items()]
    written += [f"PRESET {_name(made.preset)}"] * bool(made.preset)
    written += [f"{command} {_quoted(text)}" for command, field in _TEXTS.items() if (text := getattr(made, field))]
    if made.sample:
        written.append(f"SAMPLE {json.dumps(made.sample, ensure_ascii=False)}")
    return "\n".join(written) + "\n"


def _lines(text: str) -> Iterator[_ImagefileLine]:
    """Each command with what it says, whose text may go over several lines."""
    rows = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    at = 0
    while at < len(rows):
        number, row = at + 1, rows[at].strip()
        at += 1
        if not row or row.startswith("#"):
            continue
        command, rest = [*row.split(None, 1), ""][:2]
        command = _SPELLINGS.get(command.upper(), command.upper())
        if command not in _COMMANDS:
            raise ImagefileError(number, _unknown(command))
        if rest.startswith(_QUOTES):
            parts = [rest[len(_QUOTES) :]] if rest != _QUOTES else [""]
            while _QUOTES not in parts[-1]:
                if at == len(rows):
                    raise ImagefileError(number, message("imagefile.open", command.lower()))
                parts.append(rows[at])
                at += 1
            inside, _, after = "\n".join(parts).rpartition(_QUOTES)
            if after.strip():
                raise ImagefileError(at, message("imagefile.behind", command.lower(), value=after.strip()[:40]))
            rest = _QUOTES + inside
        yield _ImagefileLine(number, command, rest)


def _unknown(command: str) -> Message:
    if command in _HINTS:
        return message("imagefile.words", command.lower()[:40], instead=_HINTS[command])
    return message("imagefile.command", None, value=command[:40], known=", ".join(_COMMANDS))


def _meant(line: _ImagefileLine, sample: SampleReader) -> Iterator[tuple[str, Any]]:
    """The fields that a line sets."""
    command, text = line.command, line.text
    if not text or text == _QUOTES:
        raise BadRequest(message("imagefile.empty", _field(command)))
    if command in _TEXTS:
        yield _TEXTS[command], _text(text)
    elif command in _ONE_NAME:
        yield _ONE_NAME[command], _only_name(_field(command), text)
    elif command in _NAMES:
        yield _NAMES[command], [_only_name(_field(command), text)]
    elif command == "LORA":
        yield "loras", [_lora(text)]
    elif command == "PARAMETER":
        yield "parameters", _parameter(text)
    else:
        yield "sample", _sample(text, sample)


def _keep(said: dict[str, Any], lines: dict[str, int], line: _ImagefileLine, field: str, value: Any) -> None:
    """Raises BadRequest for what is said twice and can be said once."""
    if isinstance(value, list):
        said.setdefault(field, []).extend(value)
        for each in value:
            lines.setdefault(f"{field}:{each.name if isinstance(each, NamedLora) else each}", line.number)
    elif field == "parameters":
        if twice := next((name for name in value if name in said.get(field, {})), None):
            raise BadRequest(message("imagefile.twice", f"parameters.{twice}", line=lines[f"parameters.{twice}"]))
        said.setdefault(field, {}).update(value)
        lines.update({f"parameters.{name}": line.number for name in value})
    elif field in said:
        raise BadRequest(message("imagefile.twice", _field(line.command), line=lines[field]))
    else:
        said[field] = value
    lines.setdefault(field, line.number)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _field(command: str) -> str:
    return _FIELD.get(command, command.lower())


def _words(field: str, text: str) -> list[str]:
    """The words of a line; in quotes, one of several."""
    words, rest = list[str](), text
    while rest and len(words) < _MOST_WORDS:
        if rest.startswith('"'):
            word, mark, rest = rest[1:].partition('"')
            if not mark:
                raise BadRequest(message("imagefile.open", field))
        else:
            word, _, rest = rest.partition(" ")
        words.append(word)
        rest = rest.strip()
    if too_long := next((word for word in words if not 0 < len(word) <= _LONGEST), None):
        raise BadRequest(message("made.long", field, count=len(too_long), most=_LONGEST))
    if unfit := next((word for word in words if not word or not word.isprintable()), None):
        raise BadRequest(message("imagefile.name", field, value=unfit[:40]))
    if "" in words:
        raise BadRequest(message("imagefile.empty", field))
    return words


def _only_name(field: str, text: str) -> str:
    """A name, which may have spaces in it without quotes, too."""
    name = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
    if '"' in name or not name.isprintable() or not 0 < len(name) <= _LONGEST or name != name.strip():
        raise BadRequest(message("imagefile.name", field, value=name[:40]))
    return name


def _lora(text: str) -> NamedLora:
    name, *numbers = _words("loras", text)
    if len(numbers) > 2:
        raise BadRequest(message("imagefile.lora", "loras", value=text[:80]))
    weights = [_number("loras", each) for each in numbers]
    weight = weights[0] if weights else 1.0
    return NamedLora(name=name, weight=weight, clip_weight=weights[1] if len(weights) > 1 else None)


def _number(field: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise BadRequest(message("imagefile.number", field, value=text[:40])) from error


def _parameter(text: str) -> dict[str, Parameter]:
    name, _, said = text.partition(" ")
    said = _text(said.strip())
    if not said or not name.isprintable():
        raise BadRequest(message("imagefile.parameter", "parameters", value=text[:40]))
    return parameters_from({name: _value(said)})


def _value(said: str) -> Parameter:
    """A number where it is one."""
    if not _NUMBER.fullmatch(said):
        return said
    if said.lstrip("-").isdecimal():
        return int(said)
    return number if math.isfinite(number := float(said)) else said


def _said(value: Parameter) -> str:
    return str(value).removesuffix(".0")


def _sample(text: str, sample: SampleReader) -> dict[str, Any]:
    text = _text(text)
    if not text.startswith("{"):
        return dict(sample(text))
    try:
        told = msgspec.json.decode(text, type=dict[str, Any])
        msgspec.msgpack.encode(told)
    except (msgspec.DecodeError, RecursionError, OverflowError, ValueError) as error:
        raise BadRequest(message("imagefile.sample", "sample")) from error
    return told


def _text(text: str) -> str:
    """What a text is without its quotes."""
    if text.startswith(_QUOTES):
        text = text[len(_QUOTES) :]
    elif len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    _check_text(text)
    return text


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadRequest(message("text.half", None, half=f"U+{ord(text[error.start]):04X}")) from error


def _name(name: str) -> str:
    return f'"{name}"' if " " in name else name


def _quoted(text: str) -> str:
    """The text such that it reads as itself."""
    plain = "\n" not in text and text == text.strip() and text[:1] not in ('"', "")
    return text if plain else f"{_QUOTES}{text}{_QUOTES}"
