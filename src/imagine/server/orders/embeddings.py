"""The embeddings that a request's prompts say: found among the files before anything is queued."""

from __future__ import annotations

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
_FIELDS = ("prompt", "neg")


class ChosenEmbeddings(NamedTuple):
    """What words of the prompts stand for."""

    files: dict[str, Entry]
    """By the word."""
    warnings: list[Message]

    @property
    def uses(self) -> tuple[EmbeddingUse, ...]:
        """What a worker is to read."""
        return tuple(
            EmbeddingUse(word=word, component=component_from("adapter", file)) for word, file in self.files.items()
        )

    @property
    def digests(self) -> dict[str, str]:
        """As a recipe has them."""
        return {word: file.digest for word, file in self.files.items()}


async def chosen_embeddings(
    gateway: Gateway, request: GenerateRequest, prompts: tuple[str, str], model: Entry
) -> ChosenEmbeddings:
    """Those that `prompts` say, the negative one behind the other. Of a recipe only its own are words.

    Raises PartNotFound and Unsupported on the field for what is said to be one and isn't, or doesn't fit; ModelChanged.
    """
    search = _Search(gateway, request, model)
    for field, text in zip(_FIELDS, prompts, strict=True):
        for mention in mentions(text, search.names):
            await search.take(field, mention)
    for word in request.embeddings or {}:
        if word.casefold() not in search.taken:
            search.warnings.append(message("embedding.gone", "prompt", name=word[:40]))
    return ChosenEmbeddings(search.chosen, list(dict.fromkeys(search.warnings)))


class _Search:
    """One request's."""

    def __init__(self, gateway: Gateway, request: GenerateRequest, model: Entry) -> None:
        self._gateway, self._model = gateway, model
        self._files = [file for file in gateway.registry.files() if file.kind == EMBEDDING and not file.problem]
        self._recorded = request.embeddings
        self._bare = bare_names(self._files, model)
        self.names = [*(self._bare if self._recorded is None else self._recorded)]
        self.chosen: dict[str, Entry] = {}
        self.taken: set[str] = set()
        self.warnings: list[Message] = []

    async def take(self, field: str, mention: Mention) -> None:
        word = mention.said
        if self._recorded is not None and mention.name is None and mention.by == "<>":
            return  # it was words when the recipe was made
        if word.casefold() in self.taken or (file := await self._file(field, mention)) is None:
            return
        if (why := misfit(file, self._model, field, word)) is not None:
            if mention.by:
                raise Unsupported(why)
            self.warnings.append(message("embedding.words", field, why=why))
            return
        if len(self.chosen) == MOST_EMBEDDINGS:
            raise BadRequest(message("embedding.many", field, most=MOST_EMBEDDINGS))
        self.taken.add(word.casefold())
        self.chosen[word] = file

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
