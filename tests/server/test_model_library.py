"""Models come, get second names and go while a server runs: by Ollama's own client, and for the owner alone."""

import asyncio
import contextlib
import hashlib
import json
import time
from ipaddress import ip_network

import pytest

from imagine.library.blobs import sweep_blobs
from tests.library.fake_sites import FakeSites, weights
from tests.registry import declared
from tests.server.served import PATIENCE, ask, serving

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


@pytest.mark.parametrize("method", ["pull", "delete", "copy", "create", "blobs/sha256:00"])
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


def test_ollamas_own_client_makes_a_model_of_others_and_of_files(tmp_path, monkeypatch):
    lora = declared.write(tmp_path / "ink.safetensors", declared.kohya_lora(768))

    def act(client, ollama):
        weights = tmp_path / "owl.safetensors"
        weights.write_bytes(MODEL)
        files = {"owl.safetensors": client.create_blob(weights)}
        adapters = {"ink.safetensors": client.create_blob(lora)}
        assert client.create("own", files=files).status == "success"
        lines = [
            line.status
            for line in client.create(
                "inky:latest",
                from_="own",
                adapters=adapters,
                parameters={"steps": 3},
                license=["MIT", "as it is"],
                stream=True,
            )
        ]
        assert lines[-2:] == ["writing manifest", "success"]
        shown = client.show("inky")
        assert shown.modelfile == 'FROM own\nLORA ink 1\nPARAMETER num_steps 3\nLICENSE """MIT\nas it is"""\n'
        assert (shown.license, shown.details.parent_model) == ("MIT\nas it is", "own")
        client.copy("inky", "second")
        assert {"own", "inky", "second"} <= {model.model for model in client.list().models}
        assert client.generate("second", "a fox").image
        with pytest.raises(ollama.ResponseError, match="is what inky, second is made of"):
            client.delete("own")
        for name in ("inky", "second", "own"):
            client.delete(name)
        with pytest.raises(ollama.ResponseError, match="here it is prompt_prefix"):
            client.create("x", from_="fox", system="You are a painter.")

    by_ollama(tmp_path, monkeypatch, act)
    left = {path.name for path in (tmp_path / "models").rglob("*") if path.is_file()}
    assert left == {"fox.safetensors", "ink.safetensors"}, "what a create took is no blob any more"


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"from": "wolf"}, 400, "create.absent"), ({}, 400, "create.from"), ({"from": 3}, 400, "value.refused"),
        ({"from": "/etc/passwd"}, 400, "create.absent"), ({"from": "fox", "files": ["x"]}, 400, "create.digests"),
        ({"files": {"x.safetensors": "sha256:" + "a" * 64}}, 400, "blob.absent"),
        ({"files": {"../x.safetensors": "sha256:" + "a" * 64}}, 400, "blob.name"),
        ({"files": {"x.safetensors": "../x"}}, 400, "blob.digest"), ({"from": "fox", "preset": "none"}, 400, None),
        ({"imagefile": "FROM fox\nLORA /etc/x"}, 400, "imagefile.line"),
        ({"imagefile": "FROM fox\nX"}, 400, "imagefile.line"),
        ({"from": "fox", "loras": {"x": 9}}, 400, "made.weight"), ({"from": "fox", "stream": 3}, 400, "value.refused"),
        ({"from": "fox", "parameters": {"stop": 1}}, 400, "made.parameter"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_said(tmp_path, said, status, code):
    async def act(client):
        async with client.post("/api/create", json={"model": "new"} | said) as answer:
            return answer.status, (await answer.json()).get("code")

    got = ask(tmp_path, act)
    assert got[0] == status, got
    assert code in (None, got[1])


def test_a_file_that_is_sent_is_held_against_its_digest(tmp_path):
    digest = "sha256:" + hashlib.sha256(MODEL).hexdigest()

    async def act(client):
        async def at(method, digest, **said):
            async with client.request(method, f"/api/blobs/{digest}", **said) as answer:
                return answer.status

        assert await at("HEAD", digest) == 404
        assert await at("POST", digest, data=MODEL[:-1]) == 400
        assert await at("POST", "sha256:../../x", data=b"x") in (400, 404)
        assert await at("POST", digest, data=MODEL) == 201
        assert await at("HEAD", digest) == 200

    ask(tmp_path, act)
    (kept,) = (tmp_path / "models/.blobs").iterdir()
    assert kept.read_bytes() == MODEL
    sweep_blobs(tmp_path / "models", now=time.time() + 3599)
    assert kept.exists()
    sweep_blobs(tmp_path / "models", now=time.time() + 3700)
    assert not kept.exists()


@pytest.mark.parametrize(("method", "path"), [("POST", "/library/plan"), ("GET", "/library/fox/removal")])
def test_others_are_not_told_what_a_change_would_come_to(tmp_path, monkeypatch, method, path):
    async def act(client, fake):
        headers = {"X-Forwarded-For": "10.1.2.3", "Host": "127.0.0.1"}
        async with client.request(method, path, json={"model": "hf:owner/owl"}, headers=headers) as answer:
            told = answer.status, (await answer.json())["code"], fake.asked
        async with client.get("/library", headers=headers) as answer:
            return told, (await answer.json())["changes"]

    networks = {"trusted_proxies": (ip_network("127.0.0.0/8"),), "allow_remote": (ip_network("10.0.0.0/8"),)}
    assert beside_a_hub(tmp_path, monkeypatch, act, **networks) == ((403, "pull.who", []), False)


def test_what_a_change_would_come_to_is_told_and_only_pictures_of_the_folder_are_shown(tmp_path, monkeypatch):
    models = tmp_path / "models"

    async def act(client, _):
        async with client.post("/library/plan", json={"model": "owner/owl"}) as answer:
            (file,) = (plan := await answer.json())["files"]
        (tmp_path / "secret.png").write_bytes(b"\x89PNG\r\n\x1a\n")
        (models / "fox.preview.png").symlink_to(tmp_path / "secret.png")
        seen = [(await client.get("/library/fox/preview")).status]
        (models / "fox.png").write_bytes(b"<svg/>")
        seen.append((await client.get("/library/fox/preview")).status)
        (models / "fox.png").write_bytes(b"\x89PNG\r\n\x1a\n")
        async with client.get("/library/fox/preview") as answer:
            seen.append((answer.status, answer.content_type))
        async with client.get("/library/fox/removal") as answer:
            gone = await answer.json()
        return plan["size"], file["size"], file["here"], seen, [each["name"] for each in gone["removes"]]

    told = beside_a_hub(tmp_path, monkeypatch, act)
    assert told == (len(MODEL), len(MODEL), False, [404, 404, (200, "image/png")], ["fox"])
    assert not (models / "owner--owl/owl.safetensors").exists()
