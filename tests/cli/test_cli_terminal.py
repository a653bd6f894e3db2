"""`imagine run` as somebody at a terminal sees it: the bar, the paths, the pictures, and one prompt after another."""

import os
import threading
from pathlib import Path

import pytest

from imagine.cli.terminal import Screen, sequence
from tests.cli.at_terminal import Terminal, shown
from tests.cli.fake_server import FakeServer, picture, png

BASE = {"TERM": "xterm-256color", "IMAGINE_NOHISTORY": "1"}
STEPS = [{"status": "queued", "position": 0}, {"status": "loading", "model": "m", "fraction": 0.5}]
STEPS += [{"status": "progress", "step": step, "steps": 10, "remaining": 1.0} for step in range(1, 11)]
AT_WORK = [*STEPS[:-1], picture(png(), "intermediate", step=9, steps=10), STEPS[-1]]
"""Who sees 10/10 has the picture in its place: line after line is acted on."""


@pytest.mark.parametrize(("columns", "term"), [(80, "xterm-256color"), (20, "xterm"), (80, "dumb")])
def test_a_path_stands_alone_on_its_line(server: FakeServer, columns: int, term: str) -> None:
    server.lines = [*STEPS, picture(png(), index=0, warnings=["odd"]), *STEPS, picture(png(), index=1)]
    with Terminal("run", "p", "--count", "2", "-o", "x", environ=BASE | {"TERM": term}, columns=columns) as terminal:
        assert terminal.end() == 0
    said = [line for line in terminal.screen if line]
    assert said == ["Warning: odd", "x-1.png", "x-1.json", "x-2.png", "x-2.json", "x-sheet.png"]
    assert ("pai" in terminal.seen) == (term != "dumb")  # cut off, where the terminal is narrow
    assert term != "dumb" or terminal.screen == [*said, ""]


def test_a_model_of_an_odd_name_is_no_markup_and_no_command(server: FakeServer) -> None:
    seen = threading.Event()
    server.lines = [{"status": "queued", "position": "3\x1b]0;x\x07"}]
    server.lines += [{"status": "loading", "model": "a[red]b\x1b[31mc", "fraction": 0.5}, lambda _: seen.wait(240)]
    server.lines += [picture(png())]
    with Terminal("run", "p", "-o", "x", environ=BASE) as terminal:
        terminal.wait_for("loading a[red]b\\x1b[31mc")
        seen.set()
        assert terminal.end() == 0
    assert "\x07" not in terminal.seen


def test_ctrl_c_takes_it_back(server: FakeServer) -> None:
    ended = threading.Event()
    server.lines = [*AT_WORK, lambda _: ended.wait(240)]
    Path("x.png").write_bytes(b"old")
    with Terminal("run", "p", "-o", "x", "-s", "1", environ=BASE) as terminal:
        terminal.wait_for("10/10")
        terminal.type("\x03")
        assert terminal.end() == 130
    ended.set()
    assert Path("x.png").read_bytes() == b"old"
    assert terminal.screen[-2:] == ["cancelled", ""]


def test_closing_the_terminal_brings_the_old_file_back(server: FakeServer) -> None:
    ended = threading.Event()
    server.lines = [*AT_WORK, lambda _: ended.wait(240)]
    Path("x.png").write_bytes(b"old")
    with Terminal("run", "p", "-o", "x", "-s", "1", environ=BASE) as terminal:
        terminal.wait_for("10/10")
        assert Path("x.png").read_bytes() == png()
        assert terminal.close() == 129
    ended.set()
    assert Path("x.png").read_bytes() == b"old"
    assert [path.name for path in Path().iterdir()] == ["x.png"]


def test_a_picture_in_a_terminal_that_shows_none_is_half_blocks(server: FakeServer) -> None:
    server.lines = [picture(png((255, 0, 0), side=32), "intermediate"), picture(png((0, 0, 255), side=32))]
    with Terminal("run", "p", "--show", "-o", "x", "-s", "1", environ=BASE | {"COLORTERM": "truecolor"}) as terminal:
        assert terminal.end() == 0
    assert "\x1b[38;2;255;0;0;48;2;255;0;0m" in terminal.seen
    assert "\x1b[38;2;0;0;255;48;2;0;0;255m" in terminal.seen
    lines = [line for line in terminal.screen if line]
    assert lines == ["▀" * 32] * 16 + ["x.png", "x.json"]
    assert Path("x.png").exists()


