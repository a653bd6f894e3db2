"""Where pictures may be sent: this machine and private networks, or a host that the owner names; looked up once."""

import asyncio
import contextlib
import select
import socket
import ssl
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from imagine.assistant import connection
from imagine.assistant.address import is_near, place_of
from imagine.assistant.client import ModelServer
from imagine.assistant.question import ModelQuestion
from imagine.assistant.trouble import AssistantTrouble
from imagine.provenance import certificates
from imagine.words.assistant import AssistantSettings
from tests.assistant.fake_models import MODEL, Now, Waits, modelled, says

NEAR = ["127.0.0.1", "::1", "10.1.2.3", "192.168.1.9", "172.16.0.1", "fd00::1", "::ffff:10.0.0.1"]
FAR = ["8.8.8.8", "169.254.169.254", "0.0.0.0", "::", "224.0.0.1", "2606:4700::1", "::ffff:8.8.8.8", "fe80::1%eth0"]
UNREACHABLE = "the assistant can't be reached"


def place(url, *addresses, **said):
    async def find(host, port):
        return addresses

    return asyncio.run(place_of(AssistantSettings(url=url, **said), find))


def test_near_is_this_machine_and_private_networks():
    assert [each for each in NEAR if not is_near(each)] == []
    assert [each for each in FAR if is_near(each)] == []


@pytest.mark.parametrize("addresses", [["8.8.8.8"], ["127.0.0.1", "8.8.8.8"], ["169.254.169.254"]])
def test_elsewhere_needs_its_name_said(addresses):
    with pytest.raises(AssistantTrouble) as caught:
        place("http://models.example:1234", *addresses)
    assert caught.value.note.code == "assist.elsewhere"
    assert "8.8" not in str(caught.value), "where it is is the owner's business"
    found = place("http://models.example:1234", *addresses, allow=("models.example",))
    assert (found.host, found.port, found.addresses) == ("models.example", 1234, tuple(addresses))


def test_a_name_is_looked_up_once_whatever_it_means_later():
    looked_up = []

    async def find(host, port):
        looked_up.append(host)
        return ["127.0.0.1"] if len(looked_up) == 1 else ["8.8.8.8"]

    async def go():
        async with modelled("ollama", says({"thing": "house"})) as fake:
            settings = AssistantSettings(url=fake.url.replace("127.0.0.1", "models.test"), dialect="ollama")
            client = ModelServer(settings, clock=fake.now, sleep=fake.waits, chance=lambda: 0.5, find=find)
            asked = ModelQuestion("thing", MODEL, "", "", {"properties": {"thing": {}}})
            for _ in range(2):
                assert await client.ask(asked, 60) == {"thing": "house"}
                for transport in list(fake.connections):
                    transport.close()  # so that it has to connect again
            assert client.is_here()
            await client.close()

    asyncio.run(go())
    assert looked_up == ["models.test"]


def test_where_nobody_is_any_more_it_is_looked_up_anew_and_has_to_be_near():
    found = [["127.0.0.2"], ["127.0.0.1"], ["8.8.8.8"]]

    async def find(host, port):
        return found.pop(0)

    async def go():
        async with modelled("ollama", says({"thing": "house"})) as fake:
            settings = AssistantSettings(url=fake.url.replace("127.0.0.1", "models.test"), dialect="ollama")
            client = ModelServer(settings, clock=fake.now, sleep=fake.waits, chance=lambda: 0.5, find=find)
            asked = ModelQuestion("thing", MODEL, "", "", {"properties": {"thing": {}}})
            assert await client.ask(asked, 60) == {"thing": "house"}, "it moved, and was found"
            assert (len(fake.waits), len(found)) == (1, 1)
            await fake.gone()
            with pytest.raises(AssistantTrouble) as caught:
                await fake.client.ask(asked, 60)
            assert str(caught.value) == f"{UNREACHABLE}: Connection refused", "and not where"
            with pytest.raises(AssistantTrouble) as caught:
                await client.ask(asked, 60)
            assert caught.value.note.code == "assist.elsewhere"
            await client.close()

    asyncio.run(go())


