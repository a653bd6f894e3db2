"""An engine on tiny checkpoints, driven by hand: what its tests share."""

import hashlib
import io
from concurrent.futures import Executor, Future

import msgspec
from PIL import Image

from imagine.engine.engine import Engine
from imagine.engine.families.open import open_model
from imagine.engine.pictures import Pictures
from imagine.words.events import Finished, Preview, Progress
from imagine.words.frames import PreviewSettings, Submit, WorkerSettings
from imagine.words.recipe import GenerationParams
from tests import models

SETTINGS = WorkerSettings(device="cpu", full_prec=True, keep_alive=-1)
RECIPE = GenerationParams(
    model="tiny", digest="0" * 64, prompt="a red fox", width=64, height=64, num_steps=2, guidance=5.0,
    sampler="euler", seed=1,
)  # fmt: skip


class Inline(Executor):
    """Does what it is given at once, in the caller's thread: so a test knows when it is done."""

    def submit(self, work, *arguments):
        future = Future()
        try:
            future.set_result(work(*arguments))
        except Exception as error:  # noqa: BLE001 - as an executor does
            future.set_exception(error)
        return future


class Clock:
    """Stands still unless it is put forward."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def engine_of(settings=SETTINGS, **options):
    """An engine whose pictures are made at once."""
    return Engine(settings, pictures=Pictures(Inline), **options)


def model_at(path, name="tiny", *, files=(), parts=None, **options):
    """The model at `path`, said to be trained on 64² pixels, so that pictures given to it stay small."""
    return models.model_at(path, name, files=files, parts=parts, options={"resolution": 64, **options})


def recipe(**changes):
    return msgspec.structs.replace(RECIPE, **changes)


def wish(
    model, job="a", /, *, client="test", every=0, kind="linear", img=None, mask=None, keep_alive=None, max_batch=None,
    refined_by=None, **changes,
):  # fmt: skip
    """A `Submit` of `RECIPE` with `changes`; pictures are given as such, and a refiner as the model that it is."""
    if refined_by is not None:
        changes["refiner"] = refined_by.name
    given = {name: png(picture) for name, picture in (("img", img), ("mask", mask)) if picture is not None}
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in given.items()}
    return Submit(
        job=job, client=client, params=recipe(**digests, **changes), model=model, refiner=refined_by,
        preview=PreviewSettings(kind=kind, every=every), keep_alive=keep_alive, max_batch=max_batch, **given,
    )  # fmt: skip


def run(engine, *wishes, most=10_000):
    """Submits and steps until nothing is left to do; all that was said."""
    for one in wishes:
        engine.submit(one)
    said = []
    while engine.busy:
        most -= 1
        assert most, f"no end: {said[-5:]}"
        said += engine.step()
    return said


def finished(said):
    """The results by job."""
    return {report.job: report for report in said if isinstance(report, Finished)}


def made(engine, one):
    """The one result of one wish."""
    return finished(run(engine, one))[one.job]


def crowd_made_again(wishes):
    """Pictures made together, no two alike: each comes again by its recipe, in a worker that has seen no other."""
    results = finished(run(engine_of(), *wishes))
    crowded = {each.split("x")[0] for result in results.values() for each in result.meta["buckets"].split(",")}
    assert len(crowded) >= 2, "it was a crowd"
    assert len({result.data for result in results.values()}) == len(wishes)
    for one in wishes:
        params = msgspec.structs.replace(one.params, buckets=results[one.job].meta["buckets"])
        again = made(engine_of(), msgspec.structs.replace(one, params=params))
        assert again.data == results[one.job].data, one.job
        assert not results[one.job].warnings


def picture(report):
    return Image.open(io.BytesIO(report.data)).convert("RGB")


def progress(said, job="a"):
    return [(report.step, report.steps) for report in said if isinstance(report, Progress) and report.job == job]


def previews(said, job="a"):
    return [report for report in said if isinstance(report, Preview) and report.job == job]


def png(image):
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


class Watched:
    """A family that notes what it is asked: `calls` holds (method, arguments)."""

    def __init__(self, family):
        self._family = family
        self.calls = []

    def __getattr__(self, name):
        value = getattr(self._family, name)
        if not callable(value):
            return value

        def call(*arguments, **options):
            self.calls.append((name, arguments))
            return value(*arguments, **options)

        return call

    def heard(self, name):
        """The arguments of all calls of a method."""
        return [arguments for called, arguments in self.calls if called == name]


class Watching:
    """Opens models, and keeps them as `Watched` by their file's name."""

    def __init__(self):
        self.families = {}

    def __call__(self, model, device, progress, held):
        self.families[model.name] = Watched(open_model(model, device, progress, held))
        return self.families[model.name]


def latents_of(one):
    """The latents that are decoded for one wish."""
    watching = Watching()
    run(engine_of(open_model=watching), one)
    return watching.families[one.model.name].heard("decode")[-1][0]
