"""The orders of a page in their line: over a reload amid ten, moved, taken back, asked for again, by keys alone."""

from playwright.sync_api import expect

from imagine.settings.settings import settings_from
from tests.page.acts import arrive, issues

HALF = "#run-text:has-text('Step 12')"
TABS = "async (n) => (await navigator.locks.query()).held.length === n"
KEYS = "keys: {anna: {key: sesame, limits: {pictures_per_hour: 2}}, ben: {key: hopscotch, expires: 2020-01-01}}"


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
    act(page, "Cancel: second")
    expect(rows).to_have_text(["hold first", "hold fourth", "third"])
    page.locator("#queue-dialog .notice").get_by_role("button", name="Undo").press("Enter")
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


def prompts_of(site):
    return [job.params.prompt for job in site.worker.seen]


def test_a_tab_that_is_duplicated_sends_nothing_twice(page, site):
    order(page, "hold first")
    page.wait_for_selector(HALF)
    order(page, "second")
    with page.expect_popup() as opened:  # which has a copy of what the tab keeps, as a duplicate has
        page.evaluate("window.open(location.href)")
    other = opened.value
    arrive(other)
    other.wait_for_function(TABS, arg=2)
    order(other, "third")
    expect(other.locator(".thumb")).to_have_count(1)
    expect(other.locator("[data-about=cut]")).to_have_count(0)
    site.release()
    expect(page.locator(".thumb")).to_have_count(3)
    assert prompts_of(site) == ["hold first", "third", "second"]


def test_of_two_tabs_that_are_offered_the_same_orders_one_has_them(page, site):
    order(page, "hold first")
    page.wait_for_selector(HALF)
    order(page, "second")
    expect(page.locator("#queue-count")).to_have_text("1")
    window = page.context
    page.close()
    probe = window.new_page()
    probe.goto(f"{site.url}health")
    probe.wait_for_function(TABS, arg=0)
    tabs = [window.new_page() for _ in range(2)]
    for tab in tabs:
        tab.goto(site.url)
        arrive(tab)
        expect(tab.locator("[data-about=left]")).to_contain_text("2 orders of a page")
    tabs[0].get_by_role("button", name="Send now").click()
    tabs[0].wait_for_selector(HALF)
    tabs[1].get_by_role("button", name="Send now").click()
    order(tabs[1], "own")
    expect(tabs[1].locator(".thumb")).to_have_count(1)
    site.release()
    expect(tabs[1].locator(".thumb")).to_have_count(3)
    assert prompts_of(site) == ["hold first", "hold first", "own", "second"]


def test_what_waits_is_put_aside_where_a_key_has_had_enough(windows, serve):
    site = serve(keys=settings_from(environ={}, config=KEYS)[0].keys)
    windows.expected += ["401", "429"]
    page = windows.open(site.url, ready=False)
    page.wait_for_selector("#status[data-state=key]")
    page.click("#status")
    page.fill("#server-key", "hopscotch")
    page.keyboard.press("Enter")
    expect(page.locator("#server-error")).to_contain_text("expired")
    page.fill("#server-key", "sesame")
    page.keyboard.press("Enter")
    arrive(page)
    order(page, "hold first")
    page.wait_for_selector(HALF)
    order(page, "second", "third", "fourth", "fifth")
    site.release()
    expect(page.locator("#run-error")).to_contain_text("pictures")
    expect(page.locator("[data-about=queue]")).to_contain_text("2 waiting orders were not sent")
    opened_queue(page)
    expect(page.locator("#queue-rows b")).to_have_text(["hold first", "second", "third", "fourth", "fifth"])
    assert prompts_of(site) == ["hold first", "second"]
    page.keyboard.press("Escape")
    page.click("#open-models")
    expect(page.locator("#models-view-only")).to_contain_text("with a key that may do that")
