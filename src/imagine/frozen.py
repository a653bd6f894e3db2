"""The binary's first line of Python: the command line, a decoder of pictures, or what brings the attached half along:
a worker, what trains, a guard."""

import signal
import sys

from .processes.runtime import (
    DECODER_ARGUMENT,
    DIGEST_ARGUMENT,
    GUARD_ARGUMENT,
    TRAINER_ARGUMENT,
    UNPACK_ARGUMENT,
    WORKER_ARGUMENT,
)


def main() -> None:
    """Becomes what the arguments say."""
    if sys.argv[1:2] == [WORKER_ARGUMENT]:
        _bring()
        from .worker.main import main as work

        sys.exit(work(sys.argv[2:]))
    if sys.argv[1:2] == [TRAINER_ARGUMENT]:
        _bring()
        from .training.process import main as train

        sys.exit(train(sys.argv[2:]))
    if sys.argv[1:2] == [GUARD_ARGUMENT]:
        _bring()
        from .guard.process import main as compare

        sys.exit(compare(sys.argv[2:]))
    if sys.argv[1:2] == [DIGEST_ARGUMENT]:
        from .identity import whole

        sys.exit(whole.main())
    if sys.argv[1:2] == [DECODER_ARGUMENT]:
        from .pictures.looking.process import main as decode

        sys.exit(decode(sys.argv[2:]))
    if sys.argv[1:] == [UNPACK_ARGUMENT]:
        sys.exit(_unpack())
    from .cli.early import main

    main()


def _unpack() -> str | None:
    from .binary.attached import provide
    from .words.errors import ImagineError

    try:
        provide(sys.stderr, rest=True)
    except ImagineError as error:
        return str(error)
    return None


def _bring() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the gateway's to heed, while unpacking too
        signal.signal(number, signal.SIG_IGN)
    from .binary.attached import bring
    from .words.errors import ImagineError

    try:
        bring(sys.stderr)
    except ImagineError as error:
        sys.exit(str(error))
