"""How the page is: its language, theme and width; for everybody; sealed; on any address; from disk."""

import pytest
from playwright.sync_api import expect

from tests.page.acts import arrive, do_more, generate, issues, png, start_from
from tests.page.browser import ELSEWHERE, UI

SHIFTS = """
    window.shifts = 0;
    new PerformanceObserver((list) => {
        for (const one of list.getEntries()) if (!one.hadRecentInput) window.shifts += one.value;
    }).observe({ type: "layout-shift", buffered: true });
"""
GOOD = 0.1
"""The cumulative layout shift up to which a page is called good: https://web.dev/articles/cls."""


@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("ru", "dark")])
def test_everybody_can_use_it(windows, site, language, theme):
    page = windows.open(f"{site.url}?lang={language}", color_scheme=theme)
    assert issues(page) == []
    start_from(page, png(64, 64))
    page.fill("#f-width", "1")
    page.click("#generate")
    page.fill("#f-count", "2")
    page.fill("#f-width", "")
    generate(page, "a fox")
    page.click("#open-gallery")
    page.click("#pick-mode")
    page.click(".pick.batch")
    assert issues(page) == []
    page.click("#pick-close")
    for button, dialog in (("#source-mask", "#canvas-dialog"), ("#do-full", "#viewer"), ("#status", "#server-dialog")):
        page.click(button)
        expect(page.locator(dialog)).to_be_visible()
        assert issues(page) == [], dialog
        for mode in page.locator(f"{dialog} [data-mode]").all():
            mode.click()
            assert issues(page, dialog) == [], mode.inner_text()
        page.keyboard.press("Escape")


def test_the_language_changes_in_place_and_is_kept(page, site):
    generate(page, "a fox")
    page.fill("#f-prompt", "half written")
    page.click("[data-language=ru]")
    expect(page.locator("#generate")).to_contain_text("Создать")
    expect(page.locator("#about-text")).to_contain_text("25 шагов")
    expect(page.locator("#f-prompt")).to_have_value("half written")
    assert page.get_attribute("html", "lang") == "ru"
    assert page.locator("#f-resize option").all_inner_texts()[1] == "Обрезать"
    page.fill("#f-width", "5")
    page.click("#generate")
    expect(page.locator("#error-f-width")).to_have_text("Допустимо от 64 до 2\u00a0048.")
    page.reload()
    expect(page.locator("#generate")).to_contain_text("Создать")


def test_the_readers_language_comes_first(windows, site):
    page = windows.open(site.url, locale="ru-RU")
    expect(page.locator("#generate")).to_contain_text("Создать")


