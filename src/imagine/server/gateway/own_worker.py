"""The worker that a server has of its own: light, since that imports torch while the server itself is imported."""

from __future__ import annotations

import logging

from ...dispatch.process import ProcessWorker
from ...settings.settings import Settings
from ...words.frames import WorkerSettings


def own_worker(settings: Settings) -> ProcessWorker:
    """A child process by these settings, not started yet."""
    return ProcessWorker(worker_settings(settings))


def worker_settings(settings: Settings) -> WorkerSettings:
    """What a worker is told of the settings."""
    return WorkerSettings(
        device=settings.device,
        full_prec=settings.full_prec,
        compile=settings.compile,
        fp16_accumulation=settings.fp16_accumulation,
        cuda_graphs=settings.cuda_graphs,
        memory=settings.memory,
        keep_alive=settings.keep_alive,
        max_batch=settings.max_batch,
        offline=settings.offline,
        state=str(settings.home / "state"),
        log_level=logging.DEBUG if settings.debug else logging.INFO,
    )
