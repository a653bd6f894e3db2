"""Reference pictures through IP-Adapters: diffusers' own latents, single, several and masked."""

import copy
from dataclasses import replace

import pytest
import torch
from diffusers.image_processor import IPAdapterMaskProcessor
from PIL import Image

from imagine.engine.adapters.attending import attentions
from imagine.engine.parts.clip_vision import CLIP
from imagine.engine.parts.image_encoder import normalised
from imagine.pictures.crops import squared
from tests.checkpoints import pipeline
from tests.engine.parity import assert_same, comparable, options
from tests.engine.references.referring import CAT, DOG, LEFT, RIGHT, reference, referring
from tests.engine.running import latents_of, model_at, wish
from tests.image_adapters import FACE, adapter_tensors, tiny_encoder, write_encoder, write_image_adapter

pytestmark = pytest.mark.usefixtures("one_thread")
STEPS = 6
FAMILIES = ("stable_diffusion", pytest.param("sdxl", marks=pytest.mark.slow))  # the same of a larger network
WORDS = {"num_steps": STEPS, "neg": "a blurry dog", "guidance": 5.0}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """Its file, and transformers' model."""
    path = tmp_path_factory.mktemp("encoder") / "vision.safetensors"
    return path, write_encoder(path)


def split(tensors):
    """As diffusers' loader has a file's."""
    return {
        part: {name.removeprefix(f"{part}."): tensor for name, tensor in tensors.items() if name.startswith(f"{part}.")}
        for part in ("image_proj", "ip_adapter")
    }


def pixels(*pictures):
    """As our encoders see them, so that only what is behind differs."""
    return torch.cat([normalised(squared(picture, 28, "pad", CLIP.margin)) for picture in pictures])


class Theirs:
    """diffusers' pipeline over copies of a family's modules, with adapters."""

    def __init__(self, modules, vision, *adapters):
        self.unet = copy.deepcopy(modules.unet)
        plain = pipeline(replace(modules, unet=self.unet))
        parts = {**plain.components, "image_encoder": vision, "feature_extractor": None}
        self.pipe = comparable(type(plain)(**parts, **options(modules)))
        self._merge(adapters)
        several = [""] * len(adapters)
        states = [split({name: each for name, each in one.items() if "_lora." not in name}) for one in adapters]
        self.pipe.load_ip_adapter(states, subfolder=several, weight_name=several, image_encoder_folder=None)

    @torch.no_grad()
    def _merge(self, adapters):
        """What comes as low-rank halves, done to the weights instead: diffusers wants another library for it."""
        layers = [layer for _, layer in attentions(self.unet)]
        for name, down in ((name, each) for one in adapters for name, each in one.items() if "_lora.down" in name):
            number, which = name.split(".")[1], name.split(".")[2].removesuffix("_lora")
            layer = layers[int(number)].to_out[0] if which == "to_out" else getattr(layers[int(number)], which)
            (up,) = (one[name.replace("down", "up")] for one in adapters if one.get(name) is down)
            layer.weight += up @ down

    def latents(self, scale, guidance=5.0, side=64, **asked):
        self.pipe.set_ip_adapter_scale(scale)
        return self.pipe(
            prompt="a red fox", negative_prompt="a blurry dog", num_inference_steps=STEPS, output_type="latent",
            width=side, height=side, guidance_scale=guidance, generator=torch.Generator("cpu").manual_seed(1), **asked,
        ).images  # fmt: skip


@pytest.fixture
def theirs(checkpoints, encoder):
    """Makes one of a family's."""
    return lambda family, *adapters: Theirs(checkpoints(family)[1], encoder[1], *adapters)


@pytest.mark.parametrize("kind", ["base", "plus", "full-face"])
@pytest.mark.parametrize("family", FAMILIES)
def test_one(checkpoints, encoder, theirs, tmp_path, family, kind):
    path, modules = checkpoints(family)
    file = write_image_adapter(tmp_path / "ip.safetensors", modules.unet, kind)
    one = wish(model_at(path), **WORDS)
    got = latents_of(referring(one, reference(file, DOG, encoder=encoder[0], strength=0.7)))
    other = theirs(family, adapter_tensors(modules.unet, kind))
    assert_same(got, other.latents(0.7, ip_adapter_image=[pixels(DOG)]), latents_of(one), within=5e-5)


