"""What a person is told: what is here on a first visit, the server's devices, rules and kept orders, keys, and why."""

import json

import msgspec
from playwright.sync_api import expect

from imagine.words.moderation import ModerationSettings
from tests.page.acts import arrive, generate, issues, last, png
from tests.server.served import add_model
from tools import document_keys

LOOK = "document.dispatchEvent(new Event('visibilitychange'))"


def is_new(request):
    return request.method == "POST" and request.url.endswith("/jobs")


def refuse_new(route):
    route.fulfill(status=400, json={"error": "This isn't drawn here."}) if is_new(route.request) else route.continue_()


def test_who_comes_first_sees_what_is_here_until_the_first_picture(windows, site):
    page = windows.open(site.url, known=False)
    first = page.locator("#frame > #first")
    expect(first.locator("#first-where")).to_contain_text("on this computer and draws on Fake GPU")
    expect(first.locator("#first-models li")).to_contain_text("fox stable diffusion")
    expect(page.locator("#empty")).to_be_hidden()
    assert page.evaluate("document.activeElement.id") == "f-prompt", "it takes nobody's place"
    assert issues(page, "#stage") == []
    chip = page.get_by_role("button", name="4 variants at once")
    chip.focus()
    renamed = msgspec.structs.replace(site.worker.ready, name="Other GPU")
    site.on_loop(lambda: setattr(site.worker, "ready", renamed))
    page.evaluate(LOOK)
    expect(first.locator("#first-where")).to_contain_text("Other GPU")
    expect(chip).to_be_focused()  # what is looked at again moves nothing from under a hand
    chip.press("Enter")
    expect(page.locator("#f-count")).to_have_value("4")
    expect(page.locator("#f-prompt")).to_be_focused()
    assert site.worker.seen == [], "nothing is drawn by itself"
    page.fill("#f-count", "1")
    site.worker.seconds = 119.6
    generate(page)
    expect(first).to_have_count(0)
    page.reload()
    arrive(page)
    page.click("#status")
    page.click("[data-view=first]")
    expect(page.locator("#first-dialog #first-models li")).to_contain_text("2 min 0 s a picture here")
    expect(first).to_have_count(0)


def test_without_a_model_it_says_what_to_do_and_sees_one_that_comes(windows, serve, tmp_path):
    site = serve(models=(), moderation=ModerationSettings(stages=()))
    page = windows.open(site.url, known=False, ready=False)
    expect(page.locator("#first-models li")).to_contain_text("nothing can be drawn")
    expect(page.locator("#first-set")).to_contain_text("Prompts and pictures aren’t checked.")
    expect(page.locator("#first-where")).to_contain_text("stays on it. Where 127.0.0.1")
    site.on_loop(lambda: setattr(site.worker, "away", True))
    expect(page.locator("#first-ways")).to_contain_text("~/.imagine/models")
    expect(page.locator("#first-try-part")).to_be_hidden()
    add_model(tmp_path / "home", "wolf")
    page.evaluate(LOOK)
    expect(page.locator("#first-models li")).to_contain_text("wolf")
    expect(page.locator("#first-where")).to_contain_text("It has others draw, too: fake.")
    expect(page.locator("#first-where")).not_to_contain_text("stays on it")
    page.click("#first-close")
    expect(page.locator("#empty")).to_be_visible()
    expect(page.locator("#f-model")).to_have_value("wolf")


