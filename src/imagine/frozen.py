"""The binary's first line of Python: the command line, a decoder of pictures, or what brings the attached half along:
a worker, what trains, a guard, what counts tokens."""

import signal
import sys

from .processes.runtime import (
    COUNTER_ARGUMENT,
    DECODER_ARGUMENT,
    DIGEST_ARGUMENT,
    GUARD_ARGUMENT,
    TRAINER_ARGUMENT,
    UNPACK_ARGUMENT,
    WORKER_ARGUMENT,
    is_frozen,
)

_SIGNING = frozenset(["c2pa", "cryptography"])
"""What is imported of it first."""


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
    if sys.argv[1:2] == [COUNTER_ARGUMENT]:
        _bring()
        from .counting.process import main as count

        sys.exit(count(sys.argv[2:]))
    if sys.argv[1:2] == [DIGEST_ARGUMENT]:
        from .identity import whole

        sys.exit(whole.main())
    if sys.argv[1:2] == [DECODER_ARGUMENT]:
        _bring_to_decoder()
        from .pictures.looking.process import main as decode

        sys.exit(decode(sys.argv[2:]))
    if sys.argv[1:] == [UNPACK_ARGUMENT]:
        sys.exit(_unpack())
    _offer_signing()
    from .cli.early import main

    main()


def _offer_signing() -> None:
    """Has what signs unpacked when it is first imported."""
    from .binary.on_import import OnImport

    sys.meta_path.insert(0, OnImport(_SIGNING, _bring_signing))


def _bring_signing() -> None:
    from .binary.attached import bring_signing

    bring_signing()


def _bring_to_decoder() -> None:
    """What signs now, since soon it may write no file; one that can't be unpacked is missed when it is to sign."""
    from .binary.attached import on_numpy
    from .words.errors import ImagineError

    if not is_frozen():
        return
    try:
        _bring_signing()
    except ImagineError as error:
        sys.stderr.write(f"{error}\n")
    on_numpy()


def _unpack() -> str | None:
    from .binary.attached import provide
    from .words.errors import ImagineError

    try:
        provide(sys.stderr, rest=True)
        _bring_signing()
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
