"""A picture is enlarged by a button, beside what else goes on; and the first prompts are the chosen model's own."""

import io
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from imagine.messages import in_english
from imagine.pictures import images
from imagine.words.events import Failed, Finished, Loading, Progress
from tests.page.acts import arrive, do_more, downloaded, generate
from tests.page.painter import Painter
from tests.registry import declared

EXAMPLES = '{"en": ["a red house", "a blue star"], "ru": ["красный дом", "синяя звезда"]}'


class Enlarger(Painter):
    """Enlarges too, unless it is `held_back`, and then it stops half way, or the picture's prompt is `refused`."""

    held_back = False
    refused = ""

    def _play(self, job):
        if job.enlargement is None:
            super()._play(job)
            return
        buffer = self.held[job.job]
        buffer.put(Loading(job=job.job, model=job.params.model))
        buffer.put(Progress(job=job.job, step=1, steps=2, remaining=1.0))
        if self.held_back:
            return
        if job.enlargement.meta["prompt"] == self.refused:
            self._end(Failed(job=job.job, error="OutOfMemory", message=in_english("no room for it")))
            return
        source = images.decode(job.img, field="img")
        made = source.resize([round(side * job.params.hires.scale) for side in source.size])
        meta = job.enlargement.meta | {"upscaled": [{"upscaler": job.model.name, "scale": job.params.hires.scale}]}
        Path(job.enlargement.path).write_bytes(images.encode(made, meta=meta))
        self._end(Finished(job=job.job, data=b"", meta=meta, timings={"upscaling": 1.0}))


@pytest.fixture
def site(serve):
    return serve(worker=Enlarger())


def enlarge_picked(page, *places):
    """Of the gallery, with those at these places, which are picked beside those that are."""
    for place in places:
        page.locator(".pick").nth(place).click(modifiers=["Control"])
    page.click("#pick-use summary")
    page.click("#use-upscale")


def test_a_picture_is_enlarged_and_kept_beside_its_source(page, site):
    generate(page, "a fox in the snow")
    page.click("#do-upscale")
    expect(page.locator(".thumb")).to_have_count(2)
    expect(page.locator("#about-text")).to_contain_text("1024 × 1024")
    expect(page.locator("#about-text")).to_contain_text(f"seed {site.worker.seen[0].params.seed}")
    expect(page.locator("#warnings")).to_contain_text("there is no upscaler here")
    expect(page.locator("#do-upscale")).to_have_text("Enlarge 2×")
    with Image.open(io.BytesIO(downloaded(page, "#do-png"))) as made:
        assert made.size == (1024, 1024)
    assert site.worker.seen[1].enlargement.meta["prompt"] == "a fox in the snow"
    do_more(page, "before")
    expect(page.locator("#compare-heads th")).to_have_text(["Setting", "Before", "After"])
    page.click("#compare-dialog [data-close]")
    page.fill("#f-prompt", "")
    page.click("#do-reuse")
    expect(page.locator("#f-prompt")).to_have_value("a fox in the snow")
    assert "upscaled" not in page.locator("#notices").inner_text()
    page.reload()
    arrive(page)
    expect(page.locator(".thumb")).to_have_count(2)


def test_how_it_is_enlarged_can_be_chosen(page, site):
    generate(page, "a fox")
    page.click("#upscale-ways > summary")
    options = page.locator("#upscale-by option")
    expect(options).to_have_text(["Default", "lanczos", "bicubic"])
    page.select_option("#upscale-by", "bicubic")
    page.select_option("#upscale-scale", "3")
    page.click("#do-upscale")
    expect(page.locator("#about-text")).to_contain_text("1536 × 1536")
    enlarged = site.worker.seen[1]
    assert (enlarged.model.name, enlarged.params.hires.scale) == ("bicubic", 3)
    expect(page.locator("#do-upscale")).to_have_text("Enlarge 3×")


