"""Imagine as a service of a test's machine: what systemd thinks of it, and what it answers."""

import http.client
import json
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterator

from tests.systemd.machine import CHECKOUT, PATIENCE, PYTHON, Machine

HOME = "/var/lib/imagine"
CACHE = "/var/cache/imagine"
DROP_IN = "/etc/systemd/system/imagine.service.d/test.conf"
ENVIRONMENT = "/etc/imagine/imagine.env"
CONFIG = "/etc/imagine/imagine.yaml"
CREDENTIAL = "/etc/credstore/imagine-api-key"
COMMAND = f"{PYTHON} {CHECKOUT}/tests/systemd/serve.py"
"""The server, with a worker that needs no model."""


class Service:
    """The unit `imagine` and its server."""

    def __init__(self, machine: Machine, port: int) -> None:
        self.machine = machine
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.changes = "[Service]\n"
        self._said = len(machine.journal())
        machine.write(ENVIRONMENT, f"IMAGINE_HOST=127.0.0.1:{port}\nIMAGINE_CONFIG={CONFIG}\n")
        self.configure("{}")

    def say(self, text: str) -> None:
        """More of the unit, as `systemctl edit` would have it."""
        self.changes += text
        self.machine.write(DROP_IN, self.changes)
        self.machine.run("systemctl", "daemon-reload")

    def configure(self, text: str) -> None:
        """The configuration file."""
        self.machine.write(CONFIG, text)

    def control(self, *words: str) -> None:
        """`systemctl`. Raises AssertionError where it fails."""
        self.machine.run("systemctl", *words, "imagine")

    def start(self) -> "Service":
        """Starts it; systemd returns when it is ready."""
        self.control("start")
        return self

    def forget(self) -> None:
        """Stops it, and leaves nothing that a test changed."""
        self.machine.run("systemctl", "stop", "imagine", check=False)
        self.machine.run("systemctl", "reset-failed", "imagine", check=False)
        for path in (DROP_IN, ENVIRONMENT, CONFIG, CREDENTIAL):
            self.machine.path(path).unlink(missing_ok=True)
        self.machine.run("systemctl", "daemon-reload")

    def get(self, name: str) -> str:
        """One property of the unit."""
        return self.machine.show("imagine", name)[name]

    @property
    def journal(self) -> list[tuple[int, str]]:
        """What was said since the test began, each line with its priority."""
        return self.machine.journal()[self._said :]

    @property
    def workers(self) -> list[int]:
        """The processes of the server that may draw, as numbers inside."""
        server = self.get("MainPID")
        children = self.machine.path(f"/proc/{server}/task/{server}/children").read_text().split()
        return [int(child) for child in children if "fake_worker" in self._command_of(child)]

    def _command_of(self, process: str) -> str:
        """Nothing of one that has just ended."""
        try:
            return self.machine.path(f"/proc/{process}/cmdline").read_text()
        except OSError:
            return ""

    def status_of(self, path: str, key: str | None = None) -> int:
        """The status of what it answers to a GET."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        try:
            with urllib.request.urlopen(
                urllib.request.Request(self.url + path, headers=headers), timeout=PATIENCE
            ) as a:
                return a.status
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    def health(self) -> dict:
        """What it says of itself."""
        with urllib.request.urlopen(self.url + "/health", timeout=PATIENCE) as answer:
            return json.load(answer)

    def answers(self) -> bool:
        """Does anybody answer there?"""
        try:
            return self.status_of("/health") == 200
        except OSError:
            return False

    def models(self) -> list[str]:
        """The models that it names."""
        with urllib.request.urlopen(self.url + "/models", timeout=PATIENCE) as answer:
            return json.load(answer)["models"]

    def picture(self, prompt: str = "a fox", **more: object) -> dict:
        """The last line of a stream, which is a picture or what went wrong."""
        return deque(self.lines(prompt, **more), maxlen=1).pop()

    def lines(self, prompt: str, **more: object) -> Iterator[dict]:
        """A stream's lines as they come."""
        body = {"model": "fox", "prompt": prompt, "num_steps": 3, "width": 64, "height": 64, "stream": 1} | more
        request = urllib.request.Request(self.url + "/generate", json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                yield from map(json.loads, answer)
        except urllib.error.HTTPError as error:
            yield json.load(error)

    def serves(self) -> bool:
        """Does it make a picture now?"""
        try:
            return bool(self.picture().get("img"))
        except (OSError, http.client.HTTPException):
            return False
