"""The page: how soon it is seen, how much it jumps, how it answers with 10,000 pictures, what 1,000 leave in it.

    python -m bench.page                 all of it
    python -m bench.page --only many     one part: first, many or growth

A headless Chromium loads it from a server on this machine, whose worker is a stand-in that paints landscapes. `first`
begins each time with empty storage. `many` has 10,000 small pictures in the gallery beside the stage while runs
stream a preview with every step; its latencies are the browser's own (Event Timing, from a key to the next paint, in
steps of 8 ms; below 16 ms it says nothing, which counts as 16). `growth` is the heap after garbage collection.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from imagine.words.events import Loading
from imagine.words.frames import Submit
from tests.page.acts import UNFOLD
from tests.page.browser import Site, browser
from tests.page.painter import Painter

PARTS = ("first", "many", "growth")
MANY = 10_000
PACE = 0.1
"""Seconds between the steps of a run that streams."""
RUNS = 10
"""So many of them, one after the other: of 15 s each."""
LEAST = 16
"""Milliseconds below which Event Timing says nothing."""
WORDS = "a fox on a hill at dusk, soft light, 35 mm, seed 4711"
WATCH = """
    window.jumps = 0;
    new PerformanceObserver((list) => {
        for (const each of list.getEntries()) if (!each.hadRecentInput) window.jumps += each.value;
    }).observe({ type: "layout-shift", buffered: true });
    window.waits = [];
    new PerformanceObserver((list) => {
        for (const each of list.getEntries()) if (each.name === "keydown") window.waits.push(each.duration);
    }).observe({ type: "event", durationThreshold: 16, buffered: true });
