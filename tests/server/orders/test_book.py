"""How long a book in memory knows an order."""

import asyncio

from imagine.fairness.allowance import Allowance
from imagine.server.orders.book import MemoryBook
from imagine.server.orders.event_log import EventLog
from imagine.server.orders.order import Order
from imagine.server.orders.output import AS_PAINTED
from imagine.words.events import Finished


def order(name, size=0):
    log = EventLog(keeps=True)
    if size:
        log.add(0, Finished(job="j", data=bytes(size), meta={}, timings={}))
    return Order(
        id=name, client="c", attached=False, pictures=[], warnings=[], output=AS_PAINTED, streams=False,
        progress=False, placed_at=0.0, holding=Allowance().holding(), log=log,
    )  # fmt: skip


def ended(book, placed):
    placed.state = "succeeded"
    asyncio.run(book.put(placed))


def test_an_order_that_ended_is_known_for_a_while():
    now = [0.0]
    book = MemoryBook(kept=60, clock=lambda: now[0])
    first, second, running = order("first"), order("second"), order("running")
    for placed in (first, running, second):
        asyncio.run(book.put(placed))
    ended(book, first)
    now[0] = 59
    ended(book, second)
    assert book.list() == [first, running, second]
    now[0] = 60
    assert (book.get("first"), book.get("second")) == (None, second)
    now[0] = 1e6
    assert book.list() == [running]
    book.drop("running")
    book.drop("running")
    assert book.list() == []


def test_pictures_of_ended_orders_take_so_much_memory_and_no_more():
    book = MemoryBook(most_bytes=1000)
    running = order("running", 5000)
    asyncio.run(book.put(running))
    for number in range(50):
        ended(book, order(str(number), 300))
    assert [placed.id for placed in book.list()] == ["running", "47", "48", "49"]
    ended(book, order("huge", 5000))
    assert [placed.id for placed in book.list()] == ["running", "huge"], "whoever it was made for may just be coming"
