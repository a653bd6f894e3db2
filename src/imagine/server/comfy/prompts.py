"""What became of graphs that were taken: each client's own, for who asks how far they are and what came of them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from .uploads import Owner, SentName
from .ways import PaintedWay

PromptState = Literal["open", "success", "error"]
MOST = 128
"""Graphs that are remembered, of all clients; open ones beside."""
ToldMessage = tuple[str, dict[str, Any]]
_SAVED = "output"


class ShownNode(NamedTuple):
    """A node that shows pictures: where it says them to be."""

    id: str
    class_type: str
    subfolder: str
    prefix: str

    @property
    def is_stored(self) -> bool:
        """Does it tell a name, rather than send the picture itself?"""
        return self.class_type != "SaveImageWebsocket"

    @property
    def folder(self) -> str:
        """Which of that program's it would lie in."""
        return _SAVED if self.class_type == "SaveImage" else "temp"


class GraphOutline(NamedTuple):
    """The nodes of a graph that its client is told of."""

    loads: tuple[str, str]
    """A node's id and its class."""
    first: tuple[str, str]
    second: tuple[str, str] | None
    first_steps: int
    decodes: tuple[str, str]
    shown: Sequence[ShownNode]


def outline_of(way: PaintedWay) -> GraphOutline:
    """Of what a graph paints."""
    passes = way.passes
    second = passes.second or passes.refined
    return GraphOutline(
        loads=(passes.first.model.node.id, passes.first.model.node.kind.name),
        first=(passes.first.node.id, passes.first.node.kind.name),
        second=None if second is None else (second.node.id, second.node.kind.name),
        first_steps=passes.first.ended - passes.first.begun,
        decodes=(way.decoded.id, way.decoded.kind.name),
        shown=[_shown(node.id, node.kind.name, node.inputs.get("filename_prefix", "")) for node in way.shown],
    )  # fmt: skip


def _shown(node: str, class_type: str, prefix: str) -> ShownNode:
    parts = [part for part in prefix.replace("\\", "/").split("/") if part.strip() not in ("", ".", "..")]
    plain = ["".join(letter for letter in part if letter.isprintable())[:80] for part in parts]
    usual = "ComfyUI" if class_type == "SaveImage" else "ComfyUI_temp"
    return ShownNode(node, class_type, "/".join(plain[:-1][:3]), plain[-1] if plain else usual)


@dataclass(eq=False, slots=True, kw_only=True)
class ComfyPrompt:
    """One graph that was taken."""

    id: str
    number: int
    owner: Owner
    sid: str
    """Which of its client's connections is told."""
    order: str
    graph: Mapping[str, Any]
    extra: Mapping[str, Any]
    outline: GraphOutline
    warnings: Sequence[str]
    state: PromptState = "open"
    at: str = ""
    """The node that is said to be at work."""
    messages: list[ToldMessage] = field(default_factory=list)
    """What its client was told that stays true."""
    names: dict[str, dict[int, SentName]] = field(default_factory=dict)
    """The pictures that there are, by node and their place in the order."""

    @property
    def item(self) -> list[Any]:
        """As that program's queue has it."""
        return [self.number, self.id, self.graph, self.extra, [node.id for node in self.outline.shown]]

    @property
    def outputs(self) -> dict[str, Any]:
        """What its nodes show, as `/history` tells it."""
        return {node: {"images": [picture_of(name) for _, name in sorted(names.items())]}
                for node, names in self.names.items()}  # fmt: skip

    def told(self, name: str, data: dict[str, Any]) -> ToldMessage:
        """Something that its client is told, and that `/history` repeats."""
        told = (name, {**data, "prompt_id": self.id, "timestamp": int(time.time() * 1000)})
        self.messages.append(told)
        return told


def picture_of(name: SentName) -> dict[str, str]:
    """A picture as clients are told of one."""
    return {"filename": name.name, "subfolder": name.subfolder, "type": name.type}


def history_of(prompt: ComfyPrompt) -> dict[str, Any]:
    """What came of a graph."""
    nodes = [node.id for node in prompt.outline.shown]
    return {
        "prompt": prompt.item,
        "outputs": prompt.outputs,
        "status": {
            "status_str": prompt.state,
            "completed": prompt.state == "success",
            "messages": [list(each) for each in prompt.messages],
        },
        "meta": {node: {"node_id": node, "display_node": node, "parent_node": None, "real_node_id": node}
                 for node in nodes if node in prompt.names},
        "warnings": [*prompt.warnings],
    }  # fmt: skip


class Prompts:
    """Those of one server, in the order they came. Used from one event loop."""

    def __init__(self) -> None:
        self._known: dict[str, ComfyPrompt] = {}
        self._count = 0
        self._pictures = 0

    def __iter__(self) -> Iterator[ComfyPrompt]:
        return iter([*self._known.values()])

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def next_number(self) -> int:
        """Of the next that is taken."""
        self._count += 1
        return self._count - 1

    def next_picture(self) -> int:
        """The number in the next picture's name."""
        self._pictures += 1
        return self._pictures

    def add(self, prompt: ComfyPrompt) -> None:
        """A graph is taken; beyond the bound the oldest goes that has ended, of the client that has most of them."""
        self._known[prompt.id] = prompt
        while len(self._known) > MOST and (ended := [each for each in self if each.state != "open"]):
            held = Counter(each.owner for each in ended)
            del self._known[max(ended, key=lambda each: held[each.owner]).id]

    def drop(self, prompt: ComfyPrompt) -> None:
        """Nobody is told of it any more."""
        self._known.pop(prompt.id, None)

    def of(self, owner: Owner) -> list[ComfyPrompt]:
        """A client's own."""
        return [each for each in self if each.owner == owner]

    def open(self, owner: Owner) -> list[ComfyPrompt]:
        """Those of them that have not ended, those that have begun first."""
        return sorted((each for each in self.of(owner) if each.state == "open"), key=lambda each: not each.at)
