"""The models of the folders that the environment says, for commands that change which there are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..files.model_folders import home_from, roots_from
from .console import note

if TYPE_CHECKING:
    from ..registry.registry import Registry


def registry_here() -> Registry:
    """What lies there now."""
    from ..files.shipped import models
    from ..registry.registry import Registry

    registry = Registry(roots_from(os.environ), shipped=models())
    registry.refresh()
    return registry


def registry_of_this_machine() -> Registry:
    """The same, for a command that asks no server, as it says where one is named."""
    if os.environ.get("IMAGINE_HOST", "").strip(" '\""):
        note("this is about the models of this machine: IMAGINE_HOST isn't asked")
    return registry_here()


def offers_file() -> Path:
    """Where it is kept what sites said of the catalogue's names."""
    return home_from(os.environ) / "catalogue.json"
