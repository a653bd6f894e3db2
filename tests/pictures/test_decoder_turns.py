"""Who goes next where only one can."""

import asyncio

from imagine.pictures.looking.turns import Turns


def order_of(*wanted, hang_up=()):
    """The clients in the order in which they had their turn; the first holds it until all have come."""

    async def act():
        turns, served, come = Turns(), [], asyncio.Event()

        async def wish(client):
            async with turns.turn(client):
                await come.wait()
                served.append(client)

        tasks = [asyncio.create_task(wish(client)) for client in wanted]
        while len([task for task in tasks if task.get_coro().cr_await is not None]) < len(tasks):
            await asyncio.sleep(0)
        for index in hang_up:
            tasks[index].cancel()
        come.set()
        await asyncio.wait(tasks)
        async with turns.turn("last"):  # nothing is left taken
            return served

    return asyncio.run(act())


def test_clients_take_turns_and_a_newcomer_is_next():
    assert order_of("a", "a", "a", "a", "b") == ["a", "b", "a", "a", "a"]
    assert order_of("a", "a", "a", "b", "b", "c") == ["a", "b", "a", "c", "b", "a"]


def test_who_hangs_up_leaves_the_turn_to_the_next():
    assert order_of("a", "b", "c", "c", hang_up=[1, 3]) == ["a", "c"]
    assert order_of("a", "b", hang_up=[0]) == ["b"]


def test_a_turn_that_was_just_given_to_who_hangs_up_is_passed_on():
    async def act():
        turns = Turns()
        async with turns.turn("a"):
            waiting = [asyncio.create_task(turns.turn(name).__aenter__()) for name in "bc"]
            await asyncio.sleep(0)
        waiting[0].cancel()  # its turn has come, and it doesn't know yet
        await asyncio.wait_for(waiting[1], 120)

    asyncio.run(act())
