"""The three evenings, as somebody spends them at the page with the shipped model."""

from __future__ import annotations

from pathlib import Path

from tools.evenings.person import Person
from tools.evenings.photos import mark, photos

OUTLINE = "toybox-outline"
DRAWN = "() => [...document.querySelectorAll('.pick img')].every((one) => one.naturalWidth)"


def family(person: Person, folder: Path) -> None:
    """A cartoon of three photos: each drawn four times, the best starred, enlarged, and all in one file."""
    page = person.page
    pictures = photos(folder)
    with person.step("Give the first photo"):
        person.give("#source-empty", pictures["house"])
        page.wait_for_selector("#source-full:visible")
    with person.step("Say what it is, how to draw it, and that four are wanted"):
        person.write("#f-prompt", "a red house on a blue background, outline")
        person.take("#loras-search", OUTLINE[:10], OUTLINE)
        person.write("#f-strength", "0.7")
        person.write("#f-count", "4")
    person.look()
    with person.step("Draw, choose the best, mark it"):
        person.press("Control+Enter")
        person.wait(4)
        _choose(person, 2)
    person.look()
    with person.step("The other two photos likewise"):
        for at, (photo, words) in enumerate(
            [
                ("cat", "an orange cat on a green background, outline"),
                ("car", "a blue car on a pink background, outline"),
            ]
        ):
            person.give("#source-replace", pictures[photo])
            page.wait_for_function(f"() => document.querySelector('#source-name').textContent === '{photo}.jpg'")
            if photo == "cat":
                person.take("#loras-search", "toybox-c", "toybox-cat")
            person.write("#f-prompt", words)
            person.press("Control+Enter")
            person.wait(8 + 4 * at)
            _choose(person, 2)
    person.look()
    with person.step("Enlarge the three, and take all of them in one file"):
        person.click("#open-gallery")
        person.click("#pick-starred")
        for at in range(3):
            person.click(page.locator(".pick").nth(2))
            person.click("#do-upscale")
            person.wait(13 + at)
            _enlarged(person)
            person.press("s")
        person.click(page.locator(".pick").first)
        person.press("Control+a")
        person.look()
        with page.expect_download():
            person.click("#pick-zip")


def product(person: Person, folder: Path) -> None:
    """A badge from a shop's mark: held to its shape, a part recoloured by a mask, a banner made of it, enlarged."""
    page = person.page
    with person.step("Have the picture follow the mark"):
        person.click("#beside > summary")
        person.give("[data-beside=control] [data-add]", mark(folder))
        row = page.locator("[data-beside=control] .beside-row")
        row.wait_for()
        person.choose(row.locator("select").first, "toybox-shapes")
    with person.step("Say what it is; small ones, four of them"):
        person.write("#f-prompt", "a yellow heart on a white background")
        person.click("[data-shape='1:1']")
        person.write("#f-count", "4")
    person.look()
    with person.step("Draw, and choose"):
        person.press("Control+Enter")
        person.wait(4)
        _choose(person, 3, star=False)
    person.look()
    with person.step("Another colour for one half, by a mask and a sentence"):
        person.click("#do-fix")
        page.wait_for_selector("#canvas-dialog[open]")
        person.press("l")
        person.paint((0.5, 0.15), (0.95, 0.15), (0.95, 0.95), (0.5, 0.95))
        person.write("#canvas-prompt", "a red heart on a white background")
        person.look()
        person.press("Control+Enter")
        person.wait(8)
        _leave_canvas(person)
        _choose(person, 3, star=False)
    person.look()
    with person.step("Room for words beside it"):
        person.click("#do-extend")
        page.wait_for_selector("#canvas-dialog[open]")
        person.paint((1.0, 0.5), (1.5, 0.5))
        person.look()
        person.write("#canvas-prompt", "a white background")
        person.press("Control+Enter")
        person.wait(12)
        _leave_canvas(person)
    with person.step("Enlarge, and take the file"):
        person.click("#do-upscale")
        person.wait(13)
        _enlarged(person)
        with page.expect_download():
            person.click("#do-png")
    person.look()


def seeds(person: Person, _folder: Path) -> None:
    """Forty pictures of one prompt; five starred, four compared, one chosen, varied, enlarged and taken."""
    page = person.page
    with person.step("Ask for forty, small ones"):
        person.write("#f-prompt", "a flower on a yellow background")
        person.click("[data-shape='1:1']")
        person.write("#f-count", "16")
        person.press("Control+Enter")
        person.press("Control+Enter")
        person.write("#f-count", "8")
        person.press("Control+Enter")
        page.wait_for_selector(".tile img")
        person.look()
        person.wait(40)
    with person.step("Look through them, star five"):
        person.click("#open-gallery")
        for batch in (2, 1, 0):
            person.click(page.locator(".pick").nth(batch))
        page.wait_for_function(DRAWN)
        person.look()
        for at in (2, 5, 11, 17, 30):
            person.click(page.locator(".pick:not(.batch)").nth(at))
            person.press("s")
    with person.step("Compare four of them"):
        person.click("#pick-starred")
        for at in range(4):
            person.pick(page.locator(".pick:not(.batch)").nth(at))
        person.click("#pick-compare")
        page.wait_for_selector("dialog[open]")
        person.look()
        person.press("Escape")
        person.press("Escape")
    with person.step("Four more near the best, and choose"):
        person.click(page.locator(".pick:not(.batch)").nth(1))
        person.click("#do-vary")
        person.wait(44)
        _choose(person, 3)
    person.look()
    with person.step("Enlarge, and take the file"):
        person.click("#do-upscale")
        person.wait(45)
        _enlarged(person)
        with page.expect_download():
            person.click("#do-png")
    person.look()


def _choose(person: Person, number: int, star: bool = True) -> None:
    """One of a batch on the stage, and its star."""
    person.click(person.page.locator("#board .tile").nth(number - 1))
    if star:
        person.press("s")


def _leave_canvas(person: Person) -> None:
    """Back to the stage, where the canvas stays open to go on."""
    if person.page.locator("#canvas-dialog[open]").count():
        person.click("#canvas-done")


def _enlarged(person: Person) -> None:
    """Until what was enlarged is on the stage."""
    sides = "document.querySelector('#about-text').textContent.match(/\\d+ × \\d+/)[0]"
    person.page.wait_for_function(f"() => {sides}.split(' × ').every((side) => side >= 256)")


STORIES = {"family": family, "product": product, "seeds": seeds}
