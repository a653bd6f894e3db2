"""The small commands, the lightness of all, and where a server is looked for."""

import base64
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imagine.cli import reach
from imagine.cli.main import COMMANDS, main
from imagine.cli.serve import _read
from imagine.cli.table import ago, size_of, table
from imagine.cli.terminal import protocol_of, sequence
from imagine.cli.verify import compared
from imagine.client.address import Address, address_from
from imagine.client.client import Client
from imagine.pictures.images import encode
from imagine.server.serve import GRACE, _explained
from imagine.words.errors import ImagineError
from tests.cli.fake_server import FakeServer, picture, png
from tests.registry import declared


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code)


HEAVY = ["torch", "numpy", "aiohttp", "rich", "PIL", "diffusers", "transformers", "yaml", "platformdirs", "http"]
HEAVY += ["json", "imagine.settings.settings", "imagine.client.client", "imagine.words.frames"]


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["run", "--help"]])
def test_start_up_is_light(arguments: list[str], tmp_path: Path) -> None:
    program = (
        "import sys\nfrom imagine.cli.main import main\n"
        f"try: main({arguments!r})\nexcept SystemExit as end: assert not end.code, end.code\n"
        f"sys.exit(', '.join(name for name in {HEAVY} if name in sys.modules) or 0)\n"
    )
    homes = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), "IMAGINE_HOME": str(tmp_path)}
    environ = {name: value for name, value in os.environ.items() if name != "IMAGINE_HOST"} | homes
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environ, timeout=240)
    assert done.stderr == ""
    assert done.returncode == 0


@pytest.mark.parametrize("importing", ["click", "imagine.cli.list", "imagine.registry.registry"])
def test_ctrl_c_in_the_first_moment_ends_it_without_a_word(importing: str, tmp_path: Path) -> None:
    program = (
        "import os, signal, sys\nfrom imagine.cli.early import main\n"
        "class Finder:\n    def find_spec(name, path=None, target=None):\n"
        f"        if name == {importing!r}: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder)\nsys.argv = ['imagine', 'list']\nmain()\n"
    )
    environ = os.environ | {name: str(tmp_path) for name in ("HOME", "XDG_RUNTIME_DIR", "IMAGINE_HOME")}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environ, timeout=240)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_how_long_what_runs_may_finish_is_documented() -> None:
    assert f"finish for up to {GRACE:g} seconds" in Path("docs/cli.md").read_text()


