"""Runs that are killed at a random moment: what is left of them, and whether the next one works.

The moment is after so many of the lines that `imagine run --json` tells, so that every stage of a run is met whatever
the machine's speed.
"""

import base64
import contextlib
import json
import os
import random
import signal
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.daemon import CLI, PATIENCE, Daemon, environment


@dataclass
class Outcome:
    """How a run ended."""

    status: int
    said: list[dict]
    errors: str


class Rig:
    """A server, its runs, and the folder they write to."""

    def __init__(
        self, home: Path, server: list[str], run: list[str], seed: int = 0, struck: list[str] | None = None
    ) -> None:
        """`run` is what a run is told, `struck` what one is told that will be struck, if that is something else."""
        self.home = home
        self.pictures = home / "pictures"
        self.pictures.mkdir(parents=True)
        self._server = server
        self._run, self._struck = run, struck or run
        self._random = random.Random(seed)
        self.daemon = Daemon(home, server)

    def __enter__(self) -> "Rig":
        return self

    def __exit__(self, *_: object) -> None:
        self.daemon.kill()

    def run(self, lines: int | None = None, victim=lambda process: None, blows: int = 1) -> Outcome:
        """One `imagine run`; after each so many `lines`, up to so many `blows`, `victim` is called with its process."""
        arguments = [
            *CLI,
            "run",
            *(self._run if lines is None else self._struck),
            "-a",
            self.daemon.url,
            "-s",
            "1",
            "--json",
        ]
        process = subprocess.Popen(
            arguments, cwd=self.pictures, env=environment(self.home), text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(json.loads(line))
            if lines is not None and len(said) % lines == 0 and len(said) <= blows * lines:
                victim(process)
        _, errors = process.communicate(timeout=PATIENCE)
        return Outcome(process.returncode, said, errors)

    def ask(self, path: str) -> Any:
        """What the server says there."""
        with urllib.request.urlopen(self.daemon.url + path, timeout=PATIENCE) as answer:
            data = answer.read()
            return json.loads(data) if answer.headers.get_content_type() == "application/json" else data

    def moment(self, lines: int) -> int:
        """A line to strike at: of the first third, since the run goes on until the blow falls."""
        return self._random.randint(1, lines // 3)

    def kill_worker(self, _: object = None) -> None:
        """As the system does when memory runs out."""
        for worker in self.daemon.workers:
            with contextlib.suppress(ProcessLookupError):
                worker.kill()

    def kill_server(self, _: object = None) -> None:
        """Its worker has to follow by itself."""
        workers = self.daemon.workers
        self.daemon.kill()
        for worker in workers:
            worker.wait(PATIENCE)

    def restart(self) -> None:
        """A new server, where the old one is gone."""
        self.daemon = Daemon(self.home, self._server)

    def check_files(self) -> int:
        """How many finished pictures there are. Raises AssertionError for half of one, and for anything else."""
        names = {path.name for path in self.pictures.iterdir()}
        finished = {name.removesuffix(".json") for name in names if name.endswith(".json")}
        assert names == {name + end for name in finished for end in (".json", ".png")}, f"left over: {sorted(names)}"
        for name in finished:
            saved = json.loads((self.pictures / f"{name}.json").read_bytes())
            assert base64.b64decode(saved["out"]) == (self.pictures / f"{name}.png").read_bytes(), name
        return len(finished)


def interrupt(process: subprocess.Popen) -> None:
    """Ctrl-C in the terminal that a run has to itself."""
    os.killpg(process.pid, signal.SIGINT)


def check_told(outcome: Outcome) -> None:
    """One clear sentence, and exit status 1."""
    assert outcome.status == 1, outcome
    assert outcome.errors.startswith("Error: "), outcome.errors
    assert outcome.errors.count("\n") == 1, outcome.errors
    assert "killed by SIGKILL" in outcome.errors or "went away" in outcome.errors, outcome.errors


def strike(rig: Rig, at: str, lines: int) -> bool:
    """One kill of the `worker` or the `server` during a run of so many lines, and what must be true afterwards.

    A worker is killed twice, since a picture is begun anew once. False where the run was done before it was hit.
    """
    before = rig.check_files()
    if at == "worker":
        struck = rig.run(rig.moment(lines), rig.kill_worker, blows=2)
    else:
        struck = rig.run(rig.moment(lines), rig.kill_server)
    was_hit = struck.status != 0
    if was_hit:
        check_told(struck)
    assert rig.check_files() == before + (not was_hit)
    if at == "server":
        rig.restart()
    well = rig.run()
    assert (well.status, well.said[-1]["status"]) == (0, "final"), well
    assert rig.check_files() == before + (not was_hit) + 1
    return was_hit
