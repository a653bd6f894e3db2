"""The whole server with the shipped model, and a classifier that sees hearts: told by the pixels that come out, in each
dialect, and in the terminal."""

import base64
import json
import shutil
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imagine.cli.main import main
from imagine.pictures.canonical import canonical
from tests.daemon import PATIENCE, REAL, Daemon

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

HEARTS = Path(__file__).parents[1] / "data/toy-hearts.safetensors"
RULES = {
    "policy": "none",
    "stages": ["preview", "picture"],
    "pictures": {"model": "toy-hearts", "threshold": {"hearts": 0.5}},
}
HEART, FISH = "a big red heart on a white background", "a big blue fish on a white background"
SMALL = {"width": 128, "height": 128, "num_steps": 10, "seed": 1, "model": "toybox"}
SEEN = "the topic 'hearts' is seen in it"
DETAILS = {"code": "content_policy_violation", "categories": ["hearts"], "rule": "toy-hearts"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    (home / ".imagine/models").mkdir(parents=True)
    shutil.copy(HEARTS, home / ".imagine/models")
    with Daemon(home, REAL, "-d", "cpu", "--moderation", json.dumps(RULES)) as daemon:
        yield daemon


def said(server, path, body):
    """The status, and the lines or events of the answer."""
    request = urllib.request.Request(server.url + path, json.dumps(body).encode())
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            status, text = answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            status, text = error.code, error.read().decode()
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith(("{", "data: "))]
    return status, [json.loads(line) for line in lines]


def test_our_own(server):
    status, [refused] = said(server, "/generate", SMALL | {"prompt": HEART})
    assert (status, refused["stage"]) == (400, "picture")
    assert refused.items() >= DETAILS.items()
    assert SEEN in refused["error"]
    status, [shown] = said(server, "/generate", SMALL | {"prompt": FISH})
    assert (status, shown["warnings"]) == (200, [])
    assert shown["timings"]["looking"] > 0


def test_a_stream_ends_at_the_first_preview_that_shows_it(server):
    status, lines = said(server, "/generate", SMALL | {"prompt": HEART, "stream": 1, "progress": True})
    assert (status, lines[-1]["stage"]) == (200, "preview")
    assert lines[-1].items() >= DETAILS.items()
    assert all(line["step"] < 6 for line in lines if "img" in line)
    assert max(line.get("step", 0) for line in lines) < 10, "it isn't painted to its end"
    _, lines = said(server, "/generate", SMALL | {"prompt": FISH, "stream": 1})
    assert lines[-1]["status"] == "final"
    assert lines[-2]["step"] >= 6


def test_openais(server):
    asked = {"prompt": HEART, "size": "128x128", "model": "toybox", "steps": 10, "seed": 1}
    status, [refused] = said(server, "/v1/images/generations", asked)
    assert (status, refused["error"]["code"]) == (400, "moderation_blocked")
    assert refused["error"]["moderation_details"] == {"categories": ["hearts"], "moderation_stage": "output"}
    status, events = said(server, "/v1/images/generations", asked | {"stream": True, "partial_images": 3})
    assert (status, events[-1]["type"]) == (200, "error")
    assert events[-1]["error"]["code"] == "moderation_blocked"


def test_ollamas(server):
    asked = {"model": "toybox", "prompt": HEART, "width": 128, "height": 128, "steps": 10, "options": {"seed": 1}}
    status, [refused] = said(server, "/api/generate", asked | {"stream": False})
    assert (status, refused["stage"]) == (400, "picture")
    status, lines = said(server, "/api/generate", asked)
    assert (status, "image" in lines[-1]) == (200, False)
    assert lines[-1].items() >= DETAILS.items()


def test_the_terminal(server, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMAGINE_HOST", server.url)
    monkeypatch.delenv("IMAGINE_API_KEY", raising=False)
    small = ["-w", "128", "-h", "128", "-n", "10", "-m", "toybox", "--seed", "1"]
    with pytest.raises(SystemExit) as ended:
        main(["run", HEART, *small, "-s", "1", "-o", "heart.png"])
    assert ended.value.code not in (0, None)
    assert SEEN.replace("in it", "in its preview") in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SystemExit) as ended:
        main(["run", FISH, *small, "-o", "fish.png"])
    assert ended.value.code in (0, None)


def test_a_crowd_gets_what_may_be_shown_of_it(server):
    wishes = [SMALL | {"prompt": HEART if seed % 3 == 1 else FISH, "seed": seed} for seed in range(10, 18)]
    with ThreadPoolExecutor(len(wishes)) as askers:
        answers = list(askers.map(lambda wish: said(server, "/generate", wish), wishes))
    for wish, (status, [answer]) in zip(wishes, answers, strict=True):
        assert (status == 400) == (wish["prompt"] == HEART), answer.get("error")
        if status == 200 and wish["seed"] < 13:
            again = said(server, "/generate", answer["meta"] | {"img": None})[1][0]
            assert canonical(base64.b64decode(again["img"])) == canonical(base64.b64decode(answer["img"]))


def test_of_several_the_others_come(server):
    several = SMALL | {"prompt": "{" + HEART + "|" + FISH + "}", "wildcards": True, "count": 6}
    status, [answer] = said(server, "/generate", several)
    shown = [image for image in answer["images"] if "img" in image]
    assert (status, len(answer["images"])) == (200, 6)
    assert 0 < len(shown) < 6
    assert len([text for text in answer["warnings"] if "is left out" in text]) == 6 - len(shown)
    kept = list((server.home / ".local/share/imagine/pictures").glob("*"))
    assert kept == []
