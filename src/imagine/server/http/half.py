"""aiohttp's half that serves, without the one that asks other servers: a third of what it imports, and 4 MB."""

from __future__ import annotations

from ...processes.postponed import postponed

_ASKING = (
    "aiohttp.client", "aiohttp.client_middleware_digest_auth", "aiohttp.client_middlewares", "aiohttp.client_proto",
    "aiohttp.client_reqrep", "aiohttp.client_ws", "aiohttp.connector", "aiohttp.cookiejar", "aiohttp.resolver",
    "aiohttp.tracing",
)  # fmt: skip


def import_serving_half() -> None:
    """For a process that only serves, before it imports the server. The other half comes once it is used."""
    with postponed(*_ASKING):
        import aiohttp.web  # noqa: F401
