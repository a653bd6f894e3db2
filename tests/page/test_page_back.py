"""Coming back: what tells of a run that nobody looks at, the page as an application that opens without its server, and
tabs that don't fight."""

import json
import shutil

import pytest
from playwright.sync_api import expect

from tests.page.acts import arrive, do_more, generate, issues, png, start_from
from tests.page.browser import UI
from tests.ports import kept_port
from tools import build_page

HALF = "#run-text:has-text('Step 12')"
OUTSIDE = """
    window.told = [];
    window.badges = [];
    window.notes = 0;
    window.locks = [];
    window.Notification = class {
        static permission = "default";
        static async requestPermission() { return (this.permission = "granted"); }
        constructor(title, options) { window.told.push({ title, ...options, click: () => this.onclick() }); }
        close() {}
    };
    navigator.setAppBadge = async (count) => { window.badges.push(count); };
    navigator.clearAppBadge = async () => { window.badges.push(0); };
    const Plain = window.OscillatorNode;
    window.OscillatorNode = class extends Plain { constructor(...said) { super(...said); window.notes += 1; } };
    const lock = { release: async () => { window.locks.push("released"); } };
    const request = async (kind) => { window.locks.push(kind); return lock; };
    Object.defineProperty(Navigator.prototype, "wakeLock", { value: { request } });
"""
"""Stands in for what a browser without a screen hasn't; `window.away` says that nobody looks."""
AWAY = "(away) => { document.hasFocus = () => !away; dispatchEvent(new Event(away ? 'blur' : 'focus')); }"
ICON = "document.querySelector('link[rel=icon]').href"
INSTALLED = "() => navigator.serviceWorker.controller !== null"
LOOK = "document.dispatchEvent(new Event('visibilitychange'))"
KEPT = """async () => {
    const found = {};
    for (const name of await caches.keys()) {
        for (const asked of await (await caches.open(name)).keys()) found[asked.url] = [...asked.headers].join();
    }
    return found;
}"""


def application(windows, url, **options):
    """A window whose browser has installed the page's worker."""
    page = windows.open(url, service_workers="allow", **options)
    page.wait_for_function(INSTALLED)
    return page


@pytest.fixture
def shipped(monkeypatch, tmp_path):
    """Has servers ship what is in a folder, as `ship(folder)`; `made(changes)` is a folder of other sources."""

    def ship(folder):
        for module in ("page", "app"):
            monkeypatch.setattr(f"imagine.server.native.{module}.page_folder", lambda: folder)

    def made(changes):
        sources, folder = tmp_path / "sources", tmp_path / "made"
        shutil.copytree(UI / "src", sources)
        for name, (before, after) in changes.items():
            text = (sources / name).read_text("utf-8")
            assert before in text
            (sources / name).write_text(text.replace(before, after), "utf-8")
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(build_page, "SOURCES", sources)
            for path, text in build_page.made().items():
                file = folder / path.relative_to(UI)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, "utf-8")
        return folder

    return ship, made


def test_who_looks_elsewhere_is_told_once_all_is_done(windows, site):
    page = windows.open(site.url, ready=False)
    page.add_init_script(OUTSIDE)
    page.reload()
    arrive(page)
    own = page.evaluate(ICON)
    page.fill("#f-prompt", "hold first")
    page.click("#generate")
    page.wait_for_selector(HALF)
    page.wait_for_function(f"() => {ICON}.includes('dasharray')")
    page.evaluate(AWAY, True)
    site.release()
    page.click("[data-about=ask] .text-button")  # not asked before there was something to be told of
    assert page.evaluate("[window.told.length, window.notes]") == [0, 0]
    assert page.evaluate(ICON) == own
    page.fill("#f-prompt", "hold second")
    page.click("#generate")
    page.fill("#f-prompt", "third")
    page.click("#generate")
    page.wait_for_selector(HALF)
    site.release()
    expect(page.locator(".thumb")).to_have_count(3)
    page.wait_for_function("() => window.notes === 2")
    assert page.evaluate("window.told.map(({ title, body }) => [title, body])") == [["Your 2 pictures are done.", ""]]
    assert page.evaluate("window.badges") == [1, 0]
    page.locator(".thumb").last.click()
    page.evaluate("window.told[0].click()")
    expect(page.locator(".tile img")).to_have_attribute("alt", "hold second")
    expect(page.locator("[data-about=ask]")).to_have_count(0)


