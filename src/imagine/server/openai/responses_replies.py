"""Pure functions out: a picture, and what happens on the way to it → what clients of OpenAI's Responses read."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ...fairness.allowance import size_of
from ...words.events import Finished
from .fields import PICTURES
from .replies import about_picture, own_of_picture, sse_from
from .requests import Delivery

RESPONSE, CALL = "resp_", "ig_"
"""What ids begin with; the name that the picture is kept under follows."""
_EVENT = "response.image_generation_call."
_USAGE = {
    "input_tokens": 0, "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 0, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 0,
}  # fmt: skip
_ECHOED: Mapping[str, object] = {
    "instructions": None, "max_output_tokens": None, "metadata": {}, "parallel_tool_calls": True,
    "previous_response_id": None, "reasoning": {"effort": None, "summary": None}, "safety_identifier": None,
    "store": True, "temperature": 1.0, "text": {"format": {"type": "text"}}, "tool_choice": "auto", "top_p": 1.0,
    "truncation": "disabled", "user": None,
}  # fmt: skip
"""What a response repeats of its request, and says where that says nothing."""


_MOST_ECHOED = 2**14
"""Bytes of what is repeated of a request, and of its tool: they are held while the picture is drawn."""


class About(NamedTuple):
    """What is known of a response before there is a picture."""

    name: str
    """That its picture is kept under."""
    model: str
    action: str
    tool: Mapping[str, object]
    """What it was told, without pictures."""
    said: Mapping[str, object]
    """What is repeated of the request's body."""
    created: int
    """In Unix seconds."""


def told_of_request(body: Mapping[str, object]) -> dict[str, object]:
    """What a response repeats of its request."""
    return _small({name: body[name] for name in _ECHOED if name in body})


def told_of_tool(tool: Mapping[str, object]) -> dict[str, object]:
    """What a response repeats of what the tool was told: no pictures."""
    return _small({name: value for name, value in tool.items() if name not in ("input_image_mask", *PICTURES)})


def _small(said: Mapping[str, object]) -> dict[str, object]:
    """As much of it as doesn't take room."""
    small, room = dict[str, object](), _MOST_ECHOED
    for name, value in said.items():
        if (size := size_of(name) + size_of(value)) <= room:
            small[name], room = value, room - size
    return small


def response_from(about: About, status: str, items: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """The response object, whose picture is there or not yet."""
    said = {name: default if about.said.get(name) is None else about.said[name] for name, default in _ECHOED.items()}
    usage = _USAGE if status == "completed" else None
    return {
        "id": RESPONSE + about.name, "object": "response", "created_at": about.created, "status": status,
        "background": False, "error": None, "incomplete_details": None, "model": about.model, "output": items,
        "tools": [about.tool], "usage": usage, **said, **more,
    }  # fmt: skip


def item_from(about: About, status: str, **more: Any) -> dict[str, Any]:
    """The call of the tool, as it stands in a response's output."""
    call = {"id": CALL + about.name, "type": "image_generation_call", "status": status, "action": about.action}
    return {**call, "result": None, **more}


def finished_item(about: About, finished: Finished, delivery: Delivery) -> dict[str, Any]:
    """The same, with its picture."""
    told = about_picture(finished.data, delivery, usage=False) | own_of_picture(finished)
    return item_from(about, "completed", result=b64encode(finished.data).decode("ascii"), **told)


class ResponseEvents:
    """The events of one response's stream, numbered: each method says what is to be sent."""

    def __init__(self, about: About) -> None:
        self._about = about
        self._number = 0

    def begun(self) -> bytes:
        """The response is there, and the tool was called."""
        response = response_from(self._about, "in_progress", [])
        return b"".join(
            [
                self._event("response.created", response=response),
                self._event("response.in_progress", response=response),
                self._event("response.output_item.added", output_index=0, item=item_from(self._about, "in_progress")),
                self._of_call("in_progress"),
                self._of_call("generating"),
            ]
        )

    def partial(self, data: bytes, original: bytes, delivery: Delivery, number: int) -> bytes:
        """A picture in the making, the `number`-th from 0; `original` is the PNG that `data` was made from."""
        picture = {"partial_image_b64": b64encode(data).decode("ascii"), "partial_image_index": number}
        return self._of_call("partial_image", **picture, **about_picture(original, delivery, usage=False))

    def done(self, item: dict[str, Any], response: dict[str, Any]) -> bytes:
        """The picture is there, and with it the response."""
        return b"".join(
            [
                self._of_call("completed"),
                self._event("response.output_item.done", output_index=0, item=item),
                self._event("response.completed", response=response),
            ]
        )

    def failed(self, error: Mapping[str, object]) -> bytes:
        """What went wrong after the first byte: flat, as this API has it, and whole, as its clients raise it."""
        flat = {name: error.get(name) for name in ("code", "message", "param")}
        return self._event("error", **flat, error=error)

    def _of_call(self, what: str, **more: Any) -> bytes:
        return self._event(_EVENT + what, output_index=0, item_id=CALL + self._about.name, **more)

    def _event(self, kind: str, **more: Any) -> bytes:
        self._number += 1
        return sse_from({"type": kind, "sequence_number": self._number - 1, **more})


def names_in(identifier: str) -> Iterator[str]:
    """The name of a kept picture that an id of a response, or of a call, holds; none where it is no id of ours."""
    for prefix in (RESPONSE, CALL):
        if identifier.startswith(prefix):
            yield identifier.removeprefix(prefix)
