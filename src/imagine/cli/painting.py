"""One request's lines, as files, pictures in the terminal, a bar and words."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .console import warn, write_json, write_path

if TYPE_CHECKING:
    from ..client.client import Client
    from .outputs import Outputs
    from .progress import Bar
    from .terminal import Screen


class Painter:
    """Asks one server, and shows what comes of it."""

    def __init__(self, client: Client, screen: Screen | None = None, *, as_json: bool = False) -> None:
        self._client = client
        self._screen = screen
        self._as_json = as_json

    def paint(self, body: dict[str, Any], outputs: Outputs) -> None:
        """Ask, and act on every line until the last. Hangs up, which cancels, when interrupted. Raises ImagineError."""
        self.show(self._client.generate(body | {"progress": True}), body, outputs)

    def show(self, lines: Generator[dict[str, Any], None, None], body: dict[str, Any], outputs: Outputs) -> None:
        """Act on every line that a server says of what `body` asked for. Raises ImagineError."""
        from .progress import Bar

        with outputs, Bar(hidden=self._as_json or self._screen is not None) as bar, contextlib.closing(lines):
            for line in lines:
                bar.show(line)
                self._act(line, body, outputs, bar)
            sheet = outputs.sheet()
            if sheet is not None and self._as_json:
                write_json({"status": "sheet", "path": str(sheet)})
            elif sheet is not None:
                with bar.away():
                    write_path(sheet)

    def _act(self, line: dict[str, Any], body: dict[str, Any], outputs: Outputs, bar: Bar) -> None:
        """Do what a line asks for, and tell it."""
        picture = line.pop("img", None)
        paths = [] if picture is None else self._keep(line, base64.b64decode(picture), body, outputs)
        if paths:
            line["path"] = str(paths[0])
        if self._as_json:
            write_json(line)
        elif line.get("status") == "blocked":
            with bar.away():
                warn(f"picture {line['index'] + 1}: {line['error']}")
        elif line.get("status") == "final":
            with bar.away():
                for warning in [*line.get("warnings", []), *self._others(line, body)]:
                    warn(warning)
                for path in paths:
                    write_path(path)

    def _others(self, line: dict[str, Any], body: dict[str, Any]) -> list[str]:
        """Where the recipe names another model than the one that has its name by now: which one here is that."""
        if not {"digest", "parts"} & body.keys() or line.get("index", 0):
            return []
        from .same_model import differences

        return [one.words for one in differences(self._client, body, line["meta"]) if one.sure]

    def _keep(self, line: dict[str, Any], data: bytes, body: dict[str, Any], outputs: Outputs) -> list[Path]:
        """Show a picture and put it where it belongs; where that is."""
        index = line.get("index", 0)
        kind = line.get("media_type", "image/png")
        if self._screen is not None and kind == "image/png":
            self._screen.draw(data)
        if line["status"] != "final":
            path = outputs.preview(index, data, kind, str(line.get("seed", "")))
            return [] if path is None else [path]
        if self._screen is not None:
            self._screen.next()
        meta = line["meta"]
        if {"control", "references"} & body.keys():
            from ..asking.carried import pictures_in, with_pictures
            from ..pictures.canonical import digest

            meta = with_pictures(meta, pictures_in(body), digest_of=digest)  # themselves in place of their digests
        named = [name for name in ("img", "mask") if name in body and (meta.get(name) or "references" not in meta)]
        carried = {name: body[name] for name in named}
        saved = {"img": None, "stream": body.get("stream")} | meta | carried  # as the original's files
        return outputs.finish(index, data, line["meta"], saved)
