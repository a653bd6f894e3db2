"""In which line the jobs of a plan stand: whose seconds they are, how urgent they are, when they came."""

from __future__ import annotations

import msgspec

from ...fairness.clients import client_from_key
from ...fairness.urgency import turn_of
from ...settings.settings import Settings
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
    return plan._replace(jobs=jobs, key=key)
