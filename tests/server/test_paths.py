"""Paths as programs and people write them, and what other servers have and this one hasn't."""

import itertools
import json

import pytest
from yarl import URL

from imagine.server.http.paths import canonical
from imagine.server.openai.dialect import OPENAI
from tests.server.openai.painting import with_server
from tests.server.served import ask


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("/v1/models/", "/v1/models"), ("//v1/models", "/v1/models"),
        ("/v1//images///generations/", "/v1/images/generations"),
        ("/v1/v1/images/edits", "/v1/images/edits"), ("/v1/v1/v1/models", "/v1/models"),
        ("/images/generations", "/v1/images/generations"), ("/chat/completions", "/v1/chat/completions"),
        ("/openai/v1/images/generations", "/v1/images/generations"), ("/openai/images/edits", "/v1/images/edits"),
        ("/openai/models", "/v1/models"), ("/v1/openai/v1/models", "/v1/models"),
        ("/openai/deployments/fox/images/edits", "/openai/deployments/fox/images/edits"),
        ("/v1/deployments/a/b/images/edits", "/openai/deployments/a/b/images/edits"),
        ("/v1/openai/deployments/fox/images/edits", "/openai/deployments/fox/images/edits"),
        ("/deployments/fox/chat/completions", "/v1/chat/completions"),
        ("/", "/"), ("//", "/"), ("/v1/", "/v1"), ("/v1/v1", "/v1/v1"), ("/generate/", "/generate"), ("", ""),
        ("/models", "/models"), ("/v1/models/v1/x", "/v1/models/v1/x"), ("/images", "/images"),
    ],
)  # fmt: skip
def test_what_a_path_means(written, plain):
    assert canonical(written, OPENAI.spellings) == plain


def test_what_is_plain_stays_so():
    parts = ("v1", "openai", "deployments", "images", "chat", "completions", "models", "", "generations")
    for count in range(5):
        for path in map("/".join, itertools.product(parts, repeat=count)):
            once = canonical(f"/{path}", OPENAI.spellings)
            assert canonical(once, OPENAI.spellings) == once


def got(folder, *asked, **said):
    """Status and JSON of each request, given as (method, raw path, options)."""

    async def act(client):
        found = []
        for method, path, options in asked:
            url = URL(str(client.make_url("/")).rstrip("/") + path, encoded=True)
            async with client.session.request(method, url, **options) as answer:
                text = await answer.text()
                found.append((answer.status, json.loads(text) if text[:1] in ("{", "[") else text))
        return found

    return ask(folder, act, **said)


def test_other_spellings_are_answered(tmp_path):
    body = {"json": {"prompt": "a fox"}}
    answers = got(
        tmp_path,
        ("GET", "/v1/models/", {}), ("GET", "//v1/models", {}), ("GET", "/v1/v1/models/fox", {}),
        ("GET", "/v1/models/fox/", {}), ("GET", "/health/", {}), ("POST", "/generate/", body),
        ("POST", "//api/generate", {"json": {"model": "fox"}}), ("HEAD", "/health//", {}),
        ("GET", "/generate/", {}), ("GET", "/v1/models//fox/none", {}), ("GET", "/nothing/", {}),
        ("GET", "/v1/models?x=//y/", {}), ("OPTIONS", "/images/generations/", {}),
    )  # fmt: skip
    assert [status for status, _ in answers] == [200] * 8 + [405, 404, 404, 200, 204]
    assert answers[2][1]["id"] == answers[3][1]["id"] == "fox"
    assert answers[9][1]["error"]["code"] == "model_not_found"


def test_no_spelling_gets_around_the_key(tmp_path):
    paths = ["//models", "/models/", "/v1/v1/models", "//health/../models", "/health//models", "/pictures//../models"]
    answers = got(tmp_path, *(("GET", path, {}) for path in paths), ("GET", "//health/", {}), api_key="sesame")
    assert [status for status, _ in answers] == [401] * len(paths) + [200]


@pytest.mark.parametrize(
    ("method", "path", "status", "told"),
    [
        ("POST", "/v1/chat/completions", 404, "POST /v1/images/generations"),
        ("POST", "/chat/completions", 404, "POST /v1/images/generations"),
        ("POST", "/openai/deployments/fox/chat/completions", 404, "POST /v1/images/generations"),
        ("POST", "/v1/embeddings/", 404, "draws pictures"),
        ("POST", "/api/chat", 400, "POST /api/generate"), ("POST", "/api/embed", 400, "POST /api/generate"),
        ("POST", "/api/embeddings", 400, "draws pictures"), ("POST", "/api/push", 400, "models are not sent away"),
        ("GET", "/v1/chat/completions", 405, "method"),
    ],
)  # fmt: skip
def test_what_is_not_here_is_told_in_words(tmp_path, method, path, status, told):
    ((seen, said),) = got(tmp_path, (method, path, {"json": {"model": "gpt-4o", "messages": []}}))
    error = said["error"]
    assert seen == status
    assert told in (error if isinstance(error, str) else error["message"])
    assert isinstance(error, dict) is not path.startswith("/api/"), "in the shape of the dialect"


@pytest.mark.parametrize("base", ["/openai/deployments/fox", "/v1/deployments/fox", "/deployments/fox"])
def test_the_deployment_in_the_path_is_the_model(tmp_path, base):
    async def act(url, served):
        found = []
        for model in ({}, {"model": "fox"}, {"model": "owl"}):
            body = {"prompt": "a fox", "size": "64x64"} | model
            async with served.post(f"{base}/images/generations?api-version=2025-04-01-preview", json=body) as answer:
                found.append((answer.status, await answer.json()))
        async with served.post("/openai/deployments/none/images/generations", json={"prompt": "a fox"}) as answer:
            found.append((answer.status, await answer.json()))
        return found

    *drawn, missing = with_server(tmp_path, act, models=("fox", "owl"))
    assert [(status, said["model"]) for status, said in drawn] == [(200, "fox")] * 3
    assert [said["warnings"] for _, said in drawn] == [
        [], [], ["model has no effect beside the deployment 'fox' in the path"],
    ]  # fmt: skip
    assert (missing[0], missing[1]["error"]["code"]) == (404, "model_not_found")
