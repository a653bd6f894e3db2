"""Settings come back from every kind of file and from links, go out as `imagine run` takes them, and harm nothing."""

import json

import msgspec
import pytest
from PIL import Image
from playwright.sync_api import expect

from imagine.asking.replay import request_from_meta
from imagine.pictures import images, metadata
from imagine.words.recipe import GenerationParams, meta_from_params
from tests.page.acts import arrive, base64_of, downloaded, drop, generate, last, load, png, png_with, saved, start_from
from tests.registry import declared

ORIGINAL = {
    "model": "fox", "prompt": "a red fox", "width": 768, "height": 512, "guidance": 6.5, "sampler": "euler a",
    "seed": "591445185899376350", "neg": "ugly", "stream": 5, "img": None, "strength": 0.8,
}  # fmt: skip
A1111 = (
    "a red fox\nNegative prompt: ugly\nSteps: 30, Sampler: Euler a, Schedule type: Karras, CFG scale: 6.5, "
    "Seed: 591445185899376350, Size: 768x512, Model: fox, Denoising strength: 0.6, Hires upscale: 1.5, "
    "Hires upscaler: Latent"
)


def of_original(spelling, steps=30):
    return {**ORIGINAL, spelling: steps, "clip": 2, "hires": 1, "date": "2023-10-27"}


