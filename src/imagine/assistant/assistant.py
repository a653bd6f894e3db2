"""The assistant as a whole: it looks at a picture, understands a wish, and always has a plan, however poor.

Who looks: the owner's own words, else a model that sees, else what is measured from the pixels. Who understands: a
model, else nobody, and then the wish is the prompt. Each step down is said in a warning.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from ..messages import Message, message
from ..words.assistant import AssistantSettings
from .answers import words
from .client import ModelServer
from .description import SCHEMA, VERSION, PictureDescription, schema_of, seen_from
from .models import Chosen
from .plan import AssistPlan, PlanTerms, check_said, plan_from, schema_for, told, unplanned
from .question import ModelQuestion
from .seen_cache import SeenCache
from .trouble import AssistantTrouble

SIDE = 1024
"""Pixels of the longest side of what is shown."""
LONGEST = 4000
"""Characters of a wish, and of a description, that are told."""
_DATA = Path(__file__).parent / "data"
_UNTIL_UNDERSTOOD = 60.0
"""Seconds that a model stays between looking and understanding, where it does both."""
_log = logging.getLogger("imagine.assistant")

Turn = Callable[[str], AbstractAsyncContextManager[None]]
"""Waits for a client's turn."""
Observe = Callable[[str, float, str], None]
"""Told of each stage: its name, its seconds, how it ended."""


class WishedPicture(NamedTuple):
    """A picture as it may be sent: a JPEG without anything that its file said, and what was measured of it."""

    jpeg: bytes
    width: int
    height: int
    """Of the picture itself, in pixels."""
    colours: tuple[str, ...] = ()

    def measured(self) -> str:
        """All that is known of it without anybody who sees."""
        shape = "square" if self.width == self.height else "landscape" if self.width > self.height else "portrait"
        colours = f"; main colours: {', '.join(self.colours)}" if self.colours else ""
        return f"{shape} picture of {self.width}x{self.height} pixels{colours}"


class Wish(NamedTuple):
    """What somebody wants, and of which picture, if any."""

    wish: str
    terms: PlanTerms
    picture: WishedPicture | None = None
    description: str = ""
    """What the picture shows, in somebody's own words: then nobody looks."""
    client: str = ""


class Planned(NamedTuple):
    """A plan, and what is to be said of how it came about."""

    plan: AssistPlan
    warnings: tuple[Message, ...] = ()
    failed: Message | None = None
    """Why nobody understood the wish, where that is so."""


def planned_by_nobody(wished: Wish, why: Message, description: str = "") -> Planned:
    """The plan where nobody understands: the wish as it is."""
    description = description or words(wished.description, LONGEST)
    if wished.picture is not None and not description:
        description = wished.picture.measured()
    plan = msgspec.structs.replace(unplanned(wished.wish, wished.terms), description=description)
    return Planned(plan, (message("assist.unplanned", "prompt", why=why),), why)


