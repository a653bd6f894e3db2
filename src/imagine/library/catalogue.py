"""Short names of models that are published: which repository has them, in which file, and under which terms.

A row says what is known for certain. Commits, sizes and digests are the Hub's to tell: they are asked at the first
pull, and kept in a file of the owner's, so that the same name is the same model until the owner wants a newer one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from ..families import published
from ..families.facts import Licence, PublicFile
from ..files.folders import make_own
from ..files.reading import read_file
from ..files.writing import write_atomically
from ..words.errors import ImagineError
from .offer import Offer
from .source import HubSource

_MOST = 32 * 2**20
SAI_NC = Licence(
    "Stability AI Non-Commercial Community License",
    "https://huggingface.co/stabilityai/sdxl-turbo",
)
_PLAYGROUND = Licence(
    "Playground v2.5 Community License",
    "https://huggingface.co/playgroundai/playground-v2.5-1024px-aesthetic",
)


class CatalogueEntry(NamedTuple):
    """One model."""

    repository: str
    file: str
    """Its name there, whichever folder it lies in."""
    licence: Licence

    @property
    def source(self) -> HubSource:
        """Where it comes from."""
        return HubSource(self.repository, "", self.file)


def _entry(file: PublicFile, licence: Licence) -> CatalogueEntry:
    return CatalogueEntry(file.source, file.name, licence)


CATALOGUE = {
    "sd15": CatalogueEntry(
        "Comfy-Org/stable-diffusion-v1-5-archive", "v1-5-pruned-emaonly-fp16.safetensors", published.OPENRAIL
    ),
    "sdxl": CatalogueEntry(
        "stabilityai/stable-diffusion-xl-base-1.0", "sd_xl_base_1.0.safetensors", published.OPENRAIL_PP
    ),
    "sdxl-turbo": CatalogueEntry("stabilityai/sdxl-turbo", "sd_xl_turbo_1.0_fp16.safetensors", SAI_NC),
    "playground-v2.5": CatalogueEntry(
        "playgroundai/playground-v2.5-1024px-aesthetic", "playground-v2.5-1024px-aesthetic.fp16.safetensors",
        _PLAYGROUND,
    ),
    "sd3.5-large": CatalogueEntry(
        "Comfy-Org/stable-diffusion-3.5-fp8", "sd3.5_large_fp8_scaled.safetensors", published.STABILITY
    ),
    "sd3.5-medium": _entry(published.SD35["medium"], published.STABILITY),
    "flux-schnell": CatalogueEntry("Comfy-Org/flux1-schnell", "flux1-schnell-fp8.safetensors", published.APACHE),
    "flux-dev": CatalogueEntry("Comfy-Org/flux1-dev", "flux1-dev-fp8.safetensors", published.FLUX_DEV),
    "flux2-klein": _entry(published.FLUX2["klein-4b"], published.APACHE),
    "flux2-klein-base": _entry(published.FLUX2["klein-base-4b"], published.APACHE),
    "flux2-klein-9b": _entry(published.FLUX2["klein-9b"], published.FLUX2_NC),
    "z-image-turbo": _entry(published.Z_IMAGE["turbo"], published.APACHE),
    "z-image": _entry(published.Z_IMAGE[""], published.APACHE),
    "qwen-image": _entry(published.QWEN_IMAGE[""], published.APACHE),
    "chroma": _entry(published.CHROMA[""], published.APACHE),
}  # fmt: skip
"""By the name that a user types."""


class KeptOffers:
    """What sites said at the first pull of a catalogue's name, in a file of the owner's."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def of(self, name: str) -> Offer | None:
        """What is kept of a name; None for nothing, or nothing that can be read."""
        return self._all().get(name)

    def keep(self, name: str, offer: Offer, names: Sequence[str]) -> None:
        """From now on it is this; of its files, those of these names. Raises OSError, and ImagineError where what is
        kept of other names can't be read just now: it would be lost."""
        kept = msgspec.structs.replace(offer, files=tuple(file for file in offer.files if file.name in names))
        make_own(self._path.parent)
        known = {}
        if self._path.exists():
            text = read_file(self._path, _MOST)
            with contextlib.suppress(msgspec.DecodeError):  # of what makes no sense nothing is lost
                known = msgspec.json.decode(text, type=dict[str, Offer])
        write_atomically(self._path, msgspec.json.format(msgspec.json.encode(known | {name: kept})), mode=0o600)

    def forget(self) -> int:
        """Sites are asked anew; of how many names. Raises OSError."""
        count = len(self._all())
        self._path.unlink(missing_ok=True)
        return count

    def _all(self) -> dict[str, Offer]:
        try:
            return msgspec.json.decode(read_file(self._path, _MOST), type=dict[str, Offer])
        except (ImagineError, msgspec.DecodeError):
            return {}  # then sites are asked
