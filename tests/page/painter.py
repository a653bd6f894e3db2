"""A `Worker` without a process that paints: landscapes by their seed, each a PNG with its recipe.

A prompt that begins with `hold` stops half way until it is cancelled or `release`d. It has previews, and so has one
that begins with `watch`: those of others would be gone before anybody saw them, and cost a browser more than their
picture. `fail NAME` ends with that error; in `hearts`, or the seeds that stand behind that, something is seen that
isn't to be shown.
"""

import random
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFilter

from imagine.dispatch.buffer import Buffer, EventStream
from imagine.messages import in_english
from imagine.pictures import images
from imagine.words.events import Failed, Finished, Loading, Preview, Progress
from imagine.words.frames import Ready
from imagine.words.recipe import meta_from_params
from tests.server.served import PromptedWorker, hearts_in

_SKIES = [((255, 214, 170), (120, 150, 210)), ((250, 180, 150), (90, 80, 150)), ((200, 225, 235), (110, 165, 200))]


@lru_cache
def landscape(seed: int, width: int, height: int) -> Image.Image:
    """Hills under a sky: the same for the same seed, different for others."""
    dice = random.Random(seed)
    low, high = dice.choice(_SKIES)
    sky = Image.linear_gradient("L").resize((width, height))
    picture = Image.composite(Image.new("RGB", (width, height), low), Image.new("RGB", (width, height), high), sky)
    draw = ImageDraw.Draw(picture)
    x, y, r = dice.uniform(0.2, 0.8) * width, dice.uniform(0.2, 0.45) * height, dice.uniform(0.06, 0.12) * width
    draw.ellipse((x - r, y - r, x + r, y + r), fill=(255, 244, 214))
    for layer in range(4):
        shade = 1 - layer * 0.22
        ground = (height * (0.5 + 0.12 * layer), dice.uniform(0.04, 0.1) * height)
        points = [(0.0, float(height))]
        points += [(width * i / 6, ground[0] + dice.uniform(-1, 1) * ground[1]) for i in range(7)]
        draw.polygon([*points, (width, height)], fill=(int(90 * shade), int(120 * shade), int(110 * shade)))
    return picture.filter(ImageFilter.GaussianBlur(width / 400))


def _blurred(seed: int, width: int, height: int, done: float) -> Image.Image:
    """The landscape as it is when so much of it is done: few pixels, enlarged."""
    few = (max(1, round(width * done / 8)), max(1, round(height * done / 8)))
    return landscape(seed, width, height).resize(few).resize((width, height), Image.Resampling.BILINEAR)


class Painter(PromptedWorker):
    """Does as prompts say. What was asked of it stands in `seen`, what was taken back in `cancelled`."""

    def __init__(self):
        super().__init__()
        self.ready = Ready(device="fake", name="Fake GPU")
        self._waiting = {}
        self.seconds = None
        """That it says a picture took; a tenth for each step, if there are none."""

    def submit(self, job):
        self.seen.append(job)
        buffer = self.held[job.job] = Buffer()
        stream = EventStream(buffer, lambda: self.cancel(job.job))
        self._play(job)
        self.news.set()
        return stream

    def cancel(self, job):
        self._waiting.pop(job, None)
        super().cancel(job)

    def release(self):
        """Lets every picture that was held be finished. To be called on the server's loop."""
        for name, job in list(self._waiting.items()):
            del self._waiting[name]
            self._steps(job, job.params.num_steps // 2 + 1, job.params.num_steps)
            self._finish(job)

    def _play(self, job):
        params, words = job.params, job.params.prompt.split()
        self.held[job.job].put(Loading(job=job.job, model=params.model))
        if words[0] == "fail":
            self._end(Failed(job=job.job, error=words[1], message=in_english("no picture this time")))
        elif words[0] == "hearts" and (len(words) == 1 or str(params.seed) in words):
            self._steps(job, 1, params.num_steps - 1)
            self._end(hearts_in(job.job))
        elif words[0] == "hold":
            self._steps(job, 1, params.num_steps // 2)
            self._waiting[job.job] = job
        else:
            self._steps(job, 1, params.num_steps, previews=words[0] == "watch")
            self._finish(job)

    def _steps(self, job, first, last, *, previews=True):
        params, every, buffer = job.params, job.preview.every if previews else 0, self.held[job.job]
        for step in range(first, last + 1):
            left = (params.num_steps - step) * 0.1
            buffer.put(Progress(job=job.job, step=step, steps=params.num_steps, remaining=left))
            if every and step % every == 0 and step < params.num_steps:
                data = images.encode(
                    _blurred(params.seed, params.width, params.height, step / params.num_steps), "image/jpeg"
                )
                buffer.put(Preview(job=job.job, step=step, steps=params.num_steps, data=data, media_type="image/jpeg"))

    def _finish(self, job):
        params = job.params
        meta = meta_from_params(params) | {"environment": {"device": "fake"}}
        meta.setdefault("buckets", f"4x{params.num_steps}")
        picture = landscape(params.seed, params.width, params.height)
        if params.img is not None:
            picture = Image.blend(picture, Image.new("RGB", picture.size, (200, 60, 40)), 0.4)
        data = images.encode(picture, meta=meta)
        timings = {"loading": 0.2, "denoising": self.seconds or 0.1 * params.num_steps}
        self._end(Finished(job=job.job, data=data, meta=meta, timings=timings))
