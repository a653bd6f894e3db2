"""Who is answered, and who is told how to be."""

import base64
import ipaddress
import socket
import types

import pytest

from imagine.server.http.security import Guard, Refused
from imagine.settings.settings import Settings
from imagine.settings.values import EVERYONE, origins
from tests.server.served import ask

LAN = (ipaddress.ip_network("192.168.1.0/24"),)


class Transport:
    def __init__(self, peer, own="10.0.0.9", family=socket.AF_INET):
        self._extra = {
            "peername": peer and (peer, 40000), "sockname": (own, 5000), "socket": types.SimpleNamespace(family=family),
        }  # fmt: skip

    def get_extra_info(self, name):
        return self._extra[name]


def verdict(settings=None, peer="127.0.0.1", path="/generate", method="POST", **headers):
    """The status that the guard refuses with, 200 for none."""
    from multidict import CIMultiDict

    said = CIMultiDict({"Host": "localhost:5000"})
    said.update({name.replace("_", "-"): value for name, value in headers.items()})
    family = socket.AF_INET if peer else socket.AF_UNIX
    route = types.SimpleNamespace(resource=types.SimpleNamespace(canonical=path))
    request = types.SimpleNamespace(
        headers=said, scheme="http", method=method, transport=Transport(peer, family=family),
        match_info=types.SimpleNamespace(route=route),
    )  # fmt: skip
    try:
        Guard(settings or Settings()).check(request)
    except Refused as refused:
        return refused.status
    return 200


@pytest.mark.parametrize(
    ("said", "peer", "status"),
    [
        ({}, "127.0.0.1", 200), ({}, "::1", 200), ({}, "::ffff:127.0.0.1", 200), ({}, "192.168.1.7", 403),
        ({}, "::ffff:192.168.1.7", 403), ({"allow_remote": LAN}, "192.168.1.7", 200),
        ({"allow_remote": LAN}, "192.168.2.7", 403), ({"allow_remote": EVERYONE}, "8.8.8.8", 200),
        ({"allow_remote": EVERYONE}, "2001:db8::1", 200), ({"allow_remote": LAN}, "::ffff:192.168.1.7", 200),
    ],
)  # fmt: skip
def test_only_this_machine_unless_others_are_let_in(said, peer, status):
    assert verdict(Settings(**said), peer) == status


@pytest.mark.parametrize(
    "header",
    [
        "Forwarded", "X_Forwarded_For", "X_Forwarded_Host", "X_Real_IP", "Via", "x_real_ip", "CF_Connecting_IP",
        "X_Client_IP", "True_Client_IP", "X_Forwarded", "X_Cluster_Client_IP", "Fastly_Client_IP", "CDN_Loop",
    ],
)  # fmt: skip
def test_a_proxy_needs_a_key(header):
    assert verdict(**{header: "1"}) == 403
    assert verdict(Settings(allow_remote=EVERYONE), **{header: "1"}) == 403
    assert verdict(Settings(api_key="k"), Authorization="Bearer k", **{header: "1"}) == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200), ("localhost:5000", 200), ("127.0.0.1:5000", 200), ("[::1]:5000", 200), ("[::1]", 200),
        ("127.9.9.9", 200), ("10.0.0.9:5000", 200), ("fox.localhost", 200), ("host.docker.internal:5000", 200),
        (socket.gethostname(), 200), ("LOCALHOST.", 200), ("evil.example", 403), ("evil.example:5000", 403),
        ("8.8.8.8", 403), ("", 403), ("localhost.evil.example", 403), ("127.0.0.1.evil.example", 403),
    ],
)  # fmt: skip
def test_another_servers_name_is_refused(host, status):
    assert verdict(Host=host) == status


def test_a_configured_name_is_ours():
    settings = Settings(public_url="https://pictures.example/draw")
    assert verdict(settings, Host="pictures.example") == 200
    assert verdict(settings, Origin="https://pictures.example") == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost", 200), ("http://localhost:3000", 200), ("https://127.0.0.1:8443", 200),
        ("http://[::1]:1", 200), ("https://good.example", 200), ("null", 403), ("https://evil.example", 403),
        ("http://good.example", 403), ("https://good.example.evil", 403), ("http://localhost.evil.example", 403),
        ("", 403), ("file://", 403), ("http://localhost:99999999", 403), ("*", 403), ("http://192.168.1.5", 403),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_page_elsewhere_reaches_nothing(origin, status, method):
    assert verdict(Settings(origins=("https://good.example",)), Origin=origin, method=method) == status


