"""What commands and the server do with a path to something that never ends, or to more than they take."""

import os
from pathlib import Path

import pytest

from imagine.cli.main import main
from tests.cli.fake_server import FakeServer, png


@pytest.fixture(params=["endless", "pipe", "large"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A device, a FIFO that nobody writes to, or 3 GB of nothing."""
    place = tmp_path / f"{request.param}.png"
    if request.param == "endless":
        place.symlink_to("/dev/zero")
    elif request.param == "pipe":
        os.mkfifo(place)
    else:
        with place.open("wb") as file:
            file.truncate(3 * 2**30)
    return str(place)


COMMANDS = [
    ["info"], ["convert"], ["verify"], ["run", "a fox", "--from"], ["run", "a fox", "-i"],
    ["run", "a fox", "-i", "photo.png", "--mask"], ["serve", "--config"], ["serve", "--api-key-file"],
    ["serve", "--presets"],
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_it_is_refused_at_once_by_its_name(
    command: list[str], path: str, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("photo.png").write_bytes(png())
    with pytest.raises(SystemExit) as ended:
        main([*command, path])
    assert ended.value.code not in (0, None)
    said = capsys.readouterr().err
    assert path in said
    assert any(why in said for why in ("is a device", "is a pipe", "is larger than"))
    assert not server.asked
