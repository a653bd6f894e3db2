"""What `/openapi.json` says, held against what is answered: thousands of requests that it allows, and that it forbids.

The test asks the same in every run; `python -m tests.server.test_properties COUNT [MODEL]` asks for something else each
time, about so often, and says how many and in how much memory.
MODEL is a checkpoint that really paints: what is asked of it natively is made small enough to be painted.
"""

import shutil
import sys
from collections import Counter
from pathlib import Path

import psutil
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.daemon import FAKE, REAL, Daemon
from tests.registry import declared

REQUESTS = 1500
"""`make fuzz` makes 6,000."""
GROWTH = 16 * 2**20
"""Bytes that a server may grow by, from a tenth of the requests to all of them."""
TIMEOUT = 300.0
_CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
_OTHERS = ("/v1/", "/openai/", "/api/", "/sdapi/", "/controlnet/", "/internal/", "/queue/", "/prompt", "/history",
           "/queue", "/interrupt", "/free", "/ws", "/upload/", "/view", "/system_stats", "/object_info", "/embeddings",
           "/extensions", "/features", "/models/{folder}")  # fmt: skip
"""Other programs' dialects: their errors have shapes of their own."""
_STEPS, _SIDE, _MARGIN, _SCALE = (2, 150), (128, 2048), (16, 1984), (1.5, 4)
_LEAST_WORK = dict.fromkeys(["num_steps", "steps", "num_inference_steps"], _STEPS) | {"count": (2, 16)}
_LEAST_WORK |= dict.fromkeys(["width", "height"], _SIDE) | dict.fromkeys(["hires", "scale"], _SCALE)
_LEAST_WORK |= dict.fromkeys(["extend", "left", "top", "right", "bottom"], _MARGIN)
"""What a real model is asked for at most, and up to what that can be had."""


class Run:
    """One server, asked again and again; `paints` if that takes time, `same` if every run is to ask the same."""

    def __init__(self, daemon: Daemon, paints: bool = False, same: bool = False) -> None:
        self._paints, self._same = paints, same
        self.seen: Counter[int] = Counter()
        self._daemon = daemon
        self._session = requests.Session()
        self._document = self._session.get(f"{daemon.url}/openapi.json", timeout=TIMEOUT).json()

    @property
    def count(self) -> int:
        return self.seen.total()

    @property
    def memory(self) -> int:
        return int(psutil.Process(self._daemon.process.pid).memory_info().rss)

    def make(self, count: int) -> None:
        """About `count` requests: two thirds of them to all operations in turn, the rest to `/generate`."""
        schema = schemathesis.openapi.from_dict(self._document)
        operations = [result.ok() for result in schema.get_all_operations()]
        if self._paints:
            operations = [operation for operation in operations if not operation.path.startswith(_OTHERS)]
        share = max(2, count // (3 * len(operations)))
        target, generate = self.count + count, None
        for operation in operations:
            for mode in modes(operation):
                self._ask(operation, mode, share)
            if operation.label == "POST /generate":
                generate = operation
        while self.count < target:
            for mode in modes(generate):
                self._ask(generate, mode, min(500, max(2, (target - self.count) // 2)))

    def _ask(self, operation, mode: GenerationMode, count: int) -> None:
        checks = _CHECKS if not operation.path.startswith(_OTHERS) else [not_a_server_error]

        @settings(
            max_examples=count, deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck), derandomize=self._same,
        )  # fmt: skip
        @given(case=operation.as_strategy(mode))
        def ask(case) -> None:
            if self._paints:
                lighten(case.body)
            answer = case.call(base_url=self._daemon.url, session=self._session, timeout=TIMEOUT)
            self.seen[answer.status_code] += 1
            case.validate_response(answer, checks=checks)
            if answer.status_code >= 400 and case.method != "HEAD":  # which is answered without a body
                assert {"error", "detail"} & answer.json().keys(), answer.text

        try:
            ask()
        except Unsatisfiable:  # a body of any bytes can't be a wrong one
            assert mode is GenerationMode.NEGATIVE


def modes(operation) -> list[GenerationMode]:
    """Where an operation takes nothing, or only text in its path, nothing can be wrong."""
    takes = any(True for part in (operation.query, operation.body) for _ in part)
    return [GenerationMode.POSITIVE, GenerationMode.NEGATIVE] if takes else [GenerationMode.POSITIVE]


def lighten(body: object) -> None:
    """Makes what is asked for small, where it is within the bounds; what is wrong stays wrong."""
    if not isinstance(body, dict):
        return
    for name, value in body.items():
        lighten(value)
        most, highest = _LEAST_WORK.get(name, (0, 0))
        if type(value) in (int, float) and most < value <= highest:
            body[name] = most


def start(home: Path, model: Path | None = None) -> Daemon:
    (home / ".imagine/models").mkdir(parents=True)
    if model is not None:
        shutil.copy(model, home / ".imagine/models/fox.safetensors")
        return Daemon(home, REAL, "--offline")
    declared.write(home / ".imagine/models/fox.safetensors", declared.tiny())
    return Daemon(home, FAKE, "--offline")


def measured(home: Path, count: int, model: Path | None = None, *, same: bool = False) -> tuple[Run, int]:
    """The run, and by how many bytes the server grew after its first tenth."""
    with start(home, model) as daemon:
        run = Run(daemon, paints=model is not None, same=same)
        run.make(count // 10)
        before = run.memory
        run.make(count - run.count)
        grown = run.memory - before
        assert daemon.stop() == 0
        assert not [line for line in daemon.said if "Traceback" in line or "ERROR" in line]
    return run, grown


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_every_answer_is_one_that_the_document_allows(tmp_path):
    run, grown = measured(tmp_path, REQUESTS, same=True)
    assert run.count >= REQUESTS
    assert run.seen[200] >= REQUESTS // 10, f"hardly anything was understood: {run.seen}"
    assert run.seen[400] >= REQUESTS // 10, f"hardly anything was refused: {run.seen}"
    assert grown < GROWTH, f"grew by {grown / 2**20:.0f} MiB in {run.count} requests"


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        run, grown = measured(Path(folder), int(sys.argv[1]), *map(Path, sys.argv[2:3]))
        print(f"{run.count} requests, {dict(sorted(run.seen.items()))}, grown by {grown / 2**20:.1f} MiB")
