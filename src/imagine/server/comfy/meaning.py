"""What nodes mean, read from a graph backwards: models, texts, latents, pictures, each with the node that says it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

from ...messages import message
from .graph import ComfyGraph, GraphNode, Link
from .refusals import GraphRefused

_CHECKPOINTS = "CheckpointLoaderSimple"
_MOST_STEPS = 10**6


class LoraSaid(NamedTuple):
    """A LoRA on the way from a model."""

    node: GraphNode
    name: str
    weight: float


class ModelWay(NamedTuple):
    """A denoiser, and what lies between it and a sampler."""

    node: GraphNode
    name: str
    loras: tuple[LoraSaid, ...] = ()
    """The nearest to the model first."""


class ClipWay(NamedTuple):
    """Text encoders: files, or those of a checkpoint."""

    node: GraphNode
    files: tuple[str, ...] = ()
    loras: tuple[LoraSaid, ...] = ()
    skip: int = 1


class VaeWay(NamedTuple):
    """A VAE: a file's name, None for that of a checkpoint."""

    node: GraphNode
    file: str | None


class ControlSaid(NamedTuple):
    """A control on the way from a text."""

    node: GraphNode
    model: str
    type: str
    picture: PictureSaid
    strength: float
    start: float
    end: float


class TextSaid(NamedTuple):
    """A prompt, and what holds the picture beside it."""

    node: GraphNode
    text: str
    clip: ClipWay
    guidance: float | None = None
    controls: tuple[ControlSaid, ...] = ()
    is_zeroed: bool = False
    untold: tuple[str, ...] = ()
    """Inputs with another text, which isn't drawn from."""


class LoadedPicture(NamedTuple):
    """A picture that the client sent before."""

    node: GraphNode
    name: str


class ScaledPicture(NamedTuple):
    """A picture in another size; a side of 0 follows the other."""

    node: GraphNode
    of: PictureSaid
    by: float | None
    size: tuple[int, int]


class EnlargedPicture(NamedTuple):
    """A picture enlarged by a network."""

    node: GraphNode
    of: PictureSaid
    upscaler: str
    named_by: GraphNode


class DecodedPicture(NamedTuple):
    """What latents show."""

    node: GraphNode
    latent: LatentSaid
    vae: VaeWay


PictureSaid = LoadedPicture | ScaledPicture | EnlargedPicture | DecodedPicture


class MaskSaid(NamedTuple):
    """Where to paint: a channel of a picture, of which alpha is what isn't there."""

    node: GraphNode
    name: str
    channel: str


class EmptyLatent(NamedTuple):
    """Latents of nothing."""

    node: GraphNode
    width: int
    height: int
    several: int


class EncodedLatent(NamedTuple):
    """Latents of a picture, and where to paint in it."""

    node: GraphNode
    picture: PictureSaid
    vae: VaeWay
    mask: MaskSaid | None = None


class ScaledLatent(NamedTuple):
    """Latents in another size."""

    node: GraphNode
    of: LatentSaid
    by: float | None
    size: tuple[int, int]


class Sampled(NamedTuple):
    """Latents that a sampler painted: of `total` steps those from `begun` to `ended`."""

    node: GraphNode
    steps_node: GraphNode
    sampler_node: GraphNode
    model: ModelWay
    positive: TextSaid
    negative: TextSaid | None
    seed: int
    cfg: float
    sampler: str
    scheduler: str
    total: int
    begun: int
    ended: int
    latent: LatentSaid
    noised: bool = True
    leaves_noise: bool = False


LatentSaid = EmptyLatent | EncodedLatent | ScaledLatent | Sampled


class _GuidedBy(NamedTuple):
    model: ModelWay
    positive: TextSaid
    negative: TextSaid | None
    cfg: float


class _Spaced(NamedTuple):
    node: GraphNode
    scheduler: str
    total: int
    run: int


