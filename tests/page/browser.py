"""A headless Chromium, and a server in a thread of its own for it to look at."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

from aiohttp import web

from imagine.assistant.assistant import Assistant
from imagine.pictures.looking.turns import Turns
from imagine.registry.registry import Registry
from imagine.server.app import make_app
from imagine.server.gateway.gateway import Gateway
from tests.assistant.fake_models import modelled
from tests.page.painter import Painter
from tests.ports import kept_port
from tests.server.served import add_model, settings_at

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-software-rasterizer", "--force-color-profile=srgb"]
"""No sandbox, since tests run as root in containers; no GPU, and no emulation of one, which is slower than none."""
ELSEWHERE = "pictures.test"
"""A name that is this machine's, but to the browser another's: plain http there is no secure context."""
ROOT = Path(__file__).parents[2]
UI = ROOT / "ui"
TOYBOX = ROOT / "models.example" / "toybox.safetensors"
PATIENCE = 240.0
"""Seconds: for what hangs, not for what is slow."""


def chromium() -> str | None:
    """The browser to test with: IMAGINE_CHROMIUM, or what is on the path."""
    named = os.environ.get("IMAGINE_CHROMIUM")
    return named or next((found for name in NAMES if (found := shutil.which(name))), None)


@contextlib.contextmanager
def browser():
    """A running Chromium, through Playwright."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=chromium(),
            args=[*FLAGS, f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1"],
            timeout=PATIENCE * 1000,
        )
        try:
            yield started
        finally:
            started.close()


@contextlib.contextmanager
def real_server(home):
    """The address of a server of its own process, with the shipped model, on a free port."""
    with kept_port() as port:
        command = [sys.executable, "-m", "imagine", "serve", "--host", "127.0.0.1", "-p", str(port), "-d", "cpu"]
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | {"IMAGINE_HOME": str(home)}
        )
        try:
            url = f"http://127.0.0.1:{port}/"
            _wait_for(process, url)
            yield url
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _wait_for(process, url):
    until = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{url}health").close()
            return
        assert process.poll() is None, "the server ended"
        assert time.monotonic() < until, "the server did not answer"
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.1)


async def assisted_by(fake, gateway):
    """Has the gateway ask the fake's client, which waits for nothing."""
    await gateway.assistant.close()
    state = gateway.settings.home / "state"
    gateway.assistant = Assistant(fake.settings, state, server=fake.client, turn=Turns().turn)


_STOCK = """([entries, picture]) => new Promise((done, failed) => {
    const bytes = Uint8Array.from(atob(picture), (one) => one.charCodeAt(0));
    const file = new Blob([bytes], { type: "image/png" });
    const request = indexedDB.open("imagine", 1);
    request.onupgradeneeded = () => {
        for (const name of ["entries", "files", "sources", "draft"]) request.result.createObjectStore(name);
    };
    request.onsuccess = () => {
        const transaction = request.result.transaction(["entries", "files"], "readwrite");
        for (const entry of entries) {
            transaction.objectStore("entries").put({ ...entry, thumb: file }, entry.id);
            transaction.objectStore("files").put(file, entry.id);
        }
        transaction.oncomplete = () => { request.result.close(); done(); };
        transaction.onabort = () => failed(transaction.error);
    };
})"""
_HELD = """() => new Promise((done) => {
    const request = indexedDB.open("imagine");
    request.onsuccess = () => {
        const at = (name) => request.result.transaction(name).objectStore(name);
        const told = {};
        for (const name of ["files", "rows", "thumbs"]) {
            at(name).count().onsuccess = ({ target }) => { told[name] = target.result; };
        }
        at("entries").getAll().onsuccess = ({ target }) => {
            told.undivided = target.result.filter((entry) => entry.thumb).length;
            request.result.close();
            done(told);
        };
    };
})"""


def stock_old(page, entries, picture):
    """Has the browser keep pictures as the page kept them before version 2 of its database."""
    page.evaluate(_STOCK, [entries, picture])


def browser_holds(page):
    """How many files, rows and small pictures it keeps, and how many entries as they were before version 2."""
    return page.evaluate(_HELD)


class Site:
    """A server that a browser can look at: `url`, and its `worker`; with a `script`, an assistant, whose models are
    `fake`."""

    def __init__(self, folder, *, models=("fox",), worker=None, host="127.0.0.1", port=0, script=(), **said):
        self._folder = folder
        self._script = script
        self.fake = None
        self._said = said
        self._models = models
        self._host = host
        self._port = port
        self.worker = worker or Painter()
        self._ready = threading.Event()
        self._error = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.url = ""
        self.port = 0

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(PATIENCE), "the server started"
        if self._error:
            raise self._error
        return self

    def __exit__(self, *_):
        self.stop()

    def release(self):
        """Lets held pictures be finished."""
        self._loop.call_soon_threadsafe(self.worker.release)

    def on_loop(self, act):
        """What `act()` returns, called on the server's loop."""

        async def call():
            return act()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(PATIENCE)

    def until(self, holds):
        """Returns once `holds()`, called on the server's loop: what the page has said may still be on its way there."""
        while not self.on_loop(holds):
            continue

    def vanish(self):
        """Breaks every connection, as when a machine is switched off, and ends the server."""

        def cut():
            self._end.set()
            for connection in self._runner.server.connections:
                connection.transport.abort()

        self.on_loop(cut)
        self._thread.join(PATIENCE)

    def stop(self):
        """Ends the server, unless it vanished."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(PATIENCE)

    def _run(self):
        async def go(beside):
            self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
            for name in self._models:
                add_model(self._folder, name)
            if self._script:
                self.fake = await beside.enter_async_context(modelled("ollama", *self._script))
                self._said["assistant"] = self.fake.settings
            settings = settings_at(self._folder, **self._said)
            gateway = Gateway(settings, workers=[self.worker], registry=Registry(settings.roots))
            if self.fake:
                await assisted_by(self.fake, gateway)
            runner = web.AppRunner(
                make_app(gateway), handler_cancellation=True, auto_decompress=False, shutdown_timeout=0
            )
            await runner.setup()
            self._runner = runner
            await web.TCPSite(runner, self._host, self._port).start()
            await gateway.start()
            self.port = runner.addresses[0][1]
            self.url = f"http://{self._host}:{self.port}/"
            self._ready.set()
            await self._end.wait()
            await gateway.stop(0)
            await runner.cleanup()

        async def whole():
            async with contextlib.AsyncExitStack() as beside:
                await go(beside)

        try:
            asyncio.run(whole())
        except BaseException as error:  # noqa: BLE001 - told to the test that waits for it
            self._error = error
            self._ready.set()
