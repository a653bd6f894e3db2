"""A crowd of requests, half of them with LoRAs of their own mix, each made again alone from its own recipe."""

import asyncio
import base64
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import aiohttp

NAMES = ("ink", "chalk", "pencil", "oil", "wash")
SAMPLERS = ("euler a", "dpm++ 2m", "ddim")
PATIENCE = aiohttp.ClientTimeout(total=3600)


def write_loras(folder: Path, checkpoint: Path, names: Sequence[str] = NAMES, base: str = "sd_v1") -> None:
    """A LoRA of each of the names for a checkpoint of that base, beside all of its attention."""
    from imagine.engine.families.open import open_model
    from tests.engine.adapters.low_rank import write_low_rank
    from tests.engine.running import engine_of, model_at

    networks = open_model(model_at(checkpoint), engine_of()._device, lambda _: None, {}).networks
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(names):
        told = {"ss_base_model_version": base, "modelspec.trigger_phrase": name}
        write_low_rank(folder / f"{name}.safetensors", networks, seed, strength=0.5, only="attn", metadata=told)


def mixed(
    count: int, seed: int = 0, *, names: Sequence[str] = NAMES, samplers: Sequence[str] = SAMPLERS, **usual: object
) -> list[dict]:
    """So many requests; every second has one to three LoRAs, said in one of the three forms, by tags, or by both."""
    dice, bodies = random.Random(seed), list[dict]()
    for number in range(count):
        body = {"prompt": f"a fox {number}", "seed": str(number), "num_steps": dice.choice((4, 5, 6)), **usual}
        body |= {"guidance": dice.choice((1.0, 5.0)), "sampler": dice.choice(samplers)}
        if number % 2:
            weights = {name: dice.choice((-0.5, 0.4, 0.8, 1.0)) for name in dice.sample(names, dice.randint(1, 3))}
            body |= _said(body["prompt"], weights, dice.randrange(4), dice)
        bodies.append(body)
    return bodies


def _said(prompt: str, weights: dict[str, float], form: int, dice: random.Random) -> dict:
    if form == 0:
        return {"loras": weights}
    if form == 1:
        clips = (0.0, 0.3, 1.0)
        return {"loras": [{"name": n, "weight": w, "clip_weight": dice.choice(clips)} for n, w in weights.items()]}
    tags = "".join(f" <lora:{name}:{weight}>" for name, weight in weights.items())
    if form == 2:
        return {"prompt": prompt + tags}
    first, *rest = weights
    tags = "".join(f" <lora:{name}:1:{weights[name]}>" for name in rest)
    return {"loras": {first: weights[first]}, "prompt": prompt + tags}


async def answers(url: str, bodies: list[dict], together: int) -> list[dict]:
    """What a server answers, so many requests at a time."""
    turns = asyncio.Semaphore(together)
    async with aiohttp.ClientSession(url, timeout=PATIENCE) as session:

        async def ask(body: dict) -> dict:
            async with turns, session.post("/generate", json=body) as answer:
                said = await answer.json()
                assert answer.status == 200, (body, said)
                return said

        return await asyncio.gather(*map(ask, bodies))


def made_again(url: str, bodies: list[dict], together: int) -> tuple[list[dict], list[int]]:
    """The crowd's answers, and the numbers of those whose recipe made another picture, each sent alone, with the
    pictures of which it has the digests."""
    crowd = asyncio.run(answers(url, bodies, together))
    shown = [{name: body[name] for name in ("references",) if name in body} for body in bodies]
    again = asyncio.run(answers(url, [one["meta"] | given for one, given in zip(crowd, shown, strict=True)], 1))
    other = [i for i, (one, two) in enumerate(zip(crowd, again, strict=True)) if one["img"] != two["img"]]
    return crowd, other


def buckets_of(answer: dict) -> Counter:
    """How many of a picture's evaluations were made in a batch of which size."""
    runs = (run.split("x") for run in answer["meta"]["buckets"].split(","))
    return sum((Counter({int(size.partition("/")[0]): int(count)}) for size, count in runs), Counter())


def pixels(answer: dict) -> bytes:
    """A picture without its recipe."""
    import io

    from PIL import Image

    return Image.open(io.BytesIO(base64.b64decode(answer["img"]))).convert("RGB").tobytes()
