"""Which dtype a model computes in: decided once per machine and width of networks, and kept, since it decides bits.

An accelerator computes in what a family's facts say that it may. Of a pipeline that runs whole nobody knows: most of
what is published now was trained in bfloat16, and overflows in float16. On a CPU bfloat16 is worth its rounding only
where the hardware has it and it was measured to be faster for networks of the model's width. Nothing else of a model is
asked, so that what is measured at a busy moment never gives two copies of the same weights two dtypes.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec
import torch

from ...files.folders import make_own
from ...files.reading import read_file
from ...files.writing import write_atomically
from ...words.errors import ImagineError

_log = logging.getLogger(__name__)
FILE, LOCK = "precision.json", ".precision.lock"
_LONGEST = 2**20
WORTH = 1.25
"""How many times as fast bfloat16 must be."""
NARROWEST = 64
"""Channels of the first layer: what is narrower takes no time that is worth rounding, and is about even."""
_ROUNDS = 8
_DtypeName = Literal["float32", "bfloat16"]
_Decisions = dict[str, dict[str, _DtypeName]]
Measure = Callable[[int], float]
"""How many times as fast as in float32 networks of so many channels are in bfloat16."""


def bfloat16_gain(width: int) -> float:
    """How many times as fast layers of `width` channels are in bfloat16, on the CPU: a convolution and a linear one.

    The two take turns, and the best of each counts: other work of the machine slows both. A process measures once.
    """
    return _gain(width, torch.get_num_threads())


@cache
def _gain(width: int, _threads: int) -> float:
    layers = [_TimedLayers(width, dtype) for dtype in (torch.float32, torch.bfloat16)]
    rounds = [[each.seconds() for each in layers] for _ in range(_ROUNDS)]
    whole, half = (min(taken) for taken in zip(*rounds, strict=True))
    return whole / half


class _TimedLayers:
    """A convolution and a linear layer, and what they are given."""

    def __init__(self, width: int, dtype: torch.dtype) -> None:
        side = 64 if width >= 256 else 32
        self._image = torch.zeros(2, width, side, side, dtype=dtype)
        self._tokens = torch.zeros(2, side * side, width, dtype=dtype)
        self._convolution = torch.nn.Conv2d(width, width, 3, padding=1, dtype=dtype)
        self._linear = torch.nn.Linear(width, 4 * width, dtype=dtype)

    @torch.inference_mode()
    def seconds(self) -> float:
        begun = time.perf_counter()
        self._convolution(self._image)
        self._linear(self._tokens)
        return time.perf_counter() - begun


class Precision:
    """The decisions of one machine. `folder` is where they are kept; None: as long as the process."""

    def __init__(
        self, device: torch.device, *, full: bool, has_bfloat16: bool, machine: str, folder: str | None,
        measure: Measure = bfloat16_gain, has_float16: bool = True,
    ) -> None:  # fmt: skip
        """`machine` names all that a measurement depends on; `full` asks for float32 everywhere.

        `has_bfloat16` and `has_float16` say what the device computes fast, and rightly.
        """
        self._has_float16 = has_float16
        self._device, self._full, self._has_bfloat16, self._machine = device, full, has_bfloat16, machine
        self._file = None if folder is None else Path(folder) / FILE
        self._measure = measure
        self._kept = _read(self._file)

    def decide(self, dtypes: Sequence[str], width: Callable[[], int]) -> torch.dtype:
        """The dtype of models of a family that may compute in `dtypes`, the best first.

        `width`, that of their U-Net's first layer, is asked for only at need.
        """
        if self._full:
            return torch.float32
        if self._device.type != "cpu":
            has = {"float16": self._has_float16, "bfloat16": self._has_bfloat16, "float32": True}
            chosen: torch.dtype = getattr(torch, next((name for name in dtypes if has[name]), "float32"))
            return chosen
        if not self._has_bfloat16 or "bfloat16" not in dtypes:
            return torch.float32
        channels = width()
        if channels < NARROWEST:
            return torch.float32
        key = f"width {channels}"
        if (decided := self._decided(key)) is None:
            with self._alone():
                if (decided := self._decided(key)) is None:
                    decided = "bfloat16" if self._measure(channels) >= WORTH else "float32"
                    self._kept.setdefault(self._machine, {})[key] = decided
                    self._keep()
        return torch.bfloat16 if decided == "bfloat16" else torch.float32

    def decide_whole(self, width: Callable[[], int], stored: Callable[[], torch.dtype | None]) -> torch.dtype:
        """The dtype of a pipeline that runs whole; `stored` tells its denoiser's, None where it can't."""
        if self._full or self._device.type == "cpu":
            return self.decide(("bfloat16", "float32"), width)
        if self._has_bfloat16:
            return torch.bfloat16
        # Who publishes it in float16 has seen pictures from it.
        return torch.float16 if self._has_float16 and stored() == torch.float16 else torch.float32

    def _decided(self, key: str) -> _DtypeName | None:
        """What was decided, by another worker of this machine too: two that differed would make two pictures of one
        recipe."""
        if key not in self._kept.get(self._machine, {}):
            for machine, decisions in _read(self._file).items():
                self._kept[machine] = decisions | self._kept.get(machine, {})
        return self._kept.get(self._machine, {}).get(key)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """For the length of a block no other worker of this machine measures, or decides."""
        if self._file is None or sys.platform == "win32":
            yield
            return
        import fcntl

        with ExitStack() as held:
            with suppress(OSError):  # where nothing can be written, or locked, nobody waits for others
                lock = held.enter_context((make_own(self._file.parent) / LOCK).open("w"))
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _keep(self) -> None:
        if self._file is None:
            return
        try:
            make_own(self._file.parent)
            write_atomically(self._file, msgspec.json.format(msgspec.json.encode(self._kept)))
        except OSError as error:
            _log.warning("what models compute in will be decided again at the next start: %s", error)


def _read(file: Path | None) -> _Decisions:
    """What was kept; nothing where that can't be read."""
    if file is None or not file.exists():
        return {}
    try:
        return msgspec.json.decode(read_file(file, _LONGEST), type=_Decisions)
    except (ImagineError, msgspec.DecodeError) as error:
        _log.warning("%s can't be read, and what models compute in is decided again: %s", file, error)
        return {}
