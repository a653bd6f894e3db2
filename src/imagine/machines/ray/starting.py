"""What is to be run so that a machine is a cluster's head, or one of its others: Ray's command, and its environment.

Found before it is run: which address the others reach, whether that is a private one, and which Ray is here.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from ...messages import in_english
from ...words.errors import ImagineError
from ...words.public import is_public
from .fetching import VARIABLE
from .token import MODE

OLDEST = (2, 52)
"""The first Ray that asks for a token."""
_LOST_AFTER = {
    "RAY_health_check_initial_delay_ms": "0",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
}
"""A machine that is cut off counts as lost after 8 seconds, measured, where Ray's own numbers make up to a minute."""
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DISABLE_IMPORT_WARNING": "1"}


class Starting(NamedTuple):
    """A command line, and what its environment says beside what it says already."""

    arguments: list[str]
    environment: dict[str, str]


def head(address: str, port: int, store: int, folder: Path) -> Starting:
    """The head: Ray's books, and none of this machine's devices, which belong to the server beside it."""
    arguments = [
        "ray", "start", "--head", f"--node-ip-address={address}", f"--port={port}", "--num-cpus=0", "--num-gpus=0",
        f"--object-store-memory={store}", f"--temp-dir={folder}", "--include-dashboard=false",
        "--disable-usage-stats", "--block",
    ]  # fmt: skip
    return Starting(arguments, {MODE: "token", **_QUIET, **_LOST_AFTER})


def other(of: str, address: str, processors: int, store: int, fetched: float | None) -> Starting:
    """A machine that joins the head at `of`: with its GPUs, which Ray finds, or so many workers on its processor.

    `fetched` is how many GB of files it may fetch from the server, where that is said.
    """
    ours = [f'--resources={{"imagine": {processors}}}'] if processors else []
    arguments = [
        "ray", "start", f"--address={of}", f"--node-ip-address={address}", *ours, f"--object-store-memory={store}",
        "--disable-usage-stats", "--block",
    ]  # fmt: skip
    told = {} if fetched is None else {VARIABLE: f"{fetched:g}"}
    return Starting(arguments, {MODE: "token", **_QUIET, **told})


def check_ray() -> str:
    """Which Ray is here. Raises ImagineError where none is that asks for a token."""
    try:
        here = version("ray")
    except PackageNotFoundError as error:
        raise ImagineError(in_english("Ray isn't installed: pip install 'imagine[cluster]'")) from error
    numbers = tuple(map(int, re.findall(r"\d+", here)[:2]))
    if numbers < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise ImagineError(in_english(f"Ray {here} asks nobody for a token; {oldest} is the first that does: "
                                      "pip install -U 'imagine[cluster]'"))  # fmt: skip
    return here


def own_address(wanted: str | None, here: Iterable[str]) -> str:
    """The address by which the others reach this machine, whose addresses are `here`. Raises ImagineError."""
    private = [address for address in here if _is_private(address)]
    if wanted is None:
        if len(private) != 1:
            found = f"is one of {', '.join(private)}" if private else "is none of this machine's, which are all public"
            raise ImagineError(in_english(f"the address by which the other machines reach this one {found}: "
                                          "say it by --address"))  # fmt: skip
        return private[0]
    if not _is_address(wanted) or wanted not in here:
        raise ImagineError(in_english(f"--address is {wanted}, which this machine doesn't have"))
    if is_public(wanted):
        raise ImagineError(in_english(f"--address is {wanted}, which the whole internet reaches: a cluster's machines "
                                      "speak in clear; give it a private network, such as WireGuard's"))  # fmt: skip
    return wanted


def head_at(of: str) -> str:
    """HOST:PORT as it was said, with or without `ray://`. Raises ImagineError."""
    host, colon, port = of.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdecimal() or not host:
        raise ImagineError(in_english(f"the head is {of!r}; it must be HOST:PORT, such as 10.0.0.1:6379"))
    if is_public(host.strip("[]")):
        raise ImagineError(in_english(f"the head {host} is on the open internet; join it by a private network"))
    return f"{host}:{port}"


def own_folder(uid: int, root: Path = Path("/tmp")) -> Path:  # noqa: S108 - checked below, and short for sockets
    """Ray's folder of logs and sockets, this user's alone. Raises ImagineError where another has its name."""
    folder = root / f"imagine-ray-{uid}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != uid or found.st_mode & 0o077:
        raise ImagineError(in_english(f"{folder} is there already, and not a folder of this user alone"))
    return folder


def has_gpu(devices: Path = Path("/dev")) -> bool:
    """Is there a GPU of NVIDIA's or AMD's, as their drivers show it?"""
    return any(devices.glob("nvidia[0-9]*")) or (devices / "kfd").exists()


def environment_of(starting: Starting, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The whole of it."""
    return {**environ, **starting.environment}


def _is_private(address: str) -> bool:
    if not _is_address(address) or is_public(address):
        return False
    one = ipaddress.ip_address(address.partition("%")[0])
    return not (one.is_loopback or one.is_link_local)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True
