"""What a person is told who comes for the first time: what is here, and what can be had."""

from playwright.sync_api import expect

from tests.page.acts import arrive, generate, issues
from tests.server.served import add_model

LOOK = "document.dispatchEvent(new Event('visibilitychange'))"


def test_who_comes_first_sees_what_is_here_until_the_first_picture(windows, site):
    page = windows.open(site.url, known=False)
    first = page.locator("#frame > #first")
    expect(first.locator("#first-where")).to_contain_text("on this computer and draws on Fake GPU")
    expect(first.locator("#first-models li")).to_contain_text("fox stable diffusion")
    expect(page.locator("#empty")).to_be_hidden()
    assert page.evaluate("document.activeElement.id") == "f-prompt", "it takes nobody's place"
    assert issues(page, "#stage") == []
    page.get_by_role("button", name="4 variants at once").press("Enter")
    expect(page.locator("#f-count")).to_have_value("4")
    expect(page.locator("#f-prompt")).to_be_focused()
    assert site.worker.seen == [], "nothing is drawn by itself"
    page.fill("#f-count", "1")
    generate(page)
    expect(first).to_have_count(0)
    page.reload()
    arrive(page)
    page.click("#status")
    page.click("[data-view=first]")
    expect(page.locator("#first-dialog #first-models li")).to_contain_text("a picture here")
    expect(first).to_have_count(0)


def test_without_a_model_it_says_what_to_do_and_sees_one_that_comes(windows, serve, tmp_path):
    page = windows.open(serve(models=()).url, known=False, ready=False)
    expect(page.locator("#first-models li")).to_contain_text("nothing can be drawn")
    expect(page.locator("#first-ways")).to_contain_text("~/.imagine/models")
    expect(page.locator("#first-try-part")).to_be_hidden()
    add_model(tmp_path / "home", "wolf")
    page.evaluate(LOOK)
    expect(page.locator("#first-models li")).to_contain_text("wolf")
    page.click("#first-close")
    expect(page.locator("#empty")).to_be_visible()
    expect(page.locator("#f-model")).to_have_value("wolf")
