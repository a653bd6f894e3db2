"""The seam between the worker's loop and the engine: what the loop asks, and what the engine promises.

The loop calls everything from one thread, never two at once, and steps as long as `busy`. Only `stage` is also
read from another thread. `Engine(settings: WorkerSettings)` makes one.
"""

from __future__ import annotations

from typing import Protocol

from ..words.frames import JobReport, Load, Ready, Score, Stats, Submit, Unload


class EngineProtocol(Protocol):
    """Owns a device and the models on it; does one unit of work at a time."""

    @property
    def stage(self) -> str:
        """What it is in right now, one word for the gateway's limits: `loading`, `encoding`, `denoising`,
        `decoding`, `idle`, …"""

    @property
    def busy(self) -> bool:
        """Would `step` do something?"""

    def describe(self) -> Ready:
        """The device and everything about it that decides bits."""

    def submit(self, job: Submit) -> None:
        """Takes a job; only checks and remembers it, the work is for `step`. Raises ImagineError to refuse it."""

    def cancel(self, job: str) -> None:
        """Forgets a job, a load or an unload and frees what only it held. An unknown one is ignored.

        The loop itself answers `Failed(error="Cancelled")`; what the engine may still say about it is dropped.
        """

    def load(self, command: Load) -> None:
        """Asks for a model; a later `step` says `Loaded` or `Failed` of `command.job`. Raises ImagineError."""

    def unload(self, command: Unload) -> None:
        """Lets a model go once unused; a later `step` says `Unloaded` of `command.job`. Raises ImagineError."""

    def score(self, command: Score) -> None:
        """Asks what is seen in a picture; a later `step` says `Scored` of `command.job`, or raises why not."""

    def step(self) -> list[JobReport]:
        """One unit of work: one denoising step of one batch, or one load, encoding or decoding.

        Returns what happened. Whatever it raises becomes the failure of the jobs that `drop_step` names.
        """

    def drop_step(self) -> list[str]:
        """After a `step` that raised: forgets the jobs (or the load) it worked on and returns their ids.

        No ids mean that the engine can't tell; the worker then ends, and a new one is started.
        """

    def expire(self, now: float) -> float | None:
        """Lets go every model whose keep-alive has run out at `now` (seconds, monotonic), and memory that is idle.

        Returns when to be called next, on the same clock; None: there will be nothing to let go.
        """

    def stats(self) -> Stats:
        """What is resident, and how fast steps are; cheap enough for once a second."""
