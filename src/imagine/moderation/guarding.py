"""The guard as its gateway knows it: one process at most, started when it is needed, and again when it has ended.

Questions that come while it answers are asked together next, of each client as many as of others. Who asks waits for
so long and no longer, beginning when it is ready: the first prompts of a new server aren't let through because its
libraries are still being unpacked. What was asked of a process that ended is asked once more, by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec

from ..identity.stamp import FileStamp
from ..messages import Message, message, sentence
from ..processes.reaping import reap
from ..processes.runtime import guard_command
from ..words.guarding import (
    MAX_FRAME,
    TOO_MUCH,
    CompareRequest,
    GuardReply,
    GuardRequest,
    LearnRequest,
    Meaning,
    Nearness,
    OpenRequest,
    fits,
    frame_of,
)
from .vectors import KnownVectors, encoder_key

_log = logging.getLogger(__name__)
_MOST = 32
"""Texts that are asked about at once: of a question that has more, others are asked in between."""
_TRIES = 2


@dataclass(frozen=True, kw_only=True)
class GuardPatience:
    """Seconds."""

    question: float = 10.0
    """For one question, its wait counted, from when there is a process that is ready."""
    start: float = 120.0
    """To open an encoder and to learn what texts are compared with, and for a question that waits for that: a large
    encoder takes half a minute, and the one-file binary unpacks its libraries first."""
    answer: float = 60.0
    """For all that was asked at once, after which the process hangs."""
    rest: float = 30.0
    """After so many ends in a row, until it is started again."""
    ends: int = 3


class Watched(NamedTuple):
    """What a guard is to compare by: an encoder's file, as it is, and meanings."""

    path: Path
    files: tuple[FileStamp, ...]
    meanings: tuple[Meaning, ...]


class NearnessAnswer(NamedTuple):
    """How near each of several texts is to each of the meanings."""

    meanings: tuple[Meaning, ...]
    near: tuple[tuple[Nearness, ...], ...]


class NoAnswer(Exception):
    """There is no telling what the texts mean; `note` says why, `answered` whether something of no use was said."""

    def __init__(self, note: Message, *, answered: bool = False) -> None:
        super().__init__(str(note))
        self.note, self.answered = note, answered


@dataclass
class _GuardQuestion:
    texts: tuple[str, ...]
    client: str
    answer: asyncio.Future[NearnessAnswer] = field(repr=False)
    tries: int = 0


