"""Other servers as settings say them: where they are, with which keys, and sentences that hold no key."""

import json
from pathlib import Path

import pytest

from imagine.settings.peers import peers
from imagine.words.errors import ImagineError
from imagine.words.peers import PeerSettings


@pytest.fixture
def key_file(tmp_path):
    (tmp_path / "key").write_text("sk-of-a-file\n")
    return tmp_path / "key"


def test_each_way_to_say_where_one_is(key_file, monkeypatch):
    monkeypatch.setenv("ATTIC_KEY", "sk-attic")
    read = peers(
        [
            "https://Box:5000",
            {"url": "http://10.0.0.2:5000/", "key": "sk-own", "without_tls": True},
            {"url": "https://attic", "key_env": "ATTIC_KEY", "ca_file": "/etc/ca.pem"},
            {"url": "https://[::1]:5000", "key_file": str(key_file)},
        ]
    )
    assert read == (
        PeerSettings(url="https://box:5000"),
        PeerSettings(url="http://10.0.0.2:5000", key="sk-own", without_tls=True),
        PeerSettings(url="https://attic:443", key="sk-attic", ca_file=Path("/etc/ca.pem")),
        PeerSettings(url="https://[::1]:5000", key="sk-of-a-file"),
    )
    assert "sk-" not in str(read) + repr(read)
    assert peers("https://a, https://b") == (PeerSettings(url="https://a:443"), PeerSettings(url="https://b:443"))
    assert peers(json.dumps({"url": "https://a", "key": "sk-own"})) == (
        PeerSettings(url="https://a:443", key="sk-own"),
    )


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("https://me:sk-secret@box", "one that says a name or a key"),
        ({"url": "https://box/api", "key": "sk-secret"}, "a server's alone"),
        ({"url": "ftp://box", "key": "sk-secret"}, "http or https"),
        ({"url": "https://box", "key": "sk-secret\n"}, "visible ASCII"),
        ({"url": "https://box", "key": "sk-secret", "key_env": "X"}, "one of key, key_file and key_env"),
        ({"url": "https://box", "key_env": "NOT_SET_ANYWHERE"}, "an environment variable that is set"),
        ({"url": "https://box", "token": "sk-secret"}, "without 'token'"),
        ([{"url": "https://box", "key": "sk-secret"}, "https://BOX"], "named once"),
        (["https://box"] * 65, "64 at most"),
    ],
)
def test_what_can_not_be_is_told_without_its_key(said, why):
    with pytest.raises((ValueError, ImagineError), match=why) as refused:
        peers(said)
    assert "secret" not in str(refused.value)
