"""An engine without a model: what a job does is its prompt, so that a test can make a worker misbehave."""

import contextlib
import ctypes
import logging
import os
import signal
import socket
import threading
from collections import deque

from imagine.messages import in_english, message
from imagine.processes.offline import Offline
from imagine.words.errors import BadRequest, OutOfMemory
from imagine.words.events import Finished, Loading, Preview, Progress
from imagine.words.frames import (
    JobReport,
    Load,
    Loaded,
    PreviewSettings,
    Ready,
    ResidentModel,
    Stats,
    Submit,
    Unload,
    Unloaded,
)
from imagine.words.model import Component, Model
from imagine.words.recipe import GenerationParams


def submit(
    job: str, prompt: str = "fox", *, steps: int = 2, client: str = "a", every: int = 0, img: bytes | None = None
):
    """A job for the fake engine."""
    params = GenerationParams(
        model="m",
        digest="0" * 64,
        prompt=prompt,
        width=64,
        height=64,
        num_steps=steps,
        guidance=7.0,
        sampler="euler",
        seed=1,
    )
    preview = PreviewSettings(every=every)
    return Submit(job=job, client=client, params=params, model=MODEL, preview=preview, img=img)


MODEL = Model(
    name="m", family="stable_diffusion",
    components=(Component(role="checkpoint", path="/nowhere/m.safetensors", digest="0" * 64),),
)  # fmt: skip


def reach() -> str:
    """What keeps this process from a machine elsewhere, if it is meant to be kept from it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, contextlib.suppress(OSError):
        try:
            datagrams.connect(("192.0.2.1", 9))
        except Offline as error:
            return f" {error}"
    return ""


class FakeEngine:
    """Steps its jobs in turn; keeps `Engine`'s promises except where a prompt says otherwise."""

    def __init__(self, settings=None, keep_alive: float = 100.0) -> None:
        if settings is not None and settings.device == "cuda:99":
            raise BadRequest(in_english("device is 'cuda:99', which this machine does not have", "device"))
        self.stage = "idle"
        self._jobs: deque[tuple[Submit, int]] = deque()
        self._orders: deque[Load | Unload] = deque()
        self._now: str | None = None
        self._steps = 0
        self._resident: dict[str, float | None] = {}
        self._keep_alive = keep_alive
        self.cancelled: list[str] = []

    @property
    def busy(self) -> bool:
        return bool(self._jobs or self._orders)

    def describe(self) -> Ready:
        return Ready(device="fake", name=os.environ.get("HF_HUB_OFFLINE", "") + reach())

    def submit(self, job: Submit) -> None:
        if job.params.prompt == "refuse":
            raise BadRequest(in_english("prompt must not be 'refuse'", "prompt"))
        if job.params.prompt == "type error":
            raise TypeError("not our day")
        self._jobs.append((job, 0))

    def cancel(self, job: str) -> None:
        self.cancelled.append(job)
        self._jobs = deque(entry for entry in self._jobs if entry[0].job != job)

    def load(self, command: Load) -> None:
        self._orders.append(command)

    def unload(self, command: Unload) -> None:
        self._orders.append(command)

    def step(self) -> list[JobReport]:
        if self._orders:
            return [self._order(self._orders.popleft())]
        job, done = self._jobs.popleft()
        self._now, self.stage = job.job, "denoising"
        if done == 0:
            self._jobs.appendleft((job, 1))
            return [Loading(job=job.job, model=job.params.model)]
        self._act(job, done)
        self._steps += 1
        self.stage, self._now = "idle", None
        return self._outcome(job, done)

    def _order(self, order: Load | Unload) -> JobReport:
        if isinstance(order, Unload):
            self._resident.pop(order.model, None)
            return Unloaded(job=order.job, model=order.model)
        if order.model.name == "too big":
            self._now = order.job
            raise OutOfMemory(in_english("the model is too big"))
        self._resident[order.model.name] = None
        return Loaded(job=order.job, model=order.model.name)

    def _outcome(self, job: Submit, done: int) -> list[JobReport]:
        total = job.params.num_steps
        events: list[JobReport] = [Progress(job=job.job, step=done, steps=total)]
        if job.preview.every and done % job.preview.every == 0:
            events.append(Preview(job=job.job, step=done, steps=total, data=b"p" * 1000))
        if done == total and job.params.prompt == "endless":
            self._jobs.append((job, done))
        elif done == total:
            meta = {"prompt": job.params.prompt, "seed": job.params.seed}
            data = job.img or b"png of " + job.job.encode()
            notes = [message("memory.tiles")] if job.params.prompt == "short of memory" else []
            events.append(Finished(job=job.job, data=data, meta=meta, timings={}, warnings=notes))
        else:
            self._jobs.append((job, done + 1))
        return events

    def _act(self, job: Submit, done: int) -> None:  # noqa: C901 - a table
        """What the prompt asks for, from the second step on, so that there is something to see before."""
        if done == 1:
            return
        match job.params.prompt:
            case "out of memory":
                raise MemoryError
            case "bug":
                raise KeyError("nobody expected this")
            case "bug without a culprit":
                self._now = None
                raise KeyError("whose was it?")
            case "device lost":
                raise RuntimeError("CUDA error: an illegal memory access was encountered\nsecond line")
            case "slow" | "endless":
                threading.Event().wait(0.005)
            case "stuck":
                threading.Event().wait()
            case "stuck natively":  # PyDLL keeps the interpreter's lock during the call
                ctypes.PyDLL(None).pause()
            case "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            case "exit":
                os.write(2, b"terminate called after throwing\nassertion failed: x > 0\n")
                os._exit(3)
            case "chatty":
                logging.getLogger("imagine.engine").info("our own words \ud800")
                logging.getLogger("torch").info("a library's chatter")
                logging.getLogger("torch").warning("a library's warning")
                print("a library's print")
                os.write(1, b"a driver's printf\n")
                os.system("echo a program\\'s words")

    def drop_step(self) -> list[str]:
        job, self._now = self._now, None
        return [job] if job else []

    def expire(self, now: float) -> float | None:
        for name, due in list(self._resident.items()):
            if due is None:
                self._resident[name] = now + self._keep_alive
            elif due <= now:
                del self._resident[name]
        return min((due for due in self._resident.values() if due is not None), default=None)

    def stats(self) -> Stats:
        models = [ResidentModel(name=name, digest="0" * 64) for name in self._resident]
        return Stats(models=models, jobs=len(self._jobs), steps=self._steps)
