from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.fake_server import FakeServer


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    """A fake server that IMAGINE_HOST names; the current folder is empty."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IMAGINE_API_KEY", raising=False)
    with FakeServer() as fake:
        monkeypatch.setenv("IMAGINE_HOST", fake.address)
        yield fake
