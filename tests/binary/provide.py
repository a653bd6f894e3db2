"""Brings the attached half of the binary that the variable names, as a worker of version `argv[1]` would."""

import os
import signal
import sys
from pathlib import Path

from imagine.binary.attached import provide_in
from imagine.words.errors import ImagineError

signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # which Python ignores: here it is the kill half-way
try:
    print(provide_in(Path(sys.argv[1]), os.environ["_IMAGINE_FILE"], sys.stderr))
except ImagineError as error:
    sys.exit(f"Error: {error}")
