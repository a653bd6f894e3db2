"""How soon the page is seen, and how much it jumps until it is ready: `python -m bench.page`.

A headless Chromium loads it from a server on this machine, each time with empty storage. That it doesn't grow over two
hundred pictures is a test's to hold.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

from tests.page.acts import arrive
from tests.page.browser import Site, browser

WATCH = """
    window.jumps = 0;
    new PerformanceObserver((list) => {
        for (const each of list.getEntries()) if (!each.hadRecentInput) window.jumps += each.value;
    }).observe({ type: "layout-shift", buffered: true });
"""
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def first_paint(chrome: Any, url: str, loads: int) -> None:
    paints, jumps = [], []
    for _ in range(loads):
        context = chrome.new_context()
        page = context.new_page()
        page.add_init_script(WATCH)
        page.goto(url)
        arrive(page)
        page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
        paints.append(page.evaluate(PAINT))
        jumps.append(page.evaluate("window.jumps"))
        context.close()
    print(f"first paint: median {statistics.median(paints):.0f} ms, {min(paints):.0f} to {max(paints):.0f}")
    print(f"cumulative layout shift until ready: at most {max(jumps):.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--loads", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Site(Path(folder)) as site, browser() as chrome:
        first_paint(chrome, site.url, options.loads)


if __name__ == "__main__":
    main()
