"""`imagine run`: what is sent, what is written, what is said."""

import base64
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from imagine.cli.destination import Destination
from imagine.cli.main import main
from imagine.cli.outputs import Files
from tests.cli.fake_server import FakeServer, picture, png


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["run", *arguments])
    return int(ended.value.code)


def test_only_what_was_typed_is_sent(server: FakeServer) -> None:
    assert run("a", "red", "fox") == 0
    assert server.asked == [{"prompt": "a red fox", "progress": True}]


def test_the_options_of_the_original(server: FakeServer) -> None:
    text = "a photo -m dreamshaper_8 -w 768 -h 512 -n 25 -g 7.0 --neg ugly -c 2 -f 1.5 -s 5 --seed 18446744073709551615"
    assert run(*text.split(), "--sampler", "dpm++ 2m", "--meta") == 0
    assert server.asked == [
        {"prompt": "a photo", "model": "dreamshaper_8", "width": 768, "height": 512, "num_steps": 25, "guidance": 7.0}
        | {"neg": "ugly", "clip": 2, "hires": 1.5, "stream": 5, "seed": "18446744073709551615"}
        | {"sampler": "dpm++ 2m", "progress": True}
    ]


def test_options_of_noise_masks_and_edges(server: FakeServer) -> None:
    text = "a fox --tiling --noise a1111-cpu --seed-size 512x768 --sampler-options eta=0.5,s_churn=4"
    assert run(*text.split(), "--mask-padding", "32", "--mask-fill", "noise") == 0
    assert server.asked == [
        {"prompt": "a fox", "tiling": True, "noise": "a1111-cpu", "seed_width": 512, "seed_height": 768}
        | {"sampler_options": {"eta": 0.5, "s_churn": 4.0}, "mask_padding": 32, "mask_fill": "noise", "progress": True}
    ]
    for wrong in (["--seed-size", "512"], ["--sampler-options", "eta"], ["--sampler-options", "eta=much"]):
        assert run("a fox", *wrong) == 2


@pytest.mark.parametrize("spelling", ["-n", "--num_steps", "--num-steps", "--steps"])
def test_every_spelling_of_steps(server: FakeServer, spelling: str) -> None:
    run("x", spelling, "9")
    assert server.asked[0]["num_steps"] == 9


def test_an_empty_negative_is_said(server: FakeServer) -> None:
    run("x", "--neg", "")
    assert server.asked[0]["neg"] == ""


