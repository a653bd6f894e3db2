from pathlib import Path

import pytest

from tests.binary.tiny import has_compiler, write_binary


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the binaries `imagine1` and `imagine2`, and what they were made of in `made1` and `made2`."""
    if not has_compiler():
        pytest.skip("there is no C compiler to build the launcher with")
    folder = tmp_path_factory.mktemp("binaries")
    for seed in (1, 2):
        write_binary(folder, seed)
    return folder


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """Where binaries unpack themselves in a test; it doesn't exist yet."""
    return tmp_path / "runtime"
