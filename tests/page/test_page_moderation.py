"""A person asks for what isn't to be drawn, and reads why, in their language."""

import pytest
from playwright.sync_api import expect

from tests.page.acts import generate


@pytest.mark.parametrize(
    ("locale", "told"),
    [
        ("en-GB", "Prompt asks for sexual content with minors, which this server doesn't draw (policy minors-only); "
         "leave it out"),
        ("ru-RU", "«Описание» просит нарисовать сексуальное с несовершеннолетними: этот сервер такого не рисует "
         "(правила minors-only); уберите это"),
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
