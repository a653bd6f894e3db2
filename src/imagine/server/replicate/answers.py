"""Pure functions out: an order, and what became of it by now → the object that Replicate's clients read."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from ...words.events import Progress
from ..http.errors import Trouble
from .requests import NAMED, OURS

if TYPE_CHECKING:
    from ..lasting.rows import OrderRow

_STATES = {"succeeded": "succeeded", "failed": "failed", "cancelled": "canceled"}
_BAR = 10


class PredictionSoFar(NamedTuple):
    """What happened to an order by now, and in which state it is with that."""

    state: str
    output: Sequence[str]
    """Where its pictures are, or they themselves, as addresses."""
    seconds: float
    """What they took."""
    steps: Mapping[int, Progress]
    """By picture: its last step."""
    error: str | None
    warnings: Sequence[str]


def prediction_object(row: OrderRow, seen: PredictionSoFar, *, base: str, waited: bool) -> dict[str, Any]:
    """The object of an order, by now.

    `base`: this server's address. `waited`: its client takes anything but "starting" for the end.
    """
    assert row.about is not None, "it has not expired"
    done, params, address = seen.state in _STATES, row.about.pictures[0].params, f"{base}/v1/predictions/{row.id}"
    begun = bool(seen.steps) and not waited
    status = _STATES.get(seen.state, "processing" if begun else "starting")
    ended = None if not done else moment_of(time.time() if row.ended is None else row.ended)
    name = params.model if "/" in params.model else f"{OURS}/{params.model}"
    return {
        "id": row.id,
        "model": name,
        "version": params.digest or "hidden",
        "status": status,
        "input": {"prompt": params.prompt, "seed": str(params.seed), "width": params.width, "height": params.height},
        "output": [*seen.output] or None,
        "logs": logs_from(seen),
        "error": seen.error if seen.state == "failed" else None,
        "metrics": {"predict_time": round(seen.seconds, 3)} if done else {},
        "created_at": moment_of(row.created),
        "started_at": moment_of(row.created) if seen.steps or done else None,
        "completed_at": ended,
        "urls": {"get": address, "cancel": f"{address}/cancel", "stream": f"{address}/stream"},
    }


def logs_from(seen: PredictionSoFar) -> str:
    """The warnings, and the steps as clients parse them: a line as tqdm writes it."""
    lines = [f"warning: {each}" for each in seen.warnings]
    return "\n".join([*lines, *map(bar_from, seen.steps.values())])


def bar_from(progress: Progress) -> str:
    """A step as tqdm writes it."""
    part = progress.step / progress.steps
    bar = "#" * int(part * _BAR)
    return f"{part:4.0%}|{bar:<{_BAR}}| {progress.step}/{progress.steps}"


def event_from(kind: str, data: str, number: object) -> bytes:
    """An event of a stream; without a number clients pass over it."""
    lines = "".join(f"data: {line}\n" for line in data.split("\n"))
    return f"event: {kind}\nid: {number}\n{lines}\n".encode()


def data_url(media_type: str, data: bytes) -> str:
    """Bytes, as the one address of them that every client of this server can read."""
    return f"data:{media_type};base64,{b64encode(data).decode('ascii')}"


def moment_of(seconds: float) -> str:
    """A time in Unix seconds as these clients read it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def problem_from(trouble: Trouble) -> dict[str, Any]:
    """What went wrong, as problem details."""
    field = trouble.field(NAMED)
    about = {"invalid_fields": [{"field": field}]} if field else {}
    sentence = trouble.sentence(NAMED)
    return {"title": trouble.note.code, "status": trouble.status, "detail": sentence, **about}
