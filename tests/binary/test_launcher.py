"""The launcher: what it unpacks is whole or mended, whoever starts, kills, damages or fills up what."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from platformdirs import user_cache_path

from imagine.binary.versions import remove_others
from imagine.processes.runtime import forget_own_libraries
from tests.binary.tiny import contents

TIMES = 10
AS_ROOT = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="mounts file systems")


def start(binary: Path, runtime: Path | None, *arguments: str, **more: str) -> subprocess.Popen[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"} | more
    if runtime is not None:
        environment["IMAGINE_RUNTIME"] = str(runtime)
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen([str(binary), *arguments], env=environment, text=True, **pipes)


def told(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


def check_works(made: Path, runtime: Path, seed: int = 1) -> Path:
    """Starts it, and compares what lies unpacked with what was packed; the version's folder."""
    binary = made / f"imagine{seed}"
    assert told(start(binary, runtime, "a b", "c")) == (0, f"started as {binary} with a b c\n", "")
    [folder] = [
        folder for folder in runtime.iterdir() if contents(folder / "light") == contents(made / f"made{seed}/light")
    ]
    return folder


def refused(made: Path, runtime: Path) -> str:
    status, out, err = told(start(made / "imagine1", runtime))
    assert (status, out) == (1, "")
    assert err.startswith("Error: ")
    assert err.count("\n") == 1
    return err


def test_it_becomes_the_light_half(made: Path, runtime: Path) -> None:
    folder = check_works(made, runtime)
    before = {path: path.lstat() for path in folder.rglob("*")}
    check_works(made, runtime)
    assert [path for path in folder.rglob("*") if path.lstat().st_ctime_ns != before[path].st_ctime_ns] == []


@pytest.mark.parametrize("before", ["", "/opt/some"])
def test_other_programs_get_back_their_libraries(made: Path, runtime: Path, before: str) -> None:
    own = f"{check_works(made, runtime)}/light/_internal"
    out = told(start(made / "imagine1", runtime, "libraries", LD_LIBRARY_PATH=before))[1].splitlines()[1]
    assert out == (f"{own}:{before}/{before}" if before else f"{own}/")
    environ = {"LD_LIBRARY_PATH": own, "LD_LIBRARY_PATH_ORIG": own, "_IMAGINE_LIBRARIES": before, "HOME": "/"}
    forget_own_libraries(environ)
    assert environ == {"HOME": "/"} | ({"LD_LIBRARY_PATH": before} if before else {})


def test_versions_lie_side_by_side(made: Path, runtime: Path) -> None:
    assert check_works(made, runtime, 1) != check_works(made, runtime, 2)


@pytest.mark.parametrize("cache", ["cache", None])
def test_it_unpacks_where_caches_lie(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: str | None
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if cache is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / cache))
    said = {name: os.environ[name] for name in ("HOME", "XDG_CACHE_HOME") if name in os.environ}
    assert told(start(made / "imagine1", None, **said))[0] == 0
    [folder] = (user_cache_path("imagine", appauthor=False) / "runtime").iterdir()
    assert contents(folder / "light") == contents(made / "made1/light")


def _change(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"X")


def _link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


def _replace(path: Path) -> None:
    path.unlink()
    path.mkdir()
    path.rmdir()
    path.write_bytes(b"")


