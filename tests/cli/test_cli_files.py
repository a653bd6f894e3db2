"""Where `imagine run -o` puts pictures, and that a run that ends early leaves what was there before."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PIL import Image

from imagine.cli.draft import Draft
from imagine.cli.main import main
from imagine.cli.naming import safe
from imagine.cli.outputs import sweep
from tests.cli.fake_server import FakeServer, picture, png

META = {"model": "m", "prompt": "p", "seed": "7", "num_steps": 3, "guidance": 7.0, "width": 64, "height": 64}


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["run", "a red fox", *arguments])
    return int(ended.value.code)


def names() -> set[str]:
    return {str(path) for path in Path().rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("said", "paths"),
    [
        ("fox", {"fox.png", "fox.json"}), ("fox.png", {"fox.png", "fox.json"}), ("fox.json", {"fox.png", "fox.json"}),
        ("fox.jpg", {"fox.jpg", "fox.json"}), ("fox.JPEG", {"fox.JPEG", "fox.json"}),
        ("v1.5", {"v1.5.png", "v1.5.json"}),
        ("fox.webp", {"fox.webp", "fox.json"}), ("there/fox", {"there/fox.png", "there/fox.json"}),
        ("{prompt}_{seed}", {"a_red_fox_7.png", "a_red_fox_7.json"}), ("{model}.webp", {"m.webp", "m.json"}),
        ("a{{b}", {"a{{b}.png", "a{{b}.json"}), ("../{index}", None),
    ],
)  # fmt: skip
def test_the_files_are_named_as_said(server: FakeServer, tmp_path: Path, said: str, paths: set[str] | None) -> None:
    Path("there").mkdir()
    os.chdir("there" if paths is None else ".")
    server.lines = [picture(png(), meta=META)]
    if said == "a{{b}":
        assert run("-o", said) == 2  # {b} is no field
        return
    assert run("-o", said) == 0
    os.chdir(tmp_path)
    assert names() == (paths or {"1.png", "1.json"})


@pytest.mark.parametrize("said", ["there", "there/", "new/", ".", "..", "~"])
def test_a_folder_gets_files_named_by_the_time(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    (tmp_path / "work/there").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path / "work/there"))
    assert run("-o", said) == 0
    folder = Path(said).expanduser()
    found = sorted(path.name for path in folder.iterdir() if path.is_file())
    assert [Path(name).suffix for name in found] == [".json", ".png"]
    assert len(Path(found[0]).stem) == len("20231027_153045")


def test_a_folder_that_was_made_for_nothing_is_taken_away(server: FakeServer) -> None:
    server.refusal = (500, "no")
    assert run("-o", "new/") == 1
    assert not Path("new").exists()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("none/fox", "there is no folder none"), ("none/deep/", "there is no folder none"),
        ("fox", "fox.png is a folder"), ("file/x", "there is no folder file"),
        ("owl", "owl.json is a folder"), ("fox.gif", "pictures are written as .png, .jpg, .jpeg, .webp"),
        ("x" * 300, "name too long"), ("x" * 250, "a file's name has at most"), ("~none/x", "no such home"),
        ("{prompts}", "there is no {prompts}; there are {prompt}, {seed}"), ("{model}/x", "not in a folder's"),
    ],
)  # fmt: skip
def test_a_name_that_cannot_be_is_told_before_the_work(
    server: FakeServer, capsys: pytest.CaptureFixture[str], said: str, why: str
) -> None:
    Path("fox.png").mkdir()
    Path("owl.json").mkdir()
    Path("file").touch()
    assert run("-o", said) == 2
    assert why in capsys.readouterr().err
    assert server.asked == []


@pytest.mark.parametrize(("suffix", "kind"), [("jpg", "JPEG"), ("webp", "WEBP"), ("png", "PNG")])
def test_every_format_is_written_in_itself_and_tells_its_recipe(
    server: FakeServer, capsys: pytest.CaptureFixture[str], suffix: str, kind: str
) -> None:
    from imagine.pictures.images import encode

    server.lines = [picture(png((1, 2, 3)), "intermediate")]
    server.lines += [picture(encode(Image.new("RGB", (8, 8), (200, 30, 30)), meta=META), meta=META)]
    assert run("-o", f"fox.{suffix}", "-s", "1") == 0
    made = Image.open(f"fox.{suffix}")
    assert made.format == kind
    assert max(abs(a - b) for a, b in zip(made.convert("RGB").getpixel((4, 4)), (200, 30, 30), strict=True)) < 8
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["info", f"fox.{suffix}", "--json"])
    assert json.loads(capsys.readouterr().out) == META
    assert Path("fox.json").read_bytes().endswith(b"}\n")
    with pytest.raises(SystemExit) as ended:
        main(["verify", f"fox.{suffix}"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"fox.{suffix}: identical\n")


def test_names_that_were_not_typed_never_overwrite(server: FakeServer) -> None:
    for _ in range(2):
        assert run("-o", "{prompt}") == 0
    server.lines = [picture(png(), index=1, meta=META | {"seed": "8"}), picture(png(), index=0, meta=META)]
    assert run("-o", "{seed}.jpg", "--count", "2") == 0
    made = {"a_red_fox.png", "a_red_fox-2.png", "7.jpg", "8.jpg", "7-sheet.jpg"}
    assert {name for name in names() if not name.endswith(".json")} == made


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("a/b\\c:d*e?f", "a_b_c_d_e_f"), ("../../etc/passwd", "etc_passwd"), ("  .hidden", "hidden"), ("", "picture"),
        ("...", "picture"), ("con", "_con"), ("NUL.txt", "_NUL.txt"), ("рыжая лиса\nв снегу", "рыжая_лиса_в_снегу"),
        ("x\x1b[2J\u202ey", "x_[2J_y"), ("я" * 300, "я" * 50), ("end. ", "end"), ("🦊", "🦊"),
    ],
)  # fmt: skip
def test_a_prompt_becomes_a_safe_name(prompt: str, name: str) -> None:
    assert safe(prompt) == name


def test_the_names_of_several_are_checked_before_the_work_too(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("fox-2.json").mkdir()
    assert run("-o", "fox", "--count", "2") == 2
    assert capsys.readouterr().err == "Error: fox-2.json is a folder\n"
    assert server.asked == []


@pytest.mark.parametrize("place", ["-", "/dev/stdout"])
def test_a_picture_into_a_pipe(server: FakeServer, place: str) -> None:
    command = [sys.executable, "-m", "imagine", "run", "p", "-o", place, "-s", "1"]
    server.lines = [picture(png((1, 2, 3)), "intermediate"), picture(png())]
    done = subprocess.run(command, capture_output=True, timeout=240, check=False)
    assert (done.returncode, done.stdout, names()) == (0, png(), set())


def test_a_device_gets_the_bytes(server: FakeServer) -> None:
    assert run("-o", "/dev/null") == 0
    assert names() == set()


@pytest.mark.parametrize(("more", "said"), [(["--json"], "--json"), (["--count", "2"], "--count")])
def test_a_pipe_takes_one_picture_and_nothing_else(
    server: FakeServer, capsys: pytest.CaptureFixture[str], more: list[str], said: str
) -> None:
    assert run("-o", "-", *more) == 2
    assert f"{said} can't be with it" in capsys.readouterr().err


def test_a_link_leads_to_the_file(server: FakeServer) -> None:
    Path("real.png").write_bytes(b"old")
    Path("latest.png").symlink_to("real.png")
    assert run("-o", "latest") == 0
    assert Path("latest.png").is_symlink()
    assert Path("real.png").read_bytes() == png()


def test_a_full_disk_is_told_with_the_file_and_leaves_the_old_one(
    server: FakeServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    Path("x.png").write_bytes(b"old")
    monkeypatch.setattr("os.fsync", full)
    server.lines = [picture(png((1, 2, 3)), "intermediate"), picture(png())]
    assert run("-o", "x", "-s", "1") == 1
    assert capsys.readouterr().err == "Error: x.png can't be written: no space left on device\n"
    assert (Path("x.png").read_bytes(), names()) == (b"old", {"x.png"})


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("old", [b"old", None])
def test_a_signal_brings_the_old_file_back(server: FakeServer, number: int, old: bytes | None) -> None:
    shown, ended = threading.Event(), threading.Event()

    def wait(connection: object) -> None:
        shown.set()
        ended.wait(240)

    if old is not None:
        Path("x.png").write_bytes(old)
        Path("x.json").write_bytes(old)
    server.lines = [picture(png((1, 2, 3)), "intermediate"), picture(png((4, 5, 6)), "intermediate"), wait]
    command = [sys.executable, "-m", "imagine", "run", "p", "-o", "x", "-s", "1", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["path"] == "x.png"
        assert json.loads(process.stdout.readline())["path"] == "x.png"
        assert Path("x.png").read_bytes() == png((4, 5, 6))
        process.send_signal(number)
        _, errors = process.communicate(timeout=240)
    ended.set()
    assert process.returncode == 128 + number
    assert errors.decode().strip() == (
        "cancelled" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"
    )
    assert names() == (set() if old is None else {"x.png", "x.json"})
    assert old is None or Path("x.png").read_bytes() == old


def test_what_somebody_else_put_there_meanwhile_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"old")
    draft = Draft(path)
    draft.show(b"preview")
    path.unlink()
    path.write_bytes(b"theirs")
    draft.abandon()
    assert path.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_where_a_file_can_have_one_name_only_the_old_is_kept_as_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "no links here")

    monkeypatch.setattr("os.link", refuse)
    path = tmp_path / "x.png"
    path.write_bytes(b"old")
    draft = Draft(path)
    draft.show(b"preview")
    draft.abandon()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_signal_between_two_files_waits_for_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from imagine.cli.signals import unwinding

    replace = Path.replace

    def struck(path: Path, target: Path) -> Path:
        done = replace(path, target)
        signal.raise_signal(signal.SIGINT)
        return done

    monkeypatch.setattr(Path, "replace", struck)
    with pytest.raises(KeyboardInterrupt), unwinding():
        Draft(tmp_path / "x.png").finish(b"new", {tmp_path / "x.json": b"{}"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.json", "x.png"]


def test_what_a_kill_has_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    for name in (".imagine-0123.tmp", ".imagine-4567.tmp", ".imagine-old.old", ".imagine-notes.txt", "x.tmp"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1000, 1000))
    os.utime(tmp_path / ".imagine-4567.tmp", (9000, 9000))
    sweep(tmp_path, now=10_000)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {".imagine-4567.tmp", ".imagine-old.old", ".imagine-notes.txt", "x.tmp"}
    sweep(tmp_path / "none", now=0)
