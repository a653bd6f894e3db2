"""The working tree against a commit, in one go."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from tools.same_pictures.compare import Row, compared
from tools.same_pictures.make import timed_make
from tools.same_pictures.records import load

ROOT = Path(__file__).parents[2]
PLACE = ROOT / "build/same-pictures"


@contextlib.contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """A folder with `commit` in it, for as long as it is needed. Raises CalledProcessError for what is no commit."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), commit], check=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def against(commit: str, mended: Iterable[str]) -> tuple[list[Row], list[str]]:
    """How each record of the working tree's set fares beside the commit's, and what went wrong while they were made."""
    before, after, models = PLACE / "before", PLACE / "after", PLACE / "models"
    with checked_out(commit) as tree:
        problems = timed_make(tree, before, models, None)
    problems += timed_make(ROOT, after, models, before)
    return compared(load(before), load(after), mended), problems
