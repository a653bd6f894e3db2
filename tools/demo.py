"""Makes a picture with a model file, by the engine itself, and says where it is and how long it took."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from imagine.engine.engine import Engine
from imagine.errors import ImagineError
from imagine.events import Failed, Finished
from imagine.frames import Source, Submit, WorkerSettings
from imagine.images import write_atomically
from imagine.params import GenerationParams
from imagine.registry.registry import Registry

TOYBOX = Path(__file__).parents[1] / "models.example" / "toybox.safetensors"
OUTPUT = Path("demo.png")


def picture(model: Path, prompt: str) -> bytes:
    """The PNG. Raises ImagineError, saying what is wrong."""
    registry = Registry([model.parent])
    registry.refresh()
    entry = registry.find(model.stem)
    side = entry.resolution or 512
    params = GenerationParams(
        model=entry.name, digest=entry.digest, prompt=prompt, width=side, height=side, num_steps=25, guidance=7.0,
        sampler="dpm++ 2m", seed=4,
    )  # fmt: skip
    options = {"prediction": entry.prediction, "zero_snr": entry.zero_snr}
    source = Source(name=entry.name, digest=entry.digest, path=entry.path, family=entry.family, options=options)
    engine = Engine(WorkerSettings())
    engine.submit(Submit(job="demo", client="demo", params=params, source=source))
    while engine.busy:
        for report in engine.step():
            if isinstance(report, Finished):
                return report.data
            if isinstance(report, Failed):
                raise ImagineError(report.message)
    raise ImagineError("the engine made no picture")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=TOYBOX)
    parser.add_argument("prompt", nargs="*", default=["a red house on a blue background"])
    options = parser.parse_args()
    prompt = " ".join(options.prompt)
    begun = time.perf_counter()
    try:
        data = picture(options.model, prompt)
    except ImagineError as error:
        sys.exit(f"{options.model}: {error}")
    write_atomically(OUTPUT, data)
    seconds = time.perf_counter() - begun
    print(f'{OUTPUT.resolve()}: "{prompt}", {len(data):,} bytes, {seconds:.1f} s from model file to picture')


if __name__ == "__main__":
    main()
