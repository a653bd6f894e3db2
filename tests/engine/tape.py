"""What a CUDA graph does, of the pretended device: the operators that it was given, noted, and asked again.

As of a real one: what is recorded computes nothing yet (all that it makes is NaN until it is replayed), it runs over
the very memory that it was recorded with, it makes none of its own, and whatever would make the host wait ends it.
"""

from __future__ import annotations

import torch
from torch.utils._pytree import tree_leaves


class Tape:
    """Operators over tensors of main memory, in order."""

    def __init__(self) -> None:
        self._calls: list[tuple] = []

    def note(self, func, args, kwargs, made) -> None:
        """`func` was called with these, and gave `made`."""
        held = {one.untyped_storage()._cdata for one in tree_leaves((args, kwargs)) if isinstance(one, torch.Tensor)}
        new = [one for one in tree_leaves(made) if isinstance(one, torch.Tensor)]
        if any(one.untyped_storage()._cdata in held for one in new) and not _writes(func):
            return  # a view: it has no memory of its own
        self._calls.append((func, args, kwargs, [] if _writes(func) else new))

    def __len__(self) -> int:
        return len(self._calls)

    @torch.inference_mode()
    def blank(self) -> None:
        """Of what was made nothing is there yet."""
        for *_, made in self._calls:
            for one in made:
                one.fill_(float("nan")) if one.is_floating_point() else one.zero_()

    @torch.inference_mode()
    def play(self) -> None:
        """All of it once more, into the same memory."""
        for func, args, kwargs, made in self._calls:
            again = [one for one in tree_leaves(func(*args, **kwargs)) if isinstance(one, torch.Tensor)]
            for old, new in zip(made, again, strict=False):
                old.copy_(new)


def _writes(func) -> bool:
    schema = getattr(func, "_schema", None)
    return schema is not None and schema.is_mutable


def graphs_of(card):
    """What stands in `torch.cuda` for graphs."""

    class Graph:
        def __init__(self, keep_graph=False):
            self.tape = None

        def replay(self):
            card.launches += 1
            card.replays += 1
            self.tape.play()

        def reset(self):
            self.tape = None

    class Capture:
        def __init__(self, cuda_graph, pool=None, stream=None, capture_error_mode="global"):
            self._graph = cuda_graph

        def __enter__(self):
            card.wait("a recording begins")
            card.tape = Tape()

        def __exit__(self, kind, error, trace):
            tape, card.tape = card.tape, None
            if error is None:
                tape.blank()
                self._graph.tape = tape
                card.captures += 1

    return {"CUDAGraph": Graph, "graph": Capture, "graph_pool_handle": lambda: (0, 1)}


def event_of(card):
    """What stands in `torch.cuda` for an event."""

    class Event:
        """A place in what the device was given. Its clock is how much that was: a microsecond a launch."""

        def __init__(self, enable_timing=False, blocking=False, interprocess=False):
            self.at = None

        def record(self, stream=None):
            self.at = card.launches

        def query(self):
            return True

        def synchronize(self):
            card.reach(self.at)

        def elapsed_time(self, end):
            return (end.at - self.at) / 1000

    return Event
