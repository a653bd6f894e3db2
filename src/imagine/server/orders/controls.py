"""The controls of a request: the file that each names, what makes its map, and whether that goes with the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...asking.controls import OWN, ChosenControl, ControlWish, check_span, proper_control
from ...asking.loras import ChosenLora
from ...asking.preprocess import checked_options
from ...asking.request import GenerateRequest
from ...asking.resolve import is_another
from ...families.table import lora_families
from ...messages import Message, message
from ...words.beside import CONTROLS, shows_map, takes_map
from ...words.control_units import model_called
from ...words.entry import Entry
from ...words.errors import BadRequest, PartNotFound, Unsupported
from ...words.map_words import alike, is_for_several, map_meant, union_kinds, words_of
from ...words.preprocessors import NONE
from ..gateway.gateway import Gateway
from .fitting import beside, check_fit, goes_with
from .preprocessors import chosen_preprocessor

CONTROLNET = "controlnet"
_UNION = "union"
_NONE_FITS = ("part.missing_kind", "part.missing_unfit")
_ORDER = ("", "xlabs", _UNION, "t2i-adapter", "control-lora", "xs")
"""Of those that a word could mean, the likeliest first."""


class ChosenControls(NamedTuple):
    """What holds a picture to maps."""

    files: tuple[ChosenControl, ...] = ()
    warnings: tuple[Message, ...] = ()


async def chosen_controls(
    gateway: Gateway, request: GenerateRequest, model: Entry, loras: Sequence[ChosenLora] = ()
) -> ChosenControls:
    """The files of what is asked for, of a model with these `loras` beside it. Raises PartNotFound, BadRequest,
    Unsupported on what names them; ModelChanged."""
    files, warnings = list[ChosenControl](), list[Message]()
    seer = _seer(model, loras)
    for place, wish in enumerate(request.control or ()):
        path = f"control.{place}"
        check_span(wish.start, wish.end, path)
        if seer is not None and _is_own(wish, seer):
            _check_whole(wish, path)
            made = await _with_map(gateway, wish, seer, path, warnings)
            files.append(made._replace(file=None))
            continue
        if (lora := await _of_lora(gateway, wish, model)) is not None:
            raise BadRequest(message("control.of_lora", f"{path}.model", name=lora.name))
        file = await _file(gateway, wish, model, f"{path}.model")
        check_fit(file, model, CONTROLS, f"{path}.model", wish.model)
        if wish.digest and is_another(file, wish.digest):
            warnings.append(message("part.another", "control", name=file.name, digest=wish.digest[:12]))
        files.append(await _with_map(gateway, wish, file, path, warnings))
    if seer is not None and (count := sum(each.file is None for each in files)) != 1:
        if count:
            raise BadRequest(message("control.own_several", "control", name=seer.name, count=count))
        raise BadRequest(message("control.own", "control", name=seer.name), reason="missing")
    return ChosenControls(tuple(files), tuple(warnings))


def _seer(model: Entry, loras: Sequence[ChosenLora]) -> Entry | None:
    """What has the model's own denoiser see a map: the model itself, or a LoRA; None where it sees none."""
    if takes_map(model):
        return model
    return next((file for asked, file in loras if asked.weight and shows_map(file)), None)


def _is_own(wish: ControlWish, seer: Entry) -> bool:
    """Is it the map that the denoiser itself sees: called so, as what has it do so is, or what that is for?"""
    called = wish.model.lower()
    if called in (OWN, seer.name.lower()):
        return True
    meant = map_meant(words_of(seer.name))
    return meant is not None and map_meant(alike(called)) == meant


def _check_whole(wish: ControlWish, path: str) -> None:
    """Raises Unsupported for what can't be said of a map that the model itself sees."""
    for field, value, all_of_it in (("strength", wish.strength, 1), ("start", wish.start, 0), ("end", wish.end, 1)):
        if value is not None and value != all_of_it:
            raise Unsupported(message("control.own_whole", f"{path}.{field}", value=value))


async def _file(gateway: Gateway, wish: ControlWish, model: Entry, field: str) -> Entry:
    """The file of that name, else one for such maps that goes with the model. Raises PartNotFound, which says what to
    put there, where there is none at all; BadRequest."""
    try:
        return await gateway.named(field, wish.model, CONTROLNET, wish.digest, beside(model))
    except PartNotFound as error:
        called = model_called(wish.model)  # AUTOMATIC1111's names have a digest behind them
        meant = _meant(called, await gateway.entries(), model)
        if meant is not None:
            return await gateway.named(field, meant.name, CONTROLNET, None)
        if called != wish.model:
            return await gateway.named(field, called, CONTROLNET, None, beside(model))
        proper = proper_control(model, map_meant(alike(called.lower())))
        if not proper:
            raise
        code = "control.proper" if error.note.code in _NONE_FITS else "control.would"
        raise PartNotFound(message(code, field, why=error.note, file=proper)) from error


async def _of_lora(gateway: Gateway, wish: ControlWish, model: Entry) -> Entry | None:
    """The LoRA of that name that would have the model see a map, were it among its own."""
    called, families = wish.model.lower(), lora_families(model.family)
    seers = (file for file in await gateway.entries() if shows_map(file) and file.family in families)
    return next((file for file in seers if file.name.lower() == called), None)


def _meant(word: str, files: list[Entry], model: Entry) -> Entry | None:
    """The file that a word such as `canny` means: one called so, else a union."""
    words = alike(word.lower())
    usable = [file for file in files if file.kind == CONTROLNET and not file.problem and goes_with(file, model)]
    named = [file for file in usable if words & words_of(file.name)]
    unions = [file for file in usable if is_for_several(file.name, file.variant)] if map_meant({word.lower()}) else []
    return min(named or unions, key=_rank, default=None)


def _rank(file: Entry) -> tuple[int, bool, int, str]:
    place = _ORDER.index(file.variant) if file.variant in _ORDER else len(_ORDER)
    return place, file.shipped, len(file.name), file.name


async def _with_map(
    gateway: Gateway, wish: ControlWish, file: Entry, path: str, warnings: list[Message]
) -> ChosenControl:
    """The control with what makes its map: what is said, else what the file is for, where that can be made here."""
    several = is_for_several(file.name, file.variant)
    meant = map_meant({wish.type or wish.model.lower()} if several else words_of(file.name))
    preprocess, maker = wish.preprocess or meant or NONE, None
    try:
        maker, notes = await chosen_preprocessor(
            gateway, preprocess, field=f"{path}.preprocess", digest=wish.preprocessor
        )
        warnings += notes
    except PartNotFound as error:
        if wish.preprocess is not None:
            raise
        warnings.append(message("control.as_map", f"{path}.image", why=error.note))
        preprocess = NONE
    options = checked_options(preprocess, wish.options or {}, f"{path}.options")
    kind = wish.type or ("" if file.variant != _UNION else preprocess if preprocess != NONE else meant or "")
    if file.variant == _UNION and not kind:
        raise BadRequest(message("control.untyped", f"{path}.type", name=file.name), reason="missing")
    if file.variant == _UNION and kind not in (kinds := union_kinds(file.family)):
        raise BadRequest(message("control.union", path, value=kind, names=", ".join(kinds)))
    return ChosenControl(wish, file, preprocess, kind, maker, options)
