"""One pure function in: the picture that a graph paints → a `GenerateRequest`, and which node says what of it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from ...asking.request import ALIASES, MAX_STEPS, GenerateRequest, one_spelling, parse
from ...messages import Message, message
from ...words.control_units import model_called
from ...words.errors import BadRequest
from ...words.model_names import stem_of
from ...words.samplers import NoiseKind
from .classes import ANYTHING
from .enlarging import Scaling, scaling_from, size_of_start
from .graph import GraphNode
from .meaning import (
    ClipWay,
    ControlSaid,
    EncodedLatent,
    LoadedPicture,
    LoraSaid,
    MaskSaid,
    PictureSaid,
    Sampled,
    ScaledPicture,
    TextSaid,
    VaeWay,
    wired,
)
from .refusals import GraphRefused, RefusedAt
from .samplers import sampled_by
from .ways import PaintedWay

TOLD = 3.5
"""The guidance that a model is told which nothing tells one."""
_EMBEDDING = re.compile(r"\bembedding:(?=[^\s,()]{1,200})")
_UNIONS = {
    "auto": None, "openpose": "pose", "depth": "depth", "hed/pidi/scribble/ted": "softedge",
    "canny/lineart/anime_lineart/mlsd": "canny", "normal": "normal", "segment": "segmentation", "tile": "tile",
    "repaint": "inpaint",
}  # fmt: skip
"""Kinds of maps by that program's names."""
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class SizeOf(Protocol):
    """The size of a picture that the client sent before, by its name; None for one that isn't here."""

    def __call__(self, name: str) -> tuple[int, int] | None: ...


class ComfyUsual(NamedTuple):
    """What has to be known of a graph's model."""

    kind: NoiseKind = "ordinary"
    is_told: bool = False
    """Is guidance a number that its networks are told?"""


NOTHING_USUAL = ComfyUsual()


class SaidAt(NamedTuple):
    """What of a graph says a field."""

    node: GraphNode
    input: str


class PictureNeeded(NamedTuple):
    """A picture that the client sent before: where in the request it belongs, and which of its channels."""

    field: str
    said: SaidAt
    channel: str = ""
    """"" for its colours."""


class ComfyRequest(NamedTuple):
    """A request in our words, without its pictures; and what is this dialect's alone."""

    request: GenerateRequest
    pictures: list[PictureNeeded]
    warnings: list[Message]
    said: Mapping[str, SaidAt]
    """By our field."""


def comfy_request_from(
    way: PaintedWay, size_of: SizeOf, usual: ComfyUsual = NOTHING_USUAL, extra: Mapping[str, Any] = _NOTHING
) -> ComfyRequest:
    """What a graph asks for. `extra` are fields of ours that its client says beside it, where it doesn't.

    Raises BadRequest (GraphRefused among them).
    """
    made = _RequestMaking(way, size_of, usual)
    fields, _ = one_spelling(extra)
    if both := next((name for name in fields if name in made.fields and fields[name] is not None), None):
        raise BadRequest(message("comfy.twice", both))
    try:
        parsed = parse(fields | made.fields, ALIASES)
    except BadRequest as error:
        raise _at_its_node(error, made.said) from error
    return ComfyRequest(parsed.request, made.pictures, [*made.warnings, *parsed.warnings], made.said)


def says(said: Mapping[str, SaidAt], field: str) -> SaidAt | None:
    """What says a field, or the one that it is a part of."""
    while field and field not in said:
        field = field.rpartition(".")[0]
    return said.get(field)


def _at_its_node(error: BadRequest, said: Mapping[str, SaidAt]) -> BadRequest:
    """The same error, said of the node that says the field."""
    at = says(said, error.field or "")
    if at is None:
        return error
    place = RefusedAt("custom_validation_failed", at.node.id, at.node.kind.name, at.input)
    return GraphRefused(error.note.called(at.input), place)


def model_of(way: PaintedWay) -> str:
    """The name of the model that paints."""
    return model_called(way.passes.first.model.name)


