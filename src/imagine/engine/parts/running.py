"""How the forwards of a network are run on a device: the one place that chooses among the kinds."""

from __future__ import annotations

from typing import Any

import torch

from ...files.mapped import release
from ..execution.compiled import Compiled
from ..execution.execution import Call, Eager, Execution, call_unet
from ..execution.graphs import Graphs
from ..execution.packed import Packed, can_pack
from ..execution.recordings import Recordings
from ..execution.shares import Shared


def execution_for(
    network: Any, device: torch.device, call: Call = call_unet, *, compiled: bool = False,
    recordings: Recordings | None = None,
) -> Execution:  # fmt: skip
    """Of a denoiser that lies on `device` and is asked by `call`: compiled where that was asked for, recorded where the
    device has `recordings`."""
    execution = Compiled(network, call) if compiled else _plain(network, device, call)
    return execution if recordings is None else Graphs(execution, network, recordings)


def _plain(network: Any, device: torch.device, call: Call) -> Execution:
    if can_pack(device, network):
        return Packed(network, release)
    eager = Eager(network, call)
    return Shared(eager) if device.type == "cpu" else eager
