"""One pure function out: finished pictures and events → what OpenAI's clients read."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from ...pictures import containers
from ...words.events import Finished
from ..http.encoding import body_from
from .requests import Delivery

_ZERO = {"text_tokens": 0, "image_tokens": 0}
USAGE = {
    "input_tokens": 0, "output_tokens": 0, "total_tokens": 0,
    "input_tokens_details": _ZERO, "output_tokens_details": _ZERO,
}  # fmt: skip
"""There are no tokens here, and nothing is billed; clients read these numbers all the same."""
_SHOWN = {
    "num_steps": "steps", "guidance": "guidance_scale", "true_cfg": "true_cfg_scale", "neg": "negative_prompt",
    "clip": "clip_skip",
}  # fmt: skip
_NOT_SHOWN = ("prompt", "seed", "environment", "digest", "sha256", "parts", "img", "mask")


def reply_from(
    finished: Sequence[Finished],
    items: Sequence[dict[str, str]],
    delivery: Delivery,
    warnings: list[str],
    created: int,
) -> dict[str, Any]:
    """The answer of a request that doesn't stream. `items` say where each picture is: its `url`, or its `b64_json`."""
    first = finished[0]
    data = [item | own_of_picture(each) for item, each in zip(items, finished, strict=True)]
    return {"created": created, "data": data} | about_picture(first.data, delivery) | _effective(first, warnings)


def item_from_bytes(data: bytes) -> dict[str, str]:
    """A picture in the answer itself."""
    return {"b64_json": b64encode(data).decode("ascii")}


def partial_from(data: bytes, original: bytes, delivery: Delivery, number: int, created: int) -> dict[str, Any]:
    """The event of a picture in the making, the `number`-th from 0. `original` is the PNG that `data` was made from."""
    event = {"type": f"{delivery.kind.event}.partial_image"} | item_from_bytes(data)
    return (
        event | {"partial_image_index": number, "created_at": created} | about_picture(original, delivery, usage=False)
    )


def completed_from(finished: Finished, delivery: Delivery, warnings: list[str], created: int) -> dict[str, Any]:
    """The event of a picture that is done."""
    event = {"type": f"{delivery.kind.event}.completed"} | item_from_bytes(finished.data) | {"created_at": created}
    about = about_picture(finished.data, delivery) | own_of_picture(finished)
    return event | about | _effective(finished, warnings)


def error_event(error: dict[str, Any]) -> dict[str, Any]:
    """The event of what went wrong after the first byte."""
    return {"type": "error", "error": error}


def sse_from(event: dict[str, Any]) -> bytes:
    """An event as it is sent."""
    return f"event: {event['type']}\ndata: ".encode() + body_from(event) + b"\n\n"


def about_picture(picture: bytes, delivery: Delivery, *, usage: bool = True) -> dict[str, Any]:
    """What OpenAI tells of every picture."""
    width, height = containers.dimensions(picture)
    about: dict[str, Any] = {"background": "opaque", "output_format": delivery.format, "quality": delivery.quality}
    about["size"] = f"{width}x{height}"
    if delivery.safety_identifier is not None:
        about["safety_identifier"] = delivery.safety_identifier
    return about | ({"usage": USAGE} if usage else {})


def own_of_picture(finished: Finished) -> dict[str, str]:
    """What is each picture's own. The seed is text: it can exceed what a browser's numbers hold."""
    return {"revised_prompt": finished.meta["prompt"], "seed": str(finished.meta["seed"])}


def _effective(finished: Finished, warnings: list[str]) -> dict[str, Any]:
    """The parameters as they took effect, under the names that they can be asked for by."""
    shown = {_SHOWN.get(name, name): value for name, value in finished.meta.items() if name not in _NOT_SHOWN}
    if not finished.meta.get("img"):
        shown.pop("strength", None)
    return shown | {
        "seed": str(finished.meta["seed"]),
        "revised_prompt": finished.meta["prompt"],
        "warnings": warnings,
    }
