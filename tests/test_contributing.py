"""CONTRIBUTING.md names files and tasks that exist."""

import re
from pathlib import Path

import pytest

PAGE = Path("CONTRIBUTING.md").read_text()
TASKS = set(re.findall(r"^([a-z-]+):.*## ", Path("Makefile").read_text(), re.MULTILINE))
ROOTS = (".", "src/imagine", "src/imagine/engine", "src/imagine/engine/families")
MADE = {"dist/imagine"}


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([\w.-]+(?:/[\w.*-]*)+|\w+\.(?:py|md))`", PAGE)) - MADE))
def test_a_file_that_is_named_is_there(name: str) -> None:
    assert any(list(Path(root).glob(name.rstrip("/"))) for root in ROOTS), name


def test_every_task_that_is_named_is_there() -> None:
    named = set(re.findall(r"\bmake ([a-z-]+)", re.sub(r"[^`\n]*(`[^`]*`)[^`\n]*", r"\1 ", PAGE)))
    assert named >= {"test", "test-fast", "docs", "page", "format", "lint", "binary"}
    assert named <= TASKS


def test_every_module_that_is_run_is_there() -> None:
    for module in re.findall(r"python -m ([\w.]+)", PAGE):
        assert Path(module.replace(".", "/") + ".py").is_file(), module
