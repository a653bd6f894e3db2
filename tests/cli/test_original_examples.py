"""Every command and request that guides to the original Imagine show, as they are written there."""

import base64
import contextlib
import json
import shlex
import subprocess
import urllib.request
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import psutil
import pytest
from PIL import Image

from imagine.cli import serve
from imagine.cli.main import main
from tests.cli.fake_server import FakeServer, png
from tests.daemon import CLI, PATIENCE, REAL, Daemon, environment, unconnected
from tests.server.served import ask

TEXT_TO_IMAGE = (
    'imagine run "a photo of an astronaut riding a horse on mars, epic, cinematic, detailed" -m dreamshaper_8 '
    "-w 768 -h 512 -n 25 -g 7.0 --sampler 'dpm++ 2m' --neg 'ugly, deformed'"
)
IMAGE_TO_IMAGE = (
    'imagine run "a futuristic city at sunset" -i my_input_image.png -d 0.7 -w 512 -h 512 -n 30 '
    "--sampler 'euler a' --neg \"blurry, low quality\""
)
STREAMING = 'imagine run "a cat in a tiny hat, watercolor" -s 5'
HIRES = 'imagine run "a cat in a tiny hat, watercolor" -f 1.5'
WORDS = "imagine run a red fox"
RUNS = {
    TEXT_TO_IMAGE: {
        "prompt": "a photo of an astronaut riding a horse on mars, epic, cinematic, detailed", "model": "dreamshaper_8",
        "width": 768, "height": 512, "num_steps": 25, "guidance": 7.0, "sampler": "dpm++ 2m", "neg": "ugly, deformed",
    },
    IMAGE_TO_IMAGE: {
        "prompt": "a futuristic city at sunset", "img": base64.b64encode(png((9, 9, 9))).decode(), "strength": 0.7,
        "width": 512, "height": 512, "num_steps": 30, "sampler": "euler a", "neg": "blurry, low quality",
    },
    STREAMING: {"prompt": "a cat in a tiny hat, watercolor", "stream": 5},
    HIRES: {"prompt": "a cat in a tiny hat, watercolor", "hires": 1.5},
    WORDS: {"prompt": "a red fox"},
}  # fmt: skip
SERVES = {
    "imagine serve": {"host": "0.0.0.0", "port": 5000, "device": "auto", "full_prec": False},
    "imagine serve --host '0.0.0.0' -p 8000 -d cpu --full_prec --models './my_models_folder'": {
        "host": "0.0.0.0", "port": 8000, "device": "cpu", "full_prec": True, "roots": (Path("my_models_folder"),),
    },
    "imagine serve -d cuda --full_prec --models /home/USER/.imagine/models": {
        "device": "cuda", "full_prec": True, "roots": (Path("/home/USER/.imagine/models"),),
    },
}  # fmt: skip
POST_TEXT = {
    "model": "dreamshaper_8", "prompt": "an astronaut", "width": 768, "height": 512, "num_steps": 25, "guidance": 7.0,
    "sampler": "dpm++ 2m", "seed": 591445185899376350, "neg": "ugly",
}  # fmt: skip
POST_IMAGE = {
    "prompt": "a city", "img": base64.b64encode(png(side=64)).decode(), "strength": 0.7, "width": 512, "height": 512,
    "sampler": "euler a", "num_steps": 30, "neg": "blurry",
}  # fmt: skip
POST_STREAM = {"prompt": "a cat", "width": 512, "height": 512, "num_steps": 25, "stream": 5}
SAVED = {"model", "prompt", "width", "height", "num_steps", "guidance", "sampler", "seed", "neg", "stream", "img"}
SAVED |= {"strength"}
SIDE = 128
"""Of the pictures that are really drawn: at 512 a tiny network, too, looks at four thousand places with eight heads."""


