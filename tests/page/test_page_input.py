"""Pictures to start from: picked, dropped, pasted, scaled; a mask painted on them; extended; results taken as input."""

import io

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.page.acts import (
    arrive,
    downloaded,
    drop,
    generate,
    give_source,
    last,
    load,
    opened,
    paste,
    png,
    start_from,
)


def test_a_picture_is_sent_as_it_is(page, site):
    data = png(96, 64)
    start_from(page, data, "my photo.png")
    expect(page.locator("#source-note")).to_have_text("96 × 64")
    page.fill("#f-strength", "0.4")
    page.select_option("#f-resize", "fit")
    generate(page, "a fox")
    job = last(site)
    assert job.img == data
    assert (job.params.strength, job.params.resize, job.params.width, job.params.height) == (0.4, "fit", 96, 64)
    page.reload()
    arrive(page)
    expect(page.locator("#source-note")).to_have_text("96 × 64")
    expect(page.locator(".thumb")).to_have_count(1)  # the first picture is back
    page.click("#source-remove")
    generate(page)
    assert (last(site).img, last(site).params.img) == (None, None)


def test_a_picture_can_be_dropped_and_pasted(page, site):
    drop(page, "[data-drop=input]", png(80, 80), "dropped.png")
    expect(page.locator("#source-name")).to_have_text("dropped.png")
    paste(page, png(72, 80))
    expect(page.locator("#source-note")).to_have_text("72 × 80")
    expect(page.locator("#drop")).to_be_hidden()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"GIF89a" + b"\0" * 50, "not a PNG, JPEG or WebP"),
        (png()[:60], "damaged"),
        (b"<svg onload=alert(1)>", "not a PNG"),
    ],
    ids=["gif", "cut", "svg"],
)
def test_what_is_no_picture_is_refused(page, data, says):
    give_source(page, data, "x.png")
    expect(page.locator("#source-error")).to_contain_text(says)
    expect(page.locator("#source-full")).to_be_hidden()


def test_a_large_photo_is_scaled_and_upright_and_says_so(page, site):
    photo = Image.new("RGB", (3000, 1500), (30, 90, 160))
    exif = photo.getexif()
    exif[0x0112] = 6
    file = io.BytesIO()
    photo.save(file, "JPEG", exif=exif)
    start_from(page, file.getvalue(), "photo.jpg", "image/jpeg")
    expect(page.locator("#source-note")).to_have_text("1024 × 2048, scaled down from 1500 × 3000")
    page.fill("#f-width", "512")
    generate(page, "a fox")
    sent = opened(last(site).img)
    assert (sent.size, sent.format) == ((1024, 2048), "JPEG")


def test_a_result_becomes_the_input_and_comes_back_with_its_recipe(page, site, windows):
    generate(page, "a valley")
    first = downloaded(page, "#do-png")
    page.click("#do-input")
    expect(page.locator("#source-name")).to_have_text("A picture made here")
    page.fill("#f-strength", "0.5")
    generate(page, "at night")
    assert last(site).img == first
    told = downloaded(page, "#do-json")
    page.click("#source-remove")
    page.locator(".thumb").first.click()
    page.click("#do-reuse")
    expect(page.locator("#source-full")).to_be_visible()
    other = windows.open(site.url)
    load(other, told, "edit.json")
    expect(other.locator("#source-full")).to_be_visible()
    generate(other)
    assert (last(site).img, last(site).params.strength) == (first, 0.5)
