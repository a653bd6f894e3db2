"""`imagine serve` with a worker that paints without a model. SIGUSR1 makes its event loop hang for ever."""

import signal
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from imagine.cli.main import main  # noqa: E402
from imagine.dispatch import process  # noqa: E402

process.worker_command = lambda: [sys.executable, str(ROOT / "tests/worker/fake_worker.py")]
signal.signal(signal.SIGUSR1, lambda *_: threading.Event().wait())
main(["serve", *sys.argv[1:]])
