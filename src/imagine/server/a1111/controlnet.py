"""`/controlnet/*`: what its extension tells of models and of what makes maps, and a map by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from aiohttp import web

from ...asking.checking import refusal
from ...asking.controls import MAX_CONTROLS
from ...asking.preprocess import parse_preprocess
from ...messages import message
from ...words.control_units import MODULES, map_made, options_meant
from ...words.errors import BadRequest
from ...words.preprocessors import NONE, Preprocess
from ..gateway.keys import GATEWAY
from ..http.context import CALLED, ORDER_ID
from ..http.security import client_of
from ..orders.bodies import read_object
from ..orders.connection import ORDERS, asked_as, pictures_of
from ..orders.preprocess import planned_map
from .listing import control_models
from .replies import base64_of
from .routes import answered

_MODULES = {name: MODULES.get(name, name) for name in get_args(Preprocess)}
_VERSION = 3
"""Of the extension's API."""
_NO_MODEL = "None"
_PICTURES = "controlnet_input_images"
_CALLED = {"img": _PICTURES, "preprocess": "controlnet_module"}


async def version(_: web.Request) -> web.Response:
    """Whose API this is."""
    return answered({"version": _VERSION})


async def settings(_: web.Request) -> web.Response:
    """How many controls a picture can have."""
    return answered({"control_net_unit_count": MAX_CONTROLS})


async def model_list(request: web.Request) -> web.Response:
    """The ControlNets that are here, and their relatives."""
    return answered({"model_list": control_models(await request.app[GATEWAY].entries())})


async def module_list(_: web.Request) -> web.Response:
    """What makes maps."""
    names = _modules()
    detail = {name: {"model_free": False, "sliders": []} for name in names}
    return answered({"module_list": names, "module_detail": detail})


async def control_types(request: web.Request) -> web.Response:
    """Both, by what the maps are of."""
    models = [_NO_MODEL, *control_models(await request.app[GATEWAY].entries())]
    told: dict[str, Any] = {"All": _type(_modules(), models, NONE, _NO_MODEL)}
    for name, module in _MODULES.items():
        if name == NONE:
            continue
        fitting = [model for model in models if name in model.lower()]
        told[name.capitalize()] = _type([NONE, module], [_NO_MODEL, *fitting], module, next(iter(fitting), _NO_MODEL))
    return answered({"control_types": told})


async def detect(request: web.Request) -> web.Response:
    """The maps of pictures."""
    CALLED.set(_CALLED)
    with request.app[GATEWAY].allowance.holding() as holding:
        body = await read_object(request, holding)
        wanted, pictures = _map_wanted(body), body.get(_PICTURES)
        if not isinstance(pictures, list) or not 1 <= len(pictures) <= MAX_CONTROLS:
            count = len(pictures) if isinstance(pictures, list) else 0
            raise BadRequest(message("pictures.count", _PICTURES, count=count, most=MAX_CONTROLS))
        maps = [await _map(request, {**wanted, "img": picture}) for picture in pictures]
    return answered({"images": maps, "info": "Success"})


async def _map(request: web.Request, wanted: Mapping[str, Any]) -> str:
    gateway, client = request.app[GATEWAY], client_of(request)
    asked, _ = parse_preprocess(wanted)
    with gateway.allowance.holding() as holding:
        plan = await planned_map(gateway, asked, client, holding)
        order = await request.app[ORDERS].take_in(plan, client, holding, asked_as=asked_as(request))
    ORDER_ID.set(order.id)
    (painted,) = await pictures_of(request, order)
    return base64_of(painted.finished.data)


def _map_wanted(body: Mapping[str, Any]) -> dict[str, Any]:
    module = body.get("controlnet_module", NONE)
    made = map_made(module) if isinstance(module, str) else None
    if made is None:
        raise refusal("preprocess", module, message("allowed.one_of", values=", ".join(_modules())))
    thresholds = [body.get(f"controlnet_threshold_{each}") for each in "ab"]
    return {"preprocess": made.preprocess, "options": options_meant(made, *thresholds)}


def _modules() -> list[str]:
    return [*_MODULES.values()]


def _type(modules: list[str], models: list[str], option: str, model: str) -> dict[str, Any]:
    return {"module_list": modules, "model_list": models, "default_option": option, "default_model": model}
