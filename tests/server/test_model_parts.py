"""Models of several files: their components are found by kind, named by a sidecar, or named by the request."""

import json
import os
import shutil
from pathlib import Path

import msgspec
import pytest

from imagine.asking.replay import request_from_meta
from imagine.asking.resolve import Defaults
from imagine.settings.values import ModelSettings
from tests.checkpoints import tiny_modules, write_checkpoint, write_parts
from tests.engine.running import engine_of, made, picture
from tests.registry.declared import clip_text, tiny, write
from tests.server.served import ask

FAMILIES = ["stable_diffusion", "sdxl"]


@pytest.fixture(scope="module")
def apart(tmp_path_factory):
    """Of each family a whole checkpoint, and beside it its components as diffusers has them."""
    folder = tmp_path_factory.mktemp("apart")
    for family in FAMILIES:
        modules = write_checkpoint(folder / f"whole-{family}.safetensors", family)
        write_parts(folder, modules, layout="diffusers")
    return folder


@pytest.fixture
def models(tmp_path):
    place = tmp_path / "models"
    place.mkdir()
    return place


async def drawn(client, **body):
    """The job that a worker got, or what was said instead."""
    client.worker.seen.clear()
    said = {"prompt": "a fox", "width": 64, "height": 64, "num_steps": 2, "seed": 1} | body
    answer = await client.post("/generate", json=said)
    said = await answer.json()
    return client.worker.seen[0] if client.worker.seen else said["error"]


def pixels(job):
    """What an engine draws for a job."""
    return picture(made(engine_of(), job)).tobytes()


@pytest.mark.parametrize(
    ("way", "family"),
    [
        ("by kind", "stable_diffusion"),
        ("by kind", "sdxl"),
        ("by a sidecar", "sdxl"),
        ("in the request", "sdxl"),
        ("in the settings", "sdxl"),
    ],
)
def test_the_files_of_a_model_are_found(tmp_path, models, apart, family, way):
    names = [path.stem for path in sorted(apart.glob(f"{family}-*")) if "text_encoder" in path.stem]
    sidecar = models / f"{family}-denoiser.yaml"
    body, said = {}, {}
    for path in apart.glob("*.safetensors"):
        # What is to be named is not found by its kind: another that fits stands before it.
        renamed = path.name if way == "by kind" or "denoiser" in path.name or "whole" in path.name else f"z-{path.name}"
        shutil.copy(path, models / renamed)
    if way != "by kind":
        names = [f"z-{name}" for name in names]
        write_parts(models, tiny_modules(family, seed=9), layout="bare")
        shutil.copy(apart / f"{family}-denoiser.safetensors", models)
    if way == "by a sidecar":
        listed = names[0] if len(names) == 1 else f"[{', '.join(names)}]"
        sidecar.write_text(f"vae: z-{family}-vae\ntext_encoder{'s' * (len(names) > 1)}: {listed}\n")
    elif way == "in the request":
        body = {"vae": f"z-{family}-vae", "text_encoders": names[0] if len(names) == 1 else names[::-1]}
    elif way == "in the settings":
        defaults = Defaults(vae=f"z-{family}-vae", text_encoders=tuple(names))
        said = {"per_model": (ModelSettings(f"{family}-denoiser", defaults),)}

    async def act(client):
        listed = (await (await client.get("/models")).json())["models"]
        return (
            listed,
            await drawn(client, model=f"whole-{family}"),
            await drawn(client, model=f"{family}-denoiser", **body),
        )

    listed, whole, job = ask(tmp_path, act, models=(), **said)
    assert f"{family}-denoiser" in listed
    assert list(job.params.text_encoders) == names
    assert (job.model.main.role, job.model.family) == ("denoiser", family)
    assert pixels(job) == pixels(whole)


def test_a_recipe_names_every_file_and_is_asked_for_again(tmp_path, models, apart):
    for path in apart.glob("sdxl-*"):
        shutil.copy(path, models)

    async def act(client):
        job = await drawn(client)
        meta = json.loads(json.dumps(made(engine_of(), job).meta))
        return job, meta, await drawn(client, **msgspec.to_builtins(request_from_meta(meta).request))

    job, meta, again = ask(tmp_path, act, models=())
    assert (again.model, again.params.text_encoders) == (job.model, job.params.text_encoders)
    assert meta["text_encoders"] == ["sdxl-text_encoder", "sdxl-text_encoder_2"]
    assert meta["vae"] == "sdxl-vae"
    assert meta["parts"] == {part.role: part.digest for part in job.model.components[1:]}
    assert all(len(digest) == 64 for digest in meta["parts"].values())


