"""What PyInstaller is told to run can be run as it runs it: as a script, which belongs to no package."""

import re
import subprocess
import sys
from pathlib import Path

from imagine import __version__


def test_the_script_that_the_binary_is_made_of_starts() -> None:
    [entry] = re.findall(r'Analysis\(\s*\[str\(ROOT / "(.*?)"\)\]', Path("imagine.spec").read_text())
    done = subprocess.run([sys.executable, entry, "--version"], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f"imagine {__version__}\n", "")
