"""Nothing is lost by a click, a key, a reload or another tab: it is brought back, or said."""

import re

import pytest
from playwright.sync_api import expect

from tests.page.acts import arrive, do_more, draw, generate, last, open_canvas, opened, png, start_from

HALF = "#run-text:has-text('Step 12')"
FULL = "() => { Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }; }"


def undo(page, about):
    button = page.locator(f"[data-about={about}] .text-button")
    expect(button).to_be_in_viewport()
    button.click()


def test_what_replaces_the_form_can_be_undone(page):
    page.fill("#f-prompt", "my own long prompt")
    page.fill("#f-guidance", "3")
    page.locator("#examples .chip").first.click()
    undo(page, "prompt")
    expect(page.locator("#f-prompt")).to_have_value("my own long prompt")
    start_from(page, png(64, 64))
    page.click("#save-menu summary")
    page.click("#reset")
    expect(page.locator("#source-full")).to_be_hidden()
    expect(page.locator("#f-prompt")).to_have_value("")
    undo(page, "reset")
    expect(page.locator("#source-full")).to_be_visible()
    expect(page.locator("#f-prompt")).to_have_value("my own long prompt")
    expect(page.locator("#f-guidance")).to_have_value("3")
    generate(page)
    page.fill("#f-prompt", "something else")
    page.click("#do-reuse")
    expect(page.locator("#f-prompt")).to_have_value("my own long prompt")
    undo(page, "load")
    expect(page.locator("#f-prompt")).to_have_value("something else")
    page.fill("#f-seed", "7")
    page.click("#do-seed")
    expect(page.locator("[data-about=seed]")).to_contain_text(page.input_value("#f-seed"))
    undo(page, "seed")
    expect(page.locator("#f-seed")).to_have_value("7")


def test_one_of_four_is_deleted_and_brought_back(page):
    page.fill("#f-count", "4")
    generate(page, "a valley")
    page.locator("button.tile").nth(2).click()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.click("#do-delete")
    expect(page.locator("button.tile")).to_have_count(3)
    expect(page.locator("button.tile[aria-pressed=true]")).to_have_count(1)
    expect(page.locator("[data-about=deleted] .text-button")).to_be_in_viewport()
    page.keyboard.press("Control+z")
    expect(page.locator("button.tile")).to_have_count(4)
    expect(page.locator("button.tile").nth(2)).to_have_attribute("aria-pressed", "true")
    page.locator(".thumb").nth(3).click()
    expect(page.locator("button.tile").nth(0)).to_have_attribute("aria-pressed", "true")


def test_others_can_be_looked_at_while_one_is_made(page, site):
    generate(page, "first")
    page.fill("#f-prompt", "hold second")
    page.click("#generate")
    page.wait_for_selector(HALF)
    page.click(".thumb")
    expect(page.locator(".tile img")).to_have_count(1)
    page.click("#run-show")
    expect(page.locator(".tile canvas")).to_have_count(1)
    assert page.locator(".tile canvas").evaluate("canvas => canvas.width") == 512
    page.fill("#f-prompt", "hold third")
    page.click("#generate")
    page.click(".thumb")
    expect(page.locator(".tile img")).to_have_attribute("alt", "first")
    site.release()
    expect(page.locator(".thumb")).to_have_count(2)
    page.wait_for_selector(HALF)
    expect(page.locator(".tile img")).to_have_attribute("alt", "first")
    undo(page, "done")
    expect(page.locator(".tile img")).to_have_attribute("alt", "hold second")
    site.release()
    expect(page.locator(".thumb")).to_have_count(3)


def test_what_is_asked_for_meanwhile_waits_its_turn(page, site):
    page.fill("#f-prompt", "hold first")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(HALF)
    for prompt in ("second", "third", "fourth"):
        page.fill("#f-prompt", prompt)
        page.keyboard.press("Control+Enter")
    expect(page.locator("#run-queue-text")).to_have_text("3 more orders wait.")
    page.click("#run-queue-clear")
    expect(page.locator("#run-queue")).to_be_hidden()
    undo(page, "queue")
    site.release()
    expect(page.locator(".thumb")).to_have_count(4)
    assert [job.params.prompt for job in site.worker.seen] == ["hold first", "second", "third", "fourth"]


def test_a_reload_that_ends_a_run_is_told(page, site):
    page.fill("#f-prompt", "hold on")
    page.click("#generate")
    page.wait_for_selector(HALF)
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.reload()
    arrive(page)
    assert asked == ["beforeunload"]
    undo(page, "cut")
    page.wait_for_selector(HALF)
    site.release()
    expect(page.locator(".thumb")).to_have_count(1)
    page.reload()
    arrive(page)
    expect(page.locator(".tile img")).to_have_attribute("alt", "hold on")
    expect(page.locator("[data-about=cut]")).to_have_count(0)


def test_a_run_that_began_before_the_server_answered_is_not_told_as_lost(windows, site):
    page = windows.open("about:blank", ready=False)
    held = []
    page.route("**/health", lambda route: held.append(route), times=1)
    with page.expect_request("**/health"):
        page.goto(site.url)
    page.fill("#f-prompt", "hold on")
    page.wait_for_selector("#status[data-state=waiting]")
    page.click("#generate")
    page.wait_for_function("() => sessionStorage.getItem('imagine.running') !== null")
    held[0].continue_()
    arrive(page)
    expect(page.locator("[data-about=cut]")).to_have_count(0)
    page.wait_for_selector(HALF)
    site.release()
    expect(page.locator(".thumb")).to_have_count(1)


