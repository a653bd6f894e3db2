"""What of a graph is refused: the sentence, the node, and the kind of error that ComfyUI's clients know it by."""

from __future__ import annotations

from typing import Literal, NamedTuple

from ...messages import Message
from ...words.errors import BadRequest

RefusalKind = Literal[
    "missing_node_type", "required_input_missing", "bad_linked_input", "return_type_mismatch", "dependency_cycle",
    "invalid_input_type", "value_smaller_than_min", "value_bigger_than_max", "value_not_in_list",
    "custom_validation_failed", "prompt_no_outputs", "no_prompt", "invalid_prompt",
]  # fmt: skip
"""The protocol's own words."""


class RefusedAt(NamedTuple):
    """Where of a graph the trouble is; "" for none of its nodes, or of its inputs."""

    kind: RefusalKind
    node: str = ""
    class_type: str = ""
    input: str = ""
    outputs: tuple[str, ...] = ()
    """The nodes that would have shown something."""


class GraphRefused(BadRequest):
    """A graph that is no request."""

    def __init__(self, note: Message, at: RefusedAt) -> None:
        super().__init__(note)
        self.at = at
