"""One way of running a checkpoint's U-Net, in a process of its own that loads it, waits, and answers what it is asked.

A line of JSON in, a line of JSON out; started by `bench.unet_openvino`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

TOKENS = 77
Arrays = list[np.ndarray[Any, Any]]
Run = Callable[[Arrays], "np.ndarray[Any, Any]"]


def inputs(side: int, seeds: Sequence[int], width: int) -> Arrays:
    """Latents, timesteps and context, a row for each seed."""
    drawn = [np.random.default_rng(seed) for seed in seeds]
    latents = [draw.standard_normal((4, side // 8, side // 8), dtype=np.float32) for draw in drawn]
    context = [draw.standard_normal((TOKENS, width), dtype=np.float32) for draw in drawn]
    return [np.stack(latents), np.full((len(seeds),), 500, np.float32), np.stack(context)]


def memory() -> tuple[int, int]:
    """Megabytes that are resident now, and the most that were."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmRSS"].split()[0]) // 1024, int(status["VmHWM"].split()[0]) // 1024


class Told:
    """What an arm says of its start: seconds and megabytes by stage."""

    def __init__(self) -> None:
        self.stages: dict[str, str] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        now, most = memory()
        self.stages[name] = f"{time.perf_counter() - begun:.2f} s, {now} MB now, {most} MB at most"


def load(model: Path, dtype: str) -> Any:
    import torch

    from bench.arms import model_at
    from imagine.engine.loading.single_file import load_single_file

    return load_single_file(model_at(model), device=torch.device("cpu"), dtype=getattr(torch, dtype)).unet


def torch_arm(model: Path, dtype: str, told: Told) -> tuple[Run, int]:
    """As the engine runs it."""
    with told.stage("load"):
        import torch

        from imagine.engine.execution.execution import Inputs
        from imagine.engine.parts.running import execution_for

        unet = load(model, dtype)
        execution = execution_for(unet, torch.device("cpu"))

    @torch.inference_mode()
    def run(given: Arrays) -> np.ndarray[Any, Any]:
        latents, timesteps, context = (torch.from_numpy(array) for array in given)
        asked = Inputs(latents.to(unet.dtype), timesteps, context.to(unet.dtype), None)
        answer: np.ndarray[Any, Any] = execution.run(asked).float().numpy()
        return answer

    return run, int(unet.config.cross_attention_dim)


def import_openvino() -> Any:
    """OpenVINO without its telemetry, which tells Google Analytics of every import unless it can't be imported."""
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import openvino

    return openvino


def convert(model: Path, dtype: str, file: Path, told: Told) -> None:
    """The network of a checkpoint as OpenVINO's files, of any number of rows and any size, its weights as they are."""
    import torch

    with told.stage("load"):
        unet = load(model, dtype)
    computed, width = unet.dtype, int(unet.config.cross_attention_dim)

    class Plain(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unet = unet

        def forward(self, latents: torch.Tensor, timesteps: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
            return self.unet(latents.to(computed), timesteps, context.to(computed), return_dict=False)[0].float()

    example = tuple(torch.from_numpy(array) for array in inputs(64, (0, 1), width))
    with told.stage("convert"), torch.no_grad():
        made = import_openvino().convert_model(Plain(), example_input=example)
    with told.stage("save"):
        import_openvino().save_model(made, file, compress_to_fp16=False)
    file.with_suffix(".width").write_text(str(width))


def openvino_arm(file: Path, dtype: str, told: Told, *, pinned: bool, threads: int) -> tuple[Run, int]:
    with told.stage("import"):
        openvino = import_openvino()
    hint = {"bfloat16": "bf16", "float32": "f32"}[dtype]
    options = {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": pinned}
    if threads:
        options["INFERENCE_NUM_THREADS"] = threads
    with told.stage("open"):
        request = openvino.Core().compile_model(file, "CPU", options).create_infer_request()

    def run(given: Arrays) -> np.ndarray[Any, Any]:
        request.infer(given, share_inputs=True)
        made: np.ndarray[Any, Any] = request.get_output_tensor(0).data.copy()
        return made

    return run, int(file.with_suffix(".width").read_text())


def serve(run: Run, width: int) -> None:
    """Answer what comes in until it ends."""
    for line in sys.stdin:
        asked = json.loads(line)
        given = inputs(asked["side"], asked["seeds"], width)
        begun = time.perf_counter()
        answer = run(given)
        seconds = time.perf_counter() - begun
        if asked["keep"]:
            np.save(asked["keep"], answer)
        rows = [hashlib.sha256(row.tobytes()).hexdigest() for row in answer]
        print(json.dumps({"seconds": seconds, "rows": rows, "memory": memory()}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="An arm of bench.unet_openvino.")
    parser.add_argument("arm")
    parser.add_argument("model", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("threads", type=int)
    asked = parser.parse_args()
    library, dtype, *more = asked.arm.split()
    file, told = asked.folder / f"{asked.model.stem}-{dtype}.xml", Told()
    if library == "convert":
        convert(asked.model, dtype, file, told)
        print(json.dumps(told.stages))
        return
    if library == "torch":
        run, width = torch_arm(asked.model, dtype, told)
    else:
        run, width = openvino_arm(file, dtype, told, pinned="pinned" in more, threads=asked.threads)
    print(json.dumps(told.stages), flush=True)
    serve(run, width)


if __name__ == "__main__":
    main()
