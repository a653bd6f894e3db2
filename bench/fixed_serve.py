"""`imagine serve` whose device is that of `fixed_worker.py`; with `--none` before the rest it has no device at all."""

from __future__ import annotations

import sys
from pathlib import Path

from imagine.cli.main import main
from imagine.dispatch import process
from imagine.words.frames import REFUSED

_FIXED = [sys.executable, str(Path(__file__).with_name("fixed_worker.py"))]
_NONE = [sys.executable, "-c", f"import sys; sys.exit({REFUSED})"]

if __name__ == "__main__":
    arguments = sys.argv[1:]
    is_none = arguments[:1] == ["--none"]
    process.worker_command = lambda: _NONE if is_none else _FIXED  # type: ignore[attr-defined] # imported there
    main(["serve", *arguments[is_none:]])
