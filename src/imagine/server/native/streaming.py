"""What happens to pictures, line by line, in our own dialect."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ...words.events import Failed, Finished, Preview
from ..http.context import CALLED, LANGUAGE
from ..http.encoding import NDJSON, line_from
from ..http.errors import native_error, trouble_from
from ..orders.connection import PATIENCE, send_events
from ..orders.event_log import OrderEvent
from ..orders.order import Order
from .replies import final_from_finished, intermediate_from_preview, left_out_from, news_from


async def stream(request: web.Request, order: Order, patience: float = PATIENCE) -> web.StreamResponse:
    """Sends what happens, in our own dialect."""

    async def line(event: OrderEvent) -> bytes | None:
        made = line_of(order, event)
        return None if made is None else line_from(made)

    def last(error: Exception) -> bytes:
        return line_from(native_error(trouble_from(error).note, error))

    return await send_events(request, order, line, last, media_type=NDJSON, patience=patience)


def line_of(order: Order, event: OrderEvent) -> dict[str, Any] | None:
    """The line that an event makes, if any."""
    params, report = order.pictures[event.index].params, event.report
    match report:
        case Preview():
            line: dict[str, Any] | None = intermediate_from_preview(report, params.seed)
        case Failed():
            line = left_out_from(report, params.seed)
        case Finished():
            line = final_from_finished(report, params.num_steps, order.warnings, LANGUAGE.get(), CALLED.get())
        case _:
            line = news_from(report, order.id) if order.progress else None
    if line is not None and len(order.pictures) > 1:
        line["index"] = event.index
    return line
