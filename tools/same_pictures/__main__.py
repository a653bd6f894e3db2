"""`python -m tools.same_pictures make|compare|against`: see the package."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import tools.same_pictures as package
from tools.same_pictures.against import against
from tools.same_pictures.compare import Row, compared, table
from tools.same_pictures.make import timed_make
from tools.same_pictures.records import load


def main() -> int:
    options = _parser().parse_args()
    rows: list[Row] = []
    problems: list[str] = []
    if options.command == "make":
        models = options.models or (options.before or options.out).resolve().parent / "models"
        problems = timed_make(options.source, options.out, models, options.before)
    elif options.command == "compare":
        rows = compared(load(options.before), load(options.after), options.mended)
    else:
        rows, problems = against(options.commit, options.mended)
    if rows:
        print(table(rows))
    for problem in problems:
        print(problem)
    return int(bool(problems) or any(row.lost for row in rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.same_pictures",
        description=package.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make", help="draw a set; exits 1 where a picture is refused or doesn't come again")
    making.add_argument("out", type=Path, help="the folder of the set, which is emptied first")
    making.add_argument("--source", type=Path, default=Path(), help="the tree, which holds src/")
    making.add_argument("--before", type=Path, help="the set to be compared with: what it saved is made again")
    making.add_argument("--models", type=Path, help="the folder of tiny models, made where it isn't there")
    comparing = commands.add_parser("compare", help="print what differs; exits 1 where anything does")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    whole = commands.add_parser("against", help="make the sets of a commit and of the working tree, and compare them")
    whole.add_argument("commit")
    for command in (comparing, whole):
        command.add_argument("--mended", nargs="*", default=[], help="fields of recipes and answers changed on purpose")
    return parser


if __name__ == "__main__":
    sys.exit(main())
