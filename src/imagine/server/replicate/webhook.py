"""What a webhook is told in Replicate's shape: the prediction, with its pictures' addresses as its output."""

from __future__ import annotations

from collections.abc import Collection

from ...dispatch.worker import error_from_failed
from ...messages import sentences
from ...settings.settings import Settings
from ...words.events import Finished, Progress
from ..http.encoding import body_from
from ..http.errors import trouble_from
from ..http.paths import PICTURES
from ..lasting.book import END, FINAL, STARTED
from ..lasting.rows import Happened, OrderRow, Webhook, WebhookTold
from ..webhooks.wish import events_from, webhook_from
from .answers import PredictionSoFar, prediction_object
from .requests import NAMED, WebhookWish

SHAPE = "replicate"
_NAMES = {"start": STARTED, "output": FINAL, "completed": END}
_UNSAID = (FINAL, END)
"""What Replicate tells where a client doesn't say."""


def wished(wish: WebhookWish, settings: Settings, base: str) -> Webhook:
    """Raises BadRequest, Unsupported."""
    events = events_from(wish.events, "webhook_events_filter", _NAMES, _UNSAID)
    return webhook_from(wish.url, wish.field, settings, events, SHAPE, base)


def body_of(row: OrderRow, happened: Happened) -> bytes:
    """The object as it was then."""
    called, about = row.called, row.about
    assert called is not None and about is not None, "somebody wants to know"  # noqa: PT018
    base, state = called.webhook.base, row.state if happened.event == END else "open"
    by_then: Collection[int] = row.pictures.keys() if happened.event == END else _told(called, happened)
    reports = {
        place: each
        for place, each in sorted(row.pictures.items())
        if isinstance(each.report, Finished) and place in by_then
    }
    finished = [each.report for each in reports.values() if isinstance(each.report, Finished)]
    steps = {place: _all_of(about.pictures[place].params.num_steps) for place in reports} or {0: _begun(row)}
    failure = None if row.failure is None else trouble_from(error_from_failed(row.failure)).sentence(NAMED)
    notes = [*about.warnings, *(note for each in finished for note in each.warnings)]
    seen = PredictionSoFar(
        state,
        [f"{base}{PICTURES}{each.name}" for each in reports.values()] if state in ("open", "succeeded") else [],
        sum(sum(each.timings.values()) for each in finished), steps, failure, sentences(notes),
    )  # fmt: skip
    return body_from(prediction_object(row, seen, base=base, waited=False))


def _told(called: WebhookTold, happened: Happened) -> Collection[int]:
    """The pictures that had been told of with an event, its own too: as often as it is sent, it says the same."""
    places = [each.happened.place for each in called.deliveries if each.happened.event == FINAL]
    return places[: places.index(happened.place) + 1] if happened.event == FINAL else ()


def _all_of(steps: int) -> Progress:
    return Progress(job="", step=steps, steps=steps)


def _begun(row: OrderRow) -> Progress:
    assert row.about is not None, "it has not expired"
    return Progress(job="", step=0, steps=row.about.pictures[0].params.num_steps)
