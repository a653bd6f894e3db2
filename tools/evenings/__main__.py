"""Spends three evenings at the page with the shipped model: counts every click, and takes pictures of what is seen.

    python -m tools.evenings [--only family] [--out docs/screenshots/evenings] [--keep]

They run against `imagine serve` and a headless Chromium. What was counted goes into `docs/evenings.md`, beside what
InvokeAI needs for the same by its documentation (`elsewhere.py`); `--keep` leaves that file as it is.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.page.browser import ROOT, browser, real_server
from tools.evenings.person import Person
from tools.evenings.stories import STORIES
from tools.evenings.table import written

WINDOW = {"width": 1440, "height": 900}
PAGE = ROOT / "docs" / "evenings.md"
SEED = '{"stream":2,"seed":"11"}'
"""Set beforehand, uncounted: so that the pictures are the same at each run."""
PATIENCE = 1_200_000


def spend(name: str, out: Path) -> Person:
    """One evening, with a server and a browser of its own."""
    with tempfile.TemporaryDirectory() as folder, real_server(Path(folder) / "home") as url, browser() as chrome:
        context = chrome.new_context(viewport=WINDOW, locale="en", reduced_motion="reduce")
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        if name != "seeds":
            page.add_init_script(
                f"localStorage.getItem('imagine.form') ?? localStorage.setItem('imagine.form', '{SEED}')"
            )
        page.goto(url)
        page.wait_for_selector("#status[data-state=ready]")
        person = Person(page, name, out)
        STORIES[name](person, Path(folder))
        context.close()
    return person


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "screenshots" / "evenings")
    parser.add_argument("--only", choices=tuple(STORIES))
    parser.add_argument("--keep", action="store_true", help="leave docs/evenings.md as it is")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    for name in [asked.only] if asked.only else STORIES:
        person = spend(name, asked.out)
        for step in person.steps:
            print(f"{name}: {step.name}: {step.total} ({dict(step.acts)})")
        print(f"{name}: {sum(step.total for step in person.steps)} in all")
        if not asked.keep:
            PAGE.write_text(written(PAGE.read_text(), name, person.steps))


if __name__ == "__main__":
    main()
