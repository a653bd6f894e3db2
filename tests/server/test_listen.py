"""`--listen`: a further address with the same guards, where `/` answers as the clients expect that look there."""

import asyncio
import json
import socket
from functools import partial

import aiohttp
import pytest

from imagine.cli.main import main
from imagine.server.a1111.dialect import A1111
from imagine.server.app import make_app
from imagine.server.dialects import DIALECTS
from imagine.server.ollama.dialect import OLLAMA
from imagine.server.serve import serve
from imagine.settings.settings import Settings, settings_from
from imagine.settings.source import source_of
from imagine.settings.values import DialectChoice, ListenAddress, places
from imagine.words.errors import ImagineError
from tests.ports import kept_port
from tests.server.served import PATIENCE, PromptedWorker, add_model


@pytest.fixture
def free():
    """A further address that nobody listens at."""
    with kept_port() as port:
        yield ListenAddress("127.0.0.1", port)


def running(settings, act):
    """Serves while `act(urls)` runs."""

    async def go():
        stop, urls = asyncio.Event(), asyncio.get_running_loop().create_future()
        server = asyncio.ensure_future(serve(settings, workers=[PromptedWorker()], ready=urls.set_result, stop=stop))
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait([server, urls], return_when=asyncio.FIRST_COMPLETED)
            if server.done():
                await server
            try:
                await act(await urls)
            finally:
                stop.set()
                await server

    asyncio.run(go())


def test_a_further_address_answers_as_its_clients_expect(tmp_path, free):
    add_model(tmp_path, "fox")
    settings = Settings(home=tmp_path, host="127.0.0.1", port=0, listen=(free,))

    async def act(urls):
        first, second = urls
        assert second == f"http://{settings.listen[0]}"
        async with aiohttp.ClientSession() as client:
            async with client.get(second) as answer:
                assert (answer.status, await answer.text()) == (200, "Ollama is running")
            async with client.head(second) as answer:
                assert answer.status == 200
            async with client.get(first) as answer:
                assert (await answer.text()).startswith("Imagine ")
            async with client.get(second, headers={"Accept": "text/html"}) as answer:
                assert not (await answer.text()).startswith("Ollama")
            for base in urls:
                body = {"model": "fox", "prompt": "a fox", "stream": False}
                async with client.post(f"{base}/api/generate", json=body) as answer:
                    assert (await answer.json())["done"] is True
                async with client.post(f"{base}/generate", json={"prompt": "a fox"}) as answer:
                    assert answer.status == 200

    running(settings, act)


async def plain(url, **headers):
    async with aiohttp.ClientSession() as client, client.get(url, headers=headers) as answer:
        assert answer.status == 200
        return await answer.text()


@pytest.mark.parametrize(
    ("dialect", "silent", "begins"),
    [
        ("a1111", "", '{"model":"fox'), ("ollama", "", "Ollama is running"), ("imagine", "", "Imagine "),
        ("mcp", "", "Imagine "), ("a1111", "a1111", "Imagine "),
    ],
)  # fmt: skip
def test_an_address_answers_whom_it_is_for(tmp_path, free, dialect, silent, begins):
    add_model(tmp_path, "fox")
    choices = (DialectChoice(silent, spoken=False),) if silent else ()
    place = free._replace(dialect=dialect)

    async def act(urls):
        assert (await plain(urls[1])).startswith(begins)

    running(Settings(home=tmp_path, host="127.0.0.1", port=0, listen=(place,), dialects=choices), act)


def test_a_port_says_whom_it_is_for(tmp_path, free, monkeypatch):
    """With or without --listen; what stands before the address says it better."""
    dialects = [OLLAMA, A1111._replace(ports=(free.port,)), *(each for each in DIALECTS if each not in (OLLAMA, A1111))]
    monkeypatch.setattr("imagine.server.serve.make_app", partial(make_app, dialects=dialects))

    async def told(urls):
        assert json.loads(await plain(urls[-1])) == {"model": "", "upscaler": None}

    async def named(urls):
        assert await plain(urls[-1]) == "Ollama is running"

    at = {"home": tmp_path, "host": "127.0.0.1", "api_key": "sesame"}
    running(Settings(port=0, listen=(free,), **at), told)
    running(Settings(port=free.port, **at), told)
    running(Settings(port=0, listen=(free._replace(dialect="ollama"),), **at), named)


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("a1111://:7861", ("0.0.0.0", 7861, "a1111")), ("http://127.0.0.1:7860", ("127.0.0.1", 7860, "")),
        ("OLLAMA://[::1]:5/", ("::1", 5, "ollama")), (":8188", ("0.0.0.0", 8188, "")),
    ],
)  # fmt: skip
def test_addresses_as_owners_write_them(said, place):
    assert places(said) == (ListenAddress(*place),)


