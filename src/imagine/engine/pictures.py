"""Pictures on their way out: previews and final ones, made and looked at by threads of their own beside the steps."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ..messages import message
from ..pictures import images
from ..watermark.marker import MARKERS
from ..words.errors import Blocked, UnusableModel
from ..words.events import Finished, Preview
from ..words.frames import JobReport, PreviewKind, Score, Scored
from ..words.model import Component
from ..words.model_names import OWN
from ..words.recipe import GenerationParams
from .device.transfer import fetched
from .families.enlarger import Enlarger
from .families.mapper import Mapper
from .jobs.canvas import PartBox, picture_from_pixels
from .jobs.ledger import Ledger
from .jobs.looking import OpenChecker, PictureLooks
from .jobs.work import MadeMap, OnDisk, Work
from .parts.slices import whole
from .residency.preview import latents_bytes
from .residency.resident import Resident
from .whole.pipeline import Whole

_log = logging.getLogger(__name__)
Threads = Callable[[], Executor]
"""Makes something that does one thing after another."""


def _thread() -> Executor:
    # Alone: torch would start as many more for it as for the steps, which then share the processors with them.
    return ThreadPoolExecutor(1, thread_name_prefix="pictures", initializer=torch.set_num_threads, initargs=(1,))


class Pictures:
    """What is being made for which job. Calls come from the engine's thread."""

    def __init__(self, threads: Threads = _thread) -> None:
        # So that no final picture waits behind previews, its file is made while it is looked at, and neither it nor a
        # preview that decides waits for pictures that only came to be scored.
        self._previewing, self._finishing, self._looking, self._scoring = (threads() for _ in range(4))
        self._previews: dict[str, list[Future[Preview]]] = {}
        self._deciding: dict[str, Future[Preview]] = {}
        """The preview of a job that may end it."""
        self._finals: dict[str, Future[JobReport]] = {}
        self._shown: set[str] = set()
        self._first: list[Future[Preview]] = []

    def show(self, job: str, make: Callable[[], Preview], *, decides: bool = False) -> None:
        """Have a preview made. One of the same job that wasn't begun yet is left out: it would be old; but not one that
        `decides`, which ends its job where it raises that it isn't to be shown."""
        begun, preview = self._begun(job), self._previewing.submit(make)
        self._previews[job] = [*begun, preview]
        if decides:
            self._deciding[job] = preview
        if job not in self._shown:
            self._shown.add(job)
            self._first.append(preview)

    def finish(self, job: str, final: Final) -> None:
        """Have the final picture's file made, and meanwhile looked at. Previews that weren't begun are left out, but
        one that decides."""
        self._previews[job] = self._begun(job)
        look = None if final.look is None else self._looking.submit(final.look)
        self._finals[job] = self._finishing.submit(final.made, look)
        if look is not None:  # nor is anything looked at that nobody wants any more
            self._finals[job].add_done_callback(lambda _: look.cancel())

    def tell(self, job: str, make: Callable[[], JobReport]) -> None:
        """Have what isn't a picture made, where no picture waits for it."""
        self._finals[job] = self._scoring.submit(make)

    def _begun(self, job: str) -> list[Future[Preview]]:
        """The previews of a job that are being made, after the others were taken back."""
        deciding = self._deciding.get(job)
        return [each for each in self._previews.get(job, []) if each is deciding or not each.cancel()]

    def finishing(self, job: str) -> bool:
        return job in self._finals

    def drop(self, job: str) -> None:
        """Nobody wants this job's pictures any more."""
        self._shown.discard(job)
        self._deciding.pop(job, None)
        for future in (*self._previews.pop(job, []), self._finals.pop(job, None)):
            if future is not None:
                future.cancel()

    def previews(self) -> Iterator[Preview]:
        """Those that are ready and to be shown. One that failed is logged: its picture goes on."""
        for job, waiting in list(self._previews.items()):
            while waiting and waiting[0].done():
                future = waiting.pop(0)
                error = future.exception()
                if error is None:
                    yield future.result()
                elif not isinstance(error, Blocked):
                    _log.warning("a preview of job %s failed: %s: %s", job, type(error).__name__, error)
            if not waiting:
                del self._previews[job]

    def wait_for_first(self, seconds: float) -> None:
        """Until the first previews of jobs are ready, but no longer than `seconds`."""
        if self._first:
            wait(self._first, seconds)
            self._first.clear()

    def ended(self) -> Iterator[tuple[str, Future[Any]]]:
        """The jobs whose final picture is ready, or failed, or isn't wanted since a preview decided so."""
        yield from [(job, look) for job, look in self._deciding.items() if look.done() and _refuses(look)]
        yield from [(job, future) for job, future in self._finals.items() if future.done() and self._is_decided(job)]

    def _is_decided(self, job: str) -> bool:
        return job not in self._deciding or self._deciding[job].done()

    @property
    def making(self) -> bool:
        """Is any being made, or ready?"""
        return bool(self._finals or self._previews)

    @property
    def ready(self) -> bool:
        """Has a job ended?"""
        return next(self.ended(), None) is not None

    def wait(self, seconds: float) -> None:
        """Until a picture is ready, but no longer than `seconds`."""
        made: list[Future[Any]] = [future for job, future in self._finals.items() if self._is_decided(job)]
        made += [future for previews in self._previews.values() for future in previews]
        if made and seconds:
            wait(made, seconds, FIRST_COMPLETED)


