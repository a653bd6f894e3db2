"""Other programs' own clients, for tests of them: in the Python that a test is told of, else in this one."""

import os
import sys
from importlib import metadata

import pytest


def python_with(distribution: str) -> str:
    """A Python that has `distribution`: what IMAGINE_TEST_NAME names, else this one. Skips the test where neither has.

    A folder of tests may be called as the client is, and then could be imported: installed is what has metadata.
    """
    variable = f"IMAGINE_TEST_{distribution.upper().replace('-', '_')}"
    if named := os.environ.get(variable):
        return named
    try:
        metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        pytest.skip(f"needs {distribution}, or a Python that has it in {variable}")
    return sys.executable
