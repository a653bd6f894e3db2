"""What a GPU is kept at: bytes, float16's health, waits, and pictures a second against plain diffusers, in one run.

    python -m bench.gpu [--budget 450] [--out bench/results] [--only SECTION …] [--dry]

For a machine with a CUDA card and nothing else: weights are random and made on the spot. Sections run in the order of
their worth while the budget lasts, and each is written when it is done, so that a run that is cut short keeps what it
has; begun again on the same card it goes on with what is missing. `--dry` runs all of it on tiny networks on the CPU.
Writes gpu.json and gpu.md.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from bench.gpu_arms import BATCHES, Arms
from bench.gpu_report import report

Section = Callable[[Arms], dict[str, Any]]


def card(arms: Arms) -> dict[str, Any]:
    """Which card, and the matrix peak that everything is a part of."""
    side = 256 if arms.dry else 8192
    a, b = (torch.randn(side, side, device=arms.device, dtype=arms.dtype) for _ in range(2))
    seconds = arms.timed(lambda: a @ b, 10)
    return {**arms.card(), "matrix_tflops": 2 * side**3 / seconds / 1e12}


def bytes_kept(arms: Arms) -> dict[str, Any]:
    """Is a picture the same alone at its bucket, among others, in another slot, and without recordings?"""
    made: dict[str, Any] = {}
    for family in ("stable_diffusion", "sdxl"):
        among = arms.crowd(family, 4, cuda_graphs=True)
        turned = arms.crowd(family, 4, cuda_graphs=True, turned=True)
        buckets = {job: one.meta["buckets"] for job, one in among.items()}
        again = {job: arms.replayed(family, job, buckets[job], cuda_graphs=True) for job in among}
        recordings = arms.recordings(family)
        eager = {job: arms.replayed(family, job, buckets[job], cuda_graphs=False) for job in among}
        made[family] = {
            "recorded as eager": {j: one.data for j, one in among.items()} == {j: one.data for j, one in eager.items()},
            "in other slots": all(
                turned[job].data == one.data
                for job, one in among.items()
                if turned[job].meta["buckets"] == buckets[job]
            ),
            "alone by its recipe": all(again[job].data == one.data for job, one in among.items()),
            "recordings": recordings,
        }
    return made


def health(arms: Arms) -> dict[str, Any]:
    """Are float16's numbers numbers, and what does float32 say of them?"""
    return {family: arms.health(family) for family in ("stable_diffusion", "sdxl")}


def waits(arms: Arms) -> dict[str, Any]:
    """What the profiler saw the host wait for in a step, of known shapes: calls that synchronise, by sampler."""
    return {name: arms.waits(name) for name in ("euler", "euler a", "unipc", "dpm++ sde", "dpm++ 2m sde")}


def speed(family: str) -> Section:
    """Pictures a second in batches, ours and diffusers' in turn."""

    def run(arms: Arms) -> dict[str, Any]:
        rows = []
        for batch in BATCHES[family]:
            if arms.left() < 30:
                break
            ours, plain = arms.ours(family, batch), arms.plain(family, batch)
            rows.append({"batch": batch, "ours": ours, "plain": plain, "of_peak": arms.of_peak(family, ours)})
        return {"rows": rows, "steps": arms.steps, "side": arms.side(family)}

    return run


def compiled(arms: Arms) -> dict[str, Any]:
    """The same at 1 and 8, both compiled."""
    rows = []
    for batch in (1, 8):
        if arms.left() < 60 and not arms.dry:
            break
        begun = time.monotonic()
        plain = arms.plain("stable_diffusion", batch, compiled=True)
        ours = arms.ours("stable_diffusion", batch, compile=True)
        rows.append({"batch": batch, "ours": ours, "plain": plain, "seconds_in_all": time.monotonic() - begun})
    return {"rows": rows, "steps": arms.steps, "side": arms.side("stable_diffusion")}


SECTIONS: dict[str, Section] = {
    "card": card, "bytes": bytes_kept, "health": health, "waits": waits,
    "speed, SD1.5": speed("stable_diffusion"), "speed, SDXL": speed("sdxl"), "compiled, SD1.5": compiled,
}  # fmt: skip


def main() -> None:
    """Runs what is missing, and writes what there is after each section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", type=float, default=450)
    parser.add_argument("--out", type=Path, default=Path("bench/results"))
    parser.add_argument("--only", nargs="*", choices=list(SECTIONS), default=list(SECTIONS))
    parser.add_argument("--dry", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    kept = options.out / "gpu.json"
    with tempfile.TemporaryDirectory() as folder:
        arms = Arms(Path(folder), dry=options.dry, ends=time.monotonic() + options.budget)
        found = json.loads(kept.read_text()) if kept.exists() else {}
        if found.get("on") != arms.card():
            found = {"on": arms.card(), "sections": {}}
        for name in options.only:
            done = found["sections"].get(name)
            if (done and "failed" not in done) or arms.left() < 10:
                continue
            found["sections"][name] = _attempt(SECTIONS[name], arms)
            found["date"] = datetime.now(UTC).date().isoformat()
            kept.write_text(json.dumps(found, indent=1) + "\n")
            (options.out / "gpu.md").write_text(report(found))
            print(f"{name}: {json.dumps(found['sections'][name])}", flush=True)


def _attempt(section: Section, arms: Arms) -> dict[str, Any]:
    """A section that fails costs only itself."""
    begun = time.monotonic()
    try:
        made = section(arms)
    except Exception as error:  # noqa: BLE001 - told in the report
        traceback.print_exc()
        made = {"failed": f"{type(error).__name__}: {str(error)[:300]}"}
    return {**made, "took": round(time.monotonic() - begun, 1)}


if __name__ == "__main__":
    main()
