"""Signed pictures of a server: in every dialect and format, streamed, stored and enlarged; each once; or not at all."""

import asyncio
import base64
import io
import json
import stat

import pytest
from PIL import Image

from imagine.pictures.canonical import canonical, halves
from imagine.pictures.looking import decoder as decoder_module
from imagine.pictures.looking.inspection import inspected
from imagine.pictures.looking.origins import SignRequest
from imagine.provenance.identity import IdentityPlace, keep_first, stored
from imagine.server.gateway import signing as signing_module
from imagine.words.events import Finished
from imagine.words.recipe import meta_from_params
from tests.provenance.signing import TYPES, picture, read, sign, somebody
from tests.server.beside import add, add_kontext, controlnet, image_adapter, image_encoder
from tests.server.served import PATIENCE, PromptedWorker, ask


class Painter(PromptedWorker):
    """Paints pictures that can be opened; enlarges into the file."""

    def _play(self, job):
        data, meta = picture(seed=job.params.seed % 3), meta_from_params(job.params)
        if job.enlargement is not None:
            with open(job.enlargement.path, "r+b") as file:  # noqa: PTH123 - as the worker does
                file.write(data)
            data = b""
        self._end(Finished(job=job.job, data=data, meta=meta, timings={}))


def given(folder):
    """A server's key, made already: to make one takes a process."""
    me = somebody()
    keep_first(folder / "provenance", (me.key + me.certificates).encode())
    return folder


@pytest.fixture
def home(tmp_path):
    return given(tmp_path)


def asked(folder, *requests, **said):
    """The bodies of the answers, one after another, of one server."""

    async def act(client):
        bodies = []
        for path, body in requests:
            async with client.post(path, json=body) as answer:
                assert answer.status == 200, await answer.text()
                bodies.append(await answer.read())
        return bodies

    return ask(folder, act, worker=Painter(), **said)


def generated(folder, body, **said):
    (answer,) = asked(folder, ("/generate", {"prompt": "a fox", "seed": 1} | body), **said)
    return base64.b64decode(json.loads(answer.splitlines()[-1])["img"])


def trusted(folder, data, media_type="image/png"):
    return read(data, media_type, stored(IdentityPlace(folder / "provenance")).roots)[1] == "Trusted"


