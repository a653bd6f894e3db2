"""Nothing is cut off, squeezed or unmarked, however long words and names are and whatever shape pictures have."""

import io
import itertools

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.page.acts import arrive, compare_two, drawn, generate, last, opened, png, start_from

PROMPT = (
    "A weathered lighthouse keeper in a heavy wool coat at the top of a spiral staircase, holding a brass lantern, "
    "storm clouds over a churning sea, warm rim light on the face, dust motes in the air, nineteenth century seascape "
    "with thick impasto strokes, muted teal and amber palette, extremely-detailed-and-without-any-place-to-break-a-"
    "line-because-people-paste-what-they-find-and-it-goes-on-and-on-and-on"
)
NAME = "IMG_20260814_193045_a-very-long-name-without-any-space_final_FINAL_v2_edited-(copy)_1.jpeg"
MODELS = ("fox", "sd_xl_base_of_a_community_merge_with_a_really_long_name_v12_fp16_pruned", "wolf")
ACCENT = (169, 63, 24)
INSIDE = """(selector) => {
    const { left, top, right, bottom, width, height } = document.querySelector(selector).getBoundingClientRect();
    return left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight && width > 20 && height > 20;
}"""
OVERFLOWING = """() => [...document.querySelectorAll(".panel-body, .panel-body *, .work, dialog[open], dialog[open] *")]
    .filter((each) => each.checkVisibility() && each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 0)
    .filter((each) => getComputedStyle(each).overflowX === "visible" && getComputedStyle(each).display !== "inline")
    .map((each) => each.id || each.className)"""


@pytest.mark.parametrize("size", [(1280, 720), (390, 844)], ids=str)
def test_long_words_and_wide_pictures_have_room(windows, serve, size):
    site = serve(models=MODELS)
    page = windows.open(site.url, viewport={"width": size[0], "height": size[1]})
    start_from(page, png(1200, 800), NAME)
    page.select_option("#f-model", MODELS[1])
    page.fill("#f-count", "4")
    page.fill("#f-num_steps", "4")
    page.fill("#f-width", "768")
    page.fill("#f-height", "432")
    generate(page, PROMPT)
    assert page.evaluate("document.documentElement.scrollWidth") == size[0]
    assert page.evaluate(OVERFLOWING) == []
    boxes = [tile.bounding_box() for tile in page.locator("button.tile").all()]
    assert {round(box["width"] / box["height"], 1) for box in boxes} == {1.8}
    frame = page.locator("#board").bounding_box()
    rows = len({round(box["y"]) for box in boxes})
    assert (
        max(sum(box["width"] for box in boxes) / rows / frame["width"], boxes[0]["height"] * rows / frame["height"])
        > 0.9
    )
    page.click("#do-full")
    drawn(page, "#viewer-img")
    for part in ("#viewer-img", "#viewer [data-close]", "#viewer-next", "#viewer-title"):
        assert page.evaluate(INSIDE, part), part
    page.keyboard.press("Escape")
    page.fill("#f-guidance", "3")
    page.fill("#f-count", "1")
    generate(page, PROMPT[::-1])
    page.click("#open-gallery")
    page.click(".pick.batch")
    expect(page.locator(".pick.inside")).to_have_count(4)
    assert page.evaluate(OVERFLOWING) == []
    compare_two(page)
    expect(page.locator("#compare-dialog")).to_be_visible()
    assert page.evaluate(OVERFLOWING) == []
    narrow = "[...document.querySelectorAll('#compare-rows td')].map((cell) => cell.clientWidth)"
    assert min(page.evaluate(narrow)) > size[0] / 5


def test_a_desktop_page_is_no_longer_than_what_it_shows(windows, site):
    page = windows.open(site.url, viewport={"width": 1280, "height": 720})
    height = "document.documentElement.scrollHeight"
    assert page.evaluate(height) == 720
    start_from(page, png(64, 64))
    assert page.evaluate(height) == 720


def test_the_chosen_of_several_is_marked_on_the_picture(page):
    page.fill("#f-count", "2")
    generate(page, "a fox")
    for chosen in (1, 0):
        page.locator("button.tile").nth(chosen).click()
        page.mouse.move(5, 5)
        shots = [opened(tile.screenshot()).convert("RGB") for tile in page.locator("button.tile").all()]
        marked = [ACCENT in {shot.getpixel((x, shot.height // 2)) for x in range(5)} for shot in shots]
        assert marked == [chosen == 0, chosen == 1]


def test_nothing_lies_over_the_words_of_an_empty_stage(windows, site):
    page = windows.open(site.url, viewport={"width": 390, "height": 844}, locale="ru-RU")
    boxes = [
        page.locator(f"#empty > {part}").bounding_box() for part in (".empty-art", ".empty-title", ".hint", ".chips")
    ]
    for above, below in itertools.pairwise(boxes):
        assert above["y"] + above["height"] <= below["y"]
    frame = page.locator("#frame").bounding_box()
    assert boxes[-1]["y"] + boxes[-1]["height"] <= frame["y"] + frame["height"]


def test_a_large_photo_is_made_in_a_size_that_suits_the_model(page, site):
    file = io.BytesIO()
    Image.new("RGB", (5472, 3648), (30, 90, 160)).save(file, "JPEG")
    start_from(page, file.getvalue(), "photo.jpg", "image/jpeg")
    expect(page.locator("#source-large-text")).to_have_text("The size is set to 624 × 416, to suit the model.")
    generate(page, "a fox")
    assert (last(site).params.width, last(site).params.height) == (624, 416)
    page.click("#source-large-act")
    expect(page.locator("#source-large-text")).to_contain_text("2048 × 1365 is far more than the 512 × 512")
    page.click("#source-large-act")
    expect(page.locator("#f-width")).to_have_value("624")
    page.click("#source-remove")
    expect(page.locator("#f-width")).to_have_value("")


def test_prompts_run_in_the_direction_of_their_script(page):
    page.fill("#f-prompt", "ثعلب أحمر في الثلج")
    direction = "getComputedStyle(document.querySelector('#f-prompt')).direction"
    assert page.evaluate(direction) == "rtl"
    page.reload()
    arrive(page)
    assert page.evaluate(direction) == "rtl"
