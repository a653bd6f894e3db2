"""One pure function out: events → the objects that a client of Ollama's `/api/generate` reads.

Beside the fields that were there (`completed` and `total` steps, `image`, `done`), these say what wasn't told: `seed`,
as text, `preview`, the `index` of one of several pictures, `status` while it waits, `warnings`, and the
`revised_prompt` that the assistant made of a wish.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ...messages import Message, Names, sentences
from ...words.events import Finished, Loading, Preview, Progress, Queued
from ...words.frames import JobReport

_PNG = "image/png"
NAMED = {"img": "images", "stream": "preview"}
"""Our fields that this dialect's clients know by another name."""


def line_from(model: str, now: float, **more: Any) -> dict[str, Any]:
    """One object of an answer at `now`, in Unix seconds."""
    return {"model": model, "created_at": moment(now), "response": "", "done": False, **more}


def news_from(event: JobReport) -> dict[str, Any] | None:
    """What a line says of an event in between; None where there is nothing to tell."""
    match event:
        case Queued():
            return {"status": "queued", "position": event.position}
        case Loading():
            return {"status": "loading"}
        case Progress():
            return {"completed": event.step, "total": event.steps}
        case Preview():
            kind = {} if event.media_type == _PNG else {"media_type": event.media_type}
            return {"completed": event.step, "total": event.steps, "preview": _base64(event.data)} | kind
    return None


def picture_from(finished: Finished) -> dict[str, Any]:
    """What a line says of a picture that is done."""
    planned = {"revised_prompt": finished.meta["prompt"]} if "assisted" in finished.meta else {}
    return {"image": _base64(finished.data), "seed": str(finished.meta["seed"]), **planned}


def end_from(
    finished: Sequence[Finished], warnings: Sequence[Message], seconds: float, called: Names = NAMED
) -> dict[str, Any]:
    """What the last line says beside its picture; `seconds` is what it all took. Durations are in nanoseconds."""
    warned = sentences([*warnings, *(note for each in finished for note in each.warnings)], called=called)
    loading = max((each.timings.get("loading", 0.0) for each in finished), default=0.0)
    took = {"total_duration": _nanoseconds(seconds), "load_duration": _nanoseconds(loading)}
    return {"done": True, "done_reason": "stop", **took} | ({"warnings": warned} if warned else {})


def answer_from(model: str, now: float, finished: Sequence[Finished], end: dict[str, Any]) -> dict[str, Any]:
    """The one object of a request that doesn't stream: the first picture, and all of them where there are several."""
    several = {"images": [picture_from(each) for each in finished]} if len(finished) > 1 else {}
    return line_from(model, now, **picture_from(finished[0]), **several, **end)


def moment(seconds: float) -> str:
    """A Unix time as Go writes it, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")
