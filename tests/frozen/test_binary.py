"""The built binary: how fast, what it carries, its processes, and its real halves unpacked by many and killed."""

import base64
import contextlib
import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPResponse
from io import BytesIO
from pathlib import Path

import psutil
import pytest
from PIL import Image

from imagine import __version__
from imagine.binary.attached import INDEX
from imagine.binary.index import index_from, is_right
from imagine.processes.runtime import UNPACK_ARGUMENT, WORKER_ARGUMENT
from tests.checkpoints import write_checkpoint
from tests.daemon import PATIENCE, REAL, Daemon, environment, unconnected
from tests.engine.conftest import sd3 as sd3
from tests.guard.encoders import static

LIGHT_SECONDS = 0.5
LARGEST = 322e6
"""Bytes of what PyInstaller makes by itself."""
TIMES = 10
SMALL = {"prompt": "a red fox", "width": 64, "height": 64, "num_steps": 6, "seed": "4"}


def launched(binary: Path, home: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = [*unconnected(), str(binary), *arguments]
    here = environment(home, **more)
    return subprocess.run(command, env=here, cwd=home, capture_output=True, text=True, timeout=PATIENCE, check=False)


def version_in(runtime: Path) -> Path:
    [folder] = runtime.iterdir()
    return folder


def is_whole(folder: Path, *, rest: bool = False) -> bool:
    """Has it what draws, and nothing of the rest? Or all of it?"""
    index = index_from((folder / "light" / INDEX).read_text())
    needed, later = (
        [is_right(entry, str(folder / "worker")) for entry in archive.entries] for archive in (index.needed, index.rest)
    )
    return all(needed) and (all(later) if rest else not any(later))


def be_worker(binary: Path, home: Path, runtime: Path) -> subprocess.Popen[str]:
    """A worker that nobody speaks to: it unpacks, and ends."""
    here = environment(home, IMAGINE_RUNTIME=str(runtime))
    command = [str(binary), WORKER_ARGUMENT]
    return subprocess.Popen(command, env=here, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def seconds(binary: Path, home: Path, runtime: Path, *arguments: str) -> float:
    begun = time.perf_counter()
    done = launched(binary, home, *arguments, IMAGINE_RUNTIME=str(runtime))
    taken = time.perf_counter() - begun
    assert (done.returncode, done.stderr) == (0, "")
    return taken


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("list",)])
def test_small_commands_are_fast_from_the_first_start_on(
    binary: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    first = [seconds(binary, tmp_path, tmp_path / str(turn), *arguments) for turn in range(5)]
    later = [seconds(binary, tmp_path, tmp_path / "0", *arguments) for _ in range(5)]
    assert min(first) <= LIGHT_SECONDS, first
    assert min(later) <= LIGHT_SECONDS, later


def test_it_is_small_and_alone(binary: Path) -> None:
    assert binary.stat().st_size < LARGEST / 1.5
    assert binary.is_file()
    assert not binary.is_symlink()


def test_a_read_only_home_gets_a_sentence(binary: Path, tmp_path: Path) -> None:
    tmp_path.joinpath("file").touch()
    done = launched(binary, tmp_path, "list", IMAGINE_RUNTIME=str(tmp_path / "file/below"))
    assert done.returncode == 1
    assert done.stderr.startswith("Error: imagine can't make the folder")
    assert done.stderr.count("\n") == 1


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_checkpoint(tmp_path / ".imagine/models/tiny.safetensors")
    return tmp_path


def begun(daemon: Daemon, path: str, body: dict | None = None, **headers: str) -> HTTPResponse:
    """An answer whose first bytes have come."""
    data = None if body is None else json.dumps(body).encode()
    return urllib.request.urlopen(urllib.request.Request(daemon.url + path, data, headers), timeout=PATIENCE)


def asked(daemon: Daemon, path: str, body: dict | None = None, **headers: str) -> bytes:
    with begun(daemon, path, body, **headers) as answer:
        return answer.read()


def test_a_server_is_one_process_and_its_worker(home: Path) -> None:
    with Daemon(home, REAL, "-d", "cpu") as daemon:
        lines = [json.loads(line) for line in asked(daemon, "/generate", SMALL | {"stream": 2}).splitlines()]
        assert [line["step"] for line in lines] == [2, 4, 6]
        assert all(Image.open(BytesIO(base64.b64decode(line["img"]))).size == (64, 64) for line in lines)
        gateway = psutil.Process(daemon.process.pid)
        beside = daemon.decoders  # one made the key that signs, and ends some seconds later
        assert [child for child in gateway.children(recursive=True) if child not in beside] == daemon.workers
        assert len(daemon.workers) == 1
        mapped = {Path(entry.path).name for entry in gateway.memory_maps()}
        assert not [name for name in mapped if "torch" in name]
        assert gateway.memory_info().rss < 120e6
        assert daemon.stop() == 0


def test_the_page_and_what_ships_are_inside(home: Path) -> None:
    with Daemon(home, REAL, "-d", "cpu") as daemon:
        assert b"<html" in asked(daemon, "/", Accept="text/html")
        assert b'lang="ru"' in asked(daemon, "/?lang=ru", Accept="text/html")
        assert "watercolor" in asked(daemon, "/presets").decode().lower()
        assert json.loads(asked(daemon, "/openapi.json"))["info"]["version"] == __version__


def test_what_ships_draws_and_signs_and_what_is_not_drawn_is_told(binary: Path, tmp_path: Path) -> None:
    """The model that ships, its LoRA, embedding and upscaler; the mark; the library that signs; the lists of words."""
    told = "a red cat, toybox-night <lora:toybox-outline:0.8>"
    small = ("-w", "64", "-h", "64", "-n", "2", "--hires", "2", "--upscaler", "realesr-animevideov3", "--watermark")
    done = launched(binary, tmp_path, "run", "toybox", told, *small, "-o", "cat")
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "cat.png") as picture:
        assert picture.size == (128, 128)
    found = json.loads(launched(binary, tmp_path, "inspect", "--json", "cat.png").stdout)
    assert (found["origin"], found["signature"], found["model"]) == ("here", "ours", "toybox")
    assert (found["looked"], found["watermark"]["says"]) == (True, "painted")
    signer = json.loads(launched(binary, tmp_path, "provenance", "show", "--json").stdout)
    assert signer["subject"].endswith(found["signer"].rpartition(", ")[2])
    refused = launched(binary, tmp_path, "run", "toybox", "a naked child", "-o", "no")
    assert (refused.returncode, "this server doesn't draw" in refused.stderr) == (2, True), refused.stderr
    assert not (tmp_path / "no.png").exists()


