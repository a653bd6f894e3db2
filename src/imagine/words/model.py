"""What a worker is told to load: a model, and the files that it is made of.

The engine needs neither names nor a registry: where each component lies, and what a listing told of it, stands here.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from ..identity.stamp import FileStamp
from .sizes import NO_SIZES, NO_WEIGHT, Sizes

Role = Literal[
    "checkpoint", "denoiser", "text_encoder", "text_encoder_2", "text_encoder_3", "image_encoder", "vae", "adapter",
    "upscaler", "preprocessor", "safety",
]  # fmt: skip
"""What a file is to a model, by the names that diffusers gives its components. A `checkpoint` is whatever of it no
other file is; an `adapter` goes beside the rest of it; an `upscaler`, a `preprocessor` and a
`safety`, which classifies pictures, are models by themselves."""
WeightsFormat = Literal["safetensors", "diffusers", "gguf"]

_identities = msgspec.json.Encoder(order="deterministic")


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a model, or one folder, and what it is to it.

    Where two components could be read of, the one whose role is the narrower is: a `vae` replaces a checkpoint's own.
    """

    role: Role
    path: str
    digest: str = ""
    """Of its content."""
    files: tuple[FileStamp, ...] = ()
    """Which files they are: others at the same paths are another component."""
    format: WeightsFormat = "safetensors"
    sizes: Sizes = NO_SIZES
    """What its weights are, where that is known."""
    options: dict[str, Any] = {}
    """What is known of the weights and does not lie in the file, or is told better: `prediction`, `zero_snr`,
    `resolution`, `distilled`, `variant`. `compile`: whether torch compiles the denoiser, where that is said of this
    model."""


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """What one name stands for. The first component is the one that has the name: a checkpoint, or a denoiser alone."""

    name: str
    family: str
    components: tuple[Component, ...]
    sha256: str = ""
    """Of the whole first file, where it is known."""

    @property
    def main(self) -> Component:
        """The component that the model is named after."""
        return self.components[0]

    @property
    def digest(self) -> str:
        """What recipes know the model by: the digest of its first component. Those of the others are its `parts`."""
        return self.main.digest

    @property
    def parts(self) -> dict[Role, Component]:
        """The components in files of their own beside the first, by their role."""
        return {component.role: component for component in self.components[1:]}

    def component(self, role: Role) -> Component:
        """What `role` is read of: its own file, or the first component, which holds whatever no other is."""
        return self.parts.get(role, self.main)

    @property
    def sizes(self) -> Sizes:
        """What all of it weighs: nothing where nobody knows it of the first file."""
        sizes, roles = self.main.sizes, self.parts.keys()
        if sizes == NO_SIZES:
            return NO_SIZES
        if "vae" in roles:
            sizes = msgspec.structs.replace(sizes, vae=NO_WEIGHT)
        if any(role.startswith("text_encoder") for role in roles):
            sizes = msgspec.structs.replace(sizes, encoders=NO_WEIGHT, sight=NO_WEIGHT)
        return sum((part.sizes for part in self.parts.values()), sizes)

    @property
    def stamps(self) -> dict[str, FileStamp]:
        """Every file that it is loaded from, by its path."""
        return {stamp.path: stamp for component in self.components for stamp in component.files}

    @property
    def identity(self) -> str:
        """Equal for what is the same once it is loaded, whatever it is called and however it is scheduled."""
        return _identities.encode(self.components).decode()


class AdapterUse(msgspec.Struct, frozen=True, kw_only=True):
    """An adapter, and how much of it a picture has."""

    name: str
    kind: str
    """How its file is read: `lora` is whatever is told as one, LoHa, LoKr and the like too."""
    component: Component
    weight: float = 1.0
    """Beside the denoiser."""
    clip_weight: float = 1.0
    """Beside the text encoders."""

    @property
    def identity(self) -> str:
        """Equal for what is the same once it is opened beside one model."""
        return _identities.encode([self.kind, self.component]).decode()


class EmbeddingUse(msgspec.Struct, frozen=True, kw_only=True):
    """An embedding that a picture's prompts say."""

    word: str
    """What they call it: by itself, in `<>` or behind `embedding:`, in whatever case."""
    component: Component
    bundled: str = ""
    """What it is called in a LoRA's file, where it lies in one."""

    @property
    def identity(self) -> str:
        """Equal for what says the same and is the same once it is read."""
        return _identities.encode([self.word, self.component, self.bundled]).decode()


class ControlUse(msgspec.Struct, frozen=True, kw_only=True):
    """A network that holds a picture to a map. How strongly, and from when to when, the recipe's `control` says."""

    kind: str
    """How its file is read: `controlnet`."""
    variant: str = ""
    """Which relative of it: `union`, `t2i-adapter`, `control-lora`, as the registry tells them."""
    component: Component | None
    """None where the model's own denoiser sees the map."""
    image: bytes
    """The encoded picture that the map is made of."""
    preprocessor: Model | None = None
    """What makes the map, where a file does."""

    @property
    def identity(self) -> str:
        """Equal for what is the same once it is opened."""
        return _identities.encode([self.kind, self.component]).decode()


class ReferenceUse(msgspec.Struct, frozen=True, kw_only=True):
    """A picture that the denoiser attends to. How much, and where, the recipe's `references` say."""

    variant: str = ""
    """Which relative of an IP-Adapter reads it: `plus`, `full-face`, `faceid`, as the registry tells them."""
    component: Component | None
    """The image adapter; None where the model attends to pictures itself."""
    encoder: Component | None = None
    """The image encoder."""
    img: bytes | None = None
    embedding: bytes | None = None
    """In its place or beside it: a face's, little-endian float32."""
    mask: bytes | None = None

    @property
    def identity(self) -> str:
        """Equal for what is the same once it is opened."""
        return _identities.encode([self.component, self.encoder]).decode()
