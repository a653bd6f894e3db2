"""What prompts mean, asked of the guard where a sentence encoder lies among the models."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from ...messages import message
from ...moderation.check import ModerationInput
from ...moderation.clauses import MOST, pieces_of
from ...moderation.guarding import GuardProcess, NoAnswer, Watched
from ...moderation.meanings import (
    RULE,
    LookedFor,
    MeaningReader,
    PieceNearness,
    category_scores,
    meanings_of,
    topics_in,
)
from ...moderation.rulebook import Rulebook
from ...moderation.vectors import KnownVectors
from ...words.embedders import EMBEDDER
from ...words.entry import Entry
from ...words.errors import Blocked
from ...words.model_names import matching
from ...words.moderation import EmbeddingSettings, ModerationVerdict, TopicExamples, stricter_of

_log = logging.getLogger(__name__)
_FOLDER = "embedders"
"""Where an encoder is taken from before others."""
_LONG = 2000
"""Characters that are taken to pieces beside others."""
_UNCHECKED = ModerationVerdict(action="block", categories={}, stage="prompt", rule=RULE)


TextPieces = list[list[str]]
"""Of each text, those that are compared."""
RunApart = Callable[[Callable[[], TextPieces], str], Awaitable[TextPieces]]


class _PartlyCompared(NoAnswer):
    """What is there is told; the rest of a long prompt isn't compared."""

    def __init__(self, verdicts: list[ModerationVerdict]) -> None:
        super().__init__(message("guard.too_long"))
        self.verdicts = verdicts


class PromptMeanings:
    """Of one gateway: `files` are those that there are, after `looked` has waited for the first look at them; `apart`
    runs what takes long on a thread, for a client."""

    def __init__(
        self,
        settings: EmbeddingSettings,
        rulebook: Rulebook,
        files: Callable[[], Sequence[Entry]],
        looked: Callable[[], Awaitable[None]],
        cache: Path,
        apart: RunApart,
    ) -> None:
        self.take(settings, rulebook)
        self._apart = apart
        self._files, self._looked, self.guard = files, looked, GuardProcess(KnownVectors(cache))
        self._unanswered: str | None = None

    def take(self, settings: EmbeddingSettings, rulebook: Rulebook) -> None:
        """What the owner says from now on."""
        self._settings, self._rulebook, self._meanings = settings, rulebook, meanings_of(rulebook.topics)

    def watch(self) -> None:
        """Looks which encoder is there. It is opened now, unless nobody's prompts are looked at."""
        if self._rulebook.is_looking or self.guard.runs:
            self.guard.watch(self._watched())

    async def verdicts(self, asked: ModerationInput, wanted: LookedFor, client: str) -> list[ModerationVerdict]:
        """What a prompt's meaning is to be warned of. Raises Blocked, also for what can't be told, if so set."""
        if self._settings.model == "" or (stricter_of(wanted.policy, asked.policy) == "none" and not wanted.topics):
            return []
        try:
            return await self._verdicts(asked, wanted, client)
        except NoAnswer as error:
            self._say_unanswered(error)
            if self._settings.fail == "closed":
                raise Blocked(message("blocked.unchecked", "prompt"), _UNCHECKED) from error
            return error.verdicts if isinstance(error, _PartlyCompared) else []

    async def scores(
        self, texts: Sequence[str], topics: TopicExamples, client: str
    ) -> list[tuple[dict[str, float], set[str]]]:
        """Of each text by category, 0 to 1, and which of the topics it is of; nothing where there is no encoder.

        Raises NoAnswer.
        """
        if self._settings.model == "" or not await self._is_there():
            return [({}, set()) for _ in texts]
        reader, near = await self._near(await self._pieces(texts, client), client)
        return [(category_scores(scores), topics_in(scores, topics)) for scores in map(reader.scores, near)]

    async def stop(self) -> None:
        """Ends what runs."""
        await self.guard.stop()

    async def _verdicts(self, asked: ModerationInput, wanted: LookedFor, client: str) -> list[ModerationVerdict]:
        if not await self._is_there():
            return []
        pieces = await self._pieces([text for _, text in asked.texts], client)
        reader, near = await self._near(pieces, client)
        verdicts = reader.verdicts(asked, wanted, near)
        if any(len(each) > MOST for each in pieces):
            raise _PartlyCompared(verdicts)
        self._unanswered = None
        return verdicts

    async def _near(self, texts: TextPieces, client: str) -> tuple[MeaningReader, list[PieceNearness]]:
        """Of each text, how near its first pieces are to what is looked for, and who reads that."""
        each = [pieces[:MOST] for pieces in texts]
        answer = await self.guard.compare([piece for pieces in each for piece in pieces], client)
        rest, near = list(answer.near), list[PieceNearness]()
        for pieces in each:
            near.append(rest[: len(pieces)])
            rest = rest[len(pieces) :]
        return MeaningReader(self._settings, answer.meanings), near

    async def _pieces(self, texts: Sequence[str], client: str) -> TextPieces:
        def taken() -> TextPieces:
            return [pieces_of(text) for text in texts]

        return await self._apart(taken, client) if sum(map(len, texts)) > _LONG else taken()

    async def _is_there(self) -> bool:
        """Is there an encoder, which the guard has or is about to have? Raises NoAnswer where a named one isn't."""
        await self._looked()
        watched = self._watched()
        if watched is None and self._settings.model is not None:
            raise NoAnswer(message("guard.no_encoder", name=self._settings.model))
        self.guard.watch(watched)
        return watched is not None

    def _watched(self) -> Watched | None:
        entry = None if self._settings.model == "" else self._entry()
        return None if entry is None else Watched(Path(entry.path), entry.files, self._meanings)

    def _entry(self) -> Entry | None:
        """The encoder that is named; else the first of those that are there, in a folder of embedders before others."""
        there = [entry for entry in self._files() if entry.kind == EMBEDDER and entry.problem is None]
        name = self._settings.model
        if name is not None:
            name = matching(name, [entry.name for entry in there]) or name
            return next((entry for entry in there if entry.name == name), None)
        return min(there, key=lambda entry: (_FOLDER not in Path(entry.path).parts, entry.name), default=None)

    def _say_unanswered(self, error: NoAnswer) -> None:
        """Once for each reason."""
        if str(error) != self._unanswered:
            self._unanswered = str(error)
            _log.warning("prompts aren't compared by what they mean: %s", error)
