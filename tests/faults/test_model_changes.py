"""A model's file is replaced, written into, shortened and deleted while the real server draws with it.

Whatever is done to the file, a picture is that of the model whose digest it carries, or there is none, and it says why.
"""

import base64
import hashlib
import http.client
import json
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import psutil
import pytest
from PIL import Image

from tests.daemon import PATIENCE, REAL, Daemon

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

SMALL = {"prompt": "a fox", "seed": "7", "num_steps": 4, "width": 64, "height": 64}
LONG = SMALL | {"num_steps": 30, "width": 128, "height": 128, "progress": True}
CHANGED = "the file of model 'a' was changed while it drew, so there is no picture; ask again"
REPLACED = "model 'a' was replaced before it was loaded; ask again"
GONE = "model 'a' not found"


class Drawn(NamedTuple):
    """What came of a request: a picture's pixels and the digest that it carries, or an error."""

    pixels: bytes | None
    digest: str | None
    error: str | None = None


class House(NamedTuple):
    """A server, its folder of models, copies of the files as they were, and what each of them draws."""

    daemon: Daemon
    models: Path
    copies: Path
    right: dict[str, bytes]
    """Of a small picture."""
    long: Drawn
    """Of "a", undisturbed."""

    def path(self, name: str) -> Path:
        return self.models / f"{name}.safetensors"

    def copy(self, name: str) -> Path:
        return self.copies / f"{name}.safetensors"

    def digest(self, name: str) -> str:
        return hashlib.sha256(self.copy(name).read_bytes()).hexdigest()

    def restore(self) -> None:
        for name in "ab":
            fresh = self.path(name).with_suffix(".new")
            shutil.copy(self.copy(name), fresh)
            fresh.replace(self.path(name))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    from tests.checkpoints import tiny_modules, write_checkpoint

    home = tmp_path_factory.mktemp("house")
    models, copies = home / ".imagine/models", home / "copies"
    models.mkdir(parents=True)
    for seed, name in enumerate("ab"):  # two fine-tunes of one network: their headers are equal
        write_checkpoint(copies / f"{name}.safetensors", tiny_modules(seed=seed))
        shutil.copy(copies / f"{name}.safetensors", models)
    # In float32, as the files are stored: what is drawn with is the mapped file itself.
    with Daemon(home, REAL, "-d", "cpu", "--full-prec") as daemon:
        house = House(daemon, models, copies, {}, Drawn(None, None))
        for name in "ab":
            drawn = draw(house, name)
            assert drawn.pixels is not None, drawn.error
            house.right[name] = drawn.pixels
        assert house.right["a"] != house.right["b"]
        yield house._replace(long=disturb(house, lambda _: None))


def ask(house: House, body: dict) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection(urlsplit(house.daemon.url).netloc, timeout=PATIENCE)
    connection.request("POST", "/generate", json.dumps(body))
    return connection, connection.getresponse()


def drawn_from(said: dict) -> Drawn:
    if "error" in said:
        return Drawn(None, None, said["error"])
    return Drawn(Image.open(BytesIO(base64.b64decode(said["img"]))).tobytes(), said["meta"]["digest"])


def draw(house: House, name: str) -> Drawn:
    connection, answer = ask(house, SMALL | {"model": name})
    with closing(connection), answer:
        return drawn_from(json.load(answer))


def disturb(house: House, change: Callable[[House], None], after: int = 3) -> Drawn:
    """What comes of a long picture of "a" in which `change` happens after so many steps, while it stands still."""
    connection, answer = ask(house, LONG | {"model": "a"})
    with closing(connection), answer:
        lines = map(json.loads, answer)
        step = next(line["step"] for line in lines if line.get("step", 0) >= after)
        assert step < LONG["num_steps"], "it was done before anything could happen to it"
        with standing_still(house.daemon):
            change(house)
        return drawn_from(deque(lines, maxlen=1).pop())


@contextmanager
def standing_still(daemon: Daemon) -> Iterator[None]:
    """While nothing is drawn."""
    held = daemon.workers
    for worker in held:
        with suppress(psutil.NoSuchProcess):
            worker.suspend()
    try:
        yield
    finally:
        for worker in held:
            with suppress(psutil.NoSuchProcess):
                worker.resume()


def voided(house: House, change: Callable[[House], None]) -> Drawn:
    """What comes of a picture amid which its file was written into; anew where it was done before that."""
    for _ in range(5):
        house.restore()
        if (drawn := disturb(house, change)) != house.long:
            break
    return drawn


def overwrite(house: House) -> None:
    with house.path("a").open("r+b") as file:
        file.write(house.copy("b").read_bytes())


def copy_over(house: House) -> None:
    """As `cp` does: shortened to nothing first."""
    house.path("a").write_bytes(house.copy("b").read_bytes())


def shorten(house: House) -> None:
    os.truncate(house.path("a"), house.path("a").stat().st_size // 2)


def swap(house: House) -> None:
    house.path("a").rename(parked := house.models / "parked")
    house.path("b").rename(house.path("a"))
    parked.rename(house.path("b"))


def delete(house: House) -> None:
    house.path("a").unlink()


VOID = {"written into": overwrite, "copied over": copy_over, "shortened": shorten}
HARMLESS = {"swapped": swap, "deleted": delete}


@pytest.mark.parametrize("change", VOID.values(), ids=VOID)
def test_a_picture_whose_file_is_written_into_is_void_and_says_why(house: House, change: Callable) -> None:
    void = voided(house, change)
    # Who shortens a file that is read kills the reader: the picture is begun anew, and its file isn't what it was.
    assert void == Drawn(None, None, REPLACED if change is shorten and void.error == REPLACED else CHANGED)
    assert draw(house, "b") == Drawn(house.right["b"], house.digest("b")), "the server goes on"
    if change is shorten:
        assert "truncated" in (draw(house, "a").error or "")
    else:
        assert draw(house, "a") == Drawn(house.right["b"], house.digest("b")), "what it is now"
    house.restore()
    assert draw(house, "a") == Drawn(house.right["a"], house.digest("a"))


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
def test_a_picture_whose_file_is_another_by_name_is_that_of_the_old_one(house: House, change: Callable) -> None:
    house.restore()
    assert house.long.digest == house.digest("a")
    assert disturb(house, change) == house.long
    if change is delete:
        assert draw(house, "a") == Drawn(None, None, GONE)
    else:
        assert draw(house, "a") == Drawn(house.right["b"], house.digest("b"))
        assert draw(house, "b") == Drawn(house.right["a"], house.digest("a"))
    house.restore()
    assert draw(house, "a") == Drawn(house.right["a"], house.digest("a"))
