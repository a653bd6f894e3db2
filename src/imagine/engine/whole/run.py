"""One picture of a whole pipeline: its own loop, on a thread that is held behind each step until the next is wanted."""

from __future__ import annotations

import inspect
import math
import threading
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...messages import message
from ...words.errors import ImagineError
from .pausing import pausing


class Run:
    """One picture in the making. `advance` runs the pipeline on, at most to the end of its next step; all calls come
    from one thread."""

    def __init__(
        self, pipeline: Any, arguments: dict[str, Any], *, pauses: bool = True, inference: bool = True
    ) -> None:  # fmt: skip
        self._pipeline, self._arguments = pipeline, arguments
        self._pauses, self._inference = pauses, inference
        self._thread = threading.Thread(target=self._work, name="pipeline", daemon=True)
        self._threads = torch.get_num_threads()
        """The engine's: a new thread has as many of torch's as were said last, whichever thread said it."""
        self._go, self._held = threading.Semaphore(0), threading.Semaphore(0)
        self._stopped = False
        self._ends = math.inf
        self._error: BaseException | None = None
        self.picture: Image.Image | None = None
        self.step = 0
        """How many steps are done."""
        self.clean: Tensor | None = None
        """The clean latents that the last step predicted, where they can be told."""
        self._latents: Tensor | None = None

    @property
    def steps(self) -> int | None:
        """As many as the pipeline means to make; None before it knows."""
        stated = getattr(self._pipeline, "num_timesteps", None) if self.step else None
        return stated if isinstance(stated, int) else None

    def advance(self, turn: float = math.inf) -> None:
        """Run to the end of the next step, or to the end: then `picture` is there. Raises what went wrong.

        On a CPU, where a step may take minutes, it pauses within one too, at a layer, once `turn` seconds are over.
        """
        self._ends = time.monotonic() + turn
        if not self._thread.is_alive():
            self._thread.start()
        self._go.release()
        self._held.acquire()
        error, self._error = self._error, None
        if error is not None:
            try:
                raise error
            finally:
                # Its traceback leads to this very frame, which would keep it and all tensors of the run.
                del error

    def stop(self) -> None:
        """Nobody wants it: the thread ends at once where it is held."""
        self._stopped = True
        self._go.release()

    def _work(self) -> None:
        self._go.acquire()
        torch.set_num_threads(self._threads)
        try:
            with torch.inference_mode(self._inference), torch.no_grad():
                if not self._stopped:
                    self._draw()
        except _RunStopped:
            return
        except BaseException as error:  # noqa: BLE001 - raised where the engine waits
            self._error = error
        finally:
            self._held.release()

    def _draw(self) -> None:
        arguments = dict(self._arguments)
        known = arguments_of(self._pipeline)
        if "callback_on_step_end" in known:
            arguments["callback_on_step_end"] = self._step_done
        elif "callback" in known:  # as it was before 2023, and still is of PixArt
            arguments["callback"] = self._old_step_done
        # An accelerator's steps are short, and what is held within one takes memory that it hasn't in plenty.
        networks = [part for part in self._pipeline.components.values() if isinstance(part, torch.nn.Module)]
        # As numbers: a picture of what is none would be black.
        with pausing(networks if self._pauses else (), self._pause):
            made = self._pipeline(**arguments, output_type="np")
        pictures = getattr(made, "images", None)
        if pictures is None or not len(pictures):
            raise ImagineError(message("whole.no_picture", model=type(self._pipeline).__name__))
        self.picture = _picture(pictures[0], str(self._pipeline.dtype))

    def _step_done(self, _: Any, index: int, __: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        self.step = index + 1
        before, self._latents = self._latents, tensors.get("latents")
        self.clean = None if self._latents is None else _clean(self._pipeline.scheduler, index, before, self._latents)
        self._hold()
        return {}

    def _old_step_done(self, index: int, time: Any, latents: Tensor) -> None:
        self._step_done(None, index, time, {"latents": latents})

    def _pause(self) -> None:
        if time.monotonic() >= self._ends:
            self._hold()

    def _hold(self) -> None:
        """Until it is to run on."""
        self._held.release()
        self._go.acquire()
        if self._stopped:
            raise _RunStopped


class _RunStopped(BaseException):
    """Ends a run that nobody wants any more; not an Exception, so that no pipeline catches it."""


def _picture(made: Any, dtype: str) -> Image.Image:
    """What a pipeline gives for a picture: numbers 0…1, (H, W, C), or the picture itself. Raises ImagineError."""
    if isinstance(made, Image.Image):
        return made.convert("RGB")
    values = np.asarray(made)
    if not np.isfinite(values).all():
        raise ImagineError(message("model.overflowed", dtype=dtype.removeprefix("torch.")))
    # As diffusers makes it.
    values = (values * 255).round().astype("uint8") if values.dtype != np.uint8 else values
    return Image.fromarray(values.squeeze(-1) if values.shape[-1] == 1 else values).convert("RGB")


def arguments_of(pipeline: Any) -> Mapping[str, Any]:
    """What a text-to-image run of it takes, by name."""
    return inspect.signature(type(pipeline).__call__).parameters


def _clean(scheduler: Any, index: int, before: Tensor | None, now: Tensor) -> Tensor:
    """The clean latents x₀ that a step from `before` to `now` aimed at, where the scheduler has sigmas; else `now`.

    Along the path of an ordinary differential equation dx/dσ = (x − x₀)/σ, and for flows x = (1 − σ)·x₀ + σ·ε gives
    dx/dσ = ε − x₀: either way x₀ = x − σ·dx/dσ.
    """
    sigmas = getattr(scheduler, "sigmas", None)
    if before is None or sigmas is None or index + 1 >= len(sigmas) or before.shape != now.shape:
        return now
    old, new = float(sigmas[index]), float(sigmas[index + 1])
    return now if old == new else now - new * (now - before) / (new - old)