class GraphReading:
    """One graph, each output of which is read once."""

    def __init__(self, graph: ComfyGraph) -> None:
        self._graph = graph
        self._known: dict[Link, Any] = {}
        self.read: dict[str, GraphNode] = {}
        """The nodes that something is made of."""

    def picture(self, node: GraphNode, name: str) -> PictureSaid:
        """What an input of a node shows. Raises GraphRefused."""
        return cast(PictureSaid, self.of(node, name))

    def of(self, node: GraphNode, name: str) -> Any:
        """What is linked to an input: what its type means."""
        link = node.inputs[name]
        if link not in self._known:
            source = self._graph[link.node]
            self.read[source.id] = source
            self._known[link] = _MEANINGS[source.kind.name](self, source, link.slot)
        return self._known[link]


def total_steps(steps: int, denoise: float) -> int:
    """Of how many steps the last `steps` are run, as that program counts them; a million is as many as any more."""
    return steps if denoise >= 1 else int(min(steps / denoise, _MOST_STEPS))


def _checkpoint(_: GraphReading, node: GraphNode, slot: int) -> Any:
    name = node.inputs["ckpt_name"]
    return (ModelWay(node, name), ClipWay(node), VaeWay(node, None))[slot]


def _unet(_: GraphReading, node: GraphNode, __: int) -> ModelWay:
    return ModelWay(node, node.inputs["unet_name"])


def _clips(_: GraphReading, node: GraphNode, __: int) -> ClipWay:
    return ClipWay(node, tuple(value for name, value in node.inputs.items() if name.startswith("clip_name")))


def _vae(_: GraphReading, node: GraphNode, __: int) -> VaeWay:
    return VaeWay(node, node.inputs["vae_name"])


def _lora(reading: GraphReading, node: GraphNode, slot: int) -> Any:
    side = "strength_clip" if slot else "strength_model"
    said = LoraSaid(node, node.inputs["lora_name"], node.inputs[side])
    way: ModelWay | ClipWay = reading.of(node, "clip" if slot else "model")
    return way._replace(loras=(*way.loras, said))


def _skip(reading: GraphReading, node: GraphNode, _: int) -> ClipWay:
    way: ClipWay = reading.of(node, "clip")
    return way._replace(skip=-node.inputs["stop_at_clip_layer"])


def _same_model(reading: GraphReading, node: GraphNode, _: int) -> ModelWay:
    return cast(ModelWay, reading.of(node, "model"))


def _encoded_text(main: str, *others: str) -> Callable[[GraphReading, GraphNode, int], TextSaid]:
    def read(reading: GraphReading, node: GraphNode, _: int) -> TextSaid:
        said = [node.inputs[name] for name in (main, *others)]
        text = next((each for each in said if each.strip()), said[0])
        untold = tuple(
            name for name in (main, *others) if node.inputs[name].strip() and node.inputs[name].strip() != text.strip()
        )
        return TextSaid(node, text, reading.of(node, "clip"), node.inputs.get("guidance"), untold=untold)

    return read


def _guidance(reading: GraphReading, node: GraphNode, _: int) -> TextSaid:
    text: TextSaid = reading.of(node, "conditioning")
    return text._replace(guidance=node.inputs["guidance"])


def _zeroed(reading: GraphReading, node: GraphNode, _: int) -> TextSaid:
    text: TextSaid = reading.of(node, "conditioning")
    return text._replace(node=node, text="", is_zeroed=True, untold=())


def _controlled(reading: GraphReading, node: GraphNode, slot: int) -> TextSaid:
    name = "conditioning" if "conditioning" in node.inputs else ("positive", "negative")[slot]
    text: TextSaid = reading.of(node, name)
    net: tuple[str, str] = reading.of(node, "control_net")
    inputs = node.inputs
    said = ControlSaid(
        node, *net, reading.picture(node, "image"), inputs["strength"], inputs.get("start_percent", 0.0),
        inputs.get("end_percent", 1.0),
    )  # fmt: skip
    return text._replace(controls=(*text.controls, said))


def _control_net(_: GraphReading, node: GraphNode, __: int) -> tuple[str, str]:
    return node.inputs["control_net_name"], ""


def _union(reading: GraphReading, node: GraphNode, _: int) -> tuple[str, str]:
    return reading.of(node, "control_net")[0], node.inputs["type"]


