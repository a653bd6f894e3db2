"""Which file a request is drawn with: the one that lies there now, named by what it holds."""

import asyncio
import hashlib
import os
import sys

import pytest

from imagine.identity.stamp import stamp_of
from imagine.registry import registry
from imagine.registry.content import WHOLE, content_digest
from imagine.server.gateway.digests import Digests
from imagine.server.gateway.gateway import model_from
from imagine.settings.values import ModelSettings
from tests.registry import declared
from tests.server.served import ask

LAYER = "down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
LARGE = declared.tiny() | {"model.diffusion_model.huge.weight": (6000, 6000)}


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def digest_of(path):
    """Of its content, as a registry of its own says."""
    known = registry.Registry([path.parent])
    known.refresh()
    return content_digest(next(entry for entry in known.files() if entry.path == str(path)))


def fine_tunes(folder, *names, shapes=None, kind=declared.tiny):
    """Files of equal headers, and of other data in each."""
    made = []
    for number, name in enumerate(names, 1):
        path = declared.write(folder / "models" / f"{name}.safetensors", shapes or kind())
        with path.open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(bytes([number]))
        made.append(path)
    return made


def test_who_asks_for_one_model_is_told_its_digests(tmp_path):
    (path,) = fine_tunes(tmp_path, "a", shapes=LARGE)

    async def act(client):
        async def told(name="a"):
            async with client.get(f"/models/{name}") as answer:
                return answer.status, await answer.json()

        status, first = await told()
        await client.gateway.digests.reading
        return status, first, (await told())[1], await told("nothing")

    status, first, second, (missing, _) = ask(tmp_path, act, models=())
    assert (status, missing) == (200, 404)
    assert (first["digest"], first["sha256"]) == (digest_of(path), "")
    assert second == first | {"sha256": sha256(path)}


async def drawn(client, **more):
    """The job of a picture."""
    async with client.post("/generate", json={"prompt": "a fox", **more}) as answer:
        assert answer.status == 200, await answer.text()
    return client.worker.seen[-1]


def test_two_files_that_are_swapped_by_renaming_are_told_apart_at_once(tmp_path):
    one, other = fine_tunes(tmp_path, "a", "b")
    digests = [sha256(one), sha256(other)]
    assert digests[0] != digests[1]

    async def act(client):
        for _ in range(2):
            jobs = [await drawn(client, model=name) for name in "ab"]
            assert [job.params.digest for job in jobs] == [job.model.digest for job in jobs] == digests
            assert [job.model.main.files for job in jobs] == [(stamp_of(one),), (stamp_of(other),)]
            one.rename(parked := tmp_path / "parked")
            other.rename(one)
            parked.rename(other)
            digests.reverse()

    ask(tmp_path, act, models=())


@pytest.mark.parametrize("role", ["vae", "refiner"])
def test_a_part_that_is_replaced_is_another_at_once(tmp_path, role):
    one, other = fine_tunes(tmp_path, "part", "other", kind=declared.vae if role == "vae" else declared.tiny)
    expected = [digest_of(one), digest_of(other)]

    def part_of(job):
        return job.refiner.main if role == "refiner" else job.model.parts[role]

    async def act(client):
        before = part_of(await drawn(client, model="fox", **{role: "part"}))
        other.replace(one)
        after = part_of(await drawn(client, model="fox", **{role: "part"}))
        assert [before.digest, after.digest] == expected
        assert after.files == (stamp_of(one),)

    ask(tmp_path, act)


def test_what_is_loaded_beforehand_is_what_is_drawn_with(tmp_path):
    """A VAE that lies beside its model is a part of it then too."""
    fine_tunes(tmp_path, "a")
    fine_tunes(tmp_path, "a.vae", kind=declared.vae)

    async def act(client):
        async with client.post("/api/generate", json={"model": "a", "prompt": ""}) as answer:
            assert answer.status == 200
        return client.worker.models, (await drawn(client)).model

    loaded, drawn_with = ask(tmp_path, act, models=(), preload="a")
    assert list(drawn_with.parts) == ["vae"]
    assert [model.identity for model in loaded] == [drawn_with.identity] * 2


def test_a_refiner_is_the_model_that_it_is_alone(tmp_path):
    """With what its sidecar and the settings say of it, so that one file is loaded once, and rightly."""
    fine_tunes(tmp_path, "a", "b")
    fine_tunes(tmp_path, "b.vae", kind=declared.vae)
    (tmp_path / "models/b.yaml").write_text("prediction_type: v_prediction")

    async def act(client):
        refined = await drawn(client, model="a", refiner="b")
        return refined, await drawn(client, model="b")

    refined, alone = ask(tmp_path, act, models=(), per_model=(ModelSettings("b", max_batch=2),))
    assert refined.refiner == alone.model
    assert alone.model.main.options["prediction"] == "v_prediction"
    assert (alone.max_batch, refined.max_batch) == (2, None), "how it is scheduled is no part of what it is"


def test_a_model_that_is_deleted_does_not_answer_once_more(tmp_path):
    one, _ = fine_tunes(tmp_path, "a", "b")

    async def act(client):
        await drawn(client, model="a")
        one.unlink()
        async with client.post("/generate", json={"prompt": "a fox", "model": "a"}) as answer:
            return answer.status, (await answer.json())["error"]

    assert ask(tmp_path, act, models=()) == (404, "model 'a' not found")


