"""What else can be done with the chosen picture: compared, a reference, a control; and why one of these can't be."""

from playwright.sync_api import expect

from tests.page.acts import do_more, generate, issues, png, start_from


def test_the_chosen_picture_is_compared_and_becomes_a_reference(page):
    start_from(page, png())
    page.fill("#f-count", "2")
    generate(page, "a fox")
    do_more(page, "before")
    expect(page.locator("#compare-a")).to_have_attribute("alt", "Before")
    expect(page.locator("#compare-b")).to_have_attribute("alt", "a fox")
    expect(page.locator("#compare-settings")).to_be_hidden()
    page.click("#compare-dialog [data-close]")
    do_more(page, "compare")
    expect(page.locator("#compare-heads th")).to_have_text(["Setting", "Left", "Right"])
    expect(page.locator("#compare-rows th")).to_have_text("Seed")
    page.click("#compare-dialog [data-close]")
    do_more(page, "references")
    expect(page.locator("[data-beside=references] .beside-row")).to_have_count(1)
    page.set_viewport_size({"width": 390, "height": 800})
    page.press("#do-more > summary", "Enter")
    expect(page.get_by_role("button", name="Follow this picture")).to_be_disabled()
    expect(page.locator("#more-why")).to_contain_text("No ControlNet for this model is here")
    page.get_by_role("button", name="Follow this picture").focus()
    page.keyboard.press("Enter")
    expect(page.locator("[data-about=why]")).to_contain_text("No ControlNet for this model is here")
    box = page.locator("#more-items").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert issues(page, "#more-items") == []
