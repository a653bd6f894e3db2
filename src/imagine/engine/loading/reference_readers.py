"""How the files of image adapters and image encoders are opened."""

from __future__ import annotations

from ..references.opened import ReferenceReaders
from .image_adapter_file import read_image_adapter
from .image_encoder import read_image_encoder

REFERENCE_READERS = ReferenceReaders(read_image_adapter, read_image_encoder)