def test_without_guidance(checkpoints, encoder, theirs, tmp_path):
    path, modules = checkpoints()
    file = write_image_adapter(tmp_path / "ip.safetensors", modules.unet)
    one = wish(model_at(path), **{**WORDS, "guidance": 1.0})
    got = latents_of(referring(one, reference(file, DOG, encoder=encoder[0])))
    other = theirs("stable_diffusion", adapter_tensors(modules.unet))
    assert_same(got, other.latents(0.7, guidance=1.0, ip_adapter_image=[pixels(DOG)]), latents_of(one), within=5e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_several_of_one_adapter_and_two_adapters(checkpoints, encoder, theirs, tmp_path, family):
    path, modules = checkpoints(family)
    first = write_image_adapter(tmp_path / "a.safetensors", modules.unet)
    second = write_image_adapter(tmp_path / "b.safetensors", modules.unet, "plus", seed=1)
    one = wish(model_at(path), **WORDS)
    three = [
        reference(first, DOG, encoder=encoder[0], strength=0.5), reference(second, DOG, encoder=encoder[0]),
        reference(first, CAT, encoder=encoder[0], strength=0.5),
    ]  # fmt: skip
    got = latents_of(referring(one, *three))
    other = theirs(family, adapter_tensors(modules.unet), adapter_tensors(modules.unet, "plus", seed=1))
    expected = other.latents([0.5, 0.7], ip_adapter_image=[pixels(DOG, CAT), pixels(DOG)])
    assert_same(got, expected, latents_of(referring(one, *three[:2])), within=5e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_where_its_mask_is(checkpoints, encoder, theirs, tmp_path, family):
    """At 128²: of 64² the middle of such a network has one place, where norms of two numbers make much of roundings."""
    left, right = (mask.resize((128, 128), Image.Resampling.NEAREST) for mask in (LEFT, RIGHT))
    path, modules = checkpoints(family)
    file = write_image_adapter(tmp_path / "ip.safetensors", modules.unet)
    one = wish(model_at(path), **{**WORDS, "width": 128, "height": 128})
    both = [
        reference(file, DOG, encoder=encoder[0], mask=left), reference(file, CAT, encoder=encoder[0], mask=right),
    ]  # fmt: skip
    got = latents_of(referring(one, *both))
    masks = IPAdapterMaskProcessor().preprocess([left, right], height=128, width=128)
    expected = theirs(family, adapter_tensors(modules.unet)).latents(
        [[0.7, 0.7]], side=128, ip_adapter_image=[pixels(DOG, CAT)],
        cross_attention_kwargs={"ip_adapter_masks": [masks.reshape(1, 2, 128, 128)]},
    )  # fmt: skip
    assert_same(got, expected, latents_of(referring(one, both[0])), within=5e-5)


@pytest.mark.parametrize("kind", ["faceid", "faceid-plus", "faceid-plusv2"])
def test_a_face_that_is_given(checkpoints, encoder, theirs, tmp_path, kind):
    """With the low-rank halves that come along beside all attention."""
    path, modules = checkpoints()
    file = write_image_adapter(tmp_path / f"ip-adapter-{kind}.safetensors", modules.unet, kind.removesuffix("v2"))
    face = torch.nn.functional.normalize(torch.randn(1, FACE, generator=torch.Generator().manual_seed(5)), dim=-1)
    with_encoder = {"encoder": encoder[0]} if kind != "faceid" else {}
    one = wish(model_at(path), **WORDS)
    given = reference(file, DOG, embedding=(face * 20).numpy().astype("<f4").tobytes(), **with_encoder)
    got = latents_of(referring(one, given))
    other = theirs("stable_diffusion", adapter_tensors(modules.unet, kind.removesuffix("v2")))
    if kind != "faceid":
        (projection,) = other.unet.encoder_hid_proj.image_projection_layers
        with torch.inference_mode():
            seen = encoder[1](pixels(DOG), output_hidden_states=True).hidden_states[-2]
            none = encoder[1](torch.zeros_like(pixels(DOG)), output_hidden_states=True).hidden_states[-2]
        projection.clip_embeds = torch.stack([none, seen])
        projection.shortcut = kind.endswith("v2")
    faces = torch.stack([torch.zeros_like(face), face])
    expected = other.latents(0.7, ip_adapter_image_embeds=[faces])
    assert_same(got, expected, latents_of(one), within=5e-5)


def test_an_encoder_within_the_adapters_file_is_as_good(checkpoints, encoder, tmp_path):
    path, modules = checkpoints()
    apart = write_image_adapter(tmp_path / "a.safetensors", modules.unet)
    whole = write_image_adapter(tmp_path / "b.safetensors", modules.unet, encoder=tiny_encoder())
    one = wish(model_at(path), num_steps=3)
    got = latents_of(referring(one, reference(whole, DOG)))
    assert torch.equal(got, latents_of(referring(one, reference(apart, DOG, encoder=encoder[0]))))
