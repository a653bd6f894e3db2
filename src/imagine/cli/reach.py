"""Which server a command talks to: the one that was named, the one at the default address, or a private one."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..client.address import Address, Unreachable, address_from, connect
from ..files.folders import make_own
from ..files.model_folders import home_from, unquoted
from ..messages import in_english, language_of
from ..words.errors import ImagineError
from .console import note

if TYPE_CHECKING:
    import subprocess

    from ..client.client import Client

STARTING = 60.0
"""Seconds for a private server to answer."""
_PAUSE = 0.05
_JSON_NEWS = re.compile(rb'\{"time": ?"[^"]*", ?"level": ?"(info|debug)"')
_CONNECT_TIMEOUT = 5.0
_UNIX_SOCKETS = hasattr(socket, "AF_UNIX")
_NO_SETTINGS = frozenset(
    ["IMAGINE_HOST", "IMAGINE_API_KEY", "IMAGINE_NOHISTORY", "IMAGINE_RUNTIME", "IMAGINE_LIBRARIES", "IMAGINE_FILE"]
)
"""Variables that are the commands' own, or that say where this program lies."""


def named(address: str | None) -> Client | None:
    """The server that `-a` or IMAGINE_HOST names, None where neither does. Raises Unreachable."""
    text = address or os.environ.get("IMAGINE_HOST", "").strip(" '\"")
    if not text:
        return None
    client = _client(address_from(text))
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
        if (client := _answering(place)) is not None:
            return client
    return None


def required(address: str | None = None) -> Client:
    """As `running`, but raises Unreachable where none answers."""
    client = running(address)
    if client is None:
        raise Unreachable(in_english(f"could not connect to imagine at {Address()}, run 'imagine serve' to start it"))
    return client


def running_or_started(address: str | None, start: Callable[[], subprocess.Popen[bytes]] | None = None) -> Client:
    """As `running`, but starts a private server where none answers, and says so."""
    client = running(address)
    if client is not None:
        return client
    if not _UNIX_SOCKETS:
        return required(address)
    place = Address(socket=str(private_socket()))
    with _alone():
        client = _answering(place)  # another run may have started it meanwhile
        if client is None:
            note("no server is running: starting a private one, which ends itself when it is idle")
            client = _wait_for(place, (start or _start)())
    return client


def _wait_for(place: Address, process: subprocess.Popen[bytes]) -> Client:
    until = time.monotonic() + STARTING
    while (client := _answering(place)) is None:
        if process.poll() is not None or time.monotonic() > until:
            raise ImagineError(in_english(f"the private server did not start; see {private_log()}"))
        time.sleep(_PAUSE)
    return client


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """No two runs start a private server at once: the second's would take the socket from the first's."""
    import fcntl

    with (private_folder() / "starting.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def private_folder() -> Path:
    """This user's folder for the private server's socket and log. Raises ImagineError where others could look in."""
    folder = make_own(_private_place())
    if os.name == "posix":
        _private_place()  # another user may have been quicker to make it
        folder.chmod(0o700)
    return folder


def _private_place() -> Path:
    """Where that folder is, or would be: nothing is made. Raises ImagineError where it is another user's."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    folder = Path(runtime) / "imagine" if _is_own(runtime) else home_from(os.environ) / "run"
    if os.name == "posix" and folder.exists() and folder.stat().st_uid != os.getuid():
        raise ImagineError(in_english(f"the folder {folder} belongs to another user"))
    return folder


def _is_own(folder: str) -> bool:
    """Is it a folder that only this user can write to?"""
    with contextlib.suppress(OSError):
        about = Path(folder).stat()
        return Path(folder).is_absolute() and about.st_uid == os.getuid() and not about.st_mode & 0o022
    return False


def private_socket() -> Path:
    """Where the private server for this environment listens: another one is for other models, another device, …"""
    return _private_place() / f"imagine{_environment()}.sock"


def private_log() -> Path:
    """What the last private server for this environment said."""
    return _private_place() / f"imagine{_environment()}.log"


def forget_log() -> None:
    """Takes the log of a private server that has ended away, where it holds no more than how that went.

    One that is being started, or runs by now, writes to the same file, which is left to it then.
    """
    import fcntl

    with (private_folder() / "starting.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        log = private_log()
        if not private_socket().exists() and log.exists() and all(map(_is_news, log.read_bytes().splitlines())):
            log.unlink()


def _is_news(line: bytes) -> bool:
    """Is it a line of a log, and nothing to look into?"""
    return line.split(maxsplit=3)[2:3] in ([b"INFO"], [b"DEBUG"]) or _JSON_NEWS.match(line) is not None


def _environment() -> str:
    """A mark of what in the environment a server would take its settings from; empty where nothing is said."""
    variables = {
        name: unquoted(value)
        for name, value in os.environ.items()
        if name.startswith("IMAGINE_") and name not in _NO_SETTINGS and unquoted(value)
    }
    if "IMAGINE_HOME" not in variables and not _private_place().is_relative_to(home_from(os.environ)):
        variables["home"] = str(home_from(os.environ))
    if any(_is_relative(value) for value in variables.values()):
        variables["folder"] = str(Path.cwd())
    if not variables:
        return ""
    return f"-{zlib.crc32(repr(sorted(variables.items())).encode()):08x}"


def _is_relative(value: str) -> bool:
    """May a value be a path that means another place in another folder?"""
    return any(not Path(part).expanduser().is_absolute() for part in value.split(os.pathsep) if os.sep in part)


def _start() -> subprocess.Popen[bytes]:
    import subprocess

    from ..processes.runtime import is_frozen, program

    if is_frozen():  # here, where somebody waits and sees how far it is, rather than in the server
        from ..binary.attached import provide

        provide(sys.stderr)
    command = [*program(), "serve", "--private"]
    with private_log().open("wb") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)  # noqa: S603 - our own program


def _answering(place: Address) -> Client | None:
    """A client of the server there, None where none is. What speaks HTTP is imported only where somebody listens."""
    try:
        connect(place, _CONNECT_TIMEOUT).close()
        client = _client(place)
        client.health() if place.socket else client.health(_CONNECT_TIMEOUT)  # a stranger may never say a word
    except (OSError, Unreachable):
        return None
    return client


def _client(place: Address) -> Client:
    from ..client.client import Client

    return Client(place, api_key=_key(), language=language_of(os.environ))


def _key() -> str | None:
    """The key, where there is one. Raises ImagineError for what no header can hold."""
    key = os.environ.get("IMAGINE_API_KEY", "").strip(" '\"")
    if not (key.isascii() and key.isprintable()):
        raise ImagineError(
            in_english("IMAGINE_API_KEY holds a character that can't be in a key: only ASCII letters, digits and signs")
        )
    return key or None