def _refuses(look: Future[Preview]) -> bool:
    """Did one that decides find that its picture isn't to be shown? One that couldn't be made decides nothing."""
    return isinstance(look.exception(), Blocked | UnusableModel)


def preview_of(job: Work, resident: Resident) -> Callable[[], Preview] | None:
    """What makes the preview of a job as it is now, None where there is nothing to show; `resident` is the job's own
    model.
    """
    canvas, family, size, asked = job.canvas, job.own, job.size, job.ledger.submit.preview
    tiny = asked.tiny if asked.kind == "tiny" else None
    clean, step, steps, tiled, name = job.clean, job.step, job.steps, job.ledger.tiled, job.ledger.id
    looking = job.ledger.looking_at_previews
    if clean is None or isinstance(family, Enlarger | Mapper):
        return None

    kind = _kind_of(job)
    # Small, and wanted as it is now: the device copies it behind this step, and only the thread waits for that.
    here = fetched(clean) if kind != "vae" else None

    def picture() -> Image.Image:
        if tiny is not None and (pixels := _by_tiny(job, resident, tiny, clean)) is not None:
            return finished(pixels)
        if here is not None:
            return resident.preview.picture(here(), canvas.inner, size)
        return finished(whole(family.decode(clean, tiled=tiled)).values)

    def finished(pixels: Tensor) -> Image.Image:
        full = canvas.finish(picture_from_pixels(pixels))
        full = full if canvas.whole is None else full.crop(canvas.whole.box)
        return full if full.size == size else full.resize(size)

    shown = picture if looking is None else partial(looking.preview, picture)

    def make() -> Preview:
        if kind == "latents" and here is not None:
            data, media_type = latents_bytes(here()), "application/vnd.safetensors"
        else:
            data, media_type = images.encode(shown(), "image/png"), "image/png"
        return Preview(job=name, step=step, steps=steps, data=data, media_type=media_type)

    return make


def _kind_of(job: Work) -> PreviewKind:
    """Which kind of preview its job gets, and a warning where that isn't the one it asks for."""
    kind = job.ledger.submit.preview.kind
    if kind == "vae" and any(part.visits for part in job.own.parts("decode")):
        job.ledger.warn(message("preview.moves", "preview"))
        return "linear"
    if kind == "latents" and job.ledger.looking_at_previews is not None:  # they show more than what is looked at would
        job.ledger.warn(message("preview.looked_at", "preview"))
        return "linear"
    return kind


def _by_tiny(job: Work, resident: Resident, tiny: Component, clean: Tensor) -> Tensor | None:
    """What a tiny VAE makes of latents, on the CPU; None, and a warning, where it can't be used."""
    if isinstance(resident.family, Whole):
        job.ledger.warn(message("preview.absent", "preview"))
        return None
    try:
        decoder = resident.tiny(tiny, clean.device)
    except UnusableModel as error:
        name = Path(tiny.path).stem
        job.ledger.warn(message("preview.unusable", "preview", name=name, why=error.note))
        return None
    pixels: Tensor = decoder(clean.float()).cpu()
    return pixels


class Final:
    """A finished picture on its way to its file, with `meta` in it; of one on the disk, only what is told of it."""

    def __init__(
        self, ledger: Ledger, made: Image.Image | OnDisk | MadeMap, meta: dict[str, Any], painted: PartBox | None = None
    ) -> None:
        """`painted` is where it was painted, if that is only a part of it."""
        self._ledger, self._meta, self._on_disk, self._painted = ledger, meta, isinstance(made, OnDisk), painted
        self._seen = made.source if isinstance(made, OnDisk) else made.picture if isinstance(made, MadeMap) else made

    @property
    def look(self) -> Callable[[], None] | None:
        """What raises Blocked for one that isn't to be shown, and UnusableModel where nobody could look; None where
        nobody is to. It may run beside `made`."""
        looking = self._ledger.looking
        return None if looking is None or not looking.at_pictures else partial(self._looked, looking)

    def _looked(self, looking: PictureLooks) -> None:
        with self._ledger.timed("looking"):
            looking.look(self._seen, "picture")
            if self._painted is not None:  # who looks at a large picture sees little of what is small in it
                looking.look(self._seen.crop(self._painted), "picture")

    def made(self, look: Future[None] | None) -> Finished:
        """All that is told of it, once it was looked at, if it is. Raises as `look` does: its file is gone then."""
        if look is not None and look.done():
            look.result()
        with self._ledger.timed("saving"):
            data = b"" if self._on_disk else self._file()
        if look is not None:
            look.result()
        return Finished(
            job=self._ledger.id,
            data=data,
            meta=self._meta,
            timings=dict(self._ledger.timings),
            warnings=self._ledger.warnings,
            spent=self._ledger.spent,
        )

    def _file(self) -> bytes:
        return images.encode(_marked(self._seen, self._ledger.params), "image/png", meta=self._meta)


def _marked(picture: Image.Image, params: GenerationParams) -> Image.Image:
    """The finished pixels with the mark that the recipe names, if any: the last thing that changes them."""
    if params.watermark is None:
        return picture
    made_of_one = params.img is not None or any(each.adapter == OWN for each in params.references)
    return MARKERS[params.watermark].mark(picture, "edited" if made_of_one else "painted")


def scored_by(checker: OpenChecker, command: Score) -> Callable[[], Scored]:
    """What tells the scores of a picture. It raises BadPicture, and as the checker."""

    def make() -> Scored:
        scores = checker.score(images.decode(command.img, field="input"))
        return Scored(job=command.job, scores=dict(scores))

    return make
