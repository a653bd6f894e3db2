"""The whole server with a real worker and a tiny checkpoint: pictures that are made again, and clients that hang up."""

import http.client
import json
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image

from imagine.cli.main import main
from imagine.words.samplers import SAMPLERS
from tests.daemon import PATIENCE, REAL, Daemon

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

SMALL = ["-w", "64", "-h", "64", "-n", "6"]
SAMPLED = [
    ["a fox", "--sampler", name, "-n", str(max(6, row.min_steps("default", "ordinary")))]
    for name, row in SAMPLERS.items()
]
OTHERS = [
    ["a (red:1.3) fox BREAK in the snow", "--neg", "blurry"],
    ["a fox", "-c", "2", "-g", "1"],
    ["a fox", "-w", "128", "-h", "72"],
    ["a fox", "-f", "1.5"],
    ["a fox", "-i", "photo.png", "-d", "0.5"],
    ["a fox", "-i", "photo.png", "--mask", "mask.png"],
    ["a fox", "-i", "photo.png", "--extend", "right=16"],
    ["a fox", "--schedule", "karras", "--reproducible"],
    ["a fox", "--count", "3", "--seed", "18446744073709551614"],
]


def add_tiny(home: Path) -> Path:
    """A model of small pictures: a photo is redrawn about as large as those that its model was trained on."""
    from tests.checkpoints import write_checkpoint

    (home / ".imagine/models").mkdir(parents=True)
    write_checkpoint(home / ".imagine/models/tiny.safetensors", metadata={"modelspec.resolution": "64x64"})
    return home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    add_tiny(tmp_path)
    Image.linear_gradient("L").resize((96, 64)).convert("RGB").save(tmp_path / "photo.png")
    Image.radial_gradient("L").resize((96, 64)).save(tmp_path / "mask.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IMAGINE_API_KEY", raising=False)
    return tmp_path


def test_twenty_saved_pictures_are_identical_after_a_restart(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def imagine(daemon: Daemon, *arguments: str) -> list[str]:
        monkeypatch.setenv("IMAGINE_HOST", daemon.url)
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        said = capsys.readouterr()
        assert ended.value.code == 0, (arguments, said.out, said.err)
        return said.out.splitlines()

    saved: list[str] = []
    with Daemon(home, REAL, "-d", "cpu") as daemon:
        for number, more in enumerate([*SAMPLED, *OTHERS]):
            told = imagine(daemon, "run", *SMALL, *more, "-o", f"picture{number}")
            saved += [name for name in told if name.endswith(".json")]
        assert daemon.stop() == 0
    assert len(saved) >= 20
    with Daemon(home, REAL, "-d", "cpu") as daemon:
        assert imagine(daemon, "verify", *saved) == [f"{name}: identical" for name in saved]


def got(daemon: Daemon, path: str) -> str:
    with urllib.request.urlopen(daemon.url + path, timeout=PATIENCE) as answer:
        return answer.read().decode()


def until(daemon: Daemon, path: str, true: Callable[[dict], bool]) -> dict:
    """What a path says once it says what is waited for."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        said = json.loads(got(daemon, path))
        if true(said):
            return said
    raise AssertionError(f"{path} still says {said}")


def steps_done(daemon: Daemon) -> int:
    found = re.search(r"^imagine_steps_total (\d+)", got(daemon, "/metrics"), re.MULTILINE)
    assert found is not None
    return int(found[1])


def asked(daemon: Daemon, body: dict) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection(urlsplit(daemon.url).netloc, timeout=PATIENCE)
    connection.request("POST", "/generate", json.dumps(body))
    return connection


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(add_tiny(tmp_path_factory.mktemp("home")), REAL, "-d", "cpu") as running:
        yield running


def taken_back(daemon: Daemon) -> int:
    """How many pictures were, by what it says."""
    return sum("taken back" in line for line in daemon.said)


@pytest.mark.parametrize("stream", [True, False])
def test_who_hangs_up_frees_the_device_within_a_step(daemon: Daemon, stream: bool) -> None:
    """The worker stands still until the gateway has seen it, however long that takes a busy machine."""
    body = {"prompt": "a fox", "num_steps": 150, "width": 320, "height": 320, "progress": stream}
    earlier = taken_back(daemon)
    connection = asked(daemon, body)
    if stream:
        answer = connection.getresponse()
        assert any(said.get("step", 0) >= 3 for said in map(json.loads, answer))
    else:
        until(daemon, "/jobs", lambda said: said["jobs"] and said["jobs"][0]["step"] >= 3)
    (worker,) = daemon.painters
    worker.suspend()
    before = steps_done(daemon)
    if stream:
        answer.close()
    connection.close()
    until(daemon, "/health", lambda _: taken_back(daemon) > earlier)
    until(daemon, "/health", lambda said: said["running"])
    worker.resume()
    until(daemon, "/health", lambda said: not said["running"])
    assert steps_done(daemon) <= before + 2, "the one that ran when the client left, and one on its way to be told"
    again = asked(daemon, body | {"num_steps": 1, "progress": False})
    assert again.getresponse().status == 200
    again.close()
