"""The device a worker owns: which one, what decides bits on it, and its memory."""

from __future__ import annotations

import platform
from functools import cached_property
from typing import Any

import diffusers
import psutil
import torch
import transformers

from ..errors import BadRequest
from ..frames import Ready, WorkerSettings
from . import allocator
from .families.family import Family
from .precision import Precision

FAST_ERROR = 1e-5
"""The largest relative error of a float32 matrix product for which a faster way of making it is taken."""


class Device:
    """Chosen once, when the worker starts. Raises BadRequest when the asked one is not there."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.torch = _chosen(settings.device)
        self.full_prec = settings.full_prec
        self._state = settings.state
        if settings.threads:
            torch.set_num_threads(settings.threads)
        if self.full_prec:
            torch.backends.cudnn.allow_tf32 = False
        self.keeps_freed_memory = self.torch.type == "cpu" and allocator.keep_freed_memory()
        """Whether what is freed stays with this process until `release`."""
        self.fast_float32 = self.torch.type == "cpu" and _fast_float32_is_exact_enough()

    @cached_property
    def budget(self) -> int | None:
        """Bytes that resident models may take unless settled otherwise; None: as many as the device gives.

        Where models lie in main memory nothing refuses them, and the rest of the machine needs some too.
        """
        return None if self.torch.type == "cuda" else psutil.virtual_memory().total * 3 // 4

    @cached_property
    def precision(self) -> Precision:
        """Which dtype a model computes in here."""
        return Precision(
            self.torch,
            full=self.full_prec,
            has_bfloat16=self.torch.type == "cpu" and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()),
            machine=f"{self.name}, {torch.get_num_threads()} threads, torch {torch.__version__}",
            folder=self._state,
        )

    @cached_property
    def name(self) -> str:
        if self.torch.type == "cuda":
            return torch.cuda.get_device_name(self.torch)
        return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"

    def environment(self, family: Family) -> dict[str, Any]:
        """Everything beside the recipe that decides a picture's bits."""
        return {
            "device": self.torch.type,
            "name": self.name,
            "dtype": family.dtype,
            "threads": torch.get_num_threads() if self.torch.type == "cpu" else None,
            "fast_float32": self.fast_float32,
            **({"spared": True} if family.spared else {}),
            **self.versions,
        }

    @cached_property
    def versions(self) -> dict[str, str]:
        return {
            "torch": str(torch.__version__),
            "diffusers": diffusers.__version__,
            "transformers": transformers.__version__,
        }

    def describe(self) -> Ready:
        return Ready(
            device=str(self.torch), name=self.name, versions=self.versions, memory=self.memory().get("total", 0)
        )

    def memory(self) -> dict[str, int]:
        """Bytes: `used`, `free`, `total`."""
        if self.torch.type == "cuda":
            free, total = torch.cuda.mem_get_info(self.torch)
            return {"used": torch.cuda.memory_allocated(self.torch), "free": free, "total": total}
        system = psutil.virtual_memory()
        return {"used": psutil.Process().memory_info().rss, "free": system.available, "total": system.total}

    def release(self) -> None:
        """Give freed memory back."""
        if self.torch.type == "cuda":
            torch.cuda.empty_cache()
        elif self.torch.type == "mps":
            torch.mps.empty_cache()
        else:
            allocator.give_back()

    def synchronize(self) -> None:
        """Wait for the device, so that a measured step is a whole one."""
        if self.torch.type == "cuda":
            torch.cuda.synchronize(self.torch)
        elif self.torch.type == "mps":
            torch.mps.synchronize()


def _chosen(wanted: str) -> torch.device:
    """CUDA, else MPS, else the CPU for `auto`."""
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if wanted == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise BadRequest(f"device is {wanted!r}; it should be auto, cpu, cuda, cuda:N or mps", field="device") from None
    there = {"cpu": True, "mps": mps, "cuda": cuda and (device.index or 0) < torch.cuda.device_count()}
    if not there.get(device.type, False):
        raise BadRequest(f"device is {wanted!r}, which this machine does not have", field="device")
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