class Assistant:
    """One gateway's. Used from one event loop."""

    def __init__(
        self, settings: AssistantSettings, state: Path, *, server: ModelServer | None = None,
        turn: Turn, observe: Observe = lambda *_: None, clock: Callable[[], float] = time.monotonic,
        cache: SeenCache | None = None,
    ) -> None:  # fmt: skip
        self.settings = settings
        self._server = server or ModelServer(settings, clock=clock, chance=random.random)
        self._cache = cache or SeenCache(state / "assistant.sqlite")
        self._observe = observe
        self._clock = clock
        self._turn = turn
        self._remembering = ThreadPoolExecutor(max_workers=1, thread_name_prefix="remembering")

    async def close(self) -> None:
        """Lets go of its server and its file."""
        await self._server.close()
        await asyncio.get_running_loop().run_in_executor(self._remembering, self._cache.close)
        self._remembering.shutdown(wait=False)

    async def plan(self, wished: Wish) -> Planned:
        """A plan in any case. One at a time, clients in turn: a model that looks then also understands."""
        async with self._turn(wished.client):
            started = self._clock()
            planned = await self._planned(wished)
            self._observe("plan", self._clock() - started, "failed" if planned.failed else "done")
            _log.debug("plan: %s", msgspec.to_builtins(planned.plan))
            return planned

    async def describe(self, picture: WishedPicture) -> PictureDescription:
        """What a model sees in it, now or once before. Raises AssistantTrouble."""
        until = asyncio.get_running_loop().time() + 2 * self.settings.timeout
        return await self._look(picture, await self._server.models(), until)

    async def judge(self, asked: ModelQuestion, seconds: float) -> dict[str, object]:
        """The answer to a question about a prompt; it waits for no plan. Raises AssistantTrouble."""
        until = asyncio.get_running_loop().time() + seconds
        return await self._asked("judge", asked._replace(keep_alive=self.settings.keep_alive), until)

    async def understands(self) -> str:
        """The name of the model that understands wishes. Raises AssistantTrouble."""
        return (await self._server.models()).text

    async def make_room(self) -> bool:
        """Has the models go that were asked, and waits until they have; False where they stay."""
        started = self._clock()
        try:
            gone = await self._server.unload()
        except AssistantTrouble as trouble:
            _log.warning("the assistant's models can't be unloaded: %s", trouble)
            gone = False
        self._observe("unload", self._clock() - started, "done" if gone else "failed")
        return gone

    def is_here(self) -> bool:
        """Is its server on this machine, whose card both then share? It isn't while nobody has found it."""
        return self._server.is_here()

    async def _planned(self, wished: Wish) -> Planned:
        until = asyncio.get_running_loop().time() + 2 * self.settings.timeout
        warnings: list[Message] = []
        seen, description = None, words(wished.description, LONGEST)
        try:
            models = await self._server.models()
        except AssistantTrouble as trouble:
            return planned_by_nobody(wished, trouble.note)
        if wished.picture is not None and not description:
            try:
                seen = await self._look(wished.picture, models, until)
                description = seen.in_words()
            except AssistantTrouble as trouble:
                if trouble.away:
                    return planned_by_nobody(wished, trouble.note)
                warnings.append(message("assist.unseen", "img", why=trouble.note))
                description = wished.picture.measured()
        try:
            plan, notes = await self._understand(wished, description, seen, models, until)
        except AssistantTrouble as trouble:
            planned = planned_by_nobody(wished, trouble.note, description)
            return planned._replace(warnings=(*warnings, *planned.warnings))
        return Planned(msgspec.structs.replace(plan, description=description), (*warnings, *notes))

    async def _look(self, picture: WishedPicture, models: Chosen, until: float) -> PictureDescription:
        """What a model sees, now or once before. Raises AssistantTrouble."""
        if not models.vision:
            raise AssistantTrouble(message("assist.no_vision"))
        pixels = hashlib.sha256(picture.jpeg).hexdigest()
        key = "/".join((pixels, models.vision, models.vision_digest, str(VERSION)))
        if (known := await self._apart(lambda: self._cache.get(key))) is not None:
            self._observe("look", 0.0, "known")
            return known
        keep_alive = _UNTIL_UNDERSTOOD if models.vision == models.text else self.settings.keep_alive
        asked = ModelQuestion(
            "description", models.vision, _text("see"), "What is in this picture?", SCHEMA, picture.jpeg, keep_alive
        )
        seen = seen_from(await self._asked("look", asked, until))
        if missing := seen.missing():
            again = asked._replace(
                instruction=_text("missing"), schema=schema_of(missing), text=f"Say: {', '.join(missing)}."
            )
            seen = await self._completed(seen, again, until)
        if not seen.in_words():
            raise AssistantTrouble(message("assist.nothing_seen"))
        await self._apart(lambda: self._cache.put(key, seen))
        return seen

    async def _completed(self, seen: PictureDescription, again: ModelQuestion, until: float) -> PictureDescription:
        """With what one question more brings; what is empty then stays so."""
        try:
            return seen.filled(seen_from(await self._asked("look again", again, until)))
        except AssistantTrouble as trouble:
            if trouble.away:
                raise
            return seen

    async def _understand(
        self, wished: Wish, description: str, seen: PictureDescription | None, models: Chosen, until: float
    ) -> tuple[AssistPlan, list[Message]]:
        """Raises AssistantTrouble where nobody does."""
        asked = ModelQuestion(
            "plan", models.text, _text("understand"), told(words(wished.wish, LONGEST), description, wished.terms),
            schema_for(wished.terms), keep_alive=self.settings.keep_alive, accept=check_said,
        )  # fmt: skip
        return plan_from(await self._asked("understand", asked, until), wished.terms, seen)

    async def _asked(self, stage: str, asked: ModelQuestion, until: float) -> dict[str, object]:
        _log.debug("%s: %s is asked: %s\n%s", stage, asked.model, asked.instruction, asked.text)
        started = self._clock()
        outcome = "failed"
        try:
            said = await self._server.ask(asked, max(0.0, until - asyncio.get_running_loop().time()))
            outcome = "done"
        finally:
            seconds = self._clock() - started
            self._observe(stage, seconds, outcome)
            _log.debug("%s: %s after %.3f s", stage, outcome, seconds)
        return said

    async def _apart(self, work: Callable[[], PictureDescription | None]) -> PictureDescription | None:
        return await asyncio.get_running_loop().run_in_executor(self._remembering, work)


@cache
def _text(name: str) -> str:
    return (_DATA / f"{name}.txt").read_text(encoding="utf-8").strip()
