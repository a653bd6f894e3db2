"""In which way a model is held on a device: chosen from its files' headers before it is opened, and done once it is."""

from __future__ import annotations

from collections.abc import Mapping

from ...families.memory import SLACK, StepBytes, Way, Workload, bytes_of, decoding, denoising, peak, sides_of, way_for
from ...families.table import facts_of
from ...messages import Message, message
from ...words.errors import OutOfMemory
from ...words.model import Model
from ...words.sizes import NO_SIZES
from ..device.device import Device
from ..loading.diffusers_folder import runs_whole
from ..loading.placing import as_computed
from ..parts.part import MadeOfParts, ModulePart, parts_of

_TOLD: Mapping[str, Message] = {
    "encoders": message("way.encoders"), "stages": message("way.stages"), "layers": message("way.layers"),
}  # fmt: skip
_IN_FILES = message("way.files")


class Lodging:
    """Of a model on a device that has so much room now, were nothing else there that can go."""

    def __init__(self, model: Model, device: Device) -> None:
        self.way: Way = "all"
        self.weights = 0
        """Bytes of the device that it makes use of; 0: nobody knows."""
        self.waiting = 0
        """Bytes that wait in main memory at most, where some do."""
        self.short = False
        """Main memory hasn't as many: what isn't in what it computes in is to stay in its files."""
        self._refusal: OutOfMemory | None = None
        self._apart = device.torch.type != "cpu"
        if model.sizes == NO_SIZES:
            return
        sizes = facts_of(model.family).sizes_of(_variant(model), model.sizes)
        weights, steps, room = bytes_of(sizes, device.width), _steps(model, device), device.budget() + device.left
        way = way_for(weights, room - SLACK * bool(device.left), steps, stages=self._apart)
        if way is None and model.main.format == "diffusers" and runs_whole(model.main.path):
            way = "layers"  # it has ways of its own, and takes what it takes
        if way is None:
            least = peak(weights, "layers", steps) + SLACK * bool(device.left)
            self._refusal = OutOfMemory(
                message("memory.least", name=model.name, least=_size(least), there=_size(max(0, room)))
            )
            return
        # Of layers as many stay as there is room for once it is opened.
        used = weights.all if way == "all" or (way == "layers" and self._apart) else peak(weights, way)
        self.way, self.weights = way, used if way == "all" else min(used, device.budget())
        self.waiting = weights.all if way != "all" and self._apart else 0

    @property
    def refused(self) -> bool:
        """Not even a layer of it fits, whoever else leaves."""
        return self._refusal is not None

    def check(self) -> None:
        """Raises OutOfMemory, naming what it needs at least, where not even a layer of it fits."""
        if self._refusal is not None:
            raise self._refusal

    @property
    def told(self) -> Message | None:
        """What whoever draws with it first is told."""
        return _TOLD.get(self.way) if self._apart or self.way == "all" else _IN_FILES

    @property
    def as_stored(self) -> bool:
        """Its weights stay in their files, of which the system keeps as much in memory as it can."""
        return self.short or (self.way == "layers" and not self._apart)

    def lodge(self, model: MadeOfParts, device: Device) -> None:
        """Have the parts that were opened in main memory stay on the device, or wait for their work."""
        if self.way == "all" or not self._apart:
            return
        encoders = model.parts("encode")
        for part in parts_of(model):
            if not isinstance(part, ModulePart) or part.home.type != "cpu":
                continue
            if part.may_visit and (self.way != "encoders" or part in encoders):
                part.visit(device.floor, device.torch)
            else:
                part.settle(device.torch)
                if self.short:  # it is there for good
                    as_computed(part.module)


def _steps(model: Model, device: Device) -> StepBytes:
    """What a picture of the native size takes beside weights; nothing where the budget is of weights alone."""
    if not device.left:
        return StepBytes()
    facts, width = facts_of(model.family), device.width
    side = int(model.main.options.get("resolution") or facts.native or 1024)
    work, variant = Workload(side, side), _variant(model)
    step = denoising(facts, work, variant=variant, sides=sides_of(facts, variant, None, None), width=width)
    widened = bytes_of(model.sizes, width).widened
    return StepBytes(step + widened, decoding(facts, work, tiled=True, width=width))


def _variant(model: Model) -> str:
    """Which it is called, where no tensor tells."""
    return str(model.main.options.get("variant", ""))


def _size(count: int) -> Message:
    if count < 10**9:
        return message("size.mb", count=round(count / 10**6))
    return message("size.gb", count=round(count / 10**9, 1))
