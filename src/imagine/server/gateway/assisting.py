"""The gateway's assistant, where the settings name one: without, nothing of it is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...pictures.looking.turns import Turns
from ...settings.settings import Settings
from .metrics import Metrics

if TYPE_CHECKING:
    from ...assistant.assistant import Assistant


def assistant_of(settings: Settings, metrics: Metrics) -> Assistant | None:
    """It, not asked for anything yet; None where there is none."""
    if not settings.assistant:
        return None
    from ...assistant.assistant import Assistant

    return Assistant(settings.assistant, settings.home / "state", turn=Turns().turn, observe=metrics.assisted)
