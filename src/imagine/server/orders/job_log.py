"""The end of a job, counted and written into the log."""

from __future__ import annotations

import logging

from ...words.events import Failed, Finished
from ...words.frames import JobReport, Submit
from ..gateway.gateway import Gateway

_log = logging.getLogger("imagine.jobs")


def note_end(gateway: Gateway, order: str, job: Submit, report: JobReport) -> None:
    """Counts and logs `report` where it ends the job."""
    match report:
        case Finished():
            gateway.metrics.finished(report)
            models = [component for model in job.models for component in model.components]
            gateway.digests.used(*models, *(adapter.component for adapter in job.adapters))
            _say("finished", order, job, {stage: f"{seconds:.3f}" for stage, seconds in report.timings.items()})
        case Failed():
            _say("failed", order, job, {"error": report.error})


def note_taken_back(order: str, job: str) -> None:
    """Logs that nobody wants the picture any more."""
    _log.info("taken back job=%s order=%s", job, order)


def _say(what: str, order: str, job: Submit, more: dict[str, str]) -> None:
    p = job.params
    about = {"job": job.job, "order": order, "model": p.model, "size": f"{p.width}x{p.height}", "sampler": p.sampler}
    about |= {"steps": str(p.num_steps), "seed": str(p.seed), "client": job.client} | more
    words = (f"{name}={value!r}" if " " in value else f"{name}={value}" for name, value in about.items())
    _log.info("%s", " ".join([what, *words]), extra={"fields": about})
