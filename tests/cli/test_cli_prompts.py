"""Where `imagine run` has its prompt from: words, a model before them, standard input, a file of many."""

import io
import json
from pathlib import Path

import pytest

from imagine.cli.main import main
from tests.cli.fake_server import FakeServer, picture, png


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["run", *arguments])
    return int(ended.value.code)


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch):
    """What is piped in."""

    def pipe(data: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))

    return pipe


@pytest.mark.parametrize("words", [["-"], []])
@pytest.mark.parametrize("data", [b"a fox\n", b"\xef\xbb\xbfa fox\r\n", "a fox\n".encode("utf-16"), b"\n  a fox  \n\n"])
def test_the_prompt_from_a_pipe(server: FakeServer, stdin, words: list[str], data: bytes) -> None:
    stdin(data)
    assert run(*words, "-o", "x") == 0
    assert server.asked[0]["prompt"] == "a fox"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "nothing came on standard input"),
        (b" \n\t", "nothing came on standard input"),
        (b"a\nf\xffx", "standard input is no text in UTF-8: line 2 has the byte 0xff"),
    ],
)
@pytest.mark.parametrize("words", [["-"], []])
def test_a_pipe_without_a_prompt(
    server: FakeServer, stdin, words: list[str], data: bytes, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stdin(data)
    assert run(*words) == 2
    assert said in capsys.readouterr().err
    assert server.asked == []


@pytest.mark.parametrize("words", [[""], [" ", " "], ["dreamshaper_8", ""]])
def test_an_empty_prompt_is_none(server: FakeServer, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words) == 2
    assert "The prompt is empty" in capsys.readouterr().err
    assert server.asked == []


def test_what_is_in_a_recipe_is_not_waited_for(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("old.json").write_text(json.dumps({"meta": {"prompt": "a cat"}}))
    monkeypatch.setattr("sys.stdin", None)
    assert run("--from", "old.json") == 0
    assert server.asked[0]["prompt"] == "a cat"


@pytest.mark.parametrize(
    ("words", "model", "prompt"),
    [
        (["dreamshaper_8", "a red fox"], "dreamshaper_8", "a red fox"),
        (["dreamshaper_8", "fox"], "dreamshaper_8", "fox"),
        (["dreamshaper_8.safetensors", "fox"], "dreamshaper_8", "fox"),
        (["models/Dreamshaper_8.gguf", "a fox"], "dreamshaper_8", "a fox"),
        (["Dreamshaper_8", "fox"], None, "Dreamshaper_8 fox"),
        (["red", "fox"], None, "red fox"),
        (["dreamshaper_8", "red", "fox"], None, "dreamshaper_8 red fox"),
        (["dreamshaper_8"], None, "dreamshaper_8"),
        (["fox", "dreamshaper_8"], None, "fox dreamshaper_8"),
    ],
)
def test_a_model_may_stand_before_the_prompt(
    server: FakeServer, words: list[str], model: str | None, prompt: str
) -> None:
    assert run(*words, "-o", "x") == 0
    assert (server.asked[0].get("model"), server.asked[0]["prompt"]) == (model, prompt)


def test_a_named_model_leaves_both_words_to_the_prompt(server: FakeServer) -> None:
    assert run("dreamshaper_8", "fox", "-m", "other") == 0
    assert (server.asked[0]["model"], server.asked[0]["prompt"]) == ("other", "dreamshaper_8 fox")


def test_the_prompt_behind_a_model_may_be_piped_in(server: FakeServer, stdin) -> None:
    stdin(b"a fox")
    assert run("dreamshaper_8", "-") == 0
    assert (server.asked[0]["model"], server.asked[0]["prompt"]) == ("dreamshaper_8", "a fox")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["dreamshaper_7", "a red fox"], "did you mean dreamshaper_8?"),
        (["dreamshaper_8"], "imagine run -m dreamshaper_8"),
    ],
)
def test_words_that_may_be_a_model_are_told(
    server: FakeServer, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == 0
    assert said in capsys.readouterr().err


def test_prompts_of_a_file_are_drawn_in_turn(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    Path("many.txt").write_bytes(b"\xef\xbb\xbfa fox\n\n  an owl \r\n")
    assert run("--prompts", "many.txt", "-o", "x", "-n", "3") == 0
    assert [(asked["prompt"], asked["num_steps"]) for asked in server.asked] == [("a fox", 3), ("an owl", 3)]
    assert capsys.readouterr().out.split() == ["x-1.png", "x-1.json", "x-2.png", "x-2.json"]
    assert run("--prompts", "many.txt", "-o", "{index}-{prompt}.jpg") == 0
    assert {"1-a_fox.jpg", "2-an_owl.json"} <= {path.name for path in Path().iterdir()}


def test_a_prompt_that_is_refused_keeps_no_other_from_its_picture(
    server: FakeServer, capsys: pytest.CaptureFixture[str], stdin
) -> None:
    stdin(b"a\nb\nc\n")
    server.refuse = lambda body: (400, "prompt 'b' is blocked") if body["prompt"] == "b" else None
    assert run("--prompts", "-", "-o", "x") == 1
    said = capsys.readouterr()
    assert said.out.split() == ["x-1.png", "x-1.json", "x-3.png", "x-3.json"]
    assert said.err == "Error: prompt 2 of 3: prompt 'b' is blocked\n"


def test_what_is_wrong_with_every_prompt_is_told_twice_at_most(server: FakeServer, stdin) -> None:
    stdin(b"a\nb\nc\nd\n")
    server.refusal = (400, "width is 5")
    assert run("--prompts", "-", "-w", "5") == 2
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("- -i -", "Standard input can be one thing only, and here it is --img and PROMPT"),
        ("--from - --mask -", "it is --from and --mask"),
        ("p --prompts a.txt", "can't be together"),
        ("--prompts a.txt -i -", "--img - is read once, and --prompts need it for each"),
        ("--prompts - --from -", "is read once"),
        ("--prompts empty.txt", "There is no prompt in empty.txt"),
        ("p -i -", "img is -, and nothing came on standard input"),
    ],
)
def test_what_cannot_be_together(
    server: FakeServer, stdin, arguments: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stdin(b"")
    Path("a.txt").write_text("a")
    Path("empty.txt").write_text("\n")
    assert run(*arguments.split()) == 2
    assert said in capsys.readouterr().err
    assert server.asked == []


def test_a_photo_and_a_recipe_from_a_pipe(server: FakeServer, stdin) -> None:
    import base64

    stdin(png((9, 9, 9)))
    assert run("p", "-i", "-") == 0
    assert base64.b64decode(server.asked[0]["img"]) == png((9, 9, 9))
    stdin(json.dumps({"meta": {"prompt": "a cat", "seed": "5"}}).encode())
    assert run("--from", "-") == 0
    assert (server.asked[1]["prompt"], server.asked[1]["seed"]) == ("a cat", "5")


def test_a_strength_of_no_picture_is_not_taken_over_to_one(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("old.json").write_text(json.dumps({"meta": {"prompt": "a cat", "strength": 1.0, "img": None}}))
    Path("in.png").write_bytes(png())
    assert run("--from", "old.json", "-i", "in.png") == 0
    assert "strength" not in server.asked[0]
    assert "Warning: strength 1 was not taken over" in capsys.readouterr().err
    assert run("--from", "old.json", "-i", "in.png", "-d", "1") == 0
    assert server.asked[1]["strength"] == 1
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("typed", "sent"), [("10m", "10m"), ("300", 300.0), ("-1", -1.0), ("0", 0.0)])
def test_how_long_the_model_stays(server: FakeServer, typed: str, sent: object) -> None:
    for spelling in ("--keepalive", "--keep-alive"):
        assert run("p", spelling, typed) == 0
    assert [asked["keep_alive"] for asked in server.asked] == [sent, sent]


def test_json_of_several_prompts(server: FakeServer, capsys: pytest.CaptureFixture[str], stdin) -> None:
    stdin(b"a\nb\n")
    server.lines = [picture(png())]
    assert run("--prompts", "-", "--json", "-o", "x") == 0
    assert [json.loads(line)["path"] for line in capsys.readouterr().out.splitlines()] == ["x-1.png", "x-2.png"]