class GuardProcess:
    """One process, of one event loop. `clock` counts seconds."""

    def __init__(
        self,
        known: KnownVectors,
        *,
        command: Sequence[str] | None = None,
        patience: GuardPatience | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._known, self._clock = known, clock
        self._command, self._patience = list(command or guard_command()), patience or GuardPatience()
        self._process: asyncio.subprocess.Process | None = None
        self._watched: Watched | None = None
        self._open: Watched | None = None
        self._refused: tuple[Watched, Message] | None = None
        self.waiting: list[_GuardQuestion] = []
        """Questions that the process doesn't have yet."""
        self._before_ready: set[asyncio.Timeout] = set()
        """Limits of those who wait for it to be ready."""
        self._turn, self._asked_in = 0, dict[str, int]()
        """Of each client that waits, when it was asked for last."""
        self._working: asyncio.Task[None] | None = None
        self._stopped = False
        self._ended, self._rests_until = 0, float("-inf")

    @property
    def pid(self) -> int | None:
        """The process's id while there is one."""
        return None if self._process is None else self._process.pid

    @property
    def runs(self) -> bool:
        """Is there a process?"""
        return self._process is not None

    async def settled(self) -> None:
        """Waits until nothing is asked of it, and it has been got ready."""
        if self._working is not None:
            await asyncio.wait([self._working])

    def watch(self, watched: Watched | None) -> None:
        """By what texts are compared from now on; it is got ready at once. None: by nothing, and nothing runs."""
        if watched != self._watched:
            self._watched, self._ended, self._rests_until = watched, 0, float("-inf")
            self._work()

    async def compare(self, texts: Sequence[str], client: str = "") -> NearnessAnswer:
        """How near these texts are to the meanings that are watched for. Raises NoAnswer."""
        if not texts:
            return NearnessAnswer((), ())
        loop = asyncio.get_running_loop()
        parts = [tuple(texts[at : at + _MOST]) for at in range(0, len(texts), _MOST)]
        questions = [_GuardQuestion(part, client, loop.create_future()) for part in parts]
        self.waiting += questions
        self._work()
        try:
            async with self._limit():
                answers = await asyncio.gather(*(each.answer for each in questions))
        except TimeoutError as error:
            raise NoAnswer(message("guard.late")) from error
        finally:
            for each in questions:
                each.answer.cancel()
        if any(each.meanings != answers[0].meanings for each in answers):  # others are watched for since
            raise NoAnswer(message("guard.late"))
        return NearnessAnswer(answers[0].meanings, tuple(near for each in answers for near in each.near))

    @contextlib.asynccontextmanager
    async def _limit(self) -> AsyncIterator[None]:
        """Raises TimeoutError after a question's time, which begins once the process is ready."""
        lives = self._process is not None and self._process.returncode is None
        is_ready = lives and self._open is not None and self._open == self._watched
        async with asyncio.timeout(self._patience.question if is_ready else self._patience.start) as limit:
            if not is_ready:
                self._before_ready.add(limit)
            try:
                yield
            finally:
                self._before_ready.discard(limit)

    def _begin_limits(self) -> None:
        until = asyncio.get_running_loop().time() + self._patience.question
        for limit in self._before_ready:
            if not limit.expired():
                limit.reschedule(until)
        self._before_ready.clear()

    async def stop(self) -> None:
        """Ends the process, whatever it does; who asks from now on, of a connection that is still there, is refused."""
        self._stopped = True
        if self._working is not None:
            self._working.cancel()
            await asyncio.wait([self._working])
        await self._end()
        self._give_up(self.waiting, message("server.stopping"))

    def _work(self) -> None:
        if self._stopped:
            self._give_up(self.waiting, message("server.stopping"))
        elif self._working is None or self._working.done():
            self._working = asyncio.get_running_loop().create_task(self._answer_all())

    async def _answer_all(self) -> None:
        try:
            await self._answer_waiting()
        except BaseException:  # an answer may be on its way that nobody waits for: the next question gets a new process
            self._open = None
            raise

    async def _answer_waiting(self) -> None:
        """Answers until nobody waits, and what is watched for is open."""
        while self.waiting or self._open != self._watched:
            try:
                process = await self._ready()
            except NoAnswer as error:
                self._give_up(self.waiting, error.note)
                return
            except (OSError, EOFError, TimeoutError, msgspec.DecodeError) as error:
                await self._ended_by(error)
                continue
            if batch := self._next():
                await self._answer(process, batch)

    async def _answer(self, process: asyncio.subprocess.Process, batch: Sequence[_GuardQuestion]) -> None:
        texts = tuple(text for each in batch for text in each.texts)
        assert self._open is not None, "the process is ready"
        meanings = self._open.meanings
        try:
            reply = await self._asked(process, CompareRequest(texts=texts), self._patience.answer)
        except (OSError, EOFError, TimeoutError, msgspec.DecodeError) as error:
            await self._ended_by(error)
            self._ask_again(batch)
            return
        self._ended, near = 0, list(reply.near)
        if reply.refused is not None or len(near) != len(texts):
            self._give_up(batch, reply.refused or message("guard.not_open"))
            return
        for each in batch:
            mine, near = tuple(near[: len(each.texts)]), near[len(each.texts) :]
            if not each.answer.done():
                each.answer.set_result(NearnessAnswer(meanings, mine))

    def _next(self) -> list[_GuardQuestion]:
        """What is asked next: one that was asked already by itself, others together, of each client in turn."""
        self.waiting = [each for each in self.waiting if not each.answer.done()]
        ranks, ranked = Counter[str](), list[tuple[tuple[int, int, int], _GuardQuestion]]()
        for at, each in enumerate(self.waiting):
            ranked.append(((ranks[each.client], self._asked_in.get(each.client, 0), at), each))
            ranks[each.client] += 1
        batch, texts = list[_GuardQuestion](), 0
        for _, each in sorted(ranked, key=lambda one: one[0]):
            if batch and (each.tries or batch[0].tries or texts + len(each.texts) > _MOST):
                break
            batch.append(each)
            texts += len(each.texts)
        self.waiting = [each for each in self.waiting if each not in batch]
        self._turn += 1
        turns = self._asked_in | {each.client: self._turn for each in batch}
        self._asked_in = {each.client: turns[each.client] for each in self.waiting if each.client in turns}
        return batch

    def _ask_again(self, batch: Sequence[_GuardQuestion]) -> None:
        for each in batch:
            each.tries += 1
        self._give_up([each for each in batch if each.tries >= _TRIES], message("guard.ended"))
        self.waiting[:0] = [each for each in batch if each.tries < _TRIES]

    def _give_up(self, questions: Sequence[_GuardQuestion], note: Message) -> None:
        for each in [*questions]:
            if not each.answer.done():
                each.answer.set_exception(NoAnswer(note))
        self.waiting = [each for each in self.waiting if not each.answer.done()]

    async def _ready(self) -> asyncio.subprocess.Process:
        """A process that knows what is watched for. Raises NoAnswer, and what an end raises."""
        watched = self._watched
        if watched is None:
            await self._end()
            raise NoAnswer(message("guard.not_open"))
        if self._refused is not None and self._refused[0] == watched:
            raise NoAnswer(self._refused[1])
        if self._clock() < self._rests_until:
            raise NoAnswer(message("guard.ended"))
        if self._process is not None and self._process.returncode is None and self._open == watched:
            return self._process
        await self._end()
        pipe = asyncio.subprocess.PIPE
        self._process = process = await asyncio.create_subprocess_exec(*self._command, stdin=pipe, stdout=pipe)
        await self._prepared(process, watched)
        return process

    async def _prepared(self, process: asyncio.subprocess.Process, watched: Watched) -> None:
        """Has it open and learn what is watched for."""
        opened = await self._asked(process, OpenRequest(path=str(watched.path)), self._patience.start)
        learned = opened if opened.refused else await self._learned(process, watched, opened.digest)
        if learned.refused is not None:
            self._refused = watched, learned.refused
            await self._end()
            _log.error("prompts aren't compared by %s: %s", watched.path.name, sentence(learned.refused))
            raise NoAnswer(learned.refused)
        self._open = watched
        self._begin_limits()
        _log.info("prompts are compared by %s, in a process of at most %d MB", watched.path, opened.memory // 10**6)

    async def _learned(self, process: asyncio.subprocess.Process, watched: Watched, digest: str) -> GuardReply:
        """Its answer to what is watched for. What was made before isn't made again."""
        key = encoder_key(watched.files, digest)
        examples = tuple(dict.fromkeys(text for each in watched.meanings for text in each.examples))
        known = await asyncio.to_thread(self._known.load, key, examples)
        request = LearnRequest(meanings=watched.meanings, vectors=known)
        learned = await self._asked(process, request, self._patience.start)
        if learned.refused is None and learned.vectors != known:
            await asyncio.to_thread(self._known.save, key, learned.vectors)
        return learned

    async def _asked(self, process: asyncio.subprocess.Process, request: GuardRequest, patience: float) -> GuardReply:
        """Raises OSError, EOFError, TimeoutError, DecodeError where there is no answer."""
        assert process.stdin is not None, "it was started with pipes"
        assert process.stdout is not None, "it was started with pipes"
        frame = frame_of(request)
        if not fits(frame):
            return GuardReply(refused=TOO_MUCH)
        async with asyncio.timeout(patience):
            process.stdin.write(frame)
            await process.stdin.drain()
            length = int.from_bytes(await process.stdout.readexactly(4), "big")
            body = await process.stdout.readexactly(min(length, MAX_FRAME))
            return msgspec.msgpack.decode(body, type=GuardReply)

    async def _ended_by(self, error: Exception) -> None:
        _log.warning("the guard ended: %s", error or type(error).__name__)
        self._ended += 1
        if self._ended >= self._patience.ends:
            self._ended, self._rests_until = 0, self._clock() + self._patience.rest
        await self._end()

    async def _end(self) -> None:
        process, self._process, self._open = self._process, None, None
        if process is None:
            return
        assert process.stdin is not None, "it was started with a pipe"
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        process.stdin.close()
        await reap(process)
