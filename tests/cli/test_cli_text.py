"""What reaches a terminal: nothing of a file's, a server's or a prompt's that it would obey; and how a command ends."""

import ast
import json
import unicodedata
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from imagine.cli.console import printable
from imagine.cli.exits import EXITS
from imagine.cli.main import main
from imagine.cli.naming import safe
from tests.cli.fake_server import FakeServer, picture, png

EVIL = "fox\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp"
SEEN = "fox\\x1b]0;owned\\x07\\x1b[2J\\x9b31m\\u202egnp"
SPEAKERS = {"console.py", "terminal.py", "outputs.py", "mcp.py", "mcp_folders.py"}
"""Who may write: words, pictures for a terminal, a picture's bytes, and for agents a protocol's lines and files."""


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code)


def written_png(**texts: str) -> bytes:
    info, data = PngInfo(), BytesIO()
    for key, text in texts.items():
        info.add_itxt(key, text)
    Image.new("RGB", (8, 8)).save(data, "PNG", pnginfo=info)
    return data.getvalue()


def test_what_a_terminal_would_obey_is_written_out() -> None:
    assert printable(EVIL) == SEEN
    assert printable("два\nодин 🦊\u200d🔥 é") == "два\\x0aодин 🦊\u200d🔥 é"
    assert printable("a\nb\tc\rd", lines=True) == "a\nb\tc\\x0dd"
    assert printable("\udcff") == "\\xff"


def test_all_words_go_through_one_place() -> None:
    """No command prints by itself."""
    own = []
    for path in Path("src/imagine/cli").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if path.name not in SPEAKERS and (
                name in ("click.echo", "click.secho", "print") or name.endswith(".write")
            ):
                own.append(f"{path.name}: {name}")
    assert own == []