@pytest.mark.parametrize(
    ("said", "origin", "status"),
    [
        ("null", "null", 200), ("app://*", "app://obsidian.md", 200), ("app://*", "apps://obsidian.md", 403),
        ("app://obsidian.md", "app://obsidian.md", 200), ("app://obsidian.md", "app://other", 403),
        ("file://*", "file://", 200), ("tauri://localhost", "tauri://localhost", 200),
        ("chrome-extension://abc", "chrome-extension://abc", 200), ("*", "https://any.example", 200),
        ("*", "null", 200), ("vscode-webview://*", "vscode-webview://1a2b", 200), ("app://*", "null", 403),
        ("app://*", "https://evil.example", 403), ("", "http://tauri.localhost", 200), ("", "tauri://localhost", 403),
    ],
)  # fmt: skip
def test_applications_have_origins_too(said, origin, status):
    allowed = origins(said)
    assert verdict(Settings(origins=allowed), Origin=origin) == status
    assert verdict(Settings(origins=allowed), Origin=origin, Host="obsidian.md") == 403, "its name is not ours"


def test_who_has_the_key_may_come_from_any_page():
    settings = Settings(api_key="sesame")
    elsewhere = {"Origin": "app://obsidian.md", "Host": "imagine:5000"}
    for header in ({"Authorization": "Bearer sesame"}, {"api_key": "sesame"}, {"X_Api_Key": "sesame"}):
        assert verdict(settings, "192.168.1.7", **elsewhere, **header) == 200
        assert verdict(settings, **elsewhere, **{name: value + "x" for name, value in header.items()}) == 403
    assert verdict(Settings(), Origin="app://obsidian.md", Authorization="Bearer sesame") == 403, "there is no key"
    basic = {"Authorization": "Basic " + base64.b64encode(b"me:sesame").decode()}
    assert verdict(settings, Origin="https://evil.example", **basic) == 403, "a browser adds that by itself"
    asked = {"Origin": "https://any.example", "Access_Control_Request_Headers": "content-type, authorization"}
    assert verdict(settings, method="OPTIONS", **asked) == 200
    assert verdict(settings, method="POST", **asked) == 403, "only the question"
    assert verdict(Settings(), method="OPTIONS", **asked) == 403
    without = asked | {"Access_Control_Request_Headers": "content-type"}
    assert verdict(settings, method="OPTIONS", **without) == 403


def test_a_picture_may_be_shown_anywhere():
    shown = {"path": "/pictures/{name}", "Sec_Fetch_Site": "cross-site", "Sec_Fetch_Dest": "image"}
    for settings in (Settings(), Settings(api_key="k")):
        assert verdict(settings, method="GET", **shown) == 200
        assert verdict(settings, method="GET", Origin="https://any.example", **shown) == 200
        assert verdict(settings, "192.168.1.7", method="GET", **shown) == (200 if settings.api_key else 403)
    assert verdict(method="POST", **shown) == 403
    assert verdict(method="GET", Host="evil.example", **shown) == 403


