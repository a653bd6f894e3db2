"""The server behind a real nginx, below a path, as docs/proxy.md says to set it up."""

import asyncio
import contextlib
import os
import ssl
import sys

import aiohttp
import pytest

from imagine.settings.values import networks
from tests.daemon import ROOT
from tests.nginx import nginx
from tests.server.openai.painting import opened, with_server

KEY = {"Authorization": "Bearer sesame"}
PAGE = {"Accept": "text/html"}


@pytest.fixture
def behind(tmp_path):
    """Runs `await act(base, served, client)`, where `base` is where nginx answers."""
    (tmp_path / "nginx").mkdir()

    def run(act, **said):
        async def go(url, served):
            async with contextlib.AsyncExitStack() as stack:
                base = await asyncio.to_thread(stack.enter_context, nginx(tmp_path / "nginx", served.port))
                trust = ssl.create_default_context(cafile=str(tmp_path / "nginx" / "pictures.pem"))
                connector = aiohttp.TCPConnector(ssl=trust)
                client = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
                return await act(base, served, client)

        settings = {"api_key": "sesame", "trusted_proxies": networks("127.0.0.1")}
        return with_server(tmp_path, go, **settings | said)

    return run


def test_the_page_and_pictures_are_below_the_path(behind):
    async def act(base, served, client):
        async with client.get(f"{base}/imagine", headers=PAGE) as answer:
            assert str(answer.url) == f"{base}/imagine/", "the page's own paths start there"
            assert (answer.status, answer.content_type) == (200, "text/html")
            assert answer.headers["Content-Encoding"] == "gzip"
        async with client.get(f"{base}/imagine/models") as answer:
            assert answer.status == 401
        body = {"prompt": "a fox", "size": "64x64"}
        headers = KEY | {"X-Forwarded-For": "8.8.8.8", "X-Forwarded-Host": "evil.example"}  # nginx writes its own
        async with client.post(f"{base}/imagine/v1/images/generations", json=body, headers=headers) as answer:
            url = (await answer.json())["data"][0]["url"]
        assert url.startswith(f"{base}/imagine/pictures/")
        async with client.get(url) as answer:
            assert opened(await answer.read()).size == (64, 64)
        own = {"Origin": base, "Sec-Fetch-Site": "same-origin"}
        async with client.get(f"{base}/imagine/health", headers=own) as answer:
            assert answer.headers["Access-Control-Allow-Origin"] == base

    behind(act)


def test_a_stream_comes_as_it_is_made_and_who_hangs_up_takes_the_job_back(behind):
    async def act(base, served, client):
        body = {"prompt": "hold", "progress": True}
        async with client.post(f"{base}/imagine/generate", json=body, headers=KEY) as answer:
            assert b'"status"' in await answer.content.readline()
            assert served.worker.cancelled == []
            answer.connection.transport.abort()  # as a program's end does; asyncio takes half a minute over a farewell
        while not served.worker.cancelled:
            await served.worker.news.wait()
            served.worker.news.clear()

    behind(act)


def test_without_a_key_it_is_held_against_whom_the_proxy_asks_for(behind):
    async def act(base, served, client):
        async with client.get(f"{base}/imagine/models") as answer:
            return answer.status, await answer.text()

    assert behind(act, api_key=None, public_url="https://localhost")[0] == 200, "it asks for this machine"
    status, said = behind(act, api_key=None, trusted_proxies=())
    assert (status, "X-Forwarded-For" in said) == (403, True)


def test_the_command_line_asks_there(behind, tmp_path):
    async def act(base, served, client):
        said = {"IMAGINE_HOST": f"{base}/imagine", "IMAGINE_API_KEY": "sesame"}
        trust = {"SSL_CERT_FILE": str(tmp_path / "nginx" / "pictures.pem")}
        running = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "imagine", "list", cwd=ROOT, env=os.environ | said | trust,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, errors = await running.communicate()
        assert running.returncode == 0, errors.decode()
        return out.decode()

    assert "fox" in behind(act)
