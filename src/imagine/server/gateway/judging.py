"""What the owner's assistant says of prompts: asked once of each, and never for longer than is set."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from ...messages import message
from ...moderation.check import ModerationInput
from ...moderation.guarding import NoAnswer
from ...moderation.judging import MOST_QUESTIONS, RULE, JudgeQuestion, questions_of, refusal_of_judge
from ...moderation.meanings import LookedFor
from ...pictures.looking.turns import Turns
from ...words.assistant import AUTO
from ...words.errors import Blocked
from ...words.moderation import JudgeSettings, ModerationVerdict, Policy, TopicExamples, stricter_of
from .metrics import Metrics

if TYPE_CHECKING:
    from ...assistant.assistant import Assistant

_log = logging.getLogger(__name__)
MOST_KNOWN = 4096
"""Answers that are remembered, of which the oldest go first."""
_LONG = 2000
"""Characters of a prompt that is read beside others."""
_TO_BE_NAMED = 10.0
"""Seconds for which it is waited what `auto` is, where that was told before; half of what a prompt has, if less."""
_UNCHECKED = ModerationVerdict(action="block", categories={}, stage="prompt", rule=RULE)


class PromptJudge:
    """Of one gateway. Remembers answers by digests of their questions, in memory alone; used from one event loop."""

    def __init__(
        self, settings: JudgeSettings | None, assistant: Callable[[], Assistant | None], metrics: Metrics
    ) -> None:
        self.settings = settings
        self._assistant, self._metrics = assistant, metrics
        self._known: OrderedDict[bytes, str] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[str]] = {}
        self._turns = Turns()
        self._auto = ""
        """What `auto` was, when that was last told."""
        self._naming: asyncio.Task[str] | None = None
        self._unanswered: str | None = None

    async def check(self, asked: ModerationInput, wanted: LookedFor, client: str) -> bool:
        """Has a model answered just now? Raises Blocked, also for what it says nothing of, if so set."""
        policy, settings = stricter_of(wanted.policy, asked.policy), self.settings
        if settings is None:
            return False
        questions = await _questions(asked, policy, wanted.topics)
        if not questions:
            return False
        try:
            async with asyncio.timeout(settings.timeout):
                category, known = await self._refused(questions, settings, client)
        except TimeoutError:
            return self._unanswered_by(NoAnswer(message("assist.slow", seconds=settings.timeout)), settings)
        except NoAnswer as error:
            return self._unanswered_by(error, settings)
        if not known:
            self._unanswered = None
        if category:
            raise refusal_of_judge(category, policy, wanted.topics, pictures=asked.pictures)
        return not known

    async def stop(self) -> None:
        """Ends what is being asked."""
        asking = [*self._asking.values(), *([] if self._naming is None else [self._naming])]
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    async def _refused(self, questions: list[JudgeQuestion], settings: JudgeSettings, client: str) -> tuple[str, bool]:
        """What the first of these is refused for, "" for nothing, and whether that was known. Raises NoAnswer."""
        if len(questions) > MOST_QUESTIONS:
            raise NoAnswer(message("assist.long_prompt"))
        model = await self._model(settings)
        known = True
        for question in questions:
            known = known and question.digest(model) in self._known
            if category := await self._answer(question, model, settings, client):
                return category, known
        return "", known

    async def _model(self, settings: JudgeSettings) -> str:
        """Whose answers count: of `auto` what it is now, or, while its server doesn't say so, what it was. Raises
        NoAnswer.

        Its server is asked to the end, whoever stops waiting: so it is noticed that it isn't there.
        """
        assistant = self._assistant()
        if settings.model != AUTO or assistant is None:
            return settings.model
        from ...assistant.trouble import AssistantTrouble

        if self._naming is None or self._naming.done():
            self._naming = asyncio.create_task(assistant.understands())
            self._naming.add_done_callback(lambda task: task.cancelled() or task.exception())
        try:
            async with asyncio.timeout(min(_TO_BE_NAMED, settings.timeout / 2) if self._auto else None):
                self._auto = await asyncio.shield(self._naming)
        except TimeoutError:
            return self._auto
        except AssistantTrouble as trouble:
            if not self._auto:
                self._metrics.assisted("judge", 0.0, "failed")
                raise NoAnswer(trouble.note, answered=not trouble.away) from trouble
        return self._auto

    async def _answer(self, question: JudgeQuestion, model: str, settings: JudgeSettings, client: str) -> str:
        """What is known, or what comes of asking, for all who ask the same now. Raises NoAnswer."""
        key = question.digest(model)
        if key in self._known:
            self._known.move_to_end(key)
            self._metrics.assisted("judge", 0.0, "known")
            return self._known[key]
        if key not in self._asking:
            self._asking[key] = asyncio.create_task(self._asked(question, model, settings, client))
            self._asking[key].add_done_callback(lambda task: self._ended(key, task))
        return await asyncio.shield(self._asking[key])

    def _ended(self, key: bytes, task: asyncio.Task[str]) -> None:
        del self._asking[key]
        if task.cancelled() or task.exception() is not None:
            return
        self._known[key] = task.result()
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

    async def _asked(self, question: JudgeQuestion, model: str, settings: JudgeSettings, client: str) -> str:
        """A model's answer: one question at a time, clients in turn. Raises NoAnswer."""
        if (assistant := self._assistant()) is None:
            raise NoAnswer(message("assist.absent"))
        from ...assistant.question import ModelQuestion
        from ...assistant.trouble import AssistantTrouble

        def accept(said: Mapping[str, object]) -> None:
            try:
                question.refused_by(said)
            except ValueError as error:
                raise AssistantTrouble(message("assist.no_verdict"), "otherwise") from error

        told = ModelQuestion("verdict", model, question.instruction, question.text, question.schema, accept=accept)
        try:
            async with AsyncExitStack() as turn:
                async with asyncio.timeout(settings.timeout):
                    await turn.enter_async_context(self._turns.turn(client))
                return question.refused_by(await assistant.judge(told, settings.timeout))
        except TimeoutError as error:
            raise NoAnswer(message("assist.slow", seconds=settings.timeout)) from error
        except AssistantTrouble as trouble:
            raise NoAnswer(trouble.note, answered=not trouble.away) from trouble

    def _unanswered_by(self, error: NoAnswer, settings: JudgeSettings) -> bool:
        """As `check` of what nothing is said of."""
        self._say_unanswered(error)
        if settings.fail == "closed":
            raise Blocked(message("blocked.unchecked", "prompt"), _UNCHECKED) from error
        return error.answered

    def _say_unanswered(self, error: NoAnswer) -> None:
        """Once for each reason."""
        if str(error) != self._unanswered:
            self._unanswered = str(error)
            _log.warning("the assistant says nothing of prompts: %s", error)


async def _questions(asked: ModerationInput, policy: Policy, topics: TopicExamples) -> list[JudgeQuestion]:
    """As `questions_of`. Long prompts are taken apart on a thread, since others wait for this one."""
    if len(asked.final_prompt) + len(asked.prompt) <= _LONG:
        return questions_of(asked, policy, topics)
    return await asyncio.to_thread(questions_of, asked, policy, topics)