def test_pictures_are_looked_at_and_prompts_by_what_they_mean(tmp_path: Path) -> None:
    """By the classifier that ships in the worker, and by an encoder of the user's in the guard."""
    static(tmp_path / ".imagine/models/embedders/few-words", {"spider": (1, 0), "arachnid": (0.9, 0.1), "cat": (0, 1)})
    rules = json.dumps({"policy": "standard", "topics": {"spiders": ["spider"]}})
    with Daemon(tmp_path, REAL, "-d", "cpu", "--moderation", rules) as daemon:
        made = json.loads(asked(daemon, "/generate", SMALL | {"model": "toybox", "prompt": "a cat"}))
        assert made["timings"]["looking"] > 0
        until = time.monotonic() + PATIENCE
        while not any("prompts are compared by" in line for line in daemon.said):
            assert time.monotonic() < until, daemon.said
            asked(daemon, "/health")
        with pytest.raises(urllib.error.HTTPError) as refused:
            asked(daemon, "/generate", SMALL | {"prompt": "an arachnid"})
        assert json.load(refused.value)["rule"] == "embedding"


def test_models_that_ship_are_as_old_as_their_unpacking(binary: Path, tmp_path: Path) -> None:
    """Whatever time their files bear."""
    begun = time.time()
    listed = launched(binary, tmp_path, "list", "--json", IMAGINE_RUNTIME=str(tmp_path / "runtime"))
    modified = {entry["name"]: entry["modified"] for entry in json.loads(listed.stdout)}
    assert modified["toybox"] >= begun - 1, "a file system's clock ticks now and then"


