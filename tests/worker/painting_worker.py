"""A real worker process around the fake engine, whose pictures and previews are real files: for workers elsewhere, of
which nothing else is believed. `python tests/worker/painting_worker.py`."""

import hashlib
import sys

import msgspec
from fake_engine import FakeEngine
from PIL import Image

from imagine.pictures import images
from imagine.words.events import Finished, Preview
from imagine.words.recipe import meta_from_params
from imagine.worker.main import main


class PaintingEngine(FakeEngine):
    """Paints in one colour, which shows what the picture was made from."""

    def _outcome(self, job, done):
        return [self._painted(job, event) for event in super()._outcome(job, done)]

    def _painted(self, job, event):
        if not isinstance(event, Finished | Preview):
            return event
        told = {"meta": meta_from_params(job.params)} if isinstance(event, Finished) else {}
        colour = tuple(hashlib.sha256(job.img or b"").digest()[:3])
        picture = Image.new("RGB", (job.params.width, job.params.height), colour)
        return msgspec.structs.replace(event, data=images.encode(picture, **told), **told)


sys.exit(main([], make=PaintingEngine))
