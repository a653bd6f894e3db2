"""A person makes pictures: live, several, cancelled, refused; by keyboard, with any seed."""

import json

import pytest
from msgspec import structs
from playwright.sync_api import expect

from imagine.asking.presets import Preset
from imagine.asking.resolve import Defaults
from imagine.families.facts import Bounds, FamilyDefaults
from imagine.families.table import FAMILIES
from imagine.settings.values import ModelSettings
from tests.page.acts import arrive, downloaded, generate, last, load, opened, png_with
from tests.ports import kept_port

COUNT_PREVIEWS = """
    window.previews = 0;
    const draw = CanvasRenderingContext2D.prototype.drawImage;
    CanvasRenderingContext2D.prototype.drawImage = function (...all) {
        if (this.canvas.closest(".tile")) window.previews += 1;
        return draw.apply(this, all);
    };
"""
TAKE_ONE_ENTER = """document.querySelector("#f-prompt").addEventListener("keydown", function take(event) {
    if (event.key !== "Enter") return;
    event.preventDefault();
    event.target.removeEventListener("keydown", take);
})"""


def test_a_second_guidance_is_offered_where_a_model_is_told_the_first(windows, serve, monkeypatch):
    told = structs.replace(
        FAMILIES["stable_diffusion"], guidance="embedded", defaults=FamilyDefaults(guidance=3.5),
        bounds={"": Bounds(guidance=(1.0, 5.0))},
    )  # fmt: skip
    page = windows.open(serve().url)
    expect(page.locator("#f-guidance")).to_be_visible()
    expect(page.locator("#f-true_cfg")).to_be_hidden()
    expect(page.locator("[data-field=distilled_cfg_scale]")).to_have_count(0)
    monkeypatch.setitem(FAMILIES, "stable_diffusion", told)
    site = serve("elsewhere", presets=(Preset(name="usual", guidance=7.5, num_steps=30),))
    page = windows.open(site.url)
    page.select_option("#f-preset", "usual")
    expect(page.locator("#f-guidance")).to_have_attribute("placeholder", "5")
    expect(page.locator("#f-num_steps")).to_have_attribute("placeholder", "30")
    page.fill("#f-true_cfg", "2.5")
    generate(page, "a valley")
    assert (last(site).params.guidance, last(site).params.true_cfg) == (5.0, 2.5)
    swarm = {"sui_image_params": {"prompt": "a fox", "cfgscale": 2, "fluxguidancescale": 3.5}}
    load(page, png_with(parameters=json.dumps(swarm)), "swarm.png")
    generate(page)
    assert (last(site).params.guidance, last(site).params.true_cfg) == (3.5, 2.0)


def test_a_picture_is_seen_in_the_making_and_kept(windows, site):
    page = windows.open()
    page.add_init_script(COUNT_PREVIEWS)
    page.goto(site.url)
    arrive(page)
    page.fill("#f-prompt", "hold a valley")
    page.fill("#f-num_steps", "20")
    page.fill("#f-stream", "2")
    page.click("#generate")
    expect(page.locator("#run-text")).to_have_text("Step 10 of 20")
    expect(page.locator("#run-more")).to_contain_text("1 s left")
    page.wait_for_function("() => window.previews === 5")
    assert page.evaluate("document.querySelector('#progress').value") == 0.5
    assert page.locator(".tile canvas").evaluate("canvas => [canvas.width, canvas.height]") == [512, 512]
    site.release()
    expect(page.locator("#about-text")).to_contain_text(f"seed {last(site).params.seed}")
    assert page.evaluate("window.previews") == 9
    expect(page.locator(".thumb")).to_have_count(1)
    expect(page.locator("#live")).to_contain_text("The picture is done")
    said = last(site).params
    assert (said.prompt, said.num_steps, said.width, said.guidance) == ("hold a valley", 20, 512, 7.0)


def test_a_key_that_something_else_has_taken_makes_no_picture(page, site):
    page.fill("#f-prompt", "a fox")
    page.evaluate(TAKE_ONE_ENTER)
    page.press("#f-prompt", "Control+Enter")
    with page.expect_request("**/generate"):
        page.press("#f-prompt", "Control+Enter")
    page.wait_for_function("() => document.querySelector('.thumb') && document.querySelector('#run').hidden")
    assert len(site.worker.seen) == 1


