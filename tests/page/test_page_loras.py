"""LoRAs on the page: searched for, weighed, their words put into the prompt, taken out; and back from saved files."""

import json

import pytest
from playwright.sync_api import expect

from tests.page.acts import arrive, generate, last, load
from tests.registry import declared
from tests.server.beside import add_transformer

WORDS = {"modelspec.trigger_phrase": "inksketch, bold lines"}


@pytest.fixture
def site(serve, tmp_path):
    loras = tmp_path / "home/models/loras"
    bundled = {"bundle_emb.inkneg.string_to_param.*": (2, 768)}
    declared.write(loras / "ink.safetensors", declared.kohya_lora() | bundled, metadata=WORDS)
    declared.write(loras / "pen v2.safetensors", declared.kohya_lora(), metadata={"about": "pen"})
    declared.write(loras / "big.safetensors", declared.kohya_lora(2048))
    return serve()


def add(page, name):
    page.fill("#loras-search", name)
    page.press("#loras-search", "Enter")


def asked(site):
    return [(lora.name, lora.weight, lora.clip) for lora in last(site).params.loras]


def test_one_is_searched_weighed_and_taken_out_again(page, site, windows):
    assert [one.get_attribute("value") for one in page.locator("#loras-there option").all()] == ["ink", "pen v2"]
    add(page, "nothing")
    expect(page.locator(".lora")).to_have_count(0)
    add(page, "ink")
    add(page, "pen v2")
    expect(page.get_by_label("Weight of LoRA ink").nth(1)).to_have_value("1")
    page.get_by_label("Weight of LoRA ink").nth(0).fill("0.65")  # the slider
    page.get_by_label("Weight of LoRA pen v2").nth(1).fill("-3,5")
    generate(page, "a fox")
    assert asked(site) == [("ink", 0.65, 0.65), ("pen v2", -3.5, -3.5)]
    page.evaluate("navigator.clipboard.writeText = (text) => { window.copied = text; return Promise.resolve(); }")
    page.click("#save-menu summary")
    page.click("#share")
    expect(page.locator("[data-about=link]")).to_be_visible()
    other = windows.open(page.evaluate("window.copied") + "&loras=ink&loras=null")
    expect(other.locator(".lora-name")).to_have_text(["ink", "pen v2"])
    generate(other)
    assert asked(site) == [("ink", 0.65, 0.65), ("pen v2", -3.5, -3.5)]
    page.get_by_role("button", name="Remove LoRA ink").click()
    generate(page)
    assert asked(site) == [("pen v2", -3.5, -3.5)]


def test_a_click_puts_its_words_into_the_prompt_once(page, site):
    page.fill("#f-prompt", "a fox")
    add(page, "ink")
    for _ in range(2):
        page.get_by_role("button", name="inksketch").click()
    page.get_by_role("button", name="bold lines").click()
    page.get_by_role("button", name="inkneg").click()  # an embedding that lies in its file
    expect(page.locator("#f-prompt")).to_have_value("a fox, inksketch, bold lines, inkneg")


def test_a_weight_that_cannot_be_is_said_at_it(page, site):
    page.fill("#f-prompt", "a fox")
    add(page, "ink")
    page.get_by_label("Weight of LoRA ink").nth(1).fill("9")
    page.click("#generate")
    expect(page.locator("#f-loras .error")).to_contain_text("The weight of ink must be a number from −4 to 4.")
    assert site.worker.seen == []


def test_they_survive_a_reload_and_come_back_from_files(page, site):
    add(page, "ink")
    page.get_by_label("Weight of LoRA ink").nth(1).fill("0.5")
    page.reload()
    arrive(page)
    expect(page.get_by_label("Weight of LoRA ink").nth(1)).to_have_value("0.5")
    generate(page, "a fox")
    (lora,) = last(site).params.loras
    known = {"name": "ink", "weight": 0.4, "clip_weight": 0.9, "digest": lora.digest}
    load(page, json.dumps({"meta": {"prompt": "a dog", "model": "fox", "loras": [known]}}).encode(), "ink.json")
    expect(page.locator(".lora")).to_contain_text("text encoder: 0.9")
    generate(page)
    assert asked(site) == [("ink", 0.4, 0.9)]
    load(page, json.dumps({"meta": {"prompt": "x"}}).encode(), "none.json")
    expect(page.locator(".lora")).to_have_count(0)


def test_those_are_offered_whose_family_the_model_takes(windows, serve, tmp_path):
    home = tmp_path / "home"
    add_transformer(home, "heron", "StableDiffusion3Pipeline", in_channels=16, patch_size=2, qk_norm="rms_norm")
    for name, width in (("sd3-ink", 1536), ("sd3.5-ink", 2432)):
        declared.write(home / f"models/loras/{name}.safetensors", _lora("joint_blocks_0_x_block_attn_qkv", width))
    declared.write(home / "models/loras/ink.safetensors", declared.kohya_lora())
    page = windows.open(serve(models=()).url)
    assert [one.get_attribute("value") for one in page.locator("#loras-there option").all()] == ["sd3-ink", "sd3.5-ink"]
    add(page, "sd3-ink")
    expect(page.locator(".lora .hint")).to_be_hidden()


def _lora(layer, width):
    ends = {"lora_down.weight": (4, width), "lora_up.weight": (3 * width, 4), "alpha": ()}
    return {f"lora_unet_{layer}.{end}": shape for end, shape in ends.items()}


def test_in_russian(windows, site, tmp_path):
    page = windows.open(site.url, locale="ru-RU")
    add(page, "ink")
    expect(page.get_by_label("Вес LoRA ink").nth(1)).to_have_value("1")
    page.get_by_label("Вес LoRA ink").nth(0).fill("0.65")
    expect(page.get_by_label("Вес LoRA ink").nth(1)).to_have_value("0,65")
    page.locator("#f-loras").screenshot(path=tmp_path / "loras.png")
    page.get_by_role("button", name="Убрать LoRA ink").click()
    expect(page.locator(".lora")).to_have_count(0)
