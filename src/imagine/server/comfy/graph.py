"""A graph as it came, checked against what is declared of its nodes: their inputs, links and types."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ...asking.checking import value_of
from ...messages import message
from .classes import KINDS, NodeKind, Slot
from .refusals import GraphRefused, RefusalKind, RefusedAt

MOST_NODES = 200
MAX_NAME = 100
"""Characters of a node's id."""
_ALLOWED = {"INT": "allowed.whole", "FLOAT": "allowed.number", "BOOLEAN": "allowed.bool"}
_TRUE = {"true": True, "false": False, "1": True, "0": False}


class Link(NamedTuple):
    """An output of a node."""

    node: str
    slot: int


class GraphNode(NamedTuple):
    """One node: its inputs are values of the declared kinds, and links."""

    id: str
    kind: NodeKind
    inputs: Mapping[str, Any]

    def refused(self, kind: RefusalKind, input_name: str, code: str, **values: Any) -> GraphRefused:
        """The error that says what is wrong with it."""
        note = message(code, input_name or None, node=self.kind.name, id=self.id, **values)
        return GraphRefused(note, RefusedAt(kind, self.id, self.kind.name, input_name))


ComfyGraph = Mapping[str, GraphNode]


def graph_from(prompt: object) -> ComfyGraph:
    """The nodes of `prompt`, as read from JSON. Raises GraphRefused on the first thing that is wrong."""
    if not isinstance(prompt, Mapping) or not prompt:
        raise GraphRefused(message("comfy.no_prompt", "prompt"), RefusedAt("no_prompt"))
    if len(prompt) > MOST_NODES:
        raise GraphRefused(
            message("comfy.many", "prompt", count=len(prompt), most=MOST_NODES), RefusedAt("invalid_prompt")
        )
    if long := next((name for name in prompt if len(str(name)) > MAX_NAME), None):
        note = message("comfy.long_id", "prompt", id=str(long)[:MAX_NAME], most=MAX_NAME)
        raise GraphRefused(note, RefusedAt("invalid_prompt"))
    kinds = {str(name): _kind_of(str(name), node) for name, node in prompt.items()}
    graph = {str(name): _node(str(name), kinds, node.get("inputs")) for name, node in prompt.items()}
    _check_order(graph)
    return graph


def shown_by(graph: ComfyGraph) -> list[GraphNode]:
    """The nodes that give pictures to who asked. Raises GraphRefused where there are none."""
    outputs = [node for node in graph.values() if node.kind.shows]
    if not outputs:
        raise GraphRefused(message("comfy.no_outputs", "prompt"), RefusedAt("prompt_no_outputs"))
    return outputs


def _kind_of(name: str, node: object) -> NodeKind:
    said = node.get("class_type") if isinstance(node, Mapping) else None
    if not isinstance(said, str):
        raise GraphRefused(message("comfy.no_class", "prompt", id=name), RefusedAt("invalid_prompt", name))
    if said not in KINDS:
        note = message("comfy.unknown", "prompt", node=said[:MAX_NAME], id=name)
        raise GraphRefused(note, RefusedAt("missing_node_type", name, said[:MAX_NAME]))
    return KINDS[said]


def _node(name: str, kinds: Mapping[str, NodeKind], said: object) -> GraphNode:
    inputs: dict[str, Any] = {}
    node = GraphNode(name, kinds[name], inputs)
    given = said if isinstance(said, Mapping) else {}
    for slot in node.kind.inputs:
        if slot.name not in given or (given[slot.name] is None and not slot.required):
            if slot.required:
                raise node.refused("required_input_missing", slot.name, "comfy.missing")
            continue
        value = given[slot.name]
        inputs[slot.name] = _value(node, slot, value) if slot.is_value else _link(node, slot, value, kinds)
    return node


def _link(node: GraphNode, slot: Slot, value: object, kinds: Mapping[str, NodeKind]) -> Link:
    link = _link_in(value)
    if link is None or link.node not in kinds:
        raise node.refused("bad_linked_input", slot.name, "comfy.bad_link", type=slot.kind)
    outputs = kinds[link.node].outputs
    if not 0 <= link.slot < len(outputs) or outputs[link.slot] != slot.kind:
        received = outputs[link.slot] if 0 <= link.slot < len(outputs) else message("comfy.nothing")
        raise node.refused("return_type_mismatch", slot.name, "comfy.mismatch", type=slot.kind, received=received)
    return link


def _link_in(value: object) -> Link | None:
    """What a list of a node's id and a number is; None for anything else."""
    if not isinstance(value, list) or len(value) != 2 or not isinstance(value[0], str | int):
        return None
    return Link(str(value[0]), value[1]) if isinstance(value[1], int) else None


def _value(node: GraphNode, slot: Slot, value: object) -> Any:
    """The value as its kind, as that program converts it: text that is a number is one."""
    made = _converted(slot.kind, value)
    if made is None:
        allowed = message(_ALLOWED.get(slot.kind, "allowed.text"))
        raise node.refused("invalid_input_type", slot.name, "comfy.type", value=value_of(value), allowed=allowed)
    if slot.least is not None and made < slot.least:
        raise node.refused("value_smaller_than_min", slot.name, "comfy.small", value=value_of(made), least=slot.least)
    if slot.most is not None and made > slot.most:
        raise node.refused("value_bigger_than_max", slot.name, "comfy.big", value=value_of(made), most=slot.most)
    if isinstance(slot.choices, tuple) and slot.choices and made not in slot.choices and slot.idle is None:
        raise node.refused(
            "value_not_in_list", slot.name, "comfy.choice", value=value_of(made), allowed=", ".join(slot.choices)
        )
    return made


def _converted(kind: str, value: object) -> Any:
    """None for what can't be that kind; Open WebUI says null for a text that nobody wrote."""
    if kind == "STRING" and value is None:
        return ""
    if kind in ("STRING", "COMBO"):
        return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else None
    if kind == "BOOLEAN":
        return _TRUE.get(str(value).lower()) if isinstance(value, bool | int | str) else None
    if not isinstance(value, int | float | str):
        return None
    try:
        number = float(value) if kind == "FLOAT" or isinstance(value, float) else int(value)
        if not math.isfinite(number):
            return None
    except (ValueError, OverflowError):
        return None
    return int(number) if kind == "INT" else number


def _check_order(graph: ComfyGraph) -> None:
    """Raises GraphRefused for a node that is made of itself."""
    done: set[str] = set()
    for start in graph:
        way, waiting = [start], [_links(graph[start])]
        while way:
            link = next(waiting[-1], None)
            if link is None:
                done.add(way.pop())
                waiting.pop()
            elif link.node in way:
                raise graph[link.node].refused("dependency_cycle", "", "comfy.cycle")
            elif link.node not in done:
                way.append(link.node)
                waiting.append(_links(graph[link.node]))


def _links(node: GraphNode) -> Iterator[Link]:
    return iter([value for value in node.inputs.values() if isinstance(value, Link)])
