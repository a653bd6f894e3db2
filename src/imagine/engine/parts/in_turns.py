"""A network's forward in slices, whatever the network is: on a thread of its own, held before each of its layers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import torch

from .slices import Slices, T


class _Closed(BaseException):
    """Nobody wants what is made any more."""


class _Handover:
    """One thread at a time goes on: the one that takes turns, or the one that gives them."""

    def __init__(self) -> None:
        self._go, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = 0
        self.closed = False

    def begin(self) -> None:
        """On the thread that takes turns, as its first word: until the first of them."""
        self._thread = threading.get_ident()
        self.pause()

    def pause(self, *_: Any) -> None:
        """Until the next turn. Raises _Closed where none follows. Others may run the same network meanwhile."""
        if threading.get_ident() != self._thread:
            return
        self._stopped.release()
        self._go.acquire()
        if self.closed:
            raise _Closed

    def ended(self) -> None:
        """On that thread, as its last word."""
        self._stopped.release()

    def turn(self) -> None:
        """On the other thread: give a turn, and wait for its end."""
        self._go.release()
        self._stopped.acquire()

    def wait(self) -> None:
        """Until the thread has come to its first pause."""
        self._stopped.acquire()


def in_turns(network: torch.nn.Module, work: Callable[[], T]) -> Slices[T]:
    """What `work` returns or raises, which runs `network`. Closing the generator ends it before the next layer."""
    handover, done = _Handover(), Future[T]()
    threads = torch.get_num_threads()

    @torch.inference_mode()
    def run() -> None:
        torch.set_num_threads(threads)
        try:
            handover.begin()
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            done.set_exception(error)
        finally:
            handover.ended()

    layers = [layer for layer in network.modules() if not any(layer.children())]
    handles = [layer.register_forward_pre_hook(handover.pause) for layer in layers]
    thread = threading.Thread(target=run, name="upscaling", daemon=True)
    thread.start()
    handover.wait()
    try:
        handover.turn()
        while not done.done():
            yield
            handover.turn()
        return done.result()
    finally:
        handover.closed = True
        if not done.done():
            handover.turn()
        thread.join()
        for handle in handles:
            handle.remove()
