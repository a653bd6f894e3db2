"""A process that was asked over pipes ends whole, also while somebody waits for its answer."""

import asyncio

import pytest

from imagine.processes.reaping import reap


def test_who_waits_for_an_answer_and_who_waits_for_its_end_both_hear_of_it():
    async def act():
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec("cat", stdin=pipe, stdout=pipe)
        answer = asyncio.create_task(process.stdout.readexactly(4))
        await asyncio.sleep(0)  # it waits
        process.kill()
        process.stdin.close()
        await reap(process)
        assert process.stdout.at_eof()
        with pytest.raises(asyncio.IncompleteReadError):
            await answer

    asyncio.run(act())


def test_what_nobody_reads_any_more_keeps_no_process():
    async def act():
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec("head", "-c", "9999999", "/dev/zero", stdin=pipe, stdout=pipe)
        await reap(process)
        assert (process.returncode, process.stdout.at_eof()) == (0, True)

    asyncio.run(act())