def test_a_picture_is_signed_and_so_is_one_that_is_streamed(tmp_path):
    plain = generated(tmp_path, {})
    streamed = generated(tmp_path, {"stream": 1, "progress": True})
    assert trusted(tmp_path, plain)
    assert trusted(tmp_path, streamed)
    assert canonical(plain) == canonical(streamed) == picture(seed=1)
    assert stat.S_IMODE((tmp_path / "provenance/identity.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "provenance").stat().st_mode) == 0o700


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_openai_s_pictures_are_signed_in_each_format_given_or_stored(home, kind):
    async def act(client):
        body = {"prompt": "a fox", "size": "256x256", "output_format": kind}
        async with client.post("/v1/images/generations", json=body) as answer:
            given = base64.b64decode((await answer.json())["data"][0]["b64_json"])
        async with client.post("/v1/images/generations", json=body | {"response_format": "url"}) as answer:
            url = (await answer.json())["data"][0]["url"]
        async with client.get("/pictures/" + url.rpartition("/")[2]) as answer:
            return given, await answer.read()

    for data in ask(home, act, worker=Painter()):
        assert trusted(home, data, f"image/{kind}")


def test_ollama_s_pictures_are_signed(home):
    (answer,) = asked(home, ("/api/generate", {"model": "fox", "prompt": "a fox", "stream": False}))
    assert trusted(home, base64.b64decode(json.loads(answer)["image"]))


def test_equal_pictures_are_equal_files_as_long_as_they_are_remembered(home):
    async def act(client):
        async def one():
            async with client.post("/generate", json={"prompt": "a fox", "seed": 1}) as answer:
                return (await answer.json())["img"]

        return {*await asyncio.gather(*(one() for _ in range(8))), await one()}

    assert len(ask(home, act, worker=Painter())) == 1
    assert len({generated(home, {}), generated(home, {})}) == 2, "another process signs anew"


def test_what_is_remembered_is_bounded(home, monkeypatch):
    monkeypatch.setattr(signing_module, "_MOST_KEPT", 8000)

    async def act(client):
        for seed in range(6):
            async with client.post("/generate", json={"prompt": "a fox", "seed": seed % 3}) as answer:
                assert answer.status == 200
        return client.gateway.signing._kept_bytes, len(client.gateway.signing._kept)

    held, count = ask(home, act, worker=Painter())
    assert held < 8000
    assert count == 2


def test_what_kontext_changes_is_its_source_and_what_a_picture_is_like_was_shown(home):
    shown = [{"img": base64.b64encode(sign(picture("image/jpeg"))).decode()}]
    add_kontext(home)
    add(home, "ip/ip-adapter-plus_sd15", image_adapter("plus", width=1280))
    add(home, "clip/ViT-H", image_encoder())
    told = []
    for model in ("swan", "fox"):
        data = generated(home, {"references": shown, "model": model})
        told.append((inspected(data, somebody().roots).actions, *ingredients(data)))
    assert told == [
        (("opened", "edited"), ("source", "parentOf", True)), (("created",), ("reference", "inputTo", True))
    ]  # fmt: skip


def ingredients(data):
    """Of a trusted file: title, relation, and whether its own manifest is kept."""
    text, state = read(data, roots=somebody().roots)
    assert state == "Trusted"
    told = json.loads(text)
    active = told["manifests"][told["active_manifest"]]
    return [(each["title"], each["relationship"], each.get("active_manifest") in told["manifests"])
            for each in active["ingredients"]]  # fmt: skip


def test_what_controls_and_references_showed_is_named_beside_the_source_as_often_as_there_is_room(home):
    add(home, "controls/control_v11p_sd15_canny", controlnet())
    add(home, "ip/ip-adapter-plus_sd15", image_adapter("plus", width=1280))
    add(home, "clip/ViT-H", image_encoder())
    files = [base64.b64encode(each).decode() for each in (picture("image/jpeg"), sign(picture("image/webp")))]
    controls = [{"model": "canny", "image": files[1], "preprocess": "canny"}] * 2
    references = [{"img": base64.b64encode(picture(seed=seed)).decode()} for seed in range(8)]
    body = {"img": files[0], "control": controls, "references": references[:1]}
    source, shown = ("source", "parentOf", False), ("reference", "inputTo", False)
    assert ingredients(generated(home, body)) == [source, shown, ("control", "inputTo", True)]
    body |= {"references": references}
    assert ingredients(generated(home, body | {"seed": 2})) == [source, *[shown] * 7]


def test_a_source_is_sent_once_to_the_process_that_signs_with_it(home, monkeypatch):
    body = {"prompt": "a fox", "img": base64.b64encode(sign(picture("image/jpeg"), who=somebody("else"))).decode()}
    exchange, sent = decoder_module._exchange, []

    async def noted(process, request, parts):
        if isinstance(request, SignRequest):
            sent.append(len(parts))
        return await exchange(process, request, parts)

    async def act(client):
        client.gateway.decoder._patience = decoder_module.Patience(answer=PATIENCE, idle=PATIENCE)
        made = []
        for seed in (5, 6, 7):
            async with client.post("/generate", json=body | {"seed": seed}) as answer:
                made.append(base64.b64decode((await answer.json())["img"]))
            if seed == 6:  # its successor knows nothing
                client.gateway.decoder._kill()
        return made

    monkeypatch.setattr(decoder_module, "_exchange", noted)
    for data in ask(home, act, worker=Painter()):
        assert ingredients(data) == [("source", "parentOf", True)]
    assert sent == [2, 1, 2], "the picture, and its source where that isn't there"


@pytest.mark.parametrize("source_type", TYPES)
def test_what_is_made_of_a_picture_keeps_its_manifest(home, source_type):
    source = sign(picture(source_type), who=somebody("else"))
    edited = generated(home, {"img": base64.b64encode(source).decode()})
    assert trusted(home, edited)
    told = json.loads(read(edited)[0])
    active = told["manifests"][told["active_manifest"]]
    assert active["ingredients"][0]["active_manifest"] in told["manifests"]
    assert active["assertions"][0]["data"]["actions"][-1]["action"] == "c2pa.edited"


def test_a_source_is_known_by_its_canonical_bytes(home):
    one, other = sign(picture("image/jpeg")), sign(picture("image/jpeg"))

    async def act(client):
        for data in (one, other, picture("image/jpeg")):
            body = {"prompt": "a fox", "img": base64.b64encode(data).decode()}
            async with client.post("/generate", json=body) as answer:
                assert answer.status == 200
        return [job.params.img for job in client.worker.seen]

    assert len(set(ask(home, act, worker=Painter()))) == 1


def test_an_enlarged_photo_is_signed_as_one(home):
    photo = base64.b64encode(picture("image/jpeg")).decode()
    (answer, line) = asked(
        home, ("/upscale", {"img": photo, "scale": 2}), ("/upscale", {"img": photo, "scale": 2, "progress": True})
    )
    for body in (answer, line.splitlines()[-1]):
        data = base64.b64decode(json.loads(body)["img"])
        assert trusted(home, data)
        assert "algorithmicallyEnhanced" in read(data)[0]
    assert not list((home / "pictures").iterdir())


def test_without_provenance_nothing_is_signed_and_no_key_is_made(tmp_path):
    data = generated(tmp_path, {}, provenance=False)
    assert data == picture(seed=1)
    assert not (tmp_path / "provenance").exists()


def test_a_key_that_cannot_be_kept_is_said_and_the_picture_comes(tmp_path):
    (tmp_path / "provenance").write_text("a file where the folder should be")
    (answer,) = asked(tmp_path, ("/generate", {"prompt": "a fox", "seed": 1}))
    said = json.loads(answer)
    assert base64.b64decode(said["img"]) == picture(seed=1)
    assert any(text.startswith("the picture isn't signed: the key can't be written") for text in said["warnings"])


def test_a_new_key_signs_without_a_restart_and_the_old_pictures_are_still_ours(home):
    from imagine.provenance import certificates, identity

    async def act(client):
        made = []
        for _ in range(2):
            async with client.post("/generate", json={"prompt": "a fox", "seed": 1}) as answer:
                made.append(base64.b64decode((await answer.json())["img"]))
            identity.replace(home / "provenance", certificates.made())
        return made

    first, second = ask(home, act, worker=Painter())
    assert first != second
    assert trusted(home, first)
    assert trusted(home, second)


def test_an_owner_s_own_certificates_sign(tmp_path):
    pem = somebody("a company")
    (tmp_path / "chain.pem").write_text(pem.certificates)
    (tmp_path / "key.pem").write_text(pem.key)
    own = {"provenance_certificates": tmp_path / "chain.pem", "provenance_key": tmp_path / "key.pem"}
    data = generated(tmp_path, {}, **own)
    assert read(data, "image/png", pem.roots)[1] == "Trusted"
    assert not (tmp_path / "provenance").exists()


def test_a_map_is_no_picture_to_be_signed(home):
    body = {"img": base64.b64encode(picture()).decode(), "preprocess": "canny"}
    (answer,) = asked(home, ("/preprocess", body))
    assert not halves(base64.b64decode(json.loads(answer)["img"])).cuts


def test_inspect_tells_ours_from_others(home):
    async def act(client):
        async with client.post("/generate", json={"prompt": "a fox", "seed": 1}) as answer:
            made = base64.b64decode((await answer.json())["img"])
        told = []
        for data, headers in ((made, {}), (made, {"Accept-Language": "ru"}), (b"no picture", {})):
            async with client.post("/inspect", data=data, headers=headers) as answer:
                told.append((answer.status, await answer.json()))
        return told

    (status, ours), (_, russian), (refused, error) = ask(home, act, worker=Painter())
    assert (status, ours["origin"], ours["signature"], ours["model"]) == (200, "here", "ours", "fox")
    assert ours["summary"] == "made by Imagine on this machine, and unchanged since"
    assert russian["summary"].startswith("сделана Imagine на этом компьютере")
    assert (refused, error["error"][:7]) == (400, "file is")


def test_what_others_made_is_told_beside_a_key_that_cannot_be_used(tmp_path):
    (tmp_path / "provenance").mkdir()
    (tmp_path / "provenance/identity.pem").write_text("garbage")

    async def act(client):
        async with client.post("/inspect", data=sign(picture())) as answer:
            return answer.status, (await answer.json())["origin"]

    assert ask(tmp_path, act) == (200, "imagine")


def test_a_picture_that_was_saved_again_lost_its_manifest(home):
    file = io.BytesIO()
    Image.open(io.BytesIO(generated(home, {}))).save(file, "PNG")
    assert read(file.getvalue()) is None
