"""Help with words: earlier prompts, weights, lengths, names as one types, chips, and the assistant's English."""

import json

import pytest
from playwright.sync_api import expect

from tests.assistant.fake_models import says
from tests.page.acts import arrive, generate, issues
from tests.page.browser import Site
from tests.registry import declared
from tests.server.beside import add_transformer

LONG = "a red fox in the snow" + ", soft light, tall trees" * 15
PLAN = {
    "prompt": {"subject": "a red fox", "style": "photo", "light": "dusk", "colours": "red", "composition": "close-up"},
    "negative": "", "change": "whole", "keep": [], "strength": 0.7, "why": "So it is.",
}  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    home = tmp_path_factory.mktemp("words")
    models = home / "models"
    words = {"modelspec.trigger_phrase": "inksketch, bold lines"}
    declared.write(models / "loras/ink.safetensors", declared.kohya_lora(), metadata=words)
    declared.write(models / "loras/pen v2.safetensors", declared.kohya_lora(), metadata={"about": "pen"})
    declared.write(models / "embeddings/bad hands.safetensors", {"emb_params": (2, 768)})
    declared.write(models / "embeddings/inkwell.safetensors", {"emb_params": (2, 768)})
    add_transformer(home, "heron", "StableDiffusion3Pipeline", in_channels=16, patch_size=2, qk_norm="rms_norm")
    told = json.dumps({"ru": ["красный дом"], "en": ["a red house"]})
    declared.write(models / "bear.safetensors", declared.tiny(), metadata={"imagine.examples": told})
    lists = home / "lists"
    (lists / "animals").mkdir(parents=True)
    for name in ("colour", "animals/wild"):
        (lists / f"{name}.txt").write_text("red\n")
    with Site(home, wildcards=lists, script=[says(PLAN)]) as running:
        yield running


@pytest.fixture
def page(windows, site):
    return written(windows.open(site.url))


def written(page):
    """A page whose help with words has come."""
    page.focus("#f-prompt")
    page.wait_for_selector("#past-dialog", state="attached")
    return page


def prompt(page):
    return page.locator("#f-prompt")


def test_earlier_prompts_come_back_with_arrows_and_the_carets_own_ways_stay(page):
    for text in ("a fox", "an owl\non a tree", "a bear"):
        generate(page, text)
    page.fill("#f-prompt", "")
    for text in ("a bear", "an owl\non a tree", "a fox", "a fox"):
        page.press("#f-prompt", "ArrowUp")
        expect(prompt(page)).to_have_value(text)
    page.press("#f-prompt", "ArrowDown")
    expect(prompt(page)).to_have_value("an owl\non a tree")
    page.press("#f-prompt", "ArrowLeft")  # somebody edits it now
    page.press("#f-prompt", "ArrowUp")
    expect(prompt(page)).to_have_value("an owl\non a tree")
    assert page.evaluate("document.activeElement.selectionStart") <= 6
    page.press("#f-prompt", "Control+a")
    page.keyboard.insert_text("half")
    page.press("#f-prompt", "ArrowUp")
    expect(prompt(page)).to_have_value("half")
    page.press("#f-prompt", "Control+z")
    expect(prompt(page)).to_have_value("an owl\non a tree")


def test_what_was_asked_for_is_searched_starred_and_forgotten_in_every_tab(windows, page, site):
    for text in ("a fox in snow", "a bear", "a fox at night"):
        generate(page, text)
    other = page.context.new_page()
    arrive_at(other, site)
    other.click("#open-past")
    expect(other.locator("#past-rows li")).to_have_count(3)
    page.click("#open-past")
    expect(page.locator("#past-search")).to_be_focused()
    page.keyboard.type("fox")
    expect(page.locator("#past-rows li")).to_have_count(2)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.get_by_role("button", name="Star: a fox in snow").click()
    expect(page.locator(".past-words").first).to_have_text("a fox at night")
    assert issues(page, "#past-dialog") == []
    page.get_by_role("button", name="Forget: a fox at night").click()
    page.get_by_role("button", name="Forget those without a star").click()
    expect(other.locator("#past-rows li")).to_have_count(1)
    page.fill("#past-search", "")
    page.locator("[data-about=past] [data-undo]").click()
    expect(page.locator("#past-rows li")).to_have_count(2)
    page.get_by_role("button", name="a bear", exact=True).click()
    expect(prompt(page)).to_have_value("a bear")
    expect(prompt(page)).to_be_focused()
    many = "Array.from({ length: 700 }, (_, at) => ({ text: `prompt ${at}`, star: at === 699 }))"
    page.evaluate(f"localStorage.setItem('imagine.past', JSON.stringify({many}))")
    generate(page, "an owl")
    page.wait_for_function("() => JSON.parse(localStorage.getItem('imagine.past')).length === 301")
    kept = page.evaluate("JSON.parse(localStorage.getItem('imagine.past')).map((one) => one.text)")
    assert (kept[0], kept[-1]) == ("an owl", "prompt 699")
    long = "[...'abc'].map((one) => ({ text: one.repeat(150_000), star: false }))"
    page.evaluate(f"localStorage.setItem('imagine.past', JSON.stringify([...{long}, {{ text: 'old', star: true }}]))")
    generate(page, "a heron")
    page.wait_for_function("() => JSON.parse(localStorage.getItem('imagine.past'))[0].text === 'a heron'")
    kept = page.evaluate("JSON.parse(localStorage.getItem('imagine.past')).map((one) => one.text.slice(0, 7))")
    assert kept == ["a heron", "a" * 7, "b" * 7, "old"]


