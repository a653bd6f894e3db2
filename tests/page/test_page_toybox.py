"""The page, the server, the worker and the shipped model together: what a person sees is what the engine makes."""

import pytest
from playwright.sync_api import expect

from tests.page.acts import close_canvas, downloaded, draw, generate, load, open_canvas, opened
from tests.page.browser import TOYBOX, real_server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not TOYBOX.is_file(), reason="models.example/toybox.safetensors is not there"),
]
PAINTED = 0.4


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with real_server(tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture
def page(windows, url):
    opened = windows.open(url)
    opened.set_default_timeout(240_000)
    return opened


def test_a_picture_is_made_again_to_the_byte(page, windows, url):
    page.fill("#f-seed", "9007199254740993")
    page.fill("#f-stream", "1")
    page.fill("#f-num_steps", "6")
    page.fill("#f-width", "128")  # or each would be enlarged, which takes longer than all else
    page.fill("#f-height", "128")
    page.fill("#f-prompt", "a small red house on a green background")
    page.click("#generate")
    page.wait_for_selector(".tile:not(.waiting) canvas, .tile img")
    page.wait_for_selector("#about:visible")
    first, told = downloaded(page, "#do-png"), downloaded(page, "#do-json")
    for data, name in ((first, "made.png"), (told, "made.json")):
        other = windows.open(url)
        other.set_default_timeout(240_000)
        load(other, data, name)
        generate(other)
        assert downloaded(other, "#do-png") == first


def test_four_variants_and_a_cancelled_run(page):
    page.fill("#f-count", "4")
    page.fill("#f-width", "128")
    page.fill("#f-height", "128")
    generate(page, "a yellow star, blue background")
    expect(page.locator(".thumb")).to_have_count(4)
    page.fill("#f-num_steps", "150")
    page.click("#generate")
    page.wait_for_selector(".tile:not(.waiting) canvas")
    page.click("#cancel")
    expect(page.locator("#live")).to_have_text("Cancelled.")
    expect(page.locator(".thumb")).to_have_count(4)


def test_only_what_is_masked_changes(page):
    page.fill("#f-width", "128")  # or it would be enlarged
    page.fill("#f-height", "128")
    page.fill("#f-seed", "101")  # whose moon's edge is there: what is even would be painted as it is
    generate(page, "a white moon, purple background")
    before = opened(downloaded(page, "#do-png")).convert("RGB")
    page.click("#do-input")
    open_canvas(page)
    draw(page, (0.2, 0.2), (PAINTED, 0.2))
    close_canvas(page)
    page.fill("#f-strength", "1")
    generate(page, "a red circle")
    after = opened(downloaded(page, "#do-png")).convert("RGB")
    width, height = before.size
    assert after.size == before.size
    lower = (0, height * 3 // 4, width, height)
    assert after.crop(lower).tobytes() == before.crop(lower).tobytes()
    assert after.tobytes() != before.tobytes()
