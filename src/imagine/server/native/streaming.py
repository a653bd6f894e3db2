"""What happens to pictures, line by line, in our own dialect."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ...words.events import Finished, Preview
from ...words.frames import JobReport
from ..http.context import LANGUAGE
from ..http.encoding import NDJSON, line_from
from ..http.errors import native_error, trouble_from
from ..orders.service import Plan
from ..orders.streaming import PATIENCE, send_events
from .replies import final_from_finished, intermediate_from_preview, news_from


async def stream(request: web.Request, plan: Plan, patience: float = PATIENCE) -> web.StreamResponse:
    """Sends what happens, in our own dialect."""

    async def line(index: int, event: JobReport) -> bytes | None:
        said = line_of(plan, index, event)
        return None if said is None else line_from(said)

    def last(error: Exception) -> bytes:
        return line_from(native_error(trouble_from(error).note))

    return await send_events(request, plan.jobs, line, last, media_type=NDJSON, patience=patience)


def line_of(plan: Plan, index: int, event: JobReport) -> dict[str, Any] | None:
    """The line that an event of picture `index` makes, if any."""
    job = plan.jobs[index]
    match event:
        case Preview():
            line: dict[str, Any] | None = intermediate_from_preview(event, job.params.seed)
        case Finished():
            line = final_from_finished(event, job.params.num_steps, plan.warnings, LANGUAGE.get())
        case _:
            line = news_from(event) if plan.progress else None
    if line is not None and len(plan.jobs) > 1:
        line["index"] = index
    return line
