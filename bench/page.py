"""How soon the page is seen, how much it jumps, and whether it grows: `python -m bench.page`.

A headless Chromium loads the page from a server on this machine; the pictures are a stand-in's, 512² like a person's.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

from tests.page.acts import arrive, generate
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


def growth(chrome: Any, url: str, pictures: int) -> None:
    """The page's heap and nodes after each quarter of `pictures`, garbage collected."""
    context = chrome.new_context()
    page = context.new_page()
    page.goto(url)
    arrive(page)
    tools = context.new_cdp_session(page)
    tools.send("Performance.enable")
    for number in range(1, pictures + 1):
        generate(page, "a fox")
        if number % (pictures // 4) == 0:
            tools.send("HeapProfiler.collectGarbage")
            said = {each["name"]: each["value"] for each in tools.send("Performance.getMetrics")["metrics"]}
            heap, nodes, thumbs = said["JSHeapUsedSize"] / 1e6, int(said["Nodes"]), page.locator(".thumb").count()
            print(f"after {number:4} pictures: heap {heap:.1f} MB, {nodes} nodes, {thumbs} thumbnails shown")
    context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--loads", type=int, default=20)
    parser.add_argument("--pictures", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Site(Path(folder)) as site, browser() as chrome:
        first_paint(chrome, site.url, options.loads)
        growth(chrome, site.url, options.pictures)


if __name__ == "__main__":
    main()