def test_a_dialect_that_there_is_none_of_is_told():
    with pytest.raises(ValueError, match="before :// is one of imagine, ollama, openai"):
        places("gopher://:70")


def test_its_guards_are_the_same(tmp_path, free):
    settings = Settings(home=tmp_path, host="127.0.0.1", port=0, listen=(free,), api_key="sesame")

    async def act(urls):
        async with aiohttp.ClientSession(urls[1]) as client:
            async with client.get("/api/tags") as answer:
                assert answer.status == 401
            async with client.get("/api/tags", headers={"Authorization": "Bearer sesame"}) as answer:
                assert answer.status == 200
            async with client.get("/") as answer:
                assert await answer.text() == "Ollama is running"
            async with client.get("/", headers={"Host": "evil.example"}) as answer:
                assert answer.status == 403
            async with client.get("/", headers={"Origin": "https://evil.example"}) as answer:
                assert answer.status == 403

    running(settings, act)


def test_an_address_in_use_is_told(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = ListenAddress("127.0.0.1", taken.getsockname()[1])

        async def act(urls):
            raise AssertionError

        with pytest.raises(ImagineError, match=rf"can't listen on {place}: another program .* with --listen"):
            running(Settings(home=tmp_path, host="127.0.0.1", port=0, listen=(place,)), act)


@pytest.mark.parametrize(
    ("flags", "environ", "config", "source"),
    [
        ({}, {}, None, "--port"),
        ({"port": "0"}, {"IMAGINE_PORT": "1"}, "port: 2", "--port"),
        ({"host": "::"}, {"IMAGINE_PORT": "1"}, "port: 2", "IMAGINE_PORT"),
        ({"host": ":5"}, {"IMAGINE_PORT": "1"}, "port: 2", "--host"),
        ({}, {"IMAGINE_HOST": " '0.0.0.0:5731'"}, "port: 2", "IMAGINE_HOST"),
        ({}, {"IMAGINE_HOST": "0.0.0.0"}, "port: 2", "port in the configuration file"),
        ({}, {}, "host: http://fox:3/", "host in the configuration file"),
    ],
)
def test_what_said_the_port_is_what_has_to_change(flags, environ, config, source):
    assert source_of("port", flags, environ, config) == source


def test_a_port_in_use_is_told_by_what_said_it(tmp_path, monkeypatch, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("IMAGINE_HOST", place)
        monkeypatch.setenv("IMAGINE_HOME", str(tmp_path))
        monkeypatch.setattr("imagine.server.logs.configure", lambda _: None)
        with pytest.raises(SystemExit) as ended:
            main(["serve"])
    assert ended.value.code == 1
    assert f"can't listen on {place}: another program listens there; choose another with IMAGINE_HOST" in (
        capsys.readouterr().err
    )


def test_a_private_server_listens_nowhere_else(tmp_path, free):
    settings = Settings(home=tmp_path, socket=tmp_path / "s", listen=(free,))

    async def act(urls):
        assert urls == [f"unix:{tmp_path / 's'}"]

    running(settings, act)


def test_addresses_as_they_are_written():
    flags = {"listen": ("127.0.0.1:11434", "http://[::1]:1/", ":2")}
    assert settings_from(flags, {})[0].listen == (
        ListenAddress("127.0.0.1", 11434),
        ListenAddress("::1", 1),
        ListenAddress("0.0.0.0", 2),
    )
    assert str(ListenAddress("::1", 1)) == "[::1]:1"
    said = settings_from({}, {"IMAGINE_LISTEN": "localhost:11434"}, "listen: 127.0.0.1:3")[0].listen
    assert said == (ListenAddress("localhost", 11434),)


@pytest.mark.parametrize("text", ["127.0.0.1", "11434", "a b:1", "localhost:0", "localhost:65536", "::1:5", "[::1]"])
def test_what_is_no_address(text):
    with pytest.raises(ImagineError, match=r"--listen is .* it must be addresses with a port|address or a name"):
        settings_from({"listen": (text,)}, {})


def test_the_command_line_takes_it(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--listen", "nonsense"])
    assert ended.value.code == 2
    assert "addresses with a port" in capsys.readouterr().err
