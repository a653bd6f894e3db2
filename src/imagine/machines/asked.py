"""What is asked of another machine and has not ended: what is told of it is checked, and a picture looked at, before
anybody hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ..messages import Message, message
from ..words.errors import BadPicture, ImagineError
from ..words.events import Failed, Finished
from ..words.frames import JobReport, Load, Score, Submit, Unload, ends
from .claims import AskClaim, JobClaim
from .parting import Lie
from .wire import MAX_SAID

LookAtMade = Callable[[Submit, bytes], Awaitable[tuple[int, int]]]
"""The size of a picture that was made of a job, once another process has decoded it. Raises BadPicture where it isn't
one, and whatever ImagineError keeps it from being shown."""


class AskedJobs:
    """Of one machine's life, for one event loop. `report` hears what is believed of them; `distrust` why the life has
    to end, where a picture is none, or looking at it fails as nobody foresaw."""

    def __init__(
        self, look: LookAtMade, report: Callable[[JobReport], None], distrust: Callable[[Message], None]
    ) -> None:
        self._look_at, self._report, self._distrust = look, report, distrust
        self.claims: dict[str, JobClaim | AskClaim] = {}
        """By job."""
        self._looks: set[asyncio.Task[None]] = set()

    @property
    def most_bytes(self) -> int:
        """Of the largest frame that can tell something of them."""
        return max((claim.most_bytes for claim in self.claims.values()), default=MAX_SAID)

    def ask(self, command: Submit | Load | Unload | Score) -> None:
        """It is asked from now on."""
        self.claims[command.job] = JobClaim(command) if isinstance(command, Submit) else AskClaim()

    def take(self, event: JobReport) -> None:
        """Passes on what may be told of one of them. Raises Lie."""
        claim = self.claims[event.job]
        checked = claim.checked(event)
        if ends(checked):
            del self.claims[event.job]
        if isinstance(claim, AskClaim) or not isinstance(checked, Finished):
            self._report(checked)
            return
        look = asyncio.create_task(self._look(claim, checked))
        self._looks.add(look)
        look.add_done_callback(self._note_look)

    def leave(self) -> set[asyncio.Task[None]]:
        """Nobody waits any more for what is being looked at, which ends now."""
        looks = set(self._looks)
        for look in looks:
            look.cancel()
        return looks

    def _note_look(self, look: asyncio.Task[None]) -> None:
        self._looks.discard(look)
        if not look.cancelled() and (error := look.exception()) is not None:
            self._distrust(message("worker.failed", why=type(error).__name__))  # else its job would never end

    async def _look(self, claim: JobClaim, finished: Finished) -> None:
        """Passes a picture on once it is known to be one."""
        try:
            claim.check_size(await self._look_at(claim.job, finished.data))
        except (BadPicture, Lie):
            self._distrust(message("lie.picture"))
        except ImagineError as error:
            self._report(_failed_with(claim.job.job, error))
        else:
            self._report(finished)


def _failed_with(job: str, error: ImagineError) -> Failed:
    return Failed(job=job, error=type(error).__name__, message=error.note, verdict=getattr(error, "verdict", None))