def test_a_reader_that_has_gone_is_no_error_to_tell() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    program = [sys.executable, "-u", "-m", "imagine", "--help"]
    done = subprocess.run(program, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=240, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(name, "--help") == 0
    assert f"imagine {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "expected"), [("imagine ver", "plain,verify"), ("imagine run -m dream", "plain,dreamshaper_8"),
    ("imagine run --num", "plain,--num-steps"), ("imagine run --lora in", "plain,ink"),
    ("imagine run --reference pho", "file,pho"), ("imagine run --control canny = pho", "file,pho"),
    ("imagine run --control canny =", "file,"), ("imagine run --sampler = euler_", "plain,euler_a")],
)  # fmt: skip
def test_the_shell_completes(
    words: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    declared.write(tmp_path / "models/dreamshaper_8.safetensors", declared.tiny())
    declared.write(tmp_path / "models/loras/ink.safetensors", declared.kohya_lora())
    monkeypatch.setenv("IMAGINE_HOME", str(tmp_path))
    monkeypatch.setenv("_IMAGINE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    assert run() == 0
    assert expected in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(("shell", "at"), [("zsh", "3"), ("fish", "euler")])
def test_other_shells_get_values_too(
    shell: str, at: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_IMAGINE_COMPLETE", f"{shell}_complete")
    monkeypatch.setenv("COMP_WORDS", "imagine run --sampler euler"[: None if shell == "zsh" else -5])
    monkeypatch.setenv("COMP_CWORD", at)
    assert run() == 0
    offered = capsys.readouterr().out.replace(",", "\n").split()
    assert [word for word in offered if word not in ("plain", "_")] == ["euler", "euler_a"]


def test_where_the_shell_completes_whole_values_files_stand_behind_the_control(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photos" / "old").mkdir(parents=True)
    for name in ("phone.jpg", ".phone", "other.jpg"):
        (tmp_path / "photos" / name).touch()
    monkeypatch.chdir(tmp_path)
    offered_for = {
        "photos/ph": ["photos/phone.jpg"], "pho": ["photos/"], "photos/o": ["photos/old/", "photos/other.jpg"],
        "nowhere/x": [], "~nobody_here/": [], "photos/.": ["photos/.phone"],
    }  # fmt: skip
    for typed, offered in offered_for.items():
        monkeypatch.setenv("_IMAGINE_COMPLETE", "fish_complete")
        monkeypatch.setenv("COMP_WORDS", "imagine run --control")
        monkeypatch.setenv("COMP_CWORD", f"canny={typed}")
        assert run() == 0
        said = capsys.readouterr().out.replace(",", "\n").split()
        assert sorted(word for word in said if word not in ("plain", "_")) == sorted(
            f"canny={path}" for path in offered
        )


def test_bash_puts_no_space_behind_a_value_that_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_IMAGINE_COMPLETE", "bash_source")
    assert run() == 0
    assert "[[ $value == *= ]] && compopt -o nospace" in capsys.readouterr().out


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_gets_values_that_it_can_insert(tmp_path: Path) -> None:
    """What its own completion function offers, for what is typed so far."""
    declared.write(tmp_path / "home/models/my model.safetensors", declared.tiny())
    program = tmp_path / "bin/imagine"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m imagine "$@"\n')
    program.chmod(0o755)
    typed = ["run --sampler dpm++_2", "run --schedule s", "run -m my", "run --preset water", "serve -d c", "help ver"]
    script = 'eval "$(_IMAGINE_COMPLETE=bash_source imagine)"\n' + "".join(
        f"COMP_WORDS=(imagine {line}); COMP_CWORD={len(line.split())}; _imagine_completion imagine; "
        "printf '%s|' \"${COMPREPLY[@]}\"; echo; COMPREPLY=()\n"
        for line in typed
    )
    environ = os.environ | {"PATH": f"{program.parent}:{os.environ['PATH']}", "IMAGINE_HOME": str(tmp_path / "home")}
    done = subprocess.run(["bash", "-c", script], env=environ, capture_output=True, text=True, timeout=240, check=False)
    assert done.stdout.splitlines() == [
        "dpm++_2m|dpm++_2s|dpm++_2m_sde|", "sgm_uniform|simple|", "my\\ model|", "watercolor|watercolor_family|",
        "cpu|cuda|", "verify-models|verify|version|",
    ], done.stderr  # fmt: skip


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("imagine 0.")


@pytest.mark.parametrize("name", ["list", "ls"])
def test_list_asks_the_server(server: FakeServer, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert run(name) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["NAME", "FAMILY", "SIZE", "MODIFIED"]
    assert row.startswith("dreamshaper_8    sd1       2.1 GB    ")


def test_list_as_json(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == server.models


def test_show_and_stop(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show", "dreamshaper_8") == 0
    assert "sd1" in capsys.readouterr().out
    assert run("show", "nothing") == 2
    assert run("stop", "a/b c") == 0
    assert server.unloaded == ["/models/a/b%20c/loaded"]
    server.models[0]["loaded"] = {"size": 5, "expires_in": 2.0}
    assert run("stop", "dreamshaper_8") == 0
    *_, before, after = capsys.readouterr().err.splitlines()
    assert (before, after) == ("a/b c was not loaded", "dreamshaper_8 is unloaded")
    server.others = [{"name": "unet", "loaded": {"size": 5, "expires_in": 2.0}}]
    assert run("stop", "unet") == 0
    assert capsys.readouterr().err.splitlines() == ["unet is unloaded"]


OTHERS = [
    {"name": "style", "kind": "lora", "family": "sdxl", "size": 6_500_000, "modified": 2.0, "use": "no: not yet"}
    | {"problem": "not yet"},
    {"name": "dreamshaper_8", "kind": "vae", "family": "", "size": 335_000_000, "modified": 2.0, "use": "as a vae"},
]


def test_list_all_has_every_file_with_what_can_be_done_with_it(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.others = OTHERS
    for flag in ("-A", "--all"):
        assert run("list", flag) == 0
        head, *rows = (line.split("    ") for line in capsys.readouterr().out.splitlines())
        assert [cell.strip() for cell in head if cell.strip()] == ["NAME", "KIND", "FAMILY", "SIZE", "USABLE"]
        assert len(rows) == 3
        assert [cell.strip() for cell in rows[1] if cell] == ["style", "lora", "sdxl", "6.5 MB", "no: not yet"]
    assert run("list", "--all", "--json", "st") == 0
    assert json.loads(capsys.readouterr().out) == OTHERS[:1]


def test_list_tells_of_model_files_that_are_not_drawn_with(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.others = [*OTHERS, {"name": "flux1-dev", "kind": "diffusion-model", "family": "flux", "problem": "it lacks"}]
    assert run("list") == 0
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 2
    assert said.err == "1 more can't be drawn with as things are: imagine list --all says why\n"
    assert run("list", "dream") == 0
    assert run("list", "--json") == 0
    assert capsys.readouterr().err == ""


def test_show_knows_every_file_and_all_of_a_name(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.others = OTHERS
    assert run("show", "style") == 0
    assert capsys.readouterr().out.count("not yet") == 1, "a person reads a sentence once"
    assert run("show", "dreamshaper_8") == 0
    assert [part.splitlines()[0].split()[1] for part in capsys.readouterr().out.split("\n\n")] == ["dreamshaper_8"] * 2
    assert run("show", "dreamshaper_8", "--json") == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_show_says_what_it_needs_of_memory_and_how_it_is_held(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    work = {"width": 64, "height": 32, "pictures": 4, "beside": "a ControlNet", "minimum": 5e8, "comfortable": 2e9}
    told = {"weights": {"denoiser": 10**9, "others": 0}, "layer": 10**7, "works": [work, work | {"beside": ""}]}
    for ways, head, cell in (
        ((), "MEMORY FOR MINIMUM COMFORTABLE", "2.0 GB"),
        (("layers", None), "MEMORY FOR MINIMUM COMFORTABLE HERE", "doesn't fit"),
    ):
        for each, way in zip(told["works"], ways, strict=False):
            each["way"] = way
        server.models[0]["memory"] = told
        assert run("show", "dreamshaper_8") == 0
        *_, weights, _, header, first, last = capsys.readouterr().out.splitlines()
        assert weights == "weights: denoiser 1.0 GB; the largest layer 10 MB"
        assert header.split() == head.split()
        assert first.startswith("4 pictures of 64 × 32, with a ControlNet    500 MB")
        assert last.endswith(cell)
    server.models[0]["memory"] = told | {"other_devices": 1}
    assert run("show", "dreamshaper_8") == 0
    assert "One device holds all of a model" in capsys.readouterr().out.splitlines()[-1]


def test_without_a_server_the_folders_are_looked_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("imagine.cli.reach.running", lambda _: None)
    monkeypatch.setenv("IMAGINE_MODELS", str(tmp_path))
    (tmp_path / "old.ckpt").write_bytes(b"")
    assert run("list", "--all") == 0
    assert "it is a pickle" in next(line for line in capsys.readouterr().out.splitlines() if line.startswith("old "))
    assert run("show", "old") == 0
    assert "it is a pickle" in capsys.readouterr().out
    assert run("show", "toybox") == 0
    assert "stable_diffusion" in capsys.readouterr().out


def test_ps_lists_what_is_loaded(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    there = {"size": 5e9, "expires_in": 250.0, "way": "stages"}
    server.models.append(server.models[0] | {"name": "xl", "loaded": there})
    server.others = [*OTHERS, {"name": "unet", "loaded": {"size": 2e9, "expires_in": None}}]  # draws with a named VAE
    assert run("ps") == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "xl      5.0 GB    cpu (one stage of it at a time)    4 minutes from now",
        "unet    2.0 GB    cpu                                Forever",
    ]


def test_convert_there_and_back(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.lines = [picture(png())]
    run("run", "p", "-o", "x")
    before = Path("x.png").read_bytes()
    assert run("convert", "x.json") == 1
    assert "x.png is there already" in capsys.readouterr().err
    assert run("convert", "x.json", "-o", "y.png") == 0
    assert Path("y.png").read_bytes() == before
    Path("z.png").write_bytes(encode(Image.new("RGB", (8, 8)), meta={"prompt": "p", "seed": 2**64 - 1}))
    assert run("convert", "z.png") == 0
    assert json.loads(Path("z.json").read_text())["meta"]["seed"] == "18446744073709551615"


@pytest.mark.parametrize(
    ("file", "output", "why"),
    [
        ("x.json", "x.json", "what is made of x.json is a .png"),
        ("x.json", "x.GIF", "what is made of x.json is a .png"),
        ("x.png", "y.webp", "what is made of x.png is a .json"),
        ("x.png", "y.png", "what is made of x.png is a .json"),
        ("x.png", "link", "it is the file that is converted"),
    ],
)
def test_convert_writes_no_file_of_another_name(
    server: FakeServer, capsys: pytest.CaptureFixture[str], file: str, output: str, why: str
) -> None:
    server.lines = [picture(encode(Image.new("RGB", (8, 8)), meta={"prompt": "p", "seed": 1}))]
    run("run", "p", "-o", "x")
    Path("link").symlink_to("x.png")
    before = {path: path.read_bytes() for path in Path().iterdir()}
    assert run("convert", file, "-o", output) == 2
    assert why in capsys.readouterr().err
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


def test_info_of_a_json(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    Path("x.json").write_text(json.dumps({"meta": {"prompt": "a cat", "seed": "5"}, "out": ""}))
    assert run("info", "x.json", "--json") == 0
    assert json.loads(capsys.readouterr().out)["prompt"] == "a cat"
    Path("x.png").write_bytes(png())
    assert run("info", "x.png") == 1


def test_info_says_controls_a_line_each_and_digests_by_their_beginnings(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    canny = {"model": "edges", "image": "ab" * 32, "options": {"low_threshold": 50}, "strength": 0.8}
    meta = {"seed": "5", "control": [canny, {"model": "pose", "image": "cd" * 32}], "hires": {"scale": 2.0}}
    Path("x.json").write_text(json.dumps({"meta": meta | {"text_encoders": ["a", "b"]}, "out": ""}))
    assert run("info", "x.json") == 0
    assert [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()] == [
        ["seed", "5"],
        ["control", "model edges, image abababababab…, options (low_threshold 50), strength 0.8"],
        ["model", "pose, image cdcdcdcdcdcd…"],
        ["hires", "scale 2.0"],
        ["text_encoders", "a, b"],
    ]


def test_verify_makes_it_again(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    run("run", "p", "-o", "x")
    capsys.readouterr()
    assert run("verify", "x.json") == 0
    assert capsys.readouterr().out == "x.json: identical\n"
    server.lines = [picture(png((0, 30, 30)))]
    assert run("verify", "x.json") == 1
    assert capsys.readouterr().out == "x.json: different, largest difference 200 of 255\n"


def test_no_server_is_started_for_a_file_that_is_not_there(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started: list[object] = []
    monkeypatch.setattr("imagine.cli.reach.running_or_started", started.append)
    assert run("verify", "missing.png") == 1
    assert started == []
    assert capsys.readouterr().err == "missing.png can't be read: no such file or directory\n"


@pytest.mark.parametrize(
    ("variables", "language"),
    [({}, "en"), ({"LANG": "ru_RU.UTF-8"}, "ru"), ({"LC_ALL": "C", "LANG": "ru_RU.UTF-8"}, "en"),
     ({"LC_MESSAGES": "ru", "LANG": "de_DE"}, "ru"), ({"LANG": "run"}, "en")],
)  # fmt: skip
def test_a_server_is_asked_to_speak_the_user_s_language(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], language: str,
) -> None:  # fmt: skip
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert run("run", "p", "-o", "x") == 0
    assert server.languages == [language]


@pytest.mark.parametrize("lines", [1, 3])
def test_what_a_server_answered_is_verified_too(
    server: FakeServer, capsys: pytest.CaptureFixture[str], lines: int
) -> None:
    answer = {"img": base64.b64encode(png()).decode(), "meta": {"prompt": "p", "seed": "7"}, "timings": {}}
    Path("answer.json").write_text("\n".join([*['{"status": "step"}'] * (lines - 1), json.dumps(answer), ""]))
    assert run("verify", "answer.json") == 0
    assert capsys.readouterr().out == "answer.json: identical\n"


def test_verify_is_given_what_a_picture_was_made_from(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    photo = png((9, 9, 9))
    Path("photo.png").write_bytes(photo)
    saved = {"meta": {"prompt": "p", "seed": "7", "img": "ab" * 32}, "out": base64.b64encode(png()).decode()}
    Path("x.json").write_text(json.dumps(saved))
    assert run("verify", "x.json") == 1
    assert "x.json: the recipe names its img by digest only" in capsys.readouterr().err
    assert run("verify", "x.json", "-i", "photo.png") == 0
    assert base64.b64decode(server.asked[-1]["img"]) == photo
    assert capsys.readouterr().out == "x.json: identical; img: another picture\n"


def test_near_and_what_changed() -> None:
    before = {"clip": 1, "img": "photo", "environment": {"torch": "1", "device": "cpu"}}
    after = {"clip": 2, "img": "digest", "environment": {"device": "cpu", "torch": "2"}}
    verdict = compared(png((10, 10, 10)), png((12, 10, 10)), before, after)
    assert verdict == ("near", 2, ["clip: 1 is now 2", "environment torch: 1 is now 2"])


def test_a_way_of_computing_that_only_one_recipe_tells_may_be_why_they_differ() -> None:
    before = {"environment": {"device": "cpu", "layout": "contiguous"}}
    after = {"environment": {"device": "cpu", "attention": "chunked"}}
    told = ["environment attention: now chunked, not told before", "environment layout: was contiguous, no longer told"]
    assert compared(png((10, 10, 10)), png((12, 10, 10)), before, after) == ("near", 2, told)
    assert compared(png((10, 10, 10)), png((10, 10, 10)), before, after) == ("identical", 0, [])
    assert compared(png((10, 10, 10)), png((12, 10, 10)), {}, after) == ("near", 2, [])


def test_loras_are_compared_by_name_and_weight_and_else_as_models_are() -> None:
    old = {"loras": [{"name": "ink", "weight": 0.8, "digest": "a", "autov3": "b"}, {"name": "pen", "weight": 1.0}]}
    same = {"loras": [{"name": "ink", "weight": 0.8, "digest": "c"}, {"name": "pen", "weight": 1.0}]}
    other = {"loras": [{"name": "ink", "weight": 0.8, "clip_weight": 0.5, "digest": "a"}]}
    picture = png((10, 10, 10))
    assert compared(picture, picture, old, same) == ("identical", 0, [])
    assert compared(picture, picture, old, other).changed == ["loras: ink 0.8, pen 1.0 is now ink 0.8 0.5"]


OLD, NEW, HEADER, WHOLE = "0d" * 32, "ee" * 32, "4e" * 32, "5a" * 32
NOW = "is now eeeeeeeeeeee, and"
NAMED_DIFFERENTLY = {
    "the same": ({"digest": NEW}, True, ""),
    "another": ({"digest": OLD}, True, f"model: digest 0d0d0d0d0d0d {NOW} 'kept' has the old one here"),
    "gone": ({"digest": "ab" * 32}, True, f"model: digest {'ab' * 6} {NOW} none here has the old one"),
    "older": ({"digest": HEADER}, True, ""),
    "older, and no proof": (
        {"digest": HEADER}, False, "model: the picture names it by its header alone, which fits but is no proof",
    ),
    "the web UI's": ({"sha256": WHOLE[:10]}, True, ""),
    "the web UI's other": (
        {"sha256": "ab" * 5}, True, "model: digest ababababab is now 5a5a5a5a5a5a, and none here has the old one",
    ),
    "a part": (
        {"digest": NEW, "parts": {"vae": OLD}}, True,
        f"vae: digest 0d0d0d0d0d0d {NOW} 'kept' has the old one here",
    ),
    "no digest": (
        {"digest": "\x1b[2J", "parts": 3}, True, "model: what the picture names it by is no digest",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("before", "same", "told"), NAMED_DIFFERENTLY.values(), ids=NAMED_DIFFERENTLY)
def test_verify_names_the_model_that_differs(
    server: FakeServer, capsys: pytest.CaptureFixture[str], before: dict, same: bool, told: str
) -> None:
    server.models[0] |= {"name": "m", "digest": NEW, "header_digest": HEADER, "sha256": WHOLE}
    server.models.append(server.models[0] | {"name": "kept", "digest": OLD, "header_digest": "", "sha256": ""})
    said = {"model": "m", "prompt": "p", "seed": "7"}
    old = base64.b64encode(png()).decode()
    Path("x.json").write_text(json.dumps({"meta": said | before, "out": old}))
    made = said | {"digest": NEW, "sha256": WHOLE, "parts": {"vae": NEW}}
    server.lines = [picture(png() if same else png((0, 30, 30)), meta=made)]
    run("verify", "x.json")
    words = "identical" if same else "different, largest difference 200 of 255"
    assert capsys.readouterr().out == f"x.json: {'; '.join(filter(None, [words, told]))}\n"


def test_a_recipe_asks_for_the_model_that_drew_it_unless_another_is_meant(server: FakeServer) -> None:
    Path("x.json").write_text(json.dumps({"meta": {"model": "m", "prompt": "p", "digest": OLD}, "out": ""}))
    assert run("run", "--from", "x.json", "-o", "x") == run("run", "--from", "x.json", "-m", "n", "-o", "y") == 0
    assert [body.get("digest") for body in server.asked] == [OLD, None]


def test_verify_says_which_model_is_the_same_where_the_named_one_is_gone(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.models[0] |= {"name": "renamed", "digest": OLD}
    server.refusal = (404, "model 'm' not found")
    old = base64.b64encode(png()).decode()
    Path("x.json").write_text(json.dumps({"meta": {"model": "m", "prompt": "p", "digest": OLD}, "out": old}))
    assert run("verify", "x.json") == 1
    assert "x.json: model 'm' not found; 'renamed' here is the same" in capsys.readouterr().err
    assert run("run", "--from", "x.json", "-o", "x") == 2
    assert "Error: model 'm' not found; 'renamed' here is the same" in capsys.readouterr().err


def test_run_says_which_model_has_the_digest_of_the_recipe(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.models[0] |= {"name": "renamed", "digest": OLD}
    server.lines = [picture(png(), meta={"digest": NEW, "prompt": "p"})]
    Path("x.json").write_text(json.dumps({"meta": {"model": "m", "prompt": "p", "digest": OLD}, "out": ""}))
    assert run("run", "--from", "x.json", "-o", "x") == 0
    assert "'renamed' has the old one here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0.0.0.0", Address()),
        ("5123", Address(port=5123)),
        ("box:8000", Address("box", 8000)),
        ("http://box", Address("box")),
        ("https://box/pictures/", Address("box", 443, secure=True, prefix="/pictures")),
        ("::1", Address("::1")),
        ("unix:/run/i.sock", Address(socket="/run/i.sock")),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert address_from(text) == address


@pytest.mark.parametrize("text", ["box:99999", "ftp://box", "box:port"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ImagineError, match="the address is"):
        address_from(text)


def test_the_private_folder_is_this_users_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert stat.S_IMODE(reach.private_folder().stat().st_mode) == 0o700
    assert reach.private_socket().is_relative_to(tmp_path)


def test_looking_for_a_server_makes_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGINE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("IMAGINE_HOST", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert run("list") == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("said", "runs", "stays"),
    [("d t INFO settings\nd t INFO stopping\n", False, False), ("d t INFO a\nd t ERROR an INFO b\n", False, True),
     ('{"time": "t", "level": "info", "logger": "imagine"}\n', False, False),
     ("Traceback\n", False, True), ("d t INFO settings\n", True, True)],
)  # fmt: skip
def test_a_private_server_that_ends_takes_a_log_without_errors_along(
    said: str, runs: bool, stays: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    tmp_path.chmod(0o700)
    reach.private_folder()
    reach.private_log().write_text(said)
    if runs:
        reach.private_socket().touch()
    reach.forget_log()
    assert reach.private_log().exists() == stays


def test_a_private_server_is_one_for_its_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    plain = reach.private_socket()
    places = {plain}
    for name, value in (("IMAGINE_MODELS", "/models"), ("IMAGINE_DEVICE", "cpu"), ("IMAGINE_HOME", str(tmp_path))):
        with monkeypatch.context() as changed:
            changed.setenv(name, value)
            assert reach.private_socket() == reach.private_socket()
            places.add(reach.private_socket())
            changed.setenv("IMAGINE_API_KEY", "the client's own")
            assert reach.private_socket() in places
    monkeypatch.setenv("IMAGINE_MODELS", "./mine")
    places.add(reach.private_socket())
    monkeypatch.chdir("/")
    places.add(reach.private_socket())
    assert len(places) == 6, "the same relative path in another folder is another place"


@pytest.mark.parametrize("place", ["shared", "missing", "relative"])
def test_a_runtime_folder_that_others_can_write_to_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o777)
    monkeypatch.setenv("IMAGINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", place if place == "relative" else str(tmp_path / place))
    assert reach.private_folder() == tmp_path / "home/run"
    assert stat.S_IMODE(reach.private_folder().stat().st_mode) == 0o700


def test_a_private_server_that_ends_at_once_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(reach, "running", lambda _: None)
    with pytest.raises(ImagineError, match="did not start"):
        reach.running_or_started(None, lambda: subprocess.Popen([sys.executable, "-c", ""]))


def test_quantities() -> None:
    assert [size_of(n) for n in (5, 5400, 165_000_000, 2_132_000_000)] == ["5 B", "5.4 KB", "165 MB", "2.1 GB"]
    assert [ago(0, now) for now in (5, 60, 7200, 86400 * 8)] == [
        "less than a minute ago", "1 minute ago", "2 hours ago", "1 week ago",
    ]  # fmt: skip
    assert table(["A", "B"], [["long", "x"]]) == "A       B\nlong    x"


def test_terminals() -> None:
    assert protocol_of({"TERM": "xterm-kitty"}) == protocol_of({"TERM_PROGRAM": "ghostty"}) == "kitty"
    assert protocol_of({"TERM_PROGRAM": "WezTerm"}) == "iterm2"
    assert protocol_of({"TERM": "foot"}) == "sixel"
    assert protocol_of({"TERM": "xterm-256color"}) == "blocks256"
    assert protocol_of({"TERM": "xterm-256color", "COLORTERM": "truecolor"}) == "blocks"
    assert protocol_of({"TERM": "dumb"}) is None
    assert sequence("kitty", b"x" * 6000).count("\x1b_G") == 2
    assert "#0!8~$" in sequence("sixel", png())


@pytest.mark.parametrize(
    ("health", "loaded", "busy"),
    [
        ({"status": "ready", "waiting": 0, "running": 0}, "", False),
        ({"status": "ready", "waiting": 0, "running": 1}, "", True),
        ({"status": "starting", "waiting": 0, "running": 0}, "", True),
        ({"status": "ready", "waiting": 0, "running": 0}, "models", True),
        ({"status": "ready", "waiting": 0, "running": 0}, "others", True),
    ],
)
def test_what_keeps_a_private_server(server: FakeServer, health: dict, loaded: str, busy: bool) -> None:
    from imagine.cli.serve import _busy

    server.health |= health
    server.others = [*OTHERS[:1]]
    if loaded:
        getattr(server, loaded).append({"name": "fox", "loaded": {"size": 1}})
    assert _busy(Client(address_from(server.address))) is busy


TOYBOX = ("checkpoint", None, True)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([], "no model is installed: models go into {}\n"),
        ([TOYBOX], "no model is installed: using toybox, which is small; models go into {}\n"),
        ([TOYBOX, ("vae", None, False)], "no model is installed: using toybox, which is small; models go into {}\n"),
        (
            [TOYBOX, ("unknown", "it is truncated", False)],
            "no model that is installed can be used: using toybox, which is small; models go into {}\n",
        ),
        ([TOYBOX, ("checkpoint", None, False), ("checkpoint", "it is truncated", False)], ""),
    ],
)
def test_a_server_without_models_says_where_they_go(
    files: list[tuple[str, str | None, bool]],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from imagine.cli import serve
    from imagine.settings.settings import Settings

    entries = [{"name": "toybox", "kind": kind, "problem": why, "shipped": own} for kind, why, own in files]
    monkeypatch.setattr(serve, "in_folders", lambda *_, **__: entries)
    serve._say_shipped(Settings(models=(tmp_path,)))
    assert capsys.readouterr().err == said.format(tmp_path)


def test_a_server_that_does_not_answer_is_kept() -> None:
    from imagine.cli.serve import _busy

    assert _busy(Client(Address(port=1)))


@pytest.mark.parametrize(
    ("file", "arguments", "said"),
    [
        ("port: five", [], "port in the configuration file is 'five'"),
        ("{}", ["--port", "five"], "--port is 'five'"),
        ("{}", ["--api-key", ""], "--api-key is empty; it must be"),
        ("preset_files: [none.yaml]", [], "there is no preset file none.yaml"),
    ],
)
def test_settings_that_cannot_be_have_an_exit_status_of_their_own(
    file: str,
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "imagine.yaml").write_text(file)
    monkeypatch.setenv("IMAGINE_CONFIG", str(tmp_path / "imagine.yaml"))
    monkeypatch.setenv("IMAGINE_HOME", str(tmp_path))
    assert run("serve", *arguments) == 2
    errors = capsys.readouterr().err
    assert errors.startswith(f"Error: {said}")
    assert errors.count("\n") == 1


def test_a_server_that_can_not_listen_has_another(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "imagine", "serve", "--socket", str(tmp_path / "none" / "s")]
    environ = os.environ | {"IMAGINE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(program, capture_output=True, text=True, env=environ, timeout=600, check=False)
    assert done.returncode == 1
    assert f"Error: can't listen on {tmp_path / 'none' / 's'}" in done.stderr


def test_why_a_name_that_leads_nowhere_can_not_be_listened_on() -> None:
    said = "on nosuch:1: no address has this name .name or service not known"
    with pytest.raises(ImagineError, match=said), _explained("nosuch:1", lambda: "--port"):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def test_a_folder_that_no_picture_can_be_kept_in_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder, told in [(tmp_path / "new" / "pictures", []), (tmp_path / "file" / "pictures", ["not a directory"])]:
        _, warnings = _read({"pictures": str(folder), "home": str(tmp_path), "models": [str(tmp_path)]}, None)
        assert [warning.rpartition(": ")[2] for warning in warnings] == told, warnings


@pytest.mark.parametrize(
    ("typed", "said"),
    [("-n " + "9" * 30, "'-n'"), ("-w -" + "9" * 22, "'-w'"), ("-g nan", "'-g'"), ("--hires -inf", "'--hires'")],
)
def test_a_number_that_no_request_holds_is_told_by_its_option(
    server: FakeServer, capsys: pytest.CaptureFixture[str], typed: str, said: str
) -> None:
    assert run("run", "p", *typed.split()) == 2
    assert said in capsys.readouterr().err
    assert server.asked == []


@pytest.mark.parametrize("command", ["info", "verify", "run -o x --from", "run p -o x -i"])
@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("cut.json", b'{"meta": {"prompt": "x"', "is damaged: it "),
        ("bad.png", b"\x89PNG\r\n\x1a\n and then none", "is damaged"),
        ("cut.png", png()[:60], "is damaged"),
        ("words.txt", b"hello", ""),
    ],
)
def test_a_file_that_cannot_be_used_is_named_and_its_status_is_that_of_files(
    server: FakeServer, capsys: pytest.CaptureFixture[str], command: str, name: str, data: bytes, said: str
) -> None:
    Path(name).write_bytes(data)
    assert run(*command.split(), name) == 1
    err = capsys.readouterr().err
    if command.endswith("-i"):
        assert err.startswith(f"Error: img: {name} {said if name.endswith('png') else ''}")
    else:
        assert f"{name} {said or 'does not say how it was made'}" in err
    assert server.asked == []


def test_a_recipe_asks_for_the_files_that_drew_it_unless_others_are_meant(server: FakeServer) -> None:
    parts = {"vae": OLD, "text_encoder": OLD, "text_encoder_2": NEW}
    Path("x.json").write_text(json.dumps({"meta": {"model": "m", "prompt": "p", "digest": OLD, "parts": parts}}))
    assert run("run", "--from", "x.json", "-o", "y") == run("run", "--from", "x.json", "--vae", "v", "-o", "z") == 0
    assert [body["parts"] for body in server.asked] == [parts, {r: d for r, d in parts.items() if r != "vae"}]


def enlarged(data: bytes, **more: object) -> list[dict]:
    """The lines of `/upscale`; the picture stands first in its own."""
    news = {"status": "progress", "stage": "upscaling", "step": 1, "steps": 2, "remaining": 1.0}
    final = {"img": base64.b64encode(data).decode(), "status": "final", "meta": {}, "timings": {}, "warnings": []}
    return [news, final | more]


def as_it_is(line: dict) -> Callable[[Any], None]:
    return lambda at: at.socket.sendall(json.dumps(line, separators=(",", ":")).encode() + b"\n")


def test_upscale_writes_beside_the_file_as_it_comes(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    made = bytes(range(256)) * 1000
    Path("cat.jpg").write_bytes(png())
    server.lines = enlarged(made, warnings=["there is no upscaler here"])
    assert run("upscale", "cat.jpg") == 0
    said = capsys.readouterr()
    assert said.out == "cat-2x.png\n"
    assert said.err == "Warning: there is no upscaler here\n"
    assert Path("cat-2x.png").read_bytes() == made
    assert server.asked == [{"img": base64.b64encode(png()).decode(), "progress": True}]
    assert run("upscale", "cat.jpg") == 1
    assert "cat-2x.png is there already" in capsys.readouterr().err
    server.lines[1:] = [as_it_is(server.lines[1])]  # as our server says it, which is written down as it comes
    assert run("upscale", "cat.jpg", "-u", "sharp", "-x", "2.5", "--json") == 0
    assert [json.loads(line)["status"] for line in capsys.readouterr().out.splitlines()] == ["progress", "final"]
    assert server.asked[-1] | {"img": ""} == {"img": "", "progress": True, "upscaler": "sharp", "scale": 2.5}
    assert Path("cat-2.5x.png").read_bytes() == made
    assert run("upscale", "cat.jpg", "-o", "large") == run("upscale", "cat.jpg", "-o", os.devnull) == 0
    assert not Path(os.devnull).is_file()  # what takes a stream is not replaced by a file
    names = {"cat.jpg", "cat-2x.png", "cat-2.5x.png", "large.png"}
    assert {path.name for path in Path().iterdir()} == names


@pytest.mark.parametrize(
    ("arguments", "status", "why"),
    [
        (["-o", "new.webp"], 2, "written as .png"),
        (["-o", "cat.png"], 2, "it is the picture that is enlarged"),
        (["-o", "none/cat"], 2, "there is no folder none"),
        (["-o", "-", "--json"], 2, "--json can't be with it"),
    ],
)
def test_upscale_writes_nowhere_else(
    server: FakeServer, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, why: str
) -> None:
    Path("cat.png").write_bytes(png())
    assert run("upscale", "cat.png", *arguments) == status
    assert why in capsys.readouterr().err
    assert server.asked == []


@pytest.mark.parametrize("broken", ["no end", "an error"])
def test_upscale_leaves_nothing_of_a_picture_that_broke_off(
    server: FakeServer, capsys: pytest.CaptureFixture[str], broken: str
) -> None:
    Path("cat.png").write_bytes(png())
    server.lines = enlarged(b"x" * 100)[:1]
    if broken == "an error":
        server.lines += [{"error": "the disk is full"}]
    assert run("upscale", "cat.png") == 1
    assert ("went away" if broken == "no end" else "the disk is full") in capsys.readouterr().err
    assert [path.name for path in Path().iterdir()] == ["cat.png"]


def test_an_upscaler_goes_with_a_second_pass(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("run", "p", "--hires", "2", "--upscaler", "sharp") == 0
    assert server.asked[-1]["hires"] == {"scale": 2, "upscaler": "sharp"}
    assert run("run", "p", "--upscaler", "sharp") == 2
    assert "say --hires too" in capsys.readouterr().err


def test_a_picture_that_was_enlarged_is_not_verified_as_another(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    meta = {"prompt": "p", "seed": 1, "upscaled": [{"upscaler": "sharp", "scale": 2}]}
    Path("x.png").write_bytes(encode(Image.new("RGB", (8, 8)), meta=meta))
    assert run("verify", "x.png") == 1
    assert "was enlarged after it was made" in capsys.readouterr().err
    assert server.asked == []
