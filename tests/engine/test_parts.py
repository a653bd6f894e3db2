"""Models that share a file hold what is read from it once: opened once, counted once, let go with the last of them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import torch

from imagine.engine.device.device import Device
from imagine.engine.loading import part_file
from imagine.engine.loading.checkpoint_file import CheckpointFile
from imagine.engine.parts.part import nbytes_of, parts_of
from imagine.identity.stamp import stamp_of
from imagine.words.frames import Load, Unload
from tests.checkpoints import tiny_modules, write_checkpoint, write_folder, write_parts, write_vae
from tests.engine.running import SETTINGS, Clock, engine_of, made, picture, run, wish
from tests.models import component, model_at

linux = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc")
ENCODERS = ("text_encoder", "text_encoder_2")


def stamped(path, role, **more):
    """A component as a gateway tells of it."""
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    return component(path, role, files=tuple(stamp_of(file) for file in files), **more)


def assembled(name, denoiser, **parts):
    """An SDXL of files of their own."""
    made = model_at(denoiser, name, role="denoiser", family="sdxl", options={"resolution": 64})
    return msgspec.structs.replace(
        made,
        components=(
            stamped(denoiser, "denoiser", options={"resolution": 64}),
            *(stamped(path, role) for role, path in parts.items()),
        ),
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two fine-tunes of SDXL, of which only the denoisers are two."""
    folder = tmp_path_factory.mktemp("apart")
    paths = [write_parts(folder / name, tiny_modules("sdxl", seed=seed)) for seed, name in enumerate("ab")]
    return paths[0] | {"other": paths[1]["denoiser"]}


@pytest.fixture
def pair(files):
    shared = {role: files[role] for role in (*ENCODERS, "vae")}
    return assembled("a", files["denoiser"], **shared), assembled("b", files["other"], **shared)


@pytest.fixture
def opened(monkeypatch):
    """The names of the files that are opened."""
    names = []

    class Noted(CheckpointFile):
        def __init__(self, path):
            names.append(Path(path).name)
            super().__init__(path)

    monkeypatch.setattr(part_file, "CheckpointFile", Noted)
    return names


def loaded(engine, *models):
    """The models, made resident."""
    for number, model in enumerate(models):
        engine.load(Load(job=f"load {number}", model=model))
    run(engine)
    return [engine._models.residency.find(model.identity).family for model in models]


def mapped(path):
    """How often the file lies in this process's memory."""
    return sum(line.endswith(str(path)) for line in Path("/proc/self/maps").read_text().splitlines())


@linux
def test_two_models_that_share_a_text_encoder_hold_it_once(pair, files, opened):
    engine = engine_of()
    one, other = loaded(engine, *pair)
    assert sorted(opened) == sorted(
        [f"sdxl-{role}.safetensors" for role in (*ENCODERS, "vae")] + 2 * ["sdxl-denoiser.safetensors"]
    )
    assert one.parts("encode") == other.parts("encode")
    assert one.parts("decode") == other.parts("decode")
    assert one.parts("denoise") != other.parts("denoise")
    weights = [one.parts("encode")[1].module.text_model.embeddings.token_embedding.weight for one in (one, other)]
    assert weights[0].data_ptr() == weights[1].data_ptr()
    assert [mapped(files[role]) for role in ENCODERS] == [1, 1]
    residency = engine._models.residency
    denoiser = one.parts("denoise")[0].nbytes
    assert residency.nbytes() == nbytes_of(one) + denoiser
    assert [model.size for model in engine.stats().models] == [nbytes_of(one)] * 2
    alone = [picture(made(engine_of(), wish(model))) for model in pair]
    assert [picture(made(engine, wish(model))) for model in pair] == alone


