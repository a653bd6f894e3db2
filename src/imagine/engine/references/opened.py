"""References from what a job brings: their files opened beside the model, each picture seen once, and what every layer
attends to made of it before the first step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

import msgspec
import torch
from torch import Tensor

from ...identity.stamp import unchanged
from ...messages import message
from ...pictures import images
from ...pictures.masks import Mask, read_mask
from ...words.errors import ModelChanged, Unsupported
from ...words.frames import Submit
from ...words.model import Component, ReferenceUse
from ...words.recipe import Reference
from ..adapters.adapter import Networks
from ..adapters.attending import Attending
from ..adapters.block_weights import factors
from ..adapters.image_prompt import Memory
from ..adapters.kept import Kept
from ..adapters.openings import Openings
from ..adapters.timed_prompt import TimedPrompt
from ..execution.execution import Home
from ..parts.image_adapter import ImageAdapter, memory
from ..parts.image_encoder import ImageEncoder
from ..parts.image_projections import Look
from ..parts.slices import Slices
from ..parts.timed_adapter import TimedAdapter
from .looks import look_at, mean_of, noised, nothing
from .references import NO_REFERENCES, Group, References, stacked

AnyAdapter = ImageAdapter | TimedAdapter


class ReferenceReaders(NamedTuple):
    """What is in a file, where and as a denoiser computes, in slices. Raise UnusableModel, naming the file."""

    adapter: Callable[[Component, torch.device, torch.dtype], Slices[AnyAdapter]]
    encoder: Callable[[Component, torch.device, torch.dtype], Slices[ImageEncoder]]
    """In a file of its own, or in an adapter's."""


class Attentive(Protocol):
    """A loaded model, whose denoiser may attend to more than words."""

    @property
    def networks(self) -> Networks: ...

    @property
    def home(self) -> Home:
        """Of its denoiser."""


class _Wished(NamedTuple):
    """A reference as a job has it."""

    field: str
    use: ReferenceUse
    said: Reference


class _SeenTogether(NamedTuple):
    """References that are attended to together, as their adapter is told of them, and what it is told of none."""

    adapter: ImageAdapter
    looks: Sequence[Look]
    nothing: Look


