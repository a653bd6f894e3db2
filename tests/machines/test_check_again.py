"""Pictures that were looked at elsewhere are looked at once more, where a device of this machine can."""

import asyncio

import pytest

from imagine.dispatch.pool import Pool
from imagine.messages import in_english
from imagine.server.gateway.check_again import check_again
from imagine.words.errors import Blocked, UnusableModel
from imagine.words.moderation import PictureCheck
from tests.machines.peering import changed
from tests.server.openai.painting import PaintingWorker, png
from tests.server.served import PromptedWorker, serving
from tests.worker.fake_engine import MODEL, submit

CHECK = PictureCheck(checker=MODEL, refused={"sexual": 0.5}, policy="strict")


def looked(check, *, ready=True, raising=None):
    """What own and what is elsewhere have scored once a picture was let through."""

    async def go():
        away, own = PromptedWorker("away"), PromptedWorker()
        away.away = True
        if not ready:
            own.ready = None
        if raising is not None:

            async def score(checker, img):
                raise raising

            own.score = score
        await check_again(Pool([away, own]), check, b"made")
        return len(away.scored), len(own.scored)

    return asyncio.run(go())


def test_what_is_not_to_be_shown_is_blocked_as_if_it_were_made_here():
    with pytest.raises(Blocked, match="sexual content is seen in it") as blocked:
        looked(CHECK)
    verdict = blocked.value.verdict
    assert (verdict.rule, verdict.stage, verdict.policy, verdict.categories) == (
        "m",
        "picture",
        "strict",
        {"sexual": 0.8},
    )


def test_who_made_it_is_never_asked_and_is_believed_only_where_nobody_else_can_look():
    assert looked(changed(CHECK, refused={"sexual": 0.9})) == (0, 1)
    assert looked(CHECK, ready=False) == (0, 0)
    assert looked(changed(CHECK, stages=("preview",))) == (0, 0)


def test_what_can_not_be_looked_at_is_as_the_owner_says():
    broken = UnusableModel(in_english("it is cut short"))
    with pytest.raises(UnusableModel, match="it is cut short"):
        looked(CHECK, raising=broken)
    assert looked(changed(CHECK, fail="open"), raising=broken) == (0, 0)


def test_a_server_looks_at_what_others_made(tmp_path):
    async def go():
        async with serving(tmp_path, worker=PaintingWorker()) as client:
            look = client.gateway.look_at_made
            assert await look(submit("1"), png()) == (64, 64)
            with pytest.raises(Blocked):
                await look(changed(submit("1"), check=CHECK), png())

    asyncio.run(go())