def test_enlarging_is_shown_and_taken_back(page, site):
    generate(page, "a fox")
    site.worker.held_back = True
    page.click("#do-upscale")
    expect(page.locator("#do-upscale")).to_have_text("Enlarging… 50 %")
    page.fill("#f-prompt", "another")
    page.click("#generate")  # goes on beside it
    expect(page.locator(".thumb")).to_have_count(2)
    page.click("#do-upscale")
    expect(page.locator("#do-upscale")).to_have_text("Enlarge 2×")
    expect(page.locator("[data-about=upscale]")).to_have_text("Cancelled.", use_inner_text=True)
    site.until(lambda: site.worker.cancelled)
    assert set(site.worker.cancelled) == {site.worker.seen[1].job}  # by its id, and again as its reader leaves
    expect(page.locator(".thumb")).to_have_count(2)


def test_several_are_enlarged_one_after_the_other(page, site):
    for prompt in ("a fox", "an owl", "a hen"):
        generate(page, prompt)
    page.click("#open-gallery")
    expect(page.locator(".pick")).to_have_count(3)
    enlarge_picked(page, 1, 2)
    told = page.locator("[data-about=upscale]")
    expect(told).to_contain_text("2 pictures are enlarged")
    expect(page.locator(".thumb")).to_have_count(5)
    enlarged = [job.enlargement.meta["prompt"] for job in site.worker.seen if job.enlargement]
    assert enlarged == ["a fox", "an owl"], "the oldest first"
    site.worker.held_back = True
    enlarge_picked(page)
    page.keyboard.press("Escape")  # picks none
    page.keyboard.press("Escape")  # and goes back to the picture
    button = page.locator("#do-upscale")
    expect(button).to_have_text("Enlarging… 50 % · 1 to go")
    button.click()
    expect(button).to_have_text("Enlarge 2×")
    expect(told).to_have_text("Cancelled.", use_inner_text=True)
    assert len([job for job in site.worker.seen if job.enlargement]) == 3
    expect(page.locator(".thumb")).to_have_count(5)


LOSE_THE_SECOND = """() => new Promise((done) => {
  indexedDB.open("imagine").onsuccess = ({ target: { result: db } }) => {
    const rows = db.transaction("rows").objectStore("rows").getAll()
    rows.onsuccess = () => {
      const lost = db.transaction("files", "readwrite")
      lost.objectStore("files").delete(rows.result.sort((one, other) => one.time - other.time)[1].id)
      lost.oncomplete = () => { db.close(); done() }
    }
  }
})"""


def test_of_several_one_that_is_lost_is_passed_over_and_one_that_is_refused_is_the_last(page, site):
    for prompt in ("a fox", "an owl", "a hen"):
        generate(page, prompt)
    page.evaluate(LOSE_THE_SECOND)
    page.click("#open-gallery")
    enlarge_picked(page, 1, 2)
    told = page.locator("[data-about=upscale]")
    expect(told).to_contain_text("The enlarged picture is done: 1024 × 1024")
    expect(page.locator("[data-about=gallery]")).to_be_visible()
    expect(page.locator(".thumb")).to_have_count(4)
    site.worker.refused = "a hen"
    enlarge_picked(page, 1)
    expect(told).to_contain_text("no room for it")
    expect(page.locator("#do-upscale")).to_have_text("Enlarge 2×")
    expect(page.locator(".thumb")).to_have_count(5)
    assert [job.enlargement.meta["prompt"] for job in site.worker.seen if job.enlargement] == [
        "a fox",
        "a fox",
        "a hen",
    ]


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_first_prompts_are_what_the_model_says_it_can_paint(serve, windows, tmp_path, language):
    said = {"imagine.examples": EXAMPLES, "imagine.upscaler": "sharp"}
    declared.write(tmp_path / "home/models/toy.safetensors", declared.tiny(), metadata=said)
    page = windows.open(serve(models=()).url + f"?lang={language}")
    expect(page.locator("#examples .chip")).to_have_text(
        ["a red house", "a blue star"] if language == "en" else ["красный дом", "синяя звезда"]
    )
    assert page.locator("#f-width").get_attribute("placeholder") == ("Auto" if language == "en" else "Авто")
