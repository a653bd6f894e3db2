"""A picture that another machine made and says to have looked at: looked at once more, by a device of this one."""

from __future__ import annotations

import logging

from ...dispatch.pool import Pool
from ...messages import message
from ...words.errors import Blocked, ImagineError, UnusableModel, WorkerLost
from ...words.moderation import ModerationVerdict, PictureCheck
from ...words.seen import told

_log = logging.getLogger(__name__)


async def check_again(pool: Pool, check: PictureCheck, made: bytes) -> None:
    """Raises Blocked for a picture that isn't to be shown; UnusableModel where it can't be looked at and would have to
    be; WorkerLost where the device is lost meanwhile. Without a device here that is ready, who made it is believed."""
    own = [worker for worker in pool.workers if not worker.away and worker.ready is not None]
    if not own or "picture" not in check.stages:
        return
    name = check.checker.name
    try:
        scored = await min(own, key=pool.running_on).score(check.checker, made)
    except WorkerLost:
        raise
    except ImagineError as error:
        if check.fail == "closed":
            named = message("checker.named", None, name=name)
            raise UnusableModel(message("checker.closed", None, name=named, why=error.note)) from error
        _log.warning("a picture made elsewhere couldn't be looked at again by %s: %s", name, error)
        return
    if seen := check.seen_in(scored.scores):
        verdict = ModerationVerdict(action="block", categories=seen, stage="picture", rule=name, policy=check.policy)
        raise Blocked(message("blocked.picture", None, what=told(next(iter(seen)))), verdict)