def test_escape_ends_one_thing_at_a_time(page, site):
    generate(page, "first")
    generate(page, "second")
    page.fill("#f-prompt", "hold on")
    page.click("#generate")
    page.wait_for_selector(HALF)
    page.click("#open-gallery")
    page.locator(".pick").first.click(modifiers=["Control"])
    expect(page.locator("#pick-bar")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#pick-bar")).to_be_hidden()
    expect(page.locator("[data-about=cancel]")).to_have_count(0)
    assert site.on_loop(lambda: list(site.worker.cancelled)) == []


def test_a_cancelled_run_starts_again(page, site):
    page.fill("#f-prompt", "hold on")
    page.click("#generate")
    page.wait_for_selector(HALF)
    page.click("#cancel")
    page.fill("#f-prompt", "another")
    undo(page, "cancel")
    page.wait_for_selector(HALF)
    site.release()
    expect(page.locator(".thumb")).to_have_count(1)
    assert [job.params.prompt for job in site.worker.seen] == ["hold on", "hold on"]


def test_what_was_done_on_the_canvas_is_kept_and_can_be_undone(page, site):
    data = png(200, 100)
    start_from(page, data)
    page.fill("#f-prompt", "a fox")
    open_canvas(page)
    page.fill("#canvas-size", "20")
    draw(page, (0.25, 0.5), (0.75, 0.5))
    expect(page.locator("#mask-note")).to_have_js_property("hidden", False)  # already, while it is open
    page.reload()
    arrive(page)
    open_canvas(page)
    draw(page, (0.25, 0.9), (0.75, 0.9))
    page.keyboard.press("Escape")
    expect(page.locator("#canvas-dialog")).to_be_hidden()
    generate(page)
    mask = opened(last(site).mask).convert("L")
    assert [mask.getpixel(at) for at in ((100, 50), (100, 90))] == [255, 255]
    undo(page, "canvas")
    page.click("#mask-remove")
    undo(page, "mask")
    expect(page.locator("#mask-note")).to_be_visible()
    generate(page)
    mask = opened(last(site).mask).convert("L")
    assert [mask.getpixel(at) for at in ((100, 50), (100, 90))] == [255, 0]
    assert last(site).img == data


def test_two_tabs_show_the_same_pictures(page, site):
    other = page.context.new_page()
    errors = []
    other.on("pageerror", lambda error: errors.append(str(error)))
    other.goto(site.url)
    arrive(other)
    generate(page, "first")
    generate(page, "second")
    expect(other.locator(".thumb")).to_have_count(2)
    other.locator(".thumb").first.click()
    expect(other.locator(".tile img")).to_have_attribute("alt", "second")
    page.click("#do-delete")
    expect(other.locator(".thumb")).to_have_count(1)
    expect(other.locator(".tile img")).to_have_attribute("alt", "first")
    other.click("#do-full")
    other.keyboard.press("Escape")
    undo(page, "deleted")
    expect(other.locator(".thumb")).to_have_count(2)
    assert errors == []


def test_a_file_that_the_browser_lost_is_told(page):
    generate(page, "first")
    page.evaluate("""new Promise((done) => {
        indexedDB.open("imagine").onsuccess = ({ target: { result: db } }) => {
            const lost = db.transaction("files", "readwrite");
            lost.objectStore("files").clear();
            lost.oncomplete = done;
        };
    })""")
    page.reload()
    arrive(page)
    page.click("#do-png")
    expect(page.locator("[data-about=gallery]")).to_contain_text("no longer in the browser")


def test_a_full_browser_is_told(page):
    page.evaluate(FULL)
    page.fill("#f-prompt", "a fox")
    expect(page.locator("[data-about=form]")).to_contain_text("no room left")


def test_the_title_and_a_clock_tell_how_far_it_is(page, site):
    page.clock.install()
    site.worker.ready, ready = None, site.worker.ready
    page.fill("#f-prompt", "hold on")
    page.click("#generate")
    expect(page.locator("#run-text")).to_have_text("Next in the queue")
    page.clock.fast_forward(65_000)
    expect(page.locator("#run-clock")).to_have_text(re.compile(r"^(1:0[5-9]|1:[1-5]\d|[2-9]:\d\d)$"))  # and goes on

    def wake():
        site.worker.ready = ready
        site.worker.changed()

    site.on_loop(wake)
    page.wait_for_selector(HALF)
    assert page.title() == "48% · Imagine"
    site.release()
    expect(page.locator(".thumb")).to_have_count(1)
    expect(page).to_have_title("Imagine")


@pytest.mark.parametrize(
    ("allowed", "says"), [("true", "is copied"), ("false", "did not allow")], ids=["allowed", "refused"]
)
def test_a_copied_picture_is_told(page, allowed, says):
    generate(page, "a fox")
    denied = "Promise.reject(new DOMException('no', 'NotAllowedError'))"
    page.evaluate(f"() => {{ navigator.clipboard.write = () => ({allowed} ? Promise.resolve() : {denied}); }}")
    do_more(page, "copy")
    expect(page.locator("[data-about=copy]")).to_contain_text(says)
