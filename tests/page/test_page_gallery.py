"""What was made stays: chosen, compared, viewed, deleted, brought back; and many pictures take no more memory."""

import msgspec
import pytest
from playwright.sync_api import expect

from tests.page.acts import arrive, compare_two, downloaded, drawn, generate, last

LATE = """{
    const decode = HTMLImageElement.prototype.decode;
    HTMLImageElement.prototype.decode = async function () {
        HTMLImageElement.prototype.decode = decode;
        await decode.call(this);
        await new Promise((done) => { window.late = () => done(); });
    };
}"""
"""The first picture that is shown takes until `late()` to open."""
UNREAD = """{
    const getAll = IDBObjectStore.prototype.getAll;
    IDBObjectStore.prototype.getAll = function (...said) {
        Object.defineProperty(this.transaction, "oncomplete", { set(done) {
            this.addEventListener("complete", () => { window.read = done; });
        } });
        return getAll.apply(this, said);
    };
    new BroadcastChannel("imagine.gallery").onmessage = () => { window.told = true; };
}"""
"""What the browser has kept is only there at `read()`; `told` says whether another tab has said something."""


def test_pictures_stay_over_a_reload(page, site):
    generate(page, "first")
    made = downloaded(page, "#do-png")
    generate(page, "second")
    page.reload()
    arrive(page)
    expect(page.locator(".thumb")).to_have_count(2)
    page.locator(".thumb").nth(1).click()
    expect(page.locator("#about-text")).to_contain_text(f"seed {site.worker.seen[0].params.seed}")
    assert downloaded(page, "#do-png") == made
    page.fill("#f-prompt", "")
    page.click("#do-reuse")
    expect(page.locator("#f-prompt")).to_have_value("first")
    generate(page)
    assert last(site).params == msgspec.structs.replace(site.worker.seen[0].params, buckets="4x25")


def test_the_one_that_was_chosen_last_is_seen_however_long_another_takes_to_open(page):
    generate(page, "first")
    generate(page, "second")
    page.add_init_script(LATE)
    page.reload()
    page.wait_for_function("() => window.late")
    page.locator(".thumb").nth(1).click()
    expect(page.locator(".tile img")).to_have_attribute("alt", "first")
    page.evaluate("async () => { window.late(); await new Promise((done) => setTimeout(done)); }")
    assert page.locator(".tile img").get_attribute("alt") == "first"


def test_what_another_tab_keeps_meanwhile_is_seen(page, site):
    other = page.context.new_page()
    other.add_init_script(UNREAD)
    other.goto(site.url)
    other.wait_for_function("() => window.read")
    generate(page, "first")
    other.wait_for_function("() => window.told")
    other.evaluate("window.read()")
    expect(other.locator(".thumb")).to_have_count(1)


def test_a_picture_is_deleted_and_brought_back(page):
    generate(page, "first")
    generate(page, "second")
    page.click("#do-delete")
    expect(page.locator(".thumb")).to_have_count(1)
    page.click("[data-about=deleted] .text-button")
    expect(page.locator(".thumb")).to_have_count(2)
    expect(page.locator(".tile img")).to_have_attribute("alt", "second")  # and is the chosen one again
    page.click("#do-delete")
    expect(page.locator(".thumb")).to_have_count(1)
    page.reload()
    arrive(page)
    expect(page.locator(".thumb")).to_have_count(1)
    assert page.locator(".thumb").get_attribute("aria-label").startswith("first")


def test_two_are_compared(page):
    page.fill("#f-guidance", "3")
    generate(page, "a fox")
    page.fill("#f-guidance", "9")
    generate(page, "a fox")
    compare_two(page)
    rows = page.locator("#compare-rows tr")
    expect(rows.filter(has_text="Guidance")).to_contain_text("9")
    assert rows.filter(has_text="Prompt").count() == 0
    page.locator("#compare-cut").focus()
    page.keyboard.press("End")
    assert page.locator("#compare-room").evaluate("room => room.style.getPropertyValue('--cut')") == "100%"
    page.keyboard.press("Escape")
    expect(page.locator("#compare-dialog")).to_be_hidden()
    generate(page, "a red fox, at night")
    page.click("#pick-mode")  # lets go what was compared
    compare_two(page)
    prompt = page.locator("#compare-rows tr").filter(has_text="Prompt")
    expect(prompt.locator("td")).to_have_text(["a red fox, at night", "a fox"])
    expect(prompt.locator("mark")).to_have_text(["red", "at night"])


def test_a_picture_is_viewed_alone(page):
    generate(page, "first")
    generate(page, "second")
    page.click("#do-full")
    expect(page.locator("#viewer-title")).to_have_text("second")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#viewer-title")).to_have_text("first")
    drawn(page, "#viewer-img")
    page.click("#viewer-zoom")
    assert page.locator("#viewer-img").evaluate("img => [img.naturalWidth, img.clientWidth]") == [512, 512]
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_hundred_pictures_take_no_more_memory(page):
    session = page.context.new_cdp_session(page)
    page.fill("#f-width", "64")
    page.fill("#f-height", "64")
    page.fill("#f-count", "10")
    page.fill("#f-num_steps", "4")

    def used():
        session.send("HeapProfiler.collectGarbage")
        return session.send("Runtime.getHeapUsage")["usedSize"] + session.send("Memory.getDOMCounters")["nodes"] * 200

    def draw(most):
        """Ten at a time until there are so many; the strip shows only the latest of them."""
        while int(page.locator("#gallery-count").text_content() or 0) < most:
            made = int(page.locator("#gallery-count").text_content() or 0) + 10
            page.click("#generate")
            expect(page.locator("#gallery-count")).to_have_text(str(made))
            expect(page.locator("#run")).to_be_hidden()

    page.fill("#f-prompt", "watch a fox")
    draw(40)
    before = used()
    draw(100)
    expect(page.locator(".thumb")).to_have_count(24)
    assert used() - before < 1_500_000