def test_only_what_was_set_is_sent(page, site):
    with page.expect_request("**/generate") as asked:
        generate(page, "a fox")
    assert asked.value.post_data_json == {"prompt": "a fox", "stream": 2, "progress": True}


@pytest.mark.parametrize("way", ["button", "key"])
def test_cancel_really_cancels(page, site, way):
    page.fill("#f-prompt", "hold on")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#run-text:has-text('Step 12')")
    if way == "button":
        page.click("#cancel")
    else:
        page.keyboard.press("Escape")
        page.keyboard.press("Escape")
        assert site.on_loop(lambda: list(site.worker.cancelled)) == [], "where one writes, it ends nothing"
        page.evaluate("performance.now = () => 0")  # once more means soon, which this machine may not be
        page.focus("#stage")
        page.keyboard.press("Escape")
        expect(page.locator("[data-about=cancel]")).to_contain_text("once more")
        page.keyboard.press("Escape")
    expect(page.locator("#live")).to_have_text("Cancelled.")
    expect(page.locator("#cancel")).to_be_hidden()
    site.until(lambda: last(site).job in site.worker.cancelled)
    expect(page.locator(".thumb")).to_have_count(0)
    generate(page, "another one")


def test_four_variants_of_seeds_that_follow(page, site):
    page.fill("#f-count", "4")
    page.fill("#f-seed", "18446744073709551614")
    generate(page, "a valley")
    expect(page.locator(".tile img")).to_have_count(4)
    expect(page.locator(".thumb")).to_have_count(4)
    seeds = [job.params.seed for job in site.worker.seen]
    assert seeds == [2**64 - 2, 2**64 - 1, 0, 1]
    page.locator("button.tile").nth(1).click()
    expect(page.locator("#about-text")).to_contain_text("seed 18446744073709551615")


def test_a_seed_beyond_what_numbers_hold_keeps_every_digit(page, site):
    page.fill("#f-seed", "9007199254740993")
    generate(page, "a valley")
    assert last(site).params.seed == 9007199254740993
    page.click("#seed-random")
    expect(page.locator("#f-seed")).to_have_value("")
    page.click("#do-seed")
    expect(page.locator("#f-seed")).to_have_value("9007199254740993")
    page.fill("#f-seed", "18446744073709551616")
    page.click("#generate")
    expect(page.locator("#error-f-seed")).to_contain_text("from 0 to 18446744073709551615")
    assert len(site.worker.seen) == 1


def test_controls_come_from_the_server(page, site):
    steps = page.locator("[data-slide=num_steps]")
    assert [steps.get_attribute(name) for name in ("min", "max")] == ["1", "150"]
    shown = {"num_steps": "25", "hires-strength": "0.55", "hires-steps": "25"}
    assert {name: page.get_attribute(f"#f-{name}", "placeholder") for name in shown} == shown
    assert page.locator("#f-hires-upscaler option").first.inner_text() == "lanczos · default"
    page.select_option("#f-sampler", "lcm")
    own = "The sampler’s own"
    assert page.locator("#f-schedule option").all_inner_texts() == [f"{own} · default", own]
    page.fill("#f-num_steps", "60")
    page.fill("#f-prompt", "a fox")
    page.click("#generate")
    expect(page.locator("#error-f-num_steps")).to_contain_text("runs 1 to 50 steps")
    expect(page.locator("#f-fit")).to_have_count(1)
    assert site.worker.seen == []


def test_a_model_brings_its_own_defaults(windows, serve):
    wolf = ModelSettings("wolf", Defaults(num_steps=4, guidance=1.5, neg="ugly"))
    page = windows.open(serve(models=("fox", "wolf"), per_model=(wolf,)).url)
    shown = [page.locator(f"#f-{name}") for name in ("num_steps", "guidance")]
    for model, defaults in (("wolf", ["4", "1.5"]), ("fox", ["25", "7"])):
        page.select_option("#f-model", model)
        for control, value in zip(shown, defaults, strict=True):
            expect(control).to_have_attribute("placeholder", value)


