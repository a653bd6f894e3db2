"""`imagine keys`: the keys that have names, what each is for, and what is made for it; `new` makes one."""

from __future__ import annotations

import hashlib
import secrets
import time
from typing import Any

import click

from . import reach
from .console import note, printable, write, write_json
from .table import span, table

_PREFIX = "imagine-"
"""Tells what a key is for to who finds one, and to programs that look for keys that were left lying about."""


@click.command("keys")
@click.argument("action", type=click.Choice(["new"]), required=False)
@click.argument("name", required=False)
@click.option("-a", "--address", help="The server to ask, HOST:PORT.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(action: str | None, name: str | None, address: str | None, as_json: bool) -> None:
    """List the keys that have names. new NAME makes one: it is shown once, with what the configuration file is to say.

    Listing needs a key for that (admin) in IMAGINE_API_KEY, or the server's own. new asks nobody, and changes no file.
    """
    if action == "new":
        _make(name, as_json)
        return
    client = reach.running(address)
    if client is None:
        note("no server is running: imagine serve")
        return
    keys = client.ask("GET", "/keys")["keys"]
    if as_json:
        write_json(keys)
        return
    if not keys:
        note("no keys have names here; imagine keys new NAME makes one")
        return
    columns = ["NAME", "FOR", "MODERATION", "PRIORITY", "ORDERS", "LIMITS", "UNTIL"]
    write(table(columns, [_row(each) for each in keys]))


def _make(name: str | None, as_json: bool) -> None:
    from ..settings.keys import HASH, is_name

    if name is None or not is_name(name):
        raise click.UsageError("new wants a NAME: letters and digits, dots, dashes and spaces between them.")
    key = _PREFIX + secrets.token_urlsafe(32)
    hashed = HASH + hashlib.sha256(key.encode()).hexdigest()
    if as_json:
        write_json({"name": name, "key": key, "key_hash": hashed})
        return
    write(key)
    note("give it to whoever it is for: it can't be shown again. In the configuration file, below keys:")
    note(f'  "{name}": {{key_hash: "{hashed}", scopes: [generate]}}')
    note("then: systemctl reload imagine, or SIGHUP")


def _row(key: dict[str, Any]) -> list[str]:
    used = key["used"]
    limits = [
        f"{name} {used[name]} of {most}" if name in used else f"{name} {most}" for name, most in key["limits"].items()
    ]
    return [
        printable(key["name"]), ", ".join(key["scopes"]), key["moderation"] or "", key["priority"], str(key["orders"]),
        ", ".join(limits), _until(key["expires"]),
    ]  # fmt: skip


def _until(expires: float | None) -> str:
    if expires is None:
        return ""
    left = expires - time.time()
    return f"{span(left)} from now" if left > 0 else "expired"
