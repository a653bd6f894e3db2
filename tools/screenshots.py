"""Takes the pictures of the page that the README shows: both languages and themes, desktop and phone.

    python -m tools.screenshots [--out docs/screenshots] [--painted]

They show the shipped model at work, through a server of their own. With `--painted`, or where no model is there yet, a
stand-in paints landscapes, for looking at the page itself.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from tests.page.acts import draw
from tests.page.browser import ROOT, TOYBOX, Site, browser, real_server

DESKTOP = {"width": 1360, "height": 860}
PHONE = {"width": 390, "height": 844}
SEED = "4"
PROMPTS = {
    "en": [
        "a red house on a blue background",
        "a large yellow sun on a pink background",
        "a purple flower on a green background",
    ],
    "ru": ["красный дом на синем фоне", "большое жёлтое солнце на розовом фоне", "фиолетовый цветок на зелёном фоне"],
}


@contextlib.contextmanager
def server(painted: bool) -> Iterator[tuple[str, Site | None]]:
    """A server's address, and the stand-in behind it if it is one."""
    with tempfile.TemporaryDirectory() as folder:
        if painted:
            with Site(Path(folder)) as site:
                yield site.url, site
        else:
            with real_server(Path(folder)) as url:
                yield url, None


def generate(page: Any, prompt: str) -> None:
    """Makes a picture and waits for it."""
    before = page.locator(".thumb").count()
    page.fill("#f-prompt", prompt)
    page.click("#generate")
    done = "n => document.querySelectorAll('.thumb').length > n && document.querySelector('#run').hidden"
    page.wait_for_function(done, arg=before)


def take(chrome: Any, url: str, site: Site | None, language: str, theme: str, out: Path) -> None:
    """The pictures of one language in one theme."""
    context = chrome.new_context(
        viewport=DESKTOP, color_scheme=theme, locale=language, reduced_motion="reduce", device_scale_factor=1.5
    )
    context.set_default_timeout(180_000)
    page = context.new_page()
    page.goto(f"{url}?lang={language}")
    page.wait_for_selector("#status[data-state=ready]")
    name = f"{language}-{theme}"
    page.screenshot(path=out / f"empty-{name}.png")
    page.fill("#f-seed", SEED)
    for prompt in PROMPTS[language]:
        generate(page, prompt)
    page.screenshot(path=out / f"desktop-{name}.png")
    page.fill("#f-count", "4")
    page.fill("#f-prompt", ("hold " if site else "") + PROMPTS[language][0])
    page.click("#generate")
    if site:
        page.wait_for_selector(".tile:not(.waiting)")
        page.screenshot(path=out / f"running-{name}.png")
        site.release()
    page.wait_for_selector("#about:visible")
    page.wait_for_selector("#run", state="hidden")
    page.click("#do-input")
    page.wait_for_selector("#source-full:visible")
    page.screenshot(path=out / f"variants-{name}.png")
    page.click("#source-mask")
    page.wait_for_selector("#canvas-frame:visible")
    draw(page, (0.3, 0.5), (0.6, 0.4))
    page.screenshot(path=out / f"canvas-{name}.png")
    page.click("#canvas-done")
    page.click("#notices .icon-button")  # that it was kept
    page.set_viewport_size(PHONE)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = false; }); scrollTo(0, 0)")
    page.screenshot(path=out / f"phone-{name}.png")
    page.evaluate("document.querySelector('#stage').scrollIntoView(); scrollBy(0, -70)")
    page.screenshot(path=out / f"phone-picture-{name}.png")
    context.close()


def shrink(path: Path) -> None:
    """In the 256 colours that suit it best: a repository keeps every version of a picture."""
    with Image.open(path) as picture:
        few = picture.convert("RGB").quantize(256, kmeans=2, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "screenshots")
    parser.add_argument("--painted", action="store_true", help="with pictures of a stand-in, not of the shipped model")
    parser.add_argument("--only", default="", help="a regular expression of the languages and themes to take: en-dark")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    with server(asked.painted or not TOYBOX.is_file()) as (url, site), browser() as chrome:
        for language in PROMPTS:
            for theme in ("light", "dark"):
                if re.search(asked.only, f"{language}-{theme}"):
                    take(chrome, url, site, language, theme, asked.out)
                    for path in asked.out.glob(f"*-{language}-{theme}.png"):
                        shrink(path)


if __name__ == "__main__":
    main()