def test_a_model_that_draws_is_chosen_where_the_server_has_no_default(windows, serve):
    for models, default, chosen, options in (
        (("fox",), None, None, ["fox"]),
        (("fox", "wolf"), None, "fox", ["fox", "wolf"]),
        (("fox", "wolf"), "wolf", None, ["fox", "wolf · default"]),
    ):
        site = serve(f"{len(models)}{default}", models=models, model=default)
        page = windows.open(site.url)
        assert page.locator("#f-model option").all_inner_texts() == options
        with page.expect_request("**/generate") as asked:
            generate(page, "a fox")
        assert asked.value.post_data_json.get("model") == chosen
        assert last(site).params.model == page.input_value("#f-model")
        page.reload()
        arrive(page)
        assert "model" not in page.evaluate("JSON.parse(localStorage['imagine.form'])"), "what was not said is not kept"


def test_a_style_is_applied_and_shows_what_it_sets(page, site):
    page.select_option("#f-preset", "watercolor_family")
    expect(page.locator("#f-guidance")).to_have_attribute("placeholder", "7.5")
    expect(page.locator("#preset-about")).to_contain_text("A gentle watercolor")
    generate(page, "a fox")
    assert last(site).params.prompt != "a fox"
    assert "a fox" in last(site).params.prompt
    assert (last(site).params.guidance, last(site).params.num_steps) == (7.5, 30)
    page.click("[data-language=ru]")
    assert page.locator("#f-preset option:checked").inner_text() == "Семейная акварель"


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_comma_is_a_point_and_arrows_step(windows, site, language):
    page = windows.open(f"{site.url}?lang={language}")
    page.locator("#f-guidance").press_sequentially("2,5")
    page.press("#f-num_steps", "ArrowUp")
    page.press("#f-num_steps", "Shift+ArrowDown")
    generate(page, "a fox")
    assert (last(site).params.guidance, last(site).params.num_steps) == (2.5, 16)
    page.press("#f-guidance", "ArrowUp")
    expect(page.locator("#f-guidance")).to_have_value("3")
    page.reload()
    arrive(page)
    page.press("#f-guidance", "ArrowDown")
    expect(page.locator("#f-guidance")).to_have_value("2.5" if language == "en" else "2,5")


def test_warnings_call_fields_as_the_page_does(page):
    page.fill("#f-neg", "blurry")
    page.fill("#f-guidance", "1")
    generate(page, "a fox")
    expect(page.locator("#warnings")).to_contain_text("Negative prompt has no effect where Guidance is at most 1")
    page.click("[data-language=ru]")
    generate(page, "a fox")
    told = "«Чего не рисовать» не действует, когда «Следование описанию» не больше 1"
    expect(page.locator("#warnings")).to_contain_text(told)


