"""A family without networks, for what the engine does around one: instant, and told when to fail."""

from contextlib import nullcontext
from pathlib import Path

import torch
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d

from imagine.engine.families.family import Conditioning
from imagine.engine.parts.autoencoder import Coded
from imagine.engine.parts.rows import concatenated, shape_of
from imagine.engine.sampling.guidance import guided
from imagine.engine.sampling.noise import Noise
from tests.models import model_at

OUT_OF_MEMORY = torch.OutOfMemoryError("CUDA out of memory")


class PlainFamily:
    """Its VAE is linear: each latent is its 8 × 8 pixels' mean colour, and the mean of that.

    `fails[method]` is a list: each call of that method takes the first and raises it, unless it is None.
    """

    name, space, dtype = "plain", "plain", "float32"
    latent_channels, downscale, multiple, native = 4, 8, 8, 64
    takes_mask = takes_map = spared = visits = False
    in_main = 0
    embedder = None
    seen_as = None
    heard_as = None
    warnings = ()
    key = ""

    def __init__(self, nbytes=100, spares=()):
        self.nbytes = nbytes
        self.fails = {}
        self.rows = []
        """How many rows each call of `denoise` had."""
        self.calls = []
        self._spares = list(spares)

    def _call(self, method):
        self.calls.append(method)
        error = next(iter(self.fails.get(method, [])), None)
        del self.fails.get(method, [])[:1]
        if error is not None:
            raise error

    @property
    def networks(self):
        return {}

    def executed(self):
        return {}

    def share(self, _size, told=None):
        return told or 0

    def noise(self, _size, _steps):
        return Noise()

    def cfg(self, told):
        return told.guidance

    def guide(self, negative, positive, scale):
        return guided(negative, positive, scale)

    def shape(self, rows):
        return shape_of(rows)

    def collate(self, rows):
        return concatenated(rows)

    def encode(self, request):
        self._call("encode")
        value = torch.full((1, 1), float(sum(map(ord, request.prompt)) % 97))
        negative = None if request.negative is None else {"word": torch.zeros(1, 1)}
        return Conditioning({"word": value}, negative)

    def denoise(self, latents, timesteps, rows):
        self.rows.append(len(latents))
        self._call("denoise")
        word = rows["word"][:, :, None, None]
        return torch.tanh(latents.roll(1, 2) - latents + word / 50 + timesteps[:, None, None, None] / 1000)

    def encode_picture(self, pixels, *, tiled=False, wraps=False):
        yield from ()
        self._call("encode_picture")
        colours = avg_pool2d(pixels, 8)
        return Coded(torch.cat([colours, colours.mean(1, keepdim=True)], 1))

    def decode(self, latents, *, tiled=False, wraps=False):
        yield from ()
        self._call("tiled decode" if tiled else "decode")
        return Coded(interpolate(latents[:, :3], scale_factor=8.0))

    def inpainting_channels(self, mask, masked):
        return torch.cat([max_pool2d(mask, 8), masked], 1)

    def parts(self, stage):
        """It is a part of its own."""
        return (self,)

    def at_work(self):
        return nullcontext()

    def spare(self):
        self._call("spare")
        return self._spares.pop(0) if self._spares else None

    def restore(self):
        self._call("restore")


class Timed(PlainFamily):
    """What it does puts a clock forward: by `step` seconds for 64 × 64 pixels, by as much more as there are more of
    them, and by `more` of that for each row behind the first; by `part` for each of ten parts of its VAE's work."""

    def __init__(self, clock, step=1.0, part=0.0, more=0.0):
        super().__init__()
        self._clock, self._step, self._part, self._more = clock, step, part, more
        self.in_work = set()
        self.most_in_work = 0
        """Pieces of the VAE's work that were begun and not ended, at one time."""

    def denoise(self, latents, timesteps, rows):
        area = latents.shape[2] * latents.shape[3] / 64
        self._clock.now += self._step * area * (1 + self._more * (len(latents) - 1))
        return super().denoise(latents, timesteps, rows)

    def encode_picture(self, pixels, *, tiled=False, wraps=False):
        yield from self._slowly(pixels.shape[2] * pixels.shape[3] / 64**2)
        return (yield from super().encode_picture(pixels, tiled=tiled))

    def decode(self, latents, *, tiled=False, wraps=False):
        yield from self._slowly(latents.shape[2] * latents.shape[3] / 64)
        return (yield from super().decode(latents, tiled=tiled))

    def _slowly(self, pictures):
        mine = object()
        self.in_work.add(mine)
        self.most_in_work = max(self.most_in_work, len(self.in_work))
        try:
            for _ in range(10):
                self._clock.now += self._part * pictures
                yield
        finally:
            self.in_work.discard(mine)


class Shelf:
    """Opens plain families by the name of their model. `fails` as theirs, for openings."""

    def __init__(self, **families):
        self.families = families
        self.opened = []
        self.fails = []

    def __call__(self, model, device, progress, held):
        progress(0.5)
        self.opened.append(model.name)
        if self.fails and (error := self.fails.pop(0)):
            raise error
        progress(1.0)
        return self.families.setdefault(model.name, PlainFamily())

    def measure(self, components):
        names = [Path(component.path).stem for component in components]
        return sum(self.families.setdefault(name, PlainFamily()).nbytes for name in names)


def plain_model(name="tiny", **more):
    return model_at(f"/{name}.safetensors", name, family="plain", **more)
