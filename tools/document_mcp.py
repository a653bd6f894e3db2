"""The table of `docs/mcp.md`, made from the tools' own declarations."""

from __future__ import annotations

from collections.abc import Sequence

from imagine.server.mcp.tools import TOOLS

Rows = list[list[str]]


def tools() -> tuple[Sequence[str], Rows]:
    """Each tool with what it takes."""
    rows = []
    for tool in TOOLS:
        needed = tool["inputSchema"]["required"]
        told = [
            f"`{name}`{' (needed)' if name in needed else ''}: {said['description']}"
            for name, said in tool["inputSchema"]["properties"].items()
        ]
        rows.append([f"`{tool['name']}`", tool["description"], "<br>".join(told)])
    return ["tool", "what it does", "what it takes"], rows
