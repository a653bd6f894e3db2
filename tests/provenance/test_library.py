"""The C2PA library as we open its door: with its own native half, wherever a command is run."""

import os
import subprocess
import sys
from pathlib import Path

from imagine.provenance import library

SIGN = """
import sys
sys.addaudithook(lambda event, told: event == "ctypes.dlopen" and told[0] and print(told[0]))
from tests.provenance.signing import picture, read, sign
print(read(sign(picture()))[1])
"""


def test_its_native_half_is_never_looked_for_in_the_current_folder():
    library.library()
    places = sys.modules["c2pa.lib"]._get_possible_search_paths()
    package = Path(library.library().__file__).parent
    assert places
    assert all(place.is_relative_to(package) for place in places)


def test_what_lies_there_isn_t_touched(tmp_path):
    for folder in ("", "libs", "artifacts"):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "libc2pa_c.so").write_bytes(b"not to be loaded")
    paths = os.pathsep.join([str(Path("src").resolve()), str(Path.cwd())])
    done = subprocess.run(
        [sys.executable, "-P", "-c", SIGN], cwd=tmp_path, env=os.environ | {"PYTHONPATH": paths}, capture_output=True,
        text=True, check=True, timeout=240,
    )  # fmt: skip
    *loaded, state = done.stdout.splitlines()
    assert state == "Valid"
    assert any("libc2pa_c" in path for path in loaded)
    assert not [path for path in loaded if path.startswith(str(tmp_path))]


def test_it_comes_with_the_first_signature_only():
    code = "import sys, imagine.server.serve, imagine.cli.main; print({'c2pa', 'cryptography'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=240)
    assert done.stdout == "set()\n"
