"""A grid of settings and words, a walk between seeds, and a surprise: by keys, and over a reload."""

import io
import json
import zipfile

from playwright.sync_api import expect

from tests.page.acts import arrive, downloaded, issues, load, opened

HALF = "#run-text:has-text('Step 12')"
SIDE = 64
"""Pixels: what is looked at here are the pictures' places."""


def explore(page, tab="grid"):
    page.click("#open-explore")
    expect(page.locator("#explore-title")).to_be_focused()
    page.click(f"#explore-tab-{tab}")


def set_axis(page, side, field, text):
    page.select_option(f"#axis-{side}-field", field)
    page.fill(f"#axis-{side}-text", text)


def ask_for(page, prompt):
    """Small pictures of that."""
    page.fill("#f-prompt", prompt)
    for side in ("width", "height"):
        page.fill(f"#f-{side}", str(SIDE))


def told(page):
    return page.locator("#explore-how")


def cell(page, name):
    return page.get_by_role("gridcell", name=name, exact=True)


def prompts_of(site):
    return [job.params.prompt for job in site.worker.seen]


def test_values_are_understood_and_a_grid_of_them_is_made_looked_through_saved_and_built_again(page, site, windows):
    ask_for(page, "a calm fox")
    page.fill("#f-seed", "7")
    explore(page)
    said, error = page.locator("#axis-x-said"), page.locator("#axis-x-error")
    page.select_option("#axis-x-field", "guidance")
    for text, values in (
        ("4, 8,12", "4 · 8 · 12"), ("1-9:4", "1 · 5 · 9"), ("9-1:4", "9 · 5 · 1"),
        ("1-2 (+0.5)", "1 · 1.5 · 2"), ("2-4 [2]", "2 · 4"),
    ):  # fmt: skip
        page.fill("#axis-x-text", text)
        expect(said).to_contain_text(f": {values}")
    for text, why in (("4, much", "number"), ("4, -3", "from 0 to 30"), ("0-9:0", "step"), ("0-20:0.1", "100")):
        page.fill("#axis-x-text", text)
        expect(error).to_contain_text(why)
    set_axis(page, "x", "words", "a wolf\na bear")
    expect(error).to_contain_text("“a wolf” is not in the prompt")
    set_axis(page, "x", "num_steps", "1-40")
    set_axis(page, "y", "num_steps", "4-8")
    expect(page.locator("#axis-y-error")).to_have_text("Steps varies already: choose another setting.")
    expect(page.locator("#grid-start")).to_be_disabled()
    page.select_option("#axis-y-field", "guidance")
    expect(page.locator("#axis-y-error")).to_be_hidden()
    page.fill("#axis-y-text", "1-5")
    expect(page.locator("#grid-count")).to_have_text("200 pictures are too many: 100 at most.")
    expect(page.locator("#grid-start")).to_be_disabled()

    set_axis(page, "x", "num_steps", "4, 8")
    set_axis(page, "y", "words", "a calm\nfail not_found\na very wild and $& long-winded description of what is not a")
    expect(page.locator("#grid-count")).to_have_text("6 pictures")
    page.click("#grid-start")
    page.dispatch_event("#grid-start", "click", {"detail": 2})  # as a double click has it
    expect(told(page)).to_have_text("4 of 6 · 2 failed")
    assert [(job.params.num_steps, job.params.prompt[:16], job.params.seed) for job in site.worker.seen] == [
        (steps, words, 7) for words in ("a calm fox", "fail not_found f", "a very wild and ") for steps in (4, 8)
    ]
    assert "wild and $& long" in prompts_of(site)[-1]
    calm = cell(page, "Steps 8, Part of the prompt a calm")
    cell(page, "Steps 4, Part of the prompt a calm").focus()
    page.keyboard.press("ArrowRight")
    expect(calm).to_be_focused()
    page.keyboard.press("ArrowDown")
    failed = page.get_by_role("gridcell", name="Steps 8, Part of the prompt fail not_found: failed")
    expect(failed).to_be_focused()
    assert issues(page, "#explore-dialog") == []
    with page.expect_request("**/generate"):
        page.keyboard.press("Enter")
    expect(told(page)).to_have_text("4 of 6 · 2 failed")
    assert len(site.worker.seen) == 7

    sheet = downloaded(page, "#explore-sheet")
    expect(page.locator("#explore-sheet")).to_be_focused()
    width, height = opened(sheet).size
    assert width > 2 * SIDE
    assert height > 3 * SIDE
    with zipfile.ZipFile(io.BytesIO(downloaded(page, "#explore-zip"))) as parts:
        names = [name for name in parts.namelist() if name.endswith(".json")]
        assert [name[:9] for name in names] == ["grid.json", "1-Steps-4", "2-Steps-8", "5-Steps-4", "6-Steps-8"]
        assert [json.loads(parts.read(name))["meta"]["num_steps"] for name in names[1:]] == [4, 8, 4, 8]

    calm.press("Enter")
    expect(page.locator("#about-text")).to_contain_text("8 steps")
    page.click("#do-delete")
    expect(page.locator("#gallery-count")).to_have_text("3")
    explore(page)
    expect(told(page)).to_have_text("3 of 6 · 2 failed")
    cell(page, "Steps 8, Part of the prompt a calm: deleted. Enter makes it again.").press("Enter")
    expect(told(page)).to_have_text("4 of 6 · 2 failed")
    assert prompts_of(site)[7:] == ["a calm fox"]

    other = windows.open(f"{site.url}?lang=ru")
    load(other, sheet, "sheet.png")
    expect(other.locator("#axis-x-text")).to_have_value("4; 8")
    expect(other.locator("#axis-y-field")).to_have_value("words")
    expect(other.locator("#grid-count")).to_have_text("6 картинок")
    expect(other.locator("#f-seed")).to_have_value("7")
    set_axis(other, "y", "guidance", "3,5; 7")
    expect(other.locator("#axis-y-said")).to_have_text("2 значения: 3,5 · 7")


