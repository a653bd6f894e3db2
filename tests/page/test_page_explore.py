"""A grid of settings and words, a walk between seeds, and a surprise: by keys, and over a reload."""

import io
import json
import zipfile

from playwright.sync_api import expect

from tests.page.acts import arrive, downloaded, issues, load, opened

MADE = "#explore-how:has-text('{n} of {n}')"


def explore(page, tab="grid"):
    page.click("#open-explore")
    expect(page.locator("#explore-title")).to_be_focused()
    page.click(f"#explore-tab-{tab}")


def set_axis(page, side, field, text):
    page.select_option(f"#axis-{side}-field", field)
    page.fill(f"#axis-{side}-text", text)


def test_values_are_understood_as_they_are_written_or_refused_beside_them(page):
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
    set_axis(page, "x", "seed", "1-60")
    set_axis(page, "y", "num_steps", "4-8")
    expect(page.locator("#grid-count")).to_have_text("300 pictures are too many: 100 at most.")
    expect(page.locator("#grid-start")).to_be_disabled()
    page.evaluate("document.querySelector('[data-language=ru]').click()")
    set_axis(page, "y", "guidance", "3,5; 7")
    expect(page.locator("#axis-y-said")).to_have_text("2 значения: 3,5 · 7")


def test_a_grid_is_made_looked_through_saved_and_built_again(page, site, windows):
    page.fill("#f-prompt", "a calm fox")
    page.fill("#f-seed", "7")
    explore(page)
    set_axis(page, "x", "num_steps", "4, 8")
    set_axis(page, "y", "words", "a calm\nfail not_found\na very wild and long-winded description of what is not a")
    expect(page.locator("#grid-count")).to_have_text("6 pictures")
    page.click("#grid-start")
    expect(page.locator("#explore-how")).to_have_text("4 of 6 · 2 failed")
    assert [(job.params.num_steps, job.params.prompt[:6], job.params.seed) for job in site.worker.seen] == [
        (steps, words, 7) for words in ("a calm", "fail n", "a very") for steps in (4, 8)
    ]
    cell = page.get_by_role("gridcell", name="Steps 8, Part of the prompt a calm", exact=True)
    page.get_by_role("gridcell", name="Steps 4, Part of the prompt a calm", exact=True).focus()
    page.keyboard.press("ArrowRight")
    expect(cell).to_be_focused()
    page.keyboard.press("ArrowDown")
    failed = page.get_by_role("gridcell", name="Steps 8, Part of the prompt fail not_found: failed")
    expect(failed).to_be_focused()
    assert issues(page) == []
    with page.expect_request("**/generate"):
        page.keyboard.press("Enter")
    expect(page.locator("#explore-how")).to_have_text("4 of 6 · 2 failed")
    assert len(site.worker.seen) == 7
    sheet = downloaded(page, "#explore-sheet")
    width, height = opened(sheet).size
    assert width > 2 * 512
    assert height > 3 * 512
    with zipfile.ZipFile(io.BytesIO(downloaded(page, "#explore-zip"))) as parts:
        names = [name for name in parts.namelist() if name.endswith(".json")]
        assert [name[:9] for name in names] == ["grid.json", "1-Steps-4", "2-Steps-8", "5-Steps-4", "6-Steps-8"]
        assert [json.loads(parts.read(name))["meta"]["num_steps"] for name in names[1:]] == [4, 8, 4, 8]
    page.keyboard.press("ArrowUp")
    cell.press("Enter")
    expect(page.locator("#about-text")).to_contain_text("8 steps")
    expect(page.locator("#gallery-count")).to_have_text("4")
    other = windows.open(site.url)
    load(other, sheet, "sheet.png")
    expect(other.locator("#axis-x-text")).to_have_value("4; 8")
    expect(other.locator("#axis-y-field")).to_have_value("words")
    expect(other.locator("#grid-count")).to_have_text("6 pictures")
    expect(other.locator("#f-seed")).to_have_value("7")


def test_a_grid_goes_on_after_a_reload_and_stops_when_it_is_told(page, site):
    page.fill("#f-prompt", "one")
    explore(page)
    set_axis(page, "x", "prompt", "hold one\ntwo\nthree\nhold four\nfive")
    page.click("#grid-start")
    page.wait_for_selector("#run-text:has-text('Step 12')", state="attached")
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    arrive(page)
    page.wait_for_selector("#run-text:has-text('Step 12')")
    site.release()
    expect(page.locator(".thumb")).to_have_count(3)
    explore(page)
    expect(page.locator(".explore-cell[data-state=running]")).to_have_attribute("aria-label", "Prompt hold four: 48 %")
    page.click("#explore-stop")
    site.release()
    expect(page.locator("#explore-how")).to_contain_text("4 of 5 · stopped")
    page.click("#explore-stop")
    page.wait_for_selector(MADE.format(n=5))
    assert [job.params.prompt for job in site.worker.seen] == [
        "hold one",
        "hold one",
        "two",
        "three",
        "hold four",
        "five",
    ]
    assert len({job.params.seed for job in site.worker.seen}) == 1


def test_a_walk_mixes_the_noises_of_seeds_and_a_surprise_can_be_undone(page, site):
    page.fill("#f-prompt", "a hill")
    explore(page, "walk")
    page.fill("#walk-seeds", "3; 9")
    page.fill("#walk-frames", "2")
    page.click("#walk-start")
    page.wait_for_selector(MADE.format(n=3))
    jobs = [job.params for job in site.worker.seen]
    assert [(one.seed, one.subseed, one.subseed_strength) for one in jobs] == [
        (3, None, 0.0),
        (3, 9, 0.5),
        (9, None, 0.0),
    ]
    page.locator("#walk-at").press("ArrowRight")
    expect(page.locator("#walk-name")).to_have_text("2 of 3: seed 3, 50 % of 9")
    page.wait_for_selector("#walk-seen[src^=blob]")
    assert issues(page) == []
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
