"""Who may join a cluster: whoever does runs code on every machine of it, so none is joined that asks for no token.

Ray has asked for one since 2.52, if `RAY_AUTH_MODE` says so; here it has to.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from ...messages import in_english
from ...words.errors import ImagineError

MODE = "RAY_AUTH_MODE"
_TOKEN, _TOKEN_PATH = "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
_HOME = "~/.ray/auth_token"
_SHORTEST = 32
_MAKE = "ray get-auth-token --generate"
_REFUSED = 3
_ASK = f"""
import sys
from ray._raylet import GcsClient
from ray.exceptions import AuthenticationError
try:
    GcsClient(address=sys.argv[1]).get_all_node_info(timeout=5)
except AuthenticationError:
    sys.exit({_REFUSED})
"""
_PATIENCE = 30.0
_LONGEST = 200


def check_token(environ: Mapping[str, str] = os.environ) -> None:
    """Raises ImagineError, which says what to do, where Ray would ask for no token, or would find none to send."""
    mode = environ.get(MODE, "")
    if mode.lower() != "token":
        said = f"{MODE} is {mode!r}" if mode else f"{MODE} isn't set"
        raise ImagineError(in_english(f"{said}: without a token whoever reaches a Ray cluster runs code on all of it; "
                                      f"say export {MODE}=token on each machine"))  # fmt: skip
    token = _token_in(environ)
    if token is None:
        raise ImagineError(in_english(f"there is no token of the cluster: '{_MAKE}' on its head makes one, in {_HOME}; "
                                      f"give the other machines that file, readable to you alone"))  # fmt: skip
    if len(token) < _SHORTEST:
        raise ImagineError(in_english(f"the cluster's token has {len(token)} characters, and {_SHORTEST} are the "
                                      f"fewest that nobody guesses; '{_MAKE}' makes one"))  # fmt: skip


def without_token(address: str) -> bool:
    """Does the cluster there answer somebody who has none? Asked by another process, since Ray's has but one mode.

    Raises ImagineError where that can't be told.
    """
    environ = {name: value for name, value in os.environ.items() if name not in (_TOKEN, _TOKEN_PATH)}
    try:
        asked = subprocess.run(  # noqa: S603 - our own words, in this interpreter
            [sys.executable, "-c", _ASK, address], env=environ | {MODE: "disabled"}, capture_output=True, check=False,
            timeout=_PATIENCE,
        )  # fmt: skip
    except (subprocess.TimeoutExpired, OSError) as error:
        raise ImagineError(in_english(f"whether {address} asks for a token can't be told: {error}")) from error
    if asked.returncode not in (0, _REFUSED):  # no answer is no refusal
        why = (asked.stderr.decode(errors="replace").strip().splitlines() or ["no word why"])[-1][:_LONGEST]
        raise ImagineError(in_english(f"whether {address} asks for a token can't be told: {why}"))
    return asked.returncode == 0


def _token_in(environ: Mapping[str, str]) -> str | None:
    """The token that Ray would send, where it would look for one."""
    if token := environ.get(_TOKEN, "").strip():
        return token
    path = Path(environ.get(_TOKEN_PATH) or _HOME).expanduser()
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None
