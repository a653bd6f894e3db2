"""Our own dialect: what `/generate` says, made of events. Nothing but translation."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ...dispatch.worker import error_from_failed
from ...messages import NO_NAMES, Language, Message, Names, sentence, sentences
from ...pictures.metadata import Recipe
from ...words.events import Failed, Finished, Loading, Preview, Progress, Queued
from ...words.frames import JobReport
from ..http.errors import details_of, native_error

_PNG = "image/png"
NONE_LEFT_OUT: Mapping[int, dict[str, Any]] = MappingProxyType({})


def answer_from_finished(
    finished: list[Finished], warnings: list[Message], language: Language = "en", called: Names = NO_NAMES,
    left_out: Mapping[int, dict[str, Any]] = NONE_LEFT_OUT,
) -> dict[str, Any]:  # fmt: skip
    """The one object of a request that doesn't stream; `finished` in the order of their seeds. What of several is
    `left_out` stands at its index, as `left_out_from` tells it."""
    first = finished[0]
    answer: dict[str, Any] = {
        "img": _base64(first.data),
        "seed": _seed(first),
        "meta": first.meta,
        "timings": first.timings,
    }
    if len(finished) + len(left_out) > 1:
        images = [{"img": _base64(each.data), "seed": _seed(each)} for each in finished]
        for index, told in sorted(left_out.items()):
            images.insert(index, told)
        answer["images"] = images
    if "assisted" in first.meta:
        answer["revised_prompt"] = first.meta["prompt"]
    own = [warning for each in finished for warning in each.warnings]
    return answer | warnings_in([*warnings, *own], language, called)


def intermediate_from_preview(preview: Preview, seed: int) -> dict[str, Any]:
    """The line of a picture in the making."""
    line = {"img": _base64(preview.data), "seed": str(seed), "status": "intermediate"}
    kind = {} if preview.media_type == _PNG else {"media_type": preview.media_type}
    return line | {"step": preview.step, "steps": preview.steps} | kind


def final_from_finished(
    finished: Finished,
    steps: int,
    warnings: list[Message],
    language: Language = "en",
    called: Names = NO_NAMES,
) -> dict[str, Any]:
    """A picture's last line."""
    return {
        "img": _base64(finished.data),
        "seed": _seed(finished),
        "status": "final",
        "step": steps,
        "steps": steps,
        "meta": finished.meta,
        "timings": finished.timings,
        **({"revised_prompt": finished.meta["prompt"]} if "assisted" in finished.meta else {}),
        **warnings_in([*warnings, *finished.warnings], language, called),
    }


def left_out_from(refused: Failed, seed: int) -> dict[str, Any]:
    """What is told of one of several pictures that isn't shown."""
    error = error_from_failed(refused)
    return {"status": "blocked", "seed": str(seed), **native_error(error.note, error)}


def enlarged_from_finished(finished: Finished, warnings: list[Message], language: Language = "en") -> dict[str, Any]:
    """What stands beside an enlarged picture."""
    about: dict[str, Any] = {"meta": finished.meta, "timings": finished.timings}
    return about | warnings_in([*warnings, *finished.warnings], language, NO_NAMES)


def map_from_finished(finished: Finished, warnings: list[Message], language: Language = "en") -> dict[str, Any]:
    """The object of a map."""
    return {"img": _base64(finished.data)} | enlarged_from_finished(finished, warnings, language)


def news_from(event: JobReport, order: str, stage: str = "denoising") -> dict[str, Any] | None:
    """The line, without a picture, of what a client asks for by `progress`; None where there is nothing to tell."""
    about = {"job": event.job, "order": order}
    match event:
        case Queued():
            return {"status": "queued", **about, "position": event.position}
        case Loading():
            return {"status": "loading", **about, "model": event.model, "fraction": event.fraction}
        case Progress():
            line = {"status": "progress", **about, "step": event.step, "steps": event.steps}
            return line | {"stage": stage, "remaining": event.remaining}
    return None


def recipe_answer(recipe: Recipe, language: Language = "en") -> dict[str, Any]:
    """What a file says of how it was made; a seed is text, since a browser's numbers end at 2^53."""
    seed = {"seed": str(recipe.meta["seed"])} if "seed" in recipe.meta else {}
    return {"meta": recipe.meta | seed, **warnings_in(recipe.warnings, language, NO_NAMES)}


def warnings_in(notes: list[Message], language: Language, called: Names) -> dict[str, Any]:
    """The warnings, each once: as sentences, and in `notes` what a program can act on, in the same order."""
    by_sentence = {sentence(note, language, called): note for note in reversed(notes)}
    texts = sentences(notes, language, called)
    return {"warnings": texts, "notes": [details_of(by_sentence[each], language, called) for each in texts]}


def _seed(finished: Finished) -> str:
    return str(finished.meta["seed"])


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")
