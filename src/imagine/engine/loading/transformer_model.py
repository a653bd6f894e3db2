"""A model whose denoiser is a transformer as parts: of files in whichever layout, in what its family computes in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from ...families.facts import FamilyFacts
from ...messages import Message, message
from ...words.errors import UnusableModel
from ...words.model import Model, Role
from ..device.device import Device
from ..execution.execution import Call
from ..libraries.light import transformer
from ..parts.autoencoder import Autoencoder
from ..parts.chat_text import ChatTextPart
from ..parts.denoiser import DenoiserPart
from ..parts.frame_vae import FrameVae
from ..parts.gemma import GemmaEncoder
from ..parts.long_text import LongTextPart
from ..parts.part import Held
from ..parts.part_key import PartKey
from ..parts.running import execution_for
from ..parts.sight_part import SightPart
from ..parts.standardised import StandardAutoencoder
from ..parts.text_part import TextPart
from ..parts.token_autoencoder import TokenAutoencoder
from ..quantised.tensor import dequantise
from .components import LoadReport
from .family_config import FamilyConfig, family_config
from .frame_vae_names import frame_statistics
from .gemma_tokenizer import GemmaTokenizer
from .held import part_or_held
from .llama_tokenizer import LlamaTokenizer
from .maps.layout import Taken
from .maps.sizes import Shapes
from .model_files import Configuration, ModelFiles
from .networks import Network, network_of
from .opened_networks import OnProgress, Wanted, open_networks
from .qwen_tokenizer import QwenTokenizer
from .t5_tokenizer import T5Tokenizer
from .token_vae import statistics_with
from .tokenizer import ClipTokenizer
from .transformer_names import shapes_of, with_diffusers_names
from .weights import Weights, read_all
from .width import transformer_width

_SIGHT: Role = "image_encoder"


class TransformerKind(NamedTuple):
    """What is to be known of a denoiser's class."""

    name: str
    """In diffusers."""
    call: Call
    config: Callable[[Shapes], dict[str, Any]]
    """Its settings, by its tensors under diffusers' names."""
    taken: Callable[[Shapes], dict[str, Taken]]
    """Where those lie in a file of the original's layout."""
    original: str
    theirs: str
    """A tensor that tells either layout, under its name there."""
    patch: int
    """Latents along a side that are one token, if it counts channels in tokens; else 1."""
    answered: int | None = None
    """The same of what it answers, where it counts those otherwise."""
    prepare: Callable[[Any], None] | None = None
    """What is to be done once to a network that was filled, before it is called."""
    variance: bool = False
    """It answers how the noise varies, too, behind the noise, where it answers twice as many channels as it takes."""


class LoadedTransformer(NamedTuple):
    """What a family is made of. `clips` are those that the model has, by their roles."""

    denoiser: DenoiserPart
    clips: Mapping[Role, TextPart]
    t5: LongTextPart | None
    chat: ChatTextPart | None
    sight: SightPart | None
    """What its Qwen sees pictures by."""
    autoencoder: Autoencoder
    scheduler: Configuration | None
    """What a folder says of its noise."""
    warnings: tuple[Message, ...]


def load_transformer(
    model: Model, facts: FamilyFacts, kind: TransformerKind, device: Device, progress: OnProgress, held: Held,
    *, t5: Role | None = None, chat: Role | None = None, without: bool = False, sees: bool = False,
) -> LoadedTransformer:  # fmt: skip
    """The parts of a model on the device, those that are `held` and those that it reads; `t5` is the role of its T5,
    None where it goes without, and it may go `without` one that isn't there; `chat` is that of its Qwen or Mistral,
    which `sees` pictures too, if it is to.

    Raises UnusableModel, saying why it can't be used.
    """
    compiled, report, family = device.compiles(model.main.options), LoadReport(), family_config(facts.name)
    dtype = device.precision.decide(facts.dtypes, lambda: transformer_width(model.main, kind.original, kind.theirs))
    files = ModelFiles(model, dtype, report)
    with files.checked():
        if t5 is not None and without and not files.has_t5(t5):
            t5 = None
        wanted = _wanted(files, family, kind, report, compiled=compiled)
        if t5 is not None:
            wanted[t5] = Wanted(files.t5_key(t5), partial(files.t5, t5))
        if chat is not None:
            wanted[chat] = Wanted(files.qwen_key(chat), partial(files.qwen, chat))
        if chat is not None and sees:
            wanted[_SIGHT] = Wanted(files.sight_key(chat), partial(files.sight, chat))
        networks = open_networks(model.components, wanted, device.opens_in, dtype, held, progress, report)
        said = None if chat is None else _said(files, chat, networks[chat].module, wanted[chat].key, held)
        long = None if t5 is None else _long(files, t5, networks[t5].module, wanted[t5].key, held)
    if compiled:
        dequantise(networks["denoiser"].module)  # the compiler knows plain numbers
    report.log(model.name)
    keys = {role: each.key for role, each in wanted.items()}
    clips = {
        each.role: TextPart(networks[each.role].module, ClipTokenizer(each.pad_token), keys[each.role])
        for each in family.text_encoders
    }
    sight = SightPart(networks[_SIGHT].module, keys[_SIGHT]) if _SIGHT in wanted else None
    there = held.get(keys["denoiser"])
    return LoadedTransformer(
        denoiser=there if isinstance(there, DenoiserPart) else _denoiser(networks["denoiser"], kind, wanted, device,
        compiled=compiled),
        clips={role: part_or_held(held, part) for role, part in clips.items()},
        t5=long,
        chat=said,
        sight=None if sight is None else part_or_held(held, sight),
        autoencoder=part_or_held(held, _autoencoder(networks["vae"].module, keys["vae"], facts)),
        scheduler=files.scheduler,
        warnings=tuple(report.warnings),
    )  # fmt: skip


