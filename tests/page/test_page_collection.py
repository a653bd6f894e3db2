"""All that was made: brought over from older pages, found among many, in batches, picked, packed, dragged, limited."""

import io
import json
import zipfile

import pytest
from playwright.sync_api import expect

from tests.page.acts import arrive, base64_of, drawn, generate, issues, png
from tests.page.browser import browser_holds, stock_old

OLD = [("a red fox", "dpm++ 2m", 64), ("a lighthouse", "euler", 64), ("a fox at dusk", "euler", 128)]
FAILING = """{
    const put = IDBObjectStore.prototype.put;
    IDBObjectStore.prototype.put = function (...said) {
        if (this.name === "thumbs" && said[1] === "old-1") throw new DOMException("no room", "QuotaExceededError");
        return put.apply(this, said);
    };
}"""
TWICE = """{
    const press = () => new KeyboardEvent("keydown", { key: "Delete", bubbles: true, cancelable: true });
    for (const each of [press(), press()]) document.activeElement.dispatchEvent(each);
}"""
"""Deletes once more before the first time is done."""
FULL = """{
    const put = IDBObjectStore.prototype.put;
    IDBObjectStore.prototype.put = function (...said) {
        if (this.name === "files" && window.full) throw new DOMException("no room", "QuotaExceededError");
        return put.apply(this, said);
    };
}"""
TOUCH = "Input.dispatchTouchEvent"


def old_pictures(count=3):
    """What the page kept before version 2 of its database; the first is the latest."""
    for at in range(count):
        prompt, sampler, width = OLD[at % len(OLD)]
        meta = {"prompt": prompt, "sampler": sampler, "model": "fox", "seed": str(100 + at), "img": None}
        yield {
            "id": f"old-{at}", "time": 1_760_000_000_000 - at * 40_000_000, "seed": str(100 + at), "meta": meta,
            "warnings": [], "notes": [], "timings": {}, "width": width, "height": 64, "language": "en",
        }  # fmt: skip


def stocked(windows, site, count=3, **options):
    """A window onto so many pictures of an older page."""
    page = windows.open(f"{site.url}health", ready=False, **options)
    stock_old(page, [*old_pictures(count)], base64_of(png(64, 64)))
    return page


def opened_gallery(page, site):
    page.goto(site.url)
    arrive(page)
    page.click("#open-gallery")
    expect(page.locator("#pick-words")).to_be_focused()


def found(page):
    return page.locator(".pick").evaluate_all("cells => cells.map((cell) => cell.getAttribute('aria-label'))")


def small(page, count=1):
    """What is asked for is small, and soon made."""
    for field, value in (("width", 64), ("height", 64), ("num_steps", 4), ("count", count)):
        page.fill(f"#f-{field}", str(value))