DAMAGES = {
    "changed": _change,
    "removed": Path.unlink,
    "emptied": lambda path: path.write_bytes(b""),
    "made a link": _link,
    "others may write": lambda path: path.chmod(0o666),
    "replaced": _replace,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("name", ["imagine", "deep/er/7.bin"])
def test_what_was_damaged_is_mended(made: Path, runtime: Path, damage: object, name: str) -> None:
    folder = check_works(made, runtime)
    damage(folder / "light" / name)  # type: ignore[operator]
    check_works(made, runtime)


def test_a_program_that_may_not_be_run_any_more_is_mended(made: Path, runtime: Path) -> None:
    (check_works(made, runtime) / "light/imagine").chmod(0o644)
    check_works(made, runtime)


def test_two_starts_at_once(made: Path, runtime: Path) -> None:
    for turn in range(TIMES):
        both = [start(made / "imagine1", runtime / str(turn), "x") for _ in range(2)]
        assert [told(process)[::2] for process in both] == [(0, ""), (0, "")]
        check_works(made, runtime / str(turn))


def test_a_kill_while_it_unpacks(made: Path, runtime: Path) -> None:
    """The kernel kills it within the first file that is larger than a limit."""
    for turn in range(TIMES):
        place = runtime / str(turn)
        limited = ["sh", "-c", f'ulimit -c 0; ulimit -f {1 + 2 * turn}; exec "$0"', str(made / "imagine1")]
        done = subprocess.run(limited, env={"IMAGINE_RUNTIME": str(place)}, capture_output=True)
        assert done.returncode == -signal.SIGXFSZ, done.stderr
        assert list(place.rglob("*.part")), "it was killed within a file"
        check_works(made, place)
        assert not list(place.rglob("*.part"))


def test_others_may_not_own_it_or_write_to_it(made: Path, runtime: Path) -> None:
    folder = check_works(made, runtime)
    for place in (runtime, folder):
        place.chmod(0o777)
        assert f"{place} belongs to another user, or others can write to it" in refused(made, runtime)
        place.chmod(0o700)
    check_works(made, runtime)


@AS_ROOT
def test_what_belongs_to_another_user_is_refused(made: Path, runtime: Path) -> None:
    os.chown(check_works(made, runtime), 12345, 12345)
    assert "belongs to another user" in refused(made, runtime)


@AS_ROOT
def test_what_root_has_prepared_serves_everybody(made: Path, tmp_path: Path) -> None:
    """As in a container's image: unpacked when that is built, read-only when it runs, as whatever user."""
    runtime = Path(os.path.realpath("/var/tmp")) / f"imagine-test-{os.getpid()}"  # a tmp_path is for root alone
    try:
        folder = check_works(made, runtime)
        for path in [runtime, *runtime.rglob("*")]:
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)
        for path in (folder / "in-use", folder / "light.lock"):
            path.chmod(0o644)
        (runtime / "imagine").write_bytes((made / "imagine1").read_bytes())
        (runtime / "imagine").chmod(0o755)
        environment = {"IMAGINE_RUNTIME": str(runtime)}
        done = subprocess.run(
            [str(runtime / "imagine"), "x"], env=environment, user=12345, group=12345, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")
    finally:
        subprocess.run(["rm", "-rf", str(runtime)], check=True)


def mounted(runtime: Path, options: str, made: Path) -> str:
    """What it says where `runtime` is a file system of its own, mounted with these options."""
    runtime.mkdir(exist_ok=True)
    script = f'mount -t tmpfs -o {options} tmpfs "$IMAGINE_RUNTIME" && exec "$0" x'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, str(made / "imagine1")],
        env={"PATH": os.environ["PATH"], "IMAGINE_RUNTIME": str(runtime)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("\n") == 1
    return done.stderr


@AS_ROOT
@pytest.mark.parametrize(
    ("options", "why"),
    [
        ("mode=700,noexec", "mounted noexec: nothing can be run from there"),
        ("mode=700,size=100k", "is full: imagine unpacks itself there once (No space left on device)"),
        ("mode=700,ro", "Read-only file system. It unpacks itself there once"),
    ],
)
def test_a_place_that_will_not_do(made: Path, runtime: Path, options: str, why: str) -> None:
    said = mounted(runtime, options, made)
    assert why in said
    assert "IMAGINE_RUNTIME" in said


@pytest.mark.parametrize(
    ("said", "why"),
    [("relative", "must be the full path of a folder"), ("/dev/null/x", "Not a directory")],
)
def test_a_folder_that_can_not_be(made: Path, said: str, why: str) -> None:
    assert why in refused(made, Path(said))


def test_a_file_that_was_not_downloaded_whole(made: Path, runtime: Path, tmp_path: Path) -> None:
    whole = (made / "imagine1").read_bytes()
    for cut in (len(whole) - 1, len(whole) // 2):
        (tmp_path / "imagine1").write_bytes(whole[:cut])
        (tmp_path / "imagine1").chmod(0o755)
        assert "is not whole: download it again" in refused(tmp_path, runtime)
    assert not runtime.exists()


def test_a_file_that_was_damaged(made: Path, runtime: Path, tmp_path: Path) -> None:
    data = bytearray((made / "imagine1").read_bytes())
    begin = int.from_bytes(data[-64 + 8 + 16 : -64 + 8 + 24], "little")
    data[begin + 1000] ^= 1
    (tmp_path / "imagine1").write_bytes(data)
    (tmp_path / "imagine1").chmod(0o755)
    assert "is damaged: download it again" in refused(tmp_path, runtime)
    assert not list(runtime.rglob("*.bin"))


def test_a_version_that_runs_is_not_removed(made: Path, runtime: Path) -> None:
    old, new = check_works(made, runtime, 1), check_works(made, runtime, 2)
    running = start(made / "imagine1", runtime, "wait")
    assert running.stdout is not None
    assert running.stdout.readline().startswith("started")
    assert remove_others(new) == []
    told(running)
    assert remove_others(new) == [old.name]
    assert [path.name for path in runtime.iterdir()] == [new.name]
    check_works(made, runtime, 1)
