"""A systemd of the tests' own: PID 1 of new namespaces, over a copy of this machine's files that ends with it."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

BOOT = Path(__file__).with_name("boot.sh")
ROOT = Path(__file__).resolve().parents[2]
CHECKOUT, ENVIRONMENT = "/opt/checkout", "/opt/python"
"""Where the machine sees this checkout and this interpreter: they may lie where it sees nothing, or under any name."""
PYTHON = f"{ENVIRONMENT}/bin/python3"
SYSTEMD = Path("/lib/systemd/systemd")
NAMESPACES = ["--pid", "--fork", "--mount", "--mount-proc", "--cgroup", "--uts", "--ipc"]
TRIAL = """
mount -t tmpfs tmpfs /run
mkdir /run/upper /run/work /run/root
mount -t overlay -o lowerdir=/,upperdir=/run/upper,workdir=/run/work overlay /run/root
mount -t sysfs -o ro sysfs /run/root/sys
mount -t cgroup2 cgroup2 /run/root/sys/fs/cgroup
"""
"""The mounts that boot.sh can't do without; they end with the namespace that they are tried in."""
PATIENCE = 240.0
"""Seconds for what systemd is asked to do: for what hangs, not for what is slow."""


def missing() -> str | None:
    """Why there can be no such machine here; None where there can."""
    if not SYSTEMD.exists():
        return "systemd isn't installed: sh tools/systemd.sh"
    if os.geteuid() != 0:
        return "only root can start a systemd of its own"
    tools = ["unshare", "nsenter", "setpriv", "pivot_root"]
    if absent := [tool for tool in tools if shutil.which(tool) is None]:
        return f"{', '.join(absent)} of util-linux isn't installed"
    tried = subprocess.run(
        ["unshare", *NAMESPACES, "sh", "-euc", TRIAL], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    return (
        None if tried.returncode == 0 else f"namespaces with mounts of their own aren't allowed: {tried.stderr.strip()}"
    )


class Machine:
    """A booted systemd. Nothing in it outlives it, whatever happens to the tests."""

    def __init__(self, room: Path) -> None:
        room.mkdir()
        self._log = (room.parent / "boot.log").open("w+")
        self._process = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "KILL", "unshare", "--kill-child", *NAMESPACES, "sh", str(BOOT), str(room)),
                *(str(ROOT), CHECKOUT, str(Path(sys.prefix).resolve()), ENVIRONMENT),
            ],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
        )  # fmt: skip
        try:
            self._until_running()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Machine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends everything in it."""
        self._process.kill()
        self._process.wait(PATIENCE)
        self._log.close()

    def path(self, inside: str) -> Path:
        """A file of the machine, from here."""
        return Path(f"/proc/{self._pid}/root") / inside.lstrip("/")

    def write(self, inside: str, text: str) -> None:
        """A file of the machine with that text."""
        place = self.path(inside)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def run(self, *command: str, check: bool = True, **more: str) -> str:
        """What a command in the machine prints. Raises AssertionError where it fails, unless `check` says not to."""
        inside = ["nsenter", "-t", str(self._pid), "--mount", "--pid", "--cgroup", "--uts", "--ipc", "--", *command]
        plain = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8"} | more
        done = subprocess.run(inside, capture_output=True, text=True, env=plain, timeout=PATIENCE, check=False)
        assert done.returncode == 0 or not check, (
            f"{' '.join(command)}: {done.stderr}{done.stdout}\n{self.last_words()}"
        )
        return done.stdout + done.stderr

    def show(self, unit: str, *names: str) -> dict[str, str]:
        """Properties of a unit."""
        said = self.run("systemctl", "show", unit, f"--property={','.join(names)}")
        return dict(line.split("=", 1) for line in said.splitlines())

    def journal(self, unit: str = "imagine") -> list[tuple[int, str]]:
        """What a unit has said, each line with its priority."""
        self.run("journalctl", "--sync", check=False)  # what was written before is there after that, if anything was
        said = self.run("journalctl", "-u", unit, "--output=json", "--no-pager", check=False)
        lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        return [(int(line["PRIORITY"]), str(line["MESSAGE"])) for line in lines]

    def last_words(self) -> str:
        """What a failing test shows of the journal."""
        return self.run("journalctl", "--no-pager", "--output=cat", "--lines=40", check=False)

    def until(self, holds, what: str):
        """The first true value of `holds()`. Raises AssertionError where it does not become true."""
        end = time.monotonic() + PATIENCE
        while not (found := holds()):
            assert time.monotonic() < end, f"{what} did not happen:\n{self.last_words()}"
        return found

    @property
    def _pid(self) -> int:
        """The number that its PID 1 has out here."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        assert children, f"there is no machine: {self._said()}"
        return int(children[0])

    def _until_running(self) -> None:
        end = time.monotonic() + PATIENCE
        while self._process.poll() is None and time.monotonic() < end:
            if self._is_up():
                return
        raise AssertionError(f"systemd did not start: {self._said()}")

    def _is_up(self) -> bool:
        try:
            return "running" in self.run("systemctl", "is-system-running", "--wait", check=False)
        except (AssertionError, OSError):
            return False

    def _said(self) -> str:
        self._log.seek(0)
        return self._log.read()
