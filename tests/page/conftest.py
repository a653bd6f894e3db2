"""One Chromium for all tests of the page; to each test a server, and a window that must stay free of errors."""

import contextlib
import os

import pytest

from tests.page.acts import arrive
from tests.page.browser import Site, browser, chromium

VIEW = {"width": 1280, "height": 800}
TIMEOUT = 240_000
"""Milliseconds: for what hangs, not for what is slow."""
STAYING = """{
    const later = window.setTimeout, never = 2 ** 31 - 1;
    const passing = [6_000, 20_000]; // of notices.js
    window.setTimeout = (act, after, ...said) => later(act, passing.includes(after) ? never : after, ...said);
}"""
"""Notices stay until they are closed: a slow machine may take longer to look at one than a person to read it."""
KNOWN = """try { localStorage.getItem("imagine.first") ?? localStorage.setItem("imagine.first", "true"); } catch { }"""
"""Whoever looks has been here before: what is said on a first visit is one test's."""


@pytest.fixture(scope="session")
def chrome():
    from playwright.sync_api import expect

    expect.set_options(timeout=TIMEOUT)
    if chromium() is None:
        if os.environ.get("IMAGINE_TEST_BROWSER") == "required":
            pytest.fail("there is no Chromium, and the page's tests are required; install one: sh tools/chromium.sh")
        pytest.skip("there is no Chromium; install one: sh tools/chromium.sh")
    with browser() as started:
        yield started


@pytest.fixture
def outliving():
    """Where what windows talk to is entered: it ends after the windows, which would else say that nobody answers."""
    with contextlib.ExitStack() as running:
        yield running


@pytest.fixture
def serve(outliving, tmp_path):
    """Starts servers, which outlive the windows that look at them."""

    def start(name="home", **said):
        return outliving.enter_context(Site(tmp_path / name, **said))

    return start


@pytest.fixture
def site(serve):
    return serve()


class Windows:
    """Opens windows, each with its own storage, and collects what goes wrong in them."""

    def __init__(self, chrome):
        self._chrome = chrome
        self._contexts = []
        self.errors = []
        self.expected = []
        """Parts of errors that a test is about."""

    def open(self, url=None, *, ready=True, known=True, **options):
        usual = {"viewport": VIEW, "locale": "en-GB", "reduced_motion": "reduce", "accept_downloads": True}
        usual["service_workers"] = "block"  # what it does is a test file's own, and else costs each page a second load
        context = self._chrome.new_context(**usual | options)
        self._contexts.append(context)
        context.set_default_timeout(TIMEOUT)
        context.add_init_script(STAYING)
        if known:
            context.add_init_script(KNOWN)
        page = context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        if url:
            page.goto(url)
            if ready:
                arrive(page)
        return page

    def _hear(self, message):
        taken_back = "/jobs/" in message.location["url"]  # by its id, too, by when hanging up may have ended it
        if message.type == "error" and not taken_back:
            self.errors.append(message.text)

    def close(self):
        for context in self._contexts:
            context.close()
        unexpected = [error for error in self.errors if not any(part in error for part in self.expected)]
        assert unexpected == [], "nothing went wrong in the page"


@pytest.fixture
def windows(chrome, serve):
    opened = Windows(chrome)
    yield opened
    opened.close()


@pytest.fixture
def page(windows, site):
    return windows.open(site.url)
