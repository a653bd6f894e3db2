"""What a client is told over its connection of what happens to its graph: pure but for the clock, in that program's
order."""

from __future__ import annotations

import struct
from typing import Any

from ...words.errors import Cancelled
from ...words.events import Finished, Loading, Preview, Progress
from ..http.encoding import body_from
from ..orders.event_log import OrderEvent
from .prompts import ComfyPrompt, Prompts, ToldMessage, picture_of
from .uploads import SentName

ToldPicture = tuple[bytes, str]
"""A picture and its media type."""
_PREVIEW, _PREVIEW_WITH_METADATA = 1, 4
_JPEG, _PNG = 1, 2


def told_of(prompt: ComfyPrompt, event: OrderEvent, prompts: Prompts) -> list[ToldMessage | ToldPicture]:
    """What is told of something that happened."""
    match event.report:
        case Loading():
            return [*_begun(prompt), *_at(prompt, prompt.outline.loads)] if not prompt.at else []
        case Progress(step=step, steps=steps):
            return [*_begun(prompt), *_sampled(prompt, step, steps)]
        case Preview(data=data, media_type=media_type):
            return [(data, media_type)]
        case Finished():
            return [*_begun(prompt), *_finished(prompt, event, prompts)]
    return []


def told_at_end(prompt: ComfyPrompt, error: Exception | None, why: str = "") -> list[ToldMessage]:
    """What is told of its end: that it is done, or `error`, of which `why` is the sentence."""
    begun = _begun(prompt)
    node, class_type = _node_at(prompt)
    prompt.state = "success" if error is None else "error"
    if error is None:
        return [*begun, prompt.told("execution_success", {})]
    about: dict[str, Any] = {"node_id": node, "node_type": class_type, "executed": []}
    if isinstance(error, Cancelled):
        return [*begun, prompt.told("execution_interrupted", about)]
    about |= {
        "exception_message": why, "exception_type": type(error).__name__, "traceback": [], "current_inputs": {},
        "current_outputs": [],
    }  # fmt: skip
    return [*begun, prompt.told("execution_error", about)]


def preview_frame(prompt: ComfyPrompt, data: bytes, media_type: str, *, with_metadata: bool) -> bytes:
    """A picture on the way, as binary messages hold it."""
    if not with_metadata:
        return struct.pack(">II", _PREVIEW, _JPEG if media_type == "image/jpeg" else _PNG) + data
    node = prompt.at
    about = {"node_id": node, "prompt_id": prompt.id, "display_node_id": node, "real_node_id": node}
    head = body_from(about | {"image_type": media_type})
    return struct.pack(">II", _PREVIEW_WITH_METADATA, len(head)) + head + data


def _begun(prompt: ComfyPrompt) -> list[ToldMessage]:
    if prompt.messages:
        return []
    return [prompt.told("execution_start", {}), prompt.told("execution_cached", {"nodes": []})]


def _at(prompt: ComfyPrompt, node: tuple[str, str]) -> list[ToldMessage]:
    if prompt.at == node[0]:
        return []
    prompt.at = node[0]
    return [("executing", {"node": node[0], "display_node": node[0], "prompt_id": prompt.id})]


def _sampled(prompt: ComfyPrompt, step: int, steps: int) -> list[ToldMessage]:
    outline, first = prompt.outline, prompt.outline.first_steps
    node, done, of = outline.first, step, steps
    if outline.second is not None:
        node = outline.first if step <= first else outline.second
        done, of = (step, first) if step <= first else (step - first, steps - first)
    about = {"value": done, "max": of, "prompt_id": prompt.id}
    state = {
        node[0]: {
            "value": done, "max": of, "state": "running", "node_id": node[0], "prompt_id": prompt.id,
            "display_node_id": node[0], "parent_node_id": None, "real_node_id": node[0],
        }
    }  # fmt: skip
    return [
        *_at(prompt, node),
        ("progress", about | {"node": node[0]}),
        ("progress_state", {"prompt_id": prompt.id, "nodes": state}),
    ]


def _finished(prompt: ComfyPrompt, event: OrderEvent, prompts: Prompts) -> list[ToldMessage | ToldPicture]:
    assert isinstance(event.report, Finished)
    told: list[ToldMessage | ToldPicture] = [*_at(prompt, prompt.outline.decodes)]
    number = prompts.next_picture()
    for node in prompt.outline.shown:
        told += _at(prompt, (node.id, node.class_type))
        if not node.is_stored:
            told.append((event.report.data, event.report.media_type))
            continue
        name = SentName(f"{node.prefix}_{number:05}_.png", node.subfolder, node.folder)
        prompt.names.setdefault(node.id, {})[event.index] = name
        shown = {"images": [picture_of(each) for _, each in sorted(prompt.names[node.id].items())]}
        about = {"node": node.id, "display_node": node.id, "output": shown, "prompt_id": prompt.id}
        told.append(("executed", about))
    return told


def _node_at(prompt: ComfyPrompt) -> tuple[str, str]:
    outline = prompt.outline
    known = [outline.loads, outline.first, outline.decodes, *((node.id, node.class_type) for node in outline.shown)]
    known += [outline.second] if outline.second is not None else []
    return next((node for node in known if node[0] == prompt.at), outline.loads)
