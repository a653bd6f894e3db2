"""A process that went offline reaches this machine, and no other: each try is a process, there is no way back."""

import subprocess
import sys

import pytest

from imagine.server.gateway.own_worker import worker_settings
from imagine.settings.settings import settings_from


def tried(code: str) -> str:
    begin = "import socket\nfrom imagine.processes.offline import go_offline\ngo_offline(['box.example'])\n"
    done = subprocess.run(
        [sys.executable, "-c", begin + code], capture_output=True, text=True, timeout=240, check=False
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "code",
    [
        "socket.create_connection(('192.0.2.1', 80), 1)",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('192.0.2.1', 80))",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 80))",
        "socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendmsg([b'x'], [], 0, ('2001:db8::1', 80))",
        "socket.getaddrinfo('example.org', 80)",
        "socket.gethostbyname('example.org')",
        "import http.client; http.client.HTTPSConnection('example.org', timeout=1).request('GET', '/')",
    ],
)
def test_another_machine_is_not_asked(code: str) -> None:
    assert "Offline: [Errno" in tried(code)


@pytest.mark.parametrize(
    "code",
    [
        "s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname(), 5); print('there')",
        "s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(('localhost', s.getsockname()[1]), 5)\n"
        "print('there')",
        "a, b = socket.socketpair(); a.sendall(b'x'); print('there' if b.recv(1) else '')",
        "socket.getaddrinfo('192.0.2.1', 80); socket.getaddrinfo(None, 80); print('there')",
        "import contextlib\n"
        "with contextlib.suppress(socket.gaierror): socket.getaddrinfo('box.example', 80)\n"
        "print('there')",
    ],
)
def test_this_machine_is(code: str) -> None:
    assert tried(code) == "there\n"


def test_workers_are_told() -> None:
    assert worker_settings(settings_from({"offline": True}, {})[0], "cpu").offline
    assert not worker_settings(settings_from({}, {})[0], "cpu").offline
