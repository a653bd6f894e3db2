"""Pure functions in: what a client of OpenAI's Responses says → what it says of its Images API, which is translated on.

What the tool `image_generation` is told are the fields of that API, and ours beside them. The prompt is the last thing
that the user says, and what is changed is the newest picture: those that come with it, else the last that was drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from ...asking.checking import checked, refusal
from ...messages import Message, message
from ...words.errors import BadRequest, Unsupported
from .fields import EDIT, GENERATION, Endpoint

TOOL = "image_generation"
NAMED = {"img": "input", "prompt": "input", "mask": "input_image_mask"}
"""Our fields that this API's clients say otherwise than those of the Images API."""
_CALL = "image_generation_call"
_TEXTS = ("input_text", "text")
_OWN = ("type", "action", "input_image_mask", "image", "images", "mask", "prompt", "stream", "n", "response_format")
"""What of the tool is said elsewhere, or otherwise, in the Images API."""

Item = Annotated[dict[str, Any], Meta(extra={"allowed": message("value.object")})]
ToolAction = Literal["generate", "edit", "auto"]


class ResponsesFields(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What of a request has an effect here; None is not said."""

    input: Annotated[
        str | list[Item] | None,
        Meta(
            description="What to draw. Of messages, the last of the user's: its text is the prompt, its input_image "
            "parts are pictures. Calls of the tool among them, with their result or their id alone, are pictures too.",
            extra={"allowed": message("allowed.said")},
        ),
    ] = None
    tools: Annotated[
        list[Item] | None,
        Meta(
            description="One of type image_generation; what it says is as in /v1/images. Others are never called.",
            extra={"allowed": message("allowed.tools")},
        ),
    ] = None
    model: Annotated[
        str | None,
        Meta(description="A model of this server's; any other name is that of a language model, and unused."),
    ] = None
    previous_response_id: Annotated[
        str | None, Meta(description="What that response drew is changed, where no newer picture is sent.")
    ] = None
    stream: Annotated[bool | None, Meta(description="Answer with server-sent events.")] = None
    store: Annotated[
        bool | None, Meta(description="Keep the picture, so that its id means something. True if not said.")
    ] = None
    tool_choice: Annotated[
        str | Item | None,
        Meta(description="Anything that lets the tool be called.", extra={"allowed": message("allowed.choice")}),
    ] = None
    background: Annotated[bool | None, Meta(description="true can't be done yet.")] = None
    text: Annotated[
        Item | None,
        Meta(description="No other format than text: none is written.", extra={"allowed": message("allowed.choice")}),
    ] = None
    instructions: Annotated[
        Any,
        Meta(description="For a language model: named in the warnings.", extra={"allowed": message("allowed.said")}),
    ] = None


class Drawn(NamedTuple):
    """A picture that was drawn before: the id that it is kept by, or the picture itself, in base64."""

    id: str = ""
    result: str = ""


class ResponsesWish(NamedTuple):
    """What a request asks for, before anything is looked up."""

    fields: ResponsesFields
    tool: Item
    words: str
    pictures: list[object]
    """Those that come with the words, as the Images API takes them."""
    drawn: Drawn | None
    """The one to be changed where none comes with the words."""
    warnings: list[Message]

    @property
    def action(self) -> ToolAction:
        """What the tool is to do."""
        return self.tool.get("action") or "auto"

    @property
    def kind(self) -> Endpoint:
        """Which endpoint of the Images API does it."""
        return EDIT if self.action != "generate" and (self.pictures or self.drawn) else GENERATION


def wish_from(body: Mapping[str, object]) -> ResponsesWish:
    """What a body asks for. Raises BadRequest, under the client's names, and Unsupported where words are wanted."""
    own = {name: value for name, value in body.items() if name in ResponsesFields.__struct_fields__}
    fields, _ = checked(own, ResponsesFields)
    tool = _tool(fields)
    said = _turns(fields.input)
    last = next((turn for turn in reversed(said) if turn.words), None)
    if last is None:
        raise BadRequest(message("value.missing", "input", allowed=message("allowed.text")), reason="missing")
    pictures = list(last.pictures)
    drawn = None if pictures else _newest(said, fields.previous_response_id)
    wish = ResponsesWish(fields, tool, last.words, pictures, drawn, _without_effect(fields))
    if wish.action == "edit" and wish.kind is not EDIT:
        raise BadRequest(message("responses.nothing_to_edit", "action"), reason="missing")
    return wish


def images_body_from(wish: ResponsesWish, model: str | None, drawn: str, words: str) -> dict[str, Any]:
    """What asks the Images API for the same: `drawn` is the picture to be changed, in base64, "" for none."""
    tool, pictures = wish.tool, wish.pictures or ([drawn] if drawn else [])
    body = {name: value for name, value in tool.items() if name not in _OWN}
    body |= {"prompt": words, "model": model, "response_format": "b64_json", "stream": wish.fields.stream}
    if wish.kind is EDIT:
        body |= {"image": pictures, "mask": tool.get("input_image_mask")}
    elif pictures:
        body |= {"reference_images": pictures}
    return body


class SaidTurn(NamedTuple):
    """One thing that was said or drawn, in the order of the conversation."""

    words: str = ""
    pictures: tuple[object, ...] = ()
    drawn: Drawn | None = None


def _tool(fields: ResponsesFields) -> Item:
    """What the tool is told. Raises Unsupported where it isn't to be called, or more than it is wanted."""
    tool = next((each for each in fields.tools or [] if each.get("type") == TOOL), None)
    if tool is None:
        raise Unsupported(message("responses.words", "tools", tool=TOOL))
    choice = fields.tool_choice
    chosen = choice.get("type") if isinstance(choice, Mapping) else choice
    if chosen not in (None, "auto", "required", "allowed_tools", TOOL):
        raise Unsupported(message("responses.words", "tool_choice", tool=TOOL))
    written = (fields.text or {}).get("format")
    if isinstance(written, Mapping) and written.get("type") not in (None, "text"):
        raise Unsupported(message("responses.words", "text", tool=TOOL))
    if fields.background:
        raise Unsupported(message("value.not_yet", "background", value=True, allowed=message("allowed.false")))
    if tool.get("n") not in (None, 1):
        raise refusal("n", tool["n"], message("allowed.one"))
    if (action := tool.get("action")) not in (None, "auto", "generate", "edit"):
        raise refusal("action", action, message("allowed.one_of", values="auto, edit, generate"))
    return tool


def _turns(said: str | Sequence[Item] | None) -> list[SaidTurn]:
    """What was said, in its order; what others said than the user is left out."""
    if isinstance(said, str):
        return [SaidTurn(said)]
    return [turn for item in said or [] if (turn := _turn(item)) is not None]


def _turn(item: Item) -> SaidTurn | None:
    kind = item.get("type", "message")
    if kind in (_CALL, "item_reference"):
        result, name = item.get("result"), item.get("id")
        return SaidTurn(drawn=Drawn(name if isinstance(name, str) else "", result if isinstance(result, str) else ""))
    if kind != "message" or item.get("role", "user") != "user":
        return None
    content = item.get("content")
    if isinstance(content, str):
        return SaidTurn(content)
    parts = [part for part in content if isinstance(part, Mapping)] if isinstance(content, list) else []
    words = [part["text"] for part in parts if part.get("type") in _TEXTS and isinstance(part.get("text"), str)]
    return SaidTurn("\n".join(words), tuple(_pictures(parts)))


def _pictures(parts: Sequence[Mapping[str, object]]) -> Iterator[object]:
    for part in parts:
        if part.get("type") == "input_image":
            yield {name: part.get(name) for name in ("image_url", "file_id")}
        elif part.get("type") not in _TEXTS:
            raise refusal("input", str(part.get("type")), message("allowed.one_of", values="input_text, input_image"))


def _newest(said: Sequence[SaidTurn], previous: str | None) -> Drawn | None:
    """The last picture that was drawn: one among what was said comes after what an earlier response drew."""
    among = [turn.drawn for turn in said if turn.drawn is not None]
    return among[-1] if among else Drawn(previous) if previous else None


def _without_effect(fields: ResponsesFields) -> list[Message]:
    """What is said to a language model, which isn't here."""
    others = sorted({str(each.get("type")) for each in fields.tools or []} - {TOOL})
    named = [("instructions", fields.instructions is not None), *((other, True) for other in others)]
    return [message("responses.unused", name) for name, said in named if said]
