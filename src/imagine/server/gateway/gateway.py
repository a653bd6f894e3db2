"""What every handler shares: the settings, the models, the workers, and what was used last."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import msgspec

from ...asking.aliases import called_elsewhere
from ...asking.model_choice import choose_model, default_model
from ...asking.named_models import defaults_from
from ...asking.request import GenerateRequest
from ...asking.resolve import NO_DEFAULTS, Defaults, stated_by
from ...dispatch.pool import Pool
from ...dispatch.worker import Worker
from ...fairness.allowance import Allowance
from ...fairness.clients import key_of_client
from ...families.table import facts_of
from ...files.folders import make_own, sweep
from ...files.shipped import models
from ...messages import Message, message, sentence
from ...moderation.log import VerdictLog
from ...moderation.rulebook import Rulebook
from ...pictures.images import decode_base64
from ...pictures.looking.decoder import AS_IT_IS, Decoder, Looked
from ...pictures.looking.look import Copy, MaskReading
from ...pictures.looking.turns import Turns
from ...registry.identify import CHECKPOINT
from ...registry.registry import Registry
from ...registry.usable import use_of
from ...settings.preset_files import presets_of
from ...settings.settings import Settings
from ...settings.values import ModelSettings
from ...words.entry import Entry
from ...words.errors import ImagineError, ModelNotFound, UnusableModel
from ...words.frames import Submit
from ...words.model import Component, Model, Role, WeightsFormat
from ...words.model_names import matching
from ...words.moderation import ModerationVerdict
from ...words.upscalers import UPSCALER, UPSCALERS
from .assisting import assistant_of
from .check_again import check_again
from .checkers import find_checker, missing_checker
from .counting import TokenCounter
from .devices import HeldModel, held_on
from .digests import Digests
from .judging import PromptJudge
from .meanings import PromptMeanings
from .metrics import Metrics
from .named import ANY, FilesHere, NextTo, named
from .own_worker import ALL, bring_others, own_workers
from .parts import absent, absent_lora, named_in, parts_of
from .scoring import Scoring
from .signing import Signing
from .storage import PictureStore

T = TypeVar("T")
_log = logging.getLogger(__name__)
_LARGE = 2**16
"""Bytes of a body from which reading it would hold up everybody else."""
_FRESH = 2.0
"""Seconds for which what was seen of the folders is taken for granted."""
_REMEMBERED = 32
_MADE_ELSEWHERE = "workers"
"""Who counts as the client of pictures that come from other machines."""
NO_PARTS: Mapping[Role, Entry] = {}
_UNSAID = GenerateRequest(prompt="")


class Gateway:
    """One server's state. Used from one event loop; `workers` replaces the process of its own that it would start."""

    def __init__(
        self,
        settings: Settings,
        *,
        workers: Sequence[Worker] | None = None,
        registry: Registry | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.registry = registry or registry_from(settings)
        self.digests = Digests(self.registry)
        self.server = secrets.token_hex(16)
        """What it tells itself from other servers by."""
        self.pool = Pool(
            [*(workers or own_workers(settings)), *self._peers()],
            max_queue=settings.max_queue,
            most_at_once=self._most_at_once,
        )
        self.scoring = Scoring(self.pool.models, settings.max_queue)
        self.metrics = Metrics(self.pool)
        self.allowance = Allowance()
        self.rulebook = rulebook_from(settings)
        self._verdicts = VerdictLog(settings.moderation.log)
        self.stored = pictures_from(settings)
        self.presets = presets_of(settings)
        self.presets.check()
        self.stopping = False
        self.clock = clock
        kept = settings.home / "cache" / "meanings.msgpack"
        self.meanings = PromptMeanings(
            settings.moderation.embeddings, self.rulebook, self.registry.files, self._looked, kept, self.apart
        )
        self._parts = FilesHere(self.registry.files, self.part)
        self._recent: list[str] = []
        self._looked_at = float("-inf")
        self._checked = False
        self._looking: asyncio.Task[None] | None = None
        self._preloading: asyncio.Task[None] | None = None
        self._growing: asyncio.Task[None] | None = None
        self.decoder = Decoder()
        self.counter = TokenCounter()
        self.signing = Signing(settings, self.decoder)
        self.assistant = assistant_of(settings, self.metrics)
        self.judge = PromptJudge(settings.moderation.assistant, lambda: self.assistant, self.metrics)
        self._turns = Turns()
        self._reading = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reading")

    async def start(self) -> None:
        """Begins to bring the workers up and to look for models; returns before either is done."""
        await self.pool.start()
        if self.settings.device == ALL:
            self._growing = asyncio.create_task(bring_others(self.settings, self.pool))
        self.stored.start()
        self._look()
        if self.settings.preload:
            self._preloading = asyncio.create_task(self._preload(self.settings.preload))

    def reload(self, settings: Settings) -> list[str]:
        """Takes over what can change while it runs; the names of the settings that differ and can't.

        Raises ImagineError for preset files that can't be used; nothing has changed then.
        """
        taken, fixed = self.settings.reloaded(settings)
        presets = presets_of(taken)
        presets.check()
        self.settings, self.presets = taken, presets
        self.rulebook = rulebook_from(taken)
        self.meanings.take(taken.moderation.embeddings, self.rulebook)
        self.judge.settings = taken.moderation.assistant
        self._verdicts = VerdictLog(taken.moderation.log)
        self._checked, self._looked_at = False, float("-inf")
        self._look()
        return fixed

    async def stop(self, grace: float) -> None:
        """Refuses new work; what runs has `grace` seconds."""
        self.stopping = True
        for beside in (self._preloading, self._growing):
            if beside is not None:
                beside.cancel()
        await self.pool.stop(grace)
        await self.digests.stop()
        if self._looking is not None:
            await asyncio.wait([self._looking])
        self.stored.stop()
        await self.decoder.stop()
        await self.counter.stop()
        await self.meanings.stop()
        await self.judge.stop()
        if self.assistant is not None:
            await self.assistant.close()
        self._reading.shutdown(wait=False, cancel_futures=True)

    async def apart(self, work: Callable[[], T], client: str = "") -> T:
        """What `work` returns or raises, run on a thread, one such work at a time and clients in turn: large bodies."""
        async with self._turns.turn(client):
            return await asyncio.get_running_loop().run_in_executor(self._reading, work)

    async def read(self, body: bytes, meaning: Callable[[bytes], T], client: str) -> T:
        """What `meaning` makes of a request's body, or raises: a large one `apart`."""
        return meaning(body) if len(body) < _LARGE else await self.apart(lambda: meaning(body), client)

    async def look(
        self, client: str, text: str, field: str, *, copy: Copy | None = None, largest: int = 0, reduced: bool = False,
        reading: MaskReading = AS_IT_IS,
    ) -> tuple[bytes, Looked]:  # fmt: skip
        """The bytes of a picture in base64, and what is known of it, as `Decoder.look`. Raises BadPicture."""
        data = await self.apart(lambda: decode_base64(text, field=field), client)
        return data, await self.decoder.look(
            data, field, client, copy=copy, largest=largest, reduced=reduced, reading=reading
        )

    def note_verdict(
        self, verdict: ModerationVerdict, client: str, prompt: str | None = None, *, key: str | None = None
    ) -> None:
        """Counts what moderation decided other than "allow", and writes it down: the prompt only with `debug`."""
        self.metrics.judged(verdict)
        self._verdicts.write(verdict, client, prompt if self.settings.debug else None, key=key)

    def missing_checker(self) -> Message | None:
        """Why pictures that are to be looked at can't be, None where they can: as the folders were at the last look."""
        return missing_checker(self.registry, self.rulebook)

    async def entries(self) -> list[Entry]:
        """Every file there is, as of now, and then what only other servers have."""
        await self._look_if_changed()
        return [*self._completed(self.registry.files()), *self.registry.elsewhere()]

    async def choose(self, name: str | None) -> Entry:
        """The model that a request gets; `name` may be an alias. Raises ModelNotFound, UnusableModel, BadRequest."""
        return await self._as_it_is(lambda: self._choose(name))

    async def to_draw(self, name: str | None) -> Entry:
        """As `choose`, with the digest of its content, which takes a moment the first time. Raises ModelChanged too."""
        return await self.digests.known(await self.choose(name))

    async def part(self, name: str, kind: str) -> Entry:
        """A file to be used beside a model, as `to_draw`. Raises ModelNotFound, UnusableModel, ModelChanged."""
        file = await self._as_it_is(lambda: self.registry.find_alike(name, kind=kind))
        if file.is_named:
            raise UnusableModel(message("made.no_part", "model", value=file.name, base=file.made.base[:80]))
        return await self.digests.known(file)

    async def checker(self, named: str | None) -> Entry:
        """What looks at pictures, as `part`; None is what ships."""
        return await self.digests.known(await self._as_it_is(lambda: find_checker(self.registry, named)))

    async def upscaler(
        self, field: str, name: str, digest: str | None = None, without: Sequence[str] = UPSCALERS
    ) -> Entry | None:
        """As `named`, of an upscaler; None for one of those that there are `without` a file."""
        if name in without:
            return None
        return await named(field, name, UPSCALER, digest, self._parts, without)

    async def named(self, field: str, name: str, kind: str, digest: str | None, beside: NextTo = ANY) -> Entry:
        """As `part`, of a field of a request and what its recipe knows the file by.

        Raises PartNotFound on the field, which names the nearest of those that can go `beside` the model, or
        BadRequest.
        """
        return await named(field, name, kind, digest, self._parts, beside=beside)

    async def one_of(self, names: Sequence[str], kind: str, digest: str | None) -> Entry | None:
        """As `part`, of several that would do: the one of the digest, else the first; None for none."""
        for name in names if digest else ():
            if (known := await self.part(name, kind)).digest.startswith(digest or ""):
                return known
        return await self.part(names[0], kind) if names else None

    async def to_load(self, name: str | None) -> Model:
        """The model of that name, as `configured`; of a named one what draws it."""
        entry = await self.choose(name)
        base = await self.digests.known(self.registry.base_of(entry))
        return self.model_of(base, await parts_of(base, _UNSAID, self.defaults_of(entry), self._parts))

    async def configured(self, entry: Entry) -> Model:
        """The model as a request that says no more draws with it: with its own VAE file, where it has one."""
        return self.model_of(entry, await self.parts_of(entry, _UNSAID))

    async def parts_of(self, entry: Entry, request: GenerateRequest) -> dict[Role, Entry]:
        """The files that a request uses beside the model's own, as `parts.parts_of`."""
        return await parts_of(entry, request, self.defaults_of(entry), self._parts)

    async def aliases(self) -> dict[str, Entry]:
        """The aliases that lists can show, each with the model that it means now; those that lead nowhere left out."""
        await self._look_if_changed()
        resolved = {}
        for name in self.settings.aliases.names():
            with contextlib.suppress(ImagineError):
                entry = self._choose(name)
                if entry.name != name:
                    resolved[name] = entry
        return resolved

    def defaults_of(self, entry: Entry, *, asked: Defaults = NO_DEFAULTS, usual: Defaults = NO_DEFAULTS) -> Defaults:
        """What a request that doesn't say it gets on this model: what is said of it wins over what is said of all.

        `asked` is what goes with what the request names beside the model, and wins over what is said of the model
        alone; `usual` goes with what the configuration names beside it, and wins over what its file says.
        """
        if entry.made:
            general = self.defaults_of(self.registry.find_alike(entry.made.base)) if entry.is_named else NO_DEFAULTS
            usual = usual.over(defaults_from(entry.made).over(general))
        own = self.said_of(entry).over(usual).over(stated_by(entry))
        return asked.over(own.over(self.settings.defaults))

    def said_of(self, entry: Entry) -> Defaults:
        """What the configuration says of a model, by its name."""
        return self._settings_of(entry).defaults

    def max_batch_of(self, entry: Entry) -> int | None:
        """How many of a model's pictures are denoised together at most; None: as many as of any."""
        return self._settings_of(entry).max_batch

    def model_of(self, entry: Entry, parts: Mapping[Role, Entry] = NO_PARTS, made: str = "") -> Model:
        """As `model_from`, with what the configuration says of it."""
        return model_from(entry, parts, self._settings_of(entry).compile, made)

    def default_model(self) -> str | None:
        """The model of every request that names none, where that is settled."""
        return default_model(self.registry.models(), self._default())

    def used(self, name: str) -> None:
        """Remembers that a model was used just now."""
        self._recent = [name, *(other for other in self._recent if other != name)][:_REMEMBERED]

    def resident(self) -> dict[str, list[HeldModel]]:
        """The models that are loaded, by name, and where each is."""
        return held_on(self.pool)

    def _peers(self) -> list[Worker]:
        """The workers on other machines."""
        if not self.settings.workers:
            return []
        from .peers import peer_workers  # only with one is any of that needed

        return peer_workers(self.settings.workers, self.server, self.look_at_made, self.registry)

    async def look_at_made(self, job: Submit, made: bytes) -> tuple[int, int]:
        """The size of a picture that another machine made, which a process of its own has decoded. Where the job's
        pictures are checked, and a device of this machine is ready, it has looked, too.

        Raises BadPicture; Blocked, and UnusableModel where nobody can look who would have to.
        """
        result = (await self.decoder.look(made, "img", _MADE_ELSEWHERE)).result
        if job.check is not None:
            await check_again(self.pool, job.check, made)
        return result.width, result.height

    def _most_at_once(self, client: str) -> int | None:
        """How many of a client's pictures are made at one time, where its key says so."""
        named = self.settings.key_named(key_of_client(client))
        return None if named is None else named.limits.at_once

    async def _as_it_is(self, find: Callable[[], Entry]) -> Entry:
        """What `find` finds, after another look at the folders unless that is just as it was at the last one."""
        with contextlib.suppress(ImagineError):  # what isn't there, or can't be used, may just have come or been mended
            entry = find()
            if await asyncio.to_thread(self.registry.still, entry):
                self._look()
                return entry
        await self._look_again()
        return find()

    async def _look_if_changed(self) -> None:
        await self._looked()
        if not await asyncio.to_thread(self.registry.is_current):
            await self._look_again()

    async def _look_again(self) -> None:
        await self._looked()  # that may have been before it changed
        self._looked_at = float("-inf")
        await asyncio.shield(self._look())

    async def _looked(self) -> None:
        """Waits for the look that is being had, if there is one."""
        if self._looking is not None and not self._looking.done():
            await asyncio.wait([self._looking])

    def _choose(self, name: str | None) -> Entry:
        model = None if name is None else self.settings.aliases.resolved(name, self._is_model)
        if model is None:
            model = choose_model(
                None, available=self._models(), default=self._default(), recent=self._recent, alias=name
            )
        try:
            return self.registry.find_alike(model)
        except ModelNotFound as error:
            if (called := called_elsewhere(model, self._models())) is not None:
                return called
            alias = model if name and model != name else None
            if other := self.registry.of_another_kind(model):
                note = message("model.other_kind", "model", name=name or model, kind=other.kind, use=use_of(other))
                raise UnusableModel(note) from error
            raise ModelNotFound(name or model, meant=alias, similar=self.registry.similar(name or model)) from error

    def _models(self) -> list[Entry]:
        known = [*self._completed(self.registry.files()), *self.registry.elsewhere()]
        return [entry for entry in known if entry.generates]

    def _completed(self, entries: Sequence[Entry]) -> list[Entry]:
        """The entries, where those whose files the configuration names don't lack them."""
        named = {settings.name: settings.defaults for settings in self.settings.per_model}
        return [self._configured(entry, named[entry.name]) if entry.name in named else entry for entry in entries]

    def _configured(self, entry: Entry, defaults: Defaults) -> Entry:
        """The entry, no longer in need of the files that these defaults name, or in lack of one that isn't there."""
        lacks = absent(entry, defaults, self.registry.find_alike)
        return _without(entry, defaults) if lacks is None else msgspec.structs.replace(entry, lacks=lacks)

    def _settings_of(self, entry: Entry) -> ModelSettings:
        by_name = {each.name: each for each in self.settings.per_model}
        return by_name.get(entry.name) or next(
            (each for name, each in by_name.items() if matching(name, [entry.name])), ModelSettings(entry.name)
        )

    def _default(self) -> str | None:
        """The configured model, which may be one of the owner's aliases too."""
        model = self.settings.model
        return model and (self.settings.aliases.own.get(model) or model)

    def _is_model(self, name: str) -> bool:
        """Is there a file of that name, usable or not?"""
        try:
            self.registry.find_alike(name)
        except ImagineError as error:
            return not isinstance(error, ModelNotFound)
        return True

    def _look(self) -> asyncio.Task[None]:
        """Looks at the folders on a thread, unless somebody is about to or just did."""
        fresh = self.clock() - self._looked_at < _FRESH
        if self._looking is None or (self._looking.done() and not fresh):
            self._looking = asyncio.create_task(self._refresh())
        return self._looking

    async def _refresh(self) -> None:
        try:
            changes = await asyncio.to_thread(self.registry.refresh)
        except OSError as error:
            _log.warning("the folders of models can't be read: %s", error)
        else:
            for what in ("added", "changed", "removed"):
                if entries := getattr(changes, what):
                    _log.info("models %s: %s", what, ", ".join(entry.name for entry in entries[:20]))
            self._say_missing()
            self.meanings.watch()
        self._looked_at = self.clock()

    def _say_missing(self) -> None:
        """Names in the configuration that no model has: said once, since a wrong one would only have no effect."""
        if self._checked:
            return
        self._checked = True
        if (unlooked := self.missing_checker()) is not None:
            _log.error("%s", unlooked)
        own = self.settings.aliases.own
        named = [settings.name for settings in self.settings.per_model]
        named += [model for model in [*own.values(), self._default(), self.settings.preload] if model]
        known = {*own, *self.settings.aliases.names()}
        if missing := sorted({name for name in named if not self._is_model(name)} - known):
            _log.warning("the configuration speaks of models that aren't there: %s", ", ".join(missing))
        for settings in self.settings.per_model:
            with contextlib.suppress(ImagineError):
                entry = self.registry.find_alike(settings.name)
                find, defaults = self.registry.find_alike, settings.defaults
                why = absent(entry, defaults, find) or absent_lora(entry, defaults, find)
                if why is not None:
                    _log.warning("model %s can't be drawn with: %s", entry.name, sentence(why))

    async def _preload(self, name: str) -> None:
        try:
            await self.pool.models.load(await self.to_load(name))
        except ImagineError as error:
            _log.error("%s can't be preloaded: %s", name, error)


def _without(entry: Entry, defaults: Defaults) -> Entry:
    """The entry, no longer in need of the files that these defaults name."""
    needs = tuple(need for need in entry.needs if not named_in(getattr(defaults, need, None)))
    lacks = entry.lacks if {"vae", "text_encoders"}.intersection(needs) else None
    return msgspec.structs.replace(entry, needs=needs, lacks=lacks)


def model_from(
    entry: Entry, parts: Mapping[Role, Entry] = NO_PARTS, compiled: bool | None = None, made: str = ""
) -> Model:
    """What a worker must know of a model to load it, and of the files that are used beside it, by their role.

    `compiled`: whether torch compiles it; None: as any other. It's another model then, of other bits. `made`: in which
    way LoRAs beside it have it take few steps, where any does: that may move its noise levels, as if it were so made.
    Each is as `Gateway.to_draw` and `Gateway.part` give it: with its digest.
    """
    if made:
        entry = msgspec.structs.replace(entry, distilled=made)
    first = component_from("checkpoint" if entry.kind == CHECKPOINT else "denoiser", entry)
    if compiled is not None:
        first = msgspec.structs.replace(first, options=first.options | {"compile": compiled})
    components = (first, *(component_from(role, part) for role, part in parts.items()))
    return Model(name=entry.name, family=entry.family, components=components, sha256=entry.file_digest)


def upscaler_from(entry: Entry) -> Model:
    """What a worker must know of an upscaler, which is a model by itself."""
    return Model(name=entry.name, family=entry.family, components=(component_from(UPSCALER, entry),))


def component_from(role: Role, entry: Entry) -> Component:
    """A file as a worker must know it, with its digest."""
    assert not entry.is_named, "it has no weights"
    assert entry.digest, "a recipe would not say which file it is"
    options: dict[str, object] = {"zero_snr": True} if entry.zero_snr else {}
    if entry.prediction and entry.prediction != "flow":
        options["prediction"] = entry.prediction
    if entry.resolution:
        options["resolution"] = entry.resolution
    facts, made = facts_of(entry.family), entry.distilled.partition(":")[0]
    if made and made in facts.shift:
        options["distilled"] = made
    if facts.is_called(entry.variant):
        options["variant"] = entry.variant
    kind: WeightsFormat = "safetensors" if entry.format == "other" else entry.format
    return Component(
        role=role, path=entry.path, digest=entry.digest, files=entry.files, format=kind, sizes=entry.sizes,
        options=options,
    )  # fmt: skip


def registry_from(settings: Settings) -> Registry:
    """The models in the settings' folders, and those that come with Imagine."""
    shipped = models()
    cache = settings.home / "cache" / "models.json"
    with contextlib.suppress(OSError):  # without a cache every file is only read again
        for own in (make_own(cache.parent), settings.home / "state"):
            sweep(own)
    return Registry(settings.roots, cache=cache, shipped=shipped)


def rulebook_from(settings: Settings) -> Rulebook:
    """What the settings say of what isn't to be drawn."""
    return Rulebook(settings.blocked_terms, settings.moderation, {key.name: key.rules for key in settings.keys})


def pictures_from(settings: Settings) -> PictureStore:
    """Where pictures that are asked for by URL are kept: by default, where the system keeps a user's data."""
    folder = settings.pictures
    if folder is None:
        import platformdirs  # only where it is asked

        folder = platformdirs.user_data_path("imagine", appauthor=False) / "pictures"
    return PictureStore(folder, keep=settings.keep_pictures, most=settings.max_pictures * 2**20)
