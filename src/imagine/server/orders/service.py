"""From a request to jobs, and from their events to one stream: what every dialect does between its two translations."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import NamedTuple

import msgspec

from ...asking.presets import expanded
from ...asking.request import GenerateRequest
from ...asking.resolve import Picture, check_needs, resolve, vae_of
from ...dispatch.worker import Events, error_from_failed
from ...identity.stamp import FileStamp, unchanged
from ...messages import Note, message
from ...moderation.policy import ModerationInput
from ...registry.entry import Entry
from ...registry.identify import CHECKPOINT
from ...words.errors import BadRequest, ImagineError, ModelChanged, UnusableModel, WorkerLost
from ...words.events import Failed, Finished
from ...words.frames import JobReport, Submit, ends
from ...words.model import Model
from ..gateway.gateway import NO_PARTS, Gateway, model_from
from ..http.body import Holding

_log = logging.getLogger("imagine.jobs")
_READ_AHEAD = 2
"""Events taken before they are read: a slow reader's are kept, and thinned out, in the pool's own buffers."""


class Plan(NamedTuple):
    """What is to be done for one request."""

    jobs: list[Submit]
    warnings: list[Note]
    progress: bool
    """Does the client want to be told of each step?"""

    @property
    def streams(self) -> bool:
        """Does the client want to be told of what happens in between?"""
        return self.jobs[0].preview.every > 0 or self.progress


async def plan(gateway: Gateway, request: GenerateRequest, client: str, holding: Holding) -> Plan:
    """The jobs of a request. `holding` keeps what its pictures take.

    Raises BadRequest (Blocked among them), ModelNotFound, UnusableModel, Busy.
    """
    asked, request = request, await _with_preset(gateway, request)
    entry = await gateway.to_draw(request.model)
    defaults = gateway.defaults_of(entry)
    vae = vae_of(request, defaults)
    check_needs(entry, request, vae)
    model = model_from(entry, {"vae": await _vae(gateway, vae)} if vae else NO_PARTS)
    refiner = await _refiner(gateway, request.refiner) if request.refiner else None
    img = await _picture(gateway, request.img, "img", client)
    mask = await _picture(gateway, request.mask, "mask", client)
    holding.hold(sum(len(picture[0]) for picture in (img, mask) if picture))
    resolved = resolve(
        request,
        model=entry,
        random_seed=lambda: secrets.randbits(64),
        defaults=defaults,
        img=img and img[1],
        mask=mask and mask[1],
    )
    for check in gateway.checks:
        check(ModerationInput(asked.prompt, resolved.params[0].prompt, asked.preset))
    gateway.used(entry.name)
    for params in resolved.params:
        _log.debug("recipe: %s", msgspec.to_builtins(params))
    jobs = [
        Submit(
            job=secrets.token_urlsafe(16), client=client, params=params, model=model, refiner=refiner,
            img=img and img[0], mask=mask and mask[0], preview=resolved.preview, keep_alive=resolved.keep_alive,
            max_batch=gateway.max_batch_of(entry),
        )
        for params in resolved.params
    ]  # fmt: skip
    return Plan(jobs, resolved.warnings, resolved.progress)


async def events_of(gateway: Gateway, jobs: list[Submit]) -> AsyncGenerator[tuple[int, JobReport]]:
    """What happens to the jobs, each event with its job's index, until all have ended.

    Closing it, or being cancelled in it, takes back the jobs that have not. Raises Busy, and what a job failed with.
    """
    streams: list[Events] = []
    news: asyncio.Queue[tuple[int, JobReport]] = asyncio.Queue(_READ_AHEAD)
    readers: list[asyncio.Task[None]] = []
    ended: set[int] = set()
    try:
        for job in jobs:
            streams.append(gateway.pool.submit(job))  # noqa: PERF401 - those before a refusal must be known
        readers = [asyncio.create_task(_read(index, stream, news)) for index, stream in enumerate(streams)]
        while len(ended) < len(jobs):
            index, event = await news.get()
            _note(gateway, jobs[index], event)
            if ends(event):
                ended.add(index)
            if isinstance(event, Failed):
                raise await _error_from(event, jobs[index])
            yield index, event
    finally:
        for reader in readers:
            reader.cancel()
        for index, stream in enumerate(streams):
            await stream.aclose()
            if index not in ended:
                _log.info("taken back job=%s", jobs[index].job)


async def pictures_of(gateway: Gateway, jobs: list[Submit]) -> list[Finished]:
    """The pictures, in the order of the jobs. Raises as `events_of`."""
    async with contextlib.aclosing(events_of(gateway, jobs)) as events:
        done = {index: event async for index, event in events if isinstance(event, Finished)}
    return [done[index] for index in range(len(jobs))]


async def _error_from(failed: Failed, job: Submit) -> ImagineError:
    """What a job failed with. Whoever shortens a file in use kills the process that reads it: said as what it is."""
    error = error_from_failed(failed)
    if not isinstance(error, WorkerLost) or await asyncio.to_thread(unchanged, _stamps(job)):
        return error
    return ModelChanged(message("model.changed", "model", name=job.model.name))


def _stamps(job: Submit) -> list[FileStamp]:
    """Every file that a job reads weights of."""
    return [stamp for model in job.models for stamp in model.stamps.values()]


async def _read(index: int, stream: AsyncIterator[JobReport], news: asyncio.Queue[tuple[int, JobReport]]) -> None:
    async for event in stream:
        await news.put((index, event))


async def _with_preset(gateway: Gateway, request: GenerateRequest) -> GenerateRequest:
    """The request with its preset expanded. Raises BadRequest for one that doesn't exist."""
    if request.preset is None:
        return request
    return expanded(request, await asyncio.to_thread(gateway.presets.find, request.preset))