def check_fit(loaded: LoadedTransformer, made: int, taken: int) -> None:
    """Raises UnusableModel where its text encoder makes so many numbers a token and its denoiser takes others, or where
    the denoiser takes or answers other channels than the VAE makes."""
    if made != taken:
        raise UnusableModel(message("weights.context", made=made, taken=taken))
    denoiser, channels = loaded.denoiser, loaded.autoencoder.module.config.latent_channels
    if not denoiser.in_channels == denoiser.latent_channels == channels:
        raise UnusableModel(message("unfit.channels", count=denoiser.in_channels))


def _wanted(
    files: ModelFiles, family: FamilyConfig, kind: TransformerKind, report: LoadReport, *, compiled: bool
) -> dict[Role, Wanted]:
    key = files.denoiser_key(kind.name, compiled=compiled)
    wanted: dict[Role, Wanted] = {
        each.role: Wanted(files.clip_key(each), partial(files.clip, each)) for each in family.text_encoders
    }
    wanted["denoiser"] = Wanted(key, partial(files.denoiser, partial(_network, kind, report)))
    wanted["vae"] = Wanted(files.vae_key(family), partial(files.vae, family))
    return wanted


def _said(files: ModelFiles, role: Role, module: Any, key: PartKey, held: Held) -> ChatTextPart:
    """A language model with its tokenizer: Qwen's, which is one, or Mistral's or Gemma's, which it brings along."""
    there = held.get(key)
    if isinstance(there, ChatTextPart):
        return there
    config = module.config
    if isinstance(module, GemmaEncoder):
        return ChatTextPart(module, files.pieces(role, GemmaTokenizer, config.vocab_size), key)
    qwen = config.qk_norm or config.biased
    return ChatTextPart(module, QwenTokenizer() if qwen else files.tokenizer(role, config.vocab_size), key)


def _long(files: ModelFiles, role: Role, module: Any, key: PartKey, held: Held) -> LongTextPart:
    """A T5 with its tokenizer: its own, or Llama's, which one brings along whose layers each tell distances apart."""
    there = held.get(key)
    if isinstance(there, LongTextPart):
        return there
    config = module.config
    apart = config.apart
    return LongTextPart(module, files.pieces(role, LlamaTokenizer, config.vocab_size) if apart else T5Tokenizer(), key)


def _network(kind: TransformerKind, report: LoadReport, weights: Weights, settings: Configuration | None) -> Network:
    weights, unknown = with_diffusers_names(weights, original=kind.original, theirs=kind.theirs, taken=kind.taken)
    if unknown:
        report.warnings.append(message("model.unknown_tensors", count=len(unknown), name=unknown[0]))
    made = transformer(kind.name)
    if settings is not None:
        return network_of("transformer", partial(made.from_config, settings), read_all(weights))
    return network_of("transformer", partial(made, **kind.config(shapes_of(weights))), read_all(weights))


def _autoencoder(vae: Any, key: PartKey, facts: FamilyFacts) -> Autoencoder:
    if isinstance(vae, FrameVae):
        return StandardAutoencoder(vae, key, frame_statistics(vae.config))
    statistics = statistics_with(vae)
    if statistics is not None:
        return TokenAutoencoder(vae, key, statistics)
    scale, shift = float(vae.config.scaling_factor), float(vae.config.get("shift_factor") or 0.0)
    overflows = "vae" in facts.wide and bool(vae.config.get("force_upcast"))
    return Autoencoder(vae, key, scale=scale, shift=shift, overflows=overflows)


def _denoiser(
    network: Network, kind: TransformerKind, wanted: Mapping[Role, Wanted], device: Device, *, compiled: bool
) -> DenoiserPart:
    module = network.module
    if kind.prepare is not None:
        kind.prepare(module)
    execution = execution_for(module, device.torch, kind.call, compiled=compiled, recordings=device.recordings)
    channels, by = module.config, kind.patch**2
    seen, own = int(channels.in_channels), by if kind.answered is None else kind.answered**2
    made = int(channels.get("out_channels") or seen)
    made = seen if kind.variance and made == 2 * seen else made
    if seen % by or made % own:
        raise UnusableModel(message("unfit.channels", count=seen))
    return DenoiserPart(
        module, wanted["denoiser"].key, execution, latent_channels=made // own, in_channels=seen // by, call=kind.call
    )
