"""A gateway for a test to kill: `gateway.py PROMPT` prints its worker's pid once that is in the job."""

import asyncio
import sys
from pathlib import Path

from imagine.dispatch.process import ProcessWorker
from imagine.words.frames import WorkerSettings

sys.path.insert(0, str(Path(__file__).parents[1] / "worker"))
from fake_engine import submit


async def main(prompt: str) -> None:
    command = [sys.executable, str(Path(__file__).parents[1] / "worker/fake_worker.py")]
    worker = ProcessWorker(WorkerSettings(heartbeat=0.05), command=command)
    ready = asyncio.Event()
    worker.watch(ready.set)
    await worker.start()
    await ready.wait()
    if prompt == "idle":
        print(worker.pid, flush=True)
        await asyncio.Event().wait()
    async for event in worker.submit(submit("1", prompt, steps=1000)):
        if type(event).__name__ == "Progress" and event.step == 1:
            print(worker.pid, flush=True)


asyncio.run(main(sys.argv[1]))
