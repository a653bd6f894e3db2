"""The device a worker owns: which one, what decides bits on it, and its memory."""

from __future__ import annotations

import copy
import importlib.metadata
import platform
import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import torch

from ...families.memory import Way, working_memory
from ...messages import message
from ...processes import main_memory
from ...words.errors import BadRequest
from ...words.frames import Ready, Room, WorkerSettings
from ..execution.compiled import check_compiles
from ..execution.recordings import Recordings
from ..libraries.light import diffusers
from ..threads.alone import start_threads
from . import allocator
from .floor import Floor
from .precision import Precision
from .span import ClockSpan, QueueSpan, Span

FAST_ERROR = 1e-5
"""The largest relative error of a float32 matrix product for which a faster way of making it is taken."""

_OVERFLOWING = re.compile(r"GTX 16[356]0|\bT(500|550|600|1000|1200|2000)\b|MX[45]50|CMP 30HX")
"""Turing without tensor cores, which gives NaN in float16 (https://github.com/comfyanonymous/ComfyUI,
`comfy/model_management.py`, `should_use_fp16`)."""


class Device:
    """Chosen once, when the worker starts. Raises BadRequest when the asked one is not there."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.torch = _chosen(settings.device)
        self.full_prec = settings.full_prec
        self._state = settings.state
        self._sharers = settings.sharers if self.torch.type == "cpu" else 1
        self._most = settings.memory and settings.memory // self._sharers
        self.way: Way = "all"
        """How what is opened there is held."""
        self.floor = Floor(self.budget)
        """Who is there to work."""
        if self.torch.type == "cuda" and self.torch.index is not None:
            torch.cuda.set_device(self.torch)  # of what has to be made without naming one
        if self.full_prec:
            torch.backends.cudnn.allow_tf32 = False
        self.keeps_freed_memory = self.torch.type != "cpu" or allocator.keep_freed_memory(start_threads())
        """Whether what is freed stays with this process until `release`."""
        self._compile = settings.compile
        if self._compile:
            check_compiles(self.torch)
        self._sum_in_half(settings.fp16_accumulation)
        self.recordings = Recordings() if self.torch.type == "cuda" and settings.cuda_graphs else None
        """Where forwards are recorded there; None: nowhere."""
        self.fast_float32 = self.torch.type == "cpu" and _fast_float32_is_exact_enough()

    def budget(self) -> int:
        """Bytes that resident models may take at present, and never more than the settings say.

        Of an accelerator: what is free or ours already, without what steps and decoding take. Where models lie in main
        memory nothing refuses them, and the rest of the machine needs some too.
        """
        free = self._free()
        return free if self._most is None else min(free, self._most)

    def _free(self) -> int:
        if self.torch.type == "cuda":
            free, total = torch.cuda.mem_get_info(self.torch)
            return max(0, free + torch.cuda.memory_reserved(self.torch) - working_memory(total))
        if self.torch.type == "mps":
            total = torch.mps.recommended_max_memory()
            return total - working_memory(total)
        return main_memory.total() * 3 // 4 // self._sharers

    @property
    def left(self) -> int:
        """Bytes of an accelerator that the budget leaves to what isn't weights; 0 where the settings say the budget."""
        return 0 if self._most is not None or self.torch.type == "cpu" else working_memory(self._total())

    def holding(self, way: Way) -> Device:
        """The same device for what is opened there to be held in that way."""
        assert self.precision  # of which there is one
        device = copy.copy(self)
        device.way = way
        if device.moves:
            device.recordings = None
        return device

    @property
    def moves(self) -> bool:
        """Denoisers that are opened there come and go, or their layers do."""
        return self.way in ("stages", "layers") and self.torch.type != "cpu"

    @property
    def opens_in(self) -> torch.device:
        """Where weights are to lie once they are read."""
        return self.torch if self.way == "all" else torch.device("cpu")

    def room(self) -> int | None:
        """Bytes of an accelerator that another model may take at present; None on the CPU."""
        if self.torch.type == "cpu":
            return None
        cuda = self.torch.type == "cuda"
        return self.budget() - (
            torch.cuda.memory_allocated(self.torch) if cuda else torch.mps.current_allocated_memory()
        )

    @cached_property
    def precision(self) -> Precision:
        """Which dtype a model computes in here."""
        return Precision(
            self.torch,
            full=self.full_prec,
            has_bfloat16=_has_bfloat16(self.torch),
            has_float16=not _OVERFLOWING.search(self.name),
            machine=f"{self.name}, {torch.get_num_threads()} threads, torch {torch.__version__}",
            folder=self._state,
        )

    @cached_property
    def name(self) -> str:
        if self.torch.type == "cuda":
            return torch.cuda.get_device_name(self.torch)
        return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"

    def environment(self, dtype: str, *, spared: bool) -> dict[str, Any]:
        """Everything beside the recipe that decides a picture's bits: of a model that computes in a dtype, and may have
        given memory back."""
        return {
            "device": self.torch.type,
            "name": self.name,
            "dtype": dtype,
            "threads": torch.get_num_threads() if self.torch.type == "cpu" else None,
            "fast_float32": self.fast_float32,
            **_kernels(self.torch),
            **({"spared": True} if spared else {}),
            **self.versions,
        }

    @cached_property
    def versions(self) -> dict[str, str]:
        return {
            "torch": str(torch.__version__),
            "diffusers": diffusers.__version__,
            "transformers": importlib.metadata.version("transformers"),
        }

    def describe(self) -> Ready:
        own = self.environment("", spared=False)
        del own["dtype"]  # which is a model's
        return Ready(device=str(self.torch), name=self.name, room=self._room_at_first(), environment=own)

    def _room_at_first(self) -> Room:
        """As it is while nothing is loaded."""
        others = torch.cuda.device_count() - 1 if self.torch.type == "cuda" else 0
        stages = self.torch.type != "cpu"
        return Room(memory=self.budget(), left=self.left, width=self.width, stages=stages, others=others)

    @property
    def width(self) -> int:
        """Bytes of a number as models of most families compute here."""
        half = _has_bfloat16(self.torch) or (self.torch.type != "cpu" and not _OVERFLOWING.search(self.name))
        return 2 if half and not self.full_prec else 4

    def _total(self) -> int:
        """Bytes of an accelerator."""
        if self.torch.type == "cuda":
            return int(torch.cuda.mem_get_info(self.torch)[1])
        return torch.mps.recommended_max_memory()

    def release(self) -> None:
        """Give freed memory back."""
        if self.torch.type == "cuda":
            torch.cuda.empty_cache()
            _give_back_pinned()
        elif self.torch.type == "mps":
            torch.mps.empty_cache()
        else:
            allocator.give_back()

    def drop_recordings(self) -> bool:
        """Let go of what only makes it faster; says whether there was any."""
        return self.recordings is not None and self.recordings.drop()

    @property
    def attempts(self) -> int:
        """How often something was recorded here: what took long for that is no measure of anything."""
        return 0 if self.recordings is None else self.recordings.attempts

    def compiles(self, options: Mapping[str, Any]) -> bool:
        """Is a model of these options compiled? Raises Unsupported where it is to be and can't."""
        stated = options.get("compile")
        if wanted := self._compile if stated is None else bool(stated):
            check_compiles(self.torch)
        return wanted and not self.moves

    def _sum_in_half(self, wanted: bool) -> None:
        """Have products of float16 summed in float16 where that is wanted, and in float32 where it isn't: torch lets
        parts of a sum be less by itself. Raises BadRequest where the device has no such choice."""
        if self.torch.type == "cuda":
            products = torch.backends.cuda.matmul
            products.allow_fp16_accumulation = wanted
            products.allow_fp16_reduced_precision_reduction = wanted
            products.allow_bf16_reduced_precision_reduction = False
        elif wanted:
            raise BadRequest(message("device.accumulation", "fp16_accumulation", device=self.torch.type))

    @property
    def ahead(self) -> int:
        """How many evaluations it may be given beyond the one that it is at, so that it never waits for the host."""
        return int(self.torch.type == "cuda")

    def span(self, clock: Callable[[], float]) -> Span:
        """What measures how long it works on what it is given from now on."""
        return QueueSpan(self.torch) if self.torch.type == "cuda" else ClockSpan(clock, self.synchronize)

    def synchronize(self) -> None:
        """Wait for the device, so that a measured step is a whole one."""
        if self.torch.type == "cuda":
            torch.cuda.synchronize(self.torch)
        elif self.torch.type == "mps":
            torch.mps.synchronize()