def test_only_what_draws_is_unpacked_until_more_is_asked_for(
    binary: Path, home: Path, sd3: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGINE_RUNTIME", str(home / "runtime"))
    (home / ".imagine/models/sd3").symlink_to(sd3.main.path)  # type: ignore[attr-defined]
    with removed_after(home / "runtime") as runtime, Daemon(home, REAL, "-d", "cpu") as daemon:
        asked(daemon, "/generate", SMALL | {"model": "tiny", "sampler": "dpm++ 2m", "stream": 2})
        asked(daemon, "/generate", SMALL | {"model": "toybox", "sampler": "dpm++ sde"})
        assert is_whole(version_in(runtime))
        asked(daemon, "/generate", SMALL | {"model": "sd3"})
        assert is_whole(version_in(runtime), rest=True)


def test_all_is_unpacked_where_that_is_asked_for(binary: Path, tmp_path: Path) -> None:
    with removed_after(tmp_path / "runtime") as runtime:
        done = launched(binary, tmp_path, UNPACK_ARGUMENT, IMAGINE_RUNTIME=str(runtime))
        assert done.returncode == 0, done.stderr
        assert is_whole(version_in(runtime), rest=True)
        assert launched(binary, tmp_path, UNPACK_ARGUMENT, IMAGINE_RUNTIME=str(runtime)).stderr == ""


def test_a_worker_dies_with_its_gateway(home: Path) -> None:
    with Daemon(home, REAL, "-d", "cpu") as daemon:
        asked(daemon, "/generate", SMALL)
        [worker] = daemon.workers
        daemon.process.send_signal(signal.SIGKILL)
        worker.wait(PATIENCE)


def test_an_input_picture_is_looked_at_by_a_process_of_its_own(home: Path) -> None:
    """Which doesn't bring the heavy half along."""
    with Daemon(home, REAL, "-d", "cpu") as daemon:
        first = asked(daemon, "/generate", SMALL, Accept="image/png")
        redrawn = SMALL | {"img": base64.b64encode(first).decode(), "progress": True}
        with begun(daemon, "/generate", redrawn) as answer:
            assert answer.readline(), (
                "it is on its way: its picture was looked at just now, and seconds later that ends"
            )
            [decoder] = daemon.decoders
            assert decoder.memory_info().rss < 60e6
        daemon.process.send_signal(signal.SIGKILL)
        decoder.wait(PATIENCE)


def test_a_worker_that_is_killed_is_started_again(home: Path) -> None:
    with Daemon(home, REAL, "-d", "cpu") as daemon:
        first = asked(daemon, "/generate", SMALL, Accept="image/png")
        daemon.workers[0].kill()
        while len(daemon.workers) != 1 or json.loads(asked(daemon, "/health"))["status"] != "ready":
            continue
        assert asked(daemon, "/generate", SMALL, Accept="image/png") == first


@pytest.mark.parametrize("family", ["sd2", "sdxl"])
def test_other_families(home: Path, family: str) -> None:
    write_checkpoint(home / ".imagine/models/other.safetensors", family)
    with Daemon(home, REAL, "-d", "cpu") as daemon:
        made = asked(daemon, "/generate", SMALL | {"model": "other"}, Accept="image/png")
        assert Image.open(BytesIO(made)).size == (64, 64)


def test_a_folder_of_a_pipeline_that_runs_whole(home: Path, sd3: object) -> None:
    (home / ".imagine/models/sd3").symlink_to(sd3.main.path)  # type: ignore[attr-defined]
    with Daemon(home, REAL, "-d", "cpu") as daemon:
        made = asked(daemon, "/generate", SMALL | {"model": "sd3"}, Accept="image/png")
        assert Image.open(BytesIO(made)).size == (64, 64)


@contextlib.contextmanager
def removed_after(folder: Path) -> Iterator[Path]:
    """Ten times 700 MB are more than a disk may have."""
    try:
        yield folder
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)


@pytest.mark.timeout(900)
def test_two_starts_of_a_new_version_at_once(binary: Path, tmp_path: Path) -> None:
    for turn in range(TIMES):
        with removed_after(tmp_path / f"runtime{turn}") as runtime:
            both = [be_worker(binary, tmp_path, runtime) for _ in range(2)]
            said = [process.communicate(timeout=PATIENCE)[1] for process in both]
            assert [process.returncode for process in both] == [0, 0], said
            assert sum("unpacked in" in text for text in said) == 1, said
            assert is_whole(version_in(runtime))


@pytest.mark.timeout(900)
def test_a_kill_while_it_unpacks(binary: Path, tmp_path: Path) -> None:
    with removed_after(tmp_path / "whole") as runtime:
        first = be_worker(binary, tmp_path, runtime)
        said = first.communicate(timeout=PATIENCE)[1]
        assert first.returncode == 0, said
        size = _bytes_in(runtime)
    midway = 0
    for turn in range(TIMES):
        with removed_after(tmp_path / f"runtime{turn}") as runtime:
            process = be_worker(binary, tmp_path, runtime)
            while process.poll() is None and _bytes_written(process) < size * turn // TIMES:
                continue
            process.kill()
            process.communicate()
            midway += not runtime.exists() or _bytes_in(runtime) < size
            again = be_worker(binary, tmp_path, runtime)
            said = again.communicate(timeout=PATIENCE)[1]
            assert again.returncode == 0, said
            assert is_whole(version_in(runtime))
    assert midway >= TIMES - 1, "the kills came too late"


def _bytes_written(process: subprocess.Popen[str]) -> int:
    """All that it has written so far, which takes no look at its many files; 0 once it has ended."""
    try:
        return psutil.Process(process.pid).io_counters().write_chars
    except psutil.Error:
        return 0


def _bytes_in(folder: Path) -> int:
    """Blocks taken below `folder`, in bytes; files may come and go meanwhile."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += Path(place, name).lstat().st_size
    return total
