"""The installer, from a release whose program is a shell script: what it puts where, takes away, and refuses."""

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from imagine import __version__
from tools.binary.release import installer, split

NAME = f"imagine-{__version__}-linux-x86_64"
PROGRAM = '#!/bin/sh\necho "imagine of {}"\n'
SHELLS = [["dash"], ["bash", "--posix"], ["busybox", "sh"]]


@pytest.fixture
def release(tmp_path: Path) -> Path:
    folder = tmp_path / "release"
    folder.mkdir()
    for flavour in ("cpu", "cuda"):
        (folder / (NAME if flavour == "cpu" else f"{NAME}-{flavour}")).write_text(PROGRAM.format(flavour))
    (folder / "install.sh").write_text(installer("2.17", 580))
    write_sums(folder)
    return folder


def write_sums(folder: Path) -> None:
    files = sorted(folder.glob("imagine-*"))
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (folder / "SHA256SUMS").write_text("".join(lines))


class Machine:
    """A home that is empty, and tools of its own that are found before the system's."""

    def __init__(self, folder: Path, release: Path) -> None:
        self.home = folder / "home of mine"
        self.release = release
        self.tools = folder / "tools"
        self.program = self.home / ".local/bin/imagine"
        self.kept = self.home / ".local/share/imagine/install.sh"
        for path in (self.home, self.tools):
            path.mkdir()
        self.tool("nvidia-smi", "exit 1")

    def tool(self, name: str, script: str) -> None:
        """Has a program answer by `script`."""
        path = self.tools / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def run(
        self, *arguments: str, shell: list[str] = SHELLS[0], script: Path | None = None, piped: bool = False
    ) -> subprocess.CompletedProcess[str]:
        environment = {"HOME": str(self.home), "PATH": f"{self.tools}:{os.environ['PATH']}"}
        script = script or self.release / "install.sh"
        command = [*shell, *(("-s", "--") if piped else (str(script),)), *arguments]
        given = script.read_text() if piped else None
        return subprocess.run(command, env=environment, input=given, capture_output=True, text=True, check=False)

    def install(self, *arguments: str, **how: object) -> str:
        """Installs from the folder; what was said."""
        done = self.run("--from", str(self.release), *arguments, **how)  # type: ignore[arg-type]
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def refuse(self, *arguments: str) -> str:
        """Installs nothing; why."""
        done = self.run("--from", str(self.release), *arguments)
        assert done.returncode == 1
        assert not [path for path in self.home.rglob("*") if path.is_file()]
        return done.stderr

    def installed(self) -> str:
        return subprocess.run([self.program], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def machine(tmp_path: Path, release: Path) -> Machine:
    return Machine(tmp_path, release)


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_one_command_installs_and_one_undoes(machine: Machine, shell: list[str]) -> None:
    if shutil.which(shell[0]) is None:
        pytest.skip(f"there is no {shell[0]} here")
    said = machine.install(shell=shell)
    assert machine.installed() == "imagine of cpu"
    assert f"sh {machine.kept} --uninstall" in said
    assert f"{machine.program.parent} isn't in your PATH" in said
    models, unpacked = machine.home / ".imagine/models/mine", machine.home / ".cache/imagine/runtime/1.0-0/file"
    for path in (models, unpacked):
        path.parent.mkdir(parents=True)
        path.touch()
    assert machine.install(shell=shell), "a second time it is an update"
    done = machine.run("--uninstall", shell=shell, script=machine.kept)
    assert (done.returncode, done.stderr) == (0, "")
    assert [path for path in machine.home.rglob("*") if path.is_file()] == [models]
    assert machine.run("--uninstall", "--purge", shell=shell).returncode == 0
    assert [path for path in machine.home.rglob("*") if path.is_file()] == []


def test_through_a_pipe_from_a_url(machine: Machine) -> None:
    done = machine.run("--from", machine.release.as_uri(), piped=True)
    assert done.returncode == 0, done.stderr
    assert machine.installed() == "imagine of cpu"
    assert machine.kept.read_text() == (machine.release / "install.sh").read_text()


def test_parts_are_joined(machine: Machine) -> None:
    whole = (machine.release / NAME).read_bytes()
    split(machine.release / NAME, most=10)
    assert not (machine.release / NAME).exists()
    write_sums(machine.release)
    machine.install()
    assert machine.program.read_bytes() == whole


@pytest.mark.parametrize(
    ("driver", "takes", "says"),
    [
        ("580.65.06", "cuda", ""),
        ("575.51.03", "cpu", "driver is 575.51.03, and the CUDA file needs 580"),
        ("N/A", "cpu", ""),
    ],
)  # fmt: skip
def test_nvidias_driver_decides_which_file(machine: Machine, driver: str, takes: str, says: str) -> None:
    machine.tool("nvidia-smi", f"echo {driver}")
    assert says in machine.install()
    assert machine.installed() == f"imagine of {takes}"


def test_a_release_without_cuda(machine: Machine) -> None:
    machine.tool("nvidia-smi", "echo 580.65.06")
    (machine.release / f"{NAME}-cuda").unlink()
    write_sums(machine.release)
    assert "has no CUDA file" in machine.install()


@pytest.mark.parametrize("flavour", ["cpu", "cuda"])
def test_one_may_choose(machine: Machine, flavour: str) -> None:
    machine.install(f"--{flavour}")
    assert machine.installed() == f"imagine of {flavour}"


def _damage(machine: Machine) -> None:
    (machine.release / NAME).write_text("something else")


def _forget(machine: Machine) -> None:
    (machine.release / "SHA256SUMS").write_text("")


def _break(machine: Machine) -> None:
    (machine.release / NAME).write_text("#!/bin/sh\nexit 3\n")
    write_sums(machine.release)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (_damage, f"{NAME} is damaged"),
        (_forget, f"doesn't name {NAME}"),
        (_break, f"{NAME} doesn't start here"),
        (lambda machine: (machine.release / NAME).unlink(), f"{NAME} can't be had from"),
        (lambda machine: (machine.release / "SHA256SUMS").unlink(), "SHA256SUMS can't be had from"),
        (lambda machine: machine.tool("uname", "echo Darwin"), "no file for macOS yet. Imagine runs there from Python"),
        (lambda machine: machine.tool("uname", "echo MINGW64_NT-10.0"), "no file for Windows yet. Use WSL 2"),
        (lambda machine: machine.tool("uname", "[ $1 = -s ] && echo Linux || echo aarch64"), "this is aarch64"),
        (lambda machine: machine.tool("getconf", "echo glibc 2.9"), "needs glibc 2.17"),
    ],
)
def test_what_can_not_be_installed(machine: Machine, spoil: object, why: str) -> None:
    spoil(machine)  # type: ignore[operator]
    assert why in machine.refuse()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--to", "x"], "there is no option --to"),
        (["--purge"], "goes with --uninstall"),
        (["--from"], "needs a folder"),
    ],
)
def test_options_that_can_not_be(machine: Machine, arguments: list[str], why: str) -> None:
    assert why in machine.refuse(*arguments)


