"""The door to the C2PA library: native code, imported when it is first used, and never to speak to anybody.

By itself it would look for its native half in the current folder first, where anybody may have put another: it is given
the one beside it. And it would fetch what a file names, manifests that lie elsewhere, and answers on whether a
certificate was revoked, by sockets that Python doesn't see: its settings forbid both.
"""

from __future__ import annotations

import functools
import importlib
import importlib.machinery
import importlib.util
import sys
import threading
from pathlib import Path
from typing import Any

SIGNERS = "1.3.6.1.5.5.7.3.4\n1.3.6.1.4.1.62558.2.1\n1.3.6.1.5.5.7.3.36\n"
"""What leaves may be for: e-mail, which ours says, C2PA's own, and signing documents."""
_NAME, _LOADER = "c2pa", "c2pa.lib"
_SETTINGS: dict[str, Any] = {
    "version": 1,
    "builder": {"thumbnail": {"enabled": False}},  # else a small copy of the source stands in what is made of it
    "core": {"allowed_network_hosts": []},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": False},
}
_one_at_a_time = threading.Lock()


@functools.cache
def is_there() -> bool:
    """Is there a build of the library for this system?"""
    return importlib.util.find_spec(_NAME) is not None


def library() -> Any:
    """The module. Raises ImportError, or what its native half does, where it can't be used."""
    with _one_at_a_time:
        if _NAME not in sys.modules:
            _with_its_own_half()
        return importlib.import_module(_NAME)


def context(roots: str = "") -> Any:
    """How files are read and written: those whose signer's root is among `roots`, as PEM, are trusted."""
    trust = {"trust": {"trust_anchors": roots, "trust_config": SIGNERS}} if roots else {}
    return library().Context.from_dict(_SETTINGS | trust)


def _with_its_own_half() -> None:
    """Imports what loads the native half before the library does, and tells it where that lies."""
    package = importlib.util.find_spec(_NAME)
    folders = list(package.submodule_search_locations or ()) if package is not None else []
    found = importlib.machinery.PathFinder.find_spec(_LOADER, folders)
    if found is None or found.loader is None:
        raise ImportError(f"{_LOADER} isn't there")
    loader = importlib.util.module_from_spec(found)
    found.loader.exec_module(loader)
    places = [Path(folder, inner) for folder in folders for inner in ("libs", "")]
    loader.__dict__["_get_possible_search_paths"] = lambda: places
    sys.modules[_LOADER] = loader
