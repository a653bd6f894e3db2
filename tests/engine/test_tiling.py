"""Pictures whose edges meet: networks without edges, and what comes of them."""

import numpy as np
import pytest
import torch
from PIL import Image

from imagine.engine.execution.packed import pack, unbiased
from imagine.engine.execution.wrapping import around, wrapped
from imagine.engine.jobs.canvas import plan
from imagine.engine.jobs.joined_edges import WideFor, resized_around
from imagine.engine.parts.autoencoder import Autoencoder
from imagine.engine.parts.slices import whole
from imagine.files import shipped
from imagine.registry.registry import Registry
from imagine.server.gateway.gateway import model_from
from imagine.words.recipe import Hires
from tests.checkpoints import tiny_modules
from tests.engine.running import crowd_made_again, engine_of, made, picture, wish

WISH = {"prompt": "a red house on a blue background", "width": 128, "height": 128, "num_steps": 8, "guidance": 3.0}


@pytest.fixture(scope="module")
def toybox():
    registry = Registry([shipped.folder()])
    registry.refresh()
    return model_from(registry.with_digest(registry.find("toybox")))


@pytest.fixture(scope="module")
def modules():
    return tiny_modules()


def randn(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def moved(value):
    """To the right by a half and down by a quarter: whole places of the smallest level."""
    return value.roll((value.shape[2] // 4, value.shape[3] // 2), (2, 3))


@torch.inference_mode()
def test_a_picture_that_is_moved_around_makes_the_same_moved_around(modules):
    latents, context = randn(2, 4, 32, 32), randn(2, 77, 32)
    unet, vae = modules.unet, modules.vae

    def asked(latents):
        return unet(latents, torch.tensor(500), context, return_dict=False)[0]

    with wrapped(unet, vae):
        assert torch.allclose(moved(asked(latents)), asked(moved(latents)), atol=1e-4)
        assert torch.allclose(moved(vae.decode(latents[:1]).sample), vae.decode(moved(latents[:1])).sample, atol=1e-4)
        pixels = vae.decode(latents[:1]).sample
        coded, of_moved = (vae.encode(each).latent_dist.mode() for each in (pixels, moved(pixels)))
        assert torch.allclose(moved(coded), of_moved, atol=1e-3)
    assert not torch.allclose(moved(asked(latents)), asked(moved(latents)), atol=1e-2), "an edge is one again"
    assert not torch.allclose(moved(vae.encode(pixels).latent_dist.mode()), of_moved, atol=1e-3)


@torch.inference_mode()
@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="needs oneDNN")
def test_weights_that_are_laid_out_for_kernels_go_around_too():
    network = torch.nn.Sequential(
        torch.nn.Conv2d(64, 64, 3, padding=1), torch.nn.Conv2d(64, 64, 3, stride=2, padding=1)
    )
    value = randn(1, 64, 16, 16)

    def asked():
        with wrapped(network):
            return network(value), unbiased(network[0], value)

    plain = asked()
    for layer in network:
        pack(layer, lambda _address, _length: None)
    value = value.contiguous(memory_format=torch.channels_last)
    for packed, known in zip(asked(), plain, strict=True):
        assert torch.allclose(packed, known, atol=1e-4)
    assert not torch.allclose(network(value), plain[0], atol=1e-2)


@torch.inference_mode()
def test_a_vae_in_tiles_sees_the_other_side_too(modules):
    vae, latents = Autoencoder(modules.vae, scale=1.0), randn(1, 4, 32, 32)

    def decoded(**said):
        return whole(vae.decoding(latents, **said)).values

    edged, joined, tiled = decoded(tiled=True), decoded(wraps=True), decoded(tiled=True, wraps=True)
    assert tiled.shape == joined.shape
    column = (slice(None), slice(None), slice(None), slice(0, 4))
    assert (tiled - joined)[column].abs().mean() < 0.8 * (edged - joined)[column].abs().mean()
    assert whole(vae.encoding(joined, tiled=True, wraps=True)).values.shape == latents.shape


def seam(image):
    """How much the edges differ from each other, and how much neighbours within do: of columns, and of rows."""
    pixels = np.asarray(image, np.float32)
    columns = np.abs(pixels[:, 0] - pixels[:, -1]).mean(), np.abs(np.diff(pixels, axis=1)).mean(axis=(0, 2)).max()
    rows = np.abs(pixels[0] - pixels[-1]).mean(), np.abs(np.diff(pixels, axis=0)).mean(axis=(1, 2)).max()
    return columns, rows


def test_edges_of_a_toybox_picture_meet_as_neighbours_do(toybox):
    engine = engine_of()
    edged = seam(picture(made(engine, wish(toybox, seed=3, **WISH))))
    for more in ({}, {"hires": Hires(scale=1.25, strength=0.5, upscaler="latent")}):
        drawn = made(engine, wish(toybox, seed=3, tiling=True, **WISH, **more))
        columns, rows = seam(picture(drawn))
        assert columns[0] < edged[0][0] / 2, "left meets right, where an ordinary picture's edges differ"
        assert columns[0] <= columns[1]
        assert rows[0] <= rows[1], "and the house goes on above, which begins below"
        assert drawn.meta["tiling"] is True


def test_those_with_edges_and_without_are_drawn_at_once_and_made_again(sd1):
    crowd_made_again(
        [wish(sd1, str(number), seed=number, tiling=number % 2 == 0, num_steps=4, width=64) for number in range(6)]
    )


def test_what_is_made_of_an_edge_sees_the_other_one():
    values = np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8)
    image = Image.fromarray(values)
    rolled = Image.fromarray(np.roll(values, (12, 20), (0, 1)))

    def halves(image, size):
        made = np.asarray(resized_around(image, size), np.int16)
        return np.roll(made, (size[1] // 2, size[0] // 2), (0, 1))

    for size in ((80, 48), (20, 12)):
        assert np.abs(halves(image, size) - np.asarray(resized_around(rolled, size), np.int16)).max() <= 1
    wide = WideFor(image.size, (80, 48))
    assert wide.within(wide.of(image).resize(wide.size, Image.Resampling.LANCZOS)).size == (80, 48)
    assert torch.equal(
        around(torch.arange(4.0)[None, None, None], 2)[0, 0, 0], torch.tensor([2.0, 3, 0, 1, 2, 3, 0, 1])
    )


def test_nothing_is_added_between_edges_that_meet():
    source = Image.new("RGB", (100, 90))
    canvas = plan(100, 90, fit="native", native=64, multiple=8, source=source, wraps=True)
    assert canvas.inner == canvas.work
    assert canvas.source_pixels().shape[2:] == canvas.work[::-1]
    assert canvas.enlarged(1.5, 8).inner == canvas.enlarged(1.5, 8).work
    assert canvas.finish(Image.new("RGB", canvas.work)).size == (100, 90)