@contextlib.contextmanager
def silence(port):
    """At 127.0.0.2: who wants to connect hears nothing, since as many wait there already as may."""
    place = ("127.0.0.2", port)
    with socket.create_server(place, backlog=0) as listening, socket.create_connection(place):
        select.select([listening], [], [])  # it has come to wait there
        yield


def test_where_nobody_says_anything_any_more_it_is_looked_up_anew(monkeypatch):
    found = [["127.0.0.2"], ["127.0.0.1"]]

    async def find(host, port):
        return found.pop(0)

    async def patiently(seconds):
        monkeypatch.setattr(connection, "_TO_CONNECT", 60)

    async def go():
        async with modelled("ollama", says({"thing": "house"})) as fake:
            settings = AssistantSettings(url=fake.url.replace("127.0.0.1", "models.test"), dialect="ollama")
            client = ModelServer(settings, clock=fake.now, sleep=patiently, chance=lambda: 0.5, find=find)
            asked = ModelQuestion("thing", MODEL, "", "", {"properties": {"thing": {}}})
            monkeypatch.setattr(connection, "_TO_CONNECT", 0.01)
            with silence(urlsplit(fake.url).port):
                assert await client.ask(asked, 60) == {"thing": "house"}
            assert found == []
            await client.close()

    asyncio.run(go())


def test_what_is_wrong_with_a_connection_that_should_be_encrypted_is_said(tmp_path):
    (tmp_path / "own.pem").write_bytes(certificates.made())
    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    own.load_cert_chain(tmp_path / "own.pem")

    async def reason(url):
        settings = AssistantSettings(url=url, dialect="ollama")
        client = ModelServer(settings, clock=Now(), sleep=Waits(), chance=lambda: 0.5)
        with pytest.raises(AssistantTrouble) as caught:
            await client.ask(ModelQuestion("thing", MODEL, "", "", {"properties": {"thing": {}}}), 60)
        await client.close()
        return str(caught.value)

    async def go():
        stranger, plain = TestServer(web.Application()), TestServer(web.Application())
        await stranger.start_server(ssl=own)
        await plain.start_server()
        assert await reason(str(stranger.make_url(""))) == f"{UNREACHABLE}: its certificate can't be verified"
        assert await reason(f"https://{plain.host}:{plain.port}") == (
            f"{UNREACHABLE}: no encrypted connection can be made with it"
        )
        await stranger.close()
        await plain.close()

    asyncio.run(go())


def test_a_name_that_is_looked_up_without_end_keeps_nobody_waiting(monkeypatch):
    looked_up, waits = [], Waits()

    async def find(host, port):
        looked_up.append(host)
        await asyncio.Event().wait()

    async def go():
        monkeypatch.setattr(connection, "_TO_CONNECT", 0.01)
        settings = AssistantSettings(url="http://models.test")
        client = ModelServer(settings, clock=Now(), sleep=waits, chance=lambda: 0.5, find=find)
        with pytest.raises(AssistantTrouble) as caught:
            await client.ask(ModelQuestion("thing", MODEL, "", "", {"properties": {"thing": {}}}), 60)
        assert (caught.value.note.code, len(waits)) == ("assist.slow", 2), "it was asked three times"
        assert not client.is_here()
        assert len(looked_up) == 3, "whether it is here is no reason to look it up"

    asyncio.run(go())


def test_a_host_that_nobody_knows_is_a_reason():
    async def find(host, port):
        raise OSError(-2, "Name or service not known")

    with pytest.raises(AssistantTrouble) as caught:
        asyncio.run(place_of(AssistantSettings(url="https://nowhere.test"), find))
    assert caught.value.note.code == "assist.no_host"