"""
PAINT = """() => {
    const [loaded] = performance.getEntriesByType("navigation");
    const [painted] = performance.getEntriesByName("first-contentful-paint");
    return [painted.startTime, loaded.responseStart];
}"""
STOCK = """async (count) => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 96;
    const brush = canvas.getContext("2d");
    const db = await new Promise((done) => {
        indexedDB.open("imagine").onsuccess = ({ target }) => done(target.result);
    });
    const words = ["fox", "lighthouse", "library", "pears", "harbour", "meadow", "dragon"];
    for (let from = 0; from < count; from += 500) {
        const made = [];
        for (let at = from; at < Math.min(count, from + 500); at++) {
            brush.fillStyle = `hsl(${at % 360} 60% 50%)`;
            brush.fillRect(0, 0, 96, 96);
            made.push([at, await new Promise((done) => canvas.toBlob(done, "image/webp"))]);
        }
        const transaction = db.transaction(["rows", "thumbs", "entries", "files"], "readwrite");
        for (const [at, blob] of made) {
            const id = String(at).padStart(24, "0");
            const prompt = `a ${words[at % 7]} and a ${words[(at * 3) % 7]} in the evening light, number ${at}`;
            const said = { id, time: Date.now() - at * 600000, seed: String(at), width: 512, height: 512 };
            const meta = { prompt, model: `model-${at % 5}`, sampler: "euler", seed: said.seed, num_steps: 25 };
            transaction.objectStore("rows").put({ ...said, bytes: blob.size, batch: null, star: at % 9 === 0, prompt,
                model: meta.model, sampler: "euler", also: "", from: [] }, id);
            transaction.objectStore("thumbs").put(blob, id);
            transaction.objectStore("files").put(blob, id);
            const told = { warnings: [], notes: [], timings: {}, language: "en" };
            transaction.objectStore("entries").put({ ...said, meta, ...told }, id);
        }
        await new Promise((done) => { transaction.oncomplete = done; });
    }
    db.close();
    localStorage.setItem("imagine.gallery", '"beside"');
}"""


class Streaming(Painter):
    """Paints a step at a time, with a pause after each."""

    def _play(self, job: Submit) -> None:
        if not job.params.prompt.startswith("stream"):
            super()._play(job)
            return
        self.held[job.job].put(Loading(job=job.job, model=job.params.model))
        self._step(job, 1)

    def _step(self, job: Submit, step: int) -> None:
        if job.job not in self.held:  # taken back meanwhile
            return
        self._steps(job, step, step)
        if step < job.params.num_steps:
            asyncio.get_running_loop().call_later(PACE, self._step, job, step + 1)
        else:
            self._finish(job)


def ready(page: Any) -> None:
    """Waits until the page knows its server, and touches nothing."""
    page.wait_for_selector("#status[data-state=ready]")


def first_paint(chrome: Any, url: str, loads: int) -> None:
    """Of the page and, by turns, of a few words from the same server: what a browser takes for anything at all."""
    paints, heres, jumps, least = [], [], [], []
    for _ in range(loads):
        page = watched(chrome)
        page.goto(url)
        ready(page)
        painted, begun = painted_at(page)
        paints.append(painted)
        heres.append(painted - begun)
        jumps.append(page.evaluate("window.jumps"))
        page.context.close()
        page = watched(chrome)
        page.goto(f"{url}/health")
        least.append(painted_at(page)[0])
        page.context.close()
    print(f"first paint: median {statistics.median(paints):.0f} ms, {min(paints):.0f} to {max(paints):.0f}")
    print(f"since its first byte: median {statistics.median(heres):.0f} ms, {min(heres):.0f} to {max(heres):.0f}")
    print(f"of a few words: median {statistics.median(least):.0f} ms, {min(least):.0f} to {max(least):.0f}")
    print(f"cumulative layout shift until ready: at most {max(jumps):.4f}")


def painted_at(page: Any) -> tuple[float, float]:
    """When the page was first seen and when its first byte came, in milliseconds since it was asked for."""
    page.wait_for_function("() => performance.getEntriesByName('first-contentful-paint').length > 0")
    painted, begun = page.evaluate(PAINT)
    return painted, begun


def many(chrome: Any, url: str, count: int) -> None:
    page = watched(chrome)
    page.goto(url)
    ready(page)
    began = time.perf_counter()
    page.reload()
    ready(page)
    empty = time.perf_counter() - began
    page.evaluate(STOCK, count)
    began = time.perf_counter()
    page.reload()
    page.wait_for_selector(".pick img[src]")
    there = time.perf_counter() - began
    print(f"{count:,} pictures: seen {there:.2f} s after a reload; one without any is ready after {empty:.2f} s")
    ready(page)
    jumped = page.evaluate("window.jumps")
    page.evaluate(UNFOLD)
    unfolded = page.evaluate("new Promise((done) => setTimeout(() => done(window.jumps), 500))")
    quiet = {name: waits(page, field) for name, field in (("prompt", "#f-prompt"), ("search", "#pick-words"))}
    page.fill("#pick-words", "")
    page.fill("#f-prompt", "stream")
    page.fill("#f-num_steps", "150")
    page.fill("#f-stream", "1")
    for _ in range(RUNS):
        page.click("#generate")
    page.wait_for_selector(".tile:not(.waiting) canvas")
    loud = {name: waits(page, field) for name, field in (("prompt", "#f-prompt"), ("search", "#pick-words"))}
    page.fill("#pick-words", "")
    page.locator(".pick").first.focus()
    loud["arrows"] = waits(page, None)
    assert page.locator("#queue-count").text_content(), "the last run had begun before all keys were pressed"
    for name, measured in [*((f"{name}, nothing made", each) for name, each in quiet.items()), *loud.items()]:
        told = f"median {statistics.median(measured):.0f} ms, 95 % {sorted(measured)[int(len(measured) * 0.95)]:.0f} ms"
        print(f"{name}: {len(measured)} keys, {told}, at most {max(measured):.0f} ms")
    told = f"{jumped:.4f} until ready, {page.evaluate('window.jumps') - unfolded:.4f} since"
    print(f"cells in the document: {page.locator('.pick').count()}; layout shift: {told}")
    page.context.close()


def waits(page: Any, field: str | None) -> list[float]:
    """Milliseconds from each key to the next paint: typed into a field, or arrows where the focus is."""
    page.evaluate("window.waits = []")
    if field:
        page.focus(field)
        keys = [*WORDS]
        for key in keys:
            page.keyboard.type(key)
            page.evaluate(SETTLED)
    else:
        keys = ["ArrowDown"] * 60
        for key in keys:
            page.keyboard.press(key)
            page.evaluate(SETTLED)
    told = page.evaluate("new Promise((done) => setTimeout(() => done(window.waits), 200))")
    return [*told, *[float(LEAST)] * (len(keys) - len(told))]


SETTLED = "new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"


def growth(chrome: Any, url: str, pictures: int) -> None:
    page = watched(chrome)
    page.goto(url)
    ready(page)
    page.evaluate(UNFOLD)
    session = page.context.new_cdp_session(page)
    for field, value in (("width", 64), ("height", 64), ("num_steps", 4), ("count", 10)):
        page.fill(f"#f-{field}", str(value))
    page.fill("#f-prompt", "watch a fox")
    page.click("#generate")
    page.wait_for_selector(".thumb")
    page.wait_for_selector("#run", state="hidden")
    page.click("#open-gallery")

    def used() -> tuple[int, int]:
        session.send("HeapProfiler.collectGarbage")
        return session.send("Runtime.getHeapUsage")["usedSize"], session.send("Memory.getDOMCounters")["nodes"]

    def draw(most: int) -> None:
        done = "n => document.querySelector('#gallery-count').textContent.replace(/\\D/g, '') == n"
        while (made := int("".join(filter(str.isdigit, page.locator("#gallery-count").text_content())))) < most:
            page.click("#generate")
            page.wait_for_function(done, arg=made + 10)
            page.wait_for_selector("#run", state="hidden")

    draw(200)
    heap, nodes = used()
    draw(200 + pictures)
    more, others = used()
    told = f"heap {(more - heap) / 1e6:+.2f} MB from {heap / 1e6:.1f}, nodes {others - nodes:+d}"
    print(f"{pictures:,} more pictures: {told}")
    page.context.close()


def watched(chrome: Any) -> Any:
    page = chrome.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.set_default_timeout(240_000)
    page.add_init_script(WATCH)
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--loads", type=int, default=20)
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--only", choices=PARTS)
    options = parser.parse_args()
    worker = Streaming()
    with tempfile.TemporaryDirectory() as folder, Site(Path(folder), worker=worker) as site, browser() as chrome:
        for part in PARTS if options.only is None else [options.only]:
            if part == "first":
                first_paint(chrome, site.url, options.loads)
            elif part == "many":
                many(chrome, site.url, MANY)
            else:
                growth(chrome, site.url, options.pictures)


if __name__ == "__main__":
    main()
