"""`imagine serve` without a model, in a process to kill: `fake_serve.py --worker prompted|process [--port N]`.

The worker is a `PromptedWorker` within the server, or a process of its own around the fake engine. Its models are in
the folder `models` of IMAGINE_HOME.
"""

import argparse
import asyncio
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from imagine.dispatch.process import ProcessWorker  # noqa: E402
from imagine.server.serve import serve  # noqa: E402
from imagine.settings.settings import settings_from  # noqa: E402
from imagine.words.frames import WorkerSettings  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", default="0")
    parser.add_argument("--worker", choices=["prompted", "process"], default="prompted")
    parser.add_argument("--offline", action="store_true")
    said = parser.parse_args()
    settings, _ = settings_from({"host": said.host, "port": said.port, "offline": said.offline})
    asyncio.run(run(settings, said.worker))


async def run(settings, kind) -> None:
    if kind == "process":
        command = [sys.executable, str(ROOT / "tests/worker/fake_worker.py")]
        workers = [ProcessWorker(WorkerSettings(heartbeat=0.2), command=command)]
    else:
        from tests.server.served import PromptedWorker

        workers = [PromptedWorker()]
    await serve(settings, workers=workers, ready=lambda urls: print(f"Listening on {urls[0]}", file=sys.stderr))


main()