def test_what_a_browser_sends_from_another_site_is_refused():
    assert verdict(Sec_Fetch_Site="cross-site") == 403
    assert verdict(Sec_Fetch_Site="cross-site", method="GET", path="/models") == 403
    assert verdict(Sec_Fetch_Site="same-origin") == 200
    navigation = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    assert verdict(method="GET", path="/", **navigation) == 200
    assert verdict(method="GET", path="/", **(navigation | {"Sec_Fetch_Dest": "iframe"})) == 403
    assert verdict(method="GET", path="/health", **navigation) == 403


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("Bearer secret", 200), ("bearer secret", 200), ("Bearer secre", 401), ("Bearer secrets", 401), ("", 401),
        ("Basic secret", 401), ("secret", 401), ("Bearer \udcff", 401), ("Bearer ключ", 401),
        ("Basic " + base64.b64encode(b"anybody:secret").decode(), 200), ("Basic c2VjcmV0", 401), ("Basic =", 401),
        ("Basic " + base64.b64encode(b"secret:").decode(), 401), ("Basic ", 401), ("Basic \udcff", 401),
    ],
)  # fmt: skip
def test_a_key_is_asked_of_everybody(sent, status):
    settings = Settings(api_key="secret")
    assert verdict(settings, Authorization=sent) == status
    assert verdict(settings, "192.168.1.7", Authorization=sent) == status
    for path in ("/health", "/"):
        assert verdict(settings, "192.168.1.7", path=path, method="GET") == 200
        assert verdict(settings, "192.168.1.7", path=path, Authorization=sent) == status, "what draws is never open"


def test_without_a_key_none_is_looked_at():
    for said in ("Basic ", "Basic bm9ib2R5Og==", "Bearer any", "nonsense"):
        assert verdict(Authorization=said) == 200


def test_networks_bound_who_may_use_the_key():
    settings = Settings(api_key="k", allow_remote=LAN)
    assert verdict(settings, "192.168.1.7", Authorization="Bearer k") == 200
    assert verdict(settings, "8.8.8.8", Authorization="Bearer k") == 403


def test_who_opens_the_private_socket_is_its_owner():
    assert verdict(Settings(api_key="k"), None, Host="anything") == 200
    assert verdict(None, None, Host="anything", Origin="https://evil.example") == 403


def test_answers_carry_the_origin_only_where_it_is_allowed(tmp_path):
    async def act(client):
        async with client.get("/health", headers={"Origin": "http://localhost:3000"}) as answer:
            assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
            assert "Origin" in answer.headers["Vary"]
        async with client.get("/health", headers={"Origin": "https://evil.example"}) as answer:
            assert answer.status == 403
            assert "--origin" in (await answer.json())["error"]
            assert "Access-Control-Allow-Origin" not in answer.headers
        asked = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"}
        async with client.options("/generate", headers=asked) as answer:
            assert answer.status == 204
            assert "POST" in answer.headers["Access-Control-Allow-Methods"]
            assert "Access-Control-Allow-Headers" not in answer.headers, "none was asked for"
        own = {"Access-Control-Request-Headers": "authorization,content-type,x-stainless-arch,x-stainless-retry-count"}
        async with client.options("/generate", headers=asked | own) as answer:
            assert answer.headers["Access-Control-Allow-Headers"] == own["Access-Control-Request-Headers"]
            assert "Access-Control-Allow-Private-Network" not in answer.headers
        private = {"Access-Control-Request-Private-Network": "true"}
        async with client.options("/generate", headers=asked | private) as answer:
            assert answer.headers["Access-Control-Allow-Private-Network"] == "true"
        for odd in ("a b", "a:b", "x," * 200):
            async with client.options("/generate", headers=asked | {"Access-Control-Request-Headers": odd}) as answer:
                assert "Access-Control-Allow-Headers" not in answer.headers

    ask(tmp_path, act)


def test_a_missing_key_is_told(tmp_path):
    async def act(client):
        async with client.get("/models") as answer:
            assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
            assert "sesame" not in str(answer.headers) + await answer.text()

    ask(tmp_path, act, api_key="sesame")


@pytest.mark.parametrize(
    ("said", "peer", "may"),
    [
        ({}, "127.0.0.9", True), ({}, "::1", True), ({}, "", True), ({}, "192.168.1.7", False),
        ({"allow_remote": LAN}, "192.168.1.7", True), ({"allow_remote": LAN}, "::ffff:192.168.1.7", True),
        ({"allow_remote": LAN}, "192.168.2.7", False), ({"api_key": "k"}, "8.8.8.8", True),
        ({"api_key": "k", "allow_remote": LAN}, "8.8.8.8", False), ({"trusted_proxies": LAN}, "192.168.1.7", True),
    ],
)  # fmt: skip
def test_who_could_be_answered_at_all_is_known_before_anything_is_read(said, peer, may):
    assert Guard(Settings(**said)).may_answer(peer) is may