def test_a_size_that_cannot_be_is_told_beside_it(page, site):
    page.fill("#f-prompt", "a fox")
    page.fill("#f-width", "5000")
    page.click("#generate")
    expect(page.locator("#f-width")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#error-f-width")).to_have_text("This must be from 64 to 2,048.")
    expect(page.locator("#f-width")).to_be_focused()
    page.fill("#f-width", "704")
    expect(page.locator("#error-f-width")).to_be_hidden()
    page.click("#swap")
    expect(page.locator("#f-width")).to_have_value("")
    expect(page.locator("#f-height")).to_have_value("704")
    assert site.worker.seen == []


def test_what_the_server_refuses_is_told_beside_the_field(page, windows, site):
    windows.expected.append("400")
    page.evaluate("localStorage.setItem('imagine.form', JSON.stringify({prompt: 'a fox', model: 'gone'}))")
    page.reload()
    arrive(page)
    windows.expected.append("404")
    page.click("#generate")
    expect(page.locator("#stage #run-error, #error-f-model").locator("visible=true")).to_contain_text("gone")
    page.click("[data-language=ru]")
    page.click("#generate")
    expect(page.locator("#error-f-model")).to_have_text("модель «gone» не найдена")
    assert site.worker.seen == []


def test_a_failure_is_told_on_the_stage(page, windows):
    windows.expected.append("507")
    page.fill("#f-prompt", "fail OutOfMemory")
    page.fill("#f-stream", "0")
    page.click("#generate")
    expect(page.locator("#run-error")).to_have_text("no picture this time")
    generate(page, "a fox")
    expect(page.locator("#run-error")).to_be_hidden()


@pytest.fixture
def port():
    with kept_port() as port:
        yield port


def test_a_server_that_goes_away_is_told(windows, serve, port):
    windows.expected += ["ERR_"]
    site = serve(port=port)
    page = windows.open(site.url)
    page.fill("#f-prompt", "hold on")
    page.click("#generate")
    page.wait_for_selector("#run-text:has-text('Step 12')")
    site.vanish()
    expect(page.locator("#run-error")).to_contain_text("went away before the picture was done")
    page.click("#generate")
    expect(page.locator("#run-error")).to_contain_text("does not answer")
    expect(page.locator("#status")).to_have_attribute("data-state", "gone")
    again = serve(port=port)
    expect(page.locator("#status")).to_have_attribute("data-state", "ready")
    expect(page.locator("#run-error")).to_be_hidden()
    page.click("[data-about=lost] .text-button")
    page.wait_for_selector("#run-text:has-text('Step 12')")
    again.release()
    expect(page.locator(".thumb")).to_have_count(1)
    assert [job.params.prompt for job in again.worker.seen] == ["hold on"]


def test_the_key_is_asked_for_and_kept(windows, serve):
    windows.expected.append("401")
    page = windows.open(serve(api_key="open sesame").url, ready=False)
    expect(page.locator("#status")).to_have_attribute("data-state", "key")
    page.fill("#f-prompt", "a fox")
    page.click("#generate")
    expect(page.locator("#server-error")).to_have_text("This server needs its API key.")
    for wrong in ("wrong", "ключ"):
        page.fill("#server-key", wrong)
        page.click("#server-form [type=submit]")
        expect(page.locator("#server-error")).to_have_text("The server does not take this API key.")
        expect(page.locator("#server-key")).to_be_focused()
    page.fill("#server-key", "open sesame")
    page.click("#server-form [type=submit]")
    expect(page.locator("#status")).to_have_attribute("data-state", "ready")
    generate(page)
    page.reload()
    arrive(page)
    assert "sesame" not in page.evaluate("location.href + localStorage['imagine.form']")


def test_a_waiting_picture_says_how_many_are_ahead(windows, site, page):
    site.worker.ready, ready = None, site.worker.ready
    page.fill("#f-prompt", "first")
    page.click("#generate")
    other = windows.open(site.url, ready=False)
    other.fill("#f-prompt", "second")
    other.click("#generate")
    expect(page.locator("#run-text")).to_have_text("Next in the queue")
    expect(other.locator("#run-text")).to_have_text("Waiting in the queue: 1 picture ahead")

    def wake():
        site.worker.ready = ready
        site.worker.changed()

    site.on_loop(wake)
    expect(other.locator(".thumb")).to_have_count(1)


def test_settings_survive_a_reload(page, site):
    page.fill("#f-prompt", "a fox")
    page.fill("#f-neg", "blurry")
    page.fill("#f-guidance", "4.5")
    page.select_option("#f-sampler", "euler a")
    page.reload()
    arrive(page)
    generate(page)
    said = last(site).params
    assert (said.prompt, said.neg, said.guidance, said.sampler) == ("a fox", "blurry", 4.5, "euler a")


def test_a_recipe_runs_again_to_the_same_bytes(windows, page, site):
    page.fill("#f-seed", "9007199254740993")
    page.fill("#f-width", "576")
    page.fill("#f-hires-scale", "1.5")
    generate(page, 'лиса, "quoted" <b>')
    first, told = downloaded(page, "#do-png"), downloaded(page, "#do-json")
    assert opened(first).size == (576, 512)
    for data, name in ((told, "made.json"), (first, "made.png")):
        other = windows.open(site.url)
        load(other, data, name)
        expect(other.locator(".tile img")).to_have_count(1)
        expect(other.locator("#f-prompt")).to_have_value('лиса, "quoted" <b>')
        generate(other)
        assert last(site).params.buckets == "4x25"
        assert downloaded(other, "#do-png") == first
        other.fill("#f-guidance", "3")
        generate(other)
        assert last(site).params.buckets is None
