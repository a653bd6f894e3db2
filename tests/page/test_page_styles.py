"""Styles as pictures: chosen by keys and by touch, made in the background by the chosen model, kept; and one's own."""

import json

import pytest
from playwright.sync_api import expect

from imagine.asking.presets import presets_from
from imagine.files import shipped
from tests.page.acts import arrive, downloaded, generate, issues, last

FEW = """
presets:
  watercolor: {description: A loose watercolor on rough paper., prompt_prefix: watercolor painting of, neg: neon}
  night: {prompt_suffix: after dark, steps: 12}
  ink: ink drawing
"""


@pytest.fixture
def site(serve, tmp_path, monkeypatch):
    (tmp_path / "few.yaml").write_text(FEW, "utf-8")
    monkeypatch.setattr(shipped, "presets", lambda: tmp_path / "few.yaml")
    return serve(models=("fox", "heron"))


KEPT_WHILE_LOOKING = """() => {
  const { get, put } = IDBObjectStore.prototype
  let kept = false
  IDBObjectStore.prototype.put = function (value, key) {
    kept ||= String(key).startsWith('["style of')
    return put.call(this, value, key)
  }
  IDBObjectStore.prototype.get = function (key) {
    const wait = () => { if (!kept) get.call(this, 0).onsuccess = wait }
    if (String(key).startsWith('["style"')) wait()
    return get.call(this, key)
  }
}"""
"""The page is still reading which styles have pictures when one's own is kept with its."""
DELETED_AT_ONCE = """() => new MutationObserver((_, seeing) => {
  const card = document.querySelector(".style-card[aria-checked=true]")
  if (!card) return
  seeing.disconnect()
  card.dispatchEvent(new KeyboardEvent("keydown", { key: "Delete", bubbles: true }))
}).observe(document, { childList: true, subtree: true, attributes: true })"""
"""Deletes the chosen card as soon as it is there, before its picture can have been read."""


def card(page, name):
    return page.get_by_role("radio", name=name)


def open_styles(page):
    page.click("#open-styles")
    expect(page.locator("#styles-make:visible, .style-card img:visible").first).to_be_visible()


def made(page):
    """How many cards have a picture, once all that are asked for are made."""
    expect(page.locator("#styles-make-bar")).to_be_hidden()
    return page.locator(".style-card img:not([hidden])").count()