def test_what_failed_is_told_and_what_was_cancelled_is_not(windows, site):
    page = windows.open(site.url, ready=False)
    page.add_init_script(OUTSIDE + "window.Notification.permission = 'granted'; document.hasFocus = () => false;")
    page.evaluate("localStorage.setItem('imagine.done.notify', 'true')")
    page.reload()
    arrive(page)
    page.fill("#f-prompt", "hold on")
    page.click("#generate")
    page.wait_for_selector(HALF)
    page.click("#cancel")
    expect(page.locator("#run")).to_be_hidden()
    page.fill("#f-prompt", "fail OutOfMemory")
    page.click("#generate")
    expect(page.locator("#run-error")).to_be_visible()
    page.wait_for_function("() => window.told.length")
    told = page.evaluate("window.told.map(({ title, body }) => [title, body])")
    assert told == [["The picture could not be made.", page.inner_text("#run-error")]]
    assert page.evaluate("window.notes") == 0
    page.click("#status")
    expect(page.locator("#done-notify")).to_be_checked()
    page.uncheck("#done-notify")
    page.check("#done-sound")
    page.wait_for_function("() => window.notes === 2")
    assert issues(page, "#server-dialog") == []


def test_a_phone_stays_awake_for_as_long_as_something_is_made(windows, site):
    page = windows.open(site.url, ready=False, has_touch=True, is_mobile=True, viewport={"width": 390, "height": 800})
    page.add_init_script(OUTSIDE)
    page.reload()
    arrive(page)
    page.fill("#f-prompt", "hold on")
    page.click("#generate")
    page.wait_for_function("() => window.locks.length")
    page.wait_for_selector(HALF)
    site.release()
    page.wait_for_function("() => window.locks.length === 2")
    assert page.evaluate("window.locks") == ["screen", "released"]


def test_it_opens_while_its_server_is_away_and_finds_it_again(windows, serve):
    windows.expected += ["ERR_", "401", "503"]  # as it comes and goes
    with kept_port() as port:
        site = serve(port=port, api_key="sesame")
        page = windows.open(site.url, service_workers="allow", ready=False)
        page.click("#status")
        page.fill("#server-key", "sesame")
        page.click("#server-form [type=submit]")
        arrive(page)
        page.wait_for_function(INSTALLED)
        generate(page, "a fox")
        kept = page.evaluate(KEPT)
        files = json.loads((UI / "app" / "worker.js").read_text().partition("const FILES = ")[2].partition(";\n")[0])
        assert kept.keys() == {site.url + path.removeprefix("./") for path in files}
        assert "sesame" not in json.dumps(kept)
        site.vanish()
        page.fill("#f-prompt", "half written")
        page.reload()
        expect(page.locator("[data-about=away]")).to_contain_text("does not answer")
        expect(page.locator("#f-prompt")).to_have_value("half written")
        expect(page.locator(".tile img")).to_have_attribute("alt", "a fox")
        page.click("#open-queue")
        expect(page.locator("#queue-dialog")).to_be_visible()
        page.keyboard.press("Escape")
        serve("again", port=port, api_key="sesame")
        page.evaluate(LOOK)
        page.wait_for_selector("#status[data-state=ready]")
        expect(page.locator("[data-about=away]")).to_have_count(0)
        generate(page)


def test_a_new_page_comes_at_once_and_an_old_one_keeps_its_own_parts(windows, site, shipped):
    ship, made = shipped
    old = application(windows, site.url)
    renamed = {"en.json": ('"Generate"', '"Draw"'), "drawers/queue/en.json": ('"line.title": "', '"line.title": "New ')}
    ship(made(renamed))
    page = old.context.new_page()
    page.goto(site.url)
    arrive(page)
    expect(page.locator("#generate-text")).to_have_text("Draw")
    for each, title in ((page, "New Queue"), (old, "Queue")):
        each.click("#open-queue")
        expect(each.locator("#queue-title")).to_have_text(title)


