"""Brings the attached half of the binary that the variable names, as a worker of version `argv[1]` would.

It waits for a line of input before each import that `argv[2:]` names.
"""

import importlib
import os
import signal
import sys
from pathlib import Path

from imagine.binary.attached import AttachedHalf
from imagine.words.errors import ImagineError

signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # which Python ignores: here it is the kill half-way
try:
    AttachedHalf(Path(sys.argv[1]), os.environ["_IMAGINE_FILE"], sys.stderr).bring()
    for name in sys.argv[2:]:
        print(name, flush=True)
        sys.stdin.readline()
        print(importlib.import_module(name).SEED)
except ImagineError as error:
    sys.exit(f"Error: {error}")
