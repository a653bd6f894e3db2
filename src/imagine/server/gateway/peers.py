"""The workers that a server has on other machines; imported where the settings name one."""

from __future__ import annotations

from collections.abc import Iterable

from ...dispatch.worker import Worker
from ...machines.asked import LookAtMade
from ...machines.peer import PeerWorker
from ...machines.peer_life import PeerTerms
from ...words.peers import PeerSettings


def peer_workers(peers: Iterable[PeerSettings], server: str, look: LookAtMade) -> list[Worker]:
    """One for each of them, none connected yet. `server` is the name of this one."""
    terms = PeerTerms(server, look)
    return [PeerWorker(peer, terms) for peer in peers]
