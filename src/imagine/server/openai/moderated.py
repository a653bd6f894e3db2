"""What pictures among the inputs of `POST /v1/moderations` score: such as `data:` URLs, since none is fetched."""

from __future__ import annotations

from collections.abc import Mapping

from ...asking.checking import refusal
from ...messages import message
from ...words.errors import ImagineError, Unsupported
from ..gateway.gateway import Gateway
from ..orders.picture_check import checker_of

MOST_PICTURES = 8
LARGEST = 1024
"""Pixels of a side: a larger picture is made smaller before it is looked at, which sees less of it anyway."""


def pictures_in(parts: list[dict[str, object]]) -> list[str]:
    """The pictures among an input's parts, each in base64. Raises BadRequest for other addresses than `data:`, and for
    more than are looked at."""
    addresses = [_address_of(part.get("image_url")) for part in parts if part.get("type") == "image_url"]
    if len(addresses) > MOST_PICTURES:
        raise refusal("input", addresses, message("allowed.moderated_pictures", most=MOST_PICTURES))
    return addresses


def _address_of(value: object) -> str:
    url = value.get("url") if isinstance(value, Mapping) else value
    kind, comma, data = url.partition(",") if isinstance(url, str) else ("", "", "")
    if not comma or not kind.startswith("data:image/") or not kind.endswith(";base64"):
        raise Unsupported(message("moderation.fetched", "input"))
    return data


async def seen_in(gateway: Gateway, pictures: list[str], named: str | None, client: str) -> dict[str, float]:
    """The highest score of any of them, by each category that what looks tells: the classifier that is `named`, or the
    one that ships.

    Raises Unsupported where nothing does, BadPicture, Busy.
    """
    try:
        checker = await checker_of(gateway, named)
    except ImagineError as error:
        raise Unsupported(message("moderation.pictures", "input", why=error.note)) from error
    highest: dict[str, float] = {}
    with gateway.scoring.place(client):
        for text in pictures:
            data, looked = await gateway.look(client, text, "input", copy="smaller", largest=LARGEST, reduced=True)
            scored = await gateway.scoring.score(checker, looked.copy or data, client)
            for name, score in scored.scores.items():
                highest[name] = max(score, highest.get(name, 0.0))
    return highest