def _inpainted(reading: GraphReading, node: GraphNode, slot: int) -> Any:
    if slot < 2:
        return reading.of(node, ("positive", "negative")[slot])
    return _encoded(reading, node, slot)


def _encoded(reading: GraphReading, node: GraphNode, _: int) -> EncodedLatent:
    mask: MaskSaid | None = reading.of(node, "mask") if "mask" in node.inputs else None
    return EncodedLatent(node, reading.picture(node, "pixels"), reading.of(node, "vae"), mask)


def _masked(reading: GraphReading, node: GraphNode, _: int) -> EncodedLatent:
    latent: LatentSaid = reading.of(node, "samples")
    if not isinstance(latent, EncodedLatent):
        raise wired(node, "samples", message("comfy.masked"))
    return latent._replace(mask=reading.of(node, "mask"))


def _empty(_: GraphReading, node: GraphNode, __: int) -> EmptyLatent:
    return EmptyLatent(node, node.inputs["width"], node.inputs["height"], node.inputs["batch_size"])


def _scaled_latent(reading: GraphReading, node: GraphNode, _: int) -> ScaledLatent:
    size = (node.inputs.get("width", 0), node.inputs.get("height", 0))
    return ScaledLatent(node, reading.of(node, "samples"), node.inputs.get("scale_by"), size)


def _decoded(reading: GraphReading, node: GraphNode, _: int) -> DecodedPicture:
    return DecodedPicture(node, reading.of(node, "samples"), reading.of(node, "vae"))


def _loaded(_: GraphReading, node: GraphNode, slot: int) -> LoadedPicture | MaskSaid:
    name = node.inputs["image"]
    return MaskSaid(node, name, "alpha") if slot else LoadedPicture(node, name)


def _loaded_mask(_: GraphReading, node: GraphNode, __: int) -> MaskSaid:
    return MaskSaid(node, node.inputs["image"], node.inputs["channel"])


def _scaled(reading: GraphReading, node: GraphNode, _: int) -> ScaledPicture:
    size = (node.inputs.get("width", 0), node.inputs.get("height", 0))
    return ScaledPicture(node, reading.picture(node, "image"), node.inputs.get("scale_by"), size)


def _enlarged(reading: GraphReading, node: GraphNode, _: int) -> EnlargedPicture:
    upscaler: tuple[GraphNode, str] = reading.of(node, "upscale_model")
    return EnlargedPicture(node, reading.picture(node, "image"), upscaler[1], upscaler[0])


def _upscaler(_: GraphReading, node: GraphNode, __: int) -> tuple[GraphNode, str]:
    return node, node.inputs["model_name"]


def _sampled(reading: GraphReading, node: GraphNode, _: int) -> Sampled:
    inputs = node.inputs
    if not inputs["denoise"]:
        raise node.refused("value_smaller_than_min", "denoise", "comfy.nothing_painted")
    total = total_steps(inputs["steps"], inputs["denoise"])
    return _run(reading, node, inputs["seed"], total, total - inputs["steps"], total)


def _sampled_in_part(reading: GraphReading, node: GraphNode, _: int) -> Sampled:
    inputs = node.inputs
    total, begun = inputs["steps"], inputs["start_at_step"]
    ended = min(inputs["end_at_step"], total)
    if begun >= ended:
        raise node.refused("value_bigger_than_max", "start_at_step", "comfy.nothing_painted")
    run = _run(reading, node, inputs["noise_seed"], total, begun, ended)
    leaves = inputs["return_with_leftover_noise"] == "enable"
    return run._replace(noised=inputs["add_noise"] == "enable", leaves_noise=leaves and ended < total)


def _run(reading: GraphReading, node: GraphNode, seed: int, total: int, begun: int, ended: int) -> Sampled:
    inputs = node.inputs
    return Sampled(
        node, node, node, reading.of(node, "model"), reading.of(node, "positive"), reading.of(node, "negative"), seed,
        inputs["cfg"], inputs["sampler_name"], inputs["scheduler"], total, begun, ended,
        reading.of(node, "latent_image"),
    )  # fmt: skip


