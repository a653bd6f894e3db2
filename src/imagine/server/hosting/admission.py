"""A job that another server sends, as one of this server's own: of its files, within its bounds, under its rules.

Nothing is believed of it. Its files are found by their digests, its recipe is held to what could be asked for here, its
pictures are looked at by another process, and its prompts by the owner's rules, as those of any request. The keys, the
line and the quotas are this server's.
"""

from __future__ import annotations

import math
import re
import secrets
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from ...asking.loras import MAX_LORAS
from ...asking.names import MOST_EMBEDDINGS
from ...asking.preprocess import MAX_MAP, MIN_MAP, checked_options
from ...asking.replay import request_from_meta
from ...asking.request import GenerateRequest
from ...asking.sizes import check_result
from ...fairness.clients import client_from_key
from ...fairness.urgency import turn_of
from ...machines.inventory import Inventory
from ...machines.portable import at_home
from ...messages import message
from ...settings.keys import NamedKey
from ...words.errors import BadRequest
from ...words.frames import FrameError, Load, Score, Submit
from ...words.keys import lower_of
from ...words.model import Model
from ...words.moderation import AskedAs, PictureCheck
from ...words.preprocessors import PREPROCESSORS
from ...words.recipe import GenerationParams, meta_from_params
from ...words.samplers import SAMPLERS, SCHEDULES
from ..gateway.gateway import Gateway
from ..orders.incoming import Incoming
from ..orders.input_pictures import LOOKED_AT
from ..orders.picture_check import picture_check
from ..orders.prompt_check import with_prompt_checked

_DIGEST = re.compile(r"[0-9a-f]{64}")
_SOME_PICTURE = "picture"
"""Stands in a recipe where a picture does, which is looked at by itself."""
_MOST_EMBEDDING = 2**16
_MOST_TOGETHER = 64
_LONGEST_NAME = 200
_PICTURES = frozenset({"img", "mask", "image"})


class GuestServer(NamedTuple):
    """Who sends jobs."""

    client: str
    """Whom they count for."""
    asked_as: AskedAs
    key: NamedKey | None

    @property
    def name(self) -> str:
        """As whom the line and the log know it."""
        return self.client if self.key is None else client_from_key(self.key.name)


async def admitted(gateway: Gateway, inventory: Inventory, guest: GuestServer, sent: Submit) -> Submit:
    """The job as this server makes it, under a name of its own. Raises FrameError for what no server sends that is
    honest; PartAbsent; whatever a request is refused with."""
    job = at_home(sent, inventory.find)
    request = _request_of(job) if job.mapping is None else None
    _check_map(job)
    _check_families(inventory, job.models if job.check is None else [*job.models, job.check.checker])
    _check_counts(job)
    _check_names(job)
    await _look_at_pictures(gateway, guest, job)
    if request is not None:
        await with_prompt_checked(gateway, Incoming(request, request, guest.client, guest.asked_as))
    check = await _both_checks(gateway, guest, _with_checker_named(job, inventory).check)
    return _as_own(job, guest, check)


def model_at_home(inventory: Inventory, sent: Load) -> Model:
    """What is to be loaded, of this server's files. Raises FrameError, PartAbsent."""
    model = at_home(sent, inventory.find).model
    _check_families(inventory, [model])
    return model


async def checker_at_home(gateway: Gateway, inventory: Inventory, guest: GuestServer, sent: Score) -> Model:
    """What is to look at a picture, which is sound. Raises FrameError, PartAbsent, BadPicture."""
    checker = at_home(sent, inventory.find).checker
    _check_families(inventory, [checker])
    await gateway.decoder.look(sent.img, "input", guest.client)
    return checker


def _as_own(job: Submit, guest: GuestServer, check: PictureCheck | None) -> Submit:
    """In the line as whoever has the key, and as urgent as that may be."""
    key = guest.key
    priority = lower_of(job.priority, guest.asked_as.priority)
    return msgspec.structs.replace(
        job,
        job=secrets.token_urlsafe(16),
        client=guest.name,
        priority=priority,
        weight=1.0 if key is None else key.weight,
        turn=turn_of(time.time(), priority),
        keep_alive=job.keep_alive if key is None or key.may("models") else None,
        foreign=True,
        check=check,
    )


def _request_of(job: Submit) -> GenerateRequest:
    """What would have to be asked here for such a recipe. Raises BadRequest for what can't be."""
    params = job.params
    request = request_from_meta(_with_some_pictures(meta_from_params(params))).request
    check_result((params.width, params.height), params.extend, params.hires)
    hires = params.hires
    for field, name, known in (
        ("sampler", params.sampler, SAMPLERS),
        ("schedule", params.schedule, SCHEDULES),
        ("sampler", params.sampler if hires is None or hires.sampler is None else hires.sampler, SAMPLERS),
        ("schedule", params.schedule if hires is None or hires.schedule is None else hires.schedule, SCHEDULES),
    ):
        if name not in known:
            raise BadRequest(message("sampler.missing", field, value=name[:40], there=", ".join(known)))
    return request