def test_the_server_says_how_it_is_and_keeps_orders(page, windows, site):
    windows.expected.append("status of 400")
    page.fill("#f-prompt", "hold a fox")
    page.fill("#f-count", "2")
    page.click("#status")
    page.click("[data-view=devices]")
    expect(page.locator("#devices-rows li").first).to_contain_text("Ready · nothing to do")
    assert issues(page, "#devices-dialog") == []
    page.keyboard.press("Escape")
    page.click("[data-view=safety]")
    page.select_option("#safety-stricter", "strict")
    assert issues(page, "#safety-dialog") == []
    page.keyboard.press("Escape")
    page.click("[data-view=orders]")
    expect(page.locator("#orders-empty")).to_be_visible()
    page.route("**/jobs", refuse_new)
    with page.expect_request(is_new) as asked:
        page.click("#orders-hand")
    assert json.loads(asked.value.post_data)["moderation"] == "strict"
    expect(page.locator("#orders-error")).to_have_text("This isn't drawn here.")
    page.unroute("**/jobs")
    page.keyboard.press("Escape")
    page.click("[data-view=safety]")
    page.select_option("#safety-stricter", index=0)
    page.keyboard.press("Escape")
    page.click("[data-view=orders]")
    page.click("#orders-hand")
    site.until(lambda: len(site.worker.seen) == 2)
    page.get_by_role("button", name="Cancel: hold a fox").click()
    expect(page.locator("[data-act=again]")).to_be_visible()
    with page.expect_response(lambda response: is_new(response.request)) as placed:
        page.click("[data-act=again]")
    expect(page.locator("[data-act=cancel]")).to_be_visible()
    site.until(lambda: len(site.worker.seen) == 4)
    site.release()
    page.request.get(f"{site.url}jobs/{placed.value.json()['id']}/events").text()  # to its end
    page.evaluate(LOOK)
    expect(page.locator("[data-act=take]")).to_be_visible()
    assert issues(page, "#orders-dialog") == []
    page.click("[data-act=take]")
    expect(page.locator(".thumb")).to_have_count(2)
    expect(page.locator("#about-text")).to_contain_text("fox")
    assert last(site).params.prompt == "hold a fox"


def test_help_stands_where_it_is_needed(page, windows, site):
    windows.expected.append("status of 400")
    page.wait_for_selector("#help-dialog", state="attached")  # it comes by itself, a moment after the page
    page.locator("#generate").press("?")
    expect(page.locator("#help-keys dd")).to_have_count(len(document_keys.lines()))
    assert issues(page, "#help-dialog") == []
    page.keyboard.press("Escape")
    expect(page.locator("#help-dialog")).to_be_hidden()
    page.locator("#seed-keep").press("Enter")
    expect(page.locator("[data-about=why]")).to_contain_text("make a picture first")
    page.fill("#f-num_steps", "150")
    hint = page.locator("#unusual-f-num_steps")
    expect(hint).to_contain_text("hardly anything changes")
    expect(page.locator("#f-num_steps")).to_have_accessible_description(hint.inner_text())
    page.fill("#f-num_steps", "")
    expect(hint).to_be_hidden()
    page.fill("#f-prompt", "a fox")
    page.set_input_files(
        "[data-beside=references] input[type=file]", {"name": "a.png", "mimeType": "image/png", "buffer": png()}
    )
    refusal = {"error": "this picture is too dark", "field": "references.0.img"}
    page.route("**/generate", lambda route: route.fulfill(status=400, json=refusal), times=1)
    page.locator(".beside-row").wait_for()
    page.click("#generate")
    expect(page.locator(".beside-row .error")).to_have_text("this picture is too dark")
    generate(page)
    expect(page.locator(".beside-row .error")).to_be_hidden()
    expect(page.get_by_label("What counts of a.png")).to_be_visible()  # only what was wrong is hidden again
    page.click("#seed-keep")
    expect(page.locator("#f-seed")).to_have_value(str(last(site).params.seed))


def test_before_the_key_nothing_is_said_of_what_only_the_server_knows(windows, serve):
    windows.expected.append("401")
    page = windows.open(serve(api_key="sesame").url, known=False, ready=False)
    expect(page.locator("#status")).to_have_attribute("data-state", "key")
    page.click("#status")
    page.fill("#server-key", "sesame")
    page.click("#server-form [type=submit]")
    first = page.locator("#frame > #first")
    expect(first.locator("#first-models li")).to_contain_text("fox")
    expect(first.locator("#first-ways")).to_contain_text("told to ask nobody")
    expect(first.locator("#first-set")).to_contain_text("This browser has an API key.")
    page.evaluate("localStorage.removeItem('imagine.key')")
    page.reload()
    expect(page.locator("#status")).to_have_attribute("data-state", "key")
    page.click("#status")
    page.click("[data-view=first]")
    expect(page.locator("#first-models li")).to_contain_text("says what is here once it has its API key")
    expect(page.locator("#first-set")).to_contain_text("This server needs its API key.")
    page.get_by_role("button", name="Enter the key").click()
    expect(page.locator("#first-dialog")).to_be_hidden()
    expect(page.locator("#server-key")).to_be_focused()
