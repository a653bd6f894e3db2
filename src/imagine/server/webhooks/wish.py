"""What a request says of a webhook: whether it may, and of which events it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...messages import message
from ...settings.settings import Settings
from ...settings.webhooks import MOST_URL, target_from
from ...words.errors import BadRequest, Unsupported
from ..lasting.rows import Webhook


def webhook_from(
    url: object, field: str, settings: Settings, events: tuple[str, ...], shape: str, base: str
) -> Webhook:
    """The webhook that a request names in `field`. Raises Unsupported where there are none here, BadRequest for what
    the owner doesn't allow."""
    if settings.webhooks is None:
        raise Unsupported(message("webhook.none", field))
    said = url if isinstance(url, str) else ""
    try:
        target = target_from(said)
    except ValueError as error:
        raise BadRequest(message("webhook.form", field, most=MOST_URL)) from error
    if not settings.webhooks.allows(target):
        raise BadRequest(message("webhook.elsewhere", field))
    if settings.offline and not target.is_local:
        raise Unsupported(message("webhook.offline", field))
    return Webhook(said, target.origin, events, shape, base)


def events_from(said: object, field: str, names: Mapping[str, str], default: Sequence[str]) -> tuple[str, ...]:
    """Our names of the events that a request lists, by its own `names`. Raises BadRequest."""
    if said is None:
        return tuple(default)
    if not isinstance(said, list) or not said or not all(isinstance(each, str) and each in names for each in said):
        raise BadRequest(message("webhook.events", field, values=", ".join(names)))
    return tuple(dict.fromkeys(names[each] for each in said))
