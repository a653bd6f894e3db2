"""What isn't to be shown ends its own job, at the same place whatever else is done, and nobody else's bytes change."""

import threading
from concurrent.futures import Future

import msgspec
import pytest
from PIL import Image

from imagine.engine.jobs.looking import OpenChecker
from imagine.engine.pictures import Pictures
from imagine.messages import in_english
from imagine.pictures import images
from imagine.words.errors import BadPicture, Blocked, UnusableModel
from imagine.words.frames import Score, Scored, WorkerSettings
from imagine.words.recipe import Hires
from tests.engine.looks import CHECKER, Opens, SeesRed, check, served
from tests.engine.plain_family import PlainFamily, plain_model
from tests.engine.running import Engine, Inline, engine_of, finished, made, picture, png, previews, progress, wish

PLAIN = plain_model()
PATIENCE = 300.0
RED, BLUE = Image.new("RGB", (64, 64), (255, 0, 0)), Image.new("RGB", (64, 64), (0, 0, 255))
MASK = Image.new("L", (64, 64), 0)
MASK.paste(255, (0, 0, 8, 8))
NAN = {"red": float("nan")}


def looking_engine(opens=None):
    return engine_of(open_model=opened, measure=lambda _source: 0, open_checker=opens or Opens())


def threaded_engine(*threads, opens=None):
    """With these to make previews, to make files, to look at pictures, and to score what came."""
    threads = iter(threads)
    return Engine(
        WorkerSettings(device="cpu", keep_alive=-1), open_model=opened, measure=lambda _source: 0,
        pictures=Pictures(lambda: next(threads)), open_checker=opens or Opens(),
    )  # fmt: skip


def opened(_model, _device, progress, _held):
    progress(1.0)
    return PlainFamily()


def painted(job="a", img=BLUE, said=None, **changes):
    """A wish that comes out about as `img` is: only a corner of it is painted."""
    one = wish(PLAIN, job, img=img, strength=1.0, **{"mask": MASK, "num_steps": 10, **changes})
    return msgspec.structs.replace(one, check=check() if said is None else said)


def test_a_picture_that_is_not_to_be_shown_is_not_said():
    said, failed = served(looking_engine(), painted(img=RED))
    assert finished(said) == {}
    error = failed["a"]
    assert isinstance(error, Blocked)
    assert (error.verdict.stage, error.verdict.rule, error.verdict.action) == ("picture", "sees", "block")
    assert error.verdict.categories == {"red": pytest.approx(1, abs=0.4)}
    assert str(error).startswith(
        "the picture isn't shown: the topic 'red' is seen in it, which this server doesn't show; ask for"
    )


def test_what_is_painted_small_in_a_large_picture_is_looked_at_by_itself():
    photo, mask = Image.new("RGB", (512, 512), (0, 0, 255)), Image.new("L", (512, 512), 0)
    photo.paste(RED, (0, 0))
    mask.paste(255, (0, 0, 8, 8))
    whole = painted("whole", photo, mask=mask)
    part = painted("part", photo, mask=mask, mask_padding=56, every=1)
    assert served(looking_engine(), whole)[1] == {}, "on the whole it is blue"
    for stages, stage in ((("picture",), "picture"), (("preview", "picture"), "preview")):
        _, failed = served(looking_engine(), msgspec.structs.replace(part, check=check(stages=stages)))
        assert failed["part"].verdict.stage == stage


def crowd(every):
    return [painted(str(i), RED if i % 3 == 1 else BLUE, seed=i, every=every) for i in range(9)]


def pixels_of(said):
    return {job: picture(each).tobytes() for job, each in finished(said).items()}


def test_whoever_is_looked_at_or_refused_changes_no_bits_of_a_crowd():
    wishes = crowd(every=0)
    plain, _ = served(looking_engine(), *[msgspec.structs.replace(one, check=None) for one in wishes])
    looked, failed = served(looking_engine(), *wishes)
    assert failed.keys() == {"1", "4", "7"}
    assert pixels_of(looked) == {job: pixels for job, pixels in pixels_of(plain).items() if job not in failed}


def test_those_who_stay_when_others_are_stopped_are_made_again_by_their_recipes():
    said, failed = served(looking_engine(), *(wishes := crowd(every=1)))
    assert failed.keys() == {"1", "4", "7"}
    for one in wishes:
        if one.job not in failed:
            result = finished(said)[one.job]
            params = msgspec.structs.replace(one.params, buckets=result.meta["buckets"])
            again = made(looking_engine(), msgspec.structs.replace(one, params=params, check=None))
            assert again.data == result.data


