"""What is believed of a job that is elsewhere, and of what a machine says of itself: word by word, without a wire."""

import struct
import zlib

import msgspec
import pytest

from imagine.machines.claims import AskClaim, JobClaim
from imagine.machines.parting import Lie
from imagine.machines.told import note_of, ready_of, stats_of
from imagine.machines.wire import MAX_SAID, from_host
from imagine.messages import Message, in_english
from imagine.words.events import Failed, Finished, Loading, Progress, Queued
from imagine.words.frames import FrameError, Loaded, Ready, ResidentModel, Stats, encode
from imagine.words.moderation import ModerationVerdict, PictureCheck
from imagine.words.recipe import meta_from_params
from tests.machines.peering import changed
from tests.server.openai.painting import painted
from tests.worker.fake_engine import MODEL, submit

JOB = submit("1", steps=4)
META = meta_from_params(JOB.params)
GOOD = Finished(job="1", data=painted(JOB.params, 255, META), meta=META, timings={})
HEAD = 33
"""Bytes of a PNG before its second chunk."""


def chunk(kind, body=b""):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@pytest.mark.parametrize(
    "data",
    [
        GOOD.data[:HEAD] + chunk(b"acTL", struct.pack(">II", 2, 0)) + GOOD.data[HEAD:],
        GOOD.data[:HEAD] + chunk(b"iCCP", b"x\0\0") + GOOD.data[HEAD:],
        GOOD.data[:HEAD] + chunk(b"tEXt", b"Comment\0by me") + GOOD.data[HEAD:],
        GOOD.data[:-12] + chunk(b"tEXt", b"meta\0{}") + GOOD.data[-12:],
        GOOD.data + b"<script>",
    ],
    ids=["further frames", "a profile", "a text", "a second recipe", "something behind it"],
)
def test_a_picture_is_nothing_but_a_picture_and_its_recipe(data):
    claim = JobClaim(JOB)
    with pytest.raises(Lie, match="another recipe"):
        claim.checked(changed(GOOD, data=data))
    assert claim.checked(GOOD) == GOOD


def nested(depth):
    return {"in": nested(depth - 1)} if depth else {}


@pytest.mark.parametrize(
    "environment", [{"x": b"bytes"}, {"x": msgspec.msgpack.Ext(1, b"")}, nested(400), {(1, 2): 3}, [1]]
)
def test_a_recipe_of_what_no_recipe_holds_is_a_lie_and_no_fault_of_ours(environment):
    with pytest.raises(Lie, match="another recipe"):
        JobClaim(JOB).checked(changed(GOOD, meta=META | {"environment": environment}))


def test_names_that_this_server_does_not_know_reach_neither_its_metrics_nor_its_log():
    told = changed(GOOD, timings={"denoising": 1.0, "x\nfinished job=1": 2.0})
    assert JobClaim(JOB).checked(told).timings == {"denoising": 1.0}
    failed = JobClaim(JOB).checked(Failed(job="1", error="New\nError", message=in_english("no\x1b[2J\n\u202eon")))
    assert (failed.error, str(failed.message)) == ("ImagineError", "no [2J  on")
    seen = {f"\x1b{number}": 7.0 for number in range(1000)}
    verdict = ModerationVerdict(action="allow", categories=seen, stage="picture", rule="x\n")
    blocked = Failed(job="1", error="Blocked", message=in_english("no"), verdict=verdict)
    told = JobClaim(JOB).checked(blocked).verdict
    assert (told.action, told.rule, set(told.categories.values())) == ("block", "elsewhere", {1.0})
    assert len(told.categories) < 100
    checked = changed(JOB, check=PictureCheck(checker=MODEL, refused={}))
    assert JobClaim(checked).checked(blocked).verdict.rule == "m", "both look by the same file"
    assert AskClaim().checked(changed(blocked, error="Nonsense")).error == "ImagineError"


@pytest.mark.parametrize(
    ("said", "kept"), [((-5, 10**18), (0, 16)), ((3, 4), (3, 4)), ((9, 4), (4, 4)), ((5 * 10**17, 10**18), (8, 16))]
)
def test_what_expectations_are_learned_from_makes_sense(said, kept):
    step, steps = said
    told = JobClaim(JOB).checked(Progress(job="1", step=step, steps=steps))
    assert (told.step, told.steps) == kept


def test_a_job_comes_on_by_what_is_new_of_it_alone():
    now = [0.0]
    claim = JobClaim(JOB, lambda: now[0])
    for event, new in (
        (Queued(job="1", position=5), True),
        (Queued(job="1", position=5), False),
        (Queued(job="1", position=9), False),
        (Queued(job="1", position=4), True),
        (Loading(job="1", model="m", fraction=0.5), True),
        (Loading(job="1", model="m", fraction=0.5), False),
        (Progress(job="1", step=1, steps=4), True),
        (Progress(job="1", step=1, steps=4), False),
        (Loading(job="1", model="m", fraction=0.9), False),
        (Progress(job="1", step=2, steps=4), True),
    ):
        now[0] += 10
        before = claim.idle
        claim.checked(event)
        assert claim.idle == (0 if new else before)


def test_a_lost_job_is_no_answer_to_whoever_took_nothing_back():
    claim = AskClaim()
    cancelled = Failed(job="1", error="Cancelled", message=in_english("no"))
    assert claim.checked(cancelled).error == "WorkerLost"
    claim.taken_back = True
    assert claim.checked(cancelled).error == "Cancelled"
    with pytest.raises(Lie, match="more of a job than can happen"):
        [claim.checked(Loading(job="1", model="m")) for _ in range(2000)]
    assert AskClaim().checked(Loaded(job="1", model="m")).model == "m"


@pytest.mark.parametrize(
    "note",
    [
        Message("x\n"),
        Message("plain", None, {"value": Message("value.long_text")}),
        Message("plain", None, {str(number): 1 for number in range(100)}),
    ],
)
def test_words_that_can_not_be_told_are_a_lie(note):
    with pytest.raises(Lie, match="what can't be said"):
        note_of(note)


def test_what_a_machine_says_of_itself_is_only_ever_read():
    ready = ready_of(Ready(device="cuda:0\n", name="\x1b]0;a title\x07", environment={"threads": 1}))
    assert (ready.device, ready.name) == ("cuda:0 ", " ]0;a title ")
    with pytest.raises(Lie, match="another machine"):
        ready_of(Ready(device="cpu", environment={"x": "y" * 10**5}))
    model = ResidentModel(name="a\nb", digest="0", expires_in=float("nan"))
    assert stats_of(Stats(models=[model])).models == [changed(model, name="a b", expires_in=0.0)]
    for false in (changed(model, size=-1), changed(model, identity="x" * 10**5)):
        with pytest.raises(Lie, match="what can't come"):
            stats_of(Stats(models=[false]))


def test_little_that_would_take_much_memory_is_not_read():
    many = [{}] * MAX_SAID
    with pytest.raises(FrameError, match="beside a picture"):
        from_host(bytes(encode(changed(GOOD, meta={"environment": many})))[4:])
    large = changed(GOOD, data=bytes(2 * MAX_SAID))
    assert from_host(bytes(encode(large))[4:]) == large
