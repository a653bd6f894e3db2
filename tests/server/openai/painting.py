"""A server for OpenAI's clients: the whole application, and a worker that paints in one colour for each seed."""

import asyncio
import io

from PIL import Image

from imagine.messages import in_english
from imagine.pictures import images
from imagine.words.events import Failed, Finished, Loading, Preview, Progress
from imagine.words.recipe import meta_from_params
from tests.server.served import PromptedWorker, serving

KEY = "sk-local"


class PaintingWorker(PromptedWorker):
    """Pictures are real files of the size asked for. `hold` waits for ever; `fail NAME` fails after its steps."""

    def _play(self, job):
        p, buffer, every = job.params, self.held[job.job], job.preview.every
        buffer.put(Loading(job=job.job, model=p.model))
        words = p.prompt.split() or [""]
        if words[0] == "hold":
            return
        steps = max(1, int(p.num_steps * (p.strength if p.img else 1)))
        for step in range(1, steps + 1):
            buffer.put(Progress(job=job.job, step=step, steps=steps))
            if every and step % every == 0 and step < steps:
                buffer.put(Preview(job=job.job, step=step, steps=steps, data=painted(p, step)))
        if words[0] == "fail":
            self._end(Failed(job=job.job, error=words[1], message=in_english("no picture this time")))
        else:
            meta = meta_from_params(p)
            self._end(Finished(job=job.job, data=painted(p, 255, meta), meta=meta, timings={}))


def painted(params, red, meta=None):
    scale = params.hires.scale if params.hires else 1
    size = (round(params.width * scale), round(params.height * scale))
    return images.encode(Image.new("RGB", size, (red, params.seed % 256, 0)), meta=meta)


def png(size=(64, 64), colour="red", hole=None):
    """A picture's bytes; within `hole` it is transparent."""
    picture = Image.new("RGB" if hole is None else "RGBA", size, colour)
    if hole is not None:
        picture.paste((0, 0, 0, 0), hole)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def opened(data):
    """The picture in these bytes."""
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def with_server(folder, act, **said):
    """Runs `await act(base_url, served)` against a server."""

    async def go():
        said.setdefault("worker", PaintingWorker())
        async with serving(folder, **said) as served:
            return await act(str(served.make_url("/v1")), served)

    return asyncio.run(go())


def with_client(folder, act, **said):
    """Runs `act(client, served)` with the official client, on a thread: it blocks."""
    from openai import OpenAI

    async def run(url, served):
        def talk():
            with OpenAI(base_url=url, api_key=KEY, max_retries=0) as client:
                return act(client, served)

        return await asyncio.to_thread(talk)

    return with_server(folder, run, **said)