def test_a_grid_goes_on_after_a_reload_in_its_own_tab_alone_and_stops_when_it_is_told(page, site):
    ask_for(page, "one")
    explore(page)
    set_axis(page, "x", "prompt", "hold one\ntwo\nhold three\nfour")
    page.click("#grid-start")
    page.wait_for_selector(HALF, state="attached")
    with page.expect_popup() as opening:  # which has a copy of what the tab keeps, as a duplicate has
        page.evaluate("window.open(location.href)")
    other = opening.value
    arrive(other)
    explore(other)
    expect(told(other)).to_have_text("0 of 4 · stopped")
    site.release()
    expect(told(other)).to_have_text("2 of 4 · stopped")
    page.wait_for_selector(HALF, state="attached")
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    arrive(page)
    page.wait_for_selector(HALF)
    explore(page)
    expect(cell(page, "Prompt hold three: 48 %")).to_have_attribute("data-state", "running")
    expect(told(page)).to_have_text("2 of 4")
    page.keyboard.press("Escape")
    page.click("#cancel")
    explore(page)
    expect(told(page)).to_have_text("2 of 4 · stopped")
    page.click("#explore-stop")
    expect(cell(page, "Prompt hold three: 48 %")).to_have_attribute("data-state", "running")
    page.click("#explore-stop")
    site.release()
    expect(told(page)).to_have_text("3 of 4 · stopped")
    page.click("#explore-stop")
    expect(told(page)).to_have_text("4 of 4")
    assert prompts_of(site) == ["hold one", "two", "hold three", "hold three", "hold three", "four"]
    assert len({job.params.seed for job in site.worker.seen}) == 1


def test_a_walk_mixes_the_noises_of_seeds_and_a_surprise_can_be_undone(page, site):
    ask_for(page, "a hill")
    page.fill("#f-subseed", "5")
    page.fill("#f-subseed_strength", "0.4")
    explore(page, "walk")
    page.fill("#walk-seeds", "3; 9")
    page.fill("#walk-frames", "2")
    page.click("#walk-start")
    expect(told(page)).to_have_text("3 of 3")
    jobs = [job.params for job in site.worker.seen]
    assert [(one.seed, one.subseed, one.subseed_strength) for one in jobs] == [
        (3, None, 0.0),
        (3, 9, 0.5),
        (9, None, 0.0),
    ]
    page.locator("#walk-at").press("ArrowRight")
    expect(page.locator("#walk-name")).to_have_text("2 of 3: seed 3, 50 % of 9")
    page.wait_for_selector("#walk-seen[src^=blob]")
    assert issues(page, "#explore-dialog") == []
    page.click("#explore-tab-surprise")
    page.click("#surprise-go")
    expect(page.locator("#explore-dialog")).to_be_hidden()
    expect(page.locator(".thumb")).to_have_count(4)
    drawn = site.worker.seen[-1].params
    assert drawn.prompt == page.input_value("#f-prompt") != "a hill"
    assert str(drawn.seed) == page.input_value("#f-seed")
    page.locator("[data-about=surprise] [data-undo]").click()
    expect(page.locator("#f-prompt")).to_have_value("a hill")
    expect(page.locator("#f-seed")).to_have_value("")