def test_each_of_a_crowd_is_looked_at_as_its_own_job_says():
    lax = check(refused={"red": 1.0})
    said, failed = served(
        looking_engine(),
        painted("strict", RED), painted("lax", RED, lax), painted("none", RED), painted("blind", RED, check(stages=())),
    )  # fmt: skip
    assert failed.keys() == {"strict", "none"}
    assert finished(said).keys() == {"lax", "blind"}


# Previews


def test_the_first_preview_that_is_looked_at_ends_its_job_there():
    said, failed = served(looking_engine(), painted(img=RED, every=1))
    assert failed["a"].verdict.stage == "preview"
    assert str(failed["a"]).startswith(
        "the picture was stopped: the topic 'red' is seen in its preview, which this server"
    )
    assert previews(said) == [], "earlier ones show the picture as well"
    assert progress(said)[-1] == (6, 10), "it isn't painted to its end"


@pytest.mark.parametrize("every", [0, 1])
def test_without_a_preview_that_decides_the_picture_does(every):
    last = check(stages=("picture",)) if every else None
    said, failed = served(looking_engine(), painted(img=RED, every=every, said=last))
    assert failed["a"].verdict.stage == "picture"
    assert previews(said) == []


def test_the_first_pass_of_two_is_looked_at_like_any():
    longer = Hires(scale=1.5, strength=1.0, steps=60, upscaler="lanczos")
    said, failed = served(looking_engine(), painted(img=RED, every=1, hires=longer))
    assert (failed["a"].verdict.stage, previews(said)) == ("preview", [])
    assert progress(said)[-1] == (6, 70), "60 % of its own pass"


@pytest.mark.parametrize(("withheld", "shown"), [(0, [6, 9]), (2, [3, 6])])
def test_previews_beside_the_one_that_decides_are_only_withheld(withheld, shown):
    answers = iter([float(look == withheld) for look in range(4)])
    checker = SeesRed(lambda _: {"red": next(answers)})
    said, failed = served(looking_engine(Opens(checker)), painted(every=3))
    assert (failed, finished(said).keys()) == ({}, {"a"})
    assert [report.step for report in previews(said)] == shown
    assert checker.looks == 4


class Held(Inline):
    """Does nothing of what it is given until it is let go."""

    def __init__(self):
        self.held = []

    def submit(self, work, *arguments):
        future = Future()
        self.held.append((future, work, arguments))
        return future

    def let_go(self):
        for future, work, arguments in self.held:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work(*arguments))
                except Exception as error:  # noqa: BLE001 - as an executor does
                    future.set_exception(error)


def test_what_decides_is_neither_left_out_nor_overtaken_by_the_picture():
    previewing = Held()
    engine = threaded_engine(previewing, Inline(), Inline(), Inline())
    engine.submit(painted("red", RED, every=1))
    engine.submit(painted("blue", BLUE, every=1))
    said = []
    for _ in range(60):
        said += engine.step()
    assert {step for step, _ in progress(said, "red")} == set(range(11))
    assert finished(said) == {}
    assert engine.busy, "both are painted, and wait for their look"
    previewing.let_go()
    more, failed = served(engine)
    assert failed["red"].verdict.stage == "preview"
    assert finished(more).keys() == {"blue"}
    assert len(previews(more, "blue")) == 1, "the one that decided, before the picture"


def test_a_picture_is_looked_at_while_its_file_is_made_and_nobody_gets_one_that_is_not_to_be_shown(monkeypatch):
    written, encode = threading.Event(), images.encode

    def encoded(*arguments, **named):
        data = encode(*arguments, **named)
        written.set()
        return data

    def red(_rgb):
        assert written.wait(PATIENCE), "the file waits for the look"
        return {"red": 1.0}

    monkeypatch.setattr(images, "encode", encoded)
    engine = Engine(
        WorkerSettings(device="cpu", keep_alive=-1), open_model=opened, measure=lambda _source: 0,
        open_checker=Opens(SeesRed(red)),
    )  # fmt: skip
    said, failed = served(engine, painted())
    assert (type(failed["a"]), finished(said)) == (Blocked, {})


def test_latents_are_looked_at_as_what_they_show():
    for img, shown in ((RED, False), (BLUE, True)):
        said, failed = served(looking_engine(), painted(img=img, every=9, kind="latents"))
        assert (bool(previews(said)), not failed) == (shown, shown)
    (preview,), result = previews(said), finished(said)["a"]
    assert preview.media_type == "image/png", "nothing that shows more than what was looked at"
    assert [note.code for note in result.warnings] == ["preview.looked_at"]


