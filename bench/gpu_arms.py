"""What `bench/gpu.py` puts side by side: the engine and plain diffusers on the same random weights, on one device."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from bench.arms import PROMPT, model_at
from imagine.engine.engine import Engine
from imagine.words.events import Finished
from imagine.words.frames import Submit, WorkerSettings
from imagine.words.recipe import GenerationParams
from tests.checkpoints import Modules, tiny_modules, write_checkpoint

BATCHES = {"stable_diffusion": (1, 2, 4, 8, 16), "sdxl": (1, 2, 4, 8, 16)}
_WAITS = (
    "cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize", "cudaMemcpy", "aten::item",
    "aten::_local_scalar_dense",
)  # fmt: skip
_VAE = {
    "block_out_channels": [128, 256, 512, 512], "layers_per_block": 2, "latent_channels": 4,
    "down_block_types": ["DownEncoderBlock2D"] * 4, "up_block_types": ["UpDecoderBlock2D"] * 4,
}  # fmt: skip
_CLIP_L = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
_BIG_G = {
    "hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20,
    "projection_dim": 1280, "hidden_act": "gelu",
}  # fmt: skip
_XL = {
    "sample_size": 128, "block_out_channels": [320, 640, 1280], "cross_attention_dim": 2048,
    "attention_head_dim": [5, 10, 20], "use_linear_projection": True, "transformer_layers_per_block": [1, 2, 10],
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    "addition_embed_type": "text_time", "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816,
}  # fmt: skip


class Arms:
    """Models are made when they are first asked for, and kept; engines by their settings."""

    def __init__(self, folder: Path, *, dry: bool, ends: float) -> None:
        self.dry, self._folder, self._ends = dry, folder, ends
        self.device = torch.device("cpu" if dry else "cuda")
        self.dtype = torch.float32 if dry else torch.float16
        self.steps = 3 if dry else 20
        self._engines: dict[tuple[str, str], Engine] = {}
        self.modules, self.model, self.pipeline = cache(self._modules), cache(self._model), cache(self._pipeline)

    def left(self) -> float:
        """Seconds of the budget."""
        return self._ends - time.monotonic()

    def card(self) -> dict[str, Any]:
        versions = {"torch": str(torch.__version__), "cuda": torch.version.cuda}
        if self.dry:
            return {"name": "a CPU, dry", **versions}
        return {
            "name": torch.cuda.get_device_name(),
            "bytes": torch.cuda.get_device_properties(0).total_memory,
            **versions,
        }

    def side(self, family: str) -> int:
        return 64 if self.dry else 1024 if family == "sdxl" else 512

    def synchronize(self) -> None:
        if not self.dry:
            torch.cuda.synchronize()

    def timed(self, work: Callable[[], object], rounds: int) -> float:
        """Seconds of one, after one that doesn't count."""
        work()
        self.synchronize()
        begun = time.perf_counter()
        for _ in range(rounds):
            work()
        self.synchronize()
        return (time.perf_counter() - begun) / rounds

    def _modules(self, family: str) -> Modules:
        if self.dry:
            return tiny_modules(family)
        torch.manual_seed(0)
        with self.device:
            text: list[Any] = [CLIPTextModel(CLIPTextConfig(projection_dim=768, **_CLIP_L))]
            if family == "sdxl":
                text.append(CLIPTextModelWithProjection(CLIPTextConfig(**_BIG_G)))
            unet = UNet2DConditionModel(
                **(_XL if family == "sdxl" else {"sample_size": 64, "cross_attention_dim": 768})
            )
            vae = AutoencoderKL(scaling_factor=0.13025 if family == "sdxl" else 0.18215, **_VAE)
        halves = [one.to(self.dtype).eval() for one in (unet, vae, *text)]
        return Modules(family, halves[0], halves[1], halves[2:])

    def _model(self, family: str) -> Any:
        path = self._folder / f"{family}.safetensors"
        write_checkpoint(path, self.modules(family), dtype=self.dtype)
        return model_at(path)

    def engine(self, family: str, **settings: Any) -> Engine:
        """One whose model stays, of a family and settings."""
        key = (family, repr(settings))
        if key not in self._engines:
            # Others' models go: a card of 80 GB has room for all of them, but not what they have cached.
            self._engines.clear()
            device = "cpu" if self.dry else "cuda"
            self._engines[key] = Engine(WorkerSettings(device=device, full_prec=self.dry, keep_alive=-1, **settings))
        return self._engines[key]

    def wish(self, family: str, job: str, **changes: Any) -> Submit:
        model, side = self.model(family), self.side(family)
        asked = {"sampler": "euler", "seed": int(job) + 1, **changes}
        params = GenerationParams(
            model=model.name, digest=model.digest, prompt=f"{PROMPT}, {job}", neg="", width=side, height=side,
            num_steps=self.steps, guidance=7.0, **asked,
        )  # fmt: skip
        return Submit(job=job, client="bench", params=params, model=model)

    def drawn(self, engine: Engine, wishes: Sequence[Submit]) -> dict[str, Finished]:
        for one in wishes:
            engine.submit(one)
        made = {}
        while engine.busy:
            for report in engine.step():
                if isinstance(report, Finished):
                    made[report.job] = report
        return made

    def crowd(self, family: str, count: int, *, turned: bool = False, **settings: Any) -> dict[str, Finished]:
        """So many pictures at once, by an engine that knows how they batch; `turned`: the last comes first."""
        engine = self.engine(family, **settings)
        wishes = [self.wish(family, str(job)) for job in range(count)]
        for _ in range(3):
            self.drawn(engine, wishes)
        return self.drawn(engine, wishes[::-1] if turned else wishes)

    def replayed(self, family: str, job: str, buckets: str, **settings: Any) -> Finished:
        """One picture by its recipe, alone."""
        return self.drawn(self.engine(family, **settings), [self.wish(family, job, buckets=buckets)])[job]

    def recordings(self, family: str) -> int:
        held = self.engine(family, cuda_graphs=True)._device.recordings
        return 0 if held is None else len(held)

    def health(self, family: str) -> dict[str, Any]:
        """A picture's latents, step by step, in float16: none that is no number; and the picture is one."""
        made = self.drawn(self.engine(family, cuda_graphs=False), [self.wish(family, "0")])["0"]
        latents, context, added = self._inputs(family, 1)
        unet = self.modules(family).unet
        with torch.inference_mode():
            time_ = torch.tensor(500, device=self.device)
            half = unet(latents, time_, context, added_cond_kwargs=added).sample
            wide = unet.float()(latents.float(), time_, context.float(), added_cond_kwargs=_wide(added)).sample
            unet.to(self.dtype)
        error = float((half.float() - wide).norm() / wide.norm())
        told = [str(note) for note in made.warnings]
        return {"finite": bool(torch.isfinite(half).all()), "error against float32": error, "warnings": told}

    def waits(self, sampler: str) -> dict[str, Any]:
        """Of a picture whose shapes are known, without its first and its last step."""
        family = "stable_diffusion"
        engine = self.engine(family, cuda_graphs=True)
        for _ in range(3):
            self.drawn(engine, [self.wish(family, "0", sampler=sampler)])
        engine.submit(self.wish(family, "0", sampler=sampler))
        steps: list[dict[str, int]] = []
        activities = [ProfilerActivity.CPU, *([] if self.dry else [ProfilerActivity.CUDA])]
        while engine.busy:
            done = engine._evaluations.taken
            with profile(activities=activities) as seen:
                engine.step()
            if engine._evaluations.taken > done:
                counted = {one.key: one.count for one in seen.key_averages()}
                steps.append({name: counted[name] for name in _WAITS if name in counted})
        inner = steps[1:-1] or steps
        return {name: round(sum(one.get(name, 0) for one in inner) / len(inner), 2) for name in _WAITS} | {
            "steps": len(inner), "stalls": "cudaEventSynchronize alone is for the step before, with one more queued",
        }  # fmt: skip

    def ours(self, family: str, batch: int, **settings: Any) -> float:
        """Pictures a second of so many at once."""
        engine = self.engine(family, **settings)
        wishes = [self.wish(family, str(job)) for job in range(batch)]
        return batch / self.timed(lambda: self.drawn(engine, wishes), 1 if self.dry else 2)

    def plain(self, family: str, batch: int, *, compiled: bool = False) -> float:
        """Pictures a second of diffusers' own pipeline, as it comes or as its documentation has it compiled."""
        pipeline = self.pipeline(family, compiled)
        _, context, added = self._inputs(family, 1)
        given: dict[str, Any] = {"prompt_embeds": context[:1], "negative_prompt_embeds": context[1:]}
        if added is not None:
            pooled = added["text_embeds"]
            given |= {"pooled_prompt_embeds": pooled[:1], "negative_pooled_prompt_embeds": pooled[1:]}
        side = self.side(family)

        def work() -> None:
            pipeline(
                **given, width=side, height=side, num_inference_steps=self.steps, guidance_scale=7.0,
                num_images_per_prompt=batch,
            )  # fmt: skip

        return batch / self.timed(work, 1 if self.dry else 2)

    def _pipeline(self, family: str, compiled: bool) -> Any:
        modules, scheduler = self.modules(family), EulerDiscreteScheduler()
        if family == "sdxl":
            text = dict(zip(("text_encoder", "text_encoder_2"), modules.text_encoders, strict=True))
            made: Any = StableDiffusionXLPipeline(
                modules.vae, tokenizer=None, tokenizer_2=None, unet=modules.unet, scheduler=scheduler, **text,
                add_watermarker=False,
            )  # fmt: skip
        else:
            made = StableDiffusionPipeline(
                modules.vae, modules.text_encoders[0], None, modules.unet, scheduler, None, None,
                requires_safety_checker=False,
            )  # fmt: skip
        made.set_progress_bar_config(disable=True)
        if compiled:
            made.unet = torch.compile(modules.unet.to(memory_format=torch.channels_last))
        return made

    def _inputs(self, family: str, batch: int) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor] | None]:
        """Of a forward with guidance: two rows a picture."""
        unet, rows = self.modules(family).unet, 2 * batch
        side = self.side(family) // 8

        def random(*shape: int) -> torch.Tensor:
            return torch.randn(*shape, device=self.device, dtype=self.dtype)

        latents, context = random(rows, 4, side, side), random(rows, 77, unet.config.cross_attention_dim)
        if family != "sdxl":
            return latents, context, None
        sizes = 6 * unet.config.addition_time_embed_dim
        pooled = random(rows, unet.config.projection_class_embeddings_input_dim - sizes)
        return latents, context, {"text_embeds": pooled, "time_ids": random(rows, 6)}

    def of_peak(self, family: str, pictures: float) -> float:
        """How many TFLOP a second of the denoiser alone so many pictures a second are."""
        return pictures * self.steps * self.flops(family) / 1e12

    def flops(self, family: str) -> float:
        """Of a forward with guidance, of one picture."""
        latents, context, added = self._inputs(family, 1)
        with FlopCounterMode(display=False) as counted, torch.inference_mode():
            self.modules(family).unet(latents, torch.tensor(1, device=self.device), context, added_cond_kwargs=added)
        return float(counted.get_total_flops())


def _wide(added: dict[str, torch.Tensor] | None) -> dict[str, torch.Tensor] | None:
    return added and {name: value.float() for name, value in added.items()}
