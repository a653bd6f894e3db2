"""Detached orders whose server is killed again and again: `python -m tests.faults.kept_orders --orders 200 --kills 20`.

Its worker paints nothing, in a process of its own. Orders are placed all the time, each under an Idempotency-Key, so
that one whose answer was lost is asked for again; a kill comes after so many events of one of them.
"""

import argparse
import http.client
import json
import random
import sqlite3
import tempfile
import threading
import urllib.error
import urllib.request
from pathlib import Path

from imagine.client.address import address_from
from imagine.client.client import Client
from tests.daemon import FAKE, PATIENCE, Daemon
from tests.ports import kept_port
from tests.server.served import add_model

STEPS = 4


class KeptOrders:
    """A home, its server, which is killed and started again at one address, and the orders that it has accepted."""

    def __init__(self, home: Path, port: int, seed: int = 0) -> None:
        self._home = home
        self._random = random.Random(seed)
        self._port = str(port)
        self._up = threading.Condition()
        self._lost: list[Exception] = []
        self.accepted: dict[str, str] = {}
        """By the key of each: its id."""
        self.seeds: dict[str, str] = {}
        add_model(home / ".imagine", "fox")
        self._daemon = self._started()
        self.client = Client(address_from(f"127.0.0.1:{self._port}"))

    def _started(self) -> Daemon:
        return Daemon(self._home, [*FAKE, "--worker", "process"], "--port", self._port)

    def run(self, orders: int, kills: int) -> None:
        """So many orders, and so many kills while they are placed and made. Raises AssertionError where one is lost."""
        placing = threading.Thread(target=self._place_all, args=(orders,))
        placing.start()
        try:
            for kill in range(kills):
                self._wait_for(orders * kill // kills + 1)
                self._follow_for(self._random.randint(1, 3 * STEPS))
                self._kill()
            placing.join(PATIENCE)
            assert not self._lost, self._lost
            self._check(orders)
        finally:
            self._daemon.kill()

    def _place_all(self, orders: int) -> None:
        try:
            for number in range(orders):
                self._place(f"order {number}")
        except Exception as error:  # noqa: BLE001 - the other thread tells it
            self._lost.append(error)

    def _place(self, key: str) -> None:
        """Asks until there is an answer: as often as the server is killed amid it."""
        body = json.dumps({"prompt": "slow", "num_steps": STEPS}).encode()
        while True:
            request = urllib.request.Request(f"http://127.0.0.1:{self._port}/jobs", body, {"Idempotency-Key": key})
            with self._up:
                served = self._daemon
            try:
                with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                    said = json.load(answer)
                break
            except urllib.error.HTTPError:
                raise
            except (OSError, http.client.HTTPException):
                with self._up:
                    assert self._up.wait_for(lambda served=served: self._daemon is not served, PATIENCE)
        with self._up:
            self.accepted[key] = said["id"]
            self.seeds[said["id"]] = said["pictures"][0]["seed"]
            self._up.notify_all()

    def _wait_for(self, count: int) -> None:
        with self._up:
            assert self._up.wait_for(lambda: len(self.accepted) >= count or self._lost, PATIENCE)

    def _follow_for(self, events: int) -> None:
        """Reads so many events of some order, or all that there are."""
        with self._up:
            order = self._random.choice(list(self.accepted.values()))
        for _, _line in zip(range(events), self.client.follow(order), strict=False):
            continue

    def _kill(self) -> None:
        workers = self._daemon.workers
        self._daemon.kill()
        for worker in workers:
            worker.wait(PATIENCE)
        started = self._started()
        with self._up:
            self._daemon = started
            self._up.notify_all()

    def _check(self, orders: int) -> None:
        """Each ends once, with the picture of the seed that it was accepted with."""
        for order, seed in self.seeds.items():
            lines = list(self.client.follow(order))
            assert [line["state"] for line in lines if line["status"] == "end"] == ["succeeded"], lines
            (final,) = [line for line in lines if line["status"] == "final"]
            assert (str(final["meta"]["seed"]), final["meta"]["prompt"]) == (seed, "slow")
            assert self.client.picture(final["url"]).startswith(b"png of ")
        self._daemon.kill()
        with sqlite3.connect(self._home / ".imagine/orders/orders.sqlite") as book:
            assert book.execute("SELECT state, count(*) FROM orders GROUP BY state").fetchall() == [
                ("succeeded", orders)
            ]
            assert book.execute("SELECT count(*) FROM pictures").fetchone() == (orders,)
            assert book.execute("SELECT count(*) FROM plans").fetchone() == (0,)
            assert book.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        book.close()
        pictures = list((self._home / ".imagine/orders/pictures").glob("*.png"))
        assert len(pictures) >= orders


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    said = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, kept_port() as port:
        KeptOrders(Path(folder), port, said.seed).run(said.orders, said.kills)
    print(f"{said.orders} orders, {said.kills} kills: each ended once, with its picture")


if __name__ == "__main__":
    main()
