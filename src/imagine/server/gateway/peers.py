"""The workers that a server has on other machines; imported where the settings name one."""

from __future__ import annotations

from collections.abc import Iterable

from ...dispatch.worker import Worker
from ...machines.asked import LookAtMade
from ...machines.peer import PeerWorker
from ...machines.peer_life import PeerTerms
from ...registry.registry import Registry
from ...words.peers import PeerSettings


def peer_workers(peers: Iterable[PeerSettings], server: str, look: LookAtMade, registry: Registry) -> list[Worker]:
    """One for each of them, none connected yet. `server` is the name of this one, whose registry lists what only they
    have."""
    terms = PeerTerms(server, look, listed=registry.list_elsewhere)
    return [PeerWorker(peer, terms) for peer in peers]
