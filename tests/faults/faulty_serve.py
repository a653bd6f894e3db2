"""`imagine serve` whose worker meets faults: `faulty_serve.py FOLDER STAGE:KIND,… [OPTIONS]`."""

import sys
from pathlib import Path

from imagine.cli.main import main
from imagine.dispatch import process

FOLDER, FAULTS = sys.argv[1:3]
WORKER = str(Path(__file__).with_name("faulty_worker.py"))

process.worker_command = lambda: [sys.executable, WORKER, FOLDER, *FAULTS.split(",")]
main(["serve", "--device", "cpu", *sys.argv[3:]])
