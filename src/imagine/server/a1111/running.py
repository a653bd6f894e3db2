"""What a client of this dialect has going on, for who asks how far it is; and what it has set."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from ...words.events import Failed, Finished, Preview, Progress
from ..http.security import GUARD, client_of
from ..orders.event_log import OrderEvent
from ..orders.order import Order

_MOST = 256
"""Clients that are remembered; those that were here last."""


@dataclass(eq=False, slots=True)
class Running:
    """An order of a client, and how far it is."""

    order: Order
    task: str
    begun: float
    done: dict[int, Finished] = field(default_factory=dict)
    steps: dict[int, tuple[int, int]] = field(default_factory=dict)
    """By its pictures' index: the last step, of how many."""
    remaining: float | None = None
    preview: Preview | None = None
    interrupted: bool = False

    def take(self, event: OrderEvent) -> None:
        """One thing that happened."""
        report = event.report
        match report:
            case Progress():
                self.steps[event.index] = (report.step, report.steps)
                self.remaining = report.remaining
            case Preview():
                self.preview = report
            case Finished():
                self.done[event.index], self.preview = report, None
            case Failed():  # it isn't to be shown, nor is what there was of it
                self.preview = None

    @property
    def count(self) -> int:
        """How many pictures it is of."""
        return len(self.order.pictures)

    @property
    def step(self) -> tuple[int, int]:
        """Of the picture that is being made: the last step, of how many."""
        making = [each for index, each in sorted(self.steps.items()) if index not in self.done]
        return making[-1] if making else (0, self.order.pictures[0].params.num_steps)

    @property
    def progress(self) -> float:
        """Which part of all of it is done, 0…1; never all, since it isn't here then."""
        parts = [step / max(1, steps) for index, (step, steps) in self.steps.items() if index not in self.done]
        return min(0.99, (len(self.done) + sum(parts)) / self.count)


@dataclass(eq=False, slots=True)
class WebUIClient:
    """One client: what it has set, and what it waits for."""

    options: dict[str, Any] = field(default_factory=dict)
    running: list[Running] = field(default_factory=list)

    def begin(self, order: Order, task: str) -> Running:
        """An order is placed."""
        begun = Running(order, task, time.time())
        self.running.append(begun)
        return begun

    def current(self, task: str | None = None) -> Running | None:
        """What is being made: the first that has begun; of a `task`, that one."""
        asked = [each for each in self.running if task is None or each.task == task]
        return next((each for each in asked if each.steps), next(iter(asked), None))


class WebUIClients:
    """Those of one application, by who they are. Used from one event loop."""

    def __init__(self) -> None:
        self._clients: OrderedDict[tuple[str, str | None], WebUIClient] = OrderedDict()

    def of(self, request: web.Request) -> WebUIClient:
        """The client that asks: its address, with its key."""
        key = (client_of(request), request.app[GUARD].key_of(request))
        client = self._clients.setdefault(key, WebUIClient())
        self._clients.move_to_end(key)
        idle = [each for each, known in self._clients.items() if not known.running and each != key]
        for each in idle[: max(0, len(self._clients) - _MOST)]:
            del self._clients[each]
        return client


CLIENTS = web.AppKey("webui clients", WebUIClients)


def prepare(app: web.Application) -> None:
    """Has the application know its clients."""
    app[CLIENTS] = WebUIClients()


def state_of(running: Running | None) -> Mapping[str, Any]:
    """The `state` of `/sdapi/v1/progress`."""
    step, steps = running.step if running else (0, 0)
    stamp = time.strftime("%Y%m%d%H%M%S", time.localtime(running.begun if running else 0))
    return {
        "skipped": False,
        "interrupted": bool(running and running.interrupted),
        "stopping_generation": False,
        "job": running.task or f"task({running.order.id})" if running else "",
        "job_count": running.count if running else 0,
        "job_timestamp": stamp if running else "0",
        "job_no": len(running.done) if running else 0,
        "sampling_step": step,
        "sampling_steps": steps,
    }
