"""What is known of one model file or folder, as the registry tells it and everything else reads it."""

from __future__ import annotations

from typing import Literal

import msgspec

from ..identity.stamp import FileStamp
from ..messages import Message, message
from .named_model import NOTHING_MADE, NamedModel
from .sizes import NO_SIZES, Sizes

Format = Literal["safetensors", "diffusers", "gguf", "other"]


_LACKED = frozenset({"vae", "text_encoders"})


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A model file, or a diffusers folder. What can't be told, or doesn't apply, is "", 0, () or {}.

    `size` is in bytes, `modified` in Unix seconds, `resolution` the side of the native square in pixels.
    `digest` is of the content (see `registry/content.py`), "" until it is asked for (`Registry.with_digest`);
    `file_digest` the SHA-256 of the whole file, "" until it is known. `header_digest`, that of the header alone (of
    `model_index.json` for a folder), tells no two fine-tunes apart: older recipes name models by it. `files` are
    what it is made of, as they were when they were read. `problem` is one clause that says why the file can't be used.
    `kind`, `dtype` and `parameters` are as `registry.identify.Identity` promises. `needs` are fields that every request
    must say for it (`vae`, `text_encoders`, `img`); `distilled` is how it was made to take few steps, as
    `registry/distilled.py` has it. `vae` and `encoders` name the files of a VAE and of text encoders that go with it:
    those that lie beside it, that its sidecar names, or that fit what it lacks; `lacks` says in a clause what none was
    found for, and `missing` are the roles of all of that, and of what it draws better with. `composes`: it is a
    denoiser that such files make a model. `context` is how many numbers a token is, to a U-Net and what goes beside
    one, from a text encoder or in an embedding. `views` are the widths in which a picture comes from an image encoder,
    as it is within and as it is projected; of an image adapter, those that it takes, 0 for one that it doesn't.
    `triggers` are words that a LoRA was taught by, `bundled` those of embeddings that lie in its file, `autov3` the
    SHA-256 of what is behind its header, by which other programs know it, "" until it is known. `sizes` are what it
    weighs, `companions` what the files do that go with it, and those that people have for what it lacks. `made` is what
    is said of how it is asked; with a base in it the entry is a named model, which is that base under another name and
    with more beside it: `path` and `files` are then those of what says so.
    """

    name: str
    path: str
    kind: str = "unknown"
    family: str = ""
    variant: str = ""
    prediction: str = ""
    prediction_source: str = ""
    zero_snr: bool = False
    size: int = 0
    modified: float = 0.0
    digest: str = ""
    file_digest: str = ""
    header_digest: str = ""
    files: tuple[FileStamp, ...] = ()
    parameters: int = 0
    dtype: str = ""
    resolution: int = 0
    has_vae: bool = False
    text_encoders: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    vae: str = ""
    encoders: tuple[str, ...] = ()
    lacks: Message | None = None
    missing: tuple[str, ...] = ()
    composes: bool = False
    context: int = 0
    views: tuple[int, ...] = ()
    distilled: str = ""
    triggers: tuple[str, ...] = ()
    bundled: tuple[str, ...] = ()
    autov3: str = ""
    sizes: Sizes = NO_SIZES
    companions: Sizes = NO_SIZES
    metadata: dict[str, str] = {}
    format: Format = "safetensors"
    problem: Message | None = None
    shipped: bool = False
    place: str = ""
    """The other server that alone has it, whose `digest` is all that leads to it; "" for what lies here."""
    made: NamedModel = NOTHING_MADE

    @property
    def is_named(self) -> bool:
        """Is it made of others by name?"""
        return bool(self.made.base)

    @property
    def generates(self) -> bool:
        """Whether it can make a picture by itself or from another, and so is listed as a model."""
        if self.problem is not None or _LACKED.intersection(self.needs):
            return False
        return self.kind == "checkpoint" or self.composes

    @property
    def unusable(self) -> Message | None:
        """One clause that says why it isn't what it could be, or None: `problem`, that it lacks something, or both."""
        if self.problem is None and self.lacks is None and "vae" in self.needs:
            return message("unfit.no_vae", "vae")
        if self.problem is not None and self.lacks is not None:
            return message("unfit.also", self.lacks.field, why=self.problem, lacks=self.lacks)
        return self.problem or self.lacks
