"""The workers that a server has of its own, one a device: light, since they import torch while the server itself is
imported."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from ...dispatch.process import ProcessWorker
from ...settings.settings import Settings
from ...words.frames import Ready, WorkerSettings

if TYPE_CHECKING:
    from ...dispatch.pool import Pool

_CPU, ALL = "cpu", "all"


def own_workers(settings: Settings) -> list[ProcessWorker]:
    """A child process for each device that the settings name, none started yet; of `all` the first, which finds out
    what others there are (`others_of`)."""
    named = settings.device.split(",")
    if named.count(_CPU) < 2:
        return [_worker(settings, device) for device in named]
    cpus = _on_shared_cpu(settings, named.count(_CPU))
    return [next(cpus) if device == _CPU else _worker(settings, device) for device in named]


def others_of(settings: Settings, first: Ready) -> list[ProcessWorker]:
    """Where it is to be all devices: a worker for each accelerator beside the first, as that tells of them."""
    if settings.device != ALL or first.room is None or not first.device.startswith("cuda"):
        return []
    return [_worker(settings, f"cuda:{number}") for number in range(1, first.room.others + 1)]


async def bring_others(settings: Settings, pool: Pool) -> None:
    """Where it is to be all devices: waits for the first worker, and takes those into the pool that it tells of."""
    first = pool.workers[0]
    assert isinstance(first, ProcessWorker), "it finds out what there is on this machine"
    for worker in others_of(settings, await first.until_ready()):
        await pool.add(worker)


def worker_settings(settings: Settings, device: str) -> WorkerSettings:
    """What the worker of one device is told of the settings."""
    return WorkerSettings(
        device=device,
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


def _worker(settings: Settings, device: str) -> ProcessWorker:
    return ProcessWorker(worker_settings(settings, device))


def _on_shared_cpu(settings: Settings, count: int) -> Iterator[ProcessWorker]:
    """Workers that have a share of the processors and of main memory each."""
    from ...processes import cores  # which one device needs none of

    told = worker_settings(settings, _CPU)
    processors = cores.ours()
    threads = None if processors else max(1, (os.cpu_count() or 1) // count)
    for place, share in enumerate(cores.shared_out(processors, count)):
        own = msgspec.structs.replace(told, cores=share, threads=threads, sharers=count)
        yield ProcessWorker(own, place=f"{_CPU}:{place}")
