"""A root that holds the C library, a shell and the binary, and what runs a script in it without any network.

As a program: `unshare … python jail.py ROOT SCRIPT` puts up the loopback interface and what the kernel provides, makes
ROOT the root, and becomes the shell.
"""

import fcntl
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path

NAMESPACES = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"]
LIBRARIES = re.compile(r"/(?:ld-linux[\w.-]*|lib(?:c|m|dl|rt|util|pthread|resolv|nss_files|nss_dns))\.so[.\d]*$")
"""glibc's own."""
_DEVICES = ("null", "zero", "urandom")
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1  # linux/sockios.h, linux/if.h


def can_jail() -> bool:
    """May this user make namespaces and devices here?"""
    tried = subprocess.run([*NAMESPACES, "true"], capture_output=True, check=False) if shutil.which("unshare") else None
    return os.geteuid() == 0 and tried is not None and tried.returncode == 0


def build(root: Path, binary: Path) -> None:
    """Fills `root`: glibc, /bin/sh, the binary as /imagine, an empty home and /tmp."""
    for name in ("bin", "dev", "proc", "tmp", "home/me", "work"):
        (root / name).mkdir(parents=True)
    shutil.copy(os.path.realpath("/bin/sh"), root / "bin/sh")
    shutil.copy(binary, root / "imagine")
    listed = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    known = {line.rsplit(" => ", 1)[1] for line in listed.splitlines() if " => " in line}
    loader = subprocess.run(["ldd", "/bin/sh"], capture_output=True, text=True, check=True).stdout
    known |= set(re.findall(r"/\S*ld-linux\S*", loader))
    for library in sorted(known):
        if LIBRARIES.search(library) and "i386" not in library and "/lib32/" not in library:
            target = root / library.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(os.path.realpath(library), target)
    for device in _DEVICES:
        (root / "dev" / device).touch()


def run(root: Path, script: str, timeout: float) -> subprocess.CompletedProcess[str]:
    """Runs `script` by the shell in `root`, in /work; every process that it leaves ends with it."""
    command = [*NAMESPACES, sys.executable, __file__, str(root), script]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


def _enter(root: str, script: str) -> None:
    with socket.socket() as channel:
        request = fcntl.ioctl(channel, _SIOCGIFFLAGS, struct.pack("16sh14x", b"lo", 0))
        flags = struct.unpack("16sh14x", request)[1] | _IFF_UP
        fcntl.ioctl(channel, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags))
    subprocess.run(["mount", "-t", "proc", "proc", f"{root}/proc"], check=True)
    for device in _DEVICES:
        subprocess.run(["mount", "--bind", f"/dev/{device}", f"{root}/dev/{device}"], check=True)
    os.chroot(root)
    os.chdir("/work")
    os.execve("/bin/sh", ["sh", "-c", script], {"HOME": "/home/me", "PATH": "/:/bin"})


if __name__ == "__main__":
    _enter(*sys.argv[1:])