FILES = {
    "original.json": json.dumps({"meta": of_original("num_steps"), "out": base64_of(png())}).encode(),
    "later.json": json.dumps({"meta": of_original("steps"), "out": base64_of(png())}).encode(),
    "later.png": png_with(meta=json.dumps(of_original("steps"))),
    "a1111.png": png_with(parameters=A1111),
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_others_come_back(page, site, name):
    load(page, FILES[name], name)
    expect(page.locator("[data-about=load]")).to_contain_text(f"Settings loaded from {name}.")
    expect(page.locator(".tile img")).to_have_count(1)
    generate(page)
    said = last(site).params
    assert (said.prompt, said.neg, said.seed, said.num_steps) == ("a red fox", "ugly", 591445185899376350, 30)
    assert (said.model, said.width, said.height, said.guidance, said.sampler) == ("fox", 768, 512, 6.5, "euler a")
    if name == "a1111.png":
        assert (said.schedule, said.hires.scale, said.hires.upscaler, said.hires.strength) == (
            "karras",
            1.5,
            "latent",
            0.6,
        )
    else:
        assert (said.clip, said.hires) == (2, None)


def test_every_parameter_comes_back(page, site):
    params = GenerationParams(
        model="fox", digest="0" * 64, prompt="лиса", neg="нет", width=704, height=576, num_steps=31, guidance=4.25,
        sampler="heun", schedule="karras", seed=2**64 - 1, clip=3, fit="scale", reproducible=True, buckets="1x31",
        template="{лиса|волк}", neg_template="{нет|да}",
    )  # fmt: skip
    load(page, json.dumps({"meta": meta_from_params(params)}).encode(), "all.json")
    expect(page.locator("[data-about=load]")).to_contain_text("The model fox has changed since")
    generate(page)
    assert msgspec.structs.replace(last(site).params, digest="0" * 64) == params


def test_words_are_chosen_and_keep_their_template_until_they_are_changed(page, site):
    page.locator("#f-wildcards").check()
    page.fill("#f-seed", "3")
    generate(page, "a {red|blue} fox")
    first = last(site).params
    assert (first.prompt in ("a red fox", "a blue fox"), first.template) == (True, "a {red|blue} fox")
    load(page, downloaded(page, "#do-json"), "chosen.json")
    expect(page.locator("#f-prompt")).to_have_value(first.prompt)
    page.fill("#f-guidance", "3")
    generate(page)
    assert (last(site).params.prompt, last(site).params.template) == (first.prompt, first.template)
    generate(page, "a green fox")
    assert last(site).params.template is None


def test_a_file_that_says_nothing_is_refused(page, windows):
    windows.expected.append("400")
    for name, data in (("junk.json", b"junk"), ("list.json", b"[1]")):
        load(page, data, name)
        expect(page.locator(".notice.bad")).to_contain_text(f"{name} is neither a JSON nor a picture with settings.")
    load(page, png(), "bare.png")
    expect(page.locator("[data-about=load]")).to_contain_text("It holds no settings.")
    expect(page.locator(".notice.bad")).to_have_count(0)


def test_what_a_file_says_stays_text(page, site, windows):
    evil = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>'
    meta = {"prompt": evil, "neg": evil, "seed": "5", "server": "http://evil.test", "api_key": "k", "address": "evil"}
    out = b'<svg xmlns="http://www.w3.org/2000/svg" onload="window.hit=1"/>'
    load(page, json.dumps({"meta": meta, "out": base64_of(out)}).encode(), f"{evil[:12]}.json")
    notice = page.locator("[data-about=load]")
    expect(notice).to_contain_text("was left out")
    expect(notice).to_contain_text("Not known to this server and left out: server, api_key, address")
    expect(page.locator("#f-prompt")).to_have_value(evil)
    expect(page.locator(".tile img")).to_have_count(0)
    generate(page)
    page.locator(".thumb").first.click()
    assert page.evaluate("window.hit") is None
    assert page.evaluate("localStorage.getItem('imagine.key')") is None


def test_a_dropped_picture_says_where_it_comes_from(windows, site):
    windows.expected.append("400")
    for language, words in (
        (
            "en",
            {"ours.png": "says it was made by Imagine; it isn't signed", "bare.png": "doesn't say where it comes from"},
        ),
        ("ru", {"ours.png": "говорит, что сделана Imagine; подписи нет", "bare.png": "не говорит, откуда она"}),
    ):
        page = windows.open(f"{site.url}?lang={language}")
        ours = images.encode(Image.new("RGB", (64, 48)), meta={"prompt": "a fox", "seed": 1})
        for name, data in (("ours.png", ours), ("bare.png", png())):
            drop(page, "#app", data, name)
            expect(page.locator("[data-about=load]")).to_contain_text(f"{name}: {words[name]}")


def test_a_dropped_json_brings_its_settings(page):
    drop(page, "[data-drop=input]", FILES["original.json"], "original.json", "application/json")
    expect(page.locator("#f-prompt")).to_have_value("a red fox")


def test_saved_settings_are_a_file_that_run_takes(page, site):
    page.fill("#f-prompt", "a fox")
    page.fill("#f-seed", "9007199254740993")
    page.fill("#f-hires-scale", "1.5")
    start_from(page, png(64, 64))
    for button, img in (("#save-settings", None), ("#save-with-input", base64_of(png(64, 64)))):
        page.click("#save-menu summary")
        recipe = metadata.read_metadata(downloaded(page, button))
        parsed = request_from_meta(recipe.meta)
        assert parsed.warnings == []
        assert (parsed.request.prompt, parsed.request.seed) == ("a fox", 9007199254740993)
        assert parsed.request.hires.scale == 1.5
        assert parsed.request.img == img


def test_a_link_carries_settings_and_nothing_else(page, site, windows):
    page.evaluate("localStorage.setItem('imagine.key', '\"sesame\"')")
    page.evaluate("navigator.clipboard.writeText = (text) => { window.copied = text; return Promise.resolve(); }")
    page.fill("#f-prompt", "a fox & a hound = friends")
    page.fill("#f-seed", "9007199254740993")
    page.fill("#f-hires-scale", "1.5")
    start_from(page, png(64, 64))
    page.click("#save-menu summary")
    page.click("#share")
    expect(page.locator("[data-about=link]")).to_be_visible()
    link = page.evaluate("window.copied")
    assert "sesame" not in link
    assert len(link) < 200
    other = windows.open(link + "&key=stolen&server=http%3A%2F%2Fevil.test&img=AAAA")
    expect(other.locator("#f-prompt")).to_have_value("a fox & a hound = friends")
    generate(other)
    said = last(site).params
    assert (said.seed, said.hires.scale, said.img) == (9007199254740993, 1.5, None)
    assert other.evaluate("location.hash") == ""
    assert other.evaluate("localStorage.getItem('imagine.key')") is None


def expect_encoders(page, *names):
    expect(page.locator("#f-text_encoders label:has(:checked)")).to_have_text(names)


def test_text_encoders_stay_with_the_settings(serve, windows, tmp_path):
    for name in ("clip_l, mine", "clip_other"):
        declared.write(tmp_path / "home" / "models" / f"{name}.safetensors", declared.clip_text(64, 1))
    site, windows.expected = serve(), ["404"]
    page = windows.open(site.url)
    page.evaluate("navigator.clipboard.writeText = (text) => { window.copied = text; return Promise.resolve(); }")
    group = page.locator("#f-text_encoders")
    meta = {"prompt": "a fox", "model": "fox", "text_encoders": ["clip_l, mine", "gone"]}
    load(page, json.dumps({"meta": meta}).encode(), "recipe.json")
    expect(page.locator("[data-about=load]")).not_to_contain_text("left out")
    expect_encoders(page, *meta["text_encoders"])
    page.click("#generate")
    expect(group.locator(".error")).to_contain_text("'gone'")
    expect(group.locator("input").first).to_be_focused()
    page.click("#save-menu summary")
    assert saved(downloaded(page, "#save-settings"))["meta"]["text_encoders"] == meta["text_encoders"]
    page.click("#save-menu summary")
    page.click("#share")
    expect(page.locator("[data-about=link]")).to_be_visible()
    expect_encoders(windows.open(page.evaluate("window.copied")), *meta["text_encoders"])
    page.reload()
    arrive(page)
    expect_encoders(page, *meta["text_encoders"])
    page.get_by_label("gone").press("Space")
    generate(page)
    assert last(site).params.text_encoders == ("clip_l, mine",)
    page.click("#save-menu summary")
    page.click("#reset")
    expect_encoders(page)
    page.click("[data-about=reset] [data-undo]")
    expect_encoders(page, "clip_l, mine")
    page.get_by_label("clip_l, mine").uncheck()
    page.click("#do-reuse")
    expect_encoders(page, "clip_l, mine")


def test_text_encoders_are_out_of_sight_where_there_are_none(page):
    load(page, json.dumps({"meta": {"prompt": "a fox", "text_encoders": "gone"}}).encode(), "recipe.json")
    expect(page.get_by_label("gone")).to_be_checked()
    load(page, json.dumps({"meta": {"prompt": "a fox"}}).encode(), "recipe.json")
    expect(page.locator("#f-text_encoders")).to_be_hidden()
