"""The binary's first line of Python: the command line, or a worker, which brings the attached half along."""

import os
import signal
import sys

from imagine.runtime import WORKER_ARGUMENT


def main() -> None:
    """Becomes what the arguments say."""
    _forget_own_libraries()
    if sys.argv[1:2] == [WORKER_ARGUMENT]:
        _be_worker(sys.argv[2:])
    from imagine.cli.main import main

    main()


def _be_worker(arguments: list[str]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):  # the gateway's to heed, while unpacking too
        signal.signal(number, signal.SIG_IGN)
    from imagine.binary.attached import bring
    from imagine.errors import ImagineError

    try:
        bring(sys.stderr)
    except ImagineError as error:
        sys.exit(str(error))
    from imagine.worker.main import main

    sys.exit(main(arguments))


def _forget_own_libraries() -> None:
    """PyInstaller's loader has pointed LD_LIBRARY_PATH at our libraries: no browser that we open should take them."""
    before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
    os.environ.pop("LD_LIBRARY_PATH", None)
    if before is not None:
        os.environ["LD_LIBRARY_PATH"] = before


if __name__ == "__main__":
    main()
