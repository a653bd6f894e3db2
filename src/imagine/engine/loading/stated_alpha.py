"""What a LoRA's layers are scaled by where no tensor says it: peft's settings, which diffusers writes into a file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from .weights import Metadata

_KEY = "lora_adapter_metadata"


class StatedAlphas:
    """As a file's metadata has them: `unet.lora_alpha`, `unet.alpha_pattern`, `unet.use_rslora`, and so on."""

    def __init__(self, metadata: Metadata) -> None:
        self._settings: Mapping[str, Any] = {}
        try:
            stated = msgspec.json.decode(metadata.get(_KEY, "{}"))
        except (msgspec.DecodeError, RecursionError):
            return
        if isinstance(stated, dict):
            self._settings = stated

    def of(self, tensor: str, rank: int) -> float | None:
        """The alpha of a layer of that rank, by one of its tensors; None where it isn't stated."""
        network, _, rest = tensor.partition(".")
        alpha = self._settings.get(f"{network}.lora_alpha")
        patterns = self._settings.get(f"{network}.alpha_pattern")
        if isinstance(patterns, dict):
            module = f".{rest.partition('.lora_')[0]}"
            alpha = next((one for name, one in patterns.items() if module.endswith(f".{name}")), alpha)
        if not isinstance(alpha, int | float):
            return None
        return alpha * math.sqrt(rank) if self._settings.get(f"{network}.use_rslora") is True else float(alpha)
