"""How the pictures of a request are looked at before they are shown: by which file, and what of it is refused."""

from __future__ import annotations

import msgspec

from ...messages import Message, message
from ...words.errors import ImagineError, UnusableModel
from ...words.model import Model
from ...words.moderation import AskedAs, PictureCheck, Policy, stricter_of
from ...words.safety import SAFETY
from ..gateway.checkers import called
from ..gateway.gateway import Gateway, component_from
from .plan import Plan


async def with_pictures_checked(gateway: Gateway, plan: Plan, asked_as: AskedAs, asked: Policy | None = None) -> Plan:
    """The plan, its jobs told how their pictures are looked at; `asked` is the policy that its request asks for.

    Raises UnusableModel where what is to look isn't there, unless the owner lets pictures through then.
    """
    check, warnings = await picture_check(gateway, asked_as, asked)
    plan = plan._replace(key=asked_as.key, warnings=[*plan.warnings, *warnings])
    if check is None:
        return plan
    return plan._replace(jobs=[msgspec.structs.replace(job, check=check) for job in plan.jobs])


async def picture_check(
    gateway: Gateway, asked_as: AskedAs, asked: Policy | None = None
) -> tuple[PictureCheck | None, list[Message]]:
    """How pictures are looked at for who asks so, None where they aren't, and what is to be told of that. Raises
    UnusableModel."""
    rules = gateway.rulebook.of(asked_as)
    policy, pictures = stricter_of(rules.policy, asked), rules.pictures
    if not pictures.look(policy):
        return None, []
    settings = pictures.settings
    try:
        checker = await checker_of(gateway, settings.model)
    except ImagineError as error:
        name = called(settings.model)
        if settings.fail == "closed":
            raise UnusableModel(message("checker.closed", None, name=name, why=error.note)) from error
        return None, [message("checker.open", None, name=name, why=error.note)]
    return PictureCheck(
        checker=checker, refused=pictures.refused(policy), stages=pictures.stages, fail=settings.fail,
        policy=policy if policy != "none" else None,
    ), []  # fmt: skip


async def checker_of(gateway: Gateway, named: str | None) -> Model:
    """What a worker must know of what looks, which is a model by itself. Raises ImagineError."""
    entry = await gateway.checker(named)
    return Model(name=entry.name, family=entry.family, components=(component_from(SAFETY, entry),))
