"""A diffusers pipeline with no family of its own, run whole: from the prompt to the picture, one step at a time.

Less clever than a family (no batches, no second pass, the pipeline's own sampler), but it works on the day a model is
published. The pipeline runs on a thread of its own and is held at the end of each step until the engine wants the next.
"""

from __future__ import annotations

import copy
import inspect
import math
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...messages import Message, message
from ...words.errors import ImagineError, Unsupported
from ..device.offload import Offload
from ..parts.autoencoder import Autoencoder, Coded, set_tiles
from ..parts.part import Part, Stage
from ..parts.slices import Slices
from .pausing import pausing

_CPU = torch.device("cpu")
_NATIVE = 512
"""Of a pipeline that doesn't tell the side of the squares it was trained on."""


class Whole:
    """A loaded pipeline. What previews and residency ask of a family, it answers too: it is a part of its own."""

    key = None

    def __init__(self, pipeline: Any, device: torch.device = _CPU, room: int | None = None) -> None:
        """`room` is how many bytes of the device it may take; None: not known."""
        self.name = type(pipeline).__name__
        self._pipeline = pipeline
        self._offload = Offload(pipeline, device, room)
        self._tiled = False
        config = getattr(getattr(pipeline, "vae", None), "config", None)
        self.downscale = int(getattr(pipeline, "vae_scale_factor", 8))
        self._latent_channels = getattr(config, "latent_channels", None)
        self._autoencoder = _autoencoder(pipeline, apart=self._offload.way != "whole")
        self._offload.apply(pipeline)

    @property
    def nbytes(self) -> int:
        return self._offload.nbytes

    def parts(self, stage: Stage) -> Sequence[Part]:  # noqa: ARG002 - whichever it is
        """All of it, for whatever stage."""
        return (self,)

    def executed(self) -> Mapping[str, Any]:
        """As a family's: diffusers runs it, as torch does by itself."""
        return {}

    @property
    def spared(self) -> bool:
        """As any part's."""
        return self._tiled or self._offload.way != "whole"

    @property
    def warning(self) -> Message | None:
        """What whoever asks for its pictures is told; None where there is nothing."""
        return self._offload.warning

    @property
    def dtype(self) -> str:
        return str(self._pipeline.dtype).removeprefix("torch.")

    @property
    def multiple(self) -> int:
        """Sides are multiples of so many pixels: a latent's, and as transformers take latents two by two."""
        return self.downscale * (2 if hasattr(self._pipeline, "transformer") else 1)

    @property
    def native(self) -> int:
        """The side, in pixels, of the squares it was trained on."""
        side = getattr(self._pipeline, "default_sample_size", None)
        if isinstance(side, int):
            return side * self.downscale
        network = getattr(self._pipeline, "unet", None) or getattr(self._pipeline, "transformer", None)
        side = getattr(getattr(network, "config", None), "sample_size", None)
        return side * self.downscale if isinstance(side, int) and side > 1 else _NATIVE

    def accepts(self, argument: str) -> bool:
        """Does a text-to-image run take this argument?"""
        return argument in _arguments(self._pipeline)

    def run(self, wanted: Mapping[str, Any]) -> Run:
        """Begin one picture. `wanted` holds arguments of diffusers' pipelines; `image` and `mask_image` choose the
        pipeline's variant. Raises Unsupported where it has none.
        """
        pipeline = copy.copy(self._variant(wanted))
        self._offload.apply(pipeline)
        # A scheduler holds the state of one run.
        pipeline.scheduler = type(pipeline.scheduler).from_config(pipeline.scheduler.config)
        pipeline.set_progress_bar_config(disable=True)
        known = _arguments(pipeline)
        return Run(
            pipeline,
            {name: value for name, value in wanted.items() if name in known},
            pauses=self._offload.device.type == "cpu",
            # What is moved in inference mode could not be moved outside of it again.
            inference=self._offload.way == "whole",
        )

    def encode_picture(self, pixels: Tensor, *, tiled: bool = False) -> Slices[Coded]:
        """As a family's."""
        if self._autoencoder is None:
            raise Unsupported(message("preview.none", "preview"))
        return self._autoencoder.encoding(pixels, tiled=tiled)

    def decode(self, latents: Tensor, *, tiled: bool = False) -> Slices[Coded]:
        """As a family's."""
        if self._autoencoder is None:
            raise Unsupported(message("preview.none", "preview"))
        return self._autoencoder.decoding(latents, tiled=tiled)

    def shows(self, latents: Tensor | None) -> bool:
        """Are these latents of its VAE, and so can be shown?"""
        return (
            latents is not None
            and self._autoencoder is not None
            and latents.dim() == 4
            and latents.shape[1] == self._latent_channels
        )

    def spare(self) -> Message | None:
        """Have networks on an accelerator only while they work, then single layers, and the VAE work in tiles."""
        if not self._tiled:
            self._tiled = True
            vae: Any = getattr(self._pipeline, "vae", None)
            if hasattr(vae, "enable_tiling"):
                vae.enable_tiling()
                set_tiles(vae, self.native // self.downscale)
            return self._lowered() or message("memory.tiles")
        return self._lowered()

    def restore(self) -> None:
        """A pipeline that was moved stays where it is until it is opened again."""

    def at_work(self) -> AbstractContextManager[None]:
        """Hooks bring what works."""
        return nullcontext()

    def _lowered(self) -> Message | None:
        """Have less of it on the device; says so, None where all was given."""
        was = self._offload.way
        if not self._offload.lower():
            return None
        if was == "whole":
            self._pipeline.to("cpu")
            self._autoencoder = _autoencoder(self._pipeline, apart=True)
        self._offload.apply(self._pipeline)
        return self._offload.warning

    def _variant(self, wanted: Mapping[str, Any]) -> Any:
        """The pipeline of these components that takes the pictures that are given."""
        needed = [name for name in ("image", "mask_image") if name in wanted]
        if all(self.accepts(name) for name in needed):
            return self._pipeline
        # Here, since they import every pipeline that they choose from: most of a second of each worker's start.
        from diffusers import AutoPipelineForImage2Image, AutoPipelineForInpainting

        made = AutoPipelineForInpainting if "mask_image" in needed else AutoPipelineForImage2Image
        try:
            # The dtype is said because diffusers would otherwise cast all to float32.
            return made.from_pipe(self._pipeline, torch_dtype=self._pipeline.dtype)
        except ValueError:
            field = "mask" if "mask_image" in needed else "img"
            raise Unsupported(message("whole.no_place", field, pipeline=self.name)) from None


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
        if "callback_on_step_end" in _arguments(self._pipeline):
            arguments["callback_on_step_end"] = self._step_done
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


def _autoencoder(pipeline: Any, *, apart: bool) -> Autoencoder | None:
    """The VAE of a pipeline, for previews: itself, or where hooks move it about a copy `apart`, in main memory.

    Previews decode beside the steps. A hook would make room for it by moving what a step is using.
    """
    vae = getattr(pipeline, "vae", None)
    config = getattr(vae, "config", None)
    scale, shift = getattr(config, "scaling_factor", None), getattr(config, "shift_factor", None)
    if scale is None:
        return None
    vae = copy.deepcopy(vae).float() if vae is not None and apart else vae
    return Autoencoder(vae, scale=scale, shift=shift or 0.0)


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


def _arguments(pipeline: Any) -> Mapping[str, Any]:
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
