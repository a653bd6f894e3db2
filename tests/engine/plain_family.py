"""A family without networks, for what the engine does around one: instant, and told when to fail."""

import torch
from torch.nn.functional import avg_pool2d, interpolate

from imagine.engine.autoencoder import Coded
from imagine.engine.families.family import Conditioning
from imagine.engine.noise import Noise
from imagine.frames import Source

OUT_OF_MEMORY = torch.OutOfMemoryError("CUDA out of memory")


class PlainFamily:
    """Its VAE is linear: each latent is its 8 × 8 pixels' mean colour, and the mean of that.

    `fails[method]` is a list: each call of that method takes the first and raises it, unless it is None.
    """

    name, space, dtype = "plain", "plain", "float32"
    noise = Noise()
    latent_channels, downscale, multiple, native = 4, 8, 8, 64
    takes_mask = spared = False
    warnings = ()

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

    def encode(self, wish):
        self._call("encode")
        value = torch.full((1, 1), float(sum(map(ord, wish.prompt)) % 97))
        negative = None if wish.negative is None else {"word": torch.zeros(1, 1)}
        return Conditioning({"word": value}, negative)

    def denoise(self, latents, timesteps, rows):
        self.rows.append(len(latents))
        self._call("denoise")
        word = rows["word"][:, :, None, None]
        return torch.tanh(latents.roll(1, 2) - latents + word / 50 + timesteps[:, None, None, None] / 1000)

    def encode_picture(self, pixels, *, tiled=False):
        self._call("encode_picture")
        colours = avg_pool2d(pixels, 8)
        return Coded(torch.cat([colours, colours.mean(1, keepdim=True)], 1))

    def decode(self, latents, *, tiled=False):
        self._call("tiled decode" if tiled else "decode")
        return Coded(interpolate(latents[:, :3], scale_factor=8.0))

    def inpainting_channels(self, mask, masked):
        return torch.cat([mask, masked], 1)

    def spare(self):
        self._call("spare")
        return self._spares.pop(0) if self._spares else None


class Shelf:
    """Opens plain families by the name of their source. `fails` as theirs, for openings."""

    def __init__(self, **families):
        self.families = families
        self.opened = []
        self.fails = []

    def __call__(self, source, device, progress):
        progress(0.5)
        self.opened.append(source.name)
        if self.fails and (error := self.fails.pop(0)):
            raise error
        progress(1.0)
        return self.families.setdefault(source.name, PlainFamily())

    def measure(self, source):
        return self.families.setdefault(source.name, PlainFamily()).nbytes


def plain_source(name="tiny", **more):
    return Source(name=name, digest="0" * 64, path=f"/{name}.safetensors", family="plain", **more)
