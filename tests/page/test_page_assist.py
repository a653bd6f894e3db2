"""A wish in plain words: planned by the assistant, seen, changed and drawn; or drawn at once; or not understood.

Behind the server stands a fake server of language models, which answers as a test's `script` says.
"""

import asyncio
import re

import pytest
from msgspec.structs import replace
from playwright.sync_api import expect

from tests.assistant.fake_models import HANGS, says
from tests.page.acts import arrive, downloaded, generate, issues, last, load, png, start_from
from tests.page.browser import Site

SEEN = {
    "subjects": [{"name": "house", "count": 1, "colours": ["red"], "material": "brick", "position": "centre"}],
    "background": "white", "composition": {"shot": "wide", "angle": "front", "layout": "one house in the middle"},
    "lighting": "flat", "palette": ["red", "white"], "style": "flat drawing", "people": False, "text_in_image": "",
}  # fmt: skip
PLAN = {
    "prompt": {"subject": "a blue house", "style": "flat drawing", "light": "flat", "colours": "blue, white",
               "composition": "one house in the middle"},
    "negative": "red", "change": "colour", "keep": ["white background"], "strength": 0.3, "steps": 30, "guidance": 6,
    "sampler": "euler", "why": "The house <b>turns</b> blue.",
}  # fmt: skip
PROMPT = "a blue house, flat drawing, flat, blue, white, one house in the middle"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with Site(tmp_path_factory.mktemp("assisted"), script=[says(PLAN)]) as running:
        yield running


@pytest.fixture
def scripted(site):
    """Has the models answer so, who are rested and were asked nothing."""

    def script(*acts):
        def take():
            site.fake.script[:] = acts
            site.fake.asked.clear()
            site.fake.now.seconds += 3600

        site.on_loop(take)

    return script


@pytest.fixture
def page(windows, site):
    page = windows.open(site.url)
    page.check("#assist")
    return page


def begun_with(page, colour):
    """Starts from a picture, of a colour that no other test has: what it shows is remembered."""
    start_from(page, png(96, 64, colour))


def planned(page, wish="make it blue"):
    page.fill("#f-prompt", wish)
    page.click("#generate")
    expect(page.locator("#plan-dialog")).to_be_visible()


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_wish_is_planned_seen_changed_and_drawn_by_keyboard_alone(windows, site, scripted, language):
    scripted(says(SEEN), says(PLAN))
    page = windows.open(f"{site.url}?lang={language}", color_scheme="light" if language == "en" else "dark")
    begun_with(page, (200, 40, ord(language[0])))
    page.focus("#f-prompt")
    page.keyboard.type("make it blue" if language == "en" else "сделай его синим")
    for _ in range(4):  # past what helps with words
        page.keyboard.press("Tab")
    expect(page.locator("#assist")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator("#generate-text")).to_have_text("Make a plan" if language == "en" else "Составить план")
    with page.expect_request("**/assist") as asked:
        page.keyboard.press("Control+Enter")
    wish = {"en": "make it blue", "ru": "сделай его синим"}[language]
    body = asked.value.post_data_json
    assert (body.pop("prompt"), len(body.pop("img")) > 100, body) == (wish, True, {"stream": 2, "progress": True})
    expect(page.locator("#plan-title")).to_be_focused()
    expect(page.locator("#plan-prompt")).to_have_value(PROMPT)
    expect(page.locator("#plan-why")).to_contain_text("The house <b>turns</b> blue.")
    expect(page.locator("#plan-why")).to_contain_text("white background")
    expect(page.locator("#plan-warnings")).to_contain_text("0.3")
    expect(page.locator("#plan-strength")).to_have_value("0.8" if language == "en" else "0,8")
    expect(page.locator("#plan-description")).to_have_value(re.compile("^red brick house"))
    assert issues(page, "#plan-dialog") == []
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.locator("#plan-prompt")).to_be_focused()
    page.keyboard.press("Control+End")
    page.keyboard.type(", evening")
    page.focus("#plan-strength")
    page.keyboard.press("ArrowUp")
    page.focus("#plan-num_steps")
    page.keyboard.press("Control+A")
    page.keyboard.type("12")
    with page.expect_request("**/generate") as drawn:
        page.keyboard.press("Control+Enter")
    body = drawn.value.post_data_json
    assert len(body.pop("img")) > 100
    assert body == {
        "prompt": f"{PROMPT}, evening", "neg": "red", "strength": 0.85, "num_steps": 12, "guidance": 6,
        "sampler": "euler", "stream": 2, "progress": True,
        "assisted": {"wish": wish, "change": "colour", "keep": ["white background"], "why": PLAN["why"]},
    }  # fmt: skip
    expect(page.locator(".thumb")).to_have_count(1)
    expect(page.locator("#f-prompt")).to_have_value(wish)
    expect(page.locator("#details-plan")).to_contain_text(wish)
    expect(page.locator("#details-plan")).to_contain_text(f"{PROMPT}, evening")
    expect(page.locator("#details-plan")).to_contain_text(PLAN["why"])
    assert issues(page, "#details") == []


def test_what_is_seen_wrongly_is_described_by_hand_and_asked_again(page, site, scripted):
    scripted(says(SEEN), says(PLAN), says(PLAN | {"prompt": {"subject": "a blue barn"}}))
    begun_with(page, (10, 200, 30))
    planned(page)
    page.fill("#plan-description", "a barn, no house")
    page.fill("#plan-wish", "make the barn blue")
    held = []
    page.route("**/assist", lambda route: held.append(route), times=1)
    with page.expect_request("**/assist") as asked:
        page.click("#plan-again")
    expect(page.locator("#plan-stop")).to_be_focused()
    held[0].continue_()
    body = asked.value.post_data_json
    assert (body["prompt"], body["description"]) == ("make the barn blue", "a barn, no house")
    expect(page.locator("#plan-prompt")).to_have_value(re.compile("^a blue barn"))
    expect(page.locator("#plan-description")).to_have_value("a barn, no house")
    assert len(site.on_loop(lambda: list(site.fake.asked))) == 3, "nobody looked again"
    page.click("#plan-draw")
    expect(page.locator(".thumb")).to_have_count(1)
    assert (last(site).params.assisted.wish, "description" in last(site).params.prompt) == ("make the barn blue", False)
    expect(page.locator("#f-prompt")).to_have_value("make the barn blue")


