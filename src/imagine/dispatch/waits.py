"""When to come again: from what is queued, in the seconds that it was measured to take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

_SHORTEST, _LONGEST = 1.0, 600.0


class Waits:
    """Tells each client that is refused a time of its own, so that not all come back for the same place."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._promised: dict[str, float] = {}

    def seconds(self, client: str, running: Iterable[tuple[str, float]], *, each: float, workers: float) -> float:
        """Seconds until there is likely to be a place for `client`; once more it would be a place later.

        `running` holds the client of each job that has a worker, and the seconds of the device that it needs yet;
        `each` is what a waiting one needs; there are so many
        `workers` of mean speed. Clients share a device evenly, and a client's jobs its share.
        """
        now, left = self._clock(), list(running)
        jobs = Counter(name for name, _ in left)
        clients = max(1, len(jobs))
        first = min((seconds * clients * jobs[name] for name, seconds in left), default=0.0) / workers
        again = self._promised.get(client, 0.0) + each * clients / workers
        due = min(max(now + first, again, now + _SHORTEST), now + _LONGEST)
        self._promised = {name: then for name, then in self._promised.items() if then > now} | {client: due}
        return due - now
