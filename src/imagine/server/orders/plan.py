"""From a request that is ready to its jobs: the model, the pictures, the recipes."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from ...asking.presets import styled_by
from ...asking.resolve import Resolved, resolve
from ...fairness.allowance import Holding
from ...messages import Message
from ...words.frames import Submit
from ...words.recipe import GenerationParams
from ...words.same_bits import made_on
from ..gateway.gateway import Gateway
from .besides import Besides, besides_of
from .embeddings import ChosenEmbeddings, chosen_embeddings
from .incoming import Incoming
from .input_pictures import InputPictures, input_pictures
from .models import ChosenModel, chosen_model
from .output import Output
from .tiny_previews import with_tiny
from .unread import unread_of

_log = logging.getLogger("imagine.jobs")


class Plan(NamedTuple):
    """What is to be done for one request."""

    jobs: list[Submit]
    warnings: list[Message]
    progress: bool
    """Does the client want to be told of each step?"""
    key: str | None = None
    """The name of the key that it is asked with."""


async def planned(gateway: Gateway, each: Sequence[Incoming], holding: Holding, output: Output) -> Plan:
    """The jobs of a request, which is `each` of these: one, or one for each of its pictures where their words differ.

    They bring the same input pictures, and `holding` keeps what those take.

    Raises BadRequest, BadPicture, ModelNotFound, UnusableModel, ModelChanged, Busy.
    """
    chosen = [await chosen_model(gateway, one) for one in each]
    controls, references = chosen[0].controls.files, chosen[0].references.files
    asked = chosen[0].references.request
    pictures = await input_pictures(gateway, each[0].client, asked, holding, controls, references)
    besides = besides_of(controls, references, pictures, gateway.settings.ref_image_max_size)
    jobs, warnings = list[Submit](), list[Message]()
    for one, model in zip(each, chosen, strict=True):
        resolved = resolve(
            model.references.request,
            model=model.entry,
            random_seed=lambda: secrets.randbits(64),
            defaults=model.defaults,
            img=pictures.img and pictures.img.about,
            mask=pictures.mask and pictures.mask.about,
            parts=model.parts,
            loras=model.loras.files,
            control=besides.control,
            references=besides.references,
            varies=model.references.varies,
            styled=styled_by(one.original, one.request),
        )
        first = resolved.params[0]
        files = [file for _, file in model.loras.files]
        words = await chosen_embeddings(gateway, one.request, _prompts(first), model.entry, files)
        resolved, notes = await with_tiny(gateway, resolved, model.entry)
        unread = unread_of(first, model.entry, assistant=gateway.assistant is not None and not one.request.assist)
        warnings += [*notes, *one.warnings, *model.warnings, *resolved.warnings, *words.warnings, *unread]
        jobs += _jobs(gateway, model, words, pictures, besides, resolved, one.client, output)
    gateway.used(chosen[0].entry.name)
    for job in jobs:
        _log.debug("recipe: %s", msgspec.to_builtins(job.params))
    return Plan(jobs, list(dict.fromkeys(warnings)), bool(each[0].request.progress))


def _prompts(params: GenerationParams) -> tuple[str, str, str, str]:
    """All of a recipe, those of a second pass at last."""
    hires = params.hires
    return (params.prompt, params.neg, (hires and hires.prompt) or "", (hires and hires.neg) or "")


def _jobs(
    gateway: Gateway, chosen: ChosenModel, words: ChosenEmbeddings, pictures: InputPictures, besides: Besides,
    resolved: Resolved, client: str, output: Output,
) -> list[Submit]:  # fmt: skip
    preview = resolved.preview
    if output.previews is not None:
        preview = msgspec.structs.replace(preview, every=_every(resolved.params[0], output.previews))
    return [
        Submit(
            job=secrets.token_urlsafe(16), client=client, model=chosen.model, refiner=chosen.refiner,
            params=msgspec.structs.replace(params, embeddings=words.digests),
            upscaler=chosen.upscaler, adapters=chosen.adapters, embeddings=words.uses,
            controls=besides.controls_used, references=besides.references_used,
            img=pictures.img.data if pictures.img and params.img else None, mask=pictures.mask and pictures.mask.data,
            preview=preview, keep_alive=resolved.keep_alive,
            max_batch=gateway.max_batch_of(chosen.entry), environment=made_on(chosen.references.request.environment),
        )
        for params in resolved.params
    ]  # fmt: skip


def _every(params: GenerationParams, previews: int) -> int:
    """After how many steps to send a preview, so that as many as asked for are spread over the run; 0 for none."""
    if not previews:
        return 0
    steps = params.num_steps * (params.strength if params.img else 1)
    if params.hires is not None:
        steps += (params.hires.steps or params.num_steps) * params.hires.strength
    return max(1, int(steps) // (previews + 1))
