"""Files that change beneath a loaded model: no picture is ever made of one model and labelled as another."""

import os
import shutil
from pathlib import Path

import pytest

from imagine.engine.families.open import open_model
from imagine.engine.loading.watch import Watch
from imagine.identity.stamp import stamp_of
from imagine.words.errors import ModelChanged
from imagine.words.frames import Unload
from tests.checkpoints import tiny_modules, write_checkpoint, write_folder, write_vae
from tests.engine.running import engine_of, finished, made, model_at, picture, run, wish
from tests.models import component


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """Two fine-tunes of one network, whose headers are equal."""
    folder = tmp_path_factory.mktemp("tuned")
    for seed, name in enumerate("ab"):
        write_checkpoint(folder / f"{name}.safetensors", tiny_modules(seed=seed))
    return folder


@pytest.fixture
def files(tuned, tmp_path):
    """Copies of them, to be ruined."""
    return [Path(shutil.copy(tuned / f"{name}.safetensors", tmp_path)) for name in "ab"]


@pytest.fixture(scope="module")
def right(tuned):
    """What each of them draws, by its name."""
    return {name: picture(made(engine_of(), wish(model_at(tuned / f"{name}.safetensors")))) for name in "ab"}


def as_it_is(path, name="tiny", **more):
    """What a gateway says of the file that lies there now."""
    return model_at(path, name, files=(stamp_of(path),), **more)


def swap(one, other):
    parked = one.with_name("parked")
    one.rename(parked)
    other.rename(one)
    parked.rename(other)


def overwrite(path, by):
    with path.open("r+b") as file:
        file.write(by.read_bytes())


def held(path):
    """How many of this process's descriptors lead to the file."""
    return sum(os.path.realpath(fd) == str(path) for fd in Path("/proc/self/fd").iterdir())


def test_two_files_that_are_swapped_draw_their_own_pictures_at_once(files, right):
    engine, expected = engine_of(), [right["a"], right["b"]]
    for _ in range(2):
        assert [picture(made(engine, wish(as_it_is(path, path.stem), path.stem))) for path in files] == expected
        swap(*files)
        expected.reverse()
    assert [model.name for model in engine.stats().models] == ["a", "b"], "what was replaced is let go"


@pytest.mark.parametrize("change", ["by renaming", "in place"])
def test_a_file_that_is_replaced_while_loaded_is_another_model(files, right, change):
    engine = engine_of()
    assert picture(made(engine, wish(as_it_is(files[0])))) == right["a"]
    files[1].replace(files[0]) if change == "by renaming" else overwrite(*files)
    now = as_it_is(files[0])
    assert picture(made(engine, wish(now))) == right["b"]
    assert [model.identity for model in engine.stats().models] == [now.identity]
    assert held(files[0]) == 1
    engine.unload(Unload(job="u", model="tiny"))
    assert [report.job for report in run(engine)] == ["u"]
    assert held(files[0]) == 0


def step_until(engine, true):
    while not true():
        engine.step()


def test_a_picture_goes_on_while_its_file_is_replaced_by_renaming(files, right):
    engine = engine_of()
    engine.submit(wish(as_it_is(files[0])))
    engine.step()
    step_until(engine, lambda: engine.stats().steps)
    files[1].replace(files[0])
    assert picture(finished(run(engine))["a"]) == right["a"]


@pytest.mark.parametrize("done", [1, 2])
def test_a_picture_whose_file_is_written_into_is_void(files, right, done):
    """Between two steps, and between the last one and the decoding."""
    engine = engine_of()
    for job in "ac":
        engine.submit(wish(as_it_is(files[0]), job))
    step_until(engine, lambda: engine.stats().steps >= done)
    overwrite(*files)
    with pytest.raises(ModelChanged, match="the file of model 'tiny' was changed while it drew"):
        run(engine)
    dropped = engine.drop_step()
    rest = set("ac") - set(dropped)
    while rest:  # they were no part of the step that found it
        with pytest.raises(ModelChanged):
            run(engine)
        rest -= set(engine.drop_step())
    assert not engine.busy
    assert picture(made(engine, wish(as_it_is(files[0])))) == right["b"]


def test_whole_pipelines_and_folders_are_watched_too(tmp_path):
    folder = tmp_path / "folder"
    write_folder(folder, tiny_modules())
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    stamps = tuple(stamp_of(path) for path in sorted(folder.rglob("*")) if path.is_file())
    engine = engine_of()
    engine.submit(wish(model_at(folder, files=stamps)))
    step_until(engine, lambda: engine.stats().steps)
    os.utime(weights, ns=(1, 1))
    with pytest.raises(ModelChanged):
        run(engine)


def test_a_part_that_is_replaced_makes_another_model(files, tmp_path):
    vaes = [tmp_path / f"vae-{seed}.safetensors" for seed in (2, 3)]
    for seed, path in zip((2, 3), vaes, strict=True):
        write_vae(path, tiny_modules(seed=seed), layout="bare")

    def drawn(engine, vae):
        part = component(vae, "vae", files=(stamp_of(vae),))
        return picture(made(engine, wish(as_it_is(files[0], parts={"vae": part}), vae="v")))

    engine = engine_of()
    expected = [drawn(engine_of(), vae) for vae in vaes]
    assert drawn(engine, vaes[0]) == expected[0] != expected[1]
    vaes[1].replace(vaes[0])
    assert drawn(engine, vaes[0]) == expected[1]
    assert len(engine.stats().models) == 1


@pytest.mark.parametrize("change", ["replaced", "gone", "broken"])
def test_a_file_that_changes_while_its_job_waits_is_not_drawn_with(files, change):
    engine = engine_of()
    engine.submit(wish(as_it_is(files[0])))
    if change == "replaced":
        files[1].replace(files[0])
    elif change == "gone":
        files[0].unlink()
    else:
        files[0].write_bytes(b"broken")
    with pytest.raises(ModelChanged, match="model 'tiny' was replaced before it was loaded"):
        run(engine)
    assert engine.drop_step() == ["a"]
    assert not engine.busy


def test_a_file_that_changes_while_it_is_loaded_is_not_drawn_with(files):
    def meddling(model, device, progress, held):
        files[1].replace(files[0])
        return open_model(model, device, progress, held)

    engine = engine_of(open_model=meddling)
    engine.submit(wish(as_it_is(files[0])))
    with pytest.raises(ModelChanged, match="was replaced before it was loaded"):
        run(engine)
    assert engine.drop_step() == ["a"]


def test_what_says_nothing_of_its_files_is_not_watched():
    watch = Watch(model_at("/nowhere"))
    watch.check_paths()
    watch.check()