def arrive_at(page, site):
    page.goto(site.url)
    arrive(page)


def select(page, words):
    page.evaluate(
        "(words) => { const f = document.querySelector('#f-prompt'); f.focus(); const at = f.value.indexOf(words);"
        " f.setSelectionRange(at, at + words.length); }",
        words,
    )


def test_weights_by_keys(page):
    page.keyboard.type("a red fox, (snow), <lora:ink:0.8>")
    select(page, "red fox")
    for text in ("(red fox:1.05)", "(red fox:1.1)"):
        page.keyboard.press("Control+ArrowUp")
        expect(prompt(page)).to_have_value(f"a {text}, (snow), <lora:ink:0.8>")
    page.keyboard.press("Control+z")
    expect(prompt(page)).to_have_value("a (red fox:1.05), (snow), <lora:ink:0.8>")
    page.keyboard.press("Control+ArrowDown")
    expect(prompt(page)).to_have_value("a red fox, (snow), <lora:ink:0.8>")
    page.keyboard.press("Control+Shift+ArrowDown")
    expect(prompt(page)).to_have_value("a (red fox:0.9), (snow), <lora:ink:0.8>")
    page.evaluate("document.querySelector('#f-prompt').setSelectionRange(20, 20)")
    page.keyboard.press("Control+ArrowDown")
    expect(prompt(page)).to_have_value("a (red fox:0.9), (snow:1.05), <lora:ink:0.8>")
    select(page, "ink")
    page.keyboard.press("Control+Shift+ArrowUp")
    expect(prompt(page)).to_have_value("a (red fox:0.9), (snow:1.05), <lora:ink:0.9>")
    page.evaluate("document.querySelector('#f-prompt').setSelectionRange(0, 0)")
    page.keyboard.press("Control+ArrowUp")
    expect(prompt(page)).to_have_value("(a:1.05) (red fox:0.9), (snow:1.05), <lora:ink:0.9>")


def test_the_length_is_said_where_it_matters(page):
    page.fill("#f-prompt", "a fox")
    expect(page.locator("#tokens")).to_be_hidden()
    page.select_option("#f-model", "fox")
    page.fill("#f-prompt", LONG)
    expect(page.locator("#tokens")).to_have_text("96 tokens: 75 + 21. A new part begins at “tall trees, soft…”.")
    page.fill("#f-prompt", ", soft light, tall trees" * 11)
    expect(page.locator("#tokens")).to_have_text("66 of 75 tokens")
    page.fill("#f-neg", LONG)
    expect(page.locator("#neg-tokens")).to_contain_text("96 tokens")
    page.select_option("#f-model", "heron")
    expect(page.locator("#neg-tokens")).to_be_hidden()
    page.fill("#f-prompt", LONG * 3)
    expect(page.locator("#tokens")).to_have_class("hint caution")
    expect(page.locator("#tokens")).to_contain_text("too many: what begins at “")
    page.fill("#f-prompt", "")
    expect(page.locator("#tokens")).to_be_hidden()


def test_letters_that_say_nothing_can_be_put_into_english(page, site):
    page.select_option("#f-model", "fox")
    page.fill("#f-prompt", "рыжая лиса")
    expect(page.locator("#unread")).to_contain_text("fox was never taught these letters")
    page.get_by_role("button", name="Put it into English").click()
    expect(prompt(page)).to_have_value("a red fox, photo, dusk, red, close-up")
    expect(page.locator("#unread")).to_be_hidden()
    page.locator("[data-about=translate] [data-undo]").click()
    expect(prompt(page)).to_have_value("рыжая лиса")
    expect(page.locator("#unread")).to_be_visible()
    page.select_option("#f-model", "bear")
    expect(page.locator("#unread")).to_be_hidden()