def test_a_text_encoder_that_is_replaced_is_another_at_once(tmp_path, models, apart):
    for path in apart.glob("stable_diffusion-*"):
        shutil.copy(path, models)
    write_parts(tmp_path / "other", tiny_modules(seed=3), layout="diffusers")

    async def act(client):
        before = await drawn(client)
        (tmp_path / "other/stable_diffusion-text_encoder.safetensors").replace(
            models / "stable_diffusion-text_encoder.safetensors"
        )
        return before, await drawn(client)

    before, after = (job.model for job in ask(tmp_path, act, models=()))
    assert before.identity != after.identity
    roles = [role for role in before.parts if before.parts[role] != after.parts[role]]
    assert roles == ["text_encoder"]


@pytest.mark.parametrize(
    ("becomes", "used", "warned"),
    [
        ("another", "stable_diffusion-text_encoder", ["part.another"]),
        ("renamed", "renamed", []),
        ("one of two", "old/stable_diffusion-text_encoder", []),
    ],
)
def test_a_recipe_s_digest_tells_its_text_encoder(tmp_path, models, apart, becomes, used, warned):
    for path in apart.glob("stable_diffusion-*"):
        shutil.copy(path, models)
    write_parts(tmp_path / "other", tiny_modules(seed=3), layout="diffusers")
    name = "stable_diffusion-text_encoder.safetensors"
    places = {
        "another": tmp_path / name,
        "renamed": models / "renamed.safetensors",
        "one of two": models / "old" / name,
    }

    async def act(client):
        before = await drawn(client)
        recipe = json.loads(json.dumps(made(engine_of(), before).meta))
        assert await generated(client, recipe) == []  # as it is: of its own names none is unknown
        places[becomes].parent.mkdir(exist_ok=True)
        (models / name).replace(places[becomes])
        if becomes != "renamed":
            shutil.copy(tmp_path / "other" / name, models / ("new" if becomes == "one of two" else "") / name)
        client.worker.seen.clear()
        return before, await generated(client, recipe), client.worker.seen[0]

    (models / "new").mkdir()
    before, warnings, job = ask(tmp_path, act, models=())
    assert job.params.text_encoders == (used,)
    assert warnings == warned
    same = job.model.parts["text_encoder"].digest == before.model.parts["text_encoder"].digest
    assert same == (becomes != "another")


async def generated(client, body):
    """The codes of the warnings with which a body is drawn."""
    answer = await client.post("/generate", json=body)
    return [note["code"] for note in (await answer.json())["notes"]]


def test_a_recipe_names_files_as_they_are_listed_however_they_were_said(tmp_path, models, apart):
    for path in (*apart.glob("stable_diffusion-*"), apart / "whole-stable_diffusion.safetensors"):
        shutil.copy(path, models)

    async def act(client):
        return await drawn(
            client, model="whole-stable_diffusion", vae="/etc/STABLE_DIFFUSION-VAE.safetensors",
            refiner="Whole-Stable_Diffusion",
        )  # fmt: skip

    params = ask(tmp_path, act, models=()).params
    assert (params.vae, params.refiner) == ("stable_diffusion-vae", "whole-stable_diffusion")


