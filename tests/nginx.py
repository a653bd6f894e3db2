"""The nginx of docs/proxy.md, as it is written there: only its addresses and its certificate are a test's own."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ports import kept_port

ROOT = Path(__file__).parents[1]
EXAMPLE = re.search(r"^```nginx\n(.*?)^```", (ROOT / "docs/proxy.md").read_text(), re.DOTALL | re.MULTILINE)
PLACES = ("/usr/sbin/nginx", str(ROOT / "build/nginx/usr/sbin/nginx"))
AROUND = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/errors.log warn;
events {{}}
http {{
    access_log off;
    {temporary}
{example}
}}
"""


def found() -> str:
    """The nginx to run. Skips the test where there is none, or fails it where one is required."""
    nginx = shutil.which("nginx") or next((place for place in PLACES if Path(place).is_file()), None)
    if nginx is None or shutil.which("openssl") is None:
        if os.environ.get("IMAGINE_TEST_NGINX") == "required":
            pytest.fail("there is no nginx or no openssl, and the test of it is required; get one: sh tools/nginx.sh")
        pytest.skip("there is no nginx or no openssl; get one: sh tools/nginx.sh")
    return nginx


@contextlib.contextmanager
def nginx(folder: Path, port: int):
    """Where nginx listens, as `https://localhost:PORT`, before the server at `port`; its certificate is in `folder`."""
    program = found()
    certify(folder)
    with kept_port() as free:
        yield from _running(program, folder, port, free)


def _running(program: str, folder: Path, port: int, free: int) -> Iterator[str]:
    text = EXAMPLE[1]
    for said, own in {
        "listen 443 ssl": f"listen 127.0.0.1:{free} ssl", "/etc/ssl/": f"{folder}/",
        "127.0.0.1:5000": f"127.0.0.1:{port}",
    }.items():  # fmt: skip
        assert said in text, f"docs/proxy.md still says {said}"
        text = text.replace(said, own)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind}; " for kind in kinds)
    configuration = folder / "nginx.conf"
    configuration.write_text(AROUND.format(folder=folder, temporary=temporary, example=text))
    errors = folder / "errors.log"
    running = subprocess.Popen([program, "-p", str(folder), "-e", str(errors), "-c", str(configuration)])
    try:
        _wait_for(running, free, errors)
        yield f"https://localhost:{free}"
    finally:
        running.terminate()
        running.wait(120)


def certify(folder: Path) -> None:
    """A certificate for this machine, and its key."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command += ["-keyout", str(folder / "pictures.key"), "-out", str(folder / "pictures.pem")]
    subprocess.run(command, check=True, capture_output=True, timeout=240)


def _wait_for(running: subprocess.Popen, port: int, errors: Path) -> None:
    while True:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(0.02)
        assert running.poll() is None, errors.read_text()