@pytest.mark.parametrize("name", ["evil.png", "evil.json"])
def test_info_of_a_file_that_would_command_the_terminal(
    server: FakeServer, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    meta = {"prompt": EVIL + "\nseed    5", EVIL: "x", "seed": 18446744073709551615}
    Path("evil.png").write_bytes(written_png(meta=json.dumps(meta)))
    Path("evil.json").write_text(json.dumps({"meta": meta}))
    assert run("info", name) == 0
    said = capsys.readouterr()
    assert not set("\x1b\x07\x9b\u202e") & set(said.out + said.err)
    assert SEEN in said.out
    assert [line.split()[0] for line in said.out.splitlines() if line.startswith("seed")] == ["seed"]
    assert run("info", name, "--json") == 0
    out = capsys.readouterr().out
    assert json.loads(out)["seed"] == "18446744073709551615"
    assert out.isascii()


@pytest.mark.parametrize(
    "arguments", [["list"], ["show", EVIL], ["ps"], ["presets"], ["presets", EVIL], ["list", "--json"]]
)
def test_what_a_server_says_is_no_command(
    server: FakeServer, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    server.models[0] |= {"name": EVIL, "family": EVIL, "loaded": {"size": 1, "expires_in": 1}}
    server.presets = [{"name": EVIL, "description": EVIL}]
    run(*arguments)
    said = capsys.readouterr()
    assert not set("\x1b\x07\x9b\u202e") & set(said.out + said.err)


def test_nor_are_its_errors_warnings_and_news(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.lines = [
        {"status": "loading", "model": EVIL, "fraction": 0.5},
        picture(png(), warnings=[EVIL, f"a\n{EVIL}"]),
    ]
    assert run("run", "p", "-o", "x") == 0
    assert capsys.readouterr().err.splitlines() == [f"Warning: {SEEN}", f"Warning: a\\x0a{SEEN}"]
    server.refusal = (500, EVIL)
    assert run("run", "p", "-o", "x") == 1
    assert capsys.readouterr().err == f"Error: {SEEN}\n"
    assert run("info", f"{EVIL}.png") == 2
    assert not set("\x1b\x07\x9b\u202e") & set(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("status", "exits"), [(400, 2), (404, 2), (413, 2), (401, 1), (403, 1), (422, 1), (500, 1), (503, 1), (507, 1)]
)
def test_what_was_typed_wrong_exits_with_2_and_what_went_wrong_with_1(
    server: FakeServer, status: int, exits: int
) -> None:
    server.refusal = (status, "no")
    assert run("run", "p", "-o", "x") == exits


def test_a_file_that_is_no_model_was_named_wrongly_and_a_damaged_one_was_not(server: FakeServer) -> None:
    server.refusal = (422, "no")
    for server.code, exits in (("model.other_kind", 2), ("model.unusable", 1)):
        assert run("run", "p", "-m", "clear", "-o", "x") == exits


@pytest.mark.parametrize(
    "arguments",
    ["run p --nonsense", "run p -w wide", "run p -o none/x", "run p -i none.png", "info none.png", "show none", "runn",
     "presets none", "help none", "run p --extend a=b", "convert none", "run p -o {colour}", "list -a foo:bar",
     "run p -a ftp://fox"],
)  # fmt: skip
def test_what_cannot_be_is_mistyped(server: FakeServer, arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments.split()) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert server.asked == []


def test_the_exits_are_documented() -> None:
    text = Path("docs/cli.md").read_text()
    assert all(f"| {status} | " in text for status in EXITS)


def test_a_key_that_is_missing_or_wrong_is_told_by_its_variable(
    server: FakeServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.refusal = (401, "this server needs its API key, as the header 'Authorization: Bearer KEY'")
    assert run("run", "p") == 1
    assert "needs its API key; set IMAGINE_API_KEY" in capsys.readouterr().err
    monkeypatch.setenv("IMAGINE_API_KEY", "wrong")
    assert run("run", "p") == 1
    assert "refuses the key that IMAGINE_API_KEY holds" in capsys.readouterr().err
    monkeypatch.setenv("IMAGINE_API_KEY", "ключ")
    assert run("run", "p") == 1
    assert "IMAGINE_API_KEY holds a character" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["-h"], ["list", "-h"], ["run", "-h"], ["help"], ["help", "run"], ["serve", "-h"]]
)
def test_help_is_where_one_looks_for_it(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 0
    assert "Usage: imagine" in capsys.readouterr().out


def test_nothing_at_all_is_answered_with_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 2
    said = capsys.readouterr().err
    assert said.startswith("Usage: imagine [OPTIONS] COMMAND [ARGS]...\n\n  Pictures from words")
    assert "\n  serve " in said


def test_the_version_in_every_spelling(capsys: pytest.CaptureFixture[str]) -> None:
    for spelling in ("-v", "--version", "version"):
        assert run(spelling) == 0
    one, two, three = capsys.readouterr().out.splitlines()
    assert one == two == three


def test_a_mistyped_command_has_its_likely_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verfy") == 2
    assert "Did you mean verify?" in capsys.readouterr().err


def test_show_speaks_to_people(server: FakeServer, capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    server.models[0] |= {"modified": 1698420645.0, "loaded": {"size": 5_000_000_000, "expires_in": 250.0}}
    assert run("show", "Dreamshaper_8.safetensors") == 0
    said = capsys.readouterr().out
    assert "size        2.1 GB\n" in said
    assert "modified    2023-10-27 15:30 (" in said
    assert "loaded      size 5.0 GB, expires_in for 4 minutes" in said
    assert run("show", "dreamshaper_9") == 2
    assert "did you mean: dreamshaper_8?" in capsys.readouterr().err


def test_without_a_server_show_reads_the_folder_and_stop_has_nothing_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("imagine.cli.reach.running", lambda address: None)
    monkeypatch.setenv("IMAGINE_HOME", str(tmp_path))
    assert run("show", "toybox") == 0
    assert "stable_diffusion" in capsys.readouterr().out
    assert run("stop", "toybox") == 0
    assert capsys.readouterr().err == "no server is running, so no model is loaded\n"


def test_verify_goes_on_behind_what_it_cannot_read(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("run", "p", "-o", "x") == 0
    capsys.readouterr()
    Path("bad.png").write_bytes(b"no picture")
    assert run("verify", "none.png", "bad.png", ".", "x.json") == 1
    said = capsys.readouterr()
    assert said.out == "x.json: identical\n"
    missing, bad, folder = said.err.splitlines()
    assert missing == "none.png can't be read: no such file or directory"
    assert (bad.split()[0], folder) == ("bad.png", ". is a folder, not a file")


def test_info_and_verify_of_what_is_piped_in(
    server: FakeServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("run", "p", "-o", "x") == 0
    capsys.readouterr()
    for command, said in (("info", "prompt    p"), ("verify", "-: identical")):
        monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(Path("x.json").read_bytes())))
        assert run(command, "-") == 0
        assert said in capsys.readouterr().out


def test_a_recipe_without_a_prompt_draws_no_nothing(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    Path("x.json").write_text(json.dumps({"meta": {"seed": "5"}}))
    assert run("run", "--from", "x.json") == 2
    assert "x.json names no prompt" in capsys.readouterr().err
    assert run("run", "a fox", "--from", "x.json") == 0
    assert len(server.asked) == 1


@given(st.text())
def test_no_text_commands_a_terminal_and_every_prompt_is_a_name(text: str) -> None:
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in printable(text))
    name = safe(text)
    assert len(name.encode()) <= 101
    assert Path(name).name == name
    assert name[0] not in ".- "
    assert printable(name) == name