def _check_map(job: Submit) -> None:
    """Raises FrameError, BadRequest for a map that couldn't be asked for."""
    if (mapping := job.mapping) is None:
        return
    sides = (job.params.width, job.params.height)
    if mapping.preprocess not in PREPROCESSORS or job.img is None or job.params.num_steps != 1:
        raise FrameError("there is no such map")
    if not all(MIN_MAP <= side <= MAX_MAP for side in sides):
        raise FrameError("a map is too small or too large")
    checked_options(mapping.preprocess, mapping.options, "options")


def _check_names(job: Submit) -> None:
    """Raises FrameError for what isn't to be shown, or reckoned with."""
    names = [job.params.model, *(model.name for model in job.models)]
    if not all(name.isprintable() and len(name) <= _LONGEST_NAME for name in names):
        raise FrameError("a model can't be called so")
    if job.max_batch is not None and not 1 <= job.max_batch <= _MOST_TOGETHER:
        raise FrameError("so many can't be made together")
    if job.keep_alive is not None and not math.isfinite(job.keep_alive):
        raise FrameError("nothing stays loaded for no number of seconds")


def _with_checker_named(job: Submit, inventory: Inventory) -> Submit:
    """What looks at it, by its name here, which verdicts tell and are counted by."""
    if (check := job.check) is None:
        return job
    checker = msgspec.structs.replace(check.checker, name=inventory.name_of(check.checker.main))
    return msgspec.structs.replace(job, check=msgspec.structs.replace(check, checker=checker))


def bytes_of(job: Submit) -> int:
    """Of the pictures that came with it."""
    shown = [data for use in job.references for data in (use.img, use.embedding, use.mask) if data is not None]
    return sum(map(len, (job.img or b"", job.mask or b"", *(use.image for use in job.controls), *shown)))


def _with_some_pictures(value: Any) -> Any:
    """A recipe that names no picture by its digest, which nobody here could find."""
    if isinstance(value, dict):
        return {
            name: _SOME_PICTURE if name in _PICTURES and _is_digest(each) else _with_some_pictures(each)
            for name, each in value.items()
            if name != "embedding"
        }
    return [_with_some_pictures(each) for each in value] if isinstance(value, list | tuple) else value


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _check_families(inventory: Inventory, models: list[Model]) -> None:
    """Raises FrameError where a file is to be taken for another kind than it is."""
    for model in models:
        if model.main.digest and inventory.family_of(model.main) != model.family:
            raise FrameError("a model is of another family here")


def _check_counts(job: Submit) -> None:
    """Raises FrameError where there isn't what the recipe names."""
    params: GenerationParams = job.params
    fits = (
        len(job.controls) == len(params.control)
        and len(job.references) == len(params.references)
        and len(job.adapters) <= MAX_LORAS
        and len(job.embeddings) <= MOST_EMBEDDINGS
        and (job.mask is None or job.img is not None)
        and (params.img is None or job.img is not None)
    )
    if not fits:
        raise FrameError("a job lacks what its recipe names, or has more")


async def _look_at_pictures(gateway: Gateway, guest: GuestServer, job: Submit) -> None:
    """Raises BadPicture for one that isn't sound."""
    for field, data in _pictures_of(job):
        await gateway.decoder.look(data, field, guest.client)
    for place, use in enumerate(job.references):
        if use.img is not None:
            field = f"references.{place}.img"
            await gateway.decoder.look(use.img, field, guest.client, largest=LOOKED_AT, reduced=True)
        if len(use.embedding or b"") > _MOST_EMBEDDING:
            raise FrameError("an embedding is too long")


def _pictures_of(job: Submit) -> Iterator[tuple[str, bytes]]:
    single = (("img", job.img), ("mask", job.mask))
    yield from ((field, data) for field, data in single if data is not None)
    yield from ((f"control.{place}.image", use.image) for place, use in enumerate(job.controls))
    masks = ((f"references.{place}.mask", use.mask) for place, use in enumerate(job.references))
    yield from ((field, data) for field, data in masks if data is not None)


async def _both_checks(gateway: Gateway, guest: GuestServer, sent: PictureCheck | None) -> PictureCheck | None:
    """How the picture is looked at: by this owner's rules and by those that came with it, whichever is stricter."""
    own, _ = await picture_check(gateway, guest.asked_as)
    if own is None or sent is None:
        return own or sent
    if own.checker.digest != sent.checker.digest:
        raise BadRequest(message("peer.other_checker"))
    refused = {
        name: min(own.refused.get(name, 1.0), sent.refused.get(name, 1.0)) for name in {*own.refused, *sent.refused}
    }
    stages = tuple(dict.fromkeys((*own.stages, *sent.stages)))
    fail = "closed" if "closed" in (own.fail, sent.fail) else "open"
    return msgspec.structs.replace(own, refused=refused, stages=stages, fail=fail)
