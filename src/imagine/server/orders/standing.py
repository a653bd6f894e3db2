"""In which line the jobs of a plan stand: whose seconds they are, how urgent they are, when they came; and that they
say no more of what is loaded than their key may.
"""

from __future__ import annotations

import msgspec

from ...fairness.clients import client_from_key
from ...fairness.urgency import turn_of
from ...messages import message
from ...settings.keys import NamedKey
from ...settings.settings import Settings
from ...words.frames import Submit
from ...words.moderation import AskedAs
from .plan import Plan

NOBODY = AskedAs()


def standing(plan: Plan, asked_as: AskedAs, settings: Settings, came: float) -> Plan:
    """The plan of who asks so, at that moment in Unix seconds. A key with a name is one client, wherever it is used."""
    key, priority = asked_as.key or plan.key, asked_as.priority
    named = settings.key_named(key)
    weight = 1.0 if named is None else named.weight
    turn = turn_of(came, priority)
    jobs = [
        msgspec.structs.replace(
            job,
            client=job.client if key is None else client_from_key(key),
            priority=priority,
            weight=weight,
            turn=turn,
        )
        for job in plan.jobs
    ]
    return _as_long_as_it_may(plan._replace(jobs=jobs, key=key), named)


def _as_long_as_it_may(plan: Plan, named: NamedKey | None) -> Plan:
    """How long a model stays is decided for everybody: a key that isn't for models is warned that it doesn't say so."""
    if named is None or named.may("models") or not any(_keeps(job) for job in plan.jobs):
        return plan
    jobs = [msgspec.structs.replace(job, keep_alive=None) if _keeps(job) else job for job in plan.jobs]
    return plan._replace(jobs=jobs, warnings=[*plan.warnings, message("keep_alive.not_yours", "keep_alive")])


def _keeps(job: Submit) -> bool:
    """Does it say how long its model stays? What has no file needs none kept."""
    return job.keep_alive is not None and bool(job.model.digest)