@pytest.mark.parametrize(
    ("left_out", "body", "says"),
    [
        (
            ["text_encoder_2"],
            {},
            "model 'sdxl-denoiser' can't be drawn with: it lacks a text encoder of the kind clip_g, and no file among "
            "the models fits",
        ),
        (
            ["text_encoder", "text_encoder_2", "vae"],
            {},
            "model 'sdxl-denoiser' can't be drawn with: it lacks a text encoder of the kind clip_l and a text encoder "
            "of the kind clip_g and a VAE, and no file among the models fits",
        ),
        (
            [],
            {"text_encoders": "sdxl-denoiser"},
            "text_encoders 'sdxl-denoiser' is a file of the kind diffusion-model",
        ),
        ([], {"vae": "sdxl-vea"}, "vae 'sdxl-vea' not found; did you mean: sdxl-vae?"),
        ([], {"vae": "q"}, "vae 'q' not found; there are: sdxl-vae"),
        ([], {"refiner": "sdxl-denoisr"}, "refiner 'sdxl-denoisr' not found; did you mean: sdxl-denoiser?"),
        ([], {"text_encoders": "../../etc/passwd"}, "text_encoders"),
        ([], {"text_encoders": ["sdxl-text_encoder", "sdxl-text_encoder"]}, "both"),
        ([], {"text_encoders": "own"}, "it lacks a text encoder of the kind clip_l"),
        (
            [],
            {"vae": "own", "text_encoders": "own"},
            "these might fit, named as text_encoders: sdxl-text_encoder, sdxl-text_encoder_2; and as vae: sdxl-vae",
        ),
        ([], {"vae": "own"}, "it lacks a VAE; of the files among the models these might fit, named as vae: sdxl-vae"),
    ],
)
def test_what_is_missing_is_said_with_what_would_fit(tmp_path, models, apart, left_out, body, says):
    for path in apart.glob("sdxl-*"):
        if path.stem.removeprefix("sdxl-") not in left_out:
            shutil.copy(path, models)
    if not left_out:
        write(models / "narrow.safetensors", clip_text(16, 2))  # no two make the width with it

    async def act(client):
        return await drawn(client, model="sdxl-denoiser", **body), await (await client.get("/models")).json()

    error, listed = ask(tmp_path, act, models=())
    assert says in error
    if left_out:
        (entry,) = (entry for entry in listed["others"] if entry["name"] == "sdxl-denoiser")
        assert entry["problem"] in error
        assert set(entry["needs"]) == {"vae" if role == "vae" else "text_encoders" for role in left_out}


def hidden(models, kind):
    """What is moved out of sight, where no model is looked for."""
    path = next(models.glob(f"stable_diffusion-{kind}.safetensors"))
    return path.rename(models.parent / path.name)


async def names_of(client):
    return (await (await client.get("/models")).json())["models"]


async def comes_back(client, models):
    path = hidden(models, "text_encoder")
    assert await names_of(client) == []
    path.rename(models / path.name)


async def gets_a_sidecar(client, models):
    (models / "stable_diffusion-denoiser.yaml").write_text("vae: z-vae")


async def loses_its_vae(client, models):
    hidden(models, "vae")


async def is_written_to_its_end(client, models):
    path = models / "stable_diffusion-text_encoder.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-8])
    assert await names_of(client) == []
    with path.open("ab") as file:
        file.write(whole[-8:])


@pytest.mark.parametrize(
    ("happens", "vae"),
    [
        (comes_back, "stable_diffusion-vae"),
        (gets_a_sidecar, "z-vae"),
        (loses_its_vae, "z-vae"),
        (is_written_to_its_end, "stable_diffusion-vae"),
    ],
)
def test_the_first_request_after_a_change_has_what_is_there_now(tmp_path, models, apart, happens, vae):
    for path in apart.glob("stable_diffusion-*"):
        shutil.copy(path, models)
    write_parts(tmp_path / "other", tiny_modules(seed=3), layout="diffusers")
    shutil.copy(tmp_path / "other/stable_diffusion-vae.safetensors", models / "z-vae.safetensors")

    async def act(client):
        client.gateway.clock = lambda: 1e9  # another look is only ever due because of what is to be seen
        await drawn(client)
        await names_of(client)
        await happens(client, models)
        job = await drawn(client)
        return job if isinstance(job, str) else [Path(part.path).stem for part in job.model.parts.values()]

    assert sorted(ask(tmp_path, act, models=())) == ["stable_diffusion-text_encoder", vae]


def test_a_list_that_follows_another_has_what_came_between(tmp_path, models, apart):
    async def act(client):
        client.gateway.clock = lambda: 1e9
        before = await names_of(client)
        shutil.copy(apart / "whole-sdxl.safetensors", models)
        return before, await names_of(client)

    assert ask(tmp_path, act, models=()) == ([], ["whole-sdxl"])


def test_where_nothing_changes_no_request_waits_for_a_look(tmp_path, models, apart):
    for path in apart.glob("stable_diffusion-*"):
        os.utime(shutil.copy(path, models), (1, 1))
    os.utime(models, (1, 1))

    async def act(client):
        client.gateway.clock = lambda: 1e9
        await drawn(client)
        await names_of(client)
        looks, refresh = [], client.gateway.registry.refresh
        client.gateway.registry.refresh = lambda: looks.append(1) or refresh()
        return [type(await drawn(client)) for _ in range(3)], looks

    kinds, looks = ask(tmp_path, act, models=())
    assert (str in kinds, looks) == (False, [])


