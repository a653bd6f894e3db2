"""A real worker process around the fake engine: `python tests/worker/fake_worker.py`."""

import sys

from fake_engine import FakeEngine

from imagine.worker.main import main

sys.exit(main([], make=FakeEngine))
