"""Tests of the built binary: `make binary-test`. Without a binary there is nothing here to collect."""

from pathlib import Path

import pytest

from tests.daemon import BINARY

collect_ignore_glob = [] if BINARY else ["test_*.py"]


@pytest.fixture
def binary() -> Path:
    """The file that is tested."""
    assert BINARY is not None
    return Path(BINARY)