def test_a_style_is_found_and_chosen_by_keys_alone(page, site):
    page.locator("#open-styles").press("Enter")
    expect(card(page, "None")).to_be_focused()
    expect(card(page, "None")).to_have_attribute("aria-checked", "true")
    page.keyboard.press("ArrowRight")
    expect(card(page, "Watercolor")).to_be_focused()
    expect(card(page, "Watercolor")).to_have_accessible_description("A loose watercolor on rough paper.")
    expect(page.locator("#styles-foot")).to_contain_text("watercolor painting of … · not: neon")
    page.keyboard.press("Space")
    expect(card(page, "Watercolor")).to_have_attribute("aria-checked", "true")
    expect(card(page, "None")).to_have_attribute("aria-checked", "false")
    page.keyboard.type("dark")
    expect(page.locator(".style-name")).to_have_text(["Night"])
    page.keyboard.press("Enter")
    expect(page.locator("#styles-dialog")).to_be_hidden()
    expect(page.locator("#open-styles")).to_be_focused()
    expect(page.locator("#f-preset")).to_have_value("night")
    page.keyboard.press("Enter")
    expect(card(page, "Night")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#f-preset")).to_have_value("night")
    page.click("[data-language=ru]")
    page.click("#open-styles")
    watercolor = card(page, "Акварель")
    expect(watercolor).to_have_accessible_description("Свободная акварель на шероховатой бумаге.")


def test_pictures_make_way_for_ones_own_are_kept_and_stay_out_of_the_gallery(page, site, tmp_path):
    bodies = []
    page.on("request", lambda one: bodies.append(one.post_data_json) if one.url.endswith("/generate") else None)
    page.fill("#f-prompt", "hold on")
    page.click("#generate")
    expect(page.locator("#run")).to_be_visible()
    open_styles(page)
    expect(page.locator("#styles-make-text")).to_contain_text("3 styles have no picture by fox yet.")
    page.click("#styles-make-go")
    expect(page.locator("#styles-make-text")).to_have_text("0 of 3 · waits for your own pictures")
    expect(page.locator("#styles-make-stop")).to_be_focused()
    assert [body["prompt"] for body in bodies] == ["hold on"]
    site.until(lambda: site.worker.seen)
    site.release()
    expect(card(page, "Night").locator("img")).to_be_visible()
    assert made(page) == 3
    assert {(body["priority"], body["seed"], body["model"]) for body in bodies[1:]} == {("low", "7", "fox")}
    assert [job.params.prompt.partition(" ")[0] for job in site.worker.seen[1:]] == ["watercolor", "a", "a"]
    page.keyboard.press("Escape")
    expect(page.locator(".thumb")).to_have_count(1)
    page.select_option("#f-model", "heron")
    open_styles(page)
    expect(page.locator("#styles-make-text")).to_contain_text("3 styles have no picture by heron yet.")
    page.keyboard.press("Escape")
    page.select_option("#f-model", "fox")
    (tmp_path / "home" / "presets.yaml").write_text(
        "{night: {prompt_prefix: fail out_of_memory}, ink: {prompt_prefix: hold}}", encoding="utf-8"
    )
    page.reload()
    arrive(page)
    open_styles(page)
    assert made(page) == 1, "it is kept; the two whose words are others by now have none"
    page.click("#styles-make-go")
    expect(page.locator("#styles-make-text")).to_contain_text("1 of 2")
    page.keyboard.press("Escape")
    site.until(lambda: site.worker.seen[-1].params.prompt.startswith("hold"))
    generate(page, "a fox")
    site.until(lambda: [job.params.prompt[:4] for job in site.worker.seen[-3:]] == ["hold", "a fo", "hold"])
    site.until(lambda: site.worker.cancelled)
    page.click("#open-styles")
    page.click("#styles-make-stop")
    expect(page.locator("#styles-make-go")).to_be_focused()
    expect(page.locator("#styles-make-more")).to_have_text("1 could not be made (night): no picture this time")
    assert made(page) == 1


def test_what_the_form_says_is_kept_as_a_style_used_changed_deleted_and_brought_back(page, site):
    page.select_option("#f-preset", "night")
    page.fill("#f-prompt", "a fox, gouache (matte, dry), blue")
    page.fill("#f-neg", "glossy")
    page.fill("#f-guidance", "3")
    generate(page)
    page.evaluate(KEPT_WHILE_LOOKING)
    page.click("#save-menu summary")
    page.click("#save-style")
    expect(page.locator("#styles-name")).to_be_focused()
    expect(page.locator("#styles-after")).to_have_value("after dark, gouache (matte, dry), blue")
    expect(page.locator("#styles-chips .chip[aria-pressed=true]")).to_have_text(["Steps: 12", "Guidance: 3"])
    assert issues(page) == []
    page.keyboard.type("night")
    page.keyboard.press("Enter")
    expect(page.locator("#styles-name-error")).to_have_text("There is a style called night already.")
    page.fill("#styles-name", "Dusk")
    page.get_by_role("button", name="Steps: 12").click()
    page.keyboard.press("Escape")
    expect(card(page, "My style")).to_be_focused()
    page.click("#styles-change")
    page.fill("#styles-name", "Dusk")
    page.get_by_role("button", name="Steps: 12").click()
    page.press("#styles-name", "Enter")
    expect(card(page, "Dusk")).to_be_focused()
    expect(card(page, "Dusk").locator("img")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("#f-preset")).to_have_value("Dusk")
    page.fill("#f-prompt", "an owl")
    page.fill("#f-neg", "")
    page.fill("#f-guidance", "")
    expect(page.locator("#f-guidance")).to_have_attribute("placeholder", "3")
    with page.expect_request("**/generate") as asked:
        generate(page)
    assert "preset" not in asked.value.post_data_json, "no server knows it"
    params = last(site).params
    assert (params.prompt, params.neg, params.guidance) == (
        "an owl, after dark, gouache (matte, dry), blue",
        "glossy",
        3,
    )
    assert page.evaluate("JSON.parse(localStorage['imagine.past'])[0].text") == "an owl"
    page.reload()
    arrive(page)
    expect(page.locator("#f-preset")).to_have_value("Dusk")
    page.evaluate(DELETED_AT_ONCE)
    page.click("#open-styles")
    expect(card(page, "Dusk")).to_have_count(0)
    expect(page.locator("#f-preset")).to_have_value("")
    page.locator("[data-about=styles] [data-undo]").click()
    expect(card(page, "Dusk").locator("img")).to_be_visible()
    expect(page.locator("#f-preset")).to_have_value("Dusk")
    page.reload()
    arrive(page)
    page.click("#open-styles")
    expect(card(page, "Dusk").locator("img")).to_be_visible()
    card(page, "Dusk").press("Delete")
    expect(card(page, "Dusk")).to_have_count(0)


GIVEN = {
    "presets": {
        "Fog": "soft fog",
        "Comet": {"prompt": "a poster of {prompt}, bold", "negative_prompt": "", "steps": 9, "glow": 1},
        "Huge": {"steps": 9000},
        "Wordless": {"neg": 5},
    }
}


def test_ones_own_styles_come_from_a_file_and_go_into_one_that_the_server_takes(windows, site):
    page = windows.open(f"{site.url}?lang=ru", viewport={"width": 390, "height": 844}, color_scheme="dark")
    open_styles(page)
    page.click("#styles-menu summary")
    page.click("#styles-export")
    expect(page.locator("#styles-error")).to_have_text("Своих стилей пока нет.")

    def give(data):
        page.set_input_files("#styles-file", {"name": "a.json", "mimeType": "", "buffer": data})

    give(b"{no")
    expect(page.locator("#styles-error")).to_contain_text("a.json: это не файл JSON")
    give(json.dumps(GIVEN).encode())
    told = page.locator("[data-about=styles]")
    expect(told).to_contain_text("Из файла взяты 2 стиля.")
    expect(told).to_contain_text("«Comet»: здесь такого нет, пропущено: glow")
    expect(told).to_contain_text("Стиль «Huge» пропущен. Шаги: Допустимо от 1 до 150.")
    expect(told).to_contain_text("Стиль «Wordless» пропущен. Чего не рисовать: здесь нужен текст.")
    expect(page.locator(".style-name")).to_have_text(["Без стиля", "Fog", "Comet", "Акварель", "Ночь", "Тушь"])
    expect(page.locator(".style-mine")).to_have_text(["Мой", "Мой"])
    assert (
        page.evaluate("getComputedStyle(document.querySelector('#styles-grid')).gridTemplateColumns").count("px") == 2
    )
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert issues(page) == []
    page.click("#styles-menu summary")
    fog, comet = presets_from(json.loads(downloaded(page, "#styles-export")))
    assert (fog.name, fog.prompt_suffix) == ("Fog", "soft fog")
    assert (comet.prompt_prefix, comet.prompt_suffix, comet.num_steps) == ("a poster of", ", bold", 9)