@pytest.mark.parametrize(
    ("sidecar", "configured", "says"),
    [
        (
            "vae: nope",
            None,
            "the YAML beside it names 'nope' as vae, and no file among the models is called so and fits",
        ),
        (
            "text_encoder: other",
            None,
            "the YAML beside it names 'other' as text_encoders, and no file among the models is called so and fits",
        ),
        (
            "",
            Defaults(text_encoders="nope"),
            "the configuration names 'nope' as text_encoders, and no file among the models is called so and fits",
        ),
        (
            "",
            Defaults(vae="broken"),
            "the configuration names 'broken' as vae, and that can't be used: it is no safetensors file: it has only "
            "3 bytes",
        ),
    ],
)
def test_who_names_what_is_not_there_is_told_where_it_is_listed_and_where_it_is_drawn_with(
    tmp_path, models, apart, caplog, sidecar, configured, says
):
    for path in apart.glob("stable_diffusion-*"):
        shutil.copy(path, models)
    (models / "broken.safetensors").write_bytes(b"abc")
    write(models / "other.safetensors", {"encoder.block.0.layer.0.SelfAttention.q.weight": (4096, 4096)})
    (models / "stable_diffusion-denoiser.yaml").write_text(sidecar or "prediction_type: epsilon")
    settings = (ModelSettings("stable_diffusion-denoiser", configured),) if configured else ()

    async def act(client):
        listed = await (await client.get("/models")).json()
        return listed["details"] + listed["others"], await drawn(client, model="stable_diffusion-denoiser")

    listed, error = ask(tmp_path, act, models=(), per_model=settings)
    (problem,) = (entry["problem"] for entry in listed if entry["name"] == "stable_diffusion-denoiser")
    assert (problem, error) == (says, f"model 'stable_diffusion-denoiser' can't be drawn with: {says}")
    assert (says in caplog.text) == (configured is not None)


def test_a_broken_file_that_a_request_names_is_said_once(tmp_path, models, apart):
    shutil.copy(apart / "whole-sdxl.safetensors", models)
    (models / "broken.safetensors").write_bytes(b"abc")

    async def act(client):
        return await drawn(client, vae="broken")

    says = "vae 'broken' can't be used: it is no safetensors file: it has only 3 bytes"
    assert ask(tmp_path, act, models=()) == says


def test_the_own_vae_of_a_model_without_one_is_none(tmp_path):
    shapes = {name: shape for name, shape in tiny().items() if not name.startswith("first_stage_model.")}
    write(tmp_path / "models" / "lacking.safetensors", shapes)

    async def act(client):
        return await names_of(client)

    assert ask(tmp_path, act, models=(), per_model=(ModelSettings("lacking", Defaults(vae="own")),)) == []


@pytest.mark.parametrize(
    ("sidecar", "configured"),
    [("vae: own", None), ("", Defaults(vae="own")), ("text_encoders: own", None)],
)
def test_a_model_keeps_its_own_parts_where_it_is_said_so(tmp_path, models, apart, sidecar, configured):
    shutil.copy(apart / "whole-stable_diffusion.safetensors", models / "whole.safetensors")
    if "text" not in sidecar:
        shutil.copy(apart / "stable_diffusion-vae.safetensors", models / "whole.vae.safetensors")
    (models / "whole.yaml").write_text(sidecar)

    async def act(client):
        return await drawn(client, model="whole")

    job = ask(tmp_path, act, models=(), per_model=(ModelSettings("whole", configured),) if configured else ())
    assert (job.model.parts, job.params.vae) == ({}, None)


def test_two_files_that_are_configured_for_one_place_are_refused(tmp_path, models, apart):
    shutil.copy(apart / "whole-stable_diffusion.safetensors", models / "whole.safetensors")
    for name in ("one", "two"):
        shutil.copy(apart / "stable_diffusion-text_encoder.safetensors", models / f"{name}.safetensors")

    async def act(client):
        return await drawn(client), (await (await client.get("/models")).json())["details"]

    settings = (ModelSettings("whole", Defaults(text_encoders=("one", "two"))),)
    error, (entry,) = ask(tmp_path, act, models=(), per_model=settings)
    says = "the configuration names both 'two' and 'one' as text_encoders, for the same place"
    assert (error, entry["problem"]) == (f"model 'whole' can't be drawn with: {says}", says)