def test_many_first_requests_read_the_content_once(tmp_path, monkeypatch):
    read = []

    def counted(entry):
        read.append(entry.name)
        return content_digest(entry)

    monkeypatch.setattr(registry, "content_digest", counted)

    async def act(client):
        await asyncio.gather(*(drawn(client) for _ in range(10)))
        await drawn(client)

    ask(tmp_path, act)
    assert read == ["fox"]


def test_whose_worker_died_of_a_changed_file_is_told_so(tmp_path):
    (path,) = fine_tunes(tmp_path, "a")

    async def act(client):
        async def failing(prompt):
            async with client.post("/generate", json={"prompt": prompt, "model": "a"}) as answer:
                return answer.status, (await answer.json())["error"]

        said = [await failing("fail WorkerLost")]
        submit = client.worker.submit

        def changing(job):
            os.utime(path, ns=(1, 1))
            return submit(job)

        client.worker.submit = changing
        return [*said, await failing("fail WorkerLost")]

    lost, changed = ask(tmp_path, act, models=())
    assert lost == (502, "no picture this time; that is the second time with this picture, so it isn't tried again")
    assert changed == (409, "the file of model 'a' was changed while it drew, so there is no picture; ask again")


def test_a_whole_file_is_hashed_once_pictures_were_made_of_it_and_named_from_then_on(tmp_path):
    one, _ = fine_tunes(tmp_path, "a", "b", shapes=LARGE)
    assert one.stat().st_size > WHOLE

    async def act(client):
        first = await drawn(client, model="a")
        assert first.model.sha256 == ""
        await client.gateway.digests.reading
        second = await drawn(client, model="a")
        assert second.model.sha256 == sha256(one) != second.model.digest == first.model.digest
        assert client.gateway.digests.reading is None, "it is known"
        details = (await (await client.get("/models")).json())["details"]
        assert {entry["name"]: entry["sha256"] for entry in details} == {"a": sha256(one), "b": ""}

    ask(tmp_path, act, models=())


def test_a_large_lora_is_hashed_as_other_programs_know_it_once_pictures_were_made_with_it(tmp_path):
    """A small one is at once: it is read whole anyway."""
    fine_tunes(tmp_path, "a")
    shapes = {f"lora_unet_{LAYER}.lora_{half}.weight": shape for half, shape in (("down", (8, 768)), ("up", (320, 8)))}
    file = declared.write(tmp_path / "models" / "ink.safetensors", shapes | {"left": (WHOLE // 2,)})
    data = file.read_bytes()
    behind = hashlib.sha256(data[8 + int.from_bytes(data[:8], "little") :]).hexdigest()

    async def act(client):
        first = await drawn(client, loras=["ink"])
        assert first.params.loras[0].autov3 == ""
        while client.gateway.digests.reading is not None:
            await client.gateway.digests.reading
        assert (await drawn(client, loras=["ink"])).params.loras[0].autov3 == behind[:12]

    ask(tmp_path, act, models=())


def test_models_are_found_by_their_digest(tmp_path):
    one, other = fine_tunes(tmp_path, "a", "b")
    (vae,) = fine_tunes(tmp_path, "v", kind=declared.vae)

    async def act(client):
        async def found(digest):
            said = await (await client.get("/models", params={"digest": digest})).json()
            return [entry["name"] for entry in said["details"] + said["others"]] if "error" not in said else said

        header = (await (await client.get("/models")).json())["details"][0]["header_digest"]
        names = (sha256(one), sha256(other)[:10], header, digest_of(vae), "0" * 64, "", "../a", "ab")
        return [await found(digest) for digest in names]

    by_content, by_beginning, by_header, part, nothing, *wrong = ask(tmp_path, act, models=())
    assert (by_content, by_beginning, by_header, part, nothing) == (["a"], ["b"], ["a", "b"], ["v"], [])
    assert all("must be 10 to 64 of the digits" in said["error"] for said in wrong)


@pytest.mark.parametrize("script", ["import sys", "print('nonsense')", "import os; os._exit(3)", None])
def test_what_fails_to_hash_a_file_leaves_it_unknown(tmp_path, script):
    fine_tunes(tmp_path, "a", shapes=LARGE)
    known = registry.Registry([tmp_path / "models"])
    known.refresh()
    command = ["/nowhere/python"] if script is None else [sys.executable, "-c", script]

    async def act():
        digests = Digests(known, command)
        digests.used(model_from(known.with_digest(known.find("a"))).main)
        await digests.reading

    asyncio.run(act())
    assert known.find("a").file_digest == ""


def test_stopping_ends_the_process_that_hashes(tmp_path):
    fine_tunes(tmp_path, "a", shapes=LARGE)
    known = registry.Registry([tmp_path / "models"])
    known.refresh()
    told = tmp_path / "told"
    os.mkfifo(told)
    script = f"import os, signal; print(os.getpid(), file=open({str(told)!r}, 'w'), flush=True); signal.pause()"

    async def act():
        digests = Digests(known, [sys.executable, "-c", script])
        digests.used(model_from(known.with_digest(known.find("a"))).main)
        pid = int(await asyncio.to_thread(told.read_text))
        await digests.stop()
        return pid

    pid = asyncio.run(act())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
