"""The canvas: masks, colours, the frame; seen larger and smaller; by mouse, pen, fingers and keys."""

import io
import json

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.page.acts import (
    arrive,
    base64_of,
    close_canvas,
    downloaded,
    draw,
    generate,
    last,
    load,
    on_canvas,
    open_canvas,
    opened,
    paste,
    png,
    start_from,
)

RED, BLUE, GREY = (200, 30, 40), (30, 60, 220), (120, 120, 120)
CANVASES = """
    window.canvases = [];
    const made = Document.prototype.createElement;
    Document.prototype.createElement = function (name, ...more) {
        const element = made.call(this, name, ...more);
        if (name === "canvas") window.canvases.push(element);
        return element;
    };
"""
HELD = "() => window.canvases.reduce((sum, each) => sum + each.width * each.height, 0)"


def halves(width=200, height=100):
    """A picture that is red at the left and blue at the right."""
    picture, file = Image.new("RGB", (width, height), RED), io.BytesIO()
    picture.paste(BLUE, (width // 2, 0, width, height))
    picture.save(file, "PNG")
    return file.getvalue()


HELD_BACK = """() => {
    const made = HTMLCanvasElement.prototype.toBlob;
    window.waiting = [];
    HTMLCanvasElement.prototype.toBlob = function (...said) { window.waiting.push(() => made.apply(this, said)); };
    window.goOn = () => { HTMLCanvasElement.prototype.toBlob = made; for (const each of window.waiting) each(); };
}"""
"""Files of canvases are made only once `goOn` is called."""


BITMAPS_HELD_BACK = """() => {
    const made = window.createImageBitmap;
    const wait = new Promise((go) => { window.goOn = go; });
    window.createImageBitmap = async (...said) => {
        if (document.querySelector("#f-prompt").value === "a valley") await wait;
        return made(...said);
    };
}"""
"""From that prompt on pictures are opened only once `goOn` is called."""


RUBBED = """([clientX, clientY]) => {
    for (const kind of ["pointerdown", "pointerup"]) {
        document.querySelector("#canvas-paint").dispatchEvent(new PointerEvent(kind,
            { pointerId: 1, pointerType: "pen", button: 5, buttons: 32, clientX, clientY, bubbles: true }));
    }
}"""
"""A pen is put down by its other end."""


def sent_mask(site):
    return opened(last(site).mask).convert("L")


def sent_picture(site):
    return opened(last(site).img).convert("RGB")


def touches(page, *steps):
    """Fingers: each step is a kind and the places that are touched, as parts of the canvas's picture."""
    session = page.context.new_cdp_session(page)
    for kind, *places in steps:
        points = [{"x": x, "y": y, "id": n} for n, (x, y) in enumerate(on_canvas(page, *place) for place in places)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


@pytest.fixture
def canvas(page):
    """A window with the canvas open on a picture of two halves."""
    start_from(page, halves())
    page.fill("#f-prompt", "a fox")
    open_canvas(page)
    page.fill("#canvas-size", "20")
    return page


def finish(page):
    close_canvas(page)
    generate(page)


def test_a_mask_is_painted_erased_undone_and_sent(canvas, site):
    draw(canvas, (0.25, 0.5), (0.75, 0.5))
    canvas.click("#canvas-erase")
    draw(canvas, (0.25, 0.5), (0.35, 0.5))
    canvas.click("#canvas-erase")
    draw(canvas, (0.1, 0.1), (0.2, 0.1))
    canvas.keyboard.press("Control+z")
    finish(canvas)
    mask = sent_mask(site)
    assert mask.size == (200, 100)
    assert [mask.getpixel(at) for at in ((120, 50), (150, 50))] == [255, 255]
    assert [mask.getpixel(at) for at in ((55, 50), (30, 10), (100, 10), (100, 90))] == [0, 0, 0, 0]
    assert {colour for _, colour in mask.getcolors()} == {0, 255}
    open_canvas(canvas)
    canvas.click("#canvas-invert")
    close_canvas(canvas)
    canvas.fill("#f-mask-padding", "16")
    generate(canvas)
    assert last(site).params.mask_padding == 16
    assert (sent_mask(site).getpixel((120, 50)), sent_mask(site).getpixel((10, 10))) == (0, 255)
    open_canvas(canvas)
    canvas.click("#canvas-clear")
    close_canvas(canvas)
    expect(canvas.locator("#f-mask-padding")).to_be_hidden()
    generate(canvas)
    assert (last(site).mask, last(site).params.mask_padding) == (None, None)


def test_a_soft_edge_is_sent_in_levels_and_kept(canvas, site, windows):
    canvas.fill("#canvas-size", "60")
    canvas.fill("#canvas-feather", "100")
    draw(canvas, (0.25, 0.5), (0.75, 0.5))
    finish(canvas)
    column = [sent_mask(site).getpixel((100, y)) for y in (50, 58, 65, 72, 85)]
    assert column == sorted(column, reverse=True)
    assert (column[0] > 240, 100 < column[2] < 160, column[-1]) == (True, True, 0)
    told, first = downloaded(canvas, "#do-json"), last(site).mask
    other = windows.open(site.url)
    load(other, told, "soft.json")
    expect(other.locator("#mask-note")).to_be_visible()
    open_canvas(other)
    close_canvas(other)  # nothing was done: what is sent is what was loaded
    generate(other)
    assert last(site).mask == first


def test_rectangle_and_lasso_fill_and_erase(canvas, site):
    canvas.keyboard.press("r")
    draw(canvas, (0.1, 0.1), (0.5, 0.9))
    canvas.click("[data-tool=lasso]")
    draw(canvas, (0.6, 0.2), (0.9, 0.2), (0.9, 0.8))
    canvas.click("#canvas-erase")
    canvas.click("[data-tool=rectangle]")
    draw(canvas, (0.2, 0.4), (0.3, 0.6))
    finish(canvas)
    mask = sent_mask(site)
    assert [mask.getpixel(at) for at in ((25, 15), (95, 85), (170, 30))] == [255, 255, 255]
    assert [mask.getpixel(at) for at in ((50, 50), (110, 50), (130, 70))] == [0, 0, 0]


def test_colours_are_painted_over_a_picture_whose_original_stays(canvas, site):
    canvas.click("[data-mode=sketch]")
    draw(canvas, (1.08, 0.5), (1.1, 0.6))  # beside the picture: nothing is done
    expect(canvas.locator("#canvas-undo")).to_have_attribute("aria-disabled", "true")
    canvas.click("[data-tool=pick]")
    canvas.mouse.click(*on_canvas(canvas, 0.75, 0.5))
    draw(canvas, (0.1, 0.5), (0.3, 0.5))
    canvas.fill("#canvas-colour", "#00ff00")
    draw(canvas, (0.1, 0.9), (0.3, 0.9))
    canvas.keyboard.press("Control+z")
    finish(canvas)
    picture = sent_picture(site)
    assert [picture.getpixel(at) for at in ((40, 50), (40, 20), (40, 90), (150, 50))] == [BLUE, RED, RED, BLUE]
    assert last(site).mask is None
    canvas.reload()
    arrive(canvas)
    open_canvas(canvas, "sketch")
    canvas.click("#canvas-clear")
    finish(canvas)
    assert last(site).img == halves()


def test_a_picture_is_pasted_and_placed(canvas, site):
    paste(canvas, png(40, 20, (0, 255, 0)))
    box = canvas.locator("#canvas-float").bounding_box()
    centre = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    canvas.mouse.move(*centre)
    canvas.mouse.down()
    canvas.mouse.move(*on_canvas(canvas, 0.25, 0.25), steps=3)
    canvas.mouse.up()
    canvas.keyboard.press("Enter")
    expect(canvas.locator("#canvas-float")).to_be_hidden()
    finish(canvas)
    picture = sent_picture(site)
    assert [picture.getpixel(at) for at in ((50, 25), (35, 25), (50, 40), (100, 50))] == [(0, 255, 0)] * 2 + [RED, BLUE]
    open_canvas(canvas, "sketch")
    paste(canvas, png(40, 20, (0, 255, 255)))
    expect(canvas.locator("#canvas-float")).to_be_focused()
    for _ in range(12):
        canvas.keyboard.press("Shift+ArrowLeft")  # not out of the picture: it would be lost
    canvas.keyboard.press("Enter")
    finish(canvas)
    assert [sent_picture(site).getpixel(at) for at in ((3, 50), (12, 50))] == [(0, 255, 255), RED]


def test_a_part_is_cut_out_and_comes_back(canvas, site):
    draw(canvas, (0.1, 0.5), (0.75, 0.5))
    canvas.click("[data-mode=frame]")
    handle = canvas.locator("[data-edge=left]").bounding_box()
    canvas.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
    canvas.mouse.down()
    canvas.mouse.move(*on_canvas(canvas, 0.5, 0.5), steps=4)
    canvas.mouse.up()
    canvas.fill("#canvas-bottom", "-20")
    finish(canvas)
    assert sent_picture(site).getcolors() == [(100 * 80, BLUE)]
    assert (sent_mask(site).size, sent_mask(site).getpixel((30, 50)), sent_mask(site).getpixel((80, 50))) == (
        (100, 80),
        255,
        0,
    )
    canvas.reload()
    arrive(canvas)
    open_canvas(canvas, "frame")
    canvas.click("#canvas-frame-reset")
    finish(canvas)
    assert (last(site).img, sent_mask(site).size, sent_mask(site).getpixel((25, 50))) == (halves(), (200, 100), 255)


def test_a_mask_of_what_is_cut_off_comes_back(canvas, site):
    draw(canvas, (0.1, 0.5), (0.2, 0.5))
    canvas.click("[data-mode=frame]")
    for side, pixels in (("left", "-96"), ("top", "-16")):
        canvas.fill(f"#canvas-{side}", pixels)
    canvas.click("#canvas-undo")
    canvas.fill("#canvas-left", "-100")  # from here on there is nothing to do again
    expect(canvas.locator("#canvas-redo")).to_have_attribute("aria-disabled", "true")
    finish(canvas)
    assert (last(site).mask, opened(last(site).img).size) == (None, (100, 100))
    open_canvas(canvas, "frame")
    canvas.click("#canvas-frame-reset")
    finish(canvas)
    assert [sent_mask(site).getpixel(at) for at in ((30, 50), (150, 50))] == [255, 0]


def test_what_is_painted_while_the_canvas_closes_is_kept(canvas, site):
    canvas.evaluate(HELD_BACK)
    draw(canvas, (0.1, 0.2), (0.3, 0.2))
    canvas.click("#canvas-done")
    canvas.wait_for_function("() => window.waiting.length > 0")
    draw(canvas, (0.1, 0.8), (0.3, 0.8))
    canvas.evaluate("goOn()")
    canvas.wait_for_selector("#canvas-dialog", state="hidden")
    generate(canvas)
    assert [sent_mask(site).getpixel(at) for at in ((40, 20), (40, 80), (40, 50))] == [255, 255, 0]


def test_a_soft_edge_too_small_to_count_is_said(page, site):
    start_from(page, halves(1200, 800))
    open_canvas(page)
    page.fill("#canvas-feather", "100")
    page.fill("#canvas-size", "16")
    draw(page, (0.5, 0.5), (0.5, 0.5))
    expect(page.locator("#canvas-hint")).to_contain_text("taken as a hard one")
    close_canvas(page)
    open_canvas(page)
    page.fill("#canvas-size", "300")
    draw(page, (0.2, 0.5), (0.2, 0.5))
    expect(page.locator("#canvas-hint")).to_contain_text("Paint over what")
    page.fill("#canvas-prompt", "a fox")
    finish(page)
    assert 64 < sent_mask(site).getpixel((604, 400)) < 192  # of the small one, which was sent as a hard one


def test_a_mask_in_colours_is_taken_as_the_server_takes_it(page, site):
    mask, file = Image.new("RGB", (200, 100)), io.BytesIO()
    mask.paste(RED, (0, 0, 100, 100))
    mask.save(file, "PNG")
    said = {"prompt": "a fox", "img": base64_of(halves()), "mask": base64_of(file.getvalue())}
    load(page, json.dumps({"meta": said}).encode(), "red.json")
    expect(page.locator("#mask-note")).to_be_visible()
    open_canvas(page)
    page.fill("#canvas-size", "20")
    draw(page, (0.8, 0.5), (0.9, 0.5))
    finish(page)
    assert {colour for _, colour in sent_mask(site).getcolors()} == {0, 255}
    assert [sent_mask(site).getpixel(at) for at in ((50, 50), (170, 50), (140, 20))] == [255, 255, 0]


def test_an_edge_is_drawn_out_by_its_handle_and_by_keys(canvas, site):
    canvas.click("[data-mode=frame]")
    handle = canvas.locator("[data-edge=right]").bounding_box()
    canvas.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
    canvas.mouse.down()
    canvas.mouse.move(*on_canvas(canvas, 1.32, 0.5), steps=4)
    canvas.mouse.up()
    canvas.focus("#canvas-top")
    for _ in range(2):
        canvas.keyboard.press("ArrowUp")
    expect(canvas.locator("#canvas-about")).to_have_text("264 × 116")
    close_canvas(canvas)
    expect(canvas.locator("#extend-note")).to_contain_text("top 16, right 64")
    generate(canvas)
    extend = last(site).params.extend
    assert (extend.left, extend.top, extend.right, extend.bottom) == (0, 16, 64, 0)
    canvas.fill("#f-width", "400")
    open_canvas(canvas, "frame")
    expect(canvas.locator("#canvas-right")).to_have_value("32")  # of the picture's own pixels
    close_canvas(canvas)
    canvas.click("#extend-remove")
    generate(canvas)
    assert last(site).params.extend is None


def test_a_part_of_a_large_photo_is_extended_by_what_comes_out(page):
    start_from(page, png(4096, 2048))
    open_canvas(page, "frame")
    page.fill("#canvas-left", "-1024")
    page.fill("#canvas-right", "300")
    close_canvas(page)
    margin = int(page.inner_text("#extend-text").rsplit(" ", 1)[1])
    asked = int(page.input_value("#f-width"))
    assert (margin % 8, abs(margin - 300 * asked / 1024) <= 16) == (0, True)  # as large as the part comes out now


def test_what_is_transparent_becomes_the_mask(page, site):
    picture, file = Image.new("RGBA", (96, 64), (*RED, 255)), io.BytesIO()
    picture.paste((0, 0, 0, 0), (0, 0, 32, 64))
    picture.save(file, "PNG")
    start_from(page, file.getvalue())
    page.fill("#f-prompt", "a fox\nin snow")
    open_canvas(page)
    expect(page.locator("#canvas-prompt")).to_have_value("a fox in snow")
    page.click("#canvas-holes")
    finish(page)
    assert (sent_mask(site).getpixel((16, 32)), sent_mask(site).getpixel((48, 32))) == (255, 0)


def test_it_is_seen_larger_where_the_pointer_is_and_moved_by_space(canvas, site):
    place = on_canvas(canvas, 0.75, 0.5)
    canvas.mouse.move(*place)
    before = canvas.locator("#canvas-frame").bounding_box()["width"]
    canvas.mouse.wheel(0, -700)
    canvas.wait_for_function(
        "n => document.querySelector('#canvas-frame').getBoundingClientRect().width > 2 * n", arg=before
    )
    there = on_canvas(canvas, 0.75, 0.5)
    assert all(abs(one - other) < 2 for one, other in zip(place, there, strict=True))  # a wheel tells whole pixels
    canvas.mouse.move(place[0] + 1, place[1])
    canvas.keyboard.down("Space")
    canvas.mouse.down()
    canvas.mouse.move(place[0] + 81, place[1], steps=4)
    canvas.mouse.up()
    canvas.keyboard.up("Space")
    assert abs(on_canvas(canvas, 0.75, 0.5)[0] - place[0] - 80) < 2
    draw(canvas, (0.75, 0.5), (0.76, 0.5))
    canvas.keyboard.press("0")
    assert canvas.locator("#canvas-frame").bounding_box()["width"] == pytest.approx(before, abs=1)
    finish(canvas)
    mask = sent_mask(site)
    assert [mask.getpixel(at) for at in ((150, 50), (130, 50), (150, 75))] == [255, 0, 0]


def test_fingers_paint_and_two_of_them_move_the_picture(windows, site):
    page = windows.open(site.url, has_touch=True, viewport={"width": 844, "height": 390})
    start_from(page, halves())
    page.fill("#f-prompt", "a fox")
    open_canvas(page)
    assert page.locator("#easel").bounding_box()["height"] > 180  # of a phone that lies on its side
    page.set_viewport_size({"width": 390, "height": 844})
    page.fill("#canvas-size", "20")
    touches(
        page,
        ("touchStart", (0.2, 0.5)),
        ("touchMove", (0.5, 0.5)),
        ("touchStart", (0.5, 0.5), (0.8, 0.9)),  # a hand that rests takes back no stroke
        ("touchEnd",),
    )
    before = page.locator("#canvas-frame").bounding_box()["width"]
    touches(
        page,
        ("touchStart", (0.4, 0.2)),
        ("touchStart", (0.4, 0.2), (0.6, 0.2)),
        ("touchMove", (0.3, 0.2), (0.7, 0.2)),
        ("touchEnd",),
    )
    assert page.locator("#canvas-frame").bounding_box()["width"] == pytest.approx(2 * before, rel=0.05)
    finish(page)
    mask = sent_mask(site)
    assert [mask.getpixel(at) for at in ((70, 50), (80, 20), (120, 20), (160, 90))] == [255, 0, 0, 0]


def test_a_pen_that_is_pressed_lightly_paints_a_thin_line_beside_a_hand(canvas, site):
    session = canvas.context.new_cdp_session(canvas)
    canvas.fill("#canvas-size", "60")
    touches(canvas, ("touchStart", (0.9, 0.9)))
    for kind, x in (("mousePressed", 0.2), ("mouseMoved", 0.5), ("mouseMoved", 0.8), ("mouseReleased", 0.8)):
        across, down = on_canvas(canvas, x, 0.5)
        about = {"type": kind, "x": across, "y": down, "button": "left", "buttons": 1, "clickCount": 1}
        session.send("Input.dispatchMouseEvent", about | {"pointerType": "pen", "force": 0.3})
    canvas.evaluate(RUBBED, on_canvas(canvas, 0.6, 0.5))
    finish(canvas)
    mask = sent_mask(site)
    assert [mask.getpixel(at) for at in ((70, 50), (70, 56), (70, 65), (180, 90), (120, 50))] == [255, 255, 0, 0, 0]


def test_a_mask_is_painted_by_keys_alone(canvas, site):
    canvas.focus("#canvas-paint")
    for key in ("ArrowRight", "ArrowRight", "Space", "ArrowDown", "BracketRight"):
        canvas.keyboard.press(key)
    expect(canvas.locator("#canvas-size")).to_have_value("25")
    for key in ("Enter", "Escape", "r"):  # which ends the line, and takes nothing back
        canvas.keyboard.press(key)
    for key in ("Enter", *["Shift+ArrowRight"] * 3, *["ArrowDown"] * 5, "Enter"):
        canvas.keyboard.press(key)
    expect(canvas.locator("#live")).to_have_text("Painted")
    canvas.keyboard.press("Control+Enter")
    expect(canvas.locator(".thumb")).to_have_count(1)
    mask = sent_mask(site)
    assert [mask.getpixel(at) for at in ((108, 50), (98, 58), (140, 70), (90, 50), (140, 80))] == [255, 255, 255, 0, 0]


def test_keys_and_a_mouse_leave_each_other_their_strokes(canvas, site):
    canvas.click("[data-mode=sketch]")
    canvas.focus("[data-tool=brush]")
    for _ in range(3):
        canvas.keyboard.press("ArrowRight")
    canvas.click("[data-mode=mask]")
    assert canvas.locator("#canvas-tools button[tabindex='0']:visible").count() == 1
    canvas.focus("#canvas-paint")
    for key in ("Enter", "ArrowRight", "r", "b", "Enter"):  # another tool, or a mouse, ends what keys have begun
        canvas.keyboard.press(key)
    draw(canvas, (0.2, 0.2), (0.3, 0.2))
    for _ in range(2):
        canvas.keyboard.press("Control+z")
    canvas.mouse.move(*on_canvas(canvas, 0.2, 0.8))
    canvas.mouse.down()
    canvas.mouse.move(*on_canvas(canvas, 0.21, 0.8))  # a capture begins with the event after it was asked for
    canvas.evaluate("document.querySelector('#canvas-paint').releasePointerCapture(1)")
    canvas.mouse.move(*on_canvas(canvas, 0.8, 0.8), steps=3)
    canvas.mouse.up()
    finish(canvas)
    mask = sent_mask(site)
    assert [mask.getpixel(at) for at in ((100, 50), (50, 20), (40, 80), (160, 80))] == [255, 0, 255, 0]


def test_the_canvas_knows_a_russian_keyboard(canvas, site):
    def press(key, code, **more):
        canvas.locator("#canvas-paint").dispatch_event("keydown", {"key": key, "code": code, "bubbles": True, **more})

    draw(canvas, (0.25, 0.5), (0.75, 0.5))
    draw(canvas, (0.25, 0.9), (0.75, 0.9))
    canvas.locator("#canvas-prompt").dispatch_event("keydown", {"key": "Enter", "bubbles": True, "isComposing": True})
    press("ъ", "BracketRight")
    expect(canvas.locator("#canvas-size")).to_have_value("25")
    press("у", "KeyE")
    expect(canvas.locator("#canvas-erase")).to_have_attribute("aria-pressed", "true")
    press("к", "KeyR")
    expect(canvas.locator("[data-tool=rectangle]")).to_have_attribute("aria-pressed", "true")
    press("я", "KeyZ", ctrlKey=True)
    press("я", "KeyZ", ctrlKey=True)
    press("Я", "KeyZ", ctrlKey=True, shiftKey=True)
    finish(canvas)
    assert [sent_mask(site).getpixel(at) for at in ((100, 50), (100, 90))] == [255, 0]


def made_on(page, words, turns):
    """Has made what stands on the canvas, and waits until it goes on from what came of it."""
    page.fill("#canvas-prompt", words)
    page.click("#canvas-generate")
    expect(page.locator(".turn")).to_have_count(turns)
    expect(page.locator(".turn").last).to_have_attribute("aria-current", "true")


def test_a_result_is_worked_on_as_a_conversation(page, site):
    page.fill("#f-width", "128")
    page.fill("#f-height", "96")
    generate(page, "a valley")
    page.fill("#f-prompt", "something else")
    first = downloaded(page, "#do-png")
    page.click("#do-fix")
    expect(page.locator("#canvas-prompt")).to_have_value("a valley")
    page.click("[data-tool=rectangle]")
    page.click("#canvas-in")
    seen = page.inner_text("#canvas-scale")
    draw(page, (0.2, 0.7), (0.3, 0.8))
    made_on(page, "a red boat", 2)
    assert (last(site).img, last(site).params.prompt, last(site).params.strength) == (first, "a red boat", 0.75)
    assert [sent_mask(site).getpixel(at) for at in ((32, 72), (32, 20))] == [255, 0]
    expect(page.locator(".turn").last).to_contain_text("1. a red boat")
    expect(page.locator(".turn").last).to_contain_text("bottom left")
    expect(page.locator("[data-tool=rectangle]")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#canvas-scale")).to_have_text(seen)  # and where it was looked at
    page.click("[data-mode=frame]")
    page.fill("#canvas-left", "64")
    made_on(page, "a wide valley", 3)
    assert (last(site).params.extend.left, last(site).mask) == (64, None)
    expect(page.locator(".turn").last).to_contain_text("beyond its edges")
    page.keyboard.press("c")
    expect(page.locator("#canvas-before")).to_have_attribute("aria-pressed", "true")
    for _ in range(2):  # the turn, then the one before it: what was said and painted is there again
        page.click("#canvas-undo")
    expect(page.locator("#canvas-prompt")).to_have_value("a red boat")
    made_on(page, "a green boat", 4)
    again = last(site)
    assert (again.img, sent_mask(site).getpixel((32, 72)), again.params.extend) == (first, 255, None)
    expect(page.locator(".turn").last).to_contain_text("made of the beginning")
    page.focus(".turn[aria-current]")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.locator(".turn").nth(2)).to_have_attribute("aria-current", "true")
    expect(page.locator("#canvas-prompt")).to_have_value("a wide valley")
    close_canvas(page)
    page.reload()
    arrive(page)
    page.click("#do-fix")
    expect(page.locator(".turn")).to_have_count(4)
    expect(page.locator(".turn").last).to_have_attribute("aria-current", "true")
    page.evaluate(BITMAPS_HELD_BACK)
    page.locator(".turn").first.click()
    expect(page.locator("#f-prompt")).to_have_value("a valley")
    close_canvas(page)  # on the way there
    page.evaluate("() => window.goOn()")
    generate(page)
    expect(page.locator("#canvas-dialog")).to_be_hidden()


def test_a_canvas_that_is_closed_gives_its_memory_back(windows, site):
    page = windows.open()
    page.add_init_script(CANVASES)
    page.goto(site.url)
    arrive(page)
    start_from(page, halves(1600, 1200))
    held = []
    for _ in range(3):
        open_canvas(page, "sketch")
        draw(page, (0.2, 0.2), (0.8, 0.8))
        close_canvas(page)
        held.append(page.evaluate(HELD))
    assert max(held) < 100