def _give_back_pinned() -> None:
    """Pages that can't be swapped out, once nothing lies in them and no copy reads them: torch would keep them."""
    # The first in later releases, the second in builds for CUDA.
    known = (getattr(torch.accelerator, "empty_host_cache", None), getattr(torch._C, "_host_emptyCache", None))
    if give_back := next((each for each in known if each is not None), None):
        give_back()


def _has_bfloat16(device: torch.device) -> bool:
    """Does it compute in bfloat16 by itself, rather than by conversions?"""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "mps":
        return torch.backends.mps.is_macos_or_newer(14, 0)
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _kernels(device: torch.device) -> dict[str, Any]:
    """Which kernels an accelerator takes, where there is a choice that changes bits."""
    if device.type != "cuda":
        return {}
    kernels: Any = torch.backends
    attention = [
        name
        for name, enabled in (
            ("flash", kernels.cuda.flash_sdp_enabled()), ("efficient", kernels.cuda.mem_efficient_sdp_enabled()),
            ("cudnn", kernels.cuda.cudnn_sdp_enabled()), ("math", kernels.cuda.math_sdp_enabled()),
        ) if enabled
    ]  # fmt: skip
    return {
        **({"rocm": torch.version.hip} if torch.version.hip else {"cuda": torch.version.cuda}),
        "cudnn": kernels.cudnn.version(),
        "attention": "+".join(attention),
        "layout": "contiguous",
        "accumulation": "float16" if kernels.cuda.matmul.allow_fp16_accumulation else "float32",
        "tf32": {"matmul": kernels.cuda.matmul.allow_tf32, "cudnn": kernels.cudnn.allow_tf32},
        "benchmark": kernels.cudnn.benchmark,
    }


