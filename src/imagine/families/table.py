"""Every family there is: the one table that the registry, requests and the engine read.

Its order is the order in which files are told, so that what is a special case of another family stands before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import double_stream, pictures, sound, stable_diffusion, stable_diffusion_3, video, z_image
from .facts import NOTHING, FamilyFacts
from .flow_levels import has_other_levels

FAMILIES: dict[str, FamilyFacts] = {
    row.name: row
    for rows in (
        double_stream.ROWS,
        stable_diffusion_3.ROWS,
        video.ROWS,
        sound.ROWS,
        pictures.ROWS,
        z_image.ROWS,
        stable_diffusion.ROWS,
    )
    for row in rows
}
UNKNOWN = FamilyFacts("")


def facts_of(family: str) -> FamilyFacts:
    """The family's row; one that says nothing where there is none."""
    return FAMILIES.get(family, UNKNOWN)


def is_stepped(pipeline: object, denoiser: Mapping[str, Any] = NOTHING, scheduler: Mapping[str, Any] = NOTHING) -> bool:
    """Are the components of this class of pipelines stepped by the engine itself, with a denoiser and a scheduler that
    are configured so?"""
    rows = [facts for facts in FAMILIES.values() if pipeline in facts.stepped]
    if any(row.predicts.usual == "flow" for row in rows) and has_other_levels(scheduler):
        return False
    return any(all(denoiser.get(name, value) == value for name, value in row.stepped_where.items()) for row in rows)


def is_shown(pipeline: object) -> bool:
    """Has this class of pipelines an image encoder, by which its denoiser is shown pictures?"""
    return any(pipeline in facts.shown for facts in FAMILIES.values())


def lora_families(family: str) -> tuple[str, ...]:
    """The families whose LoRAs a model of this one takes; none where it isn't known which it is."""
    return (family, *facts_of(family).shares_loras) if family else ()


def embedding_families(family: str) -> tuple[str, ...]:
    """The families whose embeddings prompts of such a model take; none where it isn't known which it is."""
    return (family, *facts_of(family).shares_embeddings) if family else ()


def is_published_width(family: str, context: int) -> bool:
    """Does what is published to go beside this family fit a model whose tokens are so many numbers? 0 is not known."""
    return context in (0, facts_of(family).context or context)


def family_of_context(width: int) -> str:
    """The family whose U-Net attends to text conditioning of this width; "" for none."""
    return next((name for name, facts in FAMILIES.items() if width and facts.context == width), "")


def family_of_vae(channels: int) -> str:
    """The family that a plain VAE of so many latent channels is of; "" for none of its own."""
    return next((name for name, facts in FAMILIES.items() if facts.own_vae and facts.latent_channels == channels), "")


def family_of_architecture(stated: str) -> str:
    """The family that a trainer's name of an architecture begins with, by the longest beginning; "" for none."""
    known = ((beginning, name) for name, facts in FAMILIES.items() for beginning in facts.architectures)
    return max((len(beginning), name) for beginning, name in [("", ""), *known] if stated.startswith(beginning))[1]