def test_what_is_cast_for_two_is_cast_once(tmp_path, files):
    """As on a device: a copy in memory, where a mapped file would cost little."""
    half = {}
    for seed, name in enumerate("ab"):
        modules = tiny_modules("sdxl", seed=seed)
        for module in (modules.unet, modules.vae, *modules.text_encoders):
            module.half()
        half[name] = write_parts(tmp_path / name, modules)
    shared = {role: half["a"][role] for role in ENCODERS}
    first = assembled("a", half["a"]["denoiser"], vae=half["a"]["vae"], **shared)
    engine = engine_of()
    (family,) = loaded(engine, first)
    own = {weight.data_ptr() for part in family.parts("encode") for weight in part.module.parameters()}
    assert family.parts("encode")[0].dtype == torch.float32
    for parts in (shared, {role: half["b"][role] for role in ENCODERS}):
        model = assembled("b", half["b"]["denoiser"], vae=half["b"]["vae"], **parts)
        (other,) = loaded(engine, model)
        theirs = {weight.data_ptr() for part in other.parts("encode") for weight in part.module.parameters()}
        assert theirs == own if parts is shared else not theirs & own
        engine.unload(Unload(job="u", model="b"))
        run(engine)


@linux
def test_what_is_shared_goes_with_the_last_of_its_models(pair, files, opened):
    engine = engine_of()
    loaded(engine, *pair)
    for name, stays in (("a", 1), ("b", 0)):
        engine.unload(Unload(job="u", model=name))
        run(engine)
        assert mapped(files["text_encoder"]) == stays
    assert engine._models.residency.nbytes() == 0
    opened.clear()
    loaded(engine, pair[0])
    assert len(opened) == 4, "all is read again"


def test_a_model_that_is_loaded_again_reads_what_is_gone_alone(pair, opened):
    engine = engine_of()
    loaded(engine, *pair)
    engine.unload(Unload(job="u", model="a"))
    run(engine)
    opened.clear()
    loaded(engine, pair[0])
    assert opened == ["sdxl-denoiser.safetensors"]


def test_what_the_next_model_needs_stays_where_an_idle_one_makes_way_for_it(pair, opened, monkeypatch):
    (family,) = loaded(engine_of(), pair[0])
    text = nbytes_of(family) - family.parts("denoise")[0].nbytes
    files = [sum(Path(one.path).stat().st_size for one in model.components) for model in pair]
    budget = files[1] + text // 2
    monkeypatch.setattr(Device, "budget", lambda self: budget)
    engine = engine_of()
    (first,) = loaded(engine, pair[0])
    kept, opened[:] = first.parts("encode")[0], []
    del first
    engine.load(Load(job="b", model=pair[1]))
    run(engine)
    assert [model.name for model in engine.stats().models] == ["b"], "there isn't room for two denoisers"
    assert opened == ["sdxl-denoiser.safetensors"]
    assert engine._models.residency.find(pair[1].identity).family.parts("encode")[0] is kept


def test_a_model_that_would_free_nothing_does_not_make_way(tmp_path):
    """Another is made of the same weights, and differs in what it says of them."""
    write_checkpoint(tmp_path / "one.safetensors")
    first, second = (
        model_at(
            tmp_path / "one.safetensors", name, files=(stamp_of(tmp_path / "one.safetensors"),),
            options={"resolution": 64, "prediction": prediction},
        )
        for name, prediction in (("a", "epsilon"), ("b", "v_prediction"))
    )  # fmt: skip
    engine = engine_of()
    one, other = loaded(engine, first, second)
    assert parts_of(one) == parts_of(other)
    assert one.noise != other.noise
    residency = engine._models.residency
    assert residency.nbytes() == nbytes_of(one)
    residency._models[first.identity].users.add("job")
    assert not residency.evict()
    residency._models[first.identity].users.clear()
    assert residency.evict(whole=True), "idle both, they go together"
    assert engine.stats().models == []


