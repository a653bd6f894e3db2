"""The binary on a machine that has a C library and a shell, and nothing else: no Python, no network."""

import json
from pathlib import Path

import pytest
from PIL import Image

from imagine import __version__
from tests.checkpoints import write_checkpoint
from tests.frozen import jail

pytestmark = pytest.mark.skipif(not jail.can_jail(), reason="needs root, and namespaces")

SCRIPT = """
set -e
imagine --version
imagine list
imagine run "a red fox" -m tiny -w 64 -h 64 -n 6 --seed 4 -s 2 -o private
imagine serve --host 127.0.0.1 --port 5000 &
server=$!
until imagine ps -a 127.0.0.1:5000 >/dev/null 2>&1; do :; done
imagine run "a red fox" -m tiny -w 64 -h 64 -n 6 --seed 4 -a 127.0.0.1:5000 -o served
imagine inspect private.png
imagine verify -a 127.0.0.1:5000 private.json
kill $server
wait $server
"""


@pytest.mark.timeout(600)
def test_it_needs_nothing_but_the_c_library(binary: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    jail.build(root, binary)
    write_checkpoint(root / "home/me/.imagine/models/tiny.safetensors")
    there = [path.name for path in root.rglob("*") if path.is_file()]
    assert not [name for name in there if "python" in name or name.startswith(("libstdc", "libz", "libssl"))], there
    done = jail.run(root, SCRIPT, timeout=500)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[0] == f"imagine {__version__}"
    assert [line.split()[0] for line in said if line.startswith("tiny ")] == ["tiny"]
    assert said[-1] == "private.json: identical"
    assert "unpacking, once for this version: 100 %" in done.stderr.replace("\r", "\n")
    pixels = []
    for name in ("private", "served"):
        with Image.open(root / f"work/{name}.png") as picture:
            assert picture.size == (64, 64)
            assert len(picture.convert("RGB").getcolors(64 * 64) or ()) > 100
            pixels.append(picture.tobytes())
        assert json.loads((root / f"work/{name}.json").read_text())["meta"]["model"] == "tiny"
    assert pixels[0] == pixels[1], "each is signed by itself, and no two signatures are alike"
    assert not list((root / "tmp").glob("_MEI*")), "PyInstaller's own one file leaves such behind"
