"""ComfyUI's recipe: the graph in a PNG's `prompt` text, read from its sampler backwards.

A graph is an object of nodes, `{id: {"class_type": …, "inputs": {name: value, or [id, output]}}}`, and can be
anything; what is read is what the common text-to-image and image-to-image graphs hold. Where several samplers are
linked, the last one is taken, and the others are named.
Node types: https://github.com/comfyanonymous/ComfyUI/blob/master/nodes.py
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .reading import ForeignRecipe, draft, model_name
from .swarmui import take_sampler

PROGRAM = "ComfyUI"
_SAMPLERS = ("KSampler", "KSamplerAdvanced")
_LORAS = ("LoraLoader", "LoraLoaderModelOnly")
_MOST = 500
"""Nodes that are visited on the way from one of them."""
_FILES = ("ckpt_name", "unet_name")
"""What a checkpoint's loader, or that of a denoiser alone, calls its file."""
_KNOWN = frozenset(["UNETLoader", "UnetLoaderGGUF", "CLIPLoader", "DualCLIPLoader", "TripleCLIPLoader", "FluxGuidance",
                    "CLIPTextEncodeFlux", "CLIPTextEncodeSD3", "EmptySD3LatentImage",
                    "SaveImage", "PreviewImage", "VAEDecode", "VAEEncode", "CLIPTextEncode", "CheckpointLoaderSimple",
                    "EmptyLatentImage", "VAELoader", *_LORAS, "CLIPSetLastLayer", "LoadImage", "Note", "VAEDecodeTiled",
                    *_SAMPLERS])  # fmt: skip
Graph = dict[str, Any]


def recipe_from_comfyui(nodes: Graph) -> ForeignRecipe | None:
    """What the graph draws, None where it is no graph."""
    if not nodes or not all(isinstance(n, dict) and isinstance(n.get("class_type"), str) for n in nodes.values()):
        return None
    made = draft()
    samplers = [name for name, node in nodes.items() if node["class_type"] in _SAMPLERS]
    if samplers:
        _take_pass(made, nodes, _last(nodes, samplers))
    rest = {node["class_type"] for node in nodes.values()} - _KNOWN
    again = ["KSampler"] * (len(samplers) > 1)
    made.left_out(PROGRAM, [*again, *sorted(rest)])
    return made


def _last(nodes: Graph, samplers: list[str]) -> str:
    """The sampler that no other one's input leads to."""
    fed = {name for sampler in samplers for name, _ in _behind(nodes, sampler, "latent_image") if name != sampler}
    return next((name for name in reversed(samplers) if name not in fed), samplers[-1])


def _take_pass(made: ForeignRecipe, nodes: Graph, sampler: str) -> None:
    """What one sampler draws, and with what."""
    inputs = _inputs(nodes[sampler])
    made.text("prompt", _text(nodes, sampler, "positive"))
    made.text("neg", _text(nodes, sampler, "negative"))
    made.whole("seed", _value(nodes, inputs.get("seed", inputs.get("noise_seed"))))
    made.whole("num_steps", _value(nodes, inputs.get("steps")))
    said = [_inputs(node).get("guidance") for _, node in _behind(nodes, sampler, "positive")]
    told = next((value for value in said if value is not None), None)  # Flux is told its guidance with its prompt
    made.guided(_value(nodes, told), _value(nodes, inputs.get("cfg")))
    take_sampler(made, _value(nodes, inputs.get("sampler_name")), _value(nodes, inputs.get("scheduler")))
    for _, node in _behind(nodes, sampler, "model"):
        if name := next((name for key in _FILES if isinstance(name := _inputs(node).get(key), str)), None):
            made.text("model", model_name(name))
            break
    _take_loras(made, nodes, sampler)
    sized = [_inputs(node) for _, node in _behind(nodes, sampler, "latent_image")]
    size = next((node for node in sized if isinstance(node.get("width"), int)), {})
    made.whole("width", size.get("width"))
    made.whole("height", size.get("height"))
    if any(isinstance(node.get("image"), str) for node in sized):
        made.real("strength", _value(nodes, inputs.get("denoise")), most=1)
    layers = [_inputs(node).get("stop_at_clip_layer") for _, node in _behind(nodes, sampler, "positive")]
    if skipped := [-layer for layer in layers if isinstance(layer, int) and layer < 0]:
        made.whole("clip", skipped[0])


def _take_loras(made: ForeignRecipe, nodes: Graph, sampler: str) -> None:
    """What lies between the checkpoint and the sampler, the nearest to the checkpoint first."""
    loaders = [node for _, node in _behind(nodes, sampler, "model") if node["class_type"] in _LORAS]
    for node in reversed(loaders):
        inputs, whole = _inputs(node), node["class_type"] == _LORAS[0]
        clip = _value(nodes, inputs.get("strength_clip")) if whole else 0.0
        made.lora(_value(nodes, inputs.get("lora_name")), _value(nodes, inputs.get("strength_model", 1.0)), clip)


def _text(nodes: Graph, sampler: str, side: str) -> object:
    """The text that is encoded nearest to one of a sampler's sides."""
    for _, node in _behind(nodes, sampler, side):
        inputs = _inputs(node)
        for name in ("text", "text_g", "text_l", "t5xxl"):
            if isinstance(text := _value(nodes, inputs.get(name)), str):
                return text
    return None


def _value(nodes: Graph, value: object) -> object:
    """A value, or that of the primitive node that it is linked to."""
    if linked := _linked(nodes, value):
        plain = [part for part in _inputs(nodes[linked]).values() if not isinstance(part, list | dict)]
        return plain[0] if plain else None
    return None if isinstance(value, list | dict) else value


def _behind(nodes: Graph, start: str, name: str) -> Iterator[tuple[str, Any]]:
    """The nodes that an input of one is made from, the nearest first."""
    waiting, seen = [_inputs(nodes[start]).get(name)], {start}
    while waiting and len(seen) <= _MOST:
        linked = _linked(nodes, waiting.pop(0))
        if linked is None or linked in seen:
            continue
        seen.add(linked)
        yield linked, nodes[linked]
        waiting += _inputs(nodes[linked]).values()


def _linked(nodes: Graph, value: object) -> str | None:
    """The node that a value is a link to, if it is one."""
    if isinstance(value, list) and len(value) == 2 and str(value[0]) in nodes:
        return str(value[0])
    return None


def _inputs(node: Any) -> dict[str, Any]:
    inputs = node.get("inputs")
    return inputs if isinstance(inputs, dict) else {}