def test_where_there_is_no_worker_any_more_none_stays(windows, site, shipped, tmp_path):
    page = application(windows, site.url)
    shipped[0](tmp_path)
    page.reload()
    page.wait_for_function("() => navigator.serviceWorker.getRegistrations().then((found) => found.length === 0)")
    page.wait_for_function("() => caches.keys().then((found) => found.length === 0)")


def test_another_program_is_let_in_however_slow_it_is(windows, site, shipped, tmp_path):
    windows.expected += ["404"]  # the page that is kept asks for its parts
    ship, made = shipped
    ship(made({"app/worker.js": ("PATIENCE = 4_000", "PATIENCE = 0")}))
    page = application(windows, site.url)
    ship(tmp_path)
    page.reload()
    page.wait_for_function("() => navigator.serviceWorker.getRegistrations().then((found) => found.length === 0)")


def test_a_picture_that_is_shared_with_it_is_started_from_and_not_drawn(windows, site):
    page = application(windows, site.url)
    page.fill("#f-prompt", "a fox")
    page.goto("about:blank")
    page.set_content(
        f"<form action='{site.url}share' method=post enctype=multipart/form-data><input type=file name=picture></form>"
    )
    page.set_input_files("input", {"name": "photo.png", "mimeType": "image/png", "buffer": png()})
    page.evaluate("document.forms[0].submit()")
    arrive(page)
    expect(page.locator("#source-name")).to_have_text("photo.png")
    expect(page.locator("#f-prompt")).to_have_value("a fox")
    assert (page.url, site.worker.seen) == (site.url, [])
    page.click("[data-about=shared] .text-button")
    expect(page.locator("#source-full")).to_be_hidden()


def test_tabs_agree_on_how_the_page_is_and_keep_what_is_written_in_each(page, site):
    page.fill("#f-prompt", "mine")
    start_from(page, png(64, 64), "mine.png")
    other = page.context.new_page()
    other.goto(site.url)
    arrive(other)
    expect(other.locator("#source-name")).to_have_text("mine.png")  # a new one begins with the latest
    other.click("[data-language=ru]")
    other.click("#theme")
    expect(page.locator("#generate-text")).to_have_text("Создать")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    other.fill("#f-prompt", "another's")
    start_from(other, png(80, 64), "another.png")
    other.click("#source-remove")
    expect(other.locator("#source-full")).to_be_hidden()
    for each, prompt, shown in ((page, "mine", True), (other, "another's", False)):
        each.reload()
        arrive(each)
        expect(each.locator("#f-prompt")).to_have_value(prompt)
        expect(each.locator("#source-full")).to_be_visible(visible=shown)
    expect(page.locator("#source-name")).to_have_text("mine.png")


def test_a_reload_shows_what_was_chosen(page):
    generate(page, "first")
    generate(page, "second")
    page.locator(".thumb").last.click()
    expect(page.locator(".tile img")).to_have_attribute("alt", "first")
    page.reload()
    expect(page.locator(".tile img")).to_have_attribute("alt", "first")


def test_a_picture_goes_to_the_share_sheet_as_a_file_with_its_recipe(windows, site):
    page = windows.open(site.url, ready=False)
    page.add_init_script(
        """window.shared = [];
        navigator.canShare = ({ files }) => files.every((file) => file.type === "image/png");
        navigator.share = async ({ files }) => { window.shared.push([files[0].name, await files[0].text()]); };"""
    )
    page.reload()
    arrive(page)
    generate(page, "a fox that is shared")
    do_more(page, "share")
    page.wait_for_function("() => window.shared.length")
    name, text = page.evaluate("window.shared[0]")
    assert name.endswith(".png")
    assert "a fox that is shared" in text
