"""The real worker, in which the tables hold one family more: `python -m tests.families.made_up.worker`."""

import sys
from typing import Any

from imagine.worker.main import main

from .facts import ROW


def engine(settings: Any) -> Any:
    from imagine.engine.engine import Engine
    from imagine.engine.families.table import OPENERS
    from imagine.families.table import FAMILIES

    from .family import open_made_up

    FAMILIES[ROW.name] = ROW
    OPENERS[ROW.name] = open_made_up
    return Engine(settings)


if __name__ == "__main__":
    sys.exit(main(make=engine))
