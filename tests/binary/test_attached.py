"""The attached half: unpacked once, whole or mended, and removed when its version isn't run any more."""

import errno
import io
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from imagine.binary import attached
from imagine.binary.attached import AttachedHalf, SigningHalf
from imagine.binary.index import Archive, Block, BundledFile, Index, index_from, is_right, module_of, text_of
from imagine.binary.on_import import OnImport
from imagine.binary.unpack import Source, unpack
from imagine.binary.versions import remove_others
from imagine.files.shipped import UNPACKED
from imagine.words.errors import ImagineError
from tests.binary.test_launcher import AS_ROOT, TIMES, check_works
from tests.binary.tiny import REST, contents

# A frozen program keeps no bytecode beside what it unpacked.
PROVIDE = [sys.executable, "-B", str(Path(__file__).parent / "provide.py")]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(made: Path, runtime: Path) -> Path:
    """The version's folder, its light half unpacked."""
    return check_works(made, runtime)


def provide_in(folder: Path, binary: Path | None, told: io.StringIO | None = None, *, rest: bool = False) -> Path:
    return AttachedHalf(folder, binary and str(binary), told or io.StringIO()).provide(rest=rest)


def provide(made: Path, folder: Path, seed: int = 1, *, rest: bool = False) -> str:
    """Checks that it is whole afterwards, and no more is there than that; what was told."""
    told = io.StringIO()
    target = provide_in(folder, made / f"imagine{seed}", told, rest=rest)
    packed = contents(made / f"made{seed}/heavy")
    assert contents(target) == {path: packed[path] for path in packed if rest or path not in REST}
    return told.getvalue()


