"""What only a file's name tells: what a network was tuned for, and whose a VAE is that has the shape of another's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from ..families.table import FAMILIES, facts_of
from .identify import MODEL_KINDS, Identity

_TITLE = "modelspec.title"


def by_name(identity: Identity, stem: str, path: Path, metadata: Mapping[str, str]) -> Identity:
    """The same, with what the file's `stem` says, the title in its metadata, or of a VAE the folder that it lies in."""
    called = f"{metadata.get(_TITLE, '')} {stem}".lower()
    if identity.kind in MODEL_KINDS:
        for told, name, variant in facts_of(identity.family).named:
            if told == identity.variant and re.search(name, called):
                facts, side = facts_of(identity.family), identity.resolution
                if side == facts.side(identity.prediction.type, told):  # nobody says another
                    side = facts.side(identity.prediction.type, variant)
                return msgspec.structs.replace(identity, variant=variant, resolution=side)
    if identity.kind == "vae" and facts_of(identity.family).own_vae:
        return _vae(identity, f"{called} {path.parent.name.lower()}")
    return identity


def _vae(identity: Identity, called: str) -> Identity:
    """Of several families' VAEs that are one network the tensors tell none: it is the one's that its name says."""
    for facts in FAMILIES.values():
        if facts.vae_named and facts.latent_channels == identity.latent_channels and re.search(facts.vae_named, called):
            return msgspec.structs.replace(identity, family=facts.name)
    return identity
