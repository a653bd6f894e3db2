"""The keys that have names: what each is for, what it may use, and what is made for it now. No key is told."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from aiohttp import web

from ...fairness.quotas import LimitLeft
from ...settings.keys import NamedKey
from ..gateway.keys import GATEWAY
from ..http.encoding import body_from
from ..orders.connection import ORDERS


async def keys(request: web.Request) -> web.Response:
    """By name, in the order of the configuration. Times are in Unix seconds."""
    orders = Counter(order.key for order in request.app[ORDERS].open)
    quotas = request.app[ORDERS].quotas
    told = [_told(each, orders[each.name], await quotas.used(each)) for each in request.app[GATEWAY].settings.keys]
    return web.Response(body=body_from({"keys": told}), content_type="application/json")


def _told(key: NamedKey, orders: int, used: list[LimitLeft]) -> dict[str, Any]:
    return {
        "name": key.name,
        "scopes": [*key.scopes],
        "expires": key.expires,
        "moderation": key.rules.policy,
        "priority": key.priority,
        "weight": key.weight,
        "limits": {name: most for name, most in msgspec.structs.asdict(key.limits).items() if most is not None},
        "used": {limit.name: round(limit.used) for limit in used},
        "orders": orders,
    }