def test_what_could_not_be_made_was_not_looked_at():
    closed, opened_all, both = (check(stages=("preview",), **said) for said in ({}, {"fail": "open"}, {}))
    both = msgspec.structs.replace(both, stages=("preview", "picture"))
    ends = []
    for said in (closed, opened_all, both):
        family = PlainFamily()
        family.fails["decode"] = [RuntimeError("no preview")]
        engine = engine_of(
            open_model=lambda *_, family=family: family, measure=lambda _source: 0, open_checker=Opens()
        )  # fmt: skip
        told, failed = served(engine, painted(every=6, kind="vae", said=said))
        ends.append((type(failed.get("a")), [note.code for each in finished(told).values() for note in each.warnings]))
    assert ends == [(UnusableModel, []), (type(None), ["checker.open"]), (type(None), [])]


# What looks, and doesn't


@pytest.mark.parametrize(
    ("opens", "why"),
    [
        (Opens(SeesRed(lambda _: NAN)), "its scores are no numbers"),
        (Opens(SeesRed(lambda _: 1 / 0)), "it failed with ZeroDivisionError"),
        (Opens(error=UnusableModel(in_english("the file is gone"))), "the file is gone"),
    ],
)
def test_a_checker_that_can_not_look(opens, why):
    _, failed = served(looking_engine(opens), painted())
    assert isinstance(failed["a"], UnusableModel)
    assert str(failed["a"]).startswith(
        f"the picture isn't shown, since the classifier 'sees', which looks at pictures here, can't: {why}"
    )
    said, failed = served(looking_engine(opens), painted(said=check(fail="open"), every=2))
    assert failed == {}
    assert previews(said)
    (warning,) = finished(said)["a"].warnings
    assert str(warning).startswith(
        f"nobody looked at the picture: the classifier 'sees', which does here, can't: {why}"
    )


def test_it_counts_as_what_its_weights_take_once_they_are_read():
    checker = OpenChecker(Opens(), CHECKER)
    assert checker.nbytes == 0
    checker.score(BLUE)
    assert checker.nbytes == SeesRed.nbytes


def test_it_is_read_once_and_goes_with_the_models():
    opens = Opens()
    engine = looking_engine(opens)
    served(engine, painted("a"), painted("b"))
    assert opens.opened == 1
    made(engine, painted("c"))
    assert opens.opened == 1
    made(engine, msgspec.structs.replace(painted("d"), keep_alive=0.0))
    engine.expire(float("inf"))
    made(engine, painted("e"))
    assert opens.opened == 2


def test_a_picture_that_nobody_wants_any_more_is_not_looked_at():
    finishing, looking, opens = Held(), Held(), Opens()
    engine = threaded_engine(Inline(), finishing, looking, Inline(), opens=opens)
    engine.submit(painted(num_steps=2))
    while engine.busy and not looking.held:
        engine.step()
    engine.cancel("a")
    looking.let_go()
    assert (len(looking.held), opens.checker.looks) == (1, 0)


@pytest.mark.parametrize("stages", [("preview",), ("picture",)])
def test_no_picture_waits_for_one_that_came_to_be_scored(stages):
    """Not for its own look, either, be it of the preview that decides."""
    scoring = Held()
    engine = threaded_engine(Inline(), Inline(), Inline(), scoring)
    engine.score(Score(job="red", checker=CHECKER, img=png(RED)))
    engine.submit(painted(every=1, said=check(stages=stages)))
    said = []
    for _ in range(60):
        said += [] if finished(said) else engine.step()
    assert finished(said).keys() == {"a"}
    scoring.let_go()
    more, _ = served(engine)
    assert [report.scores for report in more if isinstance(report, Scored)] == [{"red": 1.0}]


def test_a_picture_that_came_is_scored_beside_the_steps():
    opens = Opens()
    engine = looking_engine(opens)
    engine.submit(painted("a", every=1))
    engine.step()
    for name, img in (("red", RED), ("blue", BLUE)):
        engine.score(Score(job=name, checker=CHECKER, img=png(img)))
    engine.score(Score(job="none", checker=CHECKER, img=b"no picture"))
    said, failed = served(engine)
    assert {report.job: report.scores for report in said if isinstance(report, Scored)} == {
        "red": {"red": 1.0}, "blue": {"red": 0.0}
    }  # fmt: skip
    assert isinstance(failed["none"], BadPicture)
    assert finished(said).keys() == {"a"}