def test_the_theme_follows_the_system_until_one_is_chosen(windows, site):
    page = windows.open(site.url, color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(19, 18, 17)"
    page.click("#theme")
    assert page.evaluate(ground) == "rgb(246, 245, 242)"
    page.reload()
    assert page.evaluate(ground) == "rgb(246, 245, 242)"


@pytest.mark.parametrize("width", [320, 390])
def test_it_fits_a_phone(windows, site, width):
    page = windows.open(site.url, viewport={"width": width, "height": 800}, has_touch=True, locale="ru-RU")
    generate(page, "a fox")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    small = page.evaluate(
        """[...document.querySelectorAll("button, select, input:not([type=range], [type=file], [type=checkbox])")]
            .filter((each) => each.checkVisibility() && each.getBoundingClientRect().height < 24)
            .map((each) => each.id || each.className)"""
    )
    assert small == []
    expect(page.locator("#stage")).to_be_in_viewport()


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_jumps(windows, site, width):
    page = windows.open(viewport={"width": width, "height": 800})
    page.add_init_script(SHIFTS)
    page.goto(site.url)
    page.wait_for_selector("#status[data-state=ready]")
    page.fill("#f-prompt", "hold on")
    page.click("#generate")
    page.wait_for_selector("#run-text:has-text('Step 12')")
    site.release()
    page.wait_for_selector("#about:visible")
    page.wait_for_selector("#run", state="hidden")  # with what is about the picture, or a frame after it
    assert page.evaluate("window.shifts") < GOOD
    page.reload()
    page.wait_for_selector("#about:visible")
    assert page.evaluate("window.shifts") < GOOD


def test_nothing_but_its_own_can_run(windows, site):
    windows.expected += ["Content Security Policy", "requires 'Trusted"]
    page = windows.open(site.url)
    tried = page.evaluate("""async () => {
        const blocked = [];
        addEventListener("securitypolicyviolation", (event) => blocked.push(event.effectiveDirective));
        const script = document.createElement("script");
        try { script.textContent = "window.hit = 1"; document.body.append(script); } catch { blocked.push("trusted"); }
        const style = document.createElement("style");
        style.textContent = "body { display: none }";
        document.head.append(style);
        document.querySelector("#app").setAttribute("style", "display: none");
        let markup = "allowed";
        try { document.querySelector("#app").innerHTML = "<b>x</b>"; } catch { markup = "forbidden"; }
        const reached = await fetch("http://localhost:1/").then(() => "reached", () => "refused");
        const image = new Image();
        await new Promise((done) => { image.onload = image.onerror = done; image.src = "/pictures/x"; });
        return { blocked: [...new Set(blocked)], markup, reached, hit: window.hit, width: image.naturalWidth,
                 shown: getComputedStyle(document.querySelector("#app")).display };
    }""")
    assert (tried["markup"], tried["reached"], tried.get("hit"), tried["width"]) == ("forbidden", "refused", None, 0)
    assert tried["shown"] == "grid"
    assert {"style-src-elem", "style-src-attr", "connect-src", "img-src"} <= set(tried["blocked"])


def test_it_works_over_plain_http_elsewhere(windows, serve):
    site = serve(public_url=f"http://{ELSEWHERE}")
    page = windows.open(f"http://{ELSEWHERE}:{site.port}/")
    assert page.evaluate("[isSecureContext, typeof crypto.subtle, typeof navigator.clipboard]") == [
        False, "undefined", "undefined",
    ]  # fmt: skip
    page.fill("#f-seed", "7")
    generate(page, "a fox")
    do_more(page, "copy")
    expect(page.locator("[data-about=copy]")).to_contain_text("only over https")
    page.evaluate("document.execCommand = () => false")
    page.click("#seed-copy")
    expect(page.locator("#copy-text")).to_have_value("7")
    page.click("#copy-dialog [data-close]")
    page.reload()
    expect(page.locator(".thumb")).to_have_count(1)


@pytest.mark.parametrize(
    ("name", "title"), [("imagine-ui.html", "Where is Imagine?"), ("imagine-ui.ru.html", "Где Imagine?")]
)
def test_from_disk_it_finds_the_server(windows, serve, name, title):
    windows.expected += ["ERR_", "403"]  # it may look, and is not told what it sees
    page = windows.open((UI / name).as_uri(), ready=False)
    expect(page.locator("#disk h2")).to_have_text(title)
    page.fill("#disk-address", "http://127.0.0.1:9")
    page.click("#disk-form [type=submit]")
    expect(page.locator("#disk-help")).to_contain_text("imagine serve")
    site = serve()
    page.fill("#disk-address", f"127.0.0.1:{site.port}")
    page.click("#disk-form [type=submit]")
    page.wait_for_url(f"http://127.0.0.1:{site.port}/**")
    arrive(page)
    assert page.get_attribute("html", "lang") == ("ru" if ".ru." in name else "en")
    generate(page, "a fox")


def test_another_address_is_another_servers_page(page, serve):
    other = serve("other")
    page.fill("#f-prompt", "a fox")
    page.click("#status")
    page.fill("#server-address", "not an address!")
    page.click("#server-form [type=submit]")
    expect(page.locator("#server-error")).to_contain_text("not an address")
    page.fill("#server-address", f"127.0.0.1:{other.port}")
    page.click("#server-form [type=submit]")
    page.wait_for_url(f"http://127.0.0.1:{other.port}/**")
    expect(page.locator("#f-prompt")).to_have_value("a fox")
