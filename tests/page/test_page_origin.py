"""Where pictures come from: of those made here, and of files dropped on the page; and what holds on a server."""

import io

import pytest
from PIL import Image
from playwright.sync_api import expect

from imagine.words.moderation import ModerationSettings
from tests.page.acts import downloaded, drop, generate, issues, last, png, start_from


def facts(page, where):
    names, words = (page.locator(f"{where} {each}").all_inner_texts() for each in ("dt", "dd"))
    return dict(zip(names, words, strict=True))


@pytest.fixture
def page(windows, site):
    windows.expected.append("400")  # a file without settings
    return windows.open(site.url)


LOST_ONCE = """() => {
  const get = IDBObjectStore.prototype.get;
  IDBObjectStore.prototype.get = function (...said) {
    if (this.name !== "files") return get.apply(this, said);
    IDBObjectStore.prototype.get = get;
    throw new Error("no disk");
  };
}"""


def test_a_picture_says_that_it_was_made_here_and_of_what(page, windows):
    start_from(page, png(96, 64))
    generate(page, "a fox")
    expect(page.locator("#details-origin")).to_have_text(
        "Made by Imagine on this machine of another picture, and unchanged since."
    )
    told = facts(page, "#details-facts")
    assert told.pop("Made with").startswith("Imagine ")
    assert told == {
        "Content Credentials": "whole, signed by this machine’s own key", "Signed by": "Imagine local key, Imagine",
        "What was done": "another picture opened, painted over", "Kind": "partly made by AI",
        "Made of": "the picture it began with, not signed", "Invisible mark": "none",
    }  # fmt: skip
    assert facts(page, "#details-plan") == {"Prompt": "a fox"}
    page.click("#details > summary")
    page.evaluate(LOST_ONCE)
    windows.expected.append("no disk")
    page.click("[data-language=ru]")
    page.click("#details > summary")
    expect(page.locator("#details-origin")).to_have_text("Сейчас сервер не может сказать, откуда она.")
    page.click("#details > summary")
    page.click("#details > summary")
    expect(page.locator("#details-origin")).to_have_text(
        "Сделана Imagine на этом компьютере из другой картинки и с тех пор не менялась."
    )
    assert facts(page, "#details-facts")["Незаметная метка"] == "нет"


def test_a_file_that_is_dropped_says_where_it_comes_from(page):
    generate(page, "a fox")
    made = downloaded(page, "#do-png")
    drop(page, "[data-drop=recipe]", made, "made.png")
    expect(page.locator("[data-about=load]")).to_contain_text("made.png: made by Imagine on this machine")
    at = made.index(b"IDAT") + 40
    drop(page, "[data-drop=recipe]", made[:at] + bytes([made[at] ^ 1]) + made[at + 1 :], "bent.png")
    expect(page.locator("[data-about=load]")).to_contain_text("bent.png: ")
    expect(page.locator("[data-about=load]")).to_contain_text("doesn't hold")
    photo, exif = io.BytesIO(), Image.Exif()
    exif[0x010F] = exif[0x0110] = '<img src=x onerror="window.hit=1">'
    Image.new("RGB", (64, 48), (9, 99, 9)).save(photo, "JPEG", exif=exif)
    drop(page, "[data-drop=recipe]", photo.getvalue(), "photo.jpg", "image/jpeg")
    expect(page.locator("[data-about=load]")).to_contain_text("photo.jpg: says it was taken by a camera")
    page.locator("[data-about=load] .text-button").press("Enter")
    expect(page.locator("#origin-dialog")).to_be_visible()
    told = facts(page, "#origin-facts")
    assert "<img src=x" in told["Camera"]
    assert (told["Content Credentials"], told["Invisible mark"]) == ("none", "none")
    assert issues(page, "#origin-dialog") == []
    page.keyboard.press("Escape")
    expect(page.locator("#origin-dialog")).to_be_hidden()
    assert page.evaluate("window.hit") is None


def test_a_mark_is_a_switch_and_none_where_every_picture_has_one(page, windows, site, serve):
    mark = "Mark the picture invisibly as made by Imagine"
    expect(page.locator("#assist-group")).to_be_hidden()
    page.get_by_label(mark).check()
    generate(page, "a fox")
    assert last(site).params.watermark == "tiles"
    rules = ModerationSettings(policy="standard", stages=("prompt",))
    other = windows.open(serve("marks", watermark=True, moderation=rules).url)
    expect(other.get_by_label(mark)).to_be_hidden()
    other.click("#status")
    other.click("[data-view=safety]")
    expect(other.locator("#safety-drawn li").first).to_have_text("Sexual content, gore, self-harm and hatred.")
    expect(other.locator("#safety-says li")).to_have_text(
        ["A picture that you download has its recipe in it: prompt, seed, settings. Whoever gets the file can read it.",
         "It carries Content Credentials: signed, made by Imagine.",
         "It is marked in its pixels, invisibly: made by Imagine."]
    )  # fmt: skip
