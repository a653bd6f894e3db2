"""The models in their drawer: looked at, fetched with progress from a hub, removed; by the owner alone; live."""

import asyncio
import contextlib
import threading
from ipaddress import ip_network

import pytest
from playwright.sync_api import expect

from imagine.words.frames import Ready, Room
from tests.library.fake_sites import FakeSites, weights
from tests.page.acts import arrive, issues
from tests.page.browser import PATIENCE
from tests.page.painter import Painter, landscape
from tests.registry import declared
from tests.server.served import add_model

OWL = weights(3, declared.tiny())


@contextlib.contextmanager
def hub():
    """A fake hub on a thread of its own, and what calls something on its loop."""
    ready, told = threading.Event(), {}

    async def go():
        told["loop"], told["end"] = asyncio.get_running_loop(), asyncio.Event()
        async with FakeSites() as told["fake"]:
            ready.set()
            await told["end"].wait()

    thread = threading.Thread(target=lambda: asyncio.run(go()), daemon=True)
    thread.start()
    assert ready.wait(PATIENCE)
    yield told["fake"], told["loop"].call_soon_threadsafe
    told["loop"].call_soon_threadsafe(told["end"].set)
    thread.join(PATIENCE)


@pytest.fixture
def owls(outliving, monkeypatch):
    fake, call = outliving.enter_context(hub())
    fake.direct, fake.repositories = True, {"owner/owl": {"owl.safetensors": OWL}}
    fake.cards["owner/owl"] = {"license": "apache-2.0"}
    monkeypatch.setenv("HF_ENDPOINT", fake.hub)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return fake, call


def opened_models(page):
    page.locator("#open-models").press("Enter")
    expect(page.locator(".card").first).to_be_visible()


def card(page, name):
    return page.locator(".card").filter(has=page.get_by_role("heading", name=name, exact=True))


def test_a_model_is_looked_up_fetched_used_and_removed_by_keys_alone(windows, serve, owls):
    fake, call = owls
    worker = Painter()
    worker.ready = Ready(device="fake", name="Fake GPU", room=Room(memory=8 * 10**9))
    page = windows.open(serve(worker=worker).url)
    opened_models(page)
    expect(card(page, "fox").locator(".card-fits")).to_contain_text("Fits this machine.")
    page.locator("#models-name").press_sequentially("owner/none")
    windows.expected.append("502")
    page.keyboard.press("Enter")
    expect(page.locator("#models-get-error")).to_contain_text("owner/none")
    page.fill("#models-name", "owner/owl")
    page.keyboard.press("Enter")
    expect(page.locator("#models-plan-title")).to_be_focused()
    expect(page.locator("#models-plan-facts")).to_contain_text("apache-2.0")
    expect(page.locator("#models-plan-files")).to_contain_text("owl.safetensors")
    assert issues(page) == []
    fake.cuts, fake.stalls = [None, len(OWL) // 2], [None, True]
    page.locator("#models-fetch").press("Enter")
    expect(page.locator("#models-leave")).to_have_text("Cancel")
    expect(page.locator("#models-plan-said")).to_contain_text("of")
    page.keyboard.press("Enter")
    expect(page.locator("#models-plan-said")).to_contain_text("What came stays")
    expect(page.locator("#models-fetch")).to_be_focused()
    call(fake.release.set)
    page.keyboard.press("Enter")
    expect(page.locator("[data-about=pull]")).to_contain_text("owner/owl is here")
    card(page, "owl").get_by_role("button", name="Use owl").press("Enter")
    expect(page.locator("#f-model")).to_have_value("owl")
    opened_models(page)
    card(page, "owl").get_by_role("button", name="Copy owl").press("Enter")
    expect(page.get_by_label("Name of the copy")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".card-ask")).to_have_count(0)
    expect(page.locator("#models-dialog")).to_be_visible()
    expect(card(page, "owl").get_by_role("button", name="Copy owl")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_label("Name of the copy").fill("owlet")
    page.keyboard.press("Enter")
    expect(card(page, "owlet")).to_be_visible()
    expect(page.locator(".card-ask")).to_have_count(0)
    expect(card(page, "owl").get_by_role("button", name="Copy owl")).to_be_focused()
    card(page, "owl").get_by_role("button", name="Delete owl").press("Enter")
    expect(page.locator(".card-ask")).to_contain_text("This removes owl")
    page.locator(".card-ask .primary").press("Enter")
    expect(card(page, "owl")).to_have_count(0)
    expect(page.locator("#models-title")).to_be_focused()


def test_whoever_isnt_the_owner_looks_and_what_comes_is_seen_at_once(windows, serve, tmp_path):
    networks = {"trusted_proxies": (ip_network("127.0.0.0/8"),), "allow_remote": (ip_network("10.0.0.0/8"),)}
    site = serve(**networks)
    page = windows.open(
        f"{site.url}?lang=ru",
        extra_http_headers={"X-Forwarded-For": "10.1.2.3"},
        viewport={"width": 390, "height": 844},
    )
    opened_models(page)
    expect(page.locator("#models-view-only")).to_contain_text("с ключом, которому это разрешено")
    expect(page.locator("#models-get")).to_be_hidden()
    expect(page.locator(".card button")).to_have_text(["Выбрать"])
    landscape(3, 64, 64).save(tmp_path / "home/models/wolf.preview.png")
    add_model(tmp_path / "home", "wolf")
    expect(card(page, "wolf").locator("img")).to_be_visible()
    assert issues(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_drawer_that_cannot_be_had_is_told(windows, site):
    page = windows.open(site.url)
    windows.expected.append("drawers/models.js")
    windows.expected.append("ERR_FAILED")
    page.route("**/drawers/models.js*", lambda route: route.abort(), times=1)
    page.click("#open-models")
    expect(page.locator("[data-about=drawer]")).to_contain_text("does not answer")
    page.click("#open-models")
    expect(page.locator("#models-dialog")).to_be_visible()
    older = "export const build = 'older';"
    page.route("**/drawers/models.js*", lambda route: route.fulfill(content_type="text/javascript", body=older))
    page.reload()
    arrive(page)
    page.click("#open-models")
    expect(page.locator("[data-about=drawer]")).to_contain_text("newer page")
