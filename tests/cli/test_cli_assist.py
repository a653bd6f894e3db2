"""`imagine run --assist` and `--assist-ask`: a wish is sent as one, and its plan can be agreed to or changed before."""

import click
import pytest

from imagine.cli.assist import read, written
from imagine.cli.main import main
from tests.cli.fake_server import FakeServer, png

PLAN = {
    "prompt": "a blue house, drawing", "negative": "red", "strength": 0.85, "steps": 30, "guidance": 6.0,
    "sampler": "euler", "change": "colour", "keep": ["lawn", "sky"], "why": "The house turns blue.", "control": "canny",
    "description": "red house", "preset": None, "loras": [], "warnings": ["the assistant's strength was 0.3"],
    "request": {
        "prompt": "a blue house, drawing", "neg": "red", "strength": 0.85, "num_steps": 30, "guidance": 6.0,
        "sampler": "euler", "control": [{"model": "canny", "strength": 0.7}], "assisted": {"wish": "make it blue"},
    },
}  # fmt: skip


@pytest.fixture
def said(server: FakeServer, tmp_path, monkeypatch: pytest.MonkeyPatch):
    """Runs a command at a terminal where `answers` are typed; what was sent at last."""
    (tmp_path / "photo.png").write_bytes(png())
    server.plan = PLAN

    def run(*arguments: str, answers: tuple[str, ...] = (), edited: str | None = None, status: int = 0) -> dict:
        typed = iter(answers)
        monkeypatch.setattr("builtins.input", lambda _: next(typed))
        monkeypatch.setattr(click, "edit", lambda *_, **__: edited)
        for stream in ("stdin", "stderr"):
            monkeypatch.setattr(f"sys.{stream}.isatty", lambda: True, raising=False)
        with pytest.raises(SystemExit) as ended:
            main(["run", "make it blue", "-m", "dreamshaper_8", "-i", "photo.png", "-o", "out.png", *arguments])
        assert ended.value.code == status
        return server.asked[-1]

    return run


def test_a_wish_is_sent_as_one(said):
    body = said("--assist", "--description", "a red house")
    assert (body["prompt"], body["assist"], body["description"]) == ("make it blue", True, "a red house")


def test_a_plan_is_shown_and_what_was_agreed_to_is_painted(said, server, capsys):
    body = said("--assist-ask", "--seed", "5", answers=("",))
    asked = server.asked[0]
    assert (asked["prompt"], "img" in asked, "assist_ask" in asked) == ("make it blue", True, False)
    told = capsys.readouterr().err
    assert "prompt: a blue house, drawing\nnegative: red\nstrength: 0.85\nsteps: 30" in told
    assert "# keep: lawn, sky" in told
    assert "# why: The house turns blue." in told
    assert "Warning: the assistant's strength was 0.3" in told
    held = [{"model": "canny", "strength": 0.7, "image": body["img"]}]
    assert {name: body[name] for name in PLAN["request"]} == PLAN["request"] | {"control": held}
    assert (body["seed"], "assist" in body) == ("5", False)


def test_a_plan_can_be_changed_first(said, capsys):
    edited = (
        written(PLAN).replace("0.85", "0.6").replace("negative: red", "negative:").replace("steps: 30", "steps: 12")
    )
    body = said("--assist-ask", answers=("e", ""), edited=edited)
    assert (body["strength"], body["num_steps"], "neg" in body) == (0.6, 12, False)
    assert "strength: 0.6" in capsys.readouterr().err, "it is shown once more"


def test_who_says_no_has_nothing_painted(said, server):
    said("--assist-ask", answers=("n",), status=130)
    assert len(server.asked) == 1, "the plan alone"


@pytest.mark.parametrize(("edited", "why"), [("colour: blue", "colour"), ("steps: many", "steps"), ("hello", "hello")])
def test_what_cannot_be_a_plan_is_told(edited, why):
    with pytest.raises(click.UsageError, match=why):
        read(edited)


def test_nobody_is_asked_where_there_is_no_terminal(server, capsys):
    with pytest.raises(SystemExit):
        main(["run", "make it blue", "-m", "dreamshaper_8", "--assist-ask"])
    assert "--assist-ask asks at a terminal" in capsys.readouterr().err
    assert server.asked == []
