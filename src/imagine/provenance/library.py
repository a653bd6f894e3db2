"""The door to the C2PA library: native code, imported when it is first used, and never to speak to anybody.

It would fetch what a file names: manifests that lie elsewhere, and answers on whether a certificate was revoked. Its
sockets are its own, which Python doesn't see, so its settings forbid both.
"""

from __future__ import annotations

import functools
import importlib.util
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import c2pa

SIGNERS = "1.3.6.1.5.5.7.3.4\n1.3.6.1.4.1.62558.2.1\n1.3.6.1.5.5.7.3.36\n"
"""What leaves may be for: e-mail, which ours says, C2PA's own, and signing documents."""
_SETTINGS: dict[str, Any] = {
    "version": 1,
    "builder": {"thumbnail": {"enabled": False}},  # else a small copy of the source stands in what is made of it
    "core": {"allowed_network_hosts": []},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": False},
}


@functools.cache
def is_there() -> bool:
    """Is there a build of the library for this system?"""
    return importlib.util.find_spec("c2pa") is not None


def context(roots: str = "") -> c2pa.Context:
    """How files are read and written: those whose signer's root is among `roots`, as PEM, are trusted."""
    import c2pa

    trust = {"trust": {"trust_anchors": roots, "trust_config": SIGNERS}} if roots else {}
    return c2pa.Context.from_dict(_SETTINGS | trust)