def test_picture_and_json_are_written_and_only_their_paths_told(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("p", "-o", "fox.png") == 0
    assert capsys.readouterr().out == "fox.png\nfox.json\n"
    assert Path("fox.png").read_bytes() == png()
    saved = json.loads(Path("fox.json").read_text())
    assert base64.b64decode(saved["out"]) == png()
    assert saved["meta"] == {"img": None, "stream": None, "model": "m", "prompt": "p", "seed": "7"}


UNUSED = ["PIL", "ssl", "rich", "secrets", "imagine.asking.request", "imagine.pictures.metadata"]


def test_a_run_imports_what_it_needs_and_nothing_else(server: FakeServer) -> None:
    program = (
        "import sys\nfrom imagine.cli.main import main\n"
        "try: main(['run', '-m', 'dreamshaper_8', '-o', 'fox.png', 'fox'])\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"print(*(name for name in {UNUSED} if name in sys.modules))\n"
        "print(len([name for name in sys.modules if name.partition('.')[0] == 'imagine']))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=240)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-2:] == ["", "38"]
    assert Path("fox.png").read_bytes() == png()


def test_a_time_for_a_name_never_overwrites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.chdir(tmp_path)
    now = time.struct_time((2023, 10, 27, 15, 30, 45, 4, 300, 0))
    Path("20231027_153045.json").touch()
    Path("20231027_153045-2.png").touch()
    with Files(Destination(), 1, now=now) as one:
        assert one.path(0) == Path("20231027_153045-3.png")
    with Files(Destination(), 2, now=now) as two:
        assert two.path(1) == Path("20231027_153045-2-2.png")


def test_runs_of_the_same_second_take_different_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.chdir(tmp_path)
    now = time.struct_time((2023, 10, 27, 15, 30, 45, 4, 300, 0))
    place = Destination()
    with Files(place, 1, now=now) as one, Files(place, 1, now=now) as other, Files(place, 3, now=now) as several:
        names = {one.path(0).name, other.path(0).name, several.path(0).name}
        assert names == {"20231027_153045.png", "20231027_153045-2.png", "20231027_153045-3-1.png"}
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_can_not_be_written_to_is_told_at_once(
    server: FakeServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", denied)
    assert run("p") == 1
    assert capsys.readouterr().err == "Error: . can't be written: permission denied\n"
    monkeypatch.setattr("os.access", lambda *_: False)
    assert run("p") == 2
    assert f"The folder {Path.cwd()} can't be written to; name another" in capsys.readouterr().err
    assert run("p", "-o", "x") == 2
    assert f"the folder {Path.cwd()} can't be written to" in capsys.readouterr().err
    assert server.asked == []


def test_several_pictures_and_their_sheet(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.lines = [picture(png((0, 0, 250)), index=1), picture(png(), index=0)]
    assert run("p", "--count", "2", "-o", "x") == 0
    assert set(capsys.readouterr().out.split()) == {"x-1.png", "x-1.json", "x-2.png", "x-2.json", "x-sheet.png"}
    assert Path("x-2.png").read_bytes() == png((0, 0, 250))


def test_a_stream_replaces_the_picture(server: FakeServer) -> None:
    seen: list[bytes] = []
    server.lines = [{"status": "queued", "job": "j", "position": 1}, picture(png((1, 2, 3)), "intermediate")]
    server.lines += [lambda _: seen.append(b"asked"), picture(png())]
    assert run("p", "-s", "1", "-o", "x") == 0
    assert Path("x.png").read_bytes() == png()


def test_what_was_not_finished_is_taken_away(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.lines = [picture(png(), "intermediate"), {"error": "the worker died"}]
    assert run("p", "-s", "1", "-o", "x") == 1
    assert "the worker died" in capsys.readouterr().err
    assert list(Path().iterdir()) == []


def test_a_server_that_goes_away_is_an_error(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.lines = [picture(png(), "intermediate")]
    assert run("p", "-o", "x") == 1
    assert "went away" in capsys.readouterr().err
    assert list(Path().iterdir()) == []


def test_an_interruption_hangs_up(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from imagine.cli.progress import Bar

    def interrupted(bar: Bar, line: dict) -> None:
        if line["step"] == 2:
            raise KeyboardInterrupt

    def wait_for_the_end(connection) -> None:
        connection.socket.settimeout(120)
        if connection.socket.recv(1) == b"":
            connection.hung_up.set()

    monkeypatch.setattr(Bar, "show", interrupted)
    first, second = picture(png(), "intermediate"), picture(png(), "intermediate", step=2)
    server.lines = [first, second, wait_for_the_end]
    assert run("p", "-s", "1", "-o", "x") == 130
    assert server.hung_up.wait(120)
    assert list(Path().iterdir()) == []


def test_a_refusal_is_told_in_the_servers_words(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.refusal = (404, "model 'x' not found")
    assert run("p", "-m", "x") == 2
    assert capsys.readouterr().err == "Error: model 'x' not found\n"


def test_json_tells_every_event_without_its_picture(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.lines = [{"status": "loading", "job": "j", "model": "m", "fraction": 0.5}, picture(png())]
    assert run("p", "--json", "-o", "x") == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["status"] for line in told] == ["loading", "final"]
    assert told[1]["path"] == "x.png"
    assert "img" not in told[1]


def test_a_photo_is_sent_and_kept_in_the_json_only(server: FakeServer) -> None:
    Path("in.png").write_bytes(png((9, 9, 9)))
    assert run("p", "-i", "in.png", "-d", "0.7", "-o", "x") == 0
    assert base64.b64decode(server.asked[0]["img"]) == png((9, 9, 9))
    assert server.asked[0]["strength"] == 0.7
    assert json.loads(Path("x.json").read_text())["meta"]["img"] == server.asked[0]["img"]


def test_a_large_photo_is_made_smaller_and_it_is_said(
    server: FakeServer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from io import BytesIO

    from PIL import Image

    Image.new("RGB", (5000, 50)).save("wide.png")
    assert run("p", "-i", "wide.png", "-o", "x") == 0
    assert Image.open(BytesIO(base64.b64decode(server.asked[0]["img"]))).size == (4096, 41)
    assert "sent as 4096 x 41" in capsys.readouterr().err


def test_from_a_json_and_options_win(server: FakeServer) -> None:
    meta = {"model": "m", "prompt": "a cat", "steps": 30, "seed": "5", "img": None, "stream": 3, "buckets": "1x30"}
    Path("old.json").write_text(json.dumps({"meta": meta, "out": ""}))
    assert run("--from", "old.json", "--seed", "6", "-o", "x") == 0
    assert server.asked == [{"model": "m", "prompt": "a cat", "num_steps": 30, "seed": "6", "progress": True}]
    Path("both.json").write_text(json.dumps({"meta": {"prompt": "a cat", "guidance": 2, "distilled_cfg_scale": 3.5}}))
    assert run("--from", "both.json", "-o", "y") == run("--from", "both.json", "--guidance", "4", "-o", "z") == 0
    told = [(asked["guidance"], asked.get("distilled_cfg_scale")) for asked in server.asked[1:]]
    assert told == [(2.0, 3.5), (4.0, None)], "another guidance is said for whichever model it is"


def test_the_shipped_model_is_announced(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.models[0] |= {"name": "toybox", "shipped": True}
    assert run("p", "-o", "x") == 0
    said = capsys.readouterr().err
    assert "no model is installed: using toybox, which is small; models go into the folder that" in said
    assert server.address in said


UNUSABLE = [
    {"name": "lacking", "kind": "diffusion-model", "problem": "it lacks a VAE"},
    {"name": "truncated", "kind": "unknown", "problem": "it is truncated"},
    {"name": "clear", "kind": "vae", "problem": None},
]


@pytest.mark.parametrize(
    ("words", "model", "prompt"),
    [
        (("dreamshaper_8", "fox"), "dreamshaper_8", "fox"),
        (("lacking", "fox"), "lacking", "fox"),
        (("models/Truncated.safetensors", "a fox"), "truncated", "a fox"),
        (("my", "a fox"), "my", "a fox"),
        (("clear", "a fox"), "clear", "a fox"),
        (("clear.safetensors", "fox"), "clear", "fox"),
        (("clear", "snow"), None, "clear snow"),
        (("clear", "snow", "fox"), None, "clear snow fox"),
        (("lacking", "any", "snow"), None, "lacking any snow"),
        (("LACKING", "snow"), None, "LACKING snow"),
    ],
)
def test_a_model_that_can_not_be_used_is_meant_all_the_same(
    server: FakeServer, words: tuple[str, ...], model: str | None, prompt: str
) -> None:
    server.others, server.aliases = UNUSABLE, ["my"]
    assert run(*words, "-o", "x") == 0
    assert [(body.get("model"), body["prompt"]) for body in server.asked] == [(model, prompt)]


def test_a_first_word_that_is_another_kind_of_file_is_told(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.others = UNUSABLE
    assert run("clear", "snow", "-o", "x") == 0
    assert "'clear' is the prompt's first word" in capsys.readouterr().err


def test_models_that_can_not_be_used_are_not_none(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.models[0] |= {"name": "toybox", "shipped": True}
    server.others = UNUSABLE
    assert run("p", "-o", "x") == 0
    assert "no model that is installed can be used: using toybox" in capsys.readouterr().err


def test_where_models_go_is_the_real_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from imagine.cli.model_first import _folder_of
    from imagine.client.address import Address
    from imagine.client.client import Client

    monkeypatch.setenv("IMAGINE_MODELS", str(tmp_path / "mine"))
    assert _folder_of(Client(Address(socket="/run/imagine.sock"))) == str(tmp_path / "mine")


def test_a_named_server_that_is_not_there(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("p", "-a", "127.0.0.1:1") == 1
    said = "Error: could not connect to imagine at http://127.0.0.1:1, run 'imagine serve' to start it\n"
    assert capsys.readouterr().err == said


def test_something_else_at_the_address_is_not_asked(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.health = {"name": "airplay"}
    assert run("p") == 1
    assert "is not imagine" in capsys.readouterr().err
    assert server.asked == []


def test_loras_with_their_weights(server: FakeServer) -> None:
    assert run("x", "--lora", "ink", "--lora", "my pen:0.8", "--lora", "a/b:-1:.5") == 0
    assert server.asked[0]["loras"] == [
        {"name": "ink"}, {"name": "my pen", "weight": 0.8}, {"name": "a/b", "weight": -1.0, "clip_weight": 0.5},
    ]  # fmt: skip


def test_an_empty_lora_is_none_of_them(server: FakeServer) -> None:
    assert run("x", "--lora", "") == 0
    assert server.asked[0]["loras"] == []


@pytest.mark.parametrize("typed", ["ink:x", "ink:", "ink:nan", "ink:1:2:3"])
def test_a_weight_that_is_none_is_refused_where_it_was_typed(
    typed: str, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("x", "--lora", typed) == 2
    assert "--lora" in capsys.readouterr().err
    assert server.asked == []


def test_controls_and_references_with_their_pictures(server: FakeServer) -> None:
    for name, colour in (("room.png", (1, 1, 1)), ("a,b:c.png", (2, 2, 2)), ("dog.png", (3, 3, 3))):
        Path(name).write_bytes(png(colour))
    typed = ["--control", "canny=room.png:0.8", "--control", "depth=a,b:c.png,preprocess=none,end=0.5"]
    assert run("x", *typed, "--reference", "dog.png:0.6,kind=style", "--reference", "dog.png", "-o", "x") == 0
    first, second, third = (base64.b64encode(png(colour)).decode() for colour in ((1, 1, 1), (2, 2, 2), (3, 3, 3)))
    assert server.asked[0]["control"] == [
        {"model": "canny", "strength": 0.8, "image": first},
        {"model": "depth", "image": second, "preprocess": "none", "end": 0.5},
    ]
    assert server.asked[0]["references"] == [{"strength": 0.6, "img": third, "kind": "style"}, {"img": third}]


@pytest.mark.parametrize("option", ["--reference", "--img"])
def test_a_picture_may_say_it_all(option: str, server: FakeServer) -> None:
    Path("dog.png").write_bytes(png())
    assert run("dreamshaper_8", "", option, "dog.png", "-o", "x") == 0
    assert (server.asked[0]["model"], server.asked[0]["prompt"]) == ("dreamshaper_8", "")


def test_their_numbers_boxes_and_masks_are_said_too_and_home_is_found(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    Path("room.png").write_bytes(png())
    (tmp_path / "at home.png").write_bytes(png())
    control = "canny=~/at home.png:0.8,low_threshold=50,start=0.1"
    reference = "room.png:0.5,box=0.1/0/0.5/1,mask=~/at home.png"
    assert run("x", "--control", control, "--reference", reference, "-o", "x") == 0
    shown = base64.b64encode(png()).decode()
    assert server.asked[0]["control"] == [
        {"model": "canny", "image": shown, "strength": 0.8, "start": 0.1, "options": {"low_threshold": 50.0}}
    ]
    assert server.asked[0]["references"] == [{"img": shown, "strength": 0.5, "box": [0.1, 0, 0.5, 1], "mask": shown}]


@pytest.mark.parametrize(
    ("option", "typed", "why"),
    [
        ("--control", "room.png", "names no model"), ("--control", "canny=", "names no picture"),
        ("--control", "canny=gone.png:0.8", "'gone.png' is no file"), ("--control", "canny=.", "'.' is a folder"),
        ("--control", "canny=room.png,weight=2", "says 'weight', which isn't one of"),
        ("--control", "canny=room.png,end=late", "says end 'late', which is no number"),
        ("--reference", "gone.png", "'gone.png' is no file"), ("--reference", ":0.5", "names no picture"),
        ("--reference", "room.png,mask=gone.png", "'gone.png' is no file"),
        ("--reference", "room.png,box=0/0/wide/1", "says box 'wide', which is no number"),
        ("--reference", "room.png,gamma=2", "says 'gamma', which isn't one of"),
        ("--picture", "room.png", "--picture is for --from"),
    ],
)  # fmt: skip
def test_what_is_no_control_or_reference_is_refused_where_it_was_typed(
    option: str, typed: str, why: str, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("room.png").write_bytes(png())
    assert run("x", option, typed) == 2
    assert why in " ".join(capsys.readouterr().err.split())
    assert server.asked == []


def test_the_json_holds_what_it_was_held_to_and_makes_it_again(server: FakeServer) -> None:
    Path("room.png").write_bytes(png())
    digest = hashlib.sha256(png()).hexdigest()
    meta = {"model": "m", "prompt": "p", "seed": "7", "control": [{"model": "canny", "image": digest}]}
    server.lines = [picture(png(), meta=meta)]
    assert run("p", "--control", "canny=room.png", "-o", "x") == 0
    assert run("--from", "x.json", "-o", "y") == 0
    assert run("--from", "x.json", "--reference", "room.png", "--control", "depth=room.png:2", "-o", "z") == 0
    first, again, other = server.asked
    assert again["control"] == first["control"]
    assert (other["control"][0]["model"], len(other["references"])) == ("depth", 1)
