"""Models come, get second names and go while a server runs: by Ollama's own client, and for the owner alone."""

import asyncio
import contextlib
import json
from ipaddress import ip_network

import pytest

from tests.library.fake_sites import FakeSites, weights
from tests.registry import declared
from tests.server.served import PATIENCE, serving

MODEL = weights(3, declared.tiny())


def beside_a_hub(folder, monkeypatch, act, **said):
    """Runs `act(client, fake)` against a server whose hub is a fake one."""

    async def go():
        async with FakeSites() as fake, asyncio.timeout(PATIENCE):
            fake.direct, fake.repositories = True, {"owner/owl": {"owl.safetensors": MODEL}}
            monkeypatch.setenv("HF_ENDPOINT", fake.hub)
            monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
            async with serving(folder, **said) as client:
                return await act(client, fake)

    return asyncio.run(go())


def by_ollama(folder, monkeypatch, act, **said):
    """Runs `act(client)` with Ollama's own client, on a thread."""
    ollama = pytest.importorskip("ollama")

    async def ask(client, _):
        other = ollama.Client(host=str(client.make_url("")))
        with contextlib.closing(other._client):
            return await asyncio.to_thread(act, other, ollama)

    return beside_a_hub(folder, monkeypatch, ask, **said)


def test_ollamas_own_client_pulls_shows_copies_and_deletes(tmp_path, monkeypatch):
    def act(client, ollama):
        lines = list(client.pull("owner/owl", stream=True))
        assert [lines[0].status, *[line.status for line in lines[-3:]]] == [
            "pulling manifest", "verifying sha256 digest", "writing manifest", "success",
        ]  # fmt: skip
        assert max(line.completed or 0 for line in lines) == len(MODEL)
        assert client.show("owl").details.family == "stable_diffusion"
        client.copy("owl", "second")
        assert {"fox", "owl", "second"} <= {model.model for model in client.list().models}
        client.delete("owl")
        assert client.generate("second", "a fox", steps=1).image
        with pytest.raises(ollama.ResponseError) as gone:
            client.delete("owl")
        assert gone.value.status_code == 404

    by_ollama(tmp_path, monkeypatch, act)
    assert [path.name for path in (tmp_path / "models/owner--owl").iterdir() if path.suffix != ".json"] == [
        "second.safetensors"
    ]


def test_what_goes_wrong_on_the_way_is_its_last_line(tmp_path, monkeypatch):
    async def act(client, fake):
        fake.spoils = [True] * 99
        async with client.post("/api/pull", json={"model": "hf:owner/owl"}) as answer:
            return answer.status, [json.loads(line) async for line in answer.content]

    status, lines = beside_a_hub(tmp_path, monkeypatch, act)
    assert status == 200
    assert "and should have" in lines[-1]["error"]
    assert lines[-1]["code"] == "pull.digest"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"model": "hf:owner/none"}, 502, "pull.not_found"), ({"model": "/etc/passwd"}, 400, "pull.local"),
        ({"model": "http://127.0.0.1/x"}, 400, "pull.form"), ({"model": "hf:owner/owl/x.ckpt"}, 400, "pull.pickle"),
    ],
)  # fmt: skip
def test_why_nothing_is_pulled_is_told(tmp_path, monkeypatch, body, status, code):
    async def act(client, _):
        async with client.post("/api/pull", json=body) as answer:
            return answer.status, (await answer.json())["code"]

    assert beside_a_hub(tmp_path, monkeypatch, act) == (status, code)


def test_a_server_that_is_offline_pulls_nothing(tmp_path, monkeypatch):
    async def act(client, fake):
        async with client.post("/api/pull", json={"model": "hf:owner/owl", "stream": False}) as answer:
            return answer.status, (await answer.json())["code"], fake.asked

    assert beside_a_hub(tmp_path, monkeypatch, act, offline=True) == (403, "pull.offline", [])


def test_who_hangs_up_leaves_what_came(tmp_path, monkeypatch):
    async def act(client, fake):
        fake.cuts, fake.stalls = [None, 100], [None, True]
        async with client.post("/api/pull", json={"model": "hf:owner/owl"}) as answer:
            await answer.content.readline()
            await fake.sending.wait()
        fake.release.set()
        async with client.post("/api/pull", json={"model": "hf:owner/owl", "stream": False}) as answer:
            return await answer.json()

    assert beside_a_hub(tmp_path, monkeypatch, act) == {"status": "success"}
    assert (tmp_path / "models/owner--owl/owl.safetensors").read_bytes() == MODEL


@pytest.mark.parametrize("method", ["pull", "delete", "copy"])
def test_others_may_not_change_which_models_there_are(tmp_path, monkeypatch, method):
    body = {"model": "hf:owner/owl", "source": "fox", "destination": "second"}
    body |= {"model": "fox"} if method == "delete" else {}

    async def act(client, fake):
        http = "DELETE" if method == "delete" else "POST"
        headers = {"X-Forwarded-For": "10.1.2.3", "Host": "127.0.0.1"}
        async with client.request(http, f"/api/{method}", json=body, headers=headers) as answer:
            return answer.status, (await answer.json())["code"], fake.asked

    networks = {"trusted_proxies": (ip_network("127.0.0.0/8"),), "allow_remote": (ip_network("10.0.0.0/8"),)}
    assert beside_a_hub(tmp_path, monkeypatch, act, **networks) == (403, "pull.who", [])


def test_what_ships_is_not_deleted(tmp_path, monkeypatch):
    async def act(client, _):
        async with client.delete("/api/delete", json={"model": "looks"}) as answer:
            return answer.status, (await answer.json())["code"]

    assert beside_a_hub(tmp_path, monkeypatch, act) == (422, "keep.shipped")