def test_a_service_is_started_and_taken_away(machine: Machine) -> None:
    machine.tool("systemctl", f'echo "$@" >> "{machine.home}/asked"')
    machine.install("--service")
    unit = machine.home / ".config/systemd/user/imagine.service"
    assert unit.read_text() == Path("systemd/user/imagine.service").read_text()
    asked = machine.home / "asked"
    assert asked.read_text().splitlines() == [
        f"--user {what}" for what in ("daemon-reload", "enable imagine", "restart imagine")
    ]
    asked.unlink()
    assert machine.run("--uninstall").returncode == 0
    assert not unit.exists()
    assert asked.read_text().splitlines() == ["--user disable --now imagine", "--user daemon-reload"]


@pytest.mark.skipif(shutil.which("flock") is None, reason="no flock, by which the script asks")
def test_what_runs_is_not_taken_away(machine: Machine) -> None:
    machine.install()
    lock = machine.home / ".cache/imagine/runtime/1.0-0/in-use"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        done = machine.run("--uninstall")
    assert done.returncode == 1
    assert "Imagine is running" in done.stderr
    assert machine.installed() == "imagine of cpu"


@pytest.mark.skipif(shutil.which("flock") is None, reason="no flock, by which the script asks")
@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside a command"])
def test_a_private_server_is_ended_unless_a_command_may_need_it(machine: Machine, beside: bool) -> None:
    machine.install()
    program = machine.home / ".cache/imagine/runtime/1.0-0/light/imagine"
    program.parent.mkdir(parents=True)
    shutil.copy(os.path.realpath("/bin/sh"), program)
    with (program.parents[1] / "in-use").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)  # each has it as long as it runs, as from the launcher
        started = [
            subprocess.Popen([program, "-c", "read line", *words], stdin=subprocess.PIPE, pass_fds=[lock.fileno()])
            for words in (("serve", "--private"), *([("run", "a fox")] if beside else []))
        ]
    server = started[0]
    try:
        done = machine.run("--uninstall")
        assert done.returncode == beside, done.stderr
        assert machine.program.exists() == beside
        assert ("Ending the private server" in done.stdout) is not beside
        if not beside:
            assert server.wait(240) == -signal.SIGTERM
        assert server.poll() is None or not beside
    finally:
        for process in started:
            process.kill()
            process.communicate()


def test_its_words_are_all_filled_in() -> None:
    assert "@" not in installer("2.36", 580).replace('"$@"', "")