def _chosen(wanted: str) -> torch.device:
    """CUDA, else MPS, else the CPU for `auto`; for `all` the first of CUDA's, which tells of the others."""
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if wanted == "all" and cuda:
        wanted = "cuda:0"
    if wanted in ("auto", "all"):
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise BadRequest(message("device.form", "device", value=wanted)) from None
    there = {"cpu": True, "mps": mps, "cuda": cuda and (device.index or 0) < torch.cuda.device_count()}
    if not there.get(device.type, False):
        raise BadRequest(message("device.missing", "device", value=wanted))
    return device


def _fast_float32_is_exact_enough() -> bool:
    """Let oneDNN make float32 matrix products, where that costs no precision on this CPU; says whether it does.

    On AMD, torch's own way runs at 70–94 GFLOP/s, oneDNN's at 210 with a relative error of 6e-7 (measured); on others
    the same setting may mean bfloat16, which the check below finds out.
    """
    generator = torch.Generator("cpu").manual_seed(0)
    a, b = (torch.randn(256, 256, generator=generator) for _ in range(2))
    truth = a.double() @ b.double()
    torch.set_float32_matmul_precision("medium")
    error = float(((a @ b).double() - truth).norm() / truth.norm())
    if error > FAST_ERROR:
        torch.set_float32_matmul_precision("highest")
    return error <= FAST_ERROR