async def _picture(gateway: Gateway, text: str | None, field: str, client: str) -> tuple[bytes, Picture] | None:
    """A picture that came with a request: its file, found to be sound, and what a recipe must know of it."""
    if text is None:
        return None
    data, looked = await gateway.look(client, text, field)
    return data, Picture(looked.digest, looked.seen.width, looked.seen.height)


async def _vae(gateway: Gateway, name: str) -> Entry:
    """The VAE file of that name. Raises BadRequest where there is none that can be used."""
    with _refused_as("vae", name):
        return await gateway.part(name, kind="vae")


async def _refiner(gateway: Gateway, name: str) -> Model:
    """The checkpoint of that name as a model of its own. Raises BadRequest where there is none that can be used."""
    with _refused_as("refiner", name):
        return await gateway.configured(await gateway.part(name, kind=CHECKPOINT))


@contextlib.contextmanager
def _refused_as(field: str, name: str) -> Iterator[None]:
    """What can't be used of the file that a field names, laid to that field."""
    try:
        yield
    except ModelChanged:
        raise
    except UnusableModel as error:
        raise BadRequest(message("part.unusable", field, name=name[:40], why=error.note)) from error
    except ImagineError as error:
        raise BadRequest(message("part.missing", field, name=name[:40])) from error


def _note(gateway: Gateway, job: Submit, event: JobReport) -> None:
    """Counts and logs the end of a job."""
    p = job.params
    about = {"job": job.job, "model": p.model, "size": f"{p.width}x{p.height}", "sampler": p.sampler}
    about |= {"steps": str(p.num_steps), "seed": str(p.seed), "client": job.client}
    match event:
        case Finished():
            gateway.metrics.finished(event)
            gateway.digests.used(*job.models)
            times = {stage: f"{seconds:.3f}" for stage, seconds in event.timings.items()}
            _log.info("%s", _words("finished", about | times), extra={"fields": about | times})
        case Failed():
            about |= {"error": event.error}
            _log.info("%s", _words("failed", about), extra={"fields": about})


def _words(what: str, about: dict[str, str]) -> str:
    return " ".join(
        [what, *(f"{name}={value!r}" if " " in value else f"{name}={value}" for name, value in about.items())]
    )
