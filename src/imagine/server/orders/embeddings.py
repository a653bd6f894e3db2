"""The embeddings that a request's prompts say: found among the files before anything is queued."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...asking.embeddings import bare_names, misfit
from ...asking.names import MOST_EMBEDDINGS
from ...asking.request import GenerateRequest
from ...messages import Message, message
from ...words.embedding_words import Mention, mentions
from ...words.entry import Entry
from ...words.errors import BadRequest, Unsupported
from ...words.model import EmbeddingUse
from ...words.model_names import similar
from ..gateway.gateway import Gateway, component_from

EMBEDDING = "embedding"
_FIELDS = ("prompt", "neg", "hires.prompt", "hires.neg")


class ChosenEmbedding(NamedTuple):
    """What a word stands for: a file, or what lies in a LoRA's by a name."""

    file: Entry
    bundled: str = ""


class ChosenEmbeddings(NamedTuple):
    """What words of the prompts stand for."""

    found: dict[str, ChosenEmbedding]
    """By the word."""
    warnings: list[Message]

    @property
    def uses(self) -> tuple[EmbeddingUse, ...]:
        """What a worker is to read."""
        return tuple(
            EmbeddingUse(word=word, component=component_from("adapter", one.file), bundled=one.bundled)
            for word, one in self.found.items()
        )

    @property
    def digests(self) -> dict[str, str]:
        """As a recipe has them."""
        return {word: one.file.digest for word, one in self.found.items()}


async def chosen_embeddings(
    gateway: Gateway, request: GenerateRequest, prompts: Sequence[str], model: Entry, loras: Sequence[Entry]
) -> ChosenEmbeddings:
    """Those that `prompts` say, in the order of `_FIELDS`, also of those that lie in the files of the picture's
    `loras`. Of a recipe only its own are words.

    Raises PartNotFound and Unsupported on the field for what is said to be one and isn't, or doesn't fit; ModelChanged.
    """
    search = _Search(gateway, request, model, loras)
    for field, text in zip(_FIELDS, prompts, strict=True):
        for mention in mentions(text, search.names):
            await search.take(field, mention)
    for word in request.embeddings or {}:
        if word.casefold() not in search.taken:
            search.warnings.append(message("embedding.gone", "prompt", name=word[:40]))
    search.warnings += _unsaid(loras, search.taken)
    return ChosenEmbeddings(search.chosen, list(dict.fromkeys(search.warnings)))


def _unsaid(loras: Sequence[Entry], taken: set[str]) -> list[Message]:
    """Of LoRAs that bring embeddings along none of which a prompt says."""
    silent = [file for file in loras if file.bundled and taken.isdisjoint(word.casefold() for word in file.bundled)]
    return [message("lora.embeddings", "loras", name=file.name, names=", ".join(file.bundled)) for file in silent]


class _Search:
    """One request's."""

    def __init__(self, gateway: Gateway, request: GenerateRequest, model: Entry, loras: Sequence[Entry]) -> None:
        self._gateway, self._model = gateway, model
        self._files = [file for file in gateway.registry.files() if file.kind == EMBEDDING and not file.problem]
        self._recorded = request.embeddings
        self._bare = bare_names(self._files, model)
        self._bundled = {word.casefold(): ChosenEmbedding(file, word) for file in loras for word in file.bundled}
        bundled = [one.bundled for one in self._bundled.values()]
        self.names = [*bundled, *self._bare] if self._recorded is None else [*self._recorded]
        self.chosen: dict[str, ChosenEmbedding] = {}
        self.taken: set[str] = set()
        self.warnings: list[Message] = []

    async def take(self, field: str, mention: Mention) -> None:
        word = mention.said
        if self._recorded is not None and mention.name is None and mention.by == "<>":
            return  # it was words when the recipe was made
        if word.casefold() in self.taken:
            return
        found = self._beside(mention)
        if found is None:
            file = await self._file(field, mention)
            found = None if file is None else ChosenEmbedding(file)
        if found is None:
            return
        if not found.bundled and (why := misfit(found.file, self._model, field, word)) is not None:
            if mention.by:
                raise Unsupported(why)
            self.warnings.append(message("embedding.words", field, why=why))
            return
        if len(self.chosen) == MOST_EMBEDDINGS:
            raise BadRequest(message("embedding.many", field, most=MOST_EMBEDDINGS))
        self.taken.add(word.casefold())
        self.chosen[word] = found

    def _beside(self, mention: Mention) -> ChosenEmbedding | None:
        """What a mention means of what the LoRAs bring along.

        Of a recipe's words it is what lies in the file that the recipe says, or in the one that has its place by now.
        """
        found = self._bundled.get((mention.name or mention.said).casefold())
        if found is None or self._recorded is None:
            return found
        digest = self._recorded.get(mention.name or "")
        own = digest is not None and (found.file.digest.startswith(digest) or mention.name not in self._bare)
        return found if own else None

    async def _file(self, field: str, mention: Mention) -> Entry | None:
        """The file that a mention means, with its digest; None, and a warning, for what may be words."""
        if self._recorded is not None and mention.name is not None:
            digest = self._recorded[mention.name]
            file = await self._gateway.named(field, self._listed(mention.name), EMBEDDING, digest)
            if not file.digest.startswith(digest):
                self.warnings.append(message("part.another", field, name=file.name, digest=digest[:12]))
            return file
        if mention.name is not None:
            return await self._gateway.part(self._bare[mention.name].name, EMBEDDING)
        if mention.by == "<>" and mention.said not in self._bare:
            names = similar(mention.said, [file.name for file in self._files])
            code = "embedding.none_near" if names else "embedding.none"
            more = {"names": ", ".join(names)} if names else {}
            self.warnings.append(message(code, field, name=mention.said[:40], **more))
            return None
        return await self._gateway.named(field, self._listed(mention.said), EMBEDDING, None)

    def _listed(self, word: str) -> str:
        """The name in the list of what a word alone says."""
        return self._bare[word].name if word in self._bare else word
