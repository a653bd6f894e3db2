"""The orders of a page in their line: over a reload amid ten, moved, taken back, asked for again, by keys alone."""

from playwright.sync_api import expect

from tests.page.acts import arrive, issues

HALF = "#run-text:has-text('Step 12')"


def order(page, *prompts):
    for prompt in prompts:
        page.fill("#f-prompt", prompt)
        page.keyboard.press("Control+Enter")


def opened_queue(page):
    page.locator("#open-queue").press("Enter")
    expect(page.locator("#queue-title")).to_be_focused()


def act(page, name):
    page.locator("#queue-dialog").get_by_role("button", name=name, exact=True).press("Enter")


def test_a_reload_in_the_middle_of_ten_loses_none(page, site):
    order(page, "first")
    expect(page.locator(".thumb")).to_have_count(1)
    order(page, "hold second")
    page.wait_for_selector(HALF)
    rest = [f"number {n}" for n in range(3, 11)]
    order(page, *rest)
    expect(page.locator("#queue-count")).to_have_text("8")
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    arrive(page)
    expect(page.locator("[data-about=cut]")).to_contain_text("9 orders go on")
    page.wait_for_selector(HALF)
    expect(page.locator("#queue-count")).to_have_text("8")
    site.release()
    expect(page.locator(".thumb")).to_have_count(10)
    assert [job.params.prompt for job in site.worker.seen] == ["first", "hold second", "hold second", *rest]
    page.reload()
    arrive(page)
    expect(page.locator("#queue-count")).to_have_text("")
    expect(page.locator(".thumb")).to_have_count(10)


def test_what_waits_is_moved_taken_back_and_asked_for_again_by_keys(page, site):
    order(page, "hold first")
    page.wait_for_selector(HALF)
    order(page, "second", "third", "hold fourth")
    opened_queue(page)
    rows = page.locator("#queue-rows b")
    expect(rows).to_have_text(["hold first", "second", "third", "hold fourth"])
    act(page, "Earlier: hold fourth")
    expect(rows).to_have_text(["hold first", "second", "hold fourth", "third"])
    page.keyboard.press("Enter")
    expect(rows).to_have_text(["hold first", "hold fourth", "second", "third"])
    act(page, "Cancel: third")
    expect(rows).to_have_text(["hold first", "hold fourth", "second"])
    assert issues(page) == []
    act(page, "Cancel: hold first")
    page.wait_for_selector("#queue-rows [role], #queue-rows li:has-text('Cancelled')")
    page.wait_for_selector(HALF)
    act(page, "Ask again: hold first")
    expect(rows).to_have_text(["hold fourth", "hold first", "second"])
    page.click("#queue-all")
    expect(rows).to_have_text(["hold fourth"])
    site.release()
    expect(page.locator("#queue-rows")).to_contain_text("Done")
    act(page, "Show: hold fourth")
    expect(page.locator(".tile img")).to_have_attribute("alt", "hold fourth")
