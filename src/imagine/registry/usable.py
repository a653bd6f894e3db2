"""Whether a file can be drawn with here, told while it is listed; and what has to be said beside its name for that."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..families.facts import FamilyFacts
from ..families.table import facts_of
from ..messages import Message, message
from ..words.beside import CONTROLS, IMAGE_ADAPTERS
from ..words.embedders import EMBEDDER
from ..words.entry import Entry
from ..words.safety import CLASSIFIERS, SAFETY
from .header import Header
from .identify import CHECKPOINT, DIFFUSION_MODEL, MODEL_KINDS, Identity
from .quantisation import quantisation_problem

_PARTS = ("text-encoder", "vae")
"""Files that a denoiser is made a model with."""
UNTOLD = message("unfit.untold")
UNOPENED, UNDRAWN = "unfit.unopened", "unfit.undrawn"
"""What is wrong with a file of a family that the engine has no opener for, as it is said where a folder of it is known
and where none is: with an opener that needs no more than the row's `single_file`."""

_MAKES: Mapping[str, str] = {"videos": "unfit.videos", "sound": "unfit.sound"}

USES: Mapping[str, Message] = {
    "vae": message("use.vae"),
    "diffusion-model": message("use.diffusion-model"),
    "lora": message("use.lora"),
    "controlnet": message("use.controlnet"),
    "ip-adapter": message("use.ip-adapter"),
    "embedding": message("use.embedding"),
    "hypernetwork": message("use.hypernetwork"),
    "upscaler": message("use.upscaler"),
    "preprocessor": message("use.preprocessor"),
    SAFETY: message("use.safety"),
    EMBEDDER: message("use.embedder"),
    "text-encoder": message("use.text-encoder"),
    "image-encoder": message("use.image-encoder"),
    "motion-module": message("use.motion-module"),
    "style-model": message("use.style-model"),
    "gligen": message("use.gligen"),
}
"""What can be done with each kind of file but a checkpoint, in a clause."""
_RUN: Mapping[str, Mapping[str, frozenset[str]]] = {
    "controlnet": CONTROLS,
    "ip-adapter": IMAGE_ADAPTERS,
    SAFETY: {"": CLASSIFIERS, "timm": CLASSIFIERS},
}
"""Of the kinds of which some can't be used: by variant, the families that can."""
_NEEDED = {
    "vae": message("use.with_vae", "vae"),
    "img": message("use.with_img"),
}
"""What can be done with a checkpoint that needs more than a prompt, by the field that it needs."""


def problem_of(identity: Identity, headers: Mapping[Path, Header]) -> Message | None:
    """One clause that says why a file, or one in pieces, of this `identity`, can't be used as what it is, or None.

    `headers` are those of its files, by their paths.
    """
    if (identity.kind, identity.variant) == ("unknown", ""):
        return UNTOLD
    if identity.kind in _PARTS:
        return _quantisation(headers)
    if len(headers) > 1 and identity.kind not in MODEL_KINDS:
        return message("unfit.in_pieces")
    facts = facts_of(identity.family)
    if identity.kind not in MODEL_KINDS or not (identity.family or identity.kind == CHECKPOINT):
        return None
    if facts.makes != "pictures":
        return message(_MAKES[facts.makes], name=identity.family)
    if identity.variant in facts.refused:
        return facts.refused[identity.variant]
    if not facts.single_file:
        return _unopened(facts)
    if identity.prediction.type not in facts.predicts.drawn:
        return message("unfit.predicts", prediction=identity.prediction.type)
    if identity.in_channels and not facts.takes(identity.in_channels, identity.latent_channels):
        return message("unfit.channels", count=identity.in_channels)
    return _quantisation(headers)


def _unopened(facts: FamilyFacts) -> Message:
    if facts.folder:
        return message(UNOPENED, family=facts.name, source=facts.folder)
    return message(UNDRAWN, family=facts.name or "unknown")


def _quantisation(headers: Mapping[Path, Header]) -> Message | None:
    return next(filter(None, (quantisation_problem(path, header) for path, header in headers.items())), None)


def use_of(entry: Entry) -> Message:
    """What can be done with a file, in a clause."""
    why = entry.unusable if entry.problem or entry.lacks else None
    if why is not None:
        return message("use.no", why=why)
    if entry.kind in _RUN and not _is_run(entry):
        return message("use.not_run", kind=" ".join(filter(None, (entry.kind, entry.variant, entry.family))))
    need = next((_NEEDED[need] for need in entry.needs if need in _NEEDED), None)
    return need or (message("use.yes") if entry.generates else USES.get(entry.kind, message("use.yes")))


def _is_run(entry: Entry) -> bool:
    """Is it of a family, or is there one that it goes beside, of which such are run?"""
    families = _RUN[entry.kind].get(entry.variant, frozenset())
    return entry.family in families if entry.family else bool(families)


def needs_of(identity: Identity) -> tuple[str, ...]:
    """The fields that a request must say for this checkpoint, or denoiser, to be drawn with."""
    if identity.kind != CHECKPOINT and not (identity.kind == DIFFUSION_MODEL and facts_of(identity.family).single_file):
        return ()
    vae = () if identity.has_vae else ("vae",)
    return vae if identity.kind == CHECKPOINT else ("text_encoders", *vae)
