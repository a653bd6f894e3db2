"""A person asks for what isn't to be drawn, and reads why, in their language."""

import pytest
from playwright.sync_api import expect

from tests.page.acts import generate


@pytest.mark.parametrize(
    ("locale", "told"),
    [
        ("en-GB", "Prompt asks for a minor and something sexual or bare in one picture, which this server doesn't draw "
         "(policy minors-only); leave out the one or the other"),
        ("ru-RU", "в поле «Описание» есть то, чего этот сервер не рисует: несовершеннолетний вместе с наготой или "
         "чем-то сексуальным (правила minors-only); уберите одно или другое"),
    ],
)  # fmt: skip
def test_what_is_not_drawn_is_told_beside_the_prompt(windows, site, locale, told):
    page = windows.open(site.url, locale=locale)
    windows.expected.append("400")
    page.fill("#f-prompt", "a naked child")
    page.click("#generate")
    expect(page.locator("#error-f-prompt")).to_have_text(told)
    generate(page, "a child with a kite")
    expect(page.locator("#error-f-prompt")).to_be_hidden()


SEEN = {
    "en-GB": "the picture isn't shown: the topic 'hearts' is seen in it, which this server doesn't show; ask for "
    "something else, or for another seed",
    "ru-RU": "картинка не показана, на ней замечено: тема «hearts». Такого этот сервер не показывает; попросите "
    "что-нибудь другое или другой сид",
}  # fmt: skip


@pytest.mark.parametrize("locale", SEEN)
def test_in_place_of_a_picture_that_is_not_to_be_shown_stands_why(windows, site, locale):
    page = windows.open(site.url, locale=locale)
    page.fill("#f-prompt", "hearts")
    page.click("#generate")
    expect(page.locator("#board .hidden-tile")).to_have_text(SEEN[locale])
    expect(page.locator("#run")).to_be_hidden()
    expect(page.locator("#board canvas, #board img")).to_have_count(0)
    expect(page.locator("#thumbs .thumb")).to_have_count(0)
    page.click("#open-queue")
    expect(page.locator("#queue-rows li")).to_have_count(1)
    expect(page.locator("#queue-rows img")).to_have_count(0)
    page.reload()
    expect(page.locator("#thumbs .thumb")).to_have_count(0)
    generate(page, "a fox")
    expect(page.locator("#board .hidden-tile")).to_have_count(0)


def test_of_several_the_others_are_kept(windows, site):
    page = windows.open(site.url)
    page.fill("#f-prompt", "hearts 6")
    page.fill("#f-seed", "5")
    page.fill("#f-count", "3")
    page.click("#generate")
    expect(page.locator("#thumbs .thumb")).to_have_count(2)
    expect(page.locator("#run")).to_be_hidden()
    expect(page.locator("#board .tile")).to_have_count(3)
    expect(page.locator("#board .tile").nth(1)).to_have_text(SEEN["en-GB"])
    expect(page.locator("#board canvas")).to_have_count(0)
