"""A server in a process of its own, that a test can stop, kill and look into: the real one, or one without a model."""

import contextlib
import functools
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil

from imagine.processes.runtime import DECODER_ARGUMENT, WORKER_ARGUMENT

ROOT = Path(__file__).parents[1]
FAKE = [sys.executable, str(ROOT / "tests/server/fake_serve.py")]
BINARY = os.environ.get("IMAGINE_BINARY")
"""The one-file binary, which `make binary-test` puts in the place of the source."""
CLI = [BINARY] if BINARY else [sys.executable, "-m", "imagine"]
REAL = [*CLI, "serve"]
PATIENCE = 600.0
"""Seconds: for what hangs, not for what is slow."""


def environment(home: Path, **more: str) -> dict[str, str]:
    """What every process of a test sees: a home of its own, and no setting from outside."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("IMAGINE_")}
    runtime = home / "run"
    runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
    paths = {"HOME": str(home), "XDG_RUNTIME_DIR": str(runtime), "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    unpacked = {name: os.environ[name] for name in ("IMAGINE_RUNTIME",) if name in os.environ}
    return kept | paths | unpacked | {"IMAGINE_HOME": str(home / ".imagine")} | more


@functools.cache
def unconnected() -> list[str]:
    """What goes before a command that is to find no server by the network, whatever listens on this machine; a socket's
    path leads to a private one all the same. Nothing where the system doesn't allow that."""
    for ways in (["--net"], ["--net", "--user", "--map-current-user"]):
        command = ["unshare", *ways]
        with contextlib.suppress(FileNotFoundError):
            if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
                return command
    return []


class Daemon:
    """A running server; `url` is where it listens, `said` what it has logged. Leaving it as a context kills it."""

    def __init__(self, home: Path, command: list[str], *arguments: str) -> None:
        self.home = home
        self.said: list[str] = []
        command = [*command, "--host", "127.0.0.1", "--port", "0", *arguments]
        self.process = subprocess.Popen(command, env=environment(home), cwd=home, stderr=subprocess.PIPE, text=True)
        self._overdue = threading.Timer(PATIENCE, self.process.kill)
        self._overdue.daemon = True
        self._overdue.start()
        self.url = self._wait_for_url()
        self._overdue.cancel()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> "Daemon":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def workers(self) -> list[psutil.Process]:
        """The processes that it has started and that may draw, and what else works for it but to look at pictures."""
        beside = self.decoders
        return [child for child in psutil.Process(self.process.pid).children() if child not in beside]

    @property
    def painters(self) -> list[psutil.Process]:
        """Those of them that draw, and no other that works for the server and ends when it has."""
        return [child for child in self.workers if {"imagine.worker", WORKER_ARGUMENT} & arguments_of(child)]

    @property
    def decoders(self) -> list[psutil.Process]:
        """Those that look at input pictures: one at most, and none long after the last picture."""
        children = psutil.Process(self.process.pid).children()
        return [child for child in children if {"imagine.pictures.looking", DECODER_ARGUMENT} & arguments_of(child)]

    def stop(self) -> int:
        """Ends it as systemd would; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return status

    def kill(self) -> None:
        """Ends it as nothing can prevent."""
        self.process.kill()
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        if self.process.stderr is not None:
            self.process.stderr.close()

    def _wait_for_url(self) -> str:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)
            if line.startswith("Listening on "):
                return line.split()[-1]
        raise AssertionError(f"the server did not start: {''.join(self.said)}")

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.said.extend(self.process.stderr)


def arguments_of(process: psutil.Process) -> set[str]:
    """What it was started with; nothing of one that has just ended."""
    try:
        return set(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return set()