def _sampled_by_parts(reading: GraphReading, node: GraphNode, _: int) -> Sampled:
    guided: _GuidedBy = reading.of(node, "guider")
    spaced: _Spaced = reading.of(node, "sigmas")
    named: GraphNode = reading.of(node, "sampler")
    return Sampled(
        node, spaced.node, named, guided.model, guided.positive, guided.negative, reading.of(node, "noise"),
        guided.cfg, named.inputs["sampler_name"], spaced.scheduler, spaced.total, spaced.total - spaced.run,
        spaced.total, reading.of(node, "latent_image"),
    )  # fmt: skip


def _noise(_: GraphReading, node: GraphNode, __: int) -> int:
    return cast(int, node.inputs["noise_seed"])


def _itself(_: GraphReading, node: GraphNode, __: int) -> GraphNode:
    return node


def _sigmas(reading: GraphReading, node: GraphNode, _: int) -> _Spaced:
    reading.of(node, "model")
    steps, denoise = node.inputs["steps"], node.inputs["denoise"]
    if not denoise:
        raise node.refused("value_smaller_than_min", "denoise", "comfy.nothing_painted")
    return _Spaced(node, node.inputs["scheduler"], total_steps(steps, denoise), steps)


def _guider(reading: GraphReading, node: GraphNode, _: int) -> _GuidedBy:
    return _GuidedBy(reading.of(node, "model"), reading.of(node, "conditioning"), None, 1.0)


def _cfg_guider(reading: GraphReading, node: GraphNode, _: int) -> _GuidedBy:
    return _GuidedBy(
        reading.of(node, "model"), reading.of(node, "positive"), reading.of(node, "negative"), node.inputs["cfg"]
    )


def wired(node: GraphNode, input_name: str, why: Any) -> GraphRefused:
    """The error that says why what is linked to an input makes no request."""
    return node.refused("custom_validation_failed", input_name, "comfy.wired", why=why)


_MEANINGS: Mapping[str, Callable[[GraphReading, GraphNode, int], Any]] = {
    _CHECKPOINTS: _checkpoint, "UNETLoader": _unet, "UnetLoaderGGUF": _unet, "CLIPLoader": _clips,
    "DualCLIPLoader": _clips, "TripleCLIPLoader": _clips, "VAELoader": _vae, "LoraLoader": _lora,
    "LoraLoaderModelOnly": _lora, "ControlNetLoader": _control_net, "SetUnionControlNetType": _union,
    "UpscaleModelLoader": _upscaler, "CLIPTextEncode": _encoded_text("text"),
    "CLIPTextEncodeSDXL": _encoded_text("text_g", "text_l"), "CLIPTextEncodeSDXLRefiner": _encoded_text("text"),
    "CLIPTextEncodeFlux": _encoded_text("t5xxl", "clip_l"),
    "CLIPTextEncodeSD3": _encoded_text("t5xxl", "clip_g", "clip_l"), "CLIPSetLastLayer": _skip,
    "FluxGuidance": _guidance, "ConditioningZeroOut": _zeroed, "ControlNetApply": _controlled,
    "ControlNetApplyAdvanced": _controlled, "InpaintModelConditioning": _inpainted, "EmptyLatentImage": _empty,
    "EmptySD3LatentImage": _empty, "VAEEncode": _encoded, "VAEEncodeForInpaint": _encoded,
    "SetLatentNoiseMask": _masked, "LatentUpscale": _scaled_latent, "LatentUpscaleBy": _scaled_latent,
    "VAEDecode": _decoded, "VAEDecodeTiled": _decoded, "KSampler": _sampled, "KSamplerAdvanced": _sampled_in_part,
    "SamplerCustomAdvanced": _sampled_by_parts, "RandomNoise": _noise, "KSamplerSelect": _itself,
    "BasicScheduler": _sigmas, "BasicGuider": _guider, "CFGGuider": _cfg_guider, "ModelSamplingFlux": _same_model,
    "ModelSamplingSD3": _same_model, "ModelSamplingAuraFlow": _same_model, "LoadImage": _loaded,
    "LoadImageMask": _loaded_mask, "ImageScale": _scaled, "ImageScaleBy": _scaled, "ImageUpscaleWithModel": _enlarged,
}  # fmt: skip
