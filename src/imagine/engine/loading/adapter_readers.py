"""How the files of adapters are opened, by their kind."""

from __future__ import annotations

from ..adapters.opened import AdapterReader
from .lora_file import LoraFile

ADAPTER_READERS: dict[str, AdapterReader] = {"lora": LoraFile}