def test_a_plan_that_is_put_aside_is_gone_back_to_as_it_was_left(page, site, scripted):
    scripted(says(PLAN))
    before = len(site.worker.seen)
    planned(page)
    expect(page.locator("#plan-strength")).to_be_hidden()
    page.fill("#plan-prompt", "a blue house at night")
    page.fill("#plan-num_steps", "900")
    page.click("#plan-draw")
    expect(page.locator("#plan-num_steps")).to_be_focused()
    expect(page.locator("#plan-num_steps-error")).to_have_text("This must be from 1 to 150.")
    page.keyboard.press("Escape")
    expect(page.locator("#generate")).to_be_focused()
    assert len(site.worker.seen) == before
    page.click("[data-about=plan] .text-button")
    expect(page.locator("#plan-prompt")).to_have_value("a blue house at night")
    page.fill("#plan-num_steps", "")
    page.click("#plan-draw")
    expect(page.locator(".thumb")).to_have_count(1)
    assert (last(site).params.prompt, last(site).params.num_steps) == ("a blue house at night", 25)


def test_where_nobody_understands_the_wish_is_drawn_as_it_is_with_a_warning(page, site, scripted):
    scripted(says("I can't do that."))
    planned(page)
    expect(page.locator("#plan-warnings")).to_contain_text("Prompt is as it was said, since nobody understood it")
    expect(page.locator("#plan-prompt")).to_have_value("make it blue")
    expect(page.locator("#plan-why")).to_be_hidden()
    page.click("#plan-draw")
    expect(page.locator(".thumb")).to_have_count(1)
    assert (last(site).params.prompt, last(site).params.assisted) == ("make it blue", None)


def test_thinking_can_be_stopped_and_what_it_refuses_is_told(page, windows, site, scripted):
    scripted(HANGS)
    page.fill("#f-prompt", "make it blue")
    page.click("#generate")
    expect(page.locator("#thinking")).to_be_visible()
    site.until(lambda: site.fake.asked)
    page.click("#thinking-stop")
    expect(page.locator("#thinking")).to_be_hidden()
    expect(page.locator("#plan-dialog")).to_be_hidden()
    windows.expected.append("400")
    scripted(says(PLAN | {"prompt": {"subject": "a naked child"}}))
    page.click("#generate")
    expect(page.locator("#error-f-prompt")).to_contain_text("which this server doesn't draw")
    expect(page.locator("#thinking")).to_be_hidden()


def test_who_does_something_else_meanwhile_is_not_interrupted(page, site, scripted):
    written = asyncio.Event()

    async def slowly(*all_of_it):
        await written.wait()
        return says(PLAN)(*all_of_it)

    scripted(slowly)
    page.fill("#f-prompt", "make it blue")
    page.click("#generate")
    site.until(lambda: site.fake.asked)
    page.fill("#f-prompt", "make it blue, and")
    site.on_loop(written.set)
    expect(page.locator("[data-about=plan]")).to_contain_text("The plan is ready.")
    expect(page.locator("#plan-dialog")).to_be_hidden()
    page.click("[data-about=plan] .text-button")
    expect(page.locator("#plan-wish")).to_have_value("make it blue")


def test_drawn_at_once_it_is_handed_over_and_its_recipe_asks_nobody(page, site, scripted):
    scripted(says(PLAN))
    page.check("#assist-straight")
    expect(page.locator("#generate-text")).to_have_text("Generate")
    with page.expect_request("**/generate") as asked:
        generate(page, "make it blue")
    assert asked.value.post_data_json == {"prompt": "make it blue", "assist": True, "stream": 2, "progress": True}
    first = last(site).params
    assert (first.prompt, first.assisted.wish) == (PROMPT, "make it blue")
    told = downloaded(page, "#do-json")
    page.reload()
    arrive(page)
    expect(page.locator("#assist-straight")).to_be_checked()
    page.uncheck("#assist-straight")
    load(page, told, "made.json")
    expect(page.locator("[data-about=load]")).not_to_contain_text("left out")
    expect(page.locator("#generate-text")).to_have_text("Generate")
    with page.expect_request("**/generate") as asked:
        generate(page)
    assert "assist" not in asked.value.post_data_json
    assert replace(last(site).params, buckets=None) == first
    assert len(site.on_loop(lambda: list(site.fake.asked))) == 1
    page.fill("#f-prompt", "a wish of its own")
    expect(page.locator("#generate-text")).to_have_text("Make a plan")


def test_the_plan_has_room_on_a_phone(windows, site, scripted):
    scripted(says(SEEN), says(PLAN))
    page = windows.open(site.url, viewport={"width": 320, "height": 640}, has_touch=True, locale="ru-RU")
    begun_with(page, (1, 2, 3))
    page.check("#assist")
    planned(page, "сделай его синим")
    assert page.evaluate(
        "document.querySelector('#plan-dialog').scrollWidth <= document.querySelector('#plan-dialog').clientWidth"
    )
    for button in ("#plan-draw", "#plan-dialog .dialog-actions [data-close]"):
        expect(page.locator(button)).to_be_in_viewport(ratio=1)