def start(made: Path, folder: Path, *modules: str, limit: int | None = None) -> subprocess.Popen[str]:
    """A process that unpacks, and imports; `limit` is how many half kilobytes it may write into one file."""
    environment = os.environ | {"_IMAGINE_FILE": str(made / "imagine1"), "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    limited = [] if limit is None else ["sh", "-c", f'ulimit -c 0; ulimit -f {limit}; exec "$0" "$@"']
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen([*limited, *PROVIDE, str(folder), *modules], env=environment, text=True, **pipes)


def test_it_is_unpacked_once(made: Path, folder: Path) -> None:
    said = provide(made, folder).splitlines()
    assert said[0] == "unpacking, once for this version: 0 %"
    assert said[-2] == "unpacking, once for this version: 100 %"
    before = {path: path.lstat().st_ctime_ns for path in folder.rglob("*")}
    assert provide(made, folder) == ""
    assert {path: path.lstat().st_ctime_ns for path in folder.rglob("*")} == before


def test_what_signs_lies_apart(made: Path, folder: Path) -> None:
    half = SigningHalf(folder, str(made / "imagine1"))
    assert contents(half.provide()) == contents(made / "made1/signing")
    assert not (folder / "worker").exists()
    (folder / "signing/signs.py").write_text("SEED = 0\n")
    assert contents(half.provide()) == contents(made / "made1/signing")


def test_a_terminal_sees_how_far_it_is(made: Path, folder: Path) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    told = Terminal()
    provide_in(folder, made / "imagine1", told)
    line, end = told.getvalue().split("\n")[:2]
    assert line.startswith("\runpacking, once for this version: 0 %\runpacking")
    assert line.endswith("\runpacking, once for this version: 100 %")
    assert end.startswith("unpacked in ")


def _link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = {
    "changed": lambda path: path.write_bytes(b"X" + path.read_bytes()[1:]),
    "removed": lambda path: path.unlink(),
    "cut": lambda path: os.truncate(path, 1),
    "made a link": _link,
    "made a folder": _folder,
    "others may write": lambda path: path.chmod(0o666),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("name", ["brought.py", "deep/er/7.bin"])
def test_what_was_damaged_is_mended(made: Path, folder: Path, damage: object, name: str) -> None:
    provide(made, folder)
    damage(folder / "worker" / name)  # type: ignore[operator]
    assert "unpacked" in provide(made, folder)


def test_a_link_that_leads_elsewhere_is_mended(made: Path, folder: Path) -> None:
    provide(made, folder)
    (folder / "worker/link").unlink()
    (folder / "worker/link").symlink_to("/")
    provide(made, folder)


def test_two_at_once(made: Path, runtime: Path) -> None:
    for turn in range(TIMES):
        folder = check_works(made, runtime / str(turn))
        both = [start(made, folder) for _ in range(2)]
        ends = [process.communicate(timeout=240) for process in both]
        assert [process.returncode for process in both] == [0, 0], ends
        assert sum("unpacked in" in err for _, err in ends) == 1, "one unpacks, the other waits"
        assert provide(made, folder) == ""


def test_a_kill_while_it_unpacks(made: Path, runtime: Path) -> None:
    """The kernel kills it within the first file that is larger than a limit."""
    for turn in range(TIMES):
        folder = check_works(made, runtime / str(turn))
        process = start(made, folder, limit=1 + 2 * turn)
        said = process.communicate(timeout=240)
        assert process.returncode == -signal.SIGXFSZ, said
        assert list(folder.rglob("*.part")), "it was killed within a file"
        provide(made, folder)
        assert not list(folder.rglob("*.part"))


def test_a_full_disk_is_not_left_full(made: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(done: int, size: int) -> None:
        if done > size // 2:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(attached, "_teller", lambda _: full)
    with pytest.raises(
        ImagineError, match=r"there is no room to unpack in .*: it takes \d+ MB; make room, or set IMAG"
    ):
        provide_in(folder, made / "imagine1")
    assert not [path for path in (folder / "worker").rglob("*") if path.is_file() and not path.is_symlink()]


def test_a_disk_that_is_too_small_is_told_before(made: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attached.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(ImagineError, match="there is no room to unpack"):
        provide_in(folder, made / "imagine1")
    assert not (folder / "worker").exists()


def test_a_file_that_was_replaced_by_another_version(made: Path, folder: Path) -> None:
    with pytest.raises(ImagineError, match="imagine2 was replaced since this program was started: start it again"):
        provide_in(folder, made / "imagine2")
    provide(made, folder)
    provide_in(folder, made / "imagine2")  # it isn't needed any more


def test_a_file_that_is_gone(made: Path, folder: Path) -> None:
    with pytest.raises(ImagineError, match=r"can't unpack .* No such file .*gone"):
        provide_in(folder, made / "gone")


def test_a_half_that_was_started_by_hand(folder: Path) -> None:
    with pytest.raises(ImagineError, match="start it by the file that you downloaded"):
        provide_in(folder, None)


def test_a_file_that_was_damaged(made: Path, folder: Path, tmp_path: Path) -> None:
    data = bytearray((made / "imagine1").read_bytes())
    data[-150] ^= 1  # behind it lie the blocks of the rest and of what signs, which are small, and the footer
    (tmp_path / "imagine1").write_bytes(data)
    with pytest.raises(ImagineError, match="imagine1 is damaged: download it again"):
        provide_in(folder, tmp_path / "imagine1")
    assert contents(folder / "worker").keys() <= {"link"}, "nothing that it holds is left"


def test_a_folder_that_others_can_write_to(made: Path, folder: Path) -> None:
    provide(made, folder)
    (folder / "worker").chmod(0o777)
    with pytest.raises(ImagineError, match="belongs to another user, or others can write to it: remove it"):
        provide_in(folder, made / "imagine1")


@AS_ROOT
def test_a_file_of_another_user_is_replaced(made: Path, folder: Path) -> None:
    provide(made, folder)
    os.chown(folder / "worker/brought.py", 12345, 12345)
    provide(made, folder)
    assert (folder / "worker/brought.py").stat().st_uid == 0


def test_a_new_version_removes_the_old(made: Path, runtime: Path) -> None:
    old = check_works(made, runtime, 1)
    provide(made, old, 1)
    new = check_works(made, runtime, 2)
    assert f"removed {old.name}, an older version" in provide(made, new, 2)
    assert [path.name for path in runtime.iterdir()] == [new.name]


def test_what_is_no_version_is_left_alone(made: Path, folder: Path, runtime: Path) -> None:
    kept = {"notes": "in-use", "0.1.0-abc": "in-use", "0.1.0-0123456789ab": "something"}
    for name, file in kept.items():
        (runtime / name).mkdir()
        (runtime / name / file).touch()
    assert remove_others(folder) == []
    assert {path.name for path in runtime.iterdir()} == {folder.name, *kept}


def told(process: subprocess.Popen[str]) -> tuple[int, list[str], str]:
    out, err = process.communicate("\n\n", timeout=240)
    return process.returncode, out.splitlines(), err


@pytest.mark.parametrize("module", ["later", "deep.later"])
def test_the_rest_is_unpacked_when_it_is_imported(made: Path, folder: Path, module: str) -> None:
    provide(made, folder)
    status, out, err = told(start(made, folder, "brought", module))
    assert (status, out) == (0, ["brought", "1", module, "1"])
    assert err.count("unpacked in") == 1
    assert provide(made, folder, rest=True) == ""


def test_the_rest_that_was_unpacked_is_looked_at_by_every_start(made: Path, folder: Path) -> None:
    provide(made, folder, rest=True)
    (folder / "worker/later.py").write_text("SEED = 'another'")
    assert told(start(made, folder, "later"))[1] == ["later", "1"]


def test_the_rest_comes_from_the_file_that_a_newer_version_has_replaced(
    made: Path, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "imagine1").write_bytes((made / "imagine1").read_bytes())
    process = start(tmp_path, folder, "later")
    assert process.stdout is not None
    assert process.stdout.readline() == "later\n"
    (tmp_path / "newer").write_bytes((made / "imagine2").read_bytes())
    (tmp_path / "newer").replace(tmp_path / "imagine1")
    assert told(process)[:2] == (0, ["1"])


def test_the_rest_of_a_file_that_is_gone(made: Path, folder: Path, tmp_path: Path) -> None:
    provide(made, folder)
    status, _, err = told(start(tmp_path, folder, "later"))
    assert status == 1
    assert err.startswith("Error: imagine can't unpack in ")


def test_a_rest_that_has_no_room_leaves_what_is_needed(
    made: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provide(made, folder)
    with monkeypatch.context() as patched:
        patched.setattr(attached, "_teller", _full_at_once)
        with pytest.raises(ImagineError, match="there is no room to unpack"):
            provide_in(folder, made / "imagine1", rest=True)
    assert provide(made, folder) == ""


def _full_at_once(output: io.StringIO) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_kill_while_the_rest_is_unpacked(made: Path, folder: Path) -> None:
    """The kernel kills it at its first byte."""
    provide(made, folder)
    process = start(made, folder, "later", limit=0)
    process.communicate("\n", timeout=240)
    assert process.returncode == -signal.SIGXFSZ
    assert "unpacked in" in provide(made, folder, rest=True)
    assert not list(folder.rglob("*.part"))


def test_several_threads_import_of_the_rest() -> None:
    calls: list[int] = []
    entered = threading.Barrier(3)

    def ask() -> None:
        entered.wait()
        assert finder.find_spec("later", None) is None  # type: ignore[func-returns-value]

    finder = OnImport(frozenset(["later"]), lambda: calls.append(1))
    assert finder.find_spec("brought", None) is None  # type: ignore[func-returns-value]
    assert calls == []
    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == [1]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/b.py", "a.b"), ("a/b.pyc", "a.b"), ("a/__init__.pyc", "a"), ("a/__pycache__/b.cpython-311.pyc", "a.b"),
        ("a/__pycache__/__init__.cpython-311.pyc", "a"), ("a/_b.cpython-311-x86_64-linux-gnu.so", "a._b"),
        ("a.py", "a"),
    ],
)  # fmt: skip
def test_a_file_belongs_to_a_module(path: str, name: str) -> None:
    assert module_of(path) == name


def test_an_index_is_read_as_it_was_written() -> None:
    entries = [
        BundledFile("d", "a b"),
        BundledFile("f", "a b/é.py", 7),
        BundledFile("x", "run", 0),
        BundledFile("l", "to", target="a b/é.py"),
    ]
    index = Index("1.0-0123456789ab", Archive(entries, [Block(5, 7, "f" * 64)]), Archive([], []), Archive([], []))
    assert index_from(text_of(index)) == index


def test_time_and_size_tell_a_change(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    entry = BundledFile("f", "file", 5)
    assert not is_right(entry, str(tmp_path))
    os.utime(path, (UNPACKED, UNPACKED))
    assert is_right(entry, str(tmp_path))
    assert not is_right(entry._replace(size=4), str(tmp_path))
    assert not is_right(entry._replace(kind="x"), str(tmp_path))
    assert not is_right(entry._replace(kind="d"), str(tmp_path))


def test_bytes_that_end_early_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    archive = Archive([BundledFile("f", "a", 1)], [Block(10, 1, "0" * 64)])
    with (tmp_path / "file").open("rb") as file, pytest.raises(ImagineError, match="damaged"):
        unpack(archive, Source(file.fileno(), 0, "file"), tmp_path, lambda done, size: None)