def test_show_without_a_terminal_is_told_and_the_picture_made(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.cli.test_cli_text import run

    assert run("run", "p", "--show", "-o", "x") == 0
    assert capsys.readouterr().err.startswith("Warning: --show has no effect")
    assert Path("x.png").exists()


def test_blocks_fit_the_terminal_and_are_drawn_over() -> None:
    import io

    tall = sequence("blocks256", png((10, 200, 30), side=100), columns=30, rows=10)
    lines = tall.split("\r\n")
    assert len(lines) == 10
    assert {line.count("▀") for line in lines} == {20}
    out = io.StringIO()
    screen = Screen("blocks", out, os.terminal_size((40, 8)))
    for colour in ((1, 2, 3), (4, 5, 6)):
        screen.draw(png(colour, side=16))
    assert out.getvalue().count("\x1b[7A") == 2
    assert out.getvalue().count("▀") == 2 * 14 * 7


def test_one_prompt_after_another(server: FakeServer) -> None:
    with Terminal("run", "-o", "x", "-n", "4", environ=BASE) as terminal:
        terminal.wait_for(">>> ")
        terminal.type("a fox\n")
        terminal.wait_for("x-1.json")
        terminal.type("/set steps 7\n/set sampler 'euler a'\n/set reproducible yes\n/show\n")
        terminal.wait_for("reproducible    True")
        terminal.type("/set text_encoder clip_l, clip_g\n/show\n")
        terminal.wait_for("text_encoders    clip_l, clip_g")
        terminal.type("an owl\n")
        terminal.wait_for("x-2.json")
        terminal.type("/set steps\n/set width wide\n/set speed 3\n/nonsense\n/help\n")
        terminal.wait_for("There is no /nonsense")
        terminal.type("a cat\n")
        terminal.wait_for("x-3.json")
        terminal.wait_for(">>> ", 4)
        terminal.type("/bye\n")
        assert terminal.end() == 0
    first, second, third = server.asked
    assert first == {"prompt": "a fox", "num_steps": 4, "progress": True}
    said = {"sampler": "euler a", "reproducible": True, "text_encoders": ["clip_l", "clip_g"]}
    assert second == first | {"prompt": "an owl", "num_steps": 7} | said
    assert third == {"prompt": "a cat", "progress": True} | said
    assert "'wide' is not a valid integer" in terminal.seen
    assert "There is no speed; there are model, " in terminal.seen


def test_a_refusal_or_ctrl_c_ends_a_picture_and_no_conversation(server: FakeServer) -> None:
    ended = threading.Event()
    server.refuse = lambda body: (400, "no owls") if "owl" in body["prompt"] else None
    server.lines = [*STEPS, lambda _: ended.wait(240)]
    with Terminal("run", "-o", "x", environ=BASE) as terminal:
        terminal.wait_for(">>> ")
        terminal.type("an owl\n")
        terminal.wait_for("Error: no owls")
        terminal.type("a fox\n")
        terminal.wait_for("10/10")
        terminal.type("\x03")
        terminal.wait_for("cancelled")
        ended.set()
        server.lines = [picture(png())]
        terminal.wait_for(">>> ", 3)
        terminal.type("half a li")
        terminal.wait_for("half a li")
        terminal.type("\x03")
        terminal.wait_for(">>> ", 4)
        terminal.type("a cat\n")
        terminal.wait_for(">>> ", 5)
        terminal.type("\x04")
        assert terminal.end() == 0


def test_what_was_typed_is_called_back_and_kept_for_oneself(server: FakeServer, tmp_path: Path) -> None:
    environ = BASE | {"IMAGINE_HOME": str(tmp_path / "home"), "IMAGINE_NOHISTORY": ""}
    for keys in ("a fox\n", "\x1b[A\n"):
        with Terminal("run", environ=environ) as terminal:
            terminal.wait_for(">>> ")
            terminal.type(keys)
            terminal.wait_for(">>> ", 2)
            terminal.type("\x04")
            assert terminal.end() == 0
    assert [asked["prompt"] for asked in server.asked] == ["a fox", "a fox"]
    assert (tmp_path / "home/history").stat().st_mode & 0o777 == 0o600
    with Terminal("run", environ=environ | {"IMAGINE_NOHISTORY": "1"}) as terminal:
        terminal.wait_for(">>> ")
        terminal.type("a secret\n")
        terminal.wait_for(">>> ", 2)
        terminal.type("\x04")
        assert terminal.end() == 0
    assert "secret" not in (tmp_path / "home/history").read_text()


def test_tab_completes_settings_and_their_values(server: FakeServer) -> None:
    with Terminal("run", "-o", "x", environ=BASE) as terminal:
        terminal.wait_for(">>> ")
        # Another setting begins as this one is called, so Tab leaves the space behind it to who types.
        terminal.type("/se\tsam\t euler_\t\na fox\n")
        terminal.wait_for(">>> ", 3)
        terminal.type("\x04")
        assert terminal.end() == 0
    assert server.asked[0]["sampler"] == "euler_a"


def test_the_screen_of_these_tests_is_one() -> None:
    assert shown("ab\rc\n\x1b[1Axyz\x1b[2K\r\x1b[31mq\x1b[0m") == ["q", ""]
