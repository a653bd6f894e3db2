"""What is here, as that program names it: files by the folders that it looks for them in, samplers, schedulers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ...registry.composition import TEXT_ENCODER, VAE
from ...registry.identify import DIFFUSION_MODEL, LORA
from ...words.entry import Entry
from ...words.upscalers import UPSCALER
from ..orders.controls import CONTROLNET
from ..orders.embeddings import EMBEDDING
from .classes import Listed
from .samplers import NAMES, SCHEDULERS

_SUFFIXES = {"safetensors": ".safetensors", "gguf": ".gguf"}
_GGUF = "gguf"
FOLDERS: Mapping[str, str] = {
    "vae": VAE, "text_encoders": TEXT_ENCODER, "clip": TEXT_ENCODER, "loras": LORA, "controlnet": CONTROLNET,
    "upscale_models": UPSCALER, "embeddings": EMBEDDING,
}  # fmt: skip
"""What lies in each, beside models."""
OF_MODELS = ("checkpoints", "diffusion_models", "unet", "unet_gguf")


def folders() -> list[str]:
    """Their names."""
    return [*OF_MODELS[:2], OF_MODELS[2], *FOLDERS]


def file_of(entry: Entry) -> str:
    """The file's name: where it lies is nobody's business."""
    return entry.name + _SUFFIXES.get(entry.format, "")


def files_in(folder: str, entries: Iterable[Entry], aliases: Iterable[str] = ()) -> list[str]:
    """The names of the files in a folder. A model that is put together of files is a checkpoint as well: its name
    alone draws here."""
    if folder == OF_MODELS[0]:
        return [*(file_of(entry) for entry in entries if entry.generates), *aliases]
    if folder in OF_MODELS:
        only = {_GGUF} if folder == OF_MODELS[3] else {"safetensors", "diffusers", "other"}
        return [
            file_of(entry)
            for entry in entries
            if entry.kind == DIFFUSION_MODEL and entry.problem is None and entry.format in only
        ]
    kind = FOLDERS.get(folder)
    return [file_of(entry) for entry in entries if entry.kind == kind and entry.problem is None]


def choices_from(entries: Sequence[Entry], aliases: Iterable[str], sent: Sequence[str]) -> dict[Listed, list[str]]:
    """All choices there are; `sent` are the client's pictures."""
    listed: dict[Listed, list[str]] = {"samplers": [*NAMES], "schedulers": [*SCHEDULERS], "input": [*sent]}
    of_files: tuple[Listed, ...] = (
        "diffusion_models", "unet_gguf", "vae", "text_encoders", "loras", "controlnet", "upscale_models",
    )  # fmt: skip
    return (
        listed
        | {"checkpoints": files_in("checkpoints", entries, aliases)}
        | {name: files_in(name, entries) for name in of_files}
    )


def embeddings_from(entries: Iterable[Entry]) -> list[str]:
    """Words that stand for embeddings."""
    return [entry.name for entry in entries if entry.kind == EMBEDDING and entry.problem is None]
