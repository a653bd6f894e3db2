"""From a request for a map to its job: the preprocessor, the picture and the mask."""

from __future__ import annotations

import secrets

from ...asking.preprocess import PreprocessRequest, map_params
from ...fairness.allowance import Holding
from ...messages import Message, message
from ...words.frames import MapWish, Submit
from ...words.model import Model
from ...words.preprocessors import INPAINT, PREPROCESSORS, plain
from ..gateway.gateway import Gateway
from .plan import Plan
from .preprocessors import chosen_preprocessor

_FIELD = "preprocess"


async def planned_map(gateway: Gateway, request: PreprocessRequest, client: str, holding: Holding) -> Plan:
    """The job that makes a map. Raises BadRequest, BadPicture, ModelChanged, Busy."""
    model, warnings = await _preprocessor(gateway, request)
    data, looked = await gateway.look(client, request.img, "img")
    mask, mask_digest = None, None
    if request.mask is not None:
        if request.preprocess != INPAINT:
            warnings.append(message("preprocess.mask_unused", "mask", name=request.preprocess))
        else:
            mask, mask_looked = await gateway.look(client, request.mask, "mask")
            mask_digest = mask_looked.digest
    holding.hold(len(data) + len(mask or b""))
    source = (looked.result.width, looked.result.height)
    job = Submit(
        job=secrets.token_urlsafe(16), client=client, model=model, img=data, mask=mask,
        params=map_params(request, model, looked.digest, mask_digest, source),
        mapping=MapWish(preprocess=request.preprocess, options=request.options or {}),
        keep_alive=request.seconds if model.digest else 0.0,
    )  # fmt: skip
    return Plan([job], warnings, bool(request.progress))


async def _preprocessor(gateway: Gateway, request: PreprocessRequest) -> tuple[Model, list[Message]]:
    """The file that is named, or one that can do it; where none is needed, what does without."""
    name, file = request.preprocess, request.preprocessor
    if PREPROCESSORS[name].alone:
        unused = [message("preprocess.file_unused", "preprocessor", name=name)] if file is not None else []
        return plain(name), unused
    model, warnings = await chosen_preprocessor(gateway, name, field=_FIELD, file=file)
    assert model is not None, "it isn't done without a file"
    return model, warnings