def test_an_idle_model_makes_way_part_by_part_and_what_is_left_is_not_read_again(pair, opened, tmp_path, monkeypatch):
    write_checkpoint(tmp_path / "c.safetensors")
    other = model_at(tmp_path / "c.safetensors", "c")
    (family,) = loaded(engine_of(), pair[0])
    clock = Clock()
    budget = nbytes_of(family) + (tmp_path / "c.safetensors").stat().st_size - 1000
    monkeypatch.setattr(Device, "budget", lambda _: budget)
    engine = engine_of(msgspec.structs.replace(SETTINGS, keep_alive=60), clock=clock)
    (first,) = loaded(engine, pair[0])
    kept = first.parts("denoise")[0]
    del first
    loaded(engine, other)
    assert [model.name for model in engine.stats().models] == ["c"]
    assert engine._models.residency.nbytes() <= budget
    opened.clear()
    (again,) = loaded(engine, pair[0])
    assert sorted(opened) == ["sdxl-denoiser.safetensors", "sdxl-text_encoder.safetensors"]
    assert again.parts("denoise")[0] is kept
    del again, kept
    loaded(engine, other)
    for going in (lambda: engine.unload(Unload(job="u", model="a")), lambda: engine.expire(clock.now + 61)):
        left = engine._models.residency.nbytes()
        going()
        run(engine)
        assert engine._models.residency.nbytes() < left
    assert engine._models.residency.nbytes() == 0


def test_what_is_embedded_in_a_checkpoint_is_its_own(tmp_path):
    """Though another has the very same."""
    modules = tiny_modules()
    for name in "ab":
        write_checkpoint(tmp_path / f"{name}.safetensors", modules)
    one, other = loaded(engine_of(), *(model_at(tmp_path / f"{name}.safetensors", name) for name in "ab"))
    assert not {id(part) for part in parts_of(one)} & {id(part) for part in parts_of(other)}


def test_a_vae_that_is_exchanged_is_all_that_is_read(tmp_path, opened):
    path, vae = tmp_path / "model.safetensors", tmp_path / "vae.safetensors"
    write_checkpoint(path)
    write_vae(vae, tiny_modules(seed=3), layout="bare")
    first = stamped(path, "checkpoint")
    plain, exchanged = (
        msgspec.structs.replace(model_at(path), components=components)
        for components in ((first,), (first, stamped(vae, "vae")))
    )
    one, other = loaded(engine_of(), plain, exchanged)
    assert one.parts("denoise") == other.parts("denoise")
    assert one.parts("encode") == other.parts("encode")
    assert one.parts("decode") != other.parts("decode")
    assert opened == ["model.safetensors", "model.safetensors", "vae.safetensors"]


def test_a_folder_that_is_said_to_be_otherwise_is_read_once(tmp_path):
    write_folder(tmp_path / "model", tiny_modules())
    models = [
        msgspec.structs.replace(
            model_at(tmp_path / "model"), components=(stamped(tmp_path / "model", "checkpoint", options=options),)
        )
        for options in ({"resolution": 64}, {"resolution": 128})
    ]
    one, other = loaded(engine_of(), *models)
    assert (one.native, other.native) == (64, 128)
    assert parts_of(one) == parts_of(other)


def test_a_text_encoder_that_is_replaced_is_another(files, tmp_path):
    """As a file that is written to its place by renaming is, and whoever has the old one keeps it to the end."""
    path = tmp_path / "text.safetensors"
    path.write_bytes(files["text_encoder"].read_bytes())
    parts = {"text_encoder_2": files["text_encoder_2"], "vae": files["vae"]}
    engine = engine_of()
    (before,) = loaded(engine, assembled("a", files["denoiser"], text_encoder=path, **parts))
    seconds = write_parts(tmp_path / "seeds", tiny_modules("sdxl", seed=7))
    seconds["text_encoder"].replace(path)
    (after,) = loaded(engine, assembled("b", files["other"], text_encoder=path, **parts))
    assert before.parts("encode")[0] is not after.parts("encode")[0]
    assert before.parts("encode")[1] is after.parts("encode")[1]
    assert [model.name for model in engine.stats().models] == ["b"], "what was read of the old file is let go"


@linux
def test_links_to_one_file_are_that_file(pair, files, tmp_path):
    link = tmp_path / "link.safetensors"
    link.symlink_to(files["text_encoder"])
    parts = {"text_encoder_2": files["text_encoder_2"], "vae": files["vae"]}
    engine = engine_of()
    one, other = loaded(engine, pair[0], assembled("b", files["other"], text_encoder=link, **parts))
    assert one.parts("encode") == other.parts("encode")
