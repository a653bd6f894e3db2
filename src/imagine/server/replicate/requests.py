"""Pure functions in: what a client of Replicate says → a `GenerateRequest`, and how long it waits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from ...asking.checking import refusal
from ...asking.duration import seconds_from_duration
from ...asking.request import ALIASES, GenerateRequest, parse
from ...messages import Message, Names, message
from ...pictures.images import is_address
from ...words.errors import BadRequest
from ..orders.output import Output, OutputFormat

STRENGTH = 0.8
"""How much of a picture is painted anew where its client doesn't say it: Replicate's `prompt_strength`."""
OURS = "imagine"
"""The owner of every model here, for clients that want one."""
OWN_NAMES = {
    "num_outputs": "count", "prompt_strength": "strength", "scheduler": "sampler", "image": "img", "input_image": "img",
}  # fmt: skip
NAMES = ALIASES | OWN_NAMES
NAMED = {
    "img": "image", "num_steps": "num_inference_steps", "guidance": "guidance_scale", "neg": "negative_prompt",
    "strength": "prompt_strength", "count": "num_outputs", "sampler": "scheduler",
}  # fmt: skip
"""What our fields are called here, where a client didn't say them by another name."""
MOST_WAIT = 60
"""Seconds that `Prefer: wait` means at most, and where it says no number."""
_FORMATS: dict[str, OutputFormat] = {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "webp": "webp"}
_WAITS = re.compile(r"(?:^|[,;\s])wait(?:=(\d{1,4}))?(?:$|[,;\s])", re.IGNORECASE)
_HANDLED = ("output_format", "output_quality", "stream", "progress", "model")
_WEBHOOK, _COMPLETED, _FILTER, _LOGS = "webhook", "webhook_completed", "webhook_events_filter", "logs"
_CANCELS = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,3})?(?:s|m|h)?")
LEAST_DEADLINE, MOST_DEADLINE = 5.0, 86400.0
"""Seconds that `Cancel-After` may say."""


class WebhookWish(NamedTuple):
    """Whom a client wants told, and of which events, by its own names; None where it doesn't say."""

    field: str
    url: object
    events: list[object] | None


class PredictionWish(NamedTuple):
    """A request in our words, and what is this dialect's alone."""

    request: GenerateRequest
    output: Output
    warnings: list[Message]
    names: Names
    """What the client calls our fields."""
    filled: tuple[str, ...] = ()
    """What of it the client didn't say."""
    webhook: WebhookWish | None = None


def prediction_from(body: Mapping[str, object], owner: str | None, name: str | None) -> PredictionWish:
    """What a body asks for, of the model in the path or of its `version`. Raises BadRequest, in the client's names."""
    webhook, warned = _webhook(body)
    said = body.get("input")
    if not isinstance(said, Mapping):
        raise refusal("input", said, message("value.object"), reason="missing" if said is None else "type")
    fields = {key: value for key, value in said.items() if value is not None and key not in _HANDLED}
    for key in ("image", "input_image", "mask"):
        if isinstance(value := fields.get(key), str) and is_address(value):
            raise BadRequest(message("picture.address", key))
    parsed = parse({"fit": "scale", "model": _model(body, owner, name)} | fields, NAMES)
    request, filled = parsed.request, tuple[str, ...]()
    if request.img is not None and request.strength is None:
        request, filled = msgspec.structs.replace(request, strength=STRENGTH), ("strength",)
    warnings = [*warned, *parsed.warnings]
    return PredictionWish(request, _output(said), warnings, {**NAMED, **parsed.called}, filled, webhook)


def _webhook(body: Mapping[str, object]) -> tuple[WebhookWish | None, list[Message]]:
    """Whom to tell. No message is sent for logs alone: who wants others as well is warned of it. Raises BadRequest."""
    if not body.get(_WEBHOOK):
        old = body.get(_COMPLETED)
        return (WebhookWish(_COMPLETED, old, ["completed"]) if old else None), []
    events = body.get(_FILTER)
    if events is None:
        return WebhookWish(_WEBHOOK, body[_WEBHOOK], None), []
    if not isinstance(events, list):
        raise refusal(_FILTER, events, message("value.list"), reason="type")
    if events == [_LOGS]:
        raise BadRequest(message("replicate.logs", _FILTER))
    others = [each for each in events if each != _LOGS]
    warned = [message("replicate.logs", _FILTER)] if len(others) < len(events) else []
    return WebhookWish(_WEBHOOK, body[_WEBHOOK], others), warned


def wait_from(prefer: str) -> int:
    """The seconds that a `Prefer` header wants to wait; 0 for none."""
    waits = _WAITS.search(prefer)
    return 0 if waits is None else min(MOST_WAIT, int(waits[1] or MOST_WAIT))


def deadline_from(said: str) -> float | None:
    """The seconds after which `Cancel-After` wants a prediction taken back; None where it says nothing."""
    if not said.strip():
        return None
    text = said.strip().lower()
    seconds = seconds_from_duration(text if text[-1].isalpha() else f"{text}s") if _CANCELS.fullmatch(text) else 0.0
    if not LEAST_DEADLINE <= seconds <= MOST_DEADLINE:
        raise refusal("Cancel-After", said, message("replicate.deadline"))
    return seconds


def model_of(owner: str, name: str) -> str:
    """What a model is called here, of the owner and the name that its client knows."""
    return f"{owner}/{name}".removeprefix(f"{OURS}/")


def _model(body: Mapping[str, object], owner: str | None, name: str | None) -> str | None:
    """Our name of what is asked: a version behind a colon is nothing that is known here."""
    version = body.get("version")
    if owner is None and version is not None and not isinstance(version, str):
        raise refusal("version", version, message("allowed.model"), reason="type")
    if owner is not None and name is not None:
        return model_of(owner, name) or None
    return str(version or "").partition(":")[0].removeprefix(f"{OURS}/") or None


def _output(said: Mapping[str, Any]) -> Output:
    kind, quality = said.get("output_format"), said.get("output_quality")
    if kind is not None and (not isinstance(kind, str) or kind not in _FORMATS):
        raise refusal("output_format", kind, message("allowed.one_of", values=", ".join(_FORMATS)))
    if quality is not None and (isinstance(quality, bool) or not isinstance(quality, int) or not 0 <= quality <= 100):
        between = message("allowed.between", kind=message("allowed.whole"), least="0", most="100")
        raise refusal("output_quality", quality, between)
    return Output(format=_FORMATS[kind or "png"], quality=max(1, 95 if quality is None else quality))