def test_what_older_pages_kept_is_all_there(windows, site):
    page = stocked(windows, site)
    opened_gallery(page, site)
    expect(page.locator("#pick-found")).to_have_text("3 pictures")
    page.fill("#pick-words", "lighthouse seed 101")
    expect(page.locator(".pick")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#about-text")).to_contain_text("seed 101")
    page.wait_for_function("() => document.querySelector('.tile img')?.naturalWidth === 64")
    drawn(page, ".pick img")
    assert browser_holds(page) == {"files": 3, "rows": 3, "thumbs": 3, "undivided": 0}


def test_nothing_is_lost_where_bringing_over_fails_halfway(windows, site):
    page = stocked(windows, site)
    other = page.context.new_page()
    other.add_init_script(FAILING)
    opened_gallery(other, site)
    expect(other.locator(".pick")).to_have_count(3)
    other.wait_for_function("() => [...document.querySelectorAll('.pick img')].every((one) => one.naturalWidth > 0)")
    assert browser_holds(other) == {"files": 3, "rows": 0, "thumbs": 0, "undivided": 3}
    page.goto(site.url)  # where it stands beside the stage by now
    arrive(page)
    expect(page.locator(".pick")).to_have_count(3)
    assert browser_holds(page) == {"files": 3, "rows": 3, "thumbs": 3, "undivided": 0}


def test_an_older_page_in_another_tab_is_waited_for(windows, site):
    older = stocked(windows, site)
    older.evaluate(
        """new Promise((done) => {
            indexedDB.open("imagine", 1).onsuccess = ({ target }) => { window.db = target.result; done(); };
        })"""
    )
    page = older.context.new_page()
    page.goto(site.url)
    arrive(page)
    expect(page.locator("[data-about=gallery]")).to_contain_text("older page")
    small(page)
    generate(page, "made meanwhile")
    older.evaluate("window.db.close()")
    expect(page.locator(".thumb")).to_have_count(4)
    expect(page.locator("[data-about=gallery]")).to_have_count(0)
    page.reload()
    expect(page.locator(".thumb")).to_have_count(4)


def test_one_is_found_among_many(windows, site):
    page = stocked(windows, site, 600)
    opened_gallery(page, site)
    expect(page.locator("#pick-found")).to_have_text("600 pictures")
    assert page.locator(".pick").count() < 80
    page.keyboard.press("ArrowDown")
    page.keyboard.press("End")
    expect(page.locator(".pick:focus")).to_have_attribute("aria-label", "a fox at dusk, seed 699")
    assert page.locator(".pick").count() < 80
    page.keyboard.press("s")
    page.fill("#pick-words", "FOX 128х64")  # with a Cyrillic letter
    expect(page.locator("#pick-found")).to_have_text("200 of 600")
    page.click("#pick-starred")
    expect(page.locator("#pick-found")).to_have_text("1 of 600")
    assert found(page) == ["a fox at dusk, seed 699, with a star"]
    page.click("#pick-starred")
    page.fill("#pick-words", "euler")
    page.select_option("#pick-day", index=1)
    assert {"fox", "lighthouse"} >= {one.split(",")[0].split()[1] for one in found(page)}
    page.fill("#pick-words", "no such thing")
    expect(page.locator("#pick-none")).to_be_visible()
    page.reload()
    arrive(page)
    expect(page.locator("#pick-found")).to_have_text("600 pictures")  # where it was opened it stays


def test_a_batch_stays_one(page):
    small(page, count=4)
    generate(page, "hills")
    page.click("#open-gallery")
    expect(page.locator(".pick.batch")).to_have_attribute("aria-label", "Batch of 4 pictures: hills")
    assert found(page) == ["Batch of 4 pictures: hills"]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".pick.inside")).to_have_count(4)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Delete")
    expect(page.locator(".pick.inside")).to_have_count(3)
    expect(page.locator("button.tile")).to_have_count(3)
    expect(page.locator(".pick.batch")).to_have_attribute("aria-label", "Batch of 3 pictures: hills")
    page.locator("[data-about=deleted] .text-button").click()
    expect(page.locator(".pick.inside")).to_have_count(4)
    page.reload()
    arrive(page)
    expect(page.locator("button.tile")).to_have_count(4)
    page.locator("#stage").focus()
    page.keyboard.press("3")
    expect(page.locator("button.tile").nth(2)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("button.tile").nth(1)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("s")
    expect(page.locator("#do-star")).to_have_attribute("aria-pressed", "true")


def test_several_are_picked_by_keys_and_come_back_at_once(windows, site):
    page = stocked(windows, site)
    opened_gallery(page, site)
    other = page.context.new_page()
    other.goto(site.url)
    arrive(other)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("#live")).to_have_text("2 selected")
    expect(page.locator(".pick[aria-selected=true]")).to_have_count(2)
    page.keyboard.press("s")
    expect(page.locator(".pick-star:visible")).to_have_count(2)
    expect(other.locator("#do-star")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Delete")
    expect(page.locator(".pick")).to_have_count(1)
    expect(other.locator(".thumb")).to_have_count(1)
    expect(page.locator("[data-about=deleted]")).to_contain_text("2 pictures deleted")
    page.keyboard.press("Control+z")
    expect(page.locator(".pick")).to_have_count(3)
    expect(other.locator(".thumb")).to_have_count(3)
    expect(page.locator(".pick-star:visible")).to_have_count(2)
    page.click("#pick-mode")
    page.locator(".pick").nth(0).click()
    page.locator(".pick").nth(2).click()
    page.locator(".pick").nth(1).click()
    page.click("#pick-compare")
    expect(page.locator("#compare-many figure")).to_have_count(3)
    expect(page.locator("#compare-rows tr", has_text="Seed").locator("td")).to_have_text(["100", "102", "101"])


def test_what_is_deleted_bit_by_bit_comes_back_at_once(windows, site):
    page = stocked(windows, site)
    opened_gallery(page, site)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.evaluate(TWICE)
    expect(page.locator(".pick:focus")).to_have_attribute("aria-label", "a fox at dusk, seed 102")  # its neighbour
    page.keyboard.press("Delete")
    expect(page.locator(".pick:focus")).to_have_attribute("aria-label", "a red fox, seed 100")
    expect(page.locator("[data-about=deleted]")).to_contain_text("2 pictures deleted")
    page.keyboard.press("Control+z")
    expect(page.locator(".pick")).to_have_count(3)
    assert browser_holds(page) == {"files": 3, "rows": 3, "thumbs": 3, "undivided": 0}
    page.locator(".pick").nth(1).click(modifiers=["Control"])
    page.focus("#pick-star")
    page.keyboard.press("Delete")  # what is picked, not what is on the stage
    expect(page.locator("#pick-mode")).to_be_focused()
    expect(page.locator(".pick")).to_have_count(2)
    assert found(page) == ["a red fox, seed 100", "a fox at dusk, seed 102"]


def test_what_found_no_room_is_kept_once_there_is_some(windows, site):
    page = windows.open(f"{site.url}health", ready=False)
    page.add_init_script(FULL)
    page.goto(site.url)
    arrive(page)
    small(page)
    generate(page, "first")
    page.evaluate("window.full = true")
    generate(page, "second")
    expect(page.locator("[data-about=gallery]")).to_contain_text("no room")
    page.evaluate("window.full = false")
    page.locator(".thumb").last.click()
    expect(page.locator(".tile img")).to_have_attribute("alt", "first")
    page.click("#do-delete")
    expect(page.locator("[data-about=gallery]")).to_have_count(0)
    assert browser_holds(page) == {"files": 1, "rows": 1, "thumbs": 1, "undivided": 0}
    page.context.new_cdp_session(page).send(
        "Storage.clearDataForOrigin", {"origin": site.url.rstrip("/"), "storageTypes": "indexeddb"}
    )  # and with it the page's connection
    generate(page, "third")
    assert browser_holds(page) == {"files": 1, "rows": 1, "thumbs": 1, "undivided": 0}


def test_several_are_one_zip_with_their_recipes(windows, site):
    page = stocked(windows, site)
    opened_gallery(page, site)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Control+a")
    with page.expect_download() as waiting:
        page.click("#pick-zip")
    with zipfile.ZipFile(waiting.value.path()) as packed:
        assert packed.testzip() is None
        names = packed.namelist()
        assert len(names) == 6
        assert {name.rpartition(".")[2] for name in names} == {"png", "json"}
        assert all(packed.read(name) == png(64, 64) for name in names if name.endswith(".png"))
        recipes = [json.load(io.BytesIO(packed.read(name))) for name in names if name.endswith(".json")]
    assert [one["meta"]["seed"] for one in recipes] == ["100", "101", "102"]


def test_pictures_are_used_by_a_drag_and_by_a_menu(windows, site):
    page = stocked(windows, site)
    opened_gallery(page, site)
    page.locator(".pick").nth(1).hover()
    page.mouse.down()
    page.mouse.move(500, 300, steps=4)
    page.locator("[data-drop=references]").hover()
    page.locator("[data-drop=references]").hover()
    page.mouse.up()
    expect(page.locator("[data-beside=references] .beside-row")).to_have_count(1)
    expect(page.locator("#drop")).to_be_hidden()
    page.locator(".pick").nth(0).click(modifiers=["Control"])
    page.click("#pick-use summary")
    page.click("#use-input")
    expect(page.locator("#source-name")).to_have_text("A picture made here")
    page.click("#pick-use summary")
    page.click("#use-recipe")
    expect(page.locator("#f-prompt")).to_have_value("a red fox")


@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("ru", "dark")])
def test_a_finger_picks_by_resting(windows, site, language, theme):
    page = stocked(
        windows, site, viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True, color_scheme=theme
    )
    page.goto(f"{site.url}?lang={language}")
    arrive(page)
    page.tap("#open-gallery")
    box = page.locator(".pick").nth(1).bounding_box()
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    session = page.context.new_cdp_session(page)
    session.send(TOUCH, {"type": "touchStart", "touchPoints": [at]})
    expect(page.locator(".pick").nth(1)).to_have_attribute("aria-selected", "true")
    session.send(TOUCH, {"type": "touchEnd", "touchPoints": []})
    page.locator(".pick").nth(2).tap()
    expect(page.locator(".pick[aria-selected=true]")).to_have_count(2)
    assert issues(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.tap("#pick-mode")
    expect(page.locator("#pick-bar")).to_be_hidden()
    page.locator(".pick").nth(2).tap()
    expect(page.locator("#gallery-dialog")).to_be_hidden()
    expect(page.locator("#about-text")).to_contain_text("102")


def test_over_the_limit_the_oldest_without_a_star_go_but_not_unsaid(windows, site):
    page = stocked(windows, site)
    opened_gallery(page, site)
    page.locator(".pick").nth(2).focus()
    page.keyboard.press("s")
    page.evaluate("localStorage.setItem('imagine.limit', 3000)")
    small(page)
    generate(page, "first")
    expect(page.locator("[data-about=room]")).to_contain_text("oldest without a star")
    expect(page.locator(".pick")).to_have_count(4)
    page.fill("#f-prompt", "second")
    page.click("#generate")
    expect(page.locator("[data-about=made-room]")).to_contain_text("to make room")
    assert "a fox at dusk, seed 102, with a star" in found(page)
    assert "a lighthouse, seed 101" not in found(page)
    page.locator("#room summary").click()
    page.select_option("#room-limit", index=0)
    page.locator("[data-about=made-room] .text-button").click()
    expect(page.locator(".pick")).to_have_count(5)
