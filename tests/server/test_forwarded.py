"""What a proxy says of a request: believed of those that the owner names, and of nobody else."""

import ipaddress
import json

import pytest

from imagine.settings.settings import Settings, settings_from
from imagine.settings.values import EVERYONE
from imagine.words.errors import ImagineError
from tests.server.openai.painting import with_server
from tests.server.served import ask
from tests.server.test_security import verdict

HERE = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("172.18.0.0/16"))
LAN = (ipaddress.ip_network("192.168.1.0/24"),)
BODY = {"prompt": "a fox", "size": "64x64"}


@pytest.mark.parametrize(
    ("peer", "told", "status"),
    [
        ("127.0.0.1", "192.168.1.7", 200), ("127.0.0.1", "8.8.8.8", 403), ("127.0.0.1", "127.0.0.1", 200),
        ("127.0.0.1", "8.8.8.8, 192.168.1.7", 200), ("127.0.0.1", "192.168.1.7, 8.8.8.8", 403),
        ("127.0.0.1", "127.0.0.1, 8.8.8.8", 403), ("127.0.0.1", "192.168.1.7, 172.18.0.2", 200),
        ("127.0.0.1", "8.8.8.8, 172.18.0.2", 403), ("172.18.0.2", "192.168.1.7:4711", 200),
        ("172.18.0.2", "127.0.0.1", 403), ("127.0.0.1", "[::1]:80", 200), ("::ffff:127.0.0.1", "192.168.1.7", 200),
        ("127.0.0.1", "nonsense", 403), ("127.0.0.1", "192.168.1.7, unknown", 403), ("127.0.0.1", "", 403),
        ("127.0.0.1", "2001:db8::1", 403), ("192.168.1.7", "127.0.0.1", 403), ("8.8.8.8", "127.0.0.1", 403),
    ],
)  # fmt: skip
def test_who_asks_is_who_a_trusted_proxy_says(peer, told, status):
    settings = Settings(trusted_proxies=HERE, allow_remote=LAN)
    assert verdict(settings, peer, X_Forwarded_For=told) == status


def test_a_trusted_proxy_has_to_say_for_whom_it_asks():
    settings = Settings(trusted_proxies=HERE)
    assert verdict(settings, Via="1.1 proxy") == 403
    assert verdict(settings, X_Forwarded_Proto="https") == 403
    assert verdict(settings, Via="1.1 proxy", X_Forwarded_For="127.0.0.1") == 200
    assert verdict(settings) == 200, "a program on this machine, without any proxy"


def test_the_name_that_a_proxy_gives_is_only_believed_where_a_key_is_needed():
    said = {"X_Forwarded_For": "8.8.8.8", "X_Forwarded_Host": "pictures.example", "path": "/", "method": "GET"}
    assert verdict(Settings(trusted_proxies=HERE, api_key="k"), **said) == 200
    assert verdict(Settings(trusted_proxies=HERE, allow_remote=EVERYONE), **said) == 403
    known = {"allow_remote": EVERYONE, "public_url": "https://pictures.example"}
    assert verdict(Settings(trusted_proxies=HERE, **known), **said) == 200
    assert verdict(Settings(api_key="k"), **said) == 200, "its Host is ours; the other name is not looked at"
    page = said | {"path": "/generate", "method": "POST", "Origin": "https://pictures.example"}
    assert verdict(Settings(trusted_proxies=HERE, api_key="k"), Authorization="Bearer k", **page) == 200
    wrong = said | {"X_Forwarded_Host": "pictures.example/evil"}
    assert verdict(Settings(trusted_proxies=HERE, api_key="k"), **wrong) == 403


TOLD = {
    "X-Forwarded-For": "8.8.8.8", "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example, pictures.example:8443", "X-Forwarded-Prefix": "/draw/",
}  # fmt: skip


@pytest.mark.parametrize(
    ("trusted", "changed", "expected"),
    [
        (HERE, {}, "https://pictures.example:8443/draw/pictures/"),
        (HERE, {"X-Forwarded-Prefix": "/a/b"}, "https://pictures.example:8443/a/b/pictures/"),
        (HERE, {"X-Forwarded-Prefix": "//evil.example"}, "https://pictures.example:8443/pictures/"),
        (HERE, {"X-Forwarded-Prefix": "/<script>"}, "https://pictures.example:8443/pictures/"),
        (HERE, {"X-Forwarded-Proto": "javascript"}, "http://pictures.example:8443/draw/pictures/"),
        ((), {}, "http://localhost:1234/pictures/"),
    ],
)
def test_addresses_of_pictures_are_those_before_the_proxy(tmp_path, trusted, changed, expected):
    async def act(url, served):
        headers = {"Host": "localhost:1234", "Authorization": "Bearer k"} | TOLD | changed
        async with served.post("/v1/images/generations", json=BODY, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            return (await answer.json())["data"][0]["url"]

    assert with_server(tmp_path, act, api_key="k", trusted_proxies=trusted).startswith(expected)


def test_turns_are_shared_among_those_behind_a_proxy(tmp_path):
    async def act(client):
        headers = {"X-Forwarded-For": "8.8.8.8"}
        seen = []
        submit = client.gateway.pool.submit
        client.gateway.pool.submit = lambda job, *more, **named: (seen.append(job.client), submit(job, *more, **named))[
            1
        ]
        async with client.post("/generate", json={"prompt": "a fox"}, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
        return seen

    assert "8.8.8.8" in str(ask(tmp_path, act, trusted_proxies=HERE, allow_remote=EVERYONE))


def test_the_setting_names_proxies_and_not_everybody():
    assert settings_from({"trusted_proxies": ("127.0.0.1", "10.0.0.0/8")}, {})[0].trusted_proxies == (
        ipaddress.ip_network("127.0.0.1/32"), ipaddress.ip_network("10.0.0.0/8"),
    )  # fmt: skip
    for said in ("all", "0.0.0.0/0", "::/0", "nonsense"):
        with pytest.raises(
            ImagineError, match=f"--trusted-proxy is '{said}'; it must be addresses or networks of your proxies"
        ):
            settings_from({"trusted_proxies": (said,)}, {})


def test_the_reason_is_told(tmp_path):
    async def act(client):
        async with client.get("/models", headers={"CF-Connecting-IP": "8.8.8.8"}) as answer:
            assert answer.status == 403
            return json.loads(await answer.read())

    said = ask(tmp_path, act)
    assert said["code"] == "guard.proxy"
    assert "CF-Connecting-IP" in said["error"]
    assert "--trusted-proxy" in said["error"]
