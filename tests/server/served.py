"""A server to ask: the whole application over models that are only headers, and a worker that does as prompts say."""

import asyncio
import contextlib

from aiohttp.test_utils import TestClient, TestServer

from imagine.dispatch.buffer import Buffer, EventStream
from imagine.messages import in_english, message
from imagine.registry.registry import Registry
from imagine.server.app import make_app
from imagine.server.dialects import DIALECTS
from imagine.server.gateway.gateway import Gateway
from imagine.settings.settings import Settings
from imagine.words.events import Failed, Finished, Loading, Preview, Progress
from imagine.words.frames import Loaded, Ready, Scored, Stats
from imagine.words.moderation import ModerationVerdict
from imagine.words.recipe import meta_from_params
from tests.registry import declared

PATIENCE = 240.0
"""Seconds: for what hangs, not for what is slow."""
CLASSIFIER = {
    "features.0.0.weight": (32, 3, 3, 3), "features.1.conv.0.0.weight": (32, 1, 3, 3), "classifier.1.weight": (2, 8),
}  # fmt: skip
HEARTS = ModerationVerdict(action="block", categories={"hearts": 0.9}, stage="picture", rule="toy-hearts")


def hearts_in(job):
    """What a worker says of a picture of hearts, where none are to be shown."""
    note = message("blocked.picture", None, what=message("blocked.what.own", None, name="hearts"))
    return Failed(job=job, error="Blocked", message=note, verdict=HEARTS)


class PromptedWorker:
    """A `Worker` without a process. `hold` waits for ever; the name of an error fails; `hearts 5 7` is what isn't to be
    shown of those seeds; anything else is painted."""

    def __init__(self, place="fake"):
        self.place = place
        self.ready = Ready(device="fake", name="a fake")
        self.broken = None
        self.stats = Stats()
        self.restarts = 0
        self.away = False
        self.cut_off = False
        self.brings = None
        self.kept = True
        self.seen = []
        self.held = {}
        self.cancelled = []
        self.loaded = []
        self.models = []
        self.unloaded = []
        self.scored = []
        self.news = asyncio.Event()

    def holds(self, parts):
        return True

    def watch(self, changed):
        self.changed = changed

    async def start(self):
        pass

    async def stop(self, grace):
        for job in list(self.held):
            self._end(Failed(job=job, error="WorkerLost", message=in_english("the worker was stopped")))

    def submit(self, job):
        self.seen.append(job)
        self.held[job.job] = Buffer()
        stream = EventStream(self.held[job.job], lambda: self.cancel(job.job))
        self._play(job)
        self.news.set()
        return stream

    def cancel(self, job):
        self.cancelled.append(job)
        if job in self.held:
            self._end(Failed(job=job, error="Cancelled", message=in_english("the job was cancelled")))
        self.news.set()

    async def load(self, model, keep_alive=None):
        self.loaded.append(model.name)
        self.models.append(model)
        self.news.set()
        return Loaded(job="load", model=model.name)

    async def score(self, checker, img):
        self.scored.append((checker.name, img))
        return Scored(job="score", scores={"sexual": 0.8, "suggestive": 0.4})

    async def unload(self, model):
        self.unloaded.append(model)

    def fail(self, job, error="OutOfMemory"):
        """A job that is held comes to nothing."""
        self._end(Failed(job=job, error=error, message=in_english("no picture this time")))

    def finish(self, job, data=b"painted"):
        """A job that is held has its picture."""
        self._end(Finished(job=job, data=data, meta={}, timings={}))

    def _end(self, event):
        self.held.pop(event.job).put(event)

    def _play(self, job):
        buffer, steps, every = self.held[job.job], job.params.num_steps, job.preview.every
        buffer.put(Loading(job=job.job, model=job.params.model))
        words = job.params.prompt.split() or [""]
        if words[0] == "hold":
            return
        for step in range(1, steps + 1):
            buffer.put(Progress(job=job.job, step=step, steps=steps))
            if every and step % every == 0 and step < steps:
                buffer.put(Preview(job=job.job, step=step, steps=steps, data=b"preview"))
        if words[0] == "fail":
            self._end(Failed(job=job.job, error=words[1], message=in_english("no picture this time")))
        elif words[0] == "hearts" and str(job.params.seed) in words[1:]:
            self._end(hearts_in(job.job))
        else:
            meta = meta_from_params(job.params)
            data = b"png of seed %d" % job.params.seed
            self._end(Finished(job=job.job, data=data, meta=meta, timings={"loading": 0.5, "denoising": 1.0}))


def settings_at(folder, **said):
    return Settings(**{"home": folder, "pictures": folder / "pictures"} | said)


def add_model(folder, name):
    return declared.write(folder / "models" / f"{name}.safetensors", declared.tiny())


def add_classifier(folder, name):
    """A file by which pictures can be looked at, by its header."""
    return declared.write(folder / f"{name}.safetensors", CLASSIFIER)


@contextlib.asynccontextmanager
async def serving(folder, *, models=("fox",), worker=None, beside=(), dialects=DIALECTS, registry=None, **said):
    """A client of a running server, its worker, and its gateway; other workers may be `beside` that one."""
    for name in models:
        add_model(folder, name)
    worker = worker or PromptedWorker()
    settings = settings_at(folder, **said)
    gateway = Gateway(settings, workers=[worker, *beside], registry=registry or _with_classifier(folder, settings))
    server = TestServer(make_app(gateway, dialects))
    await server.start_server(auto_decompress=False)
    async with TestClient(server) as client, asyncio.timeout(PATIENCE):
        await gateway.start()
        client.gateway, client.worker = gateway, worker
        try:
            yield client
        finally:
            await gateway.stop(0)


def _with_classifier(folder, settings):
    return Registry(settings.roots, shipped=[add_classifier(folder / "shipped", "looks")])


def ask(folder, act, **said):
    """Runs `act(client)` against a server."""

    async def go():
        async with serving(folder, **said) as client:
            return await act(client)

    return asyncio.run(go())