def names(page):
    return page.locator("#completing li > span:first-child").all_inner_texts()


def test_names_are_completed_by_keys_and_escape_closes_nothing_else(page, site):
    page.select_option("#f-model", "fox")
    page.focus("#f-prompt")
    page.keyboard.type("a fox <lora:p")
    expect(page.locator("#completing")).to_be_visible()
    assert names(page) == ["pen v2"]
    expect(page.get_by_role("option", name="pen v2 LoRA")).to_have_attribute("aria-selected", "true")
    expect(prompt(page)).to_have_attribute("aria-activedescendant", "completing-0")
    assert issues(page, ".panel") == []
    page.keyboard.press("Enter")
    expect(prompt(page)).to_have_value("a fox <lora:pen v2:1>")
    page.keyboard.type(", __")
    expect(page.locator("#completing li")).to_have_count(2)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    expect(prompt(page)).to_have_value("a fox <lora:pen v2:1>, __colour__")
    expect(prompt(page)).to_be_focused()
    page.keyboard.type(", <lora:ink:1> ink")
    expect(page.locator("#completing")).to_be_visible()
    assert names(page) == ["inksketch", "inkwell"]
    page.keyboard.press("Escape")
    expect(page.locator("#completing")).to_be_hidden()
    expect(prompt(page)).to_have_value("a fox <lora:pen v2:1>, __colour__, <lora:ink:1> ink")
    page.keyboard.type("w")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.type(", <bad")
    expect(page.locator("#completing")).to_be_visible()
    page.keyboard.press("Enter")
    expect(prompt(page)).to_have_value("a fox <lora:pen v2:1>, __colour__, <lora:ink:1> inkwell, <bad hands>")
    page.keyboard.type(" <style:water")
    expect(page.locator("#completing")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("#f-preset")).to_have_value("watercolor")
    expect(prompt(page)).to_have_value("a fox <lora:pen v2:1>, __colour__, <lora:ink:1> inkwell, <bad hands> ")


def test_a_prompt_is_built_of_chips_and_they_take_their_words_out_again(windows, page, site):
    page.select_option("#f-model", "fox")
    page.fill("#f-prompt", "a lighthouse, at night")
    page.evaluate("document.querySelector('#f-prompt').setSelectionRange(4, 4)")
    page.focus("#open-builder")
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name="Subject")).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(prompt(page)).to_have_value("a lighthouse, watercolor, at night")
    expect(page.get_by_role("button", name="watercolor")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="watercolor")).to_be_focused()
    page.get_by_role("tab", name="Light").click()
    page.get_by_role("button", name="golden hour").click()
    expect(prompt(page)).to_have_value("a lighthouse, watercolor, golden hour, at night")
    page.get_by_role("tab", name="Style").click()
    page.get_by_role("button", name="watercolor").click()
    expect(prompt(page)).to_have_value("a lighthouse, golden hour, at night")
    page.press("#f-prompt", "Control+z")
    expect(prompt(page)).to_have_value("a lighthouse, watercolor, golden hour, at night")
    page.get_by_role("tab", name="Not this").click()
    page.get_by_role("button", name="Common faults").click()
    expect(page.locator("#f-neg")).to_have_value("blurry, distorted, ugly, deformed, extra limbs")
    assert issues(page, ".panel") == []
    page.fill("#f-guidance", "1")
    expect(page.get_by_role("tab", name="Not this")).to_have_count(0)


def test_russian_chips_say_words_that_the_model_understands(windows, site):
    page = written(windows.open(site.url, locale="ru-RU", color_scheme="dark", has_touch=True,
                                viewport={"width": 390, "height": 800}))  # fmt: skip
    page.select_option("#f-model", "fox")
    page.tap("#open-builder")
    page.get_by_role("tab", name="Свет").tap()
    page.get_by_role("button", name="золотой час").tap()
    expect(prompt(page)).to_have_value("golden hour")
    page.get_by_role("button", name="золотой час").tap()
    expect(prompt(page)).to_have_value("")
    page.select_option("#f-model", "bear")
    page.get_by_role("button", name="золотой час").tap()
    expect(prompt(page)).to_have_value("золотой час")
    page.focus("#f-prompt")
    page.keyboard.type(" <lora:i")
    page.get_by_role("option", name="ink").tap()
    expect(prompt(page)).to_have_value("золотой час <lora:ink:1>")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert issues(page) == []
