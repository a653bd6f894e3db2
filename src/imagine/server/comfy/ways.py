"""Which one picture a graph paints: its passes from noise or a picture, and what enlarges it in between or behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...messages import Message, message
from .graph import GraphNode, graph_from, shown_by
from .meaning import (
    DecodedPicture,
    EmptyLatent,
    EncodedLatent,
    EnlargedPicture,
    GraphReading,
    LatentSaid,
    LoadedPicture,
    PictureSaid,
    Sampled,
    ScaledLatent,
    ScaledPicture,
    TextSaid,
    VaeWay,
    wired,
)

GraphEnlarging = ScaledPicture | EnlargedPicture | ScaledLatent
_SAVES = ("SaveImage", "SaveImageWebsocket")


class Passes(NamedTuple):
    """The passes of one picture."""

    first: Sampled
    start: EmptyLatent | EncodedLatent
    refined: Sampled | None = None
    """What finishes the first pass' noise with another model."""
    second: Sampled | None = None
    enlarged: Sequence[GraphEnlarging] = ()
    """Before the second pass, or behind the only one, the first first."""


class PaintedWay(NamedTuple):
    """One picture, from what it starts from to who is shown it."""

    shown: Sequence[GraphNode]
    """The nodes that show it."""
    decoded: GraphNode
    vae: VaeWay
    passes: Passes
    read: Sequence[GraphNode]
    """All nodes that it is made of."""
    warnings: Sequence[Message]


def way_of(prompt: object) -> PaintedWay:
    """What a graph, as read from JSON, paints. Raises GraphRefused on the node that makes it no single request."""
    graph = graph_from(prompt)
    outputs = shown_by(graph)
    reading = GraphReading(graph)
    main = next((node for node in outputs if node.kind.name in _SAVES), outputs[0])
    picture = reading.picture(main, "images")
    shown, warnings = [main], list[Message]()
    for node in outputs:
        if node is main:
            continue
        if reading.picture(node, "images") is picture:
            shown.append(node)
        elif node.kind.name in _SAVES:
            raise wired(node, "images", message("comfy.another"))
        else:
            warnings.append(message("comfy.not_shown", None, node=node.kind.name, id=node.id))
    behind, decoded = _peeled(picture)
    if not isinstance(decoded, DecodedPicture):
        raise wired(main, "images", message("comfy.unpainted"))
    passes = _passes(_sampled(decoded.latent, decoded.node), behind, decoded)
    return PaintedWay(shown, decoded.node, decoded.vae, passes, [*reading.read.values(), *shown], warnings)


def _passes(last: Sampled, behind: list[GraphEnlarging], decoded: DecodedPicture) -> Passes:
    between, first = _enlarged_from(last.latent)
    if first is None:  # the last pass is the first
        return Passes(last, _start(last.latent, last), enlarged=behind)
    if not between:
        _check_goes_on(first, last)
        same = first.model.name == last.model.name
        _check_same_texts(first, last)
        if same:
            _check_same_model(first, last)
        start = _start(first.latent, first)
        if same:
            return Passes(first._replace(ended=last.ended), start, enlarged=behind)
        return Passes(first, start, refined=last, enlarged=behind)
    _check_same_model(first, last)
    if behind:
        raise wired(behind[0].node, "image", message("comfy.twice_enlarged"))
    if first.leaves_noise or not last.noised:
        raise wired(last.node, "latent_image", message("comfy.noise"))
    if isinstance(last.latent, EncodedLatent) and last.latent.vae != decoded.vae:
        raise wired(last.latent.node, "vae", message("comfy.other_vae"))
    return Passes(first, _start(first.latent, first), second=last, enlarged=between)


def _enlarged_from(latent: LatentSaid) -> tuple[list[GraphEnlarging], Sampled | None]:
    """What enlarges between two passes, and the earlier of them; None where a pass starts from what was sent."""
    between: list[GraphEnlarging] = []
    while isinstance(latent, ScaledLatent):
        between.insert(0, latent)
        latent = latent.of
    if isinstance(latent, Sampled):
        return between, latent
    if isinstance(latent, EncodedLatent):
        inner, picture = _peeled(latent.picture)
        if isinstance(picture, DecodedPicture):
            if between:
                raise wired(between[0].node, "samples", message("comfy.twice_enlarged"))
            if latent.mask is not None:
                raise wired(latent.node, "mask", message("comfy.masked"))
            if not inner:
                raise wired(latent.node, "pixels", message("comfy.again"))
            return inner, _sampled(picture.latent, picture.node)
    if between:
        raise wired(between[0].node, "samples", message("comfy.unpainted"))
    return [], None


def _peeled(picture: PictureSaid) -> tuple[list[GraphEnlarging], LoadedPicture | DecodedPicture]:
    """What was done to a picture, the first first, and what it was."""
    done: list[GraphEnlarging] = []
    while isinstance(picture, ScaledPicture | EnlargedPicture):
        done.insert(0, picture)
        picture = picture.of
    return done, picture


def _sampled(latent: LatentSaid, node: GraphNode) -> Sampled:
    if isinstance(latent, ScaledLatent):
        raise wired(latent.node, "samples", message("comfy.latent_end"))
    if not isinstance(latent, Sampled):
        raise wired(node, "samples", message("comfy.unpainted"))
    return latent


def _start(latent: LatentSaid, run: Sampled) -> EmptyLatent | EncodedLatent:
    if isinstance(latent, Sampled | ScaledLatent):
        raise wired(run.node, "latent_image", message("comfy.third"))
    if not run.noised:
        raise run.node.refused("value_not_in_list", "add_noise", "comfy.wired", why=message("comfy.noise"))
    if isinstance(latent, EncodedLatent) and isinstance(_peeled(latent.picture)[1], DecodedPicture):
        raise wired(latent.node, "pixels", message("comfy.third"))
    if isinstance(latent, EmptyLatent) and run.begun:
        name = "denoise" if "denoise" in run.steps_node.inputs else "start_at_step"
        raise run.steps_node.refused("custom_validation_failed", name, "comfy.from_nothing")
    return latent


def _check_goes_on(first: Sampled, then: Sampled) -> None:
    """Is one the rest of the other's steps?"""
    if not first.leaves_noise or then.noised:
        raise wired(then.node, "latent_image", message("comfy.again"))
    if first.total != then.total or first.ended != then.begun:
        raise wired(then.node, "start_at_step", message("comfy.gap"))


def _check_same_model(first: Sampled, then: Sampled) -> None:
    """Raises GraphRefused where the later pass is of another model."""
    if (first.model.name, _loras(first)) != (then.model.name, _loras(then)):
        raise wired(then.node, "model", message("comfy.other_model"))
    if _clip(then.positive) != _clip(first.positive):
        raise wired(then.node, "positive", message("comfy.other_clip"))


def _check_same_texts(first: Sampled, then: Sampled) -> None:
    """Raises GraphRefused where the rest of the steps is of another prompt."""
    for name in ("positive", "negative"):
        if _words(getattr(first, name)) != _words(getattr(then, name)):
            raise wired(then.node, name, message("comfy.other_text"))


def _clip(text: TextSaid) -> tuple[object, ...]:
    """What encodes a text, wherever that stands in the graph."""
    return text.clip.node.inputs.get("ckpt_name"), text.clip.files, text.clip.skip


def _loras(run: Sampled) -> list[tuple[str, float]]:
    return [(each.name, each.weight) for each in run.model.loras]


def _words(text: TextSaid | None) -> str:
    return "" if text is None else text.text.strip()
