"""Redrawn while one writes: a draft after each pause, one at a time, which Generate keeps."""

from playwright.sync_api import expect

from tests.page.acts import arrive, downloaded, generate, issues, last, opened

LOOKED_AT = """(seen) => {
    Object.defineProperty(document, "hidden", { value: !seen, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def switch_on(page):
    """Has it redrawn, once a picture has told how quick the model is."""
    page.fill("#f-num_steps", "4")
    generate(page, "a fox")
    page.check("#redraw")


def drafted(page, prompt):
    """Waits until a draft of that prompt is seen."""
    expect(page.get_by_role("img", name=f"Draft: {prompt}", exact=True)).to_be_visible()


def test_a_draft_of_one_seed_follows_what_is_written_and_generate_keeps_it(page, site):
    switch_on(page)
    drafted(page, "a fox")
    seed = last(site).params.seed
    page.fill("#f-prompt", "a fox in the snow")
    drafted(page, "a fox in the snow")
    page.fill("#f-guidance", "3")
    expect(page.locator("#redraw-text")).to_contain_text(f"seed {seed}")
    site.until(lambda: last(site).params.guidance == 3)
    job = last(site)
    assert (job.params.prompt, job.params.seed, job.priority) == ("a fox in the snow", seed, "low")
    expect(page.locator("#redraw-text")).to_contain_text("made in")
    expect(page.locator(".thumb")).to_have_count(1)
    expect(page.locator("#about")).to_be_hidden()
    assert issues(page, "#stage") == []
    asked = len(site.worker.seen)
    page.press("#f-prompt", "Control+Enter")
    expect(page.locator(".thumb")).to_have_count(2)
    expect(page.locator("#about-text")).to_contain_text(f"seed {seed}")
    expect(page.locator("#redraw-about")).to_be_hidden()
    assert len(site.worker.seen) == asked, "it was there already"
    assert opened(downloaded(page, "#do-png")).size == (512, 512)
    page.click("#redraw-room label")
    page.reload()
    arrive(page)
    expect(page.locator("#redraw")).not_to_be_checked()
    expect(page.locator(".thumb")).to_have_count(2)


def test_a_newer_wish_takes_the_one_before_back_and_waits_for_its_end(page, site):
    switch_on(page)
    drafted(page, "a fox")
    page.fill("#f-prompt", "hold a hare")
    site.until(lambda: last(site).params.prompt == "hold a hare")
    held = last(site).job
    page.fill("#f-prompt", "a wolf")
    drafted(page, "a wolf")
    assert held in site.worker.cancelled
    page.fill("#f-prompt", "hold a bear")
    site.until(lambda: last(site).params.prompt == "hold a bear")
    held = last(site).job
    page.fill("#f-count", "2")
    page.fill("#f-prompt", "an owl")
    page.click("#generate")
    expect(page.locator(".thumb")).to_have_count(3)
    site.until(lambda: held in site.worker.cancelled)
    first, second = (job.params for job in site.worker.seen[-2:])
    assert (first.prompt, second.seed) == ("an owl", first.seed + 1)
    assert first.seed == site.worker.seen[-3].params.seed, "the draft's own"


def test_what_is_pressed_twice_is_kept_once_and_what_nobody_looks_at_waits(page, site):
    switch_on(page)
    drafted(page, "a fox")
    page.fill("#f-prompt", "hold a lynx")
    site.until(lambda: last(site).params.prompt == "hold a lynx")
    held = last(site).job
    page.evaluate(LOOKED_AT, False)
    site.until(lambda: held in site.worker.cancelled)
    page.evaluate(LOOKED_AT, True)
    site.until(lambda: [job.params.prompt for job in site.worker.seen].count("hold a lynx") == 2)
    page.fill("#f-prompt", "hearts")
    expect(page.locator("#redraw-note")).to_contain_text("Not redrawn: the picture isn't shown")
    expect(page.locator("#live")).to_contain_text("Not redrawn")
    page.fill("#f-prompt", "a hare")
    drafted(page, "a hare")
    asked = len(site.worker.seen)
    page.evaluate("['', ''].forEach(() => document.querySelector('#redraw-keep').click())")
    expect(page.locator(".thumb")).to_have_count(3)
    assert len(site.worker.seen) == asked + 1, "the second press asks for another"


def test_it_is_offered_where_the_model_is_known_to_be_quick_enough(page, site):
    expect(page.locator("#redraw")).to_be_disabled()
    expect(page.locator("#redraw-hint")).to_contain_text("Make one picture with this model first")
    page.fill("#f-num_steps", "10")
    generate(page, "a fox")
    expect(page.locator("#redraw")).to_be_enabled()
    page.fill("#f-num_steps", "40")
    expect(page.locator("#redraw")).to_be_disabled()
    expect(page.locator("#redraw-hint")).to_contain_text("takes about 4 s; this needs 3 s or less")
    page.fill("#f-num_steps", "20")
    page.fill("#f-width", "1024")
    page.fill("#f-height", "768")
    page.check("#redraw")
    drafted(page, "a fox")
    expect(page.locator("#redraw-note")).to_contain_text("as large as you asked for")
    assert (last(site).params.width, last(site).params.height) == (512, 384)
    page.reload()
    arrive(page)
    expect(page.locator("#redraw")).to_be_checked()
    asked = len(site.worker.seen)
    page.set_viewport_size({"width": 390, "height": 800})
    page.fill("#f-prompt", "fail Unsupported")
    expect(page.locator("#redraw-note")).to_have_text("Not redrawn: no picture this time")
    page.fill("#f-prompt", "a hare")
    expect(page.locator(".panel #redraw-small")).to_be_visible()
    assert len(site.worker.seen) == asked + 2, "nothing by itself"
    page.click("#redraw-off")
    expect(page.locator("#redraw-about")).to_be_hidden()
    expect(page.locator("#about")).to_be_visible()