class OpenReferences:
    """Opens files into what is `kept` beside models."""

    def __init__(self, kept: Kept, readers: ReferenceReaders) -> None:
        self._kept, self._readers, self._openings = kept, readers, Openings[Any]()

    def of(self, submit: Submit, model: Attentive, *, sided: bool) -> Slices[References]:
        """Those of a picture that adapters attend to, whose guidance has a negative side or not; not laid on any size
        yet.

        Raises BadPicture, BadRequest, Unsupported, UnusableModel, ModelChanged.
        """
        together: dict[object, list[_Wished]] = {}
        for number, (use, said) in enumerate(zip(submit.references, submit.params.references, strict=True)):
            if said.strength and use.component is not None:
                together.setdefault(_alike(use, said), []).append(_Wished(f"references.{number}", use, said))
        groups = list[Group]()
        for asked in together.values():
            group = yield from self._group(asked, model, submit.params.seed, sided=sided)
            groups.append(group)
        return References(groups, sided) if groups else NO_REFERENCES

    def _group(self, asked: Sequence[_Wished], model: Attentive, seed: int, *, sided: bool) -> Slices[Group]:
        field, use, said = asked[0]
        network: Any = model.networks["denoiser"]
        assert use.component is not None, "these have an adapter"
        adapter: AnyAdapter = yield from self._opened("adapter", use.component, model, self._readers.adapter)
        if isinstance(adapter, TimedAdapter):
            return (yield from self._timed(asked, adapter, model, seed, sided=sided))
        layers = adapter.fitting(said.adapter, network)
        seen = yield from self._seen(asked, adapter, model, seed)
        yield
        tokens = _tokens(seen, sided=sided and not adapter.is_words)
        weights = factors([name for name, _, _ in layers], said.weights, sdxl=_is_sdxl(network))
        made: list[tuple[Attending, Memory]] = []
        for (_, layer, maps), weight in zip(layers, weights, strict=True):
            if weight:
                made.append((layer, Memory(*memory(maps, tokens, layer.heads), said.strength * weight)))
        beside = adapter.beside(said.adapter, network)
        _check_unchanged(use, said)
        words = _averaged(tokens, said, len(asked)) * said.strength if adapter.is_words else None
        return Group(said.adapter, made, beside, said.start, said.end, _mask(use, field), words)

    def _timed(
        self, asked: Sequence[_Wished], adapter: TimedAdapter, model: Attentive, seed: int, *, sided: bool
    ) -> Slices[Group]:
        """Of an adapter whose tokens follow from the step."""
        _, use, said = asked[0]
        layers = adapter.fitting(said.adapter, model.networks["denoiser"])
        looks = yield from self._looks(asked, adapter, model, seed)
        _check_unchanged(use, said)
        home = next(adapter.network.parameters())
        looks = [mean_of(looks)] if said.combine == "average" else looks
        patches = [look.patches.to(home) for look in looks if look.patches is not None]
        timed = TimedPrompt(adapter.projection, layers, patches, said.strength, sided)
        return Group(said.adapter, (), (), said.start, said.end, timed=timed)

    def _seen(
        self, asked: Sequence[_Wished], adapter: ImageAdapter, model: Attentive, seed: int
    ) -> Slices[_SeenTogether]:
        looks = yield from self._looks(asked, adapter, model, seed)
        none = Look()
        if not adapter.is_words:
            encoder = (yield from self._encoder(asked[0], adapter, model)) if _sees(adapter) else None
            none = yield from nothing(encoder, black=adapter.against_black)
        mean = asked[0].said.combine == "average" and not adapter.is_words
        return _SeenTogether(adapter, [mean_of(looks)] if mean else looks, none)

    def _looks(
        self, asked: Sequence[_Wished], adapter: AnyAdapter, model: Attentive, seed: int
    ) -> Slices[Sequence[Look]]:
        encoder = (yield from self._encoder(asked[0], adapter, model)) if _sees(adapter) else None
        looks = []
        for each in asked:
            look = yield from look_at(each.use, each.said, each.field, adapter.widths, encoder)
            looks.append(noised(look, each.said.noise, seed, int(each.field.rpartition(".")[2])))
        return looks

    def _encoder(self, asked: _Wished, adapter: AnyAdapter, model: Attentive) -> Slices[ImageEncoder]:
        """The one that is given, or else the one in the adapter's file. Raises Unsupported where it is none for it."""
        component = asked.use.encoder or (asked.use.component if adapter.has_encoder else None)
        found: ImageEncoder | None = None
        if component is not None:
            found = yield from self._opened("encoder", component, model, self._readers.encoder)
        if found is None or not adapter.takes(found.model.makes):
            width = next(width for thing, width in adapter.widths.items() if thing != "face")
            raise Unsupported(message("image_adapter.encoder", asked.field, name=asked.said.adapter, width=width))
        return found

    def _opened(
        self, what: str, component: Component, model: Attentive, read: Callable[..., Slices[Any]]
    ) -> Slices[Any]:
        home, dtype = model.home
        identity = msgspec.json.encode([what, component, str(home), str(dtype)]).decode()
        found = self._kept.find(model, identity)
        if found is None:
            made = self._kept.shared(identity)
            if made is None:
                slices = partial(read, component, home, dtype)
                made = yield from self._openings.opened(identity, slices)
            found = self._kept.add(model, identity, self._kept.source(identity, lambda: made))
        return found


def _sees(adapter: AnyAdapter) -> bool:
    """Is it told more of a picture than whose face is on it?"""
    return bool(adapter.widths.keys() - {"face"})


def _check_unchanged(use: ReferenceUse, said: Reference) -> None:
    """Raises ModelChanged where somebody wrote into the files of an adapter while it was opened."""
    for component in (use.component, use.encoder):
        if component is not None and not unchanged(component.files):
            raise ModelChanged(message("adapter.replaced", name=said.adapter))


def _alike(use: ReferenceUse, said: Reference) -> object:
    """Equal for references that are attended to together."""
    return use.identity, said.strength, said.weights, said.combine, said.mask, said.start, said.end


@torch.inference_mode()
def _tokens(seen: _SeenTogether, *, sided: bool) -> Tensor:
    """(sides, tokens, context)"""
    projection = seen.adapter.projection
    home = next(projection.parameters())

    def tokens(look: Look) -> Tensor:
        made: Tensor = projection(Look(*(None if known is None else known.to(home) for known in look)))
        return made

    positive = torch.cat([tokens(look) for look in seen.looks], 1)
    return stacked(tokens(seen.nothing) if sided else None, positive)


@torch.inference_mode()
def _averaged(tokens: Tensor, said: Reference, pictures: int) -> Tensor:
    """The mean of what so many pictures are among the prompt's tokens, where that is wanted of them (as diffusers'
    `FluxPriorReduxPipeline`, whose scales sum to 1), and not all of it, side by side."""
    return torch.stack(tokens.chunk(pictures, 1)).mean(0) if said.combine == "average" else tokens


def _mask(use: ReferenceUse, field: str) -> Mask | None:
    return None if use.mask is None else read_mask(images.decode(use.mask, field=f"{field}.mask"))


def _is_sdxl(network: Any) -> bool:
    return bool(network.config.get("addition_embed_type") == "text_time")
