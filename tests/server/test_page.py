"""The page as the server gives it: whose language, which policy; and what it asks the server besides pictures."""

import io
import json

import pytest
from PIL import Image

from imagine.asking.resolve import Defaults
from imagine.pictures import images
from imagine.server.native.page import policy_from, preferred
from imagine.words.samplers import describe
from tests.server.served import ask

NOTHING_TO_WARN_OF = {"warnings": [], "notes": []}
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


async def got(client, path, method="GET", **options):
    async with client.request(method, path, **options) as answer:
        return answer.status, await answer.read(), answer.headers


@pytest.mark.parametrize(
    ("said", "language"),
    [
        ("", "en"), ("ru", "ru"), ("ru-RU,ru;q=0.9,en;q=0.8", "ru"), ("en-GB,ru;q=0.9", "en"), ("de,ru;q=0.5", "ru"),
        ("de", "en"), ("en;q=0.1,ru;q=0.2", "ru"), ("ru;q=0", "en"), ("ru;q=junk", "en"), (";;,,q", "en"),
    ],
)  # fmt: skip
def test_the_readers_language_is_taken(said, language):
    assert preferred(said) == language


@pytest.mark.parametrize(
    ("path", "headers", "language"),
    [("/", {}, "en"), ("/", {"Accept-Language": "ru"}, "ru"), ("/?lang=ru", {}, "ru"), ("/?lang=../etc", {}, "en")],
)
def test_a_browser_gets_the_page_with_its_policy(tmp_path, path, headers, language):
    async def act(client):
        return await got(client, path, headers=BROWSER | headers)

    status, body, said = ask(tmp_path, act, api_key="secret")
    assert status == 200
    assert f'<html lang="{language}"' in body.decode()
    assert said["Content-Type"] == "text/html; charset=utf-8"
    rules = dict(rule.split(" ", 1) for rule in said["Content-Security-Policy"].split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["connect-src"] == "'self'"
    assert rules["frame-ancestors"] == "'none'"
    assert rules["require-trusted-types-for"] == "'script'"
    assert (rules["worker-src"], rules["manifest-src"], rules["trusted-types"]) == ("'self'", "'self'", "worker")
    for kind in ("script-src", "style-src"):
        own = ["'self'"] if kind == "script-src" else []  # its drawers
        assert [source for source in rules[kind].split() if not source.startswith("'sha256-")] == own
    assert "unsafe" not in said["Content-Security-Policy"]


def test_the_page_and_its_drawers_are_packed_and_asked_for_again_only_when_they_changed(tmp_path):
    async def act(client):
        for path, kind in (("/", "text/html"), ("/drawers/canvas.js", "text/javascript")):
            status, _, said = await got(client, path, headers=BROWSER)
            assert (status, said["Content-Type"], said["Content-Encoding"]) == (200, f"{kind}; charset=utf-8", "gzip")
            again = BROWSER | {"If-None-Match": said["ETag"]}
            status, body, said = await got(client, path, headers=again)
            assert (status, body, "Content-Security-Policy" in said) == (304, b"", path == "/")
            assert (await got(client, path, headers=again | {"If-None-Match": 'W/"another"'}))[0] == 200
        for none in ("none.js", "..%2Fimagine-ui.html", "canvas.js%00", "CANVAS.js"):
            assert (await got(client, f"/drawers/{none}"))[0] == 404

    ask(tmp_path, act, api_key="secret")


def test_what_makes_an_application_of_it_is_open_to_everybody_and_only_its_own(tmp_path):
    async def act(client):
        status, script, said = await got(client, "/worker.js")
        assert (status, said["Content-Type"]) == (200, "text/javascript; charset=utf-8")
        assert (said["Cache-Control"], said["Content-Security-Policy"]) == (
            "no-cache", "default-src 'none'; connect-src 'self'",
        )  # fmt: skip
        assert b"addEventListener" in script
        for path, headers, name in (
            ("", {"Accept-Language": "ru"}, "Imagine: картинки"),
            ("?lang=en", {}, "Imagine: pictures"),
        ):
            status, body, said = await got(client, f"/manifest.webmanifest{path}", headers=headers)
            assert (status, said["Content-Type"]) == (200, "application/manifest+json; charset=utf-8")
            assert json.loads(body)["name"] == name
            again = {"If-None-Match": said["ETag"]}
            assert (await got(client, f"/manifest.webmanifest{path}", headers=headers | again))[0] == 304

    ask(tmp_path, act, api_key="secret")


def test_without_its_files_the_page_is_no_application(tmp_path, monkeypatch):
    monkeypatch.setattr("imagine.server.native.app.page_folder", lambda: tmp_path)

    async def act(client):
        return [(await got(client, path))[0] for path in ("/worker.js", "/manifest.webmanifest")]

    assert ask(tmp_path, act) == [404, 404]


def test_a_file_that_names_no_policy_is_our_mistake():
    with pytest.raises(AssertionError):
        policy_from("<html></html>")


def test_samplers_are_told_with_their_schedules(tmp_path):
    async def act(client):
        _, ordinary, _ = await got(client, "/samplers")
        assert json.loads(ordinary) == {"samplers": describe()}
        assert (await got(client, "/samplers?model=fox"))[1] == ordinary
        assert (await got(client, "/samplers?model=none"))[0] == 404

    ask(tmp_path, act)


def test_what_is_not_said_is_told_with_the_servers_own_defaults(tmp_path):
    async def act(client):
        return json.loads((await got(client, "/openapi.json"))[1])

    said = ask(tmp_path, act, defaults=Defaults(num_steps=9, neg="ugly"))
    fields = said["components"]["schemas"]["GenerateRequest"]["properties"]
    assert [fields[name]["default"] for name in ("num_steps", "steps", "neg", "guidance", "sampler", "width")] == [
        9, 9, "ugly", 7.0, "dpm++ 2m", None,
    ]  # fmt: skip


def test_a_recipe_is_read_from_a_file(tmp_path):
    meta = {"prompt": "a fox", "seed": 2**64 - 1, "num_steps": 3, "width": 8, "height": 8}
    png = images.encode(Image.new("RGB", (8, 8)), meta=meta)
    bare = io.BytesIO()
    Image.new("RGB", (8, 8)).save(bare, "PNG")

    async def act(client):
        status, said, _ = await got(client, "/recipe", "POST", data=png)
        assert (status, json.loads(said)) == (
            200,
            {"meta": meta | {"seed": str(2**64 - 1)}, "warnings": [], "notes": []},
        )
        said = (await got(client, "/recipe", "POST", data=json.dumps({"meta": {"prompt": "a", "steps": 4}}).encode()))[
            1
        ]
        assert json.loads(said)["meta"] == {"prompt": "a", "num_steps": 4}
        for nothing in (bare.getvalue(), b"junk", b"", b'{"meta": {"seed": "x"}}'):
            status, said, _ = await got(client, "/recipe", "POST", data=nothing)
            assert status == 400
            assert json.loads(said)["error"].startswith("file ")

    ask(tmp_path, act)
