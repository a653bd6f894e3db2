"""A one-file binary whose halves are small: a shell script that says how it was started, and a few files."""

import random
import shutil
from pathlib import Path

from tools.binary.compress import compress
from tools.binary.pack import pack

SCRIPT = """#!/bin/sh
echo "started as $_IMAGINE_FILE with" "$@"
[ "$1" = wait ] && read line
[ "$1" = libraries ] && echo "$LD_LIBRARY_PATH/$_IMAGINE_LIBRARIES"
exit 0
"""
FILES = 60
BLOCK = 7_000
"""Smaller than most of the files, so that threads share them."""
REST = frozenset(["later.py", "deep/later.py"])


def write_halves(folder: Path, seed: int = 1) -> tuple[Path, Path]:
    """The two folders that a binary is packed of, beside `signing`."""
    chance = random.Random(seed)
    light, heavy = folder / "light", folder / "heavy"
    for half in (light, heavy):
        (half / "deep/er").mkdir(parents=True)
        for number in range(FILES):
            (half / f"deep/er/{number}.bin").write_bytes(chance.randbytes(chance.randrange(20_000)))
        (half / "deep/empty").touch()
        (half / "link").symlink_to("deep/er/1.bin")
    (light / "imagine").write_text(SCRIPT)
    (light / "imagine").chmod(0o755)
    (heavy / "brought.py").write_text(f"SEED = {seed}\n")
    for path in REST:
        (heavy / path).write_text(f"SEED = {seed}\n")
    (folder / "signing").mkdir()
    (folder / "signing/signs.py").write_text(f"SEED = {seed}\n")
    return light, heavy


def write_binary(folder: Path, seed: int = 1) -> Path:
    """A binary; another `seed` makes another version."""
    work = folder / f"made{seed}"
    light, heavy = write_halves(work, seed)
    index = compress(heavy, REST, work / "signing", work / "worker.zst", most=BLOCK)
    binary = folder / f"imagine{seed}"
    pack(light, index, work / "worker.zst", binary)
    return binary


def contents(folder: Path) -> dict[str, bytes | str]:
    """What lies below a folder: links by their targets, files by their bytes."""
    found: dict[str, bytes | str] = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.is_file():
            found[name] = path.read_bytes()
    return found


def has_compiler() -> bool:
    """Can the launcher be built here?"""
    return shutil.which("cc") is not None
