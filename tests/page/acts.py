"""What a person does on the page, and what they see."""

import base64
import io
import json
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from PIL import Image, PngImagePlugin
from playwright.sync_api import expect


def arrive(page):
    """Waits until the page knows its server, and opens what is folded."""
    page.wait_for_selector("#status[data-state=ready]")
    page.evaluate(UNFOLD)


def generate(page, prompt=None):
    """Asks for a picture and waits until it is there, and until nothing is being made any more."""
    page.wait_for_selector("dialog[open]", state="hidden")
    if prompt is not None:
        page.fill("#f-prompt", prompt)
    before = page.locator(".thumb").count()
    with page.expect_request("**/generate"):  # what was made before may come into the gallery only now
        page.click("#generate")
    page.wait_for_function(
        "n => document.querySelectorAll('.thumb').length > n && document.querySelector('#run').hidden", arg=before
    )


def drawn(page, selector):
    """Waits until a picture is there, which a drawer may have to bring first, and has something to show."""
    page.wait_for_function(
        "selector => [...document.querySelectorAll(selector)].some((one) => one.naturalWidth > 0)", arg=selector
    )


def issues(page, within=None):
    """What axe-core finds that is serious or critical, and where; only within an element, if one is named."""
    found = Axe().run(page, within).response["violations"]
    return [
        (one["id"], node["target"], node.get("failureSummary", "")[:300])
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def compare_two(page):
    """Compares the two latest pictures, by the gallery; not batches, but what is in those that are open."""
    if not page.locator("#gallery-whole:visible").count():
        page.click("#open-gallery")
    page.click("#pick-mode")
    for place in (0, 1):
        page.locator(".pick:not(.batch)").nth(place).click()
    page.click("#pick-compare")


def do_more(page, what):
    """Does something with the chosen picture that stands in its menu."""
    page.click("#do-more > summary")
    page.click(f"[data-more={what}]")


def open_canvas(page, mode="mask"):
    """Opens the canvas on the picture to start from."""
    page.click("#source-mask")
    page.wait_for_selector("#canvas-dialog[open]")
    page.click(f"[data-mode={mode}]")


def on_canvas(page, x, y):
    """Where on the screen a place of the canvas's picture is, in parts of its width and height."""
    box = page.locator("#canvas-frame").bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def draw(page, *points):
    """Draws over the canvas, through points as parts of its picture's width and height."""
    page.mouse.move(*on_canvas(page, *points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*on_canvas(page, *point), steps=4)
    page.mouse.up()


def close_canvas(page):
    """Takes what was painted, and waits until what lies under its dialog can be typed into again."""
    page.click("#canvas-done")
    page.wait_for_selector("#canvas-dialog", state="hidden")


def last(site):
    """What the worker was last asked for."""
    return site.worker.seen[-1]


def downloaded(page, button):
    """The bytes of the file that a button gives."""
    with page.expect_download() as waiting:
        page.click(button)
    return Path(waiting.value.path()).read_bytes()


def load(page, data, name):
    """Brings settings back from a file."""
    page.set_input_files("#load-file", {"name": name, "mimeType": "", "buffer": data})
    page.wait_for_selector("[data-about=load]")


def give_source(page, data, name="photo.png", kind="image/png"):
    page.set_input_files("#source-file", {"name": name, "mimeType": kind, "buffer": data})


def start_from(page, data, name="photo.png", kind="image/png"):
    """Gives a picture to start from, and waits until the form has it: what is typed before, it may yet change."""
    give_source(page, data, name, kind)
    expect(page.locator("#source-full")).to_be_visible()
    expect(page.locator("#source-name")).to_have_text(name)


def png(width=64, height=48, colour=(200, 30, 40)):
    file = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(file, "PNG")
    return file.getvalue()


def png_with(**texts):
    info, file = PngImagePlugin.PngInfo(), io.BytesIO()
    for key, text in texts.items():
        info.add_text(key, text)
    Image.new("RGB", (64, 64), (9, 99, 9)).save(file, "PNG", pnginfo=info)
    return file.getvalue()


def opened(data):
    return Image.open(io.BytesIO(data))


def base64_of(data):
    return base64.b64encode(data).decode()


def saved(data):
    return json.loads(data)


UNFOLD = "document.querySelectorAll('details.fold').forEach((each) => { each.open = true; })"
DROP = """([selector, text, name, type]) => {
    const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, { type }));
    const fire = (kind, target) => target.dispatchEvent(
        new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
    fire("dragenter", document.body);
    fire("dragover", document.querySelector(selector));
    fire("drop", document.querySelector(selector));
}"""
PASTE = """([text, name, type]) => {
    const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, { type }));
    const about = { clipboardData: transfer, bubbles: true, cancelable: true };
    document.body.dispatchEvent(new ClipboardEvent("paste", about));
}"""


def drop(page, selector, data, name, kind="image/png"):
    page.evaluate(DROP, [selector, base64_of(data), name, kind])


def paste(page, data, name="image.png", kind="image/png"):
    page.evaluate(PASTE, [base64_of(data), name, kind])
