"""Pictures signed: by whom, on which thread or in which process, and each once.

What is ours alone is signed on one thread, so that pictures come in the order in which they were made; what was made of
a picture that somebody sent, in the process that looks at those, since their manifests are read for it. No two
signatures are alike, so equal canonical bytes get the one before.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ...messages import message, sentence
from ...pictures.canonical import Cut
from ...pictures.looking.decoder import Decoder
from ...pictures.looking.origins import cuts_signing
from ...provenance.identity import IdentityPlace, SigningIdentity, keep_first, roots_or_none, stored
from ...provenance.library import is_there
from ...provenance.manifest import Ingredient, Provenance
from ...settings.settings import Settings
from ...words.errors import BadPicture, ImagineError

_log = logging.getLogger(__name__)
T = TypeVar("T")
_MOST_KEPT = 4 * 2**20
"""Bytes of manifests: of some thousand pictures, fewer where they hold those of their sources."""


class Signing:
    """Of one gateway. Used from one event loop."""

    def __init__(self, settings: Settings, decoder: Decoder) -> None:
        self._place = place_of(settings)
        self._decoder = decoder
        self._identity: SigningIdentity | None = None
        self._stamp: tuple[int, ...] = ()
        self._begun = asyncio.Lock()
        self._kept: OrderedDict[str, tuple[Cut, ...]] = OrderedDict()
        self._kept_bytes = 0
        self._underway: dict[str, asyncio.Task[tuple[Cut, ...]]] = {}
        self._there: bool | None = None
        self._said = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="signing")

    async def cuts(
        self, canonical: bytes | memoryview, making: Provenance, client: str, made_of: Sequence[Ingredient] = ()
    ) -> tuple[Cut, ...]:
        """What signs a picture; the same for the same canonical bytes, as long as they are remembered.

        Nothing where no library can. Raises ImagineError where there is one and it can't be done.
        """
        if self._there is None:
            self._there = await asyncio.to_thread(is_there)  # the one-file binary unpacks it then
        if not self._there:
            self._say_absent()
            return ()
        digest, stamp = await self._apart(lambda: self._looked_at(canonical))
        identity = await self._identity_of(stamp)
        name = digest + identity.certificates
        if (kept := self._kept.get(name)) is not None:
            self._kept.move_to_end(name)
            return kept
        task = self._underway.get(name)
        if task is None:
            task = asyncio.create_task(self._made(canonical, making, client, made_of, identity))
            self._underway[name] = task
            task.add_done_callback(lambda done: self._keep(name, done))
        return await asyncio.shield(task)

    async def _identity_of(self, stamp: tuple[int, ...]) -> SigningIdentity:
        """Who signs: made where there is nobody yet, read again once its file is another. Raises ImagineError."""
        async with self._begun:
            if self._identity is None or stamp != self._stamp:
                self._identity = await self._read()
        return self._identity

    async def roots(self) -> str:
        """What is ours, as PEM; nothing where nothing was signed yet, or what there is can't be used."""
        return await asyncio.to_thread(roots_or_none, self._place, lambda error: _log.warning("%s", error))

    async def _read(self) -> SigningIdentity:
        stamp, found = await asyncio.to_thread(lambda: (self._stamped(), stored(self._place)))
        if found is None:
            pem = await self._decoder.identity()
            await asyncio.to_thread(keep_first, self._place.folder, pem)
            stamp, found = await asyncio.to_thread(lambda: (self._stamped(), stored(self._place)))
            _log.info("pictures are signed with a new key in %s", self._place.folder)
        assert found is not None, "it was just written"
        self._stamp = stamp
        return found

    def _looked_at(self, canonical: bytes | memoryview) -> tuple[str, tuple[int, ...]]:
        """What a picture is known by, and when the identity was written."""
        return hashlib.sha256(canonical).hexdigest(), self._stamped()

    def _stamped(self) -> tuple[int, ...]:
        try:
            return tuple(path.stat().st_mtime_ns for path in self._place.files)
        except OSError:
            return ()

    async def _made(
        self,
        canonical: bytes | memoryview,
        making: Provenance,
        client: str,
        made_of: Sequence[Ingredient],
        identity: SigningIdentity,
    ) -> tuple[Cut, ...]:
        try:
            if not made_of:
                return await self._apart(lambda: cuts_signing(bytes(canonical), making, identity))
            try:
                return await self._decoder.sign(canonical, made_of, making, identity, client)
            except BadPicture as error:
                _log.info("a source isn't named in what is made of it: %s", error)
            return await self._apart(lambda: cuts_signing(bytes(canonical), making.alone(), identity))
        except ImagineError:
            raise
        except Exception as error:  # a library's own errors, whatever they are
            _log.warning("a picture isn't signed: %s", error)
            raise ImagineError(message("provenance.failed", why=type(error).__name__)) from error

    async def _apart(self, act: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, act)

    def _keep(self, name: str, done: asyncio.Task[tuple[Cut, ...]]) -> None:
        self._underway.pop(name, None)
        if done.cancelled() or done.exception() is not None:
            return
        self._kept[name] = done.result()
        self._kept_bytes += _size(done.result())
        while self._kept_bytes > _MOST_KEPT and len(self._kept) > 1:
            self._kept_bytes -= _size(self._kept.popitem(last=False)[1])

    def _say_absent(self) -> None:
        if not self._said:
            self._said = True
            _log.warning("pictures aren't signed: %s", sentence(message("provenance.absent")))


def place_of(settings: Settings) -> IdentityPlace:
    """Where the settings have the identity."""
    return IdentityPlace(settings.home / "provenance", settings.provenance_certificates, settings.provenance_key)


def _size(cuts: tuple[Cut, ...]) -> int:
    return sum(len(cut.data) for cut in cuts)
