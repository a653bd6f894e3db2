"""A source tree at work: its server, what it answers, and its commands; all of it from outside."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.daemon import Daemon, environment


class Refused(Exception):
    """The server, or a command, said no."""


class Server:
    """A running server, asked by HTTP and by the commands of its own tree."""

    def __init__(self, tree: Tree, daemon: Daemon) -> None:
        self.daemon = daemon
        self._tree = tree

    def ask(self, path: str, body: object = None) -> Any:
        """The JSON it answers; `body`, where there is one, is posted: bytes as they are. Raises Refused."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        return json.loads(b"".join(self._open(path, data)))

    def lines(self, body: object) -> list[dict[str, Any]]:
        """What `/generate` streams. Raises Refused, at the end of a stream too."""
        lines = [json.loads(line) for line in self._open("/generate", json.dumps(body).encode())]
        if "error" in lines[-1]:
            raise Refused(lines[-1]["error"])
        return lines

    def _open(self, path: str, data: bytes | None) -> list[bytes]:
        """The lines of an answer, once it is complete."""
        request = urllib.request.Request(self.daemon.url + path, data, {"Accept-Language": "en"})
        try:
            with urllib.request.urlopen(request) as answer:
                return list(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise Refused(f"{error.code}: {error.read().decode()}") from error

    def command(self, *arguments: str, folder: Path) -> str:
        """What `imagine ARGUMENTS` prints, run in `folder` against this server. Raises Refused."""
        seen = environment(self.daemon.home, IMAGINE_HOST=self.daemon.url)
        done = subprocess.run(self._tree.imagine(*arguments), env=seen, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            raise Refused(f"imagine {' '.join(arguments)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout


class Tree:
    """A source tree of any age. Raises ValueError for a folder that is none."""

    def __init__(self, source: Path) -> None:
        self.source = source.resolve()
        if not (self.source / "src/imagine/__main__.py").is_file():
            raise ValueError(f"{source} holds no src/imagine")

    def imagine(self, *arguments: str) -> list[str]:
        """The command line of `imagine ARGUMENTS` of this tree."""
        return ["/usr/bin/env", f"PYTHONPATH={self.source / 'src'}", sys.executable, "-m", "imagine", *arguments]

    @contextlib.contextmanager
    def server(self, home: Path, *arguments: str) -> Iterator[Server]:
        """Its server on the CPU, with `home` as the user's."""
        home.mkdir(parents=True, exist_ok=True)
        with Daemon(home, self.imagine("serve"), "-d", "cpu", *arguments) as daemon:
            yield Server(self, daemon)
