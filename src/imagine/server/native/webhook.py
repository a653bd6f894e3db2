"""What a webhook is told of an order in our own dialect: which, how far, and where its pictures are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ...dispatch.worker import error_from_failed
from ...messages import message, sentence
from ...settings.settings import Settings
from ...words.errors import BadRequest
from ...words.events import Failed
from ..http.encoding import body_from
from ..http.paths import PICTURES
from ..lasting.book import END, EVENTS, FINAL
from ..lasting.rows import Happened, OrderRow, PictureRow, Webhook
from ..webhooks.wish import events_from, webhook_from

SHAPE = "imagine"
URL, TOLD = "webhook", "webhook_events"


def wished(url: object, events: object, settings: Settings, base: str) -> Webhook:
    """Of a request's two fields. Raises BadRequest, Unsupported."""
    if url is None:
        raise BadRequest(message("webhook.missing", URL), reason="missing")
    told = events_from(events, TOLD, {each: each for each in EVENTS}, (END,))
    return webhook_from(url, URL, settings, told, SHAPE, base)


def body_of(row: OrderRow, happened: Happened) -> bytes:
    """The message of one event, as Standard Webhooks has it: `type`, `timestamp`, `data`."""
    called = row.called
    assert called is not None, "somebody wants to know"
    base = called.webhook.base
    own = f"{base}/jobs/{row.id}"
    data: dict[str, Any] = {
        "id": row.id,
        "state": row.state if happened.event == END else "running",
        "urls": {"self": own, "events": f"{own}/events", "result": f"{own}/result", "cancel": own},
    }
    if happened.event == END:
        data["pictures"] = [_picture(base, place, each) for place, each in sorted(row.pictures.items())]
        if row.failure is not None:
            data |= _error(row.failure)
    elif happened.event == FINAL:
        data["picture"] = _picture(base, happened.place, row.pictures[happened.place])
    moment = datetime.fromtimestamp(happened.since, UTC).isoformat().replace("+00:00", "Z")
    return body_from({"type": f"order.{happened.event}", "timestamp": moment, "data": data})


def _picture(base: str, place: int, picture: PictureRow) -> dict[str, Any]:
    if isinstance(picture.report, Failed):
        return {"index": place} | _error(picture.report)
    report = picture.report
    seed = {"seed": str(report.meta["seed"])} if "seed" in report.meta else {}
    return {"index": place, **seed, "url": f"{base}{PICTURES}{picture.name}", "media_type": report.media_type}


def _error(failed: Failed) -> dict[str, Any]:
    """In English: who reads it said no language."""
    note = error_from_failed(failed).note
    return {"error": sentence(note), "code": note.code}
