"""One server of language models, whichever dialect it speaks: asked in a few ways until there is an answer, or why not.

Three tries: what can pass is waited for, longer each time and never for as long as others; what is answered wrongly is
asked otherwise. Who hasn't answered lately is left alone (`breaker`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from ..messages import message
from ..words.assistant import AssistantSettings
from .address import LookUp, look_up
from .answers import object_in
from .breaker import Breaker
from .connection import Answer, AssistantConnection, check
from .dialects import OLLAMA, OPENAI, ChatDialect, written_in
from .models import Chosen, chosen_of, of_ollama, of_openai
from .question import Manner, ModelQuestion
from .trouble import AssistantTrouble
from .unloading import BY_OLLAMA, BY_OTHERS, LoadedNames, WayToUnload

TRIES = 3
FRESH = 300.0
"""Seconds for which it is taken for granted which models there are."""
_SHORT = 10.0
"""Seconds for what a server answers at once."""
_TO_BE_GONE = 10.0
_BETWEEN_LOOKS = 0.25
T = TypeVar("T")
_log = logging.getLogger("imagine.assistant")

Sleep = Callable[[float], Awaitable[None]]


class ModelServer:
    """The one of these settings. Used from one event loop. Clock, waiting and chance are arguments, for tests."""

    def __init__(
        self, settings: AssistantSettings, *, clock: Callable[[], float], sleep: Sleep = asyncio.sleep,
        chance: Callable[[], float], find: LookUp = look_up,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._clock, self._sleep, self._chance = clock, sleep, chance
        self._connection = AssistantConnection(settings, find)
        self._breaker = Breaker(clock)
        self._dialect: ChatDialect | None = None
        self._known: tuple[float, Chosen] | None = None
        self._used: set[str] = set()

    async def close(self) -> None:
        """Lets the connection go."""
        await self._connection.close()

    def is_here(self) -> bool:
        """Is it on this very machine, as far as it was found?"""
        return self._connection.is_here()

    async def models(self) -> Chosen:
        """What looks and what understands. Raises AssistantTrouble."""
        if self._known is None or self._clock() - self._known[0] > FRESH:
            self._known = (self._clock(), await self._guarded(self._listed, 2 * self._settings.timeout))
        return self._known[1]

    async def ask(self, asked: ModelQuestion, seconds: float) -> dict[str, Any]:
        """The object that answers, within so many seconds for all tries. Raises AssistantTrouble for none."""
        self._used.add(asked.model)
        return await self._guarded(lambda: self._tried(asked), seconds)

    async def unload(self) -> bool:
        """Has the server let the models go that were asked here, and waits until they are; False where one stays.

        A server that can't let them go keeps them, which is as its owner has it.
        """
        if not self._used:
            return True
        for way in (BY_OLLAMA,) if await self._spoken() is OLLAMA else BY_OTHERS:
            if (loaded := await self._loaded(way)) is not None:
                return await self._let_go(way, loaded)
        return True

    async def _let_go(self, way: WayToUnload, loaded: LoadedNames) -> bool:
        going = {known_as for name, known_as in loaded if name in self._used}
        for known_as in going:
            await self._connection.post(self._url(way.path), way.body(known_as), _SHORT)
        looks = int(_TO_BE_GONE / _BETWEEN_LOOKS)
        for _ in range(looks):
            there = await self._loaded(way)
            if there is not None and going.isdisjoint(known_as for _, known_as in there):
                self._used.clear()
                return True
            await self._sleep(_BETWEEN_LOOKS)
        return False

    async def _loaded(self, way: WayToUnload) -> LoadedNames | None:
        answer = await self._connection.get(self._url(way.listing), _SHORT)
        return way.loaded(answer.json()) if answer.status == 200 else None

    async def _guarded(self, work: Callable[[], Awaitable[T]], seconds: float) -> T:
        """What `work` comes to, unless nobody answered lately. Raises AssistantTrouble."""
        self._breaker.check()
        try:
            async with asyncio.timeout(seconds):
                found = await work()
        except AssistantTrouble as trouble:
            if trouble.away:
                self._breaker.failed(trouble.note)
            else:
                self._breaker.answered()
            raise
        except TimeoutError as error:
            slow = AssistantTrouble(message("assist.slow", seconds=round(seconds, 1)), away=True)
            self._breaker.failed(slow.note)
            raise slow from error
        except BaseException:
            self._breaker.left_open()
            raise
        self._breaker.answered()
        return found

    async def _tried(self, asked: ModelQuestion) -> dict[str, Any]:
        manner = Manner(room=asked.room)
        for attempt in range(TRIES):
            try:
                return await self._once(asked, manner)
            except AssistantTrouble as trouble:
                _log.debug("%s: try %d: %s", asked.name, attempt + 1, trouble)
                useless = not trouble.remedy or (trouble.remedy == "less" and not manner.strict)
                if useless or attempt == TRIES - 1:
                    raise
                manner = manner.after(trouble.remedy)
                if trouble.away:
                    await self._sleep(2**attempt * (0.5 + self._chance()))
        raise AssertionError("the last try ends it")

    async def _once(self, asked: ModelQuestion, manner: Manner) -> dict[str, Any]:
        dialect = await self._spoken()
        body = dialect.body(asked, manner)
        answer = await self._connection.post(self._url(dialect.path), body, self._settings.timeout)
        if answer.status == 404:  # the model may have gone: look again
            self._known = None
        check(answer)
        written = written_in(answer.body)
        _log.debug("%s: ended %s: %s", asked.name, written.ended or "-", written.text[:4000])
        try:
            found = _as_asked(object_in(written.text), asked.schema)
            asked.accept(found)
        except AssistantTrouble as trouble:
            if written.ended == "length":
                raise AssistantTrouble(message("assist.cut"), "room") from trouble
            raise
        return found

    async def _listed(self) -> Chosen:
        settings = self._settings
        dialect = await self._spoken()

        async def get(path: str) -> Answer:
            answer = await self._connection.get(self._url(path), min(_SHORT, settings.timeout))
            if path in ("/api/tags", "/v1/models"):
                check(answer)
            return answer

        async def post(path: str, body: Mapping[str, Any]) -> Answer:
            return await self._connection.post(self._url(path), body, min(_SHORT, settings.timeout))

        listed = await (of_ollama(get, post) if dialect is OLLAMA else of_openai(get))
        return chosen_of(listed, settings)

    async def _spoken(self) -> ChatDialect:
        """The dialect of the settings, or the one that the server turns out to speak."""
        if self._dialect is None:
            said = self._settings.dialect
            if said == "auto" and not self._settings.url.endswith("/v1"):
                seconds = min(_SHORT, self._settings.timeout)
                version = await self._connection.get(self._url("/api/version"), seconds)
                is_ollama = version.status == 200 and isinstance(version.json().get("version"), str)
                said = "ollama" if is_ollama else "openai"
            self._dialect = OLLAMA if said == "ollama" else OPENAI
        return self._dialect

    def _url(self, path: str) -> str:
        """Of a path as the servers have it; what the settings say of it is its beginning."""
        parts = urlsplit(self._settings.url)
        base = parts.path.removesuffix("/v1").removesuffix("/api").rstrip("/")
        return urlunsplit((parts.scheme, parts.netloc, base + path, "", ""))


def _as_asked(found: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """It, where it has something of what was asked for. Raises AssistantTrouble for another object."""
    fields = {str(name).lower() for name in schema["properties"]}
    named = {str(name).strip().lower(): value for name, value in found.items()}
    if fields & named.keys():
        return named
    inner = [value for value in found.values() if isinstance(value, dict) and fields & value.keys()]
    if inner:
        return dict(inner[0])
    raise AssistantTrouble(message("assist.other_json"), "otherwise")
