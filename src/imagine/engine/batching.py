"""How many jobs to step at once: at a few fixed sizes, and only as far as it was measured to pay.

Kernels differ by batch size, but at a fixed one neither the neighbours nor the slot change a row. So batches run in
*buckets*, padded; a picture's recipe records those its evaluations ran in, and replaying them gives the same bytes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from .jobs.batch_key import BatchKey
from .jobs.buckets import BUCKETS

FULL_ENOUGH = 0.75
"""How full a bucket must be to try it out."""
WORTH = 1.03
"""How many times as fast per picture the last bucket must have been for the next to be tried."""
FORGET = 400
"""After so many batches a measurement is old, and its bucket may be tried again."""
LONGEST = 3.0
"""Seconds: no batch is formed whose step is expected to take longer, since nobody else has the device meanwhile."""
SMOOTHING = 0.3
_TICK = 1e-9
"""No step takes less, whatever a coarse clock says."""


class Batching:
    """Measured seconds per batch key and bucket, and the choice that follows from them."""

    def __init__(self, most: int | None = None) -> None:
        self._most = BUCKETS[-1] if most is None else max(1, most)
        self._seconds: dict[BatchKey, dict[int, float]] = defaultdict(dict)
        self._warm: set[tuple[BatchKey, int]] = set()
        self._measured_at: dict[tuple[BatchKey, int], int] = {}
        self._limits: dict[BatchKey, int] = {}
        self._count = 0

    def choose(
        self, key: BatchKey, ready: int, most: int | None = None, fits: Callable[[int], bool] = lambda _: True
    ) -> int:
        """The bucket in which to step some of `ready` jobs of this key: the most pictures a second.

        `most` is the limit of their model, beside that of all; a bucket that doesn't fit isn't taken, save the first.
        """
        known = self._seconds[key]
        limit = self._limit(key) if most is None else min(most, self._limit(key))
        allowed = [b for b in BUCKETS if b == 1 or (b <= limit and self._is_short(key, b) and fits(b))]
        untried = next((b for b in allowed if self._unknown(key, b)), None)
        if untried == 1 or (untried and ready >= untried * FULL_ENOUGH and self._promising(key, untried)):
            return untried
        return max((b for b in allowed if b in known), key=lambda b: (min(b, ready) / known[b], -b))

    def record(self, key: BatchKey, bucket: int, seconds: float) -> None:
        """A batch took so long. A bucket's first one, which warms up, counts only until its second."""
        self._count += 1
        seconds = max(seconds, _TICK)
        place = (key, bucket)
        known = self._seconds[key]
        if bucket not in known or place not in self._warm:
            if bucket in known:
                self._warm.add(place)
            known[bucket] = seconds
        else:
            known[bucket] += SMOOTHING * (seconds - known[bucket])
        self._measured_at[place] = self._count

    def limit(self, key: BatchKey, bucket: int) -> int:
        """Memory did not suffice: never go beyond `bucket` with this key again. Gives what is left."""
        self._limits[key] = max(1, min(bucket, self._limits.get(key, BUCKETS[-1])))
        return self._limits[key]

    def allowed(self, key: BatchKey, bucket: int) -> int:
        """`bucket`, which a recipe asks for, or what memory suffices for."""
        return min(bucket, self._limits.get(key, BUCKETS[-1]))

    def seconds(self, key: BatchKey) -> float | None:
        """What a step of this key takes a job at present, as well as known."""
        known = self._seconds.get(key)
        if not known:
            return None
        latest = max(known, key=lambda bucket: self._measured_at[key, bucket])
        return known[latest]

    def expected(self, key: BatchKey, bucket: int) -> float | None:
        """Seconds that a step at this bucket should take; None where nothing was measured yet.

        Where it wasn't itself, or long ago: as much a picture as at the largest bucket below it.
        """
        known = self._seconds.get(key, {})
        if bucket in known and not self._unknown(key, bucket):
            return known[bucket]
        below = max((b for b in known if b < bucket), default=None)
        return known.get(bucket) if below is None else known[below] * (bucket / below)

    def _limit(self, key: BatchKey) -> int:
        return min(self._most, self._limits.get(key, BUCKETS[-1]))

    def _is_short(self, key: BatchKey, bucket: int) -> bool:
        expected = self.expected(key, bucket)
        return expected is None or expected <= LONGEST

    def _unknown(self, key: BatchKey, bucket: int) -> bool:
        # A first batch warms up, and may be many times slower than it tells.
        return (key, bucket) not in self._warm or self._count - self._measured_at[key, bucket] > FORGET

    def _promising(self, key: BatchKey, bucket: int) -> bool:
        """Whether the two buckets below it show that batching still pays."""
        known = self._seconds[key]
        below = [b for b in BUCKETS if b < bucket][-2:]
        if len(below) < 2:
            return True
        return (below[1] / known[below[1]]) >= WORTH * (below[0] / known[below[0]])