def typed(line: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(shlex.split(line)[1:])
    return int(ended.value.code)


@pytest.mark.parametrize("line", RUNS)
def test_a_run_asks_for_what_is_written(server: FakeServer, line: str) -> None:
    Path("my_input_image.png").write_bytes(png((9, 9, 9)))
    assert typed(line) == 0
    assert server.asked == [RUNS[line] | {"progress": True}]


def test_a_run_leaves_a_png_and_a_json_named_by_the_time(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(WORDS) == 0
    names = sorted(path.name for path in Path().iterdir())
    assert [Path(name).suffix for name in names] == [".json", ".png"]
    assert capsys.readouterr().out.split() == [names[1], names[0]]
    assert len(Path(names[0]).stem) == len("20231027_153045")


@pytest.mark.parametrize("line", SERVES)
def test_a_server_starts_as_it_is_told(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    async def start(settings: object, *_: object) -> None:
        started.append(settings)

    monkeypatch.setattr(serve, "_serve", start)
    monkeypatch.setattr("imagine.server.logs.configure", lambda _: None)
    for name in ("HOST", "MODELS", "HOME"):
        monkeypatch.delenv(f"IMAGINE_{name}", raising=False)
    assert typed(line) == 0
    assert {name: getattr(started[0], name) for name in SERVES[line]} == SERVES[line]


def test_the_list_shows_the_names_in_the_folder(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("imagine list") == 0
    assert "dreamshaper_8" in capsys.readouterr().out


def test_the_requests_of_the_api(tmp_path: Path) -> None:
    async def posted(client, body: dict) -> bytes:
        async with client.post("/generate", json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.read()

    async def act(client) -> None:
        said = json.loads(await posted(client, POST_TEXT))
        assert {name: said["meta"][name] for name in POST_TEXT} == POST_TEXT | {"seed": "591445185899376350"}
        assert (said["seed"], said["warnings"]) == ("591445185899376350", [])
        said = json.loads(await posted(client, POST_IMAGE))
        asked = {name: value for name, value in POST_IMAGE.items() if name != "img"}
        assert {name: said["meta"][name] for name in asked} == asked
        lines = [json.loads(line) for line in (await posted(client, POST_STREAM)).splitlines()]
        assert [line["step"] for line in lines] == [5, 10, 15, 20, 25]
        assert all(line["img"] for line in lines)

    ask(tmp_path, act, models=("dreamshaper_8",))


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home with a model of that name, made for small pictures; a private server that was started in it is ended."""
    from tests.checkpoints import write_checkpoint

    (tmp_path / ".imagine/models").mkdir(parents=True)
    said = {"modelspec.resolution": f"{SIDE}x{SIDE}"}
    write_checkpoint(tmp_path / ".imagine/models/dreamshaper_8.safetensors", metadata=said)
    yield tmp_path
    for process in psutil.process_iter(["cmdline"]):
        with contextlib.suppress(psutil.NoSuchProcess):  # another test's, which ends by itself
            if "--private" in (process.info["cmdline"] or []) and process.environ().get("HOME") == str(tmp_path):
                process.kill()
                process.wait(PATIENCE)


def shell(home: Path, line: str) -> list[str]:
    """What the command says on stdout, run in a folder of its own with a photo in it."""
    folder = home / "work"
    folder.mkdir(exist_ok=True)
    (folder / "my_input_image.png").write_bytes(png((9, 90, 200), side=96))
    done = subprocess.run(
        [*unconnected(), *CLI, *shlex.split(line)[1:]], cwd=folder, env=environment(home), capture_output=True,
        text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_examples_make_pictures(home: Path) -> None:
    """The first run finds no server, and starts a private one that stays for those that follow.

    Each is drawn smaller and in fewer steps than it says; what it asks for is looked at above.
    """
    assert shell(home, "imagine list")[1].startswith("dreamshaper_8 ")
    smaller = IMAGE_TO_IMAGE.replace("-w 512 -h 512 -n 30", f"-w {SIDE} -h {SIDE} -n 12")
    shorter = {IMAGE_TO_IMAGE: smaller, STREAMING: f"{STREAMING} -n 10"}
    for line, steps in ((IMAGE_TO_IMAGE, 12), (STREAMING, 10)):
        asked = RUNS[line] | {"width": SIDE, "height": SIDE, "num_steps": steps}
        paths = [home / "work" / name for name in shell(home, shorter[line])]
        assert [path.suffix for path in paths] == [".png", ".json"]
        made = Image.open(paths[0])
        assert made.size == (SIDE, SIDE)
        saved = json.loads(paths[1].read_bytes())
        assert saved["meta"].keys() >= SAVED
        assert base64.b64decode(saved["out"]) == paths[0].read_bytes()
        plain = {name: value for name, value in asked.items() if name not in ("hires", "img")}
        assert {name: saved["meta"][name] for name in plain} == plain
        photo = (home / "work/my_input_image.png").read_bytes()
        assert saved["meta"]["img"] == (base64.b64encode(photo).decode() if "img" in asked else None)
        assert json.loads(made.text["meta"])["prompt"] == asked["prompt"]


@pytest.mark.slow
def test_a_request_makes_a_picture(home: Path) -> None:
    """Smaller and in fewer steps than it asks for."""
    body = POST_STREAM | {"num_steps": 10, "width": SIDE, "height": SIDE}
    with Daemon(home, REAL, "-d", "cpu", "--full_prec") as daemon:
        request = urllib.request.Request(f"{daemon.url}/generate", json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            lines = [json.loads(line) for line in answer]
        assert [line["step"] for line in lines] == [5, 10]
        for line in lines:
            assert Image.open(BytesIO(base64.b64decode(line["img"]))).size == (body["width"], body["height"])
        assert daemon.stop() == 0
