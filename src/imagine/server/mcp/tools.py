"""The tools there are, with flat arguments that a language model can fill in, and what each becomes in our words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...asking.checking import refusal
from ...asking.request import ALIASES, MAX_SIDE, MAX_STEPS, MIN_SIDE, Parsed, parse
from ...messages import Message, message
from ...words.errors import BadRequest

MOST_PICTURES = 4
WAIT, MOST_WAIT = 60, 600
"""Seconds that a call waits for its pictures: clients give up at some minutes."""
SHOWN_SIDE = 1024
"""Pixels of the longer side of a picture as an answer shows it."""
NAMES = ALIASES | {"negative": "neg", "image": "img"}
NAMED = {"img": "image", "neg": "negative", "num_steps": "steps"}
_TEXT: dict[str, Any] = {"type": "string"}
_PICTURE = "imagine://pictures/NAME of an earlier picture, or a PNG, JPEG or WebP in base64"


def _whole(least: int, most: int, what: str) -> dict[str, Any]:
    return {"type": "integer", "minimum": least, "maximum": most, "description": what}


_WAITS = _whole(0, MOST_WAIT, f"Seconds to wait for it, {WAIT} if not said; then it goes on as a job.")
_DRAWS: dict[str, Any] = {
    "prompt": _TEXT | {"description": "What the picture shows, in English, as a description and not as an order."},
    "negative": _TEXT | {"description": "What it isn't to show."},
    "model": _TEXT | {"description": "A name from list_models; the owner's default if not said."},
    "width": _whole(MIN_SIDE, MAX_SIDE, "Pixels; the model's own if not said."),
    "height": _whole(MIN_SIDE, MAX_SIDE, "Pixels; the model's own if not said."),
    "steps": _whole(1, MAX_STEPS, "Steps from noise to picture; the model's own if not said."),
    "guidance": {"type": "number", "minimum": 0, "maximum": 30, "description": "How closely to follow the prompt."},
    "seed": _TEXT | {"description": "Of an earlier picture, as text, to make it again."},
    "preset": _TEXT | {"description": "A style from list_models."},
    "wait_seconds": _WAITS,
}
_EDITS: dict[str, Any] = {
    "image": _TEXT | {"description": f"The picture to change: {_PICTURE}."},
    "strength": {
        "type": "number", "minimum": 0, "maximum": 1, "description": "How much is painted anew; 0.7 if not said.",
    },
    "mask": _TEXT | {"description": f"Where to paint, in white or as strokes: {_PICTURE}."},
}  # fmt: skip


def _tool(
    name: str, title: str, what: str, takes: Mapping[str, Any], needs: list[str], *, reads: bool
) -> dict[str, Any]:
    hints = {"title": title, "readOnlyHint": reads, "destructiveHint": False, "openWorldHint": False}
    schema = {"type": "object", "properties": dict(takes), "required": needs, "additionalProperties": False}
    return {"name": name, "title": title, "description": what, "inputSchema": schema, "annotations": hints}


_COUNT = _whole(1, MOST_PICTURES, "How many pictures, of the seeds that follow.")
TOOLS = (
    _tool(
        "generate_image", "Draw a picture", "Draws a picture from a description, on the owner's machine.",
        _DRAWS | {"count": _COUNT}, ["prompt"], reads=False,
    ),
    _tool(
        "edit_image", "Change a picture",
        "Changes a picture, or a part of it. Most models need a description of the whole picture as it is to be.",
        _DRAWS | _EDITS, ["prompt", "image"], reads=False,
    ),
    _tool(
        "get_image", "Look at a picture", "An earlier picture, or those of a job, once it is done.",
        {
            "id": _TEXT | {"description": "imagine://pictures/NAME, or a job."},
            "max_side": _whole(MIN_SIDE, MAX_SIDE, f"Pixels of its longer side; {SHOWN_SIDE} if not said."),
            "wait_seconds": _WAITS,
        }, ["id"], reads=True,
    ),
    _tool("list_models", "List the models", "The models and style presets there are.", {}, [], reads=True),
    _tool(
        "cancel_job", "Cancel a job", "Ends a job that still draws.", {"job": _TEXT | {"description": "Its name."}},
        ["job"], reads=False,
    ),
)  # fmt: skip
_TAKEN = {tool["name"]: frozenset(tool["inputSchema"]["properties"]) for tool in TOOLS}


def checked_names(tool: str, said: Mapping[str, object]) -> None:
    """Raises BadRequest for an argument that the tool hasn't: whoever made it up learns of it at once."""
    for name in said:
        if name not in _TAKEN[tool]:
            raise BadRequest(message("mcp.argument", name[:100], there=", ".join(sorted(_TAKEN[tool])) or "none"))


def request_from(said: Mapping[str, object]) -> Parsed:
    """What the arguments of a drawing tool ask for. Raises BadRequest, under their names."""
    fields = {name: value for name, value in said.items() if name != "wait_seconds" and value is not None}
    parsed = parse({"fit": "scale"} | fields, NAMES)
    if (parsed.request.count or 1) > MOST_PICTURES:
        raise refusal("count", parsed.request.count, _between(1, MOST_PICTURES))
    return parsed


def _between(least: int, most: int) -> Message:
    return message("allowed.between", kind=message("allowed.whole"), least=str(least), most=str(most))


def text_in(said: Mapping[str, object], name: str) -> str:
    """An argument that is text. Raises BadRequest."""
    value = said.get(name)
    if not isinstance(value, str) or not value:
        if value is None:
            raise BadRequest(message("value.missing", name, allowed=message("allowed.text")), reason="missing")
        raise refusal(name, value, message("allowed.text"))
    return value


def whole_in(said: Mapping[str, object], name: str, usual: int, least: int, most: int) -> int:
    """An argument that is a whole number. Raises BadRequest."""
    value = usual if said.get(name) is None else said[name]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise refusal(name, value, _between(least, most))
    return value
