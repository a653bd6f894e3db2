"""The page's keys as a table, of the list that the page itself shows by `?` (`ui/src/drawers/help/keys.js`)."""

from __future__ import annotations

import json
import re
from pathlib import Path

HELP = Path(__file__).parents[1] / "ui" / "src" / "drawers" / "help"
_LIST = re.compile(r"export const KEYS = (\[.*?\n\]);", re.DOTALL)
_CALLED = {"Delete": "Del"}


def lines() -> list[tuple[str, list[str], str]]:
    """Where a key works, the keys, and what the text of what they do is called."""
    found = _LIST.search((HELP / "keys.js").read_text("utf-8"))
    assert found is not None, "keys.js has its list"
    return [(where, keys, what) for where, keys, what in json.loads(found[1])]


def keys() -> tuple[list[str], list[list[str]]]:
    """The header and the rows."""
    texts = json.loads((HELP / "en.json").read_text("utf-8"))
    rows = [
        [texts[f"keys.{where}"], ", ".join(_named(key, texts) for key in pressed), texts[f"keys.{what}"]]
        for where, pressed, what in lines()
    ]
    return ["where", "key", "does"], rows


def _named(key: str, texts: dict[str, str]) -> str:
    """As a keyboard has it: Ctrl, on a Mac ⌘."""
    parts = [key] if key == "+" else key.split("+")
    said = "+".join(_CALLED.get(part) or texts.get(f"key.{part}", part) for part in parts)
    said = f"`{said}`" if len(said) == 1 and not said.isalnum() and said not in "↑↓←→…" else said
    return said.replace("Mod+", "Ctrl+")