class _RequestMaking:
    """One request on its way."""

    def __init__(self, way: PaintedWay, size_of: SizeOf, usual: ComfyUsual) -> None:
        self.fields: dict[str, Any] = {}
        self.pictures: list[PictureNeeded] = []
        self.said: dict[str, SaidAt] = {}
        self.warnings: list[Message] = [*way.warnings]
        self._way, self._size_of, self._usual = way, size_of, usual
        self._unheeded = _unheeded(way)
        self._say_texts(way.passes.first)
        self._say_model(way.passes.first)
        self._say_steps(way.passes.first)
        self._say_start()
        self._say_second()
        if self._unheeded:
            self.warnings.append(message("comfy.unheeded", names=", ".join(dict.fromkeys(self._unheeded))))

    def _say(self, field: str, value: Any, node: GraphNode, input_name: str) -> None:
        self.fields[field] = value
        self.said[field] = SaidAt(node, input_name)

    def _say_texts(self, run: Sampled) -> None:
        for field, text in (("prompt", run.positive), ("neg", run.negative)):
            if text is None:
                self.fields[field] = ""
                continue
            self._say(field, _EMBEDDING.sub("", text.text), text.node, _words_input(text))
            self._unheeded += [f"{text.node.kind.name}.{name}" for name in text.untold]
        if run.negative is not None and run.negative.is_zeroed and run.cfg > 1:
            self.warnings.append(message("comfy.zeroed", "neg"))
        for place, control in enumerate(run.positive.controls):
            self._say_control(place, control)

    def _say_control(self, place: int, control: ControlSaid) -> None:
        picture, size = control.picture, {}
        if isinstance(picture, ScaledPicture):
            size = {"resize": "stretch" if picture.node.inputs.get("crop") == "disabled" else "crop"}
            picture = picture.of
        if not isinstance(picture, LoadedPicture):
            raise wired(control.node, "image", message("comfy.only_sent"))
        wish = {
            "model": stem_of(control.model), "image": "", "preprocess": "none", "strength": control.strength,
            "start": control.start, "end": control.end, **size,
        }  # fmt: skip
        if kind := _UNIONS.get(control.type):
            wish["type"] = kind
        self.fields.setdefault("control", []).append(wish)
        self.said.setdefault("control", SaidAt(control.node, "strength"))
        self.said[f"control.{place}.model"] = SaidAt(control.node, "control_net")
        self.pictures.append(PictureNeeded(f"control.{place}", SaidAt(picture.node, "image")))

    def _say_model(self, run: Sampled) -> None:
        node = run.model.node
        name = "ckpt_name" if "ckpt_name" in node.inputs else "unet_name"
        self._say("model", model_called(run.model.name), node, name)
        clip = run.positive.clip
        if run.negative is not None and run.negative.clip != clip and not run.negative.is_zeroed:
            raise wired(run.negative.node, "clip", message("comfy.other_clip"))
        self._say_encoders(run, clip)
        self._say_vae(run, self._way.vae, self._way.decoded)
        if loras := _loras(run.model.loras, clip.loras):
            self._say("loras", loras, (*run.model.loras, *clip.loras)[0].node, "lora_name")
        if clip.skip > 1:
            self._say("clip", clip.skip, clip.node, "stop_at_clip_layer")

    def _say_encoders(self, run: Sampled, clip: ClipWay) -> None:
        if clip.files:
            self._say("text_encoders", [stem_of(name) for name in clip.files], clip.node, "clip_name")
        elif clip.node is not run.model.node:
            raise wired(run.positive.node, "clip", message("comfy.other_checkpoint"))

    def _say_vae(self, run: Sampled, vae: VaeWay, node: GraphNode) -> None:
        if vae.file is not None:
            self._say("vae", stem_of(vae.file), vae.node, "vae_name")
        elif vae.node is not run.model.node:
            raise wired(node, "vae", message("comfy.other_checkpoint"))

    def _say_steps(self, run: Sampled) -> None:
        self._say("num_steps", run.total, run.steps_node, "steps")
        self._say("seed", run.seed, run.node, "seed" if "seed" in run.node.inputs else "noise_seed")
        by = sampled_by(run.sampler, run.scheduler, self._usual.kind, run.total)
        self._say("sampler", by.sampler, run.sampler_node, "sampler_name")
        self._say("schedule", by.schedule, run.steps_node, "scheduler")
        self.warnings += by.warnings
        guided_by = run.node if "cfg" in run.node.inputs else run.positive.node
        if not self._usual.is_told:
            self._say("guidance", run.cfg, guided_by, "cfg")
            self._unheeded += ["FluxGuidance.guidance"] if run.positive.guidance is not None else []
            return
        self._say("guidance", TOLD if run.positive.guidance is None else run.positive.guidance, guided_by, "guidance")
        self._say("true_cfg", run.cfg, guided_by, "cfg")

    def _say_start(self) -> None:
        first, start = self._way.passes.first, self._way.passes.start
        if refined := self._way.passes.refined:
            self._say("refiner", model_called(refined.model.name), refined.model.node, "ckpt_name")
            self._say("refiner_at", first.ended / first.total, first.node, "end_at_step")
        elif first.ended < first.total:
            raise first.node.refused("value_smaller_than_min", "end_at_step", "comfy.unfinished")
        if not isinstance(start, EncodedLatent):
            self._say("width", start.width, start.node, "width")
            self._say("height", start.height, start.node, "height")
            if start.several > 1:
                self._say("count", start.several, start.node, "batch_size")
            return
        if start.vae != self._way.vae:
            raise wired(start.node, "vae", message("comfy.other_vae"))
        self._say_source(start.picture)
        self._say_strength(first)
        if start.mask is not None:
            self._say_mask(start.mask)

    def _say_source(self, picture: PictureSaid) -> None:
        if isinstance(picture, ScaledPicture) and isinstance(picture.of, LoadedPicture):
            width, height = size_of_start(picture, self._size_of)
            self._say("width", width, picture.node, "width")
            self._say("height", height, picture.node, "height")
            self.fields["resize"] = "crop" if picture.node.inputs.get("crop") == "center" else "stretch"
            picture = picture.of
        if not isinstance(picture, LoadedPicture):
            raise wired(picture.node, "image", message("comfy.only_sent"))
        self.said["img"] = SaidAt(picture.node, "image")
        self.pictures.append(PictureNeeded("img", self.said["img"]))

    def _say_strength(self, run: Sampled) -> None:
        """The last steps of all, as that program counts them: as many are run as are said."""
        name = "denoise" if "denoise" in run.steps_node.inputs else "start_at_step"
        count = run.total - run.begun
        if run.total > MAX_STEPS:  # what is left of a longer run, in as many steps as there can be
            self.warnings.append(message("comfy.fewer", "num_steps", count=max(1, count * MAX_STEPS // run.total)))
            self._say("num_steps", MAX_STEPS, run.steps_node, "steps")
        self._say("strength", strength_of(run, self._usual.kind), run.steps_node, name)

    def _say_mask(self, mask: MaskSaid) -> None:
        self.said["mask"] = SaidAt(mask.node, "image")
        self.pictures.append(PictureNeeded("mask", self.said["mask"], mask.channel))

    def _say_second(self) -> None:
        passes = self._way.passes
        if not passes.enlarged:
            return
        base = size_of_start(passes.start, self._size_of)
        scaling = scaling_from(passes.enlarged, base)
        self.warnings += scaling.warnings
        second: dict[str, Any] = {"scale": scaling.by, "strength": 0.0, "upscaler": scaling.upscaler}
        if (run := passes.second) is not None:
            second |= {"strength": strength_of(run, self._usual.kind), "steps": min(run.total, MAX_STEPS)}
            second |= self._own_words(passes.first, run)
        self._say_hires(second, scaling, passes.second)

    def _own_words(self, first: Sampled, run: Sampled) -> dict[str, Any]:
        """What a second pass says otherwise than the first."""
        own: dict[str, Any] = {}
        for field, one, other in (("prompt", first.positive, run.positive), ("neg", first.negative, run.negative)):
            if other is not None and (one is None or one.text != other.text):
                own[field] = _EMBEDDING.sub("", other.text)
                self.said[f"hires.{field}"] = SaidAt(other.node, _words_input(other))
        by = sampled_by(run.sampler, run.scheduler, self._usual.kind, run.total)
        if (by.sampler, by.schedule) != (self.fields["sampler"], self.fields["schedule"]):
            own |= {"sampler": by.sampler, "schedule": by.schedule}
            self.warnings += by.warnings
        guidance = (
            run.cfg if not self._usual.is_told else TOLD if run.positive.guidance is None else run.positive.guidance
        )
        if guidance != self.fields["guidance"]:
            own["guidance"] = guidance
        self.said["hires.sampler"] = SaidAt(run.sampler_node, "sampler_name")
        self.said["hires.schedule"] = SaidAt(run.steps_node, "scheduler")
        self.said["hires.guidance"] = SaidAt(run.node if "cfg" in run.node.inputs else run.positive.node, "cfg")
        self._unheeded += _differing(first, run, cfg=self._usual.is_told)
        return own

    def _say_hires(self, second: dict[str, Any], scaling: Scaling, run: Sampled | None) -> None:
        self._say("hires", second, scaling.node, scaling.input)
        self.said["hires.upscaler"] = SaidAt(scaling.named_by, "model_name")
        if run is not None:
            self.said["hires.steps"] = SaidAt(run.steps_node, "steps")
            self.said["hires.strength"] = SaidAt(run.steps_node, "denoise")


def strength_of(run: Sampled, kind: NoiseKind) -> float:
    """What part of all steps is run: such that exactly these are. Of a flow what is left out is rounded down, of others
    what is run."""
    count = run.total - run.begun
    strength = count / run.total
    off = run.total * strength - count
    if kind == "flow":
        return math.nextafter(strength, 0) if off > 0 else strength
    return math.nextafter(strength, 1) if off < 0 else strength


def _words_input(text: TextSaid) -> str:
    """The input of a text's node that holds its words."""
    return next((slot.name for slot in text.node.kind.inputs if slot.kind == "STRING"), "conditioning")


def _unheeded(way: PaintedWay) -> list[str]:
    """What nodes say that has no effect here."""
    return [
        f"{node.kind.name}.{slot.name}"
        for node in way.read
        for slot in node.kind.inputs
        if slot.idle is not None and ANYTHING not in slot.idle and slot.name in node.inputs
        if not any(_same(node.inputs[slot.name], value) for value in slot.idle)
    ]


def _same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other)
    return one == other


def _differing(first: Sampled, second: Sampled, *, cfg: bool) -> list[str]:
    """What of a second pass is as in the first, whatever it says; `cfg`: that too."""
    said = {"seed": first.seed != second.seed, "cfg": cfg and first.cfg != second.cfg}
    said["control_net"] = first.positive.controls != second.positive.controls
    return [f"{second.node.kind.name} {second.node.id}.{name}" for name, is_other in said.items() if is_other]


def _loras(model: tuple[LoraSaid, ...], clip: tuple[LoraSaid, ...]) -> Any:
    """As a request has them: those beside the model, with what they do to text encoders."""
    of_clip = {each.node.id: each.weight for each in clip}
    wishes = [
        {"name": stem_of(each.name), "weight": each.weight, "clip_weight": of_clip.pop(each.node.id, 0.0)}
        for each in model
    ]
    wishes += [
        {"name": stem_of(each.name), "weight": 0.0, "clip_weight": each.weight}
        for each in clip
        if each.node.id in of_clip
    ]
    names = {wish["name"] for wish in wishes}
    if len(names) == len(wishes) and all(wish["weight"] == wish["clip_weight"] for wish in wishes):
        return {wish["name"]: wish["weight"] for wish in wishes}
    return wishes
