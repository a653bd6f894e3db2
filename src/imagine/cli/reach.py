"""Which server a command talks to: the one that was named, the one at the default address, or a private one."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from ..client import Address, Client, Unreachable, address_from
from ..errors import ImagineError

STARTING = 60.0
"""Seconds for a private server to answer."""
_PAUSE = 0.05
_UNIX_SOCKETS = hasattr(socket, "AF_UNIX")


def named(address: str | None) -> Client | None:
    """The server that `-a` or IMAGINE_HOST names, None where neither does. Raises Unreachable."""
    said = address or os.environ.get("IMAGINE_HOST", "").strip(" '\"")
    if not said:
        return None
    client = Client(address_from(said), api_key=_key())
    client.health()
    return client


def running(address: str | None = None) -> Client | None:
    """The named server; else the one at the default address, else the private one; None where none answers.

    Raises Unreachable only for one that was named.
    """
    if (client := named(address)) is not None:
        return client
    private = [Address(socket=str(private_socket()))] if _UNIX_SOCKETS else []
    for place in (Address(), *private):
        if _answers(client := Client(place, api_key=_key())):
            return client
    return None


def required(address: str | None = None) -> Client:
    """As `running`, but raises Unreachable where none answers."""
    client = running(address)
    if client is None:
        raise Unreachable(f"could not connect to imagine at {Address()}, run 'imagine serve' to start it")
    return client


def running_or_started(address: str | None, start: Callable[[], subprocess.Popen[bytes]] | None = None) -> Client:
    """As `running`, but starts a private server where none answers, and says so."""
    client = running(address)
    if client is not None:
        return client
    if not _UNIX_SOCKETS:
        return required(address)
    with _alone():
        client = Client(Address(socket=str(private_socket())))
        if not _answers(client):  # another run may have started it meanwhile
            click.echo("no server is running: starting a private one, which ends itself when it is idle", err=True)
            _wait_for(client, (start or _start)())
    return client


def _wait_for(client: Client, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + STARTING
    while not _answers(client):
        if process.poll() is not None or time.monotonic() > until:
            raise ImagineError(f"the private server did not start; see {private_log()}")
        time.sleep(_PAUSE)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """No two runs start a private server at once: the second's would take the socket from the first's."""
    import fcntl

    with (private_folder() / "starting.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def private_folder() -> Path:
    """This user's folder for the private server's socket and log. Raises ImagineError where others could look in."""
    import platformdirs

    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    # platformdirs falls back to /tmp, where another user may have made the folder first
    base = runtime if _is_own(runtime) else platformdirs.user_data_dir(appauthor=False)
    folder = Path(base) / "imagine"
    folder.mkdir(parents=True, exist_ok=True)
    if os.name == "posix":
        if folder.stat().st_uid != os.getuid():
            raise ImagineError(f"the folder {folder} belongs to another user")
        folder.chmod(0o700)
    return folder


def _is_own(folder: str) -> bool:
    """Is it a folder that only this user can write to?"""
    with contextlib.suppress(OSError):
        about = Path(folder).stat()
        return Path(folder).is_absolute() and about.st_uid == os.getuid() and not about.st_mode & 0o022
    return False


def private_socket() -> Path:
    """Where the private server listens."""
    return private_folder() / "imagine.sock"


def private_log() -> Path:
    """What the last private server said."""
    return private_folder() / "imagine.log"


def _start() -> subprocess.Popen[bytes]:
    frozen = getattr(sys, "frozen", False)
    command = [sys.executable, *([] if frozen else ["-m", "imagine"]), "serve", "--private"]
    with private_log().open("wb") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)  # noqa: S603 - our own program


def _answers(client: Client) -> bool:
    try:
        client.health()
    except Unreachable:
        return False
    return True


def _key() -> str | None:
    return os.environ.get("IMAGINE_API_KEY", "").strip(" '\"") or None
